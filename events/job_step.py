"""What one step of a job did, and how many items it may do at the job's pace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .models import Job

ITEMS = 100
"""Most items of one step: so many take a moment, and are lost together when a worker dies."""
STEPS_PER_MINUTE = 6
"""A paced job is spread over this many steps a minute, so that it does not come in one gush."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """``cursor`` is where the next step begins; it must move on whenever something was done. ``wait_seconds`` is a
    pause that somebody else asked for, such as a Retry-After; the job's own pace is kept by the runner."""

    done: int = 0
    left_alone: int = 0
    cursor: Mapping[str, Any] = field(default_factory=dict)
    finished: bool = False
    sentence: str = ""
    wait_seconds: float = 0.0


def items_per_step(job: Job) -> int:
    """How many items the next step may do, 1 to 100."""
    if not job.per_minute:
        return ITEMS
    return max(1, min(ITEMS, job.per_minute // STEPS_PER_MINUTE))


def pause_after(step: Step, per_minute: int | None) -> float:
    """Seconds from the end of this step to the next one."""
    paced = 60.0 * (step.done + step.left_alone) / per_minute if per_minute else 0.0
    return max(paced, step.wait_seconds)
