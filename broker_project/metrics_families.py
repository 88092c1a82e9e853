"""The figures in the words of Prometheus: names, labels, cumulative buckets. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from broker_project.lib.version import version
from synclog.histogram import BOUNDS, BUCKETS, Histogram
from synclog.rollups import Line

from .metrics_figures import CAP, OTHER, Figures

OUTCOMES: Final = ("succeeded", "skipped", "waiting", "retrying", "dead")
BREAKERS: Final = {"closed": 0, "half_open": 1, "open": 2}
LATENCY_SECONDS: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 43200)
CALL_SECONDS: Final = (0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
"""Some of the bounds that are kept, so that 200 connectors stay readable."""

SAMPLED: Final = "as beat counts them each minute; left out when it did not."

Labels = tuple[str, ...]
Sums = dict[Labels, float]


class Families(Collector):
    """Gives the families of ``figures``."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from _events(self._figures)
        yield from _attempts(self._figures)
        yield from _durations(self._figures)
        yield from _queue(self._figures)
        yield from _connectors(self._figures)
        yield from _processes(self._figures)


def _events(figures: Figures) -> Iterator[Metric]:
    lines = [line for line in figures.lines if line.kind == "deliveries"]
    both = ("connector", "direction")
    yield _counter(
        "broker_events_received",
        "Events that came in, repeats left out. The label connector is empty for those of a whole company.",
        both,
        _added(figures, lines, lambda line: line.sums["received"]),
    )
    yield _counter(
        "broker_events_duplicate",
        "Events that came in again and were dropped.",
        both,
        _added(figures, lines, lambda line: line.sums["duplicates"]),
    )
    yield _counter(
        "broker_events_routed",
        "Events that a connector got a delivery for.",
        both,
        _added(figures, [line for line in lines if line.connector_id is not None], lambda line: line.sums["routed"]),
    )


def _attempts(figures: Figures) -> Iterator[Metric]:
    lines = [line for line in figures.lines if line.kind == "deliveries" and line.connector_id is not None]
    attempts: Sums = {}
    for outcome in OUTCOMES:
        sums = _added(figures, lines, lambda line, name=outcome: line.sums[name])  # type: ignore[misc]
        attempts |= {(*labels, outcome): value for labels, value in sums.items()}
    yield _counter(
        "broker_attempts",
        "Attempts at deliveries by how they ended: succeeded, skipped (nothing to do), waiting (for a person), "
        "retrying (failed, tried again), dead (given up).",
        ("connector", "direction", "outcome"),
        attempts,
    )
    failed = [line for line in figures.lines if line.kind == "errors"]
    yield _counter(
        "broker_failed_attempts",
        "Attempts that failed, by class of error.",
        ("connector", "direction", "error_class"),
        _added(figures, failed, lambda line: line.sums["count"], named=True),
    )


def _durations(figures: Figures) -> Iterator[Metric]:
    lines = [line for line in figures.lines if line.kind == "deliveries" and line.connector_id is not None]
    calls = [line for line in figures.lines if line.kind == "calls"]
    yield _histogram(
        "broker_delivery_latency_seconds",
        "From the receipt of an event to the end of its last call, of deliveries that succeeded.",
        ("connector", "direction"),
        _times(figures, lines),
        LATENCY_SECONDS,
    )
    labels = ("connector", "direction", "system")
    yield _histogram(
        "broker_api_call_duration_seconds",
        "Calls to the external system and to Field Nation.",
        labels,
        _times(figures, calls, named=True),
        CALL_SECONDS,
    )
    yield _counter(
        "broker_api_call_errors",
        "Calls that got no answer, or one with a status of 400 and above.",
        labels,
        _added(figures, calls, lambda line: line.sums["failed"], named=True),
    )


def _queue(figures: Figures) -> Iterator[Metric]:
    both = ("connector", "direction")
    if figures.queue is not None:
        queued, waiting, ages = _zeros(figures), _zeros(figures), _zeros(figures)
        for row in figures.queue:
            place = _of(figures, row.connector_id, row.direction)
            queued[place] += row.queued
            waiting[place] += row.waiting
            age = (figures.at - row.oldest_at).total_seconds() if row.oldest_at else 0.0
            ages[place] = max(ages[place], age)
        yield _gauge("broker_queue_deliveries", f"Deliveries that wait for their turn, {SAMPLED}", both, queued)
        yield _gauge("broker_waiting_deliveries", f"Deliveries that wait for a person, {SAMPLED}", both, waiting)
        yield _gauge("broker_queue_oldest_age_seconds", "Age of the oldest that waits for its turn.", both, ages)
    dead = _zeros(figures)
    for (connector, direction), count in figures.dead.items():
        dead[_of(figures, connector, direction)] += count
    yield _gauge("broker_dead_letters", f"Dead letters to decide about; {CAP:,} are counted at most.", both, dead)


