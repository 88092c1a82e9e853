"""What a claim lets begin, one worker at a time: limits, breaker, holds, turns."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import breaker, throttle
from connectors.breaker import Breaker, Position
from connectors.models import Connector, ConnectorState
from connectors.throttle import Bucket
from events import lanes
from events.models import Drain, Lane

from . import queued

pytestmark = pytest.mark.django_db


def state_of(connector: Connector) -> ConnectorState:
    return ConnectorState.objects.get(connector=connector)


def test_a_connector_without_limits_is_neither_locked_nor_written() -> None:
    queued.connector(waiting=3)
    with CaptureQueriesContext(connection) as queries:
        assert len(queued.claim()) == 3
    assert not ConnectorState.objects.exists()
    assert len([query for query in queries if "connectorstate" in query["sql"]]) == 2  # the look, and the claim


def test_concurrent_calls_are_limited_over_several_claims() -> None:
    connector = queued.connector(waiting=9, max_concurrent=4)
    first = queued.claim(free=3)
    assert [len(first), len(queued.claim()), len(queued.claim())] == [3, 1, 0]
    assert not lanes.any_due()

    queued.give_back(first)
    assert lanes.any_due()
    assert len(queued.claim()) == 3
    assert queued.under_way(connector) == 4


def test_a_lease_that_ran_out_is_under_way_no_more() -> None:
    queued.connector(waiting=9, max_concurrent=2)
    dead = queued.claim()
    Lane.objects.filter(id__in=[head.lane_id for head in dead]).update(due_at="2026-01-01T00:00:00Z")
    assert len(queued.claim()) == 2


def test_tokens_are_taken_at_the_claim() -> None:
    connector = queued.connector(waiting=20, requests_per_minute=60, burst=8)
    assert [len(queued.claim(free=5)), len(queued.claim(free=5))] == [5, 3]
    assert not lanes.any_due()
    assert state_of(connector).tokens == pytest.approx(0, abs=0.5)  # a token takes a second

    queued.set_state(connector, refilled_at="refilled_at - interval '3 seconds'")
    assert lanes.any_due()
    assert len(queued.claim()) == 3


def test_a_debt_is_waited_for() -> None:
    connector = queued.connector(waiting=20, requests_per_minute=1)
    queued.set_state(connector, tokens="-10", refilled_at="clock_timestamp() - interval '600 seconds'")
    assert queued.claim() == []
    queued.set_state(connector, refilled_at="clock_timestamp() - interval '661 seconds'")
    assert len(queued.claim()) == 1


def test_what_is_not_claimed_is_untouched() -> None:
    connector = queued.connector(waiting=3, max_concurrent=1)
    before = list(connector.deliveries.order_by("seq").values())
    queued.claim()
    assert list(connector.deliveries.order_by("seq").values()) == before
    assert Lane.objects.filter(claim=None).count() == 2


@pytest.mark.parametrize(
    "state",
    [
        {"held_at": "now()"},
        {"blocked_until": "clock_timestamp() + interval '1 minute'"},
        {"breaker": "'open'", "next_probe_at": "clock_timestamp() + interval '1 minute'"},
        {"breaker": "'open'", "next_probe_at": "NULL"},
    ],
    ids=["held", "asked to wait", "open", "open without a probe"],
)
@pytest.mark.parametrize("limits", [{}, {"max_concurrent": 9, "requests_per_minute": 600}], ids=["free", "limited"])
def test_nothing_of_a_held_blocked_or_broken_connector_begins_and_others_go_on(
    state: dict[str, str], limits: dict[str, int]
) -> None:
    stopped = queued.connector("Stopped", waiting=5, **limits)
    before = queued.set_state(stopped, **state)
    assert queued.claim() == []
    assert not lanes.any_due()

    well = queued.connector("Well", waiting=2)
    assert {head.connector_id for head in queued.claim()} == {well.pk}
    assert not lanes.any_due()
    after = state_of(stopped)
    assert (after.breaker, after.next_probe_at, after.tokens) == (before.breaker, before.next_probe_at, before.tokens)


def test_a_wait_that_is_over_blocks_no_more() -> None:
    connector = queued.connector(waiting=5)
    queued.set_state(connector, blocked_until="clock_timestamp() - interval '1 second'")
    assert len(queued.claim()) == 5


def test_an_open_breaker_lets_one_delivery_through_when_its_time_has_come() -> None:
    connector = queued.connector(waiting=5)
    queued.set_state(connector, breaker="'open'", next_probe_at="clock_timestamp() - interval '1 second'")
    assert lanes.any_due()
    assert len(queued.claim()) == 1
    state = state_of(connector)
    assert (state.breaker, state.next_probe_at) == ("half_open", None)
    assert queued.claim() == []
    assert not lanes.any_due()


def test_a_probe_that_ended_without_a_word_is_followed_by_another() -> None:
    connector = queued.connector(waiting=5)
    queued.set_state(connector, breaker="'half_open'")
    probe = queued.claim()
    assert len(probe) == 1
    queued.give_back(probe)
    assert lanes.any_due()
    assert len(queued.claim()) == 1


def test_a_probe_whose_worker_died_is_followed_by_another_when_its_lease_ends() -> None:
    connector = queued.connector(waiting=5)
    queued.set_state(connector, breaker="'open'", next_probe_at="clock_timestamp()")
    [probe] = queued.claim()
    Lane.objects.filter(id=probe.lane_id).update(due_at="2026-01-01T00:00:00Z")
    assert [head.lane_id for head in queued.claim()] == [probe.lane_id]
    assert queued.claim() == []


def test_a_probe_needs_a_token_and_a_slot() -> None:
    connector = queued.connector(waiting=5, requests_per_minute=1, max_concurrent=3)
    probe_due = {"breaker": "'open'", "next_probe_at": "clock_timestamp()"}
    queued.set_state(connector, tokens="0", refilled_at="clock_timestamp()", **probe_due)
    assert queued.claim() == []
    queued.set_state(connector, tokens="1", refilled_at="clock_timestamp()", **probe_due)
    assert len(queued.claim()) == 1


def test_a_lane_that_turns_out_empty_takes_no_token_and_is_no_probe() -> None:
    connector = queued.connector(requests_per_minute=1)
    before = queued.set_state(connector, breaker="'open'", next_probe_at="clock_timestamp()")
    lanes.open_lanes([(connector.pk, "wo:1")])
    assert queued.claim() == []
    assert not Lane.objects.exists()
    after = state_of(connector)
    assert (after.breaker, after.next_probe_at, after.tokens) == ("open", before.next_probe_at, None)


def test_one_delivery_of_a_connector_is_in_the_next_claim_behind_a_hundred_thousand_of_another() -> None:
    queued.connector("Busy", waiting=100_000)
    small = queued.connector("Small", waiting=1)
    found = Counter(head.connector_id for head in queued.claim(free=10, share=10))
    assert found[small.pk] == 1
    assert sum(found.values()) == 10


def test_connectors_take_turns() -> None:
    made = [queued.connector(f"System {number}", waiting=50) for number in range(5)]
    found = Counter(head.connector_id for head in queued.claim(free=20))
    assert found == dict.fromkeys([connector.pk for connector in made], 4)


def test_while_workers_are_drained_nothing_is_claimed() -> None:
    queued.connector(waiting=2)
    queued.connector("Limited", waiting=2, max_concurrent=2)
    Drain.objects.create()
    assert queued.claim() == []
    assert not lanes.any_due()
    Drain.objects.all().delete()
    assert lanes.any_due()
    assert len(queued.claim()) == 4


@pytest.mark.parametrize("status", ["paused", "disabled"])
def test_a_limited_connector_that_is_not_active_stays_out(status: str) -> None:
    queued.connector(waiting=2, status=status, max_concurrent=2)
    assert queued.claim() == []
    assert not lanes.any_due()


def test_what_comes_due_soon_can_be_asked_for() -> None:
    connector = queued.connector(waiting=2, requests_per_minute=60)
    queued.set_state(connector, tokens="0", refilled_at="clock_timestamp()")
    assert not lanes.any_due(within_seconds=0.1)
    assert lanes.any_due(within_seconds=1.5)
    queued.set_state(connector, tokens="NULL", blocked_until="clock_timestamp() + interval '50 seconds'")
    assert not lanes.any_due(within_seconds=10)
    assert lanes.any_due(within_seconds=60)
    assert queued.claim() == []


# --- The SQL says what the pure code says -----------------------------------------------------------------

LIMITS = st.fixed_dictionaries(
    {
        "requests_per_minute": st.none() | st.integers(1, 3000),
        "burst": st.none() | st.integers(0, 9),
        "max_concurrent": st.none() | st.integers(0, 9),
    }
)
STATES = st.fixed_dictionaries(
    {
        "breaker": st.sampled_from(list(Position)),
        "next_probe_in": st.none() | st.floats(-60, 60),
        "tokens": st.none() | st.floats(-20, 20),
        "refilled_in": st.none() | st.floats(-60, 5),
        "blocked_in": st.none() | st.floats(-60, 60),
        "is_held": st.sampled_from([False, False, False, True]),
    }
)
WAITING = 12


def clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def write(connector: Connector, limits: dict[str, Any], state: dict[str, Any]) -> ConnectorState:
    def moment(seconds: float | None) -> str:
        return "NULL" if seconds is None else f"clock_timestamp() + make_interval(secs => {seconds!r})"

    Connector.objects.filter(pk=connector.pk).update(**limits)
    return queued.set_state(
        connector,
        breaker=f"'{state['breaker']}'",
        next_probe_at=moment(state["next_probe_in"]),
        tokens="NULL" if state["tokens"] is None else f"{state['tokens']!r}",
        refilled_at=moment(state["refilled_in"]),
        blocked_until=moment(state["blocked_in"]),
        held_at="now()" if state["is_held"] else "NULL",
    )


def admitted(state: ConnectorState, limits: dict[str, Any], *, under_way: int, now: datetime) -> int:
    """The pure code's answer, for a claim that has room for everything."""
    if state.held_at or (state.blocked_until and state.blocked_until > now):
        return 0
    switch = Breaker(position=Position(state.breaker), next_probe_at=state.next_probe_at)
    most = [WAITING - under_way, breaker.admits(switch, under_way=under_way, now=now)]
    if limits["max_concurrent"] is not None:
        most.append(throttle.slots(limits["max_concurrent"], under_way=under_way))
    if limits["requests_per_minute"] is not None:
        most.append(bucket(state, limits).admits(now))
    return min(count for count in most if count is not None)


