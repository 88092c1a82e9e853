"""The published schedule, and how long a remote may make us wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.retry import delay, exhausted


def test_the_published_schedule() -> None:
    assert [delay(attempt) for attempt in range(1, 9)] == [0, 30, 60, 120, 240, 480, 480, 480]


def test_retry_after_wins_when_it_is_longer() -> None:
    assert delay(2, retry_after=90) == 90
    assert delay(2, retry_after=5) == 30
    assert delay(1, retry_after=5) == 5
    assert delay(2, retry_after=86_400) == 3600


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_lengthens_by_a_tenth_at_most(attempt: int, jitter: float) -> None:
    assert delay(attempt) <= delay(attempt, jitter=jitter) <= delay(attempt) * 1.1 + 1e-9


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_are_counted_from_one(attempt: int) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        delay(attempt)


def test_the_last_attempt() -> None:
    assert [exhausted(attempts, 8) for attempts in (1, 7, 8, 9)] == [False, False, True, True]
    assert [exhausted(attempts, 0) for attempts in (0, 1)] == [False, True]
