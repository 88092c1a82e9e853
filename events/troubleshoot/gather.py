"""The facts about a record for each connector that it may concern, read in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from connectors.models import Connector
from events.models import Delivery, Event
from mappings.models import RecordLink

from .assemble import facts_of
from .choose import Choice, Record, choose, record_of
from .facts import Facts
from .subject import TRIGGER, Asked, Subject, resolve

MOST_EVENTS: Final = 50
MOST_DELIVERIES: Final = 200
MOST_CONNECTORS: Final = 12
"""Connectors that one page shows; more are left out, the least concerned first."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """``facts`` by connector, those with something to tell first. ``events`` newest first, without payload.
    ``left_out``: how many connectors were not looked at. ``alone``: the company of the event has no connector."""

    facts: Sequence[Facts]
    events: Sequence[Event] = ()
    deliveries: Sequence[Delivery] = ()
    left_out: int = 0
    alone: str = ""


def gather(asked: Asked) -> Found:
    """Everything the checks need. At most thirty queries, whatever the tables hold."""
    subject = resolve(asked.term)
    links = list(_links(subject, list(Connector.objects.values_list("pk", flat=True))))
    events = _events(subject, links, asked)
    deliveries = list(_deliveries(subject, links, asked, events))
    connectors = _connectors(asked, subject, links, events, deliveries)
    records = {one.pk: record_of(one.pk, one.company_id, subject, links) for one in connectors}
    choices = {one.pk: choose(subject, records[one.pk], events, deliveries) for one in connectors}
    connectors.sort(key=lambda one: _rank(choices[one.pk], records[one.pk]))
    shown = connectors[:MOST_CONNECTORS]
    return Found(
        facts=facts_of(asked, shown, records, choices),
        events=events,
        deliveries=deliveries,
        left_out=len(connectors) - len(shown),
        alone=_alone(subject, events) if not shown else "",
    )


def _alone(subject: Subject, events: Sequence[Event]) -> str:
    """The company of an event that no connector could take."""
    event = subject.event or next(iter(events), None)
    return event.company.name if event is not None else ""


def _rank(choice: Choice, record: Record) -> tuple[bool, bool, bool]:
    return choice.delivery is None, record.link is None, choice.event_id is None


# --- the record -------------------------------------------------------------------------------------------------------


def _links(subject: Subject, connectors: Sequence[int]) -> Iterable[RecordLink]:
    """The two unique indexes answer, which begin with the connector."""
    externals = [*subject.externals, *(text for _, text in subject.own)]
    about = Q(connector_id__in=connectors, work_order_id__in=subject.work_orders)
    about |= Q(connector_id__in=connectors, external_id__in=externals)
    return RecordLink.objects.filter(about).defer("sent", "seen", "remote").order_by("pk")[:MOST_EVENTS]


def _ids(subject: Subject, links: Iterable[RecordLink]) -> tuple[set[int], set[str]]:
    """All ids of the record: work orders, external ids."""
    orders, records = set(subject.work_orders), {*subject.externals, *(text for _, text in subject.own)}
    for link in links:
        orders |= {link.work_order_id} if link.work_order_id is not None else set()
        records |= {link.external_id} if link.external_id else set()
    return orders, records - {""}


def _events(subject: Subject, links: Iterable[RecordLink], asked: Asked) -> list[Event]:
    """The newest, newest first. Two queries, so that each is a walk along the index of its id."""
    rows = Event.objects.select_related("company").defer("payload", "trace").order_by("-received_at", "-pk")
    if asked.event_type == TRIGGER:
        rows = rows.filter(kind=Event.Kind.TRIGGER)
    elif asked.event_type:
        rows = rows.filter(event_type=asked.event_type)
    orders, records = _ids(subject, links)
    found = {event.pk: event for event in rows.filter(work_order_id__in=orders)[:MOST_EVENTS]}
    found |= {event.pk: event for event in rows.filter(external_id__in=records)[:MOST_EVENTS]}
    return sorted(found.values(), key=lambda event: (event.received_at, event.pk), reverse=True)[:MOST_EVENTS]


def _deliveries(
    subject: Subject, links: Iterable[RecordLink], asked: Asked, events: Sequence[Event]
) -> Iterable[Delivery]:
    orders, records = _ids(subject, links)
    about = Q(work_order_id__in=orders) | Q(external_id__in=records)
    if subject.event is not None:
        about |= Q(event_id=subject.event.pk)
    rows = Delivery.objects.filter(about).defer("note", "conflict").order_by("-seq")
    if asked.event_type:
        rows = rows.filter(event_id__in=[event.pk for event in events])
    return rows[:MOST_DELIVERIES]


def _connectors(
    asked: Asked,
    subject: Subject,
    links: Iterable[RecordLink],
    events: Iterable[Event],
    deliveries: Iterable[Delivery],
) -> list[Connector]:
    """The one that was asked for; else all that the record may concern; else, when nothing is known of it, all."""
    rows = Connector.objects.select_related("company", "state").order_by("name", "pk")
    if subject.delivery is not None:
        return list(rows.filter(pk=subject.delivery.connector_id))
    if asked.connector_id is not None:
        return list(rows.filter(pk=asked.connector_id))
    touched = {link.connector_id for link in links} | {delivery.connector_id for delivery in deliveries}
    looked = [*events, *([subject.event] if subject.event else [])]
    touched |= {event.connector_id for event in looked if event.connector_id is not None}
    companies = {event.company_id for event in looked if event.kind == Event.Kind.WORK_ORDER}
    if touched or companies:
        rows = rows.filter(Q(pk__in=touched) | Q(company_id__in=companies))
    return list(rows)
