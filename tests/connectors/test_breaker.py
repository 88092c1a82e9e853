"""The circuit breaker's decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.breaker import (
    FAILURES_TO_OPEN,
    Breaker,
    Position,
    admits,
    failed,
    probed,
    succeeded,
    wait_before_probe,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after_failures(*keys: str, start: Breaker | None = None) -> Breaker:
    breaker = start or Breaker()
    for key in keys:
        breaker = failed(breaker, key=key, sentence=f"{key} got no answer.", now=NOW)
    return breaker


def opened(**more: object) -> Breaker:
    return replace(after_failures("a", "b", "c", "d", "e"), **more)  # type: ignore[arg-type]


def test_five_failures_in_a_row_of_changing_records_open_it() -> None:
    four = after_failures("a", "b", "c", "d")
    assert four == Breaker(failures=4, failing_key="d", failure="d got no answer.")
    assert after_failures("e", start=four) == Breaker(
        position=Position.OPEN,
        failures=5,
        failing_key="e",
        failure="e got no answer.",
        opened_at=NOW,
        next_probe_at=NOW + timedelta(seconds=30),
    )


def test_two_records_that_take_turns_open_it() -> None:
    assert after_failures("a", "b", "a", "b", "a").position is Position.OPEN


def test_one_failing_record_alone_never_opens_it() -> None:
    breaker = after_failures(*["a"] * 50)
    assert (breaker.position, breaker.failures) == (Position.CLOSED, 1)


def test_a_repeat_of_the_same_record_is_not_counted_again_and_its_newest_sentence_is_kept() -> None:
    breaker = failed(after_failures("a", "b"), key="b", sentence="Still nothing.", now=NOW)
    assert (breaker.failures, breaker.failing_key, breaker.failure) == (2, "b", "Still nothing.")


@pytest.mark.parametrize("position", Position)
def test_a_success_closes_it_and_forgets_everything(position: Position) -> None:
    assert succeeded(opened(position=position, openings=3)) == Breaker()


def test_a_success_in_between_starts_the_count_afresh() -> None:
    breaker = after_failures("e", "f", "g", "h", start=succeeded(after_failures("a", "b", "c", "d")))
    assert (breaker.position, breaker.failures) == (Position.CLOSED, 4)


def test_failures_while_it_is_open_change_nothing() -> None:
    assert failed(opened(), key="z", sentence="Late.", now=NOW + timedelta(seconds=20)) == opened()


def test_a_failed_probe_opens_it_for_twice_as_long_and_keeps_since_when() -> None:
    later = NOW + timedelta(seconds=31)
    again = failed(probed(opened()), key="f", sentence="Still down.", now=later)
    assert again == opened(
        openings=1, failing_key="f", failure="Still down.", next_probe_at=later + timedelta(seconds=60)
    )


def test_the_waits_double_up_to_ten_minutes() -> None:
    assert [wait_before_probe(openings) for openings in (0, 1, 2, 3, 4, 5, 6, 5000)] == [
        30, 60, 120, 240, 480, 600, 600, 600,
    ]  # fmt: skip
    assert wait_before_probe(2, factor=0.01) == pytest.approx(1.2)


def test_a_closed_one_lets_everything_through() -> None:
    assert admits(after_failures("a", "b", "c", "d"), under_way=900, now=NOW) is None


def test_an_open_one_lets_one_probe_through_when_its_time_has_come() -> None:
    assert admits(opened(), under_way=0, now=NOW + timedelta(seconds=29.9)) == 0
    assert admits(opened(), under_way=7, now=NOW + timedelta(seconds=30)) == 1


def test_a_probe_keeps_all_others_out_until_it_is_gone() -> None:
    assert admits(probed(opened()), under_way=1, now=NOW + timedelta(days=1)) == 0
    assert admits(probed(opened()), under_way=0, now=NOW) == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 900))))
def test_whatever_happens_it_is_open_only_with_a_probe_in_sight(history: list[tuple[str, bool, int]]) -> None:
    breaker, now = Breaker(), NOW
    for key, well, seconds in history:
        now += timedelta(seconds=seconds)
        if breaker.position is Position.OPEN and admits(breaker, under_way=0, now=now):
            breaker = probed(breaker)
        breaker = succeeded(breaker) if well else failed(breaker, key=key, sentence="No.", now=now)
        assert (breaker.next_probe_at is not None) == (breaker.position is Position.OPEN)
        assert (breaker.position is Position.CLOSED) == (breaker.failures < FAILURES_TO_OPEN)
        if breaker.next_probe_at:
            assert breaker.next_probe_at <= now + timedelta(seconds=600)
