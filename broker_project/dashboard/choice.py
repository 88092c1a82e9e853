"""What the dashboard is asked for: how far back, which connector, which direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from connectors.models import Connector
from synclog.models import SyncLog


@dataclass(frozen=True)
class Range:
    """How far back the charts go, in how many points."""

    name: str
    label: str
    words: str
    span: timedelta
    step: timedelta


RANGES: Final = (
    Range("1h", "1 h", "the last hour", timedelta(hours=1), timedelta(minutes=1)),
    Range("24h", "24 h", "the last 24 hours", timedelta(hours=24), timedelta(minutes=15)),
    Range("7d", "7 d", "the last 7 days", timedelta(days=7), timedelta(hours=2)),
)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """``since`` is where the first point of the charts begins. ``connectors`` are those that can be chosen."""

    range: Range
    since: datetime
    now: datetime
    connector: Connector | None
    direction: str
    connectors: list[Connector]

    @property
    def connector_id(self) -> int | None:
        return self.connector.pk if self.connector else None

    def logs(self, **more: str) -> str:
        """The query that filters the Integration Logs alike."""
        given = {
            "connector": self.connector_id,
            "direction": self.direction,
            "since": self.since.isoformat(timespec="seconds"),
            **more,
        }
        return urlencode({name: value for name, value in given.items() if value})

    def query(self, **changed: object) -> str:
        """The address's query of this choice with these changes."""
        given = {"range": self.range.name, "connector": self.connector_id, "direction": self.direction, **changed}
        return "?" + urlencode({name: value for name, value in given.items() if value})

    @property
    def ranges(self) -> list[tuple[Range, str, bool]]:
        """Each range with its address and whether it is the chosen one."""
        return [(range, self.query(range=range.name), range is self.range) for range in RANGES]


def choose(query: Mapping[str, str], connectors: list[Connector], now: datetime) -> Choice:
    """Read the address; what cannot be understood counts as not asked."""
    range = next((range for range in RANGES if range.name == query.get("range")), RANGES[0])
    number, direction = query.get("connector", ""), query.get("direction", "")
    seconds = range.step.total_seconds()
    end = (now.timestamp() // seconds + 1) * seconds
    return Choice(
        range=range,
        since=datetime.fromtimestamp(end, UTC) - range.span,
        now=now,
        connector=next((found for found in connectors if str(found.pk) == number), None),
        direction=direction if direction in SyncLog.Direction.values else "",
        connectors=connectors,
    )
