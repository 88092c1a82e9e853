"""Write the results of a batch: states, links, evidence, lanes, in one transaction.

The state changes only under a claim that still holds. A worker that lost its lease keeps its evidence and the link
to a record that it created, since both are facts; the delivery itself belongs to the next worker.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from django.db import DataError, IntegrityError, ProgrammingError, transaction

from broker_project.lib.ids import new_id
from broker_project.lib.log_context import about
from synclog.models import SyncLog
from synclog.write import CallRow, LogRow, write, write_rows

from . import figures, lanes, pairs, states
from .models import Delivery
from .outcome import Link, failed
from .pairs import Settled
from .pressure import Observation, observe
from .sentences import explain
from .states import Move, State
from .work import Work

logger = logging.getLogger(__name__)

LOG_OUTCOMES = {
    State.SUCCEEDED: SyncLog.Outcome.SUCCEEDED,
    State.SKIPPED: SyncLog.Outcome.SKIPPED,
    State.PENDING: SyncLog.Outcome.WAITING,
    State.RETRYING: SyncLog.Outcome.RETRYING,
    State.WAITING: SyncLog.Outcome.WAITING,
    State.DEAD: SyncLog.Outcome.DEAD,
}


def settle(results: Sequence[Settled]) -> None:
    """Store the results of finished work and give its lanes back.

    A result that the database refuses must not keep the others from being stored: they are then stored one by one,
    and that one is parked with the reason.
    """
    if not results:
        return
    try:
        _settle(results)
    except (DataError, IntegrityError, ProgrammingError) as error:
        if len(results) == 1:
            work = results[0].work
            with about(event_id=work.delivery.event_id, delivery_id=work.delivery.id, connector_id=work.target.id):
                logger.exception("The result of a delivery could not be stored; it is parked.")
            _settle([_parked(results[0], error)])
            return
        logger.exception("A batch of %s results could not be stored; storing them one by one.", len(results))
        for result in results:
            settle([result])


def give_back(works: Sequence[Work]) -> None:
    """Undo the start of attempts of which nothing was done: nothing is counted, logged or left claimed."""
    if not works:
        return
    with transaction.atomic():
        held = lanes.lock_held([work.lane_id for work in works], claim_ids=[work.claim_id for work in works])
        mine = [work for work in works if work.lane_id in held]
        observe([_unused(work) for work in works])
        states.move([Move(id=w.delivery.id, to=State.PENDING, attempt=w.attempt, counted=False) for w in mine])
        pairs.release([work for work in mine if not work.create_unsettled])
        lanes.release([work.lane_id for work in mine])


def _unused(work: Work) -> Observation:
    """No call was made: the token that the claim took is put back."""
    return Observation(connector_id=work.target.id, lane_key=work.delivery.lane_key, verdict="neutral", calls=0)


def _parked(result: Settled, error: Exception) -> Settled:
    """The result without its evidence, which may be what the database refused."""
    done = result.outcome
    parked = replace(
        failed(error, attempt=result.work.attempt, max_attempts=1),
        link=done.link,
        external_id=done.external_id,
        work_order_id=done.work_order_id,
        forget=True,
    )
    return replace(result, outcome=parked)


def _settle(results: Sequence[Settled]) -> None:
    with transaction.atomic():
        held = lanes.lock_held(
            [result.work.lane_id for result in results], claim_ids=[result.work.claim_id for result in results]
        )
        mine = [result for result in results if result.work.lane_id in held]
        newly_held = observe([_observation(result) for result in results])  # before links: see pressure.observe
        moved = states.move([_move(result) for result in mine])
        figures.count(results, moved=moved)
        pairs.store([result for result in results if result.outcome.link is Link.STORE])
        pairs.release([result.work for result in mine if result.outcome.link is Link.RELEASE])
        pairs.remember(mine)
        _keep_conflicts([result for result in mine if result.outcome.conflict])
        resolved = _resolve_dead([result for result in mine if _carries_all(result)])
        write(resolved)
        _write_logs(results, held)
        lanes.release([result.work.lane_id for result in mine])
        _alert(newly_held)


def _move(result: Settled) -> Move:
    work, outcome = result.work, result.outcome
    return Move(
        id=work.delivery.id,
        to=outcome.state,
        reason=outcome.code,
        sentence=outcome.sentence,
        attempt=work.attempt,
        wait_seconds=outcome.wait_seconds,
        counted=outcome.counted,
        done_operations=outcome.done_operations,
        work_order_id=outcome.work_order_id,
        external_id=outcome.external_id,
    )


def _carries_all(result: Settled) -> bool:
    """Whether what an earlier update of the record left undone is done now."""
    outcome, work = result.outcome, result.work
    done = outcome.state is State.SUCCEEDED or outcome.code == "no_change"
    return done and work.delivery.action in ("update", "sync") and not work.target_object


def _resolve_dead(results: Sequence[Settled]) -> list[SyncLog]:
    """Earlier dead letters of the same record and direction that these successes make up for."""
    found = states.resolve_dead(
        [(d.connector_id, d.lane_key, d.direction, d.id, d.seq) for d in (r.work.delivery for r in results)],
        sentence=explain("resolved_later"),
    )
    return [
        SyncLog(
            connector_id=row.connector_id,
            direction=row.direction,
            outcome=SyncLog.Outcome.NOTE,
            code="resolved_later",
            sentence=explain("resolved_later"),
            work_order_id=row.work_order_id,
            external_id=row.external_id,
            event_id=row.event_id,
            delivery_id=row.id,
            details={"by": str(row.by)},
        )
        for row in found
    ]


def _keep_conflicts(results: Sequence[Settled]) -> None:
    for result in results:  # a conflict under review is rare
        conflict = {"fields": list(result.outcome.conflict), "choices": dict(result.work.choices)}
        Delivery.objects.filter(pk=result.work.delivery.id).update(conflict=conflict)


def _observation(result: Settled) -> Observation:
    outcome, work = result.outcome, result.work
    return Observation(
        connector_id=work.target.id,
        lane_key=work.delivery.lane_key,
        verdict=outcome.verdict,
        sentence=outcome.cause or outcome.sentence,
        retry_after=outcome.retry_after,
        calls=outcome.external_calls,
    )


def _alert(held: Sequence[Observation]) -> None:
    """One log row for each connector that is held from now on."""
    write(
        [
            SyncLog(
                connector_id=observation.connector_id,
                direction=SyncLog.Direction.OUTBOUND,
                outcome=SyncLog.Outcome.WAITING,
                code="connector_held",
                sentence=explain("connector_held", cause=observation.sentence),
            )
            for observation in held
        ]
    )


def _write_logs(results: Sequence[Settled], held: set[int]) -> None:
    logs: list[LogRow] = []
    calls: list[CallRow] = []
    for result in results:
        log = _log(result, result.work.lane_id in held)
        logs.append(log)
        calls.extend(
            CallRow(
                log_id=log.id,
                position=position,
                purpose=exchange.purpose,
                method=exchange.method,
                url=exchange.url,
                status=exchange.status,
                error=exchange.error,
                started_at=exchange.started_at,
                duration_ms=exchange.duration_ms,
                request_headers=exchange.request_headers,
                request_body=exchange.request_body if result.work.target.keep_bodies else "",
                response_headers=exchange.response_headers,
                response_body=exchange.response_body if result.work.target.keep_bodies else "",
            )
            for position, exchange in enumerate(result.outcome.exchanges)
        )
    write_rows(logs, calls)


def _log(result: Settled, held: bool) -> LogRow:
    work, outcome = result.work, result.outcome
    delivery = work.delivery
    details = dict(outcome.details)
    details["version"] = work.config.number
    if work.trigger:
        event_type = work.trigger.event_type
        details["trigger"] = {"id": delivery.trigger_id, "event": event_type, "action": delivery.action}
    sentence = outcome.sentence
    if work.interrupted:
        sentence = f"{explain('attempt_interrupted', attempt=work.attempt - 1)} {sentence}"
    if not held:
        details["late"] = True
        sentence = f"{explain('lease_lost')} {sentence}"
    return LogRow(
        id=new_id(),
        connector_id=work.target.id,
        direction=delivery.direction,
        outcome=LOG_OUTCOMES[outcome.state].value,
        code=outcome.code,
        sentence=sentence,
        event_type=delivery.event.event_type,
        work_order_id=outcome.work_order_id or work.work_order_id,
        external_id=outcome.external_id or work.external_id,
        correlation_id=work.correlation,
        event_id=delivery.event_id,
        delivery_id=delivery.id,
        attempt=work.attempt,
        received_at=delivery.event.received_at,
        duration_ms=sum(exchange.duration_ms for exchange in outcome.exchanges),
        user="",
        details=details,
    )
