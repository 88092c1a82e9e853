"""The figures of a stretch of time as plain data, and what follows from them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest

from .histogram import NONE, Histogram


@dataclass(frozen=True, kw_only=True)
class Calls:
    """API calls made; ``failed`` got no answer, or one of 400 and above."""

    count: int = 0
    failed: int = 0
    times: Histogram = NONE


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The figures of a stretch of ``minutes``. ``received`` of one connector are the events that it got a delivery for.

    Outcomes are those of attempts, as the logs tell them: a delivery that failed twice and then arrived counts
    ``retrying`` 2 and ``succeeded`` 1. ``errors`` are failed attempts by class; ``latency`` is from the receipt of the
    event to the end of its last call, of deliveries that succeeded. ``calls`` are by system.
    """

    minutes: float
    received: int = 0
    duplicates: int = 0
    succeeded: int = 0
    skipped: int = 0
    waiting: int = 0
    retrying: int = 0
    dead: int = 0
    latency: Histogram = NONE
    calls: Mapping[str, Calls] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def processed(self) -> int:
        """Deliveries that came to their end."""
        return self.succeeded + self.skipped + self.dead

    @property
    def failures(self) -> int:
        """Attempts that failed, whatever followed."""
        return self.waiting + self.retrying + self.dead

    @property
    def attempts(self) -> int:
        return self.succeeded + self.skipped + self.failures

    @property
    def per_minute(self) -> float:
        """Event Processing Rate: deliveries that came to their end, a minute."""
        return self.processed / self.minutes

    @property
    def received_per_minute(self) -> float:
        return self.received / self.minutes

    @property
    def success_rate(self) -> float | None:
        """Of the deliveries that came to rest, the part that arrived or had nothing to do: 0 to 1; None without any."""
        rested = self.processed + self.waiting
        return (self.succeeded + self.skipped) / rested if rested else None

    @property
    def error_rate(self) -> float | None:
        """Of all attempts, the part that failed: 0 to 1; None without any."""
        return self.failures / self.attempts if self.attempts else None

    @property
    def call_count(self) -> int:
        return sum(calls.count for calls in self.calls.values())

    @property
    def call_failures(self) -> int:
        return sum(calls.failed for calls in self.calls.values())

    @property
    def call_p95(self) -> float | None:
        """Milliseconds within which 95 of 100 calls ended, whichever system; None without any."""
        return added([calls.times for calls in self.calls.values()]).percentile(95)


@dataclass(frozen=True)
class Line:
    """All that ever happened of one connector (None: as received), direction, kind and name. Never goes down."""

    connector_id: int | None
    direction: str
    kind: str
    name: str
    sums: Mapping[str, int]
    times: Histogram


@dataclass(frozen=True)
class Queue:
    """Deliveries that were open ``at`` that time: ``queued`` go on by themselves, ``waiting`` are for a person."""

    at: datetime
    connector_id: int
    direction: str
    queued: int
    waiting: int
    oldest_at: datetime | None


def added(parts: Sequence[Histogram]) -> Histogram:
    """All of these in one."""
    counts = [sum(column) for column in zip_longest(*(part.counts for part in parts), fillvalue=0)]
    return Histogram(counts, sum(part.total_ms for part in parts))


def combined(parts: Sequence[Totals], *, minutes: float) -> Totals:
    """The figures of stretches that follow each other, as those of one."""
    names = ("received", "duplicates", "succeeded", "skipped", "waiting", "retrying", "dead")
    errors: Counter[str] = Counter()
    calls: dict[str, list[Calls]] = {}
    for part in parts:
        errors.update(part.errors)
        for system, made in part.calls.items():
            calls.setdefault(system, []).append(made)
    return Totals(
        minutes=minutes,
        **{name: sum(getattr(part, name) for part in parts) for name in names},
        latency=added([part.latency for part in parts]),
        calls={
            system: Calls(
                count=sum(each.count for each in made),
                failed=sum(each.failed for each in made),
                times=added([each.times for each in made]),
            )
            for system, made in sorted(calls.items())
        },
        errors=dict(sorted(errors.items(), key=lambda item: (-item[1], item[0]))),
    )
