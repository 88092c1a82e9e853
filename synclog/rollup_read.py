"""The one statement that adds rollup rows up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from .histogram import BUCKETS

SPANS: Final = (0, 60, 900, 7200)
"""Seconds of the rows that tell when something happened."""
READ_FOR: Final = ((60, timedelta(minutes=70)), (900, timedelta(hours=25)))
"""How far back rows of these seconds are read: a little less than they are kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """Sums of the rows of one key, kind and name."""

    key: Any
    kind: str
    name: str
    received: int
    routed: int
    duplicates: int
    succeeded: int
    skipped: int
    waiting: int
    retrying: int
    dead: int
    count: int
    failed: int
    total_ms: float
    histogram: Sequence[int]


COUNTS: Final = (
    "received", "routed", "duplicates", "succeeded", "skipped", "waiting", "retrying", "dead", "count", "failed",
)  # fmt: skip


def _sums(histogram: str) -> str:
    buckets = [f"COALESCE(sum({histogram.format(place)}), 0)::bigint" for place in range(1, BUCKETS + 1)]
    counts = [f"sum({name})::bigint" for name in COUNTS]
    return f"{', '.join(counts)}, sum(total_ms), ARRAY[{', '.join(buckets)}]"


SUMS: Final = _sums("histogram[{}]")
"""The columns of Rollup added up, in their order."""
SUMS_OF_SPANS: Final = _sums("histogram[{}]::int")
"""The same for rows that tell when, which hold no more than an int: PostgreSQL adds these up twice as fast."""


def read(
    since: datetime,
    until: datetime | None,
    *,
    connector_id: int | None = None,
    direction: str | None = None,
    key: str = "NULL",
    step: timedelta | None = None,
) -> list[Row]:
    """Sums by ``key``, an expression without parameters, or by ``step``. One statement, so that each row counts once
    while rows are being added up: the rows as coarse as ``since`` is old, and finer ones that are in none of them yet.
    """
    given: list[Any] = [step, since] if step else []
    key = "date_bin(%s::interval, at, %s::timestamptz)" if step else key
    where, values = _where(since, until, connector_id=connector_id, direction=direction)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {key}, kind, name, {SUMS_OF_SPANS} FROM synclog_rollup WHERE {where} GROUP BY 1, 2, 3",  # noqa: S608
            [*given, *values],
        )
        return [Row(*row) for row in cursor.fetchall()]


def read_both(since: datetime, *, direction: str | None, step: timedelta) -> tuple[list[Row], list[Row]]:
    """Sums by ``step``, and sums by connector, of the same rows until now. One pass over them costs half of two."""
    where, values = _where(since, None, direction=direction)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT GROUPING(connector_id), step, connector_id, kind, name, {SUMS_OF_SPANS}
            FROM (SELECT *, date_bin(%s::interval, at, %s::timestamptz) AS step FROM synclog_rollup WHERE {where}) AS r
            GROUP BY GROUPING SETS ((step, kind, name), (connector_id, kind, name))
            """,  # noqa: S608 - conditions made of constants
            list[Any]([step, since, *values]),
        )
        found = cursor.fetchall()
    by_step = [Row(at, *rest) for is_step, at, _, *rest in found if is_step]
    return by_step, [Row(connector, *rest) for is_step, _, connector, *rest in found if not is_step]


def _where(
    since: datetime, until: datetime | None, *, connector_id: int | None = None, direction: str | None = None
) -> tuple[str, list[Any]]:
    """The condition for the rows of this stretch, with its values."""
    widest = coarsest(since)
    starts = [(span, begin(since, span)) for span in SPANS if span <= widest]
    spans = " OR ".join(f"(span = %s AND at >= %s{_UNROLLED if 0 < span < widest else ''})" for span, _ in starts)
    where, given = f"({spans})", list[Any](value for start in starts for value in start)
    for condition, value in (("at < %s", until), ("connector_id = %s", connector_id), ("direction = %s", direction)):
        if value is not None:
            where += f" AND {condition}"
            given.append(value)
    return where, given


_UNROLLED = " AND span > 0 AND NOT rolled"


def coarsest(since: datetime) -> int:
    """The span of the coarsest rows that are read for what happened since then."""
    age = timezone.now() - since
    return next((span for span, reach in READ_FOR if age <= reach), SPANS[-1])


def begin(moment: datetime, span: int) -> datetime:
    """Where the row of ``span`` seconds that holds this moment begins."""
    return datetime.fromtimestamp(moment.timestamp() // span * span, UTC) if span else moment
