"""What was asked of a simulator: one row per API request, for checkers that compare it with what a broker claims."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from .store import Store

COUNTED = "requests: "


@dataclass
class Entry:
    """One API request. ``time`` is Unix seconds. ``status`` None means that the connection was cut unanswered.

    ``route`` is the path with its variable parts named. ``query`` never holds the access token. ``dropped`` names the
    members that were taken and silently ignored. ``body`` is what a write was asked to write; a sign-in's is not kept.
    """

    method: str
    path: str
    time: float
    route: str
    query: dict[str, str] = field(default_factory=dict)
    idempotency_key: str = ""
    correlation: str = ""
    ids: list[int] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    fault: str = ""
    processed: bool = False
    status: int | None = None
    body: Any = None


class Journal:
    """Entries in the order in which they were answered. Use it inside a transaction of the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, entry: Entry) -> None:
        number = self._store.next_number("request")
        status = "dropped" if entry.status is None else str(entry.status)
        self._store.next_number(f"{COUNTED}{status} {entry.method} {entry.route}")
        self._store.put("request", number, {"number": number, **asdict(entry)})

    def listing(
        self, *, after: int = 0, limit: int = 1000, method: str = "", path: str = "", status: int | None = None
    ) -> list[dict[str, Any]]:
        """Entries with a number above ``after``, oldest first. ``path`` is a shell pattern."""
        found = [
            row
            for row in self._store.all("request", after=after)
            if method in ("", row["method"])
            and (not path or fnmatchcase(row["path"], path))
            and (status is None or row["status"] == status)
        ]
        return found[:limit]

    def counters(self) -> dict[str, Any]:
        """Totals by status, and by ``METHOD route`` and status; cut connections count as ``dropped``."""
        by_status: Counter[str] = Counter()
        by_route: dict[str, dict[str, int]] = {}
        for name, count in self._store.numbers(COUNTED).items():
            status, route = name.split(" ", 1)
            by_status[status] += count
            by_route.setdefault(route, {})[status] = count
        return {"total": by_status.total(), "by_status": by_status, "by_route": by_route}
