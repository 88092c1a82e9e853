"""Jobs: long work that a person started, done step by step by whichever worker comes by.

A worker takes a due job by moving its next step forward by a lease; a worker that dies leaves the lease to run out,
and the step is done again. A step counts only while the job's cursor is still where the step began, so one that was
done twice is counted once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from psycopg.types.json import Jsonb

from broker_project.lib.errors import BrokerError, RateLimited, Retryable, Unavailable
from connectors.models import Company, Connector

from . import catch_up, replay_jobs, resync
from .job_step import Step, pause_after
from .models import Job
from .nudge import nudge_jobs
from .sentences import explain

logger = logging.getLogger(__name__)

LEASE_SECONDS = 120.0
"""Longer than a few HTTP calls take that all run into their time limit."""
RETRY_SECONDS = 30.0
"""Pause after a step that failed for a reason that passes by itself."""

STEPS: Final[dict[str, Callable[[Job], Step]]] = {
    # One line a kind. The modules named here import Step from .job_step, not from here.
    Job.Kind.RETRY: replay_jobs.retry,
    Job.Kind.DISCARD: replay_jobs.discard,
    Job.Kind.CATCH_UP: catch_up.step,
    Job.Kind.RESYNC_WORK_ORDERS: resync.work_orders,
    Job.Kind.RESYNC_RECORDS: resync.records,
}

WITH_PROGRESS: Final = frozenset({Job.Kind.RETRY, Job.Kind.DISCARD, Job.Kind.RESYNC_RECORDS})
"""Kinds whose steps make no HTTP call: step and progress are one transaction, so the count is exact."""


class _Overtaken(Exception):
    """Another worker did this step meanwhile."""


def start(
    kind: str,
    *,
    user: str,
    parameters: Mapping[str, Any],
    company: Company | None = None,
    connector: Connector | None = None,
    per_minute: int | None = None,
    total: int | None = None,
) -> Job:
    """Store a job that begins at once, at most ``per_minute`` items a minute. ``parameters`` are plain values."""
    job = Job.objects.create(
        kind=kind,
        user=user,
        parameters=dict(parameters),
        company=company or (connector.company if connector else None),
        connector=connector,
        per_minute=per_minute,
        total=total,
    )
    _begin(job.pk, states=[Job.State.RUNNING], sentence="")
    job.refresh_from_db()
    return job


def stop(job: Job, *, user: str) -> bool:
    """Stop a running job; False when it does not run. The step under way is finished and counted."""
    sentence = explain("job_stopped", user=user)
    rows = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING)
    return bool(rows.update(state=Job.State.STOPPED, next_step_at=None, sentence=sentence))


def resume(job: Job, *, user: str) -> bool:
    """Let a stopped or failed job go on from where it was; False when it is neither."""
    return _begin(job.pk, states=[Job.State.STOPPED, Job.State.FAILED], sentence=explain("job_continued", user=user))


def run_due(seconds: float = 2.0) -> int:
    """Do steps of due jobs until none is due or ``seconds`` have passed; return how many were done.

    A step is never broken off. Raises the database's own errors; the step is then done again when its lease ends.
    """
    until = time.monotonic() + seconds
    steps = 0
    while (job := _claim()) is not None:
        _run(job)
        steps += 1
        if time.monotonic() >= until:
            break
    return steps


def any_due() -> bool:
    """Whether a job waits for its next step now."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS ({_DUE})", [list(STEPS)])
        return bool(cursor.fetchone()[0])


# A kind that this version does not know is left to the workers of a newer one.
_DUE = """
SELECT id FROM events_job
WHERE next_step_at <= statement_timestamp() AND state = 'running' AND kind = ANY(%s)
  AND NOT EXISTS (SELECT 1 FROM events_drain)
"""


def _claim() -> Job | None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE events_job SET next_step_at = statement_timestamp() + make_interval(secs => %s)
            WHERE id = ({_DUE} ORDER BY next_step_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id
            """,  # noqa: S608 - constants only
            [LEASE_SECONDS, list(STEPS)],
        )
        row = cursor.fetchone()
    return Job.objects.select_related("company", "connector").get(pk=row[0]) if row else None


def _run(job: Job) -> None:
    step_of = STEPS[job.kind]
    try:
        if job.kind in WITH_PROGRESS:
            with transaction.atomic():
                _record(job, step_of(job))
        else:
            _record(job, step_of(job))
    except _Overtaken:
        logger.info("A step of job %s was done by another worker meanwhile.", job.pk)
    except (OperationalError, InterfaceError):
        raise
    except Retryable as error:
        _wait(job, error)
    except BrokerError as error:
        _fail(job, explain("job_failed", cause=error.sentence))
    except Exception as error:  # the worker boundary: a bug ends this job and no other
        logger.exception("Job %s failed inside the broker.", job.pk)
        _fail(job, explain("job_bug", error=type(error).__name__))


def _record(job: Job, step: Step) -> None:
    """Count the step. Raises _Overtaken when the job has moved on since it was claimed."""
    values: dict[str, Any] = {
        "id": job.pk,
        "done": step.done,
        "left": step.left_alone,
        "cursor": Jsonb(dict(step.cursor)),
        "before": Jsonb(job.cursor),
        "sentence": step.sentence[:1000],
        "finished": step.finished,
        "pause": pause_after(step, job.per_minute),
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE events_job SET
                done = done + %(done)s, left_alone = left_alone + %(left)s, cursor = %(cursor)s,
                sentence = CASE WHEN state = 'running' OR %(finished)s THEN %(sentence)s ELSE sentence END,
                state = CASE WHEN %(finished)s THEN 'finished' ELSE state END,
                finished_at = CASE WHEN %(finished)s THEN statement_timestamp() END,
                next_step_at = CASE WHEN state = 'running' AND NOT %(finished)s
                                    THEN statement_timestamp() + make_interval(secs => %(pause)s) END
            WHERE id = %(id)s AND state IN ('running', 'stopped') AND cursor = %(before)s
            """,
            values,
        )
        if not cursor.rowcount:
            raise _Overtaken


def _wait(job: Job, error: Retryable) -> None:
    """A remote that is busy or away ends no job: it goes on later, until somebody stops it."""
    asked = error.retry_after if isinstance(error, RateLimited | Unavailable) else None
    seconds = RETRY_SECONDS if asked is None else asked
    sentence = explain("job_waits", cause=error.sentence, seconds=round(seconds))
    try:
        _record(job, Step(cursor=job.cursor, sentence=sentence, wait_seconds=seconds))
    except _Overtaken:
        logger.info("Job %s went on with another worker meanwhile.", job.pk)


def _fail(job: Job, sentence: str) -> None:
    values: list[Any] = [sentence[:1000], job.pk, Jsonb(job.cursor)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE events_job SET state = 'failed', sentence = %s, next_step_at = NULL,
                   finished_at = statement_timestamp()
            WHERE id = %s AND state = 'running' AND cursor = %s
            """,
            values,
        )


def _begin(id: UUID, *, states: list[Job.State], sentence: str) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE events_job SET state = 'running', next_step_at = statement_timestamp(), finished_at = NULL,
                   sentence = %s
            WHERE id = %s AND state = ANY(%s)
            """,
            [sentence, id, [state.value for state in states]],
        )
        begun = bool(cursor.rowcount)
        if begun:
            nudge_jobs()
        return begun
