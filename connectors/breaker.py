"""The circuit breaker of one external system: when to stop calling, when to try again. Pure; brings no clock.

closed ──5 failures in a row──► open ──next_probe_at──► half open ──success──► closed
                                 ▲                          └──failure──► open, for twice as long
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

FAILURES_TO_OPEN = 5
FIRST_WAIT, LONGEST_WAIT = 30.0, 600.0
"""Seconds before the first probe, and before the sixth and each later one."""


class Position(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """``failures`` in a row, of changing records; ``openings`` are failed probes in a row, ``opened_at`` the first
    opening. ``next_probe_at`` is set while it is open only."""

    position: Position = Position.CLOSED
    failures: int = 0
    failing_key: str = ""
    failure: str = ""
    openings: int = 0
    opened_at: datetime | None = None
    next_probe_at: datetime | None = None


def wait_before_probe(openings: int, *, factor: float = 1.0) -> float:
    """Seconds from a failure to the next probe after ``openings`` failed ones: 30, 60, 120, 240, 480, then 600."""
    return min(FIRST_WAIT * 2.0 ** min(openings, 10), LONGEST_WAIT) * factor


def succeeded(breaker: Breaker) -> Breaker:
    """The system answered: all is well again, whatever was before."""
    return Breaker()


def failed(breaker: Breaker, *, key: str, sentence: str, now: datetime, factor: float = 1.0) -> Breaker:
    """The system did not answer for the record ``key``; ``factor`` scales the waits.

    Several failures of one record in a row count once, since the record itself may be the cause. Failures while it is
    open come from calls that were made before, and say nothing new.
    """
    if breaker.position is Position.OPEN:
        return breaker
    if breaker.position is Position.HALF_OPEN:
        after = replace(breaker, failing_key=key, failure=sentence, openings=breaker.openings + 1)
        return _opened(after, now=now, factor=factor)
    another = breaker.failures == 0 or key != breaker.failing_key
    after = replace(breaker, failures=breaker.failures + another, failing_key=key, failure=sentence)
    return _opened(after, now=now, factor=factor) if after.failures >= FAILURES_TO_OPEN else after


def _opened(breaker: Breaker, *, now: datetime, factor: float) -> Breaker:
    return replace(
        breaker,
        position=Position.OPEN,
        opened_at=breaker.opened_at or now,
        next_probe_at=now + timedelta(seconds=wait_before_probe(breaker.openings, factor=factor)),
    )


def probed(breaker: Breaker) -> Breaker:
    """One delivery was let through as a probe."""
    return replace(breaker, position=Position.HALF_OPEN, next_probe_at=None)


def admits(breaker: Breaker, *, under_way: int, now: datetime) -> int | None:
    """How many deliveries may begin; None is no limit.

    ``under_way`` are those of this connector whose lease runs. A probe that ended without a word, or whose worker
    died, is no longer under way, and another one may follow.
    """
    if breaker.position is Position.CLOSED:
        return None
    if breaker.position is Position.OPEN:
        return 1 if breaker.next_probe_at and breaker.next_probe_at <= now else 0
    return 0 if under_way else 1
