"""Write the results of a batch: states, links, evidence, lanes, in one transaction.

The state changes only under a claim that still holds. A worker that lost its lease keeps its evidence and the link
to a record that it created, since both are facts; the delivery itself belongs to the next worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from broker_project.lib.ids import new_id
from synclog.models import ApiCall, SyncLog
from synclog.write import write

from . import lanes, states
from .models import Delivery
from .outcome import Link, Outcome
from .sentences import explain
from .states import Move, State
from .work import Work

LOG_OUTCOMES = {
    State.SUCCEEDED: SyncLog.Outcome.SUCCEEDED,
    State.SKIPPED: SyncLog.Outcome.SKIPPED,
    State.RETRYING: SyncLog.Outcome.RETRYING,
    State.WAITING: SyncLog.Outcome.WAITING,
    State.DEAD: SyncLog.Outcome.DEAD,
}


@dataclass(frozen=True)
class Settled:
    """One piece of work and how it ended."""

    work: Work
    outcome: Outcome


def settle(results: Sequence[Settled]) -> None:
    """Store the results of finished work and give its lanes back."""
    if not results:
        return
    with transaction.atomic():
        held = lanes.lock_held(
            [result.work.lane_id for result in results], claim_ids=[result.work.claim_id for result in results]
        )
        mine = [result for result in results if result.work.lane_id in held]
        states.move([_move(result) for result in mine])
        _store_links([result for result in results if result.outcome.link is Link.STORE])
        _release_claims([result for result in mine if result.outcome.link is Link.RELEASE])
        _write_logs(results, held)
        lanes.release([result.work.lane_id for result in mine])


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


def _store_links(results: Sequence[Settled]) -> None:
    """Complete links: claims of either side give way to the pair; a pair that stands already is left alone."""
    rows = [
        (result.work.target.id, work_order_id, external_id, result.work.correlation, result.outcome.written_back)
        for result in results
        if (work_order_id := result.outcome.work_order_id or result.work.work_order_id)
        and (external_id := result.outcome.external_id or result.work.external_id)
        and (not result.work.linked or result.outcome.written_back)
    ]
    if not rows:
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    values = "unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bool[])"
    names = "AS n(connector_id, work_order_id, external_id, correlation, written_back)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            DELETE FROM mappings_recordlink AS l USING {values} {names}
            WHERE l.connector_id = n.connector_id AND (
                (l.work_order_id = n.work_order_id AND l.external_id IS NULL)
                OR (l.external_id = n.external_id AND l.work_order_id IS NULL))
            """,  # noqa: S608 - constants only
            columns,
        )
        cursor.execute(
            f"""
            INSERT INTO mappings_recordlink (connector_id, work_order_id, external_id, correlation_id, created_at,
                                             updated_at)
            SELECT connector_id, work_order_id, external_id, correlation, statement_timestamp(), statement_timestamp()
            FROM {values} {names} ON CONFLICT DO NOTHING
            """,  # noqa: S608
            columns,
        )
        cursor.execute(
            f"""
            UPDATE mappings_recordlink AS l SET written_back_at = statement_timestamp() FROM {values} {names}
            WHERE n.written_back AND l.connector_id = n.connector_id AND l.work_order_id = n.work_order_id
              AND l.external_id = n.external_id
            """,  # noqa: S608
            columns,
        )


def _release_claims(results: Sequence[Settled]) -> None:
    """Nothing was created for certain: the next delivery may claim afresh."""
    claims = [result.work.delivery.id for result in results if result.work.may_create]
    if not claims:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM mappings_recordlink
            WHERE claimed_by = ANY(%s) AND (work_order_id IS NULL OR external_id IS NULL)
            """,
            [claims],
        )


def _write_logs(results: Sequence[Settled], held: set[int]) -> None:
    logs: list[SyncLog] = []
    calls: list[ApiCall] = []
    for result in results:
        log = _log(result, result.work.lane_id in held)
        logs.append(log)
        calls.extend(
            ApiCall(
                log_id=log.id,
                position=position,
                purpose=exchange.purpose,
                method=exchange.method,
                url=exchange.url,
                status=exchange.status,
                error=exchange.error,
                started_at=exchange.started_at,
                duration_ms=exchange.duration_ms,
                request_headers=dict(exchange.request_headers),
                request_body=exchange.request_body,
                response_headers=dict(exchange.response_headers),
                response_body=exchange.response_body,
            )
            for position, exchange in enumerate(result.outcome.exchanges)
        )
    write(logs, calls)


def _log(result: Settled, held: bool) -> SyncLog:
    work, outcome = result.work, result.outcome
    delivery: Delivery = work.delivery
    details = dict(outcome.details)
    if delivery.trigger:
        event_type = delivery.trigger.event_type
        details["trigger"] = {"id": delivery.trigger_id, "event": event_type, "action": delivery.action}
    sentence = outcome.sentence
    if work.interrupted:
        sentence = f"{explain('attempt_interrupted', attempt=work.attempt - 1)} {sentence}"
    if not held:
        details["late"] = True
        sentence = f"{explain('lease_lost')} {sentence}"
    external_id = outcome.external_id or work.external_id
    return SyncLog(
        id=new_id(),
        connector_id=work.target.id,
        direction=delivery.direction,
        outcome=LOG_OUTCOMES[outcome.state],
        code=outcome.code,
        sentence=sentence,
        event_type=delivery.event.event_type,
        work_order_id=outcome.work_order_id or work.work_order_id,
        external_id=external_id,
        correlation_id=work.correlation,
        event_id=delivery.event_id,
        delivery_id=delivery.id,
        attempt=work.attempt,
        received_at=delivery.event.received_at,
        duration_ms=sum(exchange.duration_ms for exchange in outcome.exchanges),
        details=details,
    )
