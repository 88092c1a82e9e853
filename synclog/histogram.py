"""Durations counted by fixed bounds: small to keep, exact to add up, percentiles to within a bucket. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BOUNDS: Final = (
    5, 10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000,
    20_000, 30_000, 60_000, 120_000, 300_000, 900_000, 3_600_000, 10_800_000, 43_200_000, 86_400_000,
)  # fmt: skip
"""Upper bounds in milliseconds, inclusive; the last bucket is for what is longer than a day. Never change their number
or their values without converting the stored rows."""
BUCKETS: Final = len(BOUNDS) + 1


def bucket_of(milliseconds: float) -> int:
    """The index of the bucket that counts this duration."""
    return bisect_left(BOUNDS, milliseconds)


@dataclass(frozen=True)
class Histogram:
    """``counts`` by bucket (shorter than BUCKETS: the rest is 0), ``total_ms`` the sum of the durations."""

    counts: Sequence[int] = ()
    total_ms: float = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def average(self) -> float | None:
        """Milliseconds; None when nothing was counted."""
        return self.total_ms / self.count if self.count else None

    def percentile(self, percent: float) -> float | None:
        """Milliseconds within which ``percent`` of them lie, read between the bounds of a bucket; None without any."""
        if not self.count:
            return None
        wanted, below = self.count * percent / 100, 0
        for place, number in enumerate(self.counts):
            if number and below + number >= wanted:
                low = BOUNDS[place - 1] if place else 0
                high = BOUNDS[place] if place < len(BOUNDS) else low
                return low + (high - low) * (wanted - below) / number
            below += number
        return float(BOUNDS[-1])


NONE: Final = Histogram()
"""Nothing was counted."""
