"""Rollup rows as a week of traffic leaves them, for pages that are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from math import sin
from typing import Any

from django.db import connection

from synclog.histogram import BUCKETS, bucket_of
from synclog.rollup_models import QueueSample, Rollup
from synclog.rollup_read import COUNTS, begin

MINUTES, QUARTERS, TWO_HOURS = 75, 104, 84


def week(connectors: Sequence[int], now: datetime, *, failing: Sequence[int] = (), per_minute: int = 12) -> None:
    """A week of both directions; the ``failing`` connectors have failed most attempts of the last forty minutes."""
    rows: list[dict[str, Any]] = []
    for span, count, coarser in ((60, MINUTES, 900), (900, QUARTERS, 7200), (7200, TWO_HOURS, 0)):
        for number in range(1, count + 1):
            at = begin(now, span) - number * timedelta(seconds=span)
            rolled = bool(coarser) and at < begin(now, coarser)
            for connector in connectors:
                fails = connector in failing and (now - at) < timedelta(minutes=40)
                for direction in ("outbound", "inbound"):
                    made = _rows(at, span, connector, direction, span * per_minute // 60, fails)
                    rows += [row | {"rolled": rolled} for row in made]
    names = [str(field.column) for field in Rollup._meta.concrete_fields if not field.primary_key]
    defaults: dict[str, Any] = dict.fromkeys(COUNTS, 0) | {
        "name": "",
        "connector_id": None,
        "rolled": False,
        "histogram": [],
        "total_ms": 0.0,
    }
    with connection.cursor() as cursor, cursor.copy(f"COPY synclog_rollup ({', '.join(names)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row.get(name, defaults.get(name)) for name in names])
    samples = [
        QueueSample(at=begin(now, 60) - timedelta(minutes=minute), queued=max(0, 1200 - 30 * minute) * bool(failing),
                    waiting=0, oldest_at=now)
        for minute in range(MINUTES)
    ]  # fmt: skip
    QueueSample.objects.bulk_create(samples, ignore_conflicts=True)  # beat may have taken one already


def _rows(at: datetime, span: int, connector: int, direction: str, usual: int, fails: bool) -> list[dict[str, Any]]:
    many = max(1, round(usual * (1 + 0.5 * sin(at.timestamp() / 9000 + connector))))
    key = {"at": at, "span": span, "direction": direction, "company_id": 1}
    bad = many * 4 // 5 if fails else many // 60
    good = many - bad
    deliveries = dict(
        connector_id=connector, kind="deliveries", routed=many, succeeded=good, dead=bad // 4, retrying=bad - bad // 4,
        skipped=good // 9, histogram=_spread(good, 180 + 20 * connector), total_ms=good * 320.0, **key,
    )  # fmt: skip
    calls = [
        dict(connector_id=connector, kind="calls", name=name, count=many, failed=bad if name == "external" else 0,
               histogram=_spread(many, typical), total_ms=many * typical * 1.4, **key)
        for name, typical in (("external", 90.0), ("field_nation", 240.0))
    ]  # fmt: skip
    errors = [
        dict(connector_id=connector, kind="errors", name=name, count=part, **key)
        for name, part in (("unavailable", bad - bad // 4), ("validation", bad // 4))
        if part
    ]
    received = dict(kind="deliveries", received=many, duplicates=many // 30, **key)
    return [received, deliveries, *calls, *errors]


@cache
def _spread(count: int, typical: float) -> list[int]:
    counts = [0] * BUCKETS
    for part, factor in ((0.5, 0.7), (0.3, 1.4), (0.15, 3.0), (0.05, 12.0)):
        counts[bucket_of(typical * factor)] += round(count * part)
    return counts
