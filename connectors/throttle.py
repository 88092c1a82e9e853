"""The limits of one external system: a token bucket and the calls under way. Pure: the caller brings the clock.

A delivery takes one token when it begins. When it has ended, the bucket is corrected by the calls it really made, so
it may owe: a delivery of ten calls leaves a debt that the next ones wait for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

BURST_PART = 10
"""Without a burst of its own, a connector may make this part of its calls per minute at once."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """``tokens`` at ``refilled_at``; None is a full bucket. ``burst`` None or 0 is a tenth of ``per_minute``."""

    per_minute: int
    burst: int | None = None
    tokens: float | None = None
    refilled_at: datetime | None = None

    @property
    def capacity(self) -> int:
        return max(1, self.burst or self.per_minute // BURST_PART)

    def level(self, now: datetime) -> float:
        """Tokens at ``now``; below zero is a debt. A clock that went back refills nothing."""
        if self.tokens is None or self.refilled_at is None:
            return float(self.capacity)
        passed = max(0.0, (now - self.refilled_at).total_seconds())
        return min(self.capacity, self.tokens + passed * self.per_minute / 60)

    def admits(self, now: datetime) -> int:
        """How many deliveries may begin."""
        return max(0, int(self.level(now)))

    def taken(self, tokens: int, now: datetime) -> Bucket:
        """The bucket after ``tokens`` were taken; fewer than none are given back, up to the brim."""
        level = min(self.capacity, self.level(now) - tokens)
        return replace(self, tokens=level, refilled_at=max(now, self.refilled_at or now))


def slots(max_concurrent: int, *, under_way: int) -> int:
    """How many deliveries may begin beside those under way."""
    return max(0, max_concurrent - under_way)