def _zeros(figures: Figures) -> defaultdict[Labels, float]:
    """Nothing yet, for each connector and direction."""
    zeros: defaultdict[Labels, float] = defaultdict(float)
    for system in figures.systems:
        zeros |= {_of(figures, system.id, direction): 0.0 for direction in ("outbound", "inbound")}
    return zeros


def _of(figures: Figures, connector_id: int | None, direction: str) -> Labels:
    """Labels of a connector, also of one that was made or removed while the figures were read."""
    return (figures.names.get(connector_id or 0, OTHER), direction)


def _connectors(figures: Figures) -> Iterator[Metric]:
    blocked: Sums = {}
    breaker: Sums = {}
    held: Sums = {}
    active: Sums = {}
    for system in figures.systems:
        place = (figures.names[system.id],)
        blocked[place] = blocked.get(place, 0) + figures.blocked.get(system.id, 0)
        breaker[place] = max(breaker.get(place, 0), BREAKERS.get(system.breaker, 0))
        held[place] = held.get(place, 0) + system.is_held
        active[place] = active.get(place, 0) + (system.status == "active")
    label = ("connector",)
    yield _gauge("broker_blocked_lanes", "Records whose deliveries only a person brings on.", label, blocked)
    yield _gauge("broker_breaker_state", "Circuit breaker: 0 closed, 1 half open, 2 open.", label, breaker)
    yield _gauge("broker_connector_held", "1 while nothing is sent until a person resumes it.", label, held)
    yield _gauge("broker_connector_active", "1 unless it is paused or disabled.", label, active)


def _processes(figures: Figures) -> Iterator[Metric]:
    for kind, help_text in (("worker", "Workers"), ("beat", "Processes of beat")):
        sums: Sums = {(name,): count for name, count in figures.alive[kind].items()} or {(version(),): 0}
        yield _gauge(f"broker_{kind}s_alive", f"{help_text} that were heard of within a minute.", ("version",), sums)


# --- writing them down --------------------------------------------------------------------------------------------


def _place(figures: Figures, line: Line, named: bool) -> Labels:
    connector = "" if line.connector_id is None else figures.names[line.connector_id]
    return (connector, line.direction, line.name) if named else (connector, line.direction)


def _added(figures: Figures, lines: Sequence[Line], value: Callable[[Line], int], *, named: bool = False) -> Sums:
    sums: defaultdict[Labels, float] = defaultdict(float)
    for line in lines:
        sums[_place(figures, line, named)] += value(line)
    return sums


def _times(figures: Figures, lines: Sequence[Line], *, named: bool = False) -> dict[Labels, Histogram]:
    found: dict[Labels, Histogram] = {}
    for line in lines:
        place = _place(figures, line, named)
        before = found.get(place)
        found[place] = line.times if before is None else _both(before, line.times)
    return found


def _both(one: Histogram, other: Histogram) -> Histogram:
    counts = [a + b for a, b in zip(_full(one), _full(other), strict=True)]
    return Histogram(counts, one.total_ms + other.total_ms)


def _full(times: Histogram) -> list[int]:
    return [*times.counts, *[0] * (BUCKETS - len(times.counts))]


def _counter(name: str, text: str, labels: Sequence[str], sums: Sums) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, total in sorted(sums.items()):
        family.add_metric(values, total)
    return family


def _gauge(name: str, text: str, labels: Sequence[str], sums: Sums) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in sorted(sums.items()):
        family.add_metric(values, value)
    return family


def _histogram(
    name: str, text: str, labels: Sequence[str], found: dict[Labels, Histogram], bounds: Sequence[float]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=labels)
    places = [bisect_right(BOUNDS, bound * 1000) for bound in bounds]
    for values, times in sorted(found.items()):
        below = list(accumulate(_full(times), initial=0))
        buckets = [(str(float(bound)), float(below[place])) for bound, place in zip(bounds, places, strict=True)]
        family.add_metric(values, [*buckets, ("+Inf", float(below[-1]))], sum_value=times.total_ms / 1000)
    return family
