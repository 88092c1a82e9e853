"""Which event and which delivery of a record the checks are about, for one connector. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from events.models import Delivery, Event
from events.states import OPEN, State
from mappings.models import RecordLink

from .subject import Subject

_WORST_FIRST: Final = (
    State.DEAD, State.WAITING, State.RETRYING, State.PENDING, State.IN_FLIGHT, State.SKIPPED, State.SUPERSEDED,
    State.SUCCEEDED,
)  # fmt: skip
UNFINISHED: Final = frozenset({*OPEN, State.DEAD})


@dataclass(frozen=True, kw_only=True)
class Record:
    """The record as one connector knows it."""

    connector_id: int
    company_id: int
    work_orders: frozenset[int]
    externals: frozenset[str]
    link: RecordLink | None = None


@dataclass(frozen=True)
class Choice:
    """``event_id`` None: nothing came in for this connector."""

    event_id: UUID | None = None
    delivery: Delivery | None = None


def record_of(connector_id: int, company_id: int, subject: Subject, links: Iterable[RecordLink]) -> Record:
    """The ids by which this connector knows the record; its links add the other side's."""
    orders = set(subject.work_orders)
    records = {*subject.externals, *(text for key, text in subject.own if key == connector_id)}
    mine = [link for link in links if link.connector_id == connector_id and _fits(link, orders, records)]
    mine.sort(key=lambda link: link.work_order_id is None or not link.external_id)
    for link in mine[:1]:
        orders |= {link.work_order_id} if link.work_order_id is not None else set()
        records |= {link.external_id} if link.external_id else set()
    return Record(
        connector_id=connector_id,
        company_id=company_id,
        work_orders=frozenset(orders),
        externals=frozenset(records),
        link=mine[0] if mine else None,
    )


def _fits(link: RecordLink, orders: set[int], records: set[str]) -> bool:
    return link.work_order_id in orders or link.external_id in records


def is_about(event: Event, record: Record) -> bool:
    """Whether the event could concern this record of this connector."""
    if event.kind == Event.Kind.TRIGGER:
        return event.connector_id == record.connector_id and event.external_id in record.externals
    return event.company_id == record.company_id and event.work_order_id in record.work_orders


def choose(subject: Subject, record: Record, events: Sequence[Event], deliveries: Sequence[Delivery]) -> Choice:
    """The delivery or event that was named; else what stands in the way of the record; else the newest delivery that is
    not finished or was given up; else the newest event. ``events`` and ``deliveries`` are newest first."""
    mine = [delivery for delivery in deliveries if delivery.connector_id == record.connector_id]
    if subject.delivery is not None:
        return Choice(subject.delivery.event_id, subject.delivery)
    if subject.event is not None:
        return Choice(subject.event.pk, _worst(mine, subject.event.pk))
    first = next((delivery for delivery in reversed(mine) if delivery.state in OPEN), None)
    if first is not None and first.state in (State.WAITING, State.RETRYING):
        return Choice(first.event_id, first)
    if unfinished := next((delivery for delivery in mine if delivery.state in UNFINISHED), None):
        return Choice(unfinished.event_id, unfinished)
    newest = next((event for event in events if is_about(event, record)), None)
    if newest is not None:
        return Choice(newest.pk, _worst(mine, newest.pk))
    return Choice(mine[0].event_id, mine[0]) if mine else Choice()


def _worst(deliveries: Sequence[Delivery], event_id: UUID) -> Delivery | None:
    """Of the deliveries of one event the one that needs most attention; each action of an event has its own."""
    of_event = [delivery for delivery in deliveries if delivery.event_id == event_id]
    return min(of_event, key=lambda delivery: _WORST_FIRST.index(State(delivery.state)), default=None)
