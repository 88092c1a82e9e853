"""What a person asks of the Integration Logs, as it stands in the address of the list."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.utils.dateparse import parse_datetime
from django.utils.timezone import get_current_timezone, is_naive, make_aware

from broker_project.lib.pages.lists import MAX_BIGINT

from .models import SyncLog

LONGEST: Final = 255
ALIASES: Final[Mapping[str, str]] = {
    "connector": "connector__id__exact",
    "direction": "direction__exact",
    "outcome": "outcome__exact",
}
"""Names of the filters in links that other lists make."""


@dataclass(frozen=True, kw_only=True)
class LogFilter:
    """All given conditions hold. ``search`` is a whole id of any kind; ``since`` is included, ``until`` is not."""

    connector: int | None = None
    direction: str = ""
    outcome: str = ""
    code: str = ""
    event_type: str = ""
    work_order: int | None = None
    external: str = ""
    correlation: str = ""
    since: datetime | None = None
    until: datetime | None = None
    search: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> LogFilter:
        """As the address says; what cannot be understood counts as not asked."""

        def text(name: str) -> str:
            given = query.get(name) or query.get(ALIASES.get(name, "")) or ""
            return given.replace("\0", "").strip()[:LONGEST]

        direction, outcome = text("direction"), text("outcome")
        return cls(
            connector=_number(text("connector")),
            direction=direction if direction in SyncLog.Direction.values else "",
            outcome=outcome if outcome in SyncLog.Outcome.values else "",
            code=text("code"),
            event_type=text("event_type"),
            work_order=_number(text("work_order")),
            external=text("external"),
            correlation=text("correlation"),
            since=_moment(text("since") or f"{text('created_at_from_0')}T{text('created_at_from_1') or '00:00'}"),
            until=_moment(text("until") or f"{text('created_at_to_0')}T{text('created_at_to_1') or '00:00'}"),
            search=text("q"),
        )

    def query(self, **more: str) -> str:
        """The address's query of this filter, "" for none; ``more`` is added."""
        values = {**dict(self.given()), **more}
        return f"?{urlencode(values)}" if values else ""

    def given(self) -> list[tuple[str, str]]:
        """What is asked for, by the names in the address."""
        return [
            ("q" if name == "search" else name, value.isoformat() if isinstance(value, datetime) else str(value))
            for name, value in self._given().items()
        ]

    @property
    def is_empty(self) -> bool:
        return not self._given()

    @property
    def in_words(self) -> str:
        """For the audit: what was asked for."""
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self._given().items()) or "everything"

    def columns(self) -> dict[str, Any]:
        """The conditions that compare a column with a value."""
        wanted = {
            "connector_id": self.connector,
            "direction": self.direction,
            "outcome": self.outcome,
            "code": self.code,
            "event_type": self.event_type,
            "work_order_id": self.work_order,
            "external_id": self.external,
            "correlation_id": self.correlation,
        }
        return {name: value for name, value in wanted.items() if value not in ("", None)}

    def ids(self) -> dict[str, Any]:
        """The columns in which the searched id can stand, by name."""
        if not self.search:
            return {}
        found: dict[str, Any] = {"external_id": self.search, "correlation_id": self.search}
        if (number := _number(self.search)) is not None:
            found["work_order_id"] = number
        with suppress(ValueError):
            found |= dict.fromkeys(("pk", "event_id", "delivery_id"), UUID(self.search))
        return found

    def _given(self) -> dict[str, Any]:
        held = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: value for name, value in held.items() if value not in ("", None)}


def _number(text: str) -> int | None:
    """A whole number that a bigint holds."""
    return int(text) if text.isascii() and text.isdigit() and int(text[:20]) <= MAX_BIGINT else None


def _moment(text: str) -> datetime | None:
    """ISO 8601; without a zone it is the installation's."""
    try:
        found = parse_datetime(text)
        return make_aware(found, get_current_timezone()) if found and is_naive(found) else found
    except (ValueError, OverflowError):
        return None