def bucket(state: ConnectorState, limits: dict[str, Any]) -> Bucket:
    return Bucket(
        per_minute=limits["requests_per_minute"],
        burst=limits["burst"],
        tokens=state.tokens,
        refilled_at=state.refilled_at,
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=LIMITS, state=STATES, under_way=st.integers(0, 6))
def test_a_claim_lets_begin_what_the_pure_code_admits(
    limits: dict[str, Any], state: dict[str, Any], under_way: int
) -> None:
    Connector.objects.all().delete()
    connector = queued.connector(waiting=WAITING)
    assert len(queued.claim(free=under_way)) == under_way
    before = write(connector, limits, state)

    earliest = admitted(before, limits, under_way=under_way, now=clock())
    seen = lanes.any_due()
    claimed = len(queued.claim())
    latest = admitted(before, limits, under_way=under_way, now=clock())

    assert earliest <= claimed <= latest
    assert seen == (claimed > 0) or earliest != latest
    after = state_of(connector)
    if claimed and limits["requests_per_minute"] is not None:
        assert after.refilled_at is not None and after.tokens is not None
        expected = bucket(before, limits).taken(claimed, after.refilled_at)
        assert after.tokens == pytest.approx(expected.tokens, abs=1e-6)
    elif limits["requests_per_minute"] is None:
        assert (after.tokens, after.refilled_at) == (before.tokens, before.refilled_at)
    moved = bool(claimed) and before.breaker != Position.CLOSED
    assert after.breaker == (Position.HALF_OPEN if moved else before.breaker)
