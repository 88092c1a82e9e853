"""The doors: store what came in, drop repeats, route it, commit. After the commit nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from broker_project.lib.ids import new_id
from connectors.models import Company
from synclog.models import SyncLog
from synclog.write import write

from .coalesce import coalesce
from .earlier import before_each
from .group_commit import Group
from .intake import NewDelivery, NewEvent, store
from .models import Event, EventSource
from .nudge import nudge
from .route import ConnectorFacts, NoMatch, route
from .sentences import explain
from .versions import Standing, current_of


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
    incoming: Sequence[Incoming],
    *,
    company: Company,
    door: str,
    source: EventSource | None = None,
    only_trigger: int | None = None,
) -> list[Accepted]:
    """Store and route work-order events of one company in one transaction; answers stand in the order given.

    ``only_trigger`` is the id of the one event trigger that they are meant for.
    """
    with transaction.atomic():
        connectors = connector_facts(company, (event.event_type for event in incoming))
        if only_trigger is not None:
            connectors = _only(only_trigger, connectors)
        earlier = before_each(incoming, company_id=company.pk, connectors=connectors)
        arrivals = [_arrival(event, connectors, before) for event, before in zip(incoming, earlier, strict=True)]
        fresh = store(
            [_new_event(arrival) for arrival in arrivals],
            [delivery for arrival in arrivals for delivery in arrival.deliveries],
            door=door,
            company_id=company.pk,
            source_id=source.pk if source else None,
        )
        known = [arrival.event for arrival in arrivals if arrival.id not in fresh]
        originals = _originals(company, [event.dedupe_key for event in known])
        new = [arrival for arrival in arrivals if arrival.id in fresh]
        logs = [log for arrival in new for log in _logs_of(arrival, company, connectors)]
        logs += coalesce(
            [delivery for arrival in new for delivery in arrival.deliveries],
            newest_only={facts.id: facts.newest_only for facts in connectors},
        )
        write([*logs, *(_duplicate_log(originals[event.dedupe_key or ""], event) for event in known)])
        if any(not delivery.sentence for arrival in new for delivery in arrival.deliveries):
            nudge()  # for those that are not held; a resumed connector's are found by the sweep
    return [
        Accepted(id=arrival.id, duplicate_of=None, deliveries=len(arrival.deliveries))
        if arrival.id in fresh
        else _repeat_of(originals[arrival.event.dedupe_key or ""])
        for arrival in arrivals
    ]


_groups: dict[tuple[int, str, int | None], Group[Incoming, Accepted]] = {}


def accept_event(event: Incoming, *, company: Company, door: str, source: EventSource | None = None) -> Accepted:
    """As ``accept_events`` for one event, in one transaction with those that other threads bring at this moment.

    Not inside a transaction: another thread may store the event, and that is committed whatever the caller does.
    """
    sender = (company.pk, door, source.pk if source else None)
    group = _groups.get(sender) or _groups.setdefault(sender, Group())
    return group.submit(event, lambda batch: accept_events(batch, company=company, door=door, source=source))


def _repeat_of(original: UUID) -> Accepted:
    return Accepted(id=original, duplicate_of=original, deliveries=0)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What an event leads to if it is new: its deliveries, and where there is nothing to do."""

    id: UUID
    event: Incoming
    deliveries: Sequence[NewDelivery] = ()
    others: Sequence[NoMatch] = ()


def _only(trigger_id: int, connectors: Iterable[ConnectorFacts]) -> list[ConnectorFacts]:
    """The connector of this trigger, with no other trigger."""
    return [
        replace(facts, triggers=[trigger])
        for facts in connectors
        for trigger in facts.triggers
        if trigger.id == trigger_id
    ]


def _arrival(event: Incoming, connectors: Sequence[ConnectorFacts], previous: Mapping[str, Any] | None) -> _Arrival:
    id = new_id()
    if event.no_event_code:
        return _Arrival(id, event)
    matches, others = route(
        event_type=event.event_type, payload=event.payload, connectors=connectors, previous=previous
    )
    deliveries = [
        NewDelivery(
            id=new_id(),
            event_id=id,
            connector_id=match.connector.id,
            trigger_id=match.trigger.id,
            action=match.trigger.action,
            lane_key=f"wo:{event.work_order_id}",
            sentence=match.held,
            work_order_id=event.work_order_id,
        )
        for match in matches
    ]
    return _Arrival(id, event, deliveries, others)


def _new_event(arrival: _Arrival) -> NewEvent:
    event = arrival.event
    return NewEvent(
        id=arrival.id,
        event_type=event.event_type,
        received_name=event.received_name,
        work_order_id=event.work_order_id,
        occurred_at=event.occurred_at,
        payload=event.payload,
        dedupe_key=event.dedupe_key,
        trace=event.trace,
    )


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
    """The company's connectors with their triggers for these events, in one query unless something was changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.name, c.status, c.id, c.version, c.is_stale, v.digest
            FROM connectors_connector AS c
            LEFT JOIN events_configversion AS v ON v.connector_id = c.id AND v.number = c.version
            WHERE c.company_id = %s ORDER BY c.id
            """,
            [company.pk],
        )
        rows = [(name, status, Standing(*row)) for name, status, *row in cursor.fetchall()]
    wanted = sorted(set(event_types))
    configs = current_of([standing for _, _, standing in rows])
    return [
        ConnectorFacts(
            id=config.connector_id,
            name=name,
            status=status,
            triggers=[trigger for event_type in wanted for trigger in config.ticked.get(event_type, ())],
            version=config.number,
            newest_only=[trigger.id for trigger in config.triggers.values() if trigger.delivery_mode == "newest"],
        )
        for name, status, standing in rows
        if (config := configs.get(standing.connector_id))
    ]


def _logs_of(arrival: _Arrival, company: Company, connectors: Sequence[ConnectorFacts]) -> list[SyncLog]:
    """Why nothing, or less than one might expect, follows from a new event."""
    id, event = arrival.id, arrival.event
    if event.no_event_code:
        why = explain(event.no_event_code, name=event.received_name)
        return [_event_log(id, event, event.no_event_code, why)]
    if not connectors:
        return [_event_log(id, event, "no_connector", explain("no_connector", company=company.name))]
    return [_no_match_log(id, event, other) for other in arrival.others]


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
