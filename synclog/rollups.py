"""What happened in a stretch of time, from the rollups: outcomes, rates, latencies, calls, errors by class.

What began within 70 minutes is read from rows of a minute, within 25 hours of a quarter of an hour, before that of two
hours. A stretch that begins inside a row takes the whole row in, so begin older ones where a row begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from .histogram import Histogram
from .rollup_models import QueueSample, Rollup
from .rollup_read import COUNTS, SUMS, Row, read, read_both
from .rollup_totals import Calls, Line, Queue, Totals, added

__all__ = [
    "EXTERNAL", "FIELD_NATION", "Calls", "Line", "Queue", "Totals", "by_connector", "lifetime", "queue",
    "queue_series", "series", "series_and_connectors", "totals",
]  # fmt: skip

EXTERNAL, FIELD_NATION = "external", "field_nation"
"""Names of the systems that calls are made to."""
SAMPLE_HOLDS: Final = timedelta(minutes=3)


def totals(
    since: datetime, until: datetime | None = None, *, connector_id: int | None = None, direction: str | None = None
) -> Totals:
    """The figures from ``since`` to ``until`` (now), of all connectors or one, both directions or one. One query."""
    rows = read(since, until, connector_id=connector_id, direction=direction)
    return _totals(rows, _minutes(since, until), by_connector=connector_id is not None)


def by_connector(since: datetime, until: datetime | None = None, *, direction: str | None = None) -> dict[int, Totals]:
    """As ``totals`` for each connector that anything happened to; one query."""
    rows = read(since, until, direction=direction, key="connector_id")
    return _of_connectors(rows, _minutes(since, until))


def series(
    since: datetime,
    until: datetime | None = None,
    *,
    step: timedelta,
    connector_id: int | None = None,
    direction: str | None = None,
) -> list[tuple[datetime, Totals]]:
    """The figures of each ``step`` from ``since`` on, oldest first, empty ones included; one query.

    A step that is finer than the rows of its time shows all of a row at its first point.
    """
    rows = read(since, until, connector_id=connector_id, direction=direction, step=step)
    return _course(rows, since, until or timezone.now(), step, by_connector=connector_id is not None)


def series_and_connectors(
    since: datetime, *, step: timedelta, direction: str | None = None
) -> tuple[list[tuple[datetime, Totals]], dict[int, Totals]]:
    """``series`` of all connectors, and ``by_connector``, until now; one query for both."""
    by_step, by_id = read_both(since, direction=direction, step=step)
    course = _course(by_step, since, timezone.now(), step, by_connector=False)
    return course, _of_connectors(by_id, _minutes(since, None))


def lifetime() -> list[Line]:
    """All that ever happened, by connector, direction, kind and name; does not go down when old rows are pruned."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT connector_id, direction, kind, name, {SUMS} FROM synclog_rollup WHERE span = ANY(%s) "  # noqa: S608
            "AND NOT rolled GROUP BY connector_id, direction, kind, name ORDER BY connector_id, direction, kind, name",
            [[0, 60, Rollup.LIFETIME]],
        )
        return [_line(*row) for row in cursor.fetchall()]


def _line(connector_id: int | None, direction: str, kind: str, name: str, *values: Any) -> Line:
    sums = dict(zip(COUNTS, values, strict=False))
    return Line(connector_id, direction, kind, name, sums, Histogram(values[-1], values[-2]))


def queue() -> list[Queue]:
    """What is open by connector and direction, as the newest sample says; empty also when none was taken for three
    minutes. One query."""
    samples = QueueSample.objects.filter(at__gte=timezone.now() - SAMPLE_HOLDS).order_by("-at", "connector_id")
    found = list(samples)
    return [
        Queue(row.at, row.connector_id, row.direction, row.queued, row.waiting, row.oldest_at)
        for row in found
        if row.connector_id is not None and row.at == found[0].at
    ]


