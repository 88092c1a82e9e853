"""From the chosen events and deliveries to the facts of each connector: everything is read at once, then dealt out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from broker_project.lib.errors import BrokerError
from connectors.models import Connector, ConnectorState
from events import draining
from events.earlier import before_these
from events.models import Delivery, Event, EventTrigger
from mappings.models import FieldMapping
from synclog.models import ApiCall, SyncLog

from . import evidence, surroundings
from .choose import Choice, Record
from .facts import Facts
from .subject import TRIGGER, Asked
from .surroundings import Around


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """What was read for all connectors together."""

    now: datetime
    draining_since: datetime | None
    events: Mapping[UUID, Event]
    before: Mapping[UUID, Mapping[str, Any]]
    decisions: Mapping[tuple[UUID, int | None], SyncLog]
    repeats: Mapping[UUID, int]
    last_logs: Mapping[int, SyncLog]
    attempts: Mapping[UUID, SyncLog]
    calls: Mapping[UUID, Sequence[ApiCall]]
    lines: Mapping[int, evidence.Standing]
    by: Mapping[UUID, Delivery]
    triggers: Mapping[int, Sequence[EventTrigger]]
    rows: Mapping[int, Sequence[FieldMapping]]
    around: Around


def facts_of(
    asked: Asked, connectors: Sequence[Connector], records: Mapping[int, Record], choices: Mapping[int, Choice]
) -> list[Facts]:
    """The facts of these connectors, in their order; the number of queries does not depend on theirs."""
    stored = _read(connectors, records, choices)
    return [_facts(asked, one, records[one.pk], choices[one.pk], stored) for one in connectors]


def _read(connectors: Sequence[Connector], records: Mapping[int, Record], choices: Mapping[int, Choice]) -> _Stored:
    ids = [connector.pk for connector in connectors]
    event_ids = {event_id for key in ids if (event_id := choices[key].event_id) is not None}
    deliveries = [delivery for key in ids if (delivery := choices[key].delivery) is not None]
    decisions, repeats = evidence.decisions(event_ids)
    attempts = evidence.attempts([delivery.pk for delivery in deliveries])
    return _Stored(
        now=timezone.now(),
        draining_since=draining.since(),
        events=Event.objects.select_related("company").in_bulk(list(event_ids)),
        before=before_these(list(event_ids)) if event_ids else {},
        decisions=decisions,
        repeats=repeats,
        last_logs=evidence.last_logs([records[key] for key in ids if choices[key].event_id is None]),
        attempts=attempts,
        calls=evidence.calls([log.pk for log in attempts.values()]),
        lines=evidence.lines({key: evidence.lane_key(choices[key].delivery, records[key]) for key in ids}),
        by=Delivery.objects.in_bulk([one.superseded_by for one in deliveries if one.superseded_by]),
        triggers=_by_connector(EventTrigger.objects.filter(connector_id__in=ids).defer("script").order_by("position")),
        rows=_by_connector(FieldMapping.objects.filter(connector_id__in=ids).order_by("position")),
        around=surroundings.read(connectors),
    )


def _facts(asked: Asked, connector: Connector, record: Record, choice: Choice, stored: _Stored) -> Facts:
    key, delivery = connector.pk, choice.delivery
    event = stored.events.get(choice.event_id) if choice.event_id else None
    attempt = stored.attempts.get(delivery.pk) if delivery else None
    line, rows = stored.lines.get(key), stored.rows.get(key, ())
    inbound = _is_inbound(asked, event, delivery, record)
    return Facts(
        now=stored.now,
        term=asked.term,
        work_order_id=_work_order(delivery, event, record),
        external_id=_external(delivery, event, record),
        event_type="" if asked.event_type == TRIGGER else asked.event_type,
        inbound=inbound,
        connector=connector,
        state=_state(connector),
        sealed_problem=_sealed_problem(connector),
        event=event,
        earlier=stored.before.get(event.pk) if event else None,
        decision=_decision(event, key, stored),
        delivery=delivery,
        repeats=stored.repeats.get(event.pk, 0) if event else 0,
        attempt=attempt,
        calls=stored.calls.get(attempt.pk, ()) if attempt else (),
        link=record.link,
        lane=line.lane if line else None,
        head=line.head if line else None,
        length=line.length if line else 0,
        by=stored.by.get(delivery.superseded_by) if delivery and delivery.superseded_by else None,
        triggers=stored.triggers.get(key, ()),
        rows=rows,
        required=surroundings.required(rows, stored.around, key, inbound=inbound),
        draining_since=stored.draining_since,
        workers=stored.around.workers,
        arrivals=stored.around.arrivals_of(connector, event, asked),
        webhook_check=stored.around.checks.get(connector.company_id),
        refusals=stored.around.refusals.get(key, ()),
        refused=stored.around.refused_of(connector, inbound=inbound),
    )


def _by_connector(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.connector_id, []).append(row)
    return found


def _decision(event: Event | None, connector_id: int, stored: _Stored) -> SyncLog | None:
    """Why the event made no delivery here; without an event the newest log about the record."""
    if event is None:
        return stored.last_logs.get(connector_id)
    return stored.decisions.get((event.pk, connector_id)) or stored.decisions.get((event.pk, None))


def _state(connector: Connector) -> ConnectorState | None:
    state: ConnectorState | None = getattr(connector, "state", None)
    return state


def _sealed_problem(connector: Connector) -> str:
    try:
        _ = connector.secrets
    except BrokerError as error:
        return error.sentence
    return ""


def _is_inbound(asked: Asked, event: Event | None, delivery: Delivery | None, record: Record) -> bool:
    if delivery is not None:
        return delivery.direction == Delivery.Direction.INBOUND
    if event is not None:
        return event.kind == Event.Kind.TRIGGER
    return asked.event_type == TRIGGER or not (asked.event_type or record.work_orders)


def _work_order(delivery: Delivery | None, event: Event | None, record: Record) -> int | None:
    if delivery is not None and delivery.work_order_id is not None:
        return delivery.work_order_id
    if event is not None and event.work_order_id is not None:
        return event.work_order_id
    if record.link is not None:
        return record.link.work_order_id
    is_trigger = event is not None and event.kind == Event.Kind.TRIGGER
    return None if is_trigger else min(record.work_orders, default=None)


def _external(delivery: Delivery | None, event: Event | None, record: Record) -> str:
    known = (delivery.external_id if delivery else "") or (event.external_id if event else "")
    return known or (record.link.external_id if record.link else "") or min(record.externals, default="")
