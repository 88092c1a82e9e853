"""Percentiles from buckets are within the bucket that holds the true one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synclog.histogram import BOUNDS, BUCKETS, NONE, Histogram, bucket_of
from synclog.rollup_totals import added

DURATIONS = st.lists(st.floats(min_value=0, max_value=86_400_000), min_size=1, max_size=200)


def of(durations: list[float]) -> Histogram:
    counts = [0] * BUCKETS
    for duration in durations:
        counts[bucket_of(duration)] += 1
    return Histogram(counts, sum(durations))


@given(DURATIONS, st.sampled_from([50, 95, 99, 100]))
def test_a_percentile_lies_in_the_bucket_of_the_true_one(durations: list[float], percent: int) -> None:
    true = sorted(durations)[max(0, -(-len(durations) * percent // 100) - 1)]
    place = bucket_of(true)
    found = of(durations).percentile(percent)
    assert found is not None
    assert (BOUNDS[place - 1] if place else 0) <= found <= BOUNDS[place]


@given(DURATIONS, DURATIONS)
def test_added_histograms_are_those_of_all_durations(first: list[float], second: list[float]) -> None:
    both = added([of(first), of(second)])
    assert list(both.counts) == list(of(first + second).counts)
    assert both.average == pytest.approx(sum(first + second) / len(first + second))


def test_a_bound_belongs_to_the_bucket_below() -> None:
    assert [bucket_of(value) for value in (0, 5, 5.1, 10, 90_000_000)] == [0, 0, 1, 1, BUCKETS - 1]


def test_nothing_has_no_percentile_and_no_average() -> None:
    assert (NONE.percentile(50), NONE.average, NONE.count) == (None, None, 0)


def test_what_is_longer_than_a_day_is_told_as_a_day() -> None:
    assert of([200_000_000.0]).percentile(99) == BOUNDS[-1]
