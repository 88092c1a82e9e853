"""Figures are read back exactly as they were counted, whatever they are asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from synclog import rollups
from synclog.rollup_models import QueueSample, Rollup
from synclog.rollup_write import Tally
from synclog.rollups import EXTERNAL, FIELD_NATION

pytestmark = pytest.mark.django_db

OUT, BACK, OTHER = (7, 1, "outbound"), (7, 1, "inbound"), (8, 1, "outbound")
MINUTE = timedelta(minutes=1)


def a_batch() -> None:
    tally = Tally()
    for _ in range(3):
        tally.outcome(OUT, "succeeded")
        tally.latency(OUT, 40.0)
    tally.outcome(OUT, "dead", failed_as="validation")
    tally.outcome(OUT, "retrying", failed_as="unavailable")
    tally.outcome(OUT, "retrying", failed_as="unavailable")
    tally.outcome(BACK, "skipped")
    tally.outcome(OTHER, "waiting", failed_as="waiting_auth")
    tally.call(OUT, EXTERNAL, 12.0, failed=False)
    tally.call(OUT, EXTERNAL, 2_500.0, failed=True)
    tally.call(OUT, FIELD_NATION, 80.0, failed=False)
    tally.received(BACK, 2)
    tally.routed(BACK, 1)
    tally.write()


def test_a_batch_is_read_back_as_it_was_counted() -> None:
    a_batch()
    found = rollups.totals(timezone.now() - MINUTE)

    outcomes = (found.succeeded, found.skipped, found.waiting, found.retrying, found.dead)
    assert outcomes == (3, 1, 1, 2, 1)
    assert (found.received, found.processed, found.failures, found.attempts) == (2, 5, 4, 8)
    assert (found.latency.count, found.latency.total_ms) == (3, 120.0)
    assert list(found.errors.items()) == [("unavailable", 2), ("validation", 1), ("waiting_auth", 1)]
    assert {name: (c.count, c.failed, c.times.total_ms) for name, c in found.calls.items()} == {
        EXTERNAL: (2, 1, 2_512.0),
        FIELD_NATION: (1, 0, 80.0),
    }
    assert (found.call_count, found.call_failures) == (3, 1)


def test_rates_are_of_what_they_say() -> None:
    a_batch()
    found = rollups.totals(timezone.now() - 2 * MINUTE)

    assert found.per_minute == pytest.approx(5 / 2, rel=0.1)
    assert found.success_rate == 4 / 6  # arrived or nothing to do, of those that came to rest
    assert found.error_rate == 4 / 8  # of all attempts
    nothing = rollups.totals(timezone.now() - 2 * MINUTE, connector_id=99)
    assert (nothing.success_rate, nothing.error_rate, nothing.latency.average, nothing.call_p95) == (None,) * 4


def test_one_connector_and_one_direction() -> None:
    a_batch()
    since = timezone.now() - MINUTE

    assert rollups.totals(since, connector_id=8).attempts == 1
    assert rollups.totals(since, connector_id=7, direction="inbound").attempts == 1
    assert rollups.totals(since, direction="outbound").attempts == 7
    assert rollups.totals(since, connector_id=7).received == 1  # what it got a delivery for
    each = rollups.by_connector(since)
    assert {id: found.attempts for id, found in each.items()} == {7: 7, 8: 1}
    assert each[7].errors == {"unavailable": 2, "validation": 1}
    assert {id: found.attempts for id, found in rollups.by_connector(since, direction="inbound").items()} == {7: 1}


def test_nothing_counted_is_no_statement(django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        Tally().write()


def row(at: datetime, span: int, succeeded: int) -> None:
    Rollup.objects.create(
        at=at, span=span, connector_id=7, company_id=1, direction="outbound", kind="deliveries", succeeded=succeeded
    )


def test_a_course_has_a_point_for_each_step_and_all_that_happened() -> None:
    since = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    row(since, 900, 1)
    row(since + timedelta(minutes=20), 60, 10)
    row(since + timedelta(minutes=44, seconds=59), 0, 100)
    row(since + timedelta(hours=1), 60, 1000)

    course = rollups.series(since, since + timedelta(hours=1), step=timedelta(minutes=15))

    starts = [since + timedelta(minutes=15 * number) for number in range(4)]
    assert [(at, found.succeeded) for at, found in course] == list(zip(starts, (1, 10, 100, 0), strict=True))
    assert [found.per_minute for _, found in course][2] == 100 / 15
    assert rollups.totals(since, since + timedelta(hours=1)).succeeded == 111


def test_a_stretch_that_begins_inside_a_row_takes_it_in_and_no_earlier_one() -> None:
    at = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    row(at, 60, 1)
    row(at - MINUTE, 60, 10)
    row(at - timedelta(minutes=15), 900, 100)

    assert rollups.totals(at + timedelta(seconds=30), at + MINUTE).succeeded == 1
    course = rollups.series(at + timedelta(seconds=30), at + 2 * MINUTE, step=MINUTE)
    assert [found.succeeded for _, found in course] == [1, 0]


@pytest.mark.parametrize("direction", [None, "inbound"])
def test_both_in_one_pass_are_what_they_are_one_by_one(direction: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    a_batch()
    row(timezone.now() - 4 * MINUTE, 60, 7)
    now = timezone.now()
    since = now - 5 * MINUTE
    monkeypatch.setattr(timezone, "now", lambda: now)

    both = rollups.series_and_connectors(since, step=MINUTE, direction=direction)
    assert both == (
        rollups.series(since, step=MINUTE, direction=direction),
        rollups.by_connector(since, direction=direction),
    )
    assert sum(found.attempts for _, found in both[0]) == (15 if direction is None else 1)


def test_each_question_is_one_query_however_many_rows(django_assert_num_queries: object) -> None:
    now = timezone.now()
    for number in range(30):
        row(now - MINUTE * number, 60, 1)
    with django_assert_num_queries(6):  # type: ignore[operator]
        rollups.totals(now - timedelta(hours=1))
        rollups.series_and_connectors(now - timedelta(hours=1), step=MINUTE)
        rollups.series(now - timedelta(hours=1), step=MINUTE)
        rollups.by_connector(now - timedelta(hours=1))
        rollups.queue()
        rollups.queue_series(now - timedelta(hours=1), step=MINUTE)


def test_the_index_is_used_for_a_short_stretch_of_a_long_history() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    long_ago = [
        Rollup(at=start + timedelta(minutes=15 * n), span=900, direction="outbound", kind="deliveries", received=1)
        for n in range(20_000)
    ]
    Rollup.objects.bulk_create(long_ago, batch_size=2000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE synclog_rollup")
    with CaptureQueriesContext(connection) as captured:
        rollups.totals(start + timedelta(days=205))
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"])
        plan = str(cursor.fetchall())
    assert "rollup_by_time" in plan and "Seq Scan" not in plan


def sample(at: datetime, queued: int, connector_id: int | None = None, direction: str = "") -> None:
    QueueSample.objects.create(at=at, connector_id=connector_id, direction=direction, queued=queued, waiting=0)


def test_the_queue_is_that_of_the_newest_sample() -> None:
    now = timezone.now()
    for at, total, parts in ((now - MINUTE, 5, (2, 3)), (now - 2 * MINUTE, 9, (9, 0))):
        sample(at, total)
        for direction, queued in zip(("inbound", "outbound"), parts, strict=True):
            sample(at, queued, 7, direction)
    assert [(found.connector_id, found.queued) for found in rollups.queue()] == [(7, 2), (7, 3)]


def test_an_empty_queue_is_not_that_of_the_minute_before() -> None:
    now = timezone.now()
    sample(now - MINUTE, 0)
    sample(now - 2 * MINUTE, 4)
    sample(now - 2 * MINUTE, 4, 7, "outbound")
    assert rollups.queue() == []


def test_the_course_of_the_queue_tells_nothing_from_no_sample() -> None:
    start = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    sample(start, 4)
    sample(start, 4, 7, "outbound")
    sample(start + MINUTE, 0)
    sample(start + 3 * MINUTE, 1)
    sample(start + 3 * MINUTE, 1, 8, "outbound")

    def asked(**which: Any) -> list[int | None]:
        return [n for _, n in rollups.queue_series(start, start + 4 * MINUTE, step=MINUTE, **which)]

    assert asked() == [4, 0, None, 1]
    assert asked(connector_id=7) == [4, 0, None, 0]
    two = rollups.queue_series(start, start + 4 * MINUTE, step=2 * MINUTE)
    assert [number for _, number in two] == [4, 1]
