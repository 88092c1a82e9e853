"""The doors: store what came in, drop repeats, route it, commit. After the commit nothing is lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from broker_project.lib.ids import new_id
from connectors.models import Company
from synclog.models import SyncLog
from synclog.write import write

from .lanes import insert_deliveries, open_lanes
from .models import Delivery, Event, EventSource
from .nudge import nudge
from .route import ConnectorFacts, NoMatch, TriggerFacts, route
from .sentences import explain


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One event at a door, parsed. ``payload`` is stored as it is; ``event_type`` is empty when the catalogue has no
    event for it, with ``no_event_code`` and ``received_name`` saying why."""

    event_type: str
    received_name: str
    work_order_id: int | None
    occurred_at: datetime | None
    payload: dict[str, Any]
    dedupe_key: str | None
    trace: dict[str, Any] = field(default_factory=dict)
    caution: str = ""
    no_event_code: str = ""


@dataclass(frozen=True)
class Accepted:
    """Answer for one event: its id, or of which event it is a duplicate, and how many deliveries it made."""

    id: UUID
    duplicate_of: UUID | None
    deliveries: int


def accept_events(
    incoming: Sequence[Incoming], *, company: Company, door: str, source: EventSource | None = None
) -> list[Accepted]:
    """Store and route work-order events of one company in one transaction; answers stand in the order given."""
    ids = [new_id() for _ in incoming]
    with transaction.atomic():
        fresh = _insert_events(ids, incoming, company=company, door=door, source=source)
        known = [event for id, event in zip(ids, incoming, strict=True) if id not in fresh]
        originals = _originals(company, [event.dedupe_key for event in known])
        counts = _route_all([pair for pair in zip(ids, incoming, strict=True) if pair[0] in fresh], company)
        write([_duplicate_log(originals[event.dedupe_key or ""], event) for event in known])
    return [
        Accepted(id=id, duplicate_of=None, deliveries=counts[id])
        if id in fresh
        else _repeat_of(originals[event.dedupe_key or ""])
        for id, event in zip(ids, incoming, strict=True)
    ]


def _repeat_of(original: UUID) -> Accepted:
    return Accepted(id=original, duplicate_of=original, deliveries=0)


_INSERT_EVENTS = """
INSERT INTO events_event (id, kind, door, company_id, source_id, event_type, received_name, work_order_id, external_id,
                          occurred_at, payload, dedupe_key, trace)
SELECT e.id, 'work_order', %s, %s, %s, e.event_type, e.received_name, e.work_order_id, '', e.occurred_at, e.payload,
       e.dedupe_key, e.trace
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::jsonb[], %s::text[], %s::jsonb[])
     WITH ORDINALITY
     AS e(id, event_type, received_name, work_order_id, occurred_at, payload, dedupe_key, trace, place)
ORDER BY e.dedupe_key, e.place
ON CONFLICT (company_id, dedupe_key) DO NOTHING
RETURNING id
"""
# Ordered by key, so that two lists with the same members cannot wait for each other.


def _insert_events(
    ids: Sequence[UUID], incoming: Sequence[Incoming], *, company: Company, door: str, source: EventSource | None
) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_EVENTS,
            [
                door,
                company.pk,
                source.pk if source else None,
                list(ids),
                [event.event_type for event in incoming],
                [event.received_name for event in incoming],
                [event.work_order_id for event in incoming],
                [event.occurred_at for event in incoming],
                [Jsonb(event.payload) for event in incoming],
                [event.dedupe_key for event in incoming],
                [Jsonb(event.trace) for event in incoming],
            ],
        )
        return {row[0] for row in cursor.fetchall()}


def _originals(company: Company, keys: Iterable[str | None]) -> dict[str, UUID]:
    wanted = [key for key in keys if key]
    if not wanted:
        return {}
    return {
        key: id
        for key, id in Event.objects.filter(company=company, dedupe_key__in=wanted).values_list("dedupe_key", "id")
        if key
    }


def connector_facts(company: Company, event_types: Iterable[str]) -> list[ConnectorFacts]:
    """The company's connectors with their triggers for these events, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id, c.name, c.status, t.id, t.event_type, t.action, NULLIF(t.filters, '{}')::text
            FROM connectors_connector AS c
            LEFT JOIN events_eventtrigger AS t
                ON t.connector_id = c.id AND t.is_enabled AND t.event_type = ANY(%s)
            WHERE c.company_id = %s ORDER BY c.id, t.position, t.id
            """,
            [list(set(event_types)), company.pk],
        )
        rows = cursor.fetchall()
    found: dict[int, tuple[str, str, list[TriggerFacts]]] = {}
    for id, name, status, trigger_id, event_type, action, filters in rows:
        triggers = found.setdefault(id, (name, status, []))[2]
        if trigger_id is not None:
            triggers.append(TriggerFacts(trigger_id, event_type, action, filters or ""))
    return [
        ConnectorFacts(id=id, name=name, status=status, triggers=triggers)
        for id, (name, status, triggers) in found.items()
    ]


def _route_all(new: Sequence[tuple[UUID, Incoming]], company: Company) -> dict[UUID, int]:
    """Make the deliveries and the log rows of new events; return the number of deliveries by event."""
    counts: dict[UUID, int] = defaultdict(int)
    if not new:
        return counts
    connectors = connector_facts(company, (event.event_type for _, event in new))
    deliveries: list[Delivery] = []
    logs: list[SyncLog] = []
    for id, event in new:
        if event.no_event_code:
            why = explain(event.no_event_code, name=event.received_name)
            logs.append(_event_log(id, event, event.no_event_code, why))
            continue
        if not connectors:
            logs.append(_event_log(id, event, "no_connector", explain("no_connector", company=company.name)))
        matches, others = route(event_type=event.event_type, payload=event.payload, connectors=connectors)
        logs.extend(_no_match_log(id, event, other) for other in others)
        for match in matches:
            deliveries.append(
                Delivery(
                    event_id=id,
                    connector_id=match.connector.id,
                    trigger_id=match.trigger.id,
                    direction=Delivery.Direction.OUTBOUND,
                    action=match.trigger.action,
                    lane_key=f"wo:{event.work_order_id}",
                    work_order_id=event.work_order_id,
                    sentence=match.held,
                )
            )
            counts[id] += 1
    open_lanes([(delivery.connector_id, delivery.lane_key) for delivery in deliveries])
    insert_deliveries(deliveries)
    write(logs)
    if any(not delivery.sentence for delivery in deliveries):
        nudge()  # for those that are not held; a resumed connector's are found by the sweep
    return counts


def _event_log(id: UUID, event: Incoming, code: str, sentence: str, **more: Any) -> SyncLog:
    return SyncLog(
        direction=SyncLog.Direction.OUTBOUND,
        outcome=more.pop("outcome", SyncLog.Outcome.SKIPPED),
        code=code,
        sentence=sentence,
        event_type=event.event_type or event.received_name,
        work_order_id=event.work_order_id,
        event_id=id,
        details={"caution": event.caution} if event.caution else {},
        **more,
    )


def _no_match_log(id: UUID, event: Incoming, other: NoMatch) -> SyncLog:
    log = _event_log(id, event, other.code, other.sentence, connector_id=other.connector.id)
    if other.trigger:
        log.details["trigger"] = {"id": other.trigger.id, "action": other.trigger.action}
    return log


def _duplicate_log(original: UUID, event: Incoming) -> SyncLog:
    sentence = explain("duplicate", event_id=original)
    log = _event_log(original, event, "duplicate", sentence, outcome=SyncLog.Outcome.DUPLICATE)
    log.details["trace"] = event.trace
    return log
