"""Many workers claim at the same moment, each over a connection of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection, transaction

from connectors.models import ConnectorState
from events import lanes, pressure
from events.lanes import Head
from events.models import Lane
from events.pressure import Observation

from . import queued

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = 6


def test_never_more_than_the_concurrent_calls_are_under_way() -> None:
    connector = queued.connector(waiting=40, max_concurrent=5)

    def work() -> tuple[int, int]:
        most = done = 0
        for _ in range(15):
            heads = queued.claim(free=2)
            most = max(most, queued.under_way(connector))
            queued.give_back(heads)
            done += len(heads)
        return most, done

    rounds = queued.at_once(WORKERS, work)
    assert max(most for most, _ in rounds) <= 5
    assert sum(done for _, done in rounds) > 15  # they did get in each other's way, and went on
    assert len(queued.claim()) == 5


def test_two_workers_cannot_both_take_the_last_slot() -> None:
    for _ in range(5):
        connector = queued.connector(waiting=10, max_concurrent=1)
        claimed = [len(heads) for heads in queued.at_once(WORKERS, queued.claim)]
        assert sum(claimed) == 1
        assert queued.under_way(connector) == 1
        connector.delete()


def test_tokens_are_never_oversold() -> None:
    connector = queued.connector(waiting=60, requests_per_minute=1, burst=25)

    def work() -> int:
        return sum(len(queued.claim(free=2)) for _ in range(10))

    claimed = sum(queued.at_once(WORKERS, work)) + len(queued.claim())
    assert claimed == 25
    tokens = ConnectorState.objects.get(connector=connector).tokens
    assert tokens is not None
    assert 0 <= tokens < 1


@pytest.mark.parametrize("state", ["open", "half_open"])
def test_there_is_only_one_probe(state: str) -> None:
    connector = queued.connector(waiting=10)
    for _ in range(5):
        queued.set_state(connector, breaker=f"'{state}'", next_probe_at="clock_timestamp()")
        probes = [head for heads in queued.at_once(WORKERS, queued.claim) for head in heads]
        assert len(probes) == 1
        assert queued.under_way(connector) == 1
        queued.give_back(probes)


def test_first_claims_of_a_connector_whose_limit_is_new_make_one_state() -> None:
    connector = queued.connector(waiting=10, max_concurrent=3)
    assert sum(len(heads) for heads in queued.at_once(WORKERS, queued.claim)) <= 3
    assert ConnectorState.objects.filter(connector=connector).count() == 1


def test_a_state_that_another_worker_has_locked_keeps_no_other_connector_waiting() -> None:
    limited = queued.connector("Limited", waiting=3, max_concurrent=3)
    free = queued.connector("Free", waiting=3)
    ConnectorState.objects.create(connector=limited)
    with transaction.atomic():
        ConnectorState.objects.select_for_update().get(connector=limited)
        [heads] = queued.at_once(1, queued.claim)
    assert {head.connector_id for head in heads} == {free.pk}
    assert {head.connector_id for head in queued.claim()} == {limited.pk}


def test_no_result_of_many_workers_is_lost() -> None:
    connector = queued.connector(requests_per_minute=1, burst=100)
    owing = Observation(connector_id=connector.pk, lane_key="wo:1", verdict="ok", calls=2)
    pressure.hold(connector.pk, code="test", sentence="Makes the row.")

    def work() -> None:
        for _ in range(10):
            with transaction.atomic():
                pressure.observe([owing])

    queued.at_once(WORKERS, work)
    assert ConnectorState.objects.get(connector=connector).tokens == pytest.approx(100 - WORKERS * 10, abs=0.5)


def test_first_failures_of_many_workers_are_all_counted_and_only_one_brings_the_hold_about() -> None:
    connector = queued.connector()
    numbers = iter(range(WORKERS))

    def work() -> int:
        seen = Observation(connector_id=connector.pk, lane_key=f"wo:{next(numbers)}", verdict="down")
        with transaction.atomic():
            return len(pressure.observe([seen, replace(seen, verdict="auth")]))

    assert sorted(queued.at_once(4, work)) == [0, 0, 0, 1]
    assert ConnectorState.objects.get(connector=connector).failures == 4


def test_claims_and_results_of_many_workers_never_lock_each_other_out() -> None:
    """Limited, broken and free connectors in one batch; a deadlock would be raised by the database."""
    made = [
        queued.connector("Slow", waiting=20, max_concurrent=8),
        queued.connector("Counted", waiting=20, requests_per_minute=6000),
        queued.connector("Free", waiting=20),
    ]

    def settle(heads: list[Head]) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM events_lane WHERE id = ANY(%s) ORDER BY connector_id, key FOR UPDATE",
                [[head.lane_id for head in heads]],
            )
            pressure.observe(
                [
                    Observation(
                        connector_id=head.connector_id,
                        lane_key=str(head.lane_id),
                        verdict="down" if number % 3 else "ok",
                        calls=number % 4,
                    )
                    for number, head in enumerate(heads)
                ]
            )
            lanes.release([head.lane_id for head in heads])

    def work() -> int:
        done = 0
        for _ in range(15):
            heads = queued.claim(free=9)
            settle(heads)
            done += len(heads)
        return done

    assert sum(queued.at_once(WORKERS, work)) > 0
    assert not Lane.objects.exclude(claim=None).exists()
    assert {state.connector_id for state in ConnectorState.objects.all()} <= {connector.pk for connector in made}
