"""When a failed delivery is tried again. Pure: the caller brings the random number and the clock."""

from __future__ import annotations

FIRST_DELAY, LONGEST_DELAY = 30.0, 480.0
"""Seconds before the second attempt, and before the sixth and each later one."""

LONGEST_RETRY_AFTER = 3_600.0
JITTER = 0.1


def delay(attempt: int, *, retry_after: float | None = None, jitter: float = 0.0, factor: float = 1.0) -> float:
    """Seconds to wait before ``attempt`` (the first is 1): 0, 30, 60, 120, 240, then 480.

    ``factor`` scales these waits. ``jitter`` is a random number from 0 to 1 that lengthens the wait by up to a tenth,
    so that a crowd spreads.
    ``retry_after`` (seconds, what the remote asked for) wins when it is longer; at most an hour of it counts.
    """
    if attempt < 1:
        raise ValueError("attempts are counted from 1")
    planned = (
        min(FIRST_DELAY * 2 ** min(attempt - 2, 10), LONGEST_DELAY) * (1 + JITTER * jitter) if attempt > 1 else 0.0
    )
    return max(planned * factor, min(retry_after or 0.0, LONGEST_RETRY_AFTER))


def exhausted(attempts: int, max_attempts: int) -> bool:
    """Whether ``attempts`` made so far were the last; ``max_attempts`` below 1 counts as 1."""
    return attempts >= max(max_attempts, 1)
