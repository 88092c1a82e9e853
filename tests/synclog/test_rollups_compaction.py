"""Making rows coarser, dropping old ones, sampling the queue: nothing is lost and nothing counts twice."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from events.states import State
from synclog import rollup_read, rollups, tasks
from synclog.rollup_compact import KEPT_FOR, LOCK, compact
from synclog.rollup_models import QueueSample, Rollup
from synclog.rollup_read import COUNTS
from tests.admin import world

NOW = datetime(2026, 3, 5, 10, 7, 30, tzinfo=UTC)


def some_rows(count: int = 400) -> None:
    """Batches of the last five hours, of a few connectors, kinds and names."""
    chance = random.Random(5)  # noqa: S311
    made = []
    for _ in range(count):
        kind, name = chance.choice([("deliveries", ""), ("calls", "external"), ("errors", "validation")])
        numbers = {column: chance.randrange(5) for column in COUNTS}
        histogram = [chance.randrange(3) for _ in range(chance.choice([0, 7, 31]))]
        at = NOW - timedelta(seconds=chance.randrange(5 * 3600))
        made.append(
            Rollup(
                at=at, span=0, connector_id=chance.choice([None, 7, 8]), company_id=1, kind=kind, name=name,
                direction=chance.choice(["inbound", "outbound"]), total_ms=float(chance.randrange(9)),
                histogram=histogram, **numbers,
            )
        )  # fmt: skip
    Rollup.objects.bulk_create(made)


def all_told() -> Any:
    """Everything that the rows of all times say, but for how long it took."""
    found = rollups.by_connector(NOW - timedelta(days=1), NOW)
    whole = rollups.totals(NOW - timedelta(days=1), NOW)
    return whole, found


def spans() -> Counter[int]:
    return Counter(Rollup.objects.values_list("span", flat=True))


@pytest.mark.django_db
def test_compacting_changes_no_sum_however_often_it_runs() -> None:
    some_rows()
    before = all_told()
    assert before[0].attempts > 500

    for _ in range(3):
        assert compact(NOW)
        assert all_told() == before
    young = Rollup.objects.filter(span=0).values_list("at", flat=True)
    assert min(young) >= NOW.replace(second=0) - timedelta(minutes=1)
    minutes = Rollup.objects.filter(span=60).values_list("at", flat=True)
    assert {at.second for at in minutes} == {0}
    assert min(minutes) >= datetime(2026, 3, 5, 8, 45, tzinfo=UTC)  # kept for 75 minutes, by whole quarters
    assert {at.minute % 15 for at in Rollup.objects.filter(span=900).values_list("at", flat=True)} == {0}
    assert set(spans()) == {0, 60, 900, 7200, Rollup.LIFETIME}
    compact(NOW + timedelta(hours=28))
    assert {at.hour % 2 for at in Rollup.objects.filter(span=7200).values_list("at", flat=True)} == {0}
    assert set(spans()) == {7200, Rollup.LIFETIME}
    assert all_told() == before


@pytest.mark.django_db
@pytest.mark.parametrize(("span", "reach"), [(60, timedelta(minutes=75)), (900, timedelta(hours=5))])
def test_finer_rows_stay_for_as_long_as_they_are_read(
    span: int, reach: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup_read, "coarsest", lambda since: span)
    some_rows()
    since = rollup_read.begin(NOW - reach, 900)
    before = [(at, found) for at, found in rollups.series(since, NOW, step=timedelta(seconds=span))]
    assert sum(found.attempts for _, found in before) > 100

    for later in (timedelta(0), timedelta(seconds=30)):
        compact(NOW + later)
        assert rollups.series(since, NOW, step=timedelta(seconds=span)) == before
    assert Rollup.objects.filter(span=span, rolled=True).exists()


@pytest.mark.django_db
def test_a_long_stretch_is_read_from_few_rows() -> None:
    for hours in range(30):
        for minute in range(60):
            at = NOW - timedelta(hours=hours, minutes=minute, seconds=1)
            Rollup.objects.create(at=at, span=0, connector_id=7, direction="inbound", kind="deliveries", succeeded=1)
        compact(NOW)
    assert rollups.totals(NOW - timedelta(days=2), NOW).succeeded == 1800
    with connection.cursor() as cursor:
        cursor.execute("SELECT span, rolled, count(*) FROM synclog_rollup GROUP BY 1, 2")
        counts = {(span, rolled): count for span, rolled, count in cursor.fetchall()}
    assert set(counts) == {(0, False), (60, False), (60, True), (900, True), (7200, False), (Rollup.LIFETIME, False)}
    assert counts[7200, False] <= 16 * 3
    assert counts[60, False] + counts[0, False] <= 15 + 2


@pytest.mark.django_db
def test_rows_of_one_key_become_one() -> None:
    some_rows()
    compact(NOW)
    keys = ("at", "span", "connector_id", "direction", "kind", "name")
    coarse = list(Rollup.objects.filter(span__gt=0, rolled=False).values_list(*keys))
    assert len(coarse) == len(set(coarse)) < 150


@pytest.mark.django_db
def test_a_row_that_was_committed_late_is_taken_in() -> None:
    some_rows(50)
    compact(NOW)
    before = all_told()[0].succeeded
    Rollup.objects.create(
        at=NOW - timedelta(minutes=5), span=0, connector_id=7, company_id=1, direction="outbound", kind="deliveries",
        succeeded=1000,
    )  # fmt: skip
    assert all_told()[0].succeeded == before + 1000
    compact(NOW)
    assert all_told()[0].succeeded == before + 1000
    compact(NOW + timedelta(hours=9))
    assert all_told()[0].succeeded == before + 1000


@pytest.mark.django_db
def test_what_ever_happened_outlives_the_rows_that_told_when() -> None:
    some_rows()

    def told() -> dict[tuple[Any, ...], tuple[Any, ...]]:
        return {
            (line.connector_id, line.direction, line.kind, line.name): (
                dict(line.sums), list(line.times.counts), line.times.total_ms
            )
            for line in rollups.lifetime()
        }  # fmt: skip

    before = told()
    assert len(before) > 10
    for later in (timedelta(0), timedelta(hours=4), timedelta(days=1), KEPT_FOR + timedelta(days=1)):
        compact(NOW + later)
        assert told() == before
    assert set(spans()) == {Rollup.LIFETIME}
    assert all_told()[0].attempts == 0


@pytest.mark.django_db(transaction=True)
def test_a_second_run_beside_the_first_does_nothing() -> None:
    some_rows(50)
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        assert compact(NOW) is False
        assert spans() == {0: 50}
    assert compact(NOW) is True


@pytest.mark.django_db(transaction=True)
def test_the_task_compacts_by_the_clock() -> None:
    some_rows(50)
    tasks.compact()
    assert 0 not in spans()


# --- samples of the queue ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_sample_counts_what_is_open_by_connector_and_direction() -> None:
    owner = world.company()
    desk, ledger = world.connector(owner), world.connector(owner, "Ledger")
    oldest = world.delivery(desk, State.RETRYING, work_order_id=1)
    world.delivery(desk, State.PENDING, work_order_id=2)
    world.delivery(desk, State.WAITING, work_order_id=3)
    world.delivery(desk, State.SUCCEEDED, work_order_id=4)
    world.delivery(ledger, State.WAITING, work_order_id=5, direction="inbound")
    compact(NOW)
    compact(NOW)

    taken = QueueSample.objects.order_by("connector_id", "direction")
    found = [(row.connector_id, row.direction, row.queued, row.waiting, row.oldest_at) for row in taken]
    assert found == [
        (desk.pk, "outbound", 2, 1, oldest.created_at),
        (ledger.pk, "inbound", 0, 1, None),
        (None, "", 2, 2, oldest.created_at),
    ]
    assert {row.at for row in taken} == {NOW.replace(second=0)}


@pytest.mark.django_db
def test_an_empty_queue_is_sampled_too() -> None:
    compact(NOW)
    assert list(QueueSample.objects.values_list("connector_id", "queued", "waiting")) == [(None, 0, 0)]


@pytest.mark.django_db
def test_old_samples_are_thinned_and_dropped() -> None:
    for minute in range(0, 4 * 60):
        QueueSample.objects.create(at=NOW.replace(second=0) - timedelta(minutes=minute), queued=1, waiting=0)
    QueueSample.objects.create(at=NOW.replace(minute=0, second=0) - timedelta(days=9), queued=1, waiting=0)
    compact(NOW)

    times = sorted(QueueSample.objects.values_list("at", flat=True))
    old = [at for at in times if at < datetime(2026, 3, 5, 8, 45, tzinfo=UTC)]
    assert [at.strftime("%H:%M") for at in old] == [
        "06:15",
        "06:30",
        "06:45",
        "07:00",
        "07:15",
        "07:30",
        "07:45",
        "08:00",
        "08:15",
        "08:30",
    ]
    assert len(times) - len(old) == 60 + 23