def queue_series(
    since: datetime,
    until: datetime | None = None,
    *,
    step: timedelta,
    connector_id: int | None = None,
    direction: str | None = None,
) -> list[tuple[datetime, int | None]]:
    """The most deliveries that any sample of each ``step`` found queued; None where none was taken. One query."""
    end = until or timezone.now()
    where = "s.connector_id IS NOT NULL"
    given: list[Any] = []
    for column, value in (("s.connector_id", connector_id), ("s.direction", direction)):
        if value is not None:
            where += f" AND {column} = %s"
            given.append(value)
    if not given:
        where = "s.connector_id IS NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT date_bin(%s::interval, at, %s::timestamptz), max(queued) FROM (
                SELECT t.at, COALESCE(sum(s.queued), 0)::bigint AS queued
                FROM synclog_queuesample AS t LEFT JOIN synclog_queuesample AS s ON s.at = t.at AND {where}
                WHERE t.connector_id IS NULL AND t.at >= %s AND t.at < %s GROUP BY t.at
            ) AS taken GROUP BY 1
            """,  # noqa: S608 - conditions made of constants
            list[Any]([step, since, *given, since, end]),
        )
        found = dict(cursor.fetchall())
    return [(at, found.get(at)) for at in _steps(since, end, step)]


def _of_connectors(rows: Sequence[Row], minutes: float) -> dict[int, Totals]:
    parts: dict[int, list[Row]] = {}
    for row in rows:
        if row.key is not None:
            parts.setdefault(row.key, []).append(row)
    return {id: _totals(part, minutes, by_connector=True) for id, part in parts.items()}


def _course(
    rows: Sequence[Row], since: datetime, end: datetime, step: timedelta, *, by_connector: bool
) -> list[tuple[datetime, Totals]]:
    parts: dict[datetime, list[Row]] = {at: [] for at in _steps(since, end, step)}
    for row in rows:
        parts[max(row.key, since)].append(row)
    return [
        (at, _totals(part, _minutes(at, min(at + step, end)), by_connector=by_connector)) for at, part in parts.items()
    ]


def _steps(since: datetime, until: datetime, step: timedelta) -> list[datetime]:
    return [since + step * number for number in range(ceil((until - since) / step))]


def _minutes(since: datetime, until: datetime | None) -> float:
    """Of a stretch that began a moment ago at least a third: a rate of a second says nothing."""
    return max(((until or timezone.now()) - since).total_seconds(), 20.0) / 60


def _totals(rows: Sequence[Row], minutes: float, *, by_connector: bool) -> Totals:
    done = [row for row in rows if row.kind == Rollup.Kind.DELIVERIES]
    calls = {
        name: Calls(
            count=sum(row.count for row in part),
            failed=sum(row.failed for row in part),
            times=added([Histogram(row.histogram, row.total_ms) for row in part]),
        )
        for name, part in _named(rows, Rollup.Kind.CALLS)
    }
    errors = {name: sum(row.count for row in part) for name, part in _named(rows, Rollup.Kind.ERRORS)}
    return Totals(
        minutes=minutes,
        received=sum(row.routed if by_connector else row.received for row in done),
        duplicates=sum(row.duplicates for row in done),
        succeeded=sum(row.succeeded for row in done),
        skipped=sum(row.skipped for row in done),
        waiting=sum(row.waiting for row in done),
        retrying=sum(row.retrying for row in done),
        dead=sum(row.dead for row in done),
        latency=added([Histogram(row.histogram, row.total_ms) for row in done]),
        calls=calls,
        errors=dict(sorted(errors.items(), key=lambda item: (-item[1], item[0]))),
    )


def _named(rows: Sequence[Row], kind: str) -> list[tuple[str, list[Row]]]:
    names = sorted({row.name for row in rows if row.kind == kind})
    return [(name, [row for row in rows if row.kind == kind and row.name == name]) for name in names]
