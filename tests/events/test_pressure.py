"""What finished attempts do to the state of their connectors."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import breaker
from connectors.breaker import Breaker, Position
from connectors.models import Connector, ConnectorState
from events import lanes, pressure
from events.outcome import Verdict
from events.pressure import Observation

from . import queued

pytestmark = pytest.mark.django_db


def told(connector: Connector, verdict: Verdict, *, key: str = "wo:1", **more: Any) -> Observation:
    sentence = f"{connector.name} said {verdict} for {key}."
    return Observation(
        **{"connector_id": connector.pk, "lane_key": key, "verdict": verdict, "sentence": sentence, "calls": 1, **more}
    )


def down(connector: Connector, count: int, *, first: int = 1) -> list[Observation]:
    """Failures of ``count`` different records."""
    return [told(connector, "down", key=f"wo:{number}") for number in range(first, first + count)]


def state_of(connector: Connector) -> ConnectorState:
    return ConnectorState.objects.get(connector=connector)


def seconds_from_now(moment: Any) -> float:
    return float((moment - timezone.now()).total_seconds())


# --- Breaker --------------------------------------------------------------------------------------------------------


def test_a_healthy_connector_is_read_once_and_not_written() -> None:
    connector = queued.connector()
    with CaptureQueriesContext(connection) as queries:
        assert pressure.observe([told(connector, "ok", key=f"wo:{n}") for n in range(50)]) == []
    assert len(queries) == 1
    assert not ConnectorState.objects.exists()


def test_a_batch_of_many_connectors_takes_two_statements() -> None:
    made = [queued.connector(f"System {number}") for number in range(20)]
    pressure.observe([told(connector, "down") for connector in made])
    with CaptureQueriesContext(connection) as queries:
        pressure.observe([told(connector, "down", key="wo:2") for connector in made])
    assert len(queries) == 2
    assert set(ConnectorState.objects.values_list("failures", flat=True)) == {2}


def test_five_records_in_a_row_open_the_breaker_and_the_reason_is_kept() -> None:
    connector = queued.connector(waiting=2)
    pressure.observe(down(connector, 4))
    assert (state_of(connector).breaker, state_of(connector).failures) == ("closed", 4)
    assert lanes.any_due()

    pressure.observe(down(connector, 1, first=5))
    state = state_of(connector)
    assert (state.breaker, state.failures, state.failing_key) == ("open", 5, "wo:5")
    assert state.failure == "Help Desk said down for wo:5."
    assert state.opened_at is not None and state.next_probe_at is not None
    assert state.next_probe_at - state.opened_at == timedelta(seconds=30)
    assert not lanes.any_due()


def test_the_same_record_again_and_again_opens_nothing() -> None:
    connector = queued.connector()
    for _ in range(8):
        pressure.observe([told(connector, "down")])
    assert (state_of(connector).breaker, state_of(connector).failures) == ("closed", 1)


def test_a_success_ends_the_row_of_failures() -> None:
    connector = queued.connector()
    pressure.observe(down(connector, 4))
    pressure.observe([told(connector, "ok")])
    state = state_of(connector)
    assert (state.failures, state.failing_key, state.failure) == (0, "", "")
    pressure.observe(down(connector, 4))
    assert state_of(connector).breaker == "closed"


def test_a_neutral_attempt_changes_nothing() -> None:
    connector = queued.connector()
    pressure.observe(down(connector, 4))
    before = ConnectorState.objects.values().get()
    pressure.observe([told(connector, "neutral", key="wo:9")])
    assert ConnectorState.objects.values().get() == before


def test_a_probe_that_succeeds_closes_it_and_everything_goes_on() -> None:
    connector = queued.connector(waiting=4)
    pressure.observe(down(connector, 5))
    queued.set_state(connector, next_probe_at="clock_timestamp()")
    [probe] = queued.claim()
    pressure.observe([told(connector, "ok")])
    queued.give_back([probe])
    state = state_of(connector)
    assert (state.breaker, state.failures, state.opened_at, state.next_probe_at) == ("closed", 0, None, None)
    assert len(queued.claim()) == 4


def test_failed_probes_wait_twice_as_long_each_time() -> None:
    connector = queued.connector(waiting=4)
    pressure.observe(down(connector, 5))
    opened_at = state_of(connector).opened_at
    waits = []
    for _ in range(6):
        queued.set_state(connector, next_probe_at="clock_timestamp()")
        heads = queued.claim()
        assert len(heads) == 1
        pressure.observe([told(connector, "down")])
        queued.give_back(heads)
        waits.append(round(seconds_from_now(state_of(connector).next_probe_at), -1))
    assert waits == [60, 120, 240, 480, 600, 600]
    assert (state_of(connector).openings, state_of(connector).opened_at) == (6, opened_at)


HISTORIES = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["ok", "down", "neutral"]), st.sampled_from(["wo:1", "wo:2", "wo:3"])), max_size=6
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HISTORIES)
def test_the_stored_breaker_is_the_pure_one(history: list[list[tuple[Verdict, str]]]) -> None:
    Connector.objects.all().delete()
    connector = queued.connector()
    expected = Breaker()
    for batch in history:
        pressure.observe([told(connector, verdict, key=key) for verdict, key in batch])
        for verdict, key in batch:
            if verdict == "ok":
                expected = breaker.succeeded(expected)
            elif verdict == "down":
                sentence = f"Help Desk said down for {key}."
                expected = breaker.failed(expected, key=key, sentence=sentence, now=timezone.now())
    ConnectorState.objects.get_or_create(connector=connector)
    state = state_of(connector)
    stored = Breaker(
        position=Position(state.breaker),
        failures=state.failures,
        failing_key=state.failing_key,
        failure=state.failure,
        openings=state.openings,
    )
    assert stored == replace(expected, opened_at=None, next_probe_at=None)
    assert (state.next_probe_at is None) == (expected.next_probe_at is None)


# --- Retry-After and tokens -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "waited"), [(200.0, 200), (86_400.0, 3600), (0.5, 0)])
def test_retry_after_stops_the_whole_connector_for_at_most_an_hour(asked: float, waited: int) -> None:
    connector = queued.connector(waiting=2)
    pressure.observe([told(connector, "neutral", retry_after=asked)])
    assert seconds_from_now(state_of(connector).blocked_until) == pytest.approx(waited, abs=20)


def test_a_blocked_connector_is_left_alone_and_a_shorter_wait_does_not_shorten_the_longer() -> None:
    connector = queued.connector(waiting=2)
    pressure.observe([told(connector, "neutral", retry_after=300), told(connector, "down", retry_after=20)])
    state = state_of(connector)
    assert seconds_from_now(state.blocked_until) > 200
    assert state.failures == 1
    assert queued.claim() == []


def test_tokens_are_corrected_by_the_calls_really_made() -> None:
    connector = queued.connector(waiting=9, requests_per_minute=1, burst=9)
    queued.claim(free=4)
    pressure.observe(
        [
            told(connector, "ok", calls=1),
            told(connector, "ok", calls=4),
            told(connector, "neutral", calls=0),
            told(connector, "ok", calls=7),
        ]
    )
    assert state_of(connector).tokens == pytest.approx(9 - 12, abs=0.5)
    assert queued.claim() == []


def test_a_call_that_was_not_made_gives_its_token_back() -> None:
    connector = queued.connector(waiting=9, requests_per_minute=1, burst=3)
    queued.claim(free=2)
    pressure.observe([told(connector, "neutral", calls=0)])
    assert state_of(connector).tokens == pytest.approx(2, abs=0.5)
    pressure.observe([told(connector, "neutral", calls=0)] * 9)
    assert state_of(connector).tokens == 3  # to the brim


def test_one_call_each_is_what_was_taken_already_and_costs_no_write() -> None:
    connector = queued.connector(waiting=9, requests_per_minute=60)
    queued.claim(free=2)
    with CaptureQueriesContext(connection) as queries:
        pressure.observe([told(connector, "ok", calls=1)] * 2)
    assert len(queries) == 1


def test_calls_of_a_connector_without_a_limit_are_not_counted() -> None:
    connector = queued.connector(max_concurrent=3)
    pressure.observe([told(connector, "ok", calls=40)])
    assert not ConnectorState.objects.exists()


# --- Hold -----------------------------------------------------------------------------------------------------------


def test_refused_credentials_hold_the_connector_and_say_so_once() -> None:
    connector, other = queued.connector(waiting=3), queued.connector("Other", waiting=1)
    first = told(connector, "auth", sentence="The key was refused.")
    assert pressure.observe([told(other, "ok"), first, told(connector, "auth", key="wo:2")]) == [first]
    assert pressure.observe([told(connector, "auth", key="wo:3", sentence="Again.")]) == []

    state = state_of(connector)
    assert (state.held_code, state.held_sentence) == ("authentication", "The key was refused.")
    assert state.held_at is not None
    assert {head.connector_id for head in queued.claim()} == {other.pk}
    assert not lanes.any_due()


def test_a_held_connector_is_resumed_in_order() -> None:
    connector = queued.connector(waiting=3)
    assert pressure.hold(connector.pk, code="authentication", sentence="The key was refused.")
    assert not pressure.hold(connector.pk, code="other", sentence="Something else.")
    assert state_of(connector).held_sentence == "The key was refused."
    assert queued.claim() == []

    assert pressure.resume(connector.pk)
    state = state_of(connector)
    assert (state.held_at, state.held_code, state.held_sentence) == (None, "", "")
    assert not pressure.resume(connector.pk)
    keys = [connector.lanes.get(id=queued.claim(free=1)[0].lane_id).key for _ in range(3)]
    assert keys == ["wo:1", "wo:2", "wo:3"]


def test_resume_lets_an_open_breaker_probe_at_once_and_ends_a_wait_that_was_asked_for() -> None:
    connector = queued.connector(waiting=3)
    pressure.observe([*down(connector, 5), told(connector, "neutral", retry_after=600)])
    assert queued.claim() == []
    assert not pressure.resume(connector.pk)  # it was not held
    assert len(queued.claim()) == 1
    assert state_of(connector).breaker == "half_open"


def test_a_connector_without_a_state_has_nothing_to_resume() -> None:
    connector = queued.connector()
    assert not pressure.resume(connector.pk)
    assert not ConnectorState.objects.exists()


def test_credentials_that_are_still_wrong_hold_it_again_with_an_alert_of_their_own() -> None:
    connector = queued.connector(waiting=1)
    pressure.observe([told(connector, "auth")])
    pressure.resume(connector.pk)
    again = told(connector, "auth", sentence="Still refused.")
    assert pressure.observe([again]) == [again]
    assert state_of(connector).held_sentence == "Still refused."


def test_results_of_a_connector_that_is_gone_are_no_trouble() -> None:
    connector = queued.connector()
    gone = told(connector, "down")
    connector.delete()
    assert pressure.observe([gone]) == []
