"""Retry or discard all deliveries of a selection, a step at a time.

The selection is made when the job begins: what comes to wait or dies later, also after this job's own retry, is not
in it, so no delivery is taken twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import Max

from . import replay
from .job_step import Step, items_per_step
from .models import Job
from .selection import Selection
from .sentences import explain


def parameters(selection: Selection, **more: Any) -> tuple[dict[str, Any], int]:
    """The parameters of a job over the selection as it is now, and the number of its deliveries."""
    rows = selection.rows()
    newest = rows.aggregate(newest=Max("seq"))["newest"] or 0
    return {"selection": selection.plain(), "up_to_seq": newest, **more}, rows.filter(seq__lte=newest).count()


def retry(job: Job) -> Step:
    """A step of a retry, with the configuration that parameter ``version`` names."""
    step = _step(job, lambda ids: replay.retry(ids, user=job.user, version=job.parameters["version"]))
    facts = {"done": job.done + step.done, "left": job.left_alone + step.left_alone}
    return replace(step, sentence=explain("job_retried" if step.finished else "job_retrying", **facts))


def discard(job: Job) -> Step:
    """A step of a discard, for the ``reason`` that the parameters give."""
    step = _step(job, lambda ids: replay.discard(ids, user=job.user, reason=job.parameters["reason"]))
    facts = {"done": job.done + step.done, "left": job.left_alone + step.left_alone}
    return replace(step, sentence=explain("job_discarded" if step.finished else "job_discarding", **facts))


def _step(job: Job, act: Callable[[list[UUID]], set[UUID]]) -> Step:
    limit = items_per_step(job)
    found = Selection(**job.parameters["selection"]).next_ids(
        after_seq=job.cursor.get("after_seq", 0), up_to_seq=job.parameters["up_to_seq"], limit=limit
    )
    moved = act([id for id, _ in found]) if found else set()
    return Step(
        done=len(moved),
        left_alone=len(found) - len(moved),
        cursor={"after_seq": found[-1][1]} if found else job.cursor,
        finished=len(found) < limit,
    )
