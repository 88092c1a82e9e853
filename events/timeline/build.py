"""Puts a delivery's timeline together; a fixed number of queries, whatever has been logged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.urls import reverse
from django.utils.formats import localize
from django.utils.http import urlencode
from django.utils.timezone import localtime

from broker_project.lib.pages import Text, listing, to_change, to_list
from events.models import Delivery, Event, Lane
from events.report import sentence_of
from events.states import OPEN, State
from events.troubleshoot.errors import help_link
from events.troubleshoot.places import asking

from . import attempts
from .entry import Entry, Folded, Timeline
from .mapped import sources_of
from .matched import matched, snapshot_of

User = AbstractBaseUser | AnonymousUser
MOST_CARRIED = 20


def timeline(delivery: Delivery, user: User) -> Timeline:
    """``delivery`` with its event, connector, company and state loaded."""
    number, snapshot = snapshot_of(delivery)
    logs, calls, more = attempts.read(delivery.pk)
    entries = [
        received(delivery.event),
        matched(delivery, number, snapshot),
        *attempts.entries(logs, calls, sources_of(snapshot, delivery.direction)),
        *_carried(delivery),
        *_next(delivery),
    ]
    whole = to_list("synclog.synclog", {"q": delivery.pk}) if more else ""
    return Timeline(title="Timeline", entries=entries, links=list(_links(delivery, user)), more=whole)


def received(event: Event) -> Entry:
    """What came in, as it came."""
    facts: list[tuple[str, Any]] = [
        ("Door", event.get_door_display()),
        ("Event", to_change("events.event", event.pk, event)),
    ]
    if event.received_name and event.received_name != event.event_type:
        facts.append(("Received as", event.received_name))
    if event.occurred_at:
        facts.append(("Happened", localize(localtime(event.occurred_at))))
        facts.append(("On its way", _span((event.received_at - event.occurred_at).total_seconds())))
    payload = Text(title="", text=listing(event.payload))
    parts = [
        Folded(title="Payload as received", content=payload)
        if event.payload
        else Text(title="", text="The payload was removed: it is older than the installation keeps payloads."),
        Folded(title="How it arrived", content=Text(title="", text=listing(event.trace))),
    ]
    return Entry(title="Received", at=event.received_at, kind="info", facts=facts, parts=parts)


def _carried(delivery: Delivery) -> Iterator[Entry]:
    """Older deliveries whose content this one carries, and the one that carries this one."""
    about = (
        {"work_order_id": delivery.work_order_id} if delivery.work_order_id else {"external_id": delivery.external_id}
    )
    older = Delivery.objects.filter(superseded_by=delivery.pk, **about).order_by("-seq")[:MOST_CARRIED]
    for other in older.values_list("pk", "created_at"):
        yield Entry(
            title="Carries an earlier delivery",
            at=delivery.created_at,
            sentence="What an earlier delivery of the same record had to send is part of this one.",
            facts=[("Earlier", to_change("events.delivery", other[0], localize(localtime(other[1]))))],
        )
    if delivery.superseded_by:
        yield Entry(
            title="Carried by a later delivery",
            at=delivery.finished_at,
            sentence=delivery.sentence,
            facts=[("Later", to_change("events.delivery", delivery.superseded_by, "the delivery that carries it"))],
        )


def _next(delivery: Delivery) -> Iterator[Entry]:
    """What is still to come."""
    if delivery.state == State.RETRYING and delivery.next_attempt_at:
        yield Entry(
            title=f"Attempt {delivery.attempts + 1} is planned",
            at=delivery.next_attempt_at,
            kind="warning",
            sentence=sentence_of(delivery),
            is_planned=True,
        )
    elif delivery.state in OPEN:
        titles = {State.WAITING: "Waits for a person", State.IN_FLIGHT: "A worker is at it"}
        title = titles.get(State(delivery.state), "Waits for its turn")
        yield Entry(title=title, kind="warning", sentence=sentence_of(delivery), is_planned=True)
    elif delivery.state == State.DEAD:
        sentence = "It is not tried again by itself. Retry or discard it with the buttons on top."
        yield Entry(title="Given up", at=delivery.finished_at, kind="danger", sentence=sentence, is_planned=True)


def _links(delivery: Delivery, user: User) -> Iterator[tuple[str, str, str]]:
    """Where to look next, for those who may."""

    def may(permission: str) -> bool:
        return user.has_perm(permission)  # type: ignore[union-attr]

    if delivery.state in OPEN and may("events.view_lane"):
        lane = Lane.objects.filter(connector_id=delivery.connector_id, key=delivery.lane_key).values_list("pk").first()
        if lane:
            yield reverse("admin:events_lane_change", args=lane), "Open lane", "low_priority"
    yield asking(delivery.pk), "Why did it not sync?", "help"
    if address := help_link(delivery.reason, delivery.connector_id):
        yield address, "What this means", "menu_book"
    if delivery.work_order_id:
        yield reverse("admin:events_work_order", args=[delivery.work_order_id]), "Work order", "assignment"
    if delivery.external_id:
        address = reverse("admin:events_external_record", args=[delivery.connector_id])
        yield f"{address}?{urlencode({'id': delivery.external_id})}", "External record", "confirmation_number"


def _span(seconds: float) -> str:
    if seconds < 0:
        return "the sender's clock is ahead"
    return f"{seconds:.1f} seconds" if seconds < 120 else f"{seconds / 60:,.0f} minutes"
