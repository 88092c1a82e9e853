"""The buckets of /metrics are sums of those that are kept, to the very bound."""

from __future__ import annotations

import pytest
from django.utils import timezone
from prometheus_client import CollectorRegistry

from broker_project.metrics_families import CALL_SECONDS, LATENCY_SECONDS, Families
from broker_project.metrics_figures import Figures
from synclog.histogram import BOUNDS, BUCKETS, Histogram, bucket_of
from synclog.rollups import Line


def bucket(name: str, bound: str, milliseconds: list[float]) -> float | None:
    """The bucket of this bound after these durations."""
    counts = [0] * BUCKETS
    for duration in milliseconds:
        counts[bucket_of(duration)] += 1
    times = Histogram(counts, sum(milliseconds))
    nothing = dict.fromkeys(("received", "routed", "duplicates", "count", "failed", "dead", "succeeded", "skipped",
                             "waiting", "retrying"), 0)  # fmt: skip
    lines = [Line(1, "outbound", kind, part, nothing, times) for kind, part in (("deliveries", ""), ("calls", "x"))]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(
        Families(
            Figures(
                at=timezone.now(), lines=lines, systems=[], queue=None, blocked={}, dead={},
                alive={"worker": {}, "beat": {}}, names={1: "One #1"},
            )
        )
    )  # fmt: skip
    labels = {"connector": "One #1", "direction": "outbound", "le": bound}
    if name == "broker_api_call_duration_seconds":
        labels["system"] = "x"
    return registry.get_sample_value(f"{name}_bucket", labels)


@pytest.mark.parametrize(
    ("name", "bounds"),
    [("broker_delivery_latency_seconds", LATENCY_SECONDS), ("broker_api_call_duration_seconds", CALL_SECONDS)],
)
def test_each_bound_takes_in_what_is_as_long_and_leaves_out_what_is_longer(name: str, bounds: tuple[float]) -> None:
    for seconds in bounds:
        assert seconds * 1000 in BOUNDS  # else the kept buckets could not tell
        assert bucket(name, str(float(seconds)), [seconds * 1000]) == 1
        assert bucket(name, str(float(seconds)), [seconds * 1000 + 0.01]) == 0
    assert bucket(name, "+Inf", [1e12, 1]) == 2


def test_a_histogram_that_was_kept_short_is_filled_with_nothing() -> None:
    assert bucket("broker_delivery_latency_seconds", "0.05", []) == 0
