"""The token bucket and the slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.throttle import Bucket, slots

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("per_minute", "burst", "capacity"),
    [(600, None, 60), (600, 0, 60), (600, 5, 5), (60, 200, 200), (9, None, 1), (1, None, 1)],
)
def test_without_a_burst_a_tenth_of_a_minute_may_go_at_once(per_minute: int, burst: int | None, capacity: int) -> None:
    assert Bucket(per_minute=per_minute, burst=burst).capacity == capacity


def test_a_new_bucket_is_full() -> None:
    assert Bucket(per_minute=60, burst=10).admits(NOW) == 10


def test_tokens_come_back_one_by_one() -> None:
    empty = Bucket(per_minute=60, burst=10).taken(10, NOW)
    assert [empty.admits(later(seconds)) for seconds in (0, 0.9, 1, 2.5, 10, 3600)] == [0, 0, 1, 2, 10, 10]


def test_a_debt_has_to_be_paid_back_first() -> None:
    owing = Bucket(per_minute=60, burst=3).taken(8, NOW)
    assert owing.level(NOW) == -5
    assert [owing.admits(later(seconds)) for seconds in (0, 5.9, 6, 8, 60)] == [0, 0, 1, 3, 3]


def test_a_token_given_back_does_not_run_over() -> None:
    bucket = Bucket(per_minute=60, burst=3)
    assert bucket.taken(-1, NOW).level(NOW) == 3
    assert bucket.taken(2, NOW).taken(-1, NOW).level(NOW) == 2


def test_a_clock_that_went_back_refills_nothing_twice() -> None:
    bucket = Bucket(per_minute=60, burst=10).taken(10, later(100))
    assert bucket.admits(NOW) == 0
    assert bucket.taken(0, NOW).admits(later(101)) == 1


@given(
    st.integers(1, 6000), st.integers(1, 50),
    st.lists(st.tuples(st.floats(0, 5), st.integers(0, 20)), min_size=1, max_size=30),
)  # fmt: skip
def test_no_more_is_let_through_than_the_burst_and_the_rate(
    per_minute: int, burst: int, asks: list[tuple[float, int]]
) -> None:
    bucket, now, let_through = Bucket(per_minute=per_minute, burst=burst), NOW, 0
    for seconds, wanted in asks:
        now += timedelta(seconds=seconds)
        taken = min(wanted, bucket.admits(now))
        bucket, let_through = bucket.taken(taken, now), let_through + taken
    assert let_through <= burst + (now - NOW).total_seconds() * per_minute / 60 + 1e-6


def test_slots_are_what_is_left_beside_those_under_way() -> None:
    assert [slots(3, under_way=count) for count in (0, 2, 3, 5)] == [3, 1, 0, 0]
