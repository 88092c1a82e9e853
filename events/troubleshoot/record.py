"""What became of it, and which record is it? Superseded, stale, an echo, the link, a decision to take. Pure."""

from __future__ import annotations

from typing import Final

from events.models import Delivery
from events.states import State

from .arrival import moment
from .facts import Facts
from .places import page_of
from .verdict import Check, Evidence, no, unknown, yes

STANDS: Final = "Is it the newest word about this record?"
NEWS: Final = "Did it bring anything new (no echo)?"
LINKED: Final = "Is there a record to write to?"
DECIDED: Final = "Is it free of a question that a person must answer?"
RUN: Final = "Was it left to run?"
_CARRIED: Final = "Nothing has to be done: look at the delivery that carries it."
_CARRIED_OUT: Final = {"superseded": "superseded", "resolved_later": "resolved_later"}
_QUESTIONS: Final = {
    "waiting_conflict": "Open the delivery and decide for each field which side is right.",
    "waiting_outcome_unknown": "Look in the other system, then say on the delivery's page whether it was created.",
    "waiting_loop": "Look for two mappings that contradict each other, or a rule in the other system; then retry.",
}
_STOPPED_BY: Final = {
    "stopped": ("See to the earlier action first, then resync the work order.", ("dead_letters", "triggers")),
    "operator_discarded": ("Resync the record if it is meant to be sent after all.", ("jobs", "links")),
    "operator_skipped": ("Resync the record if it is meant to be sent after all.", ("jobs", "links")),
}


def delivery_evidence(delivery: Delivery, name: str = "delivery") -> Evidence:
    text = f"{delivery.get_state_display()}, {moment(delivery.finished_at or delivery.created_at)}"
    return Evidence(name, text, page_of("events_delivery", delivery.pk))


def stands(facts: Facts) -> Check:
    delivery = facts.delivery
    if delivery is None:
        return unknown(STANDS, "It made no delivery.")
    if delivery.state == State.SUPERSEDED:
        later = (delivery_evidence(facts.by, "carried by"),) if facts.by else ()
        return no(
            STANDS,
            delivery.sentence,
            *later,
            todo=_CARRIED,
            code=_CARRIED_OUT.get(delivery.reason, "superseded"),
            places=("deliveries",),
        )
    if delivery.reason == "stale":
        applied = facts.link.applied_at if facts.link else None
        return no(
            STANDS,
            delivery.sentence,
            Evidence("newest event applied", moment(applied)),
            todo="Nothing has to be done: the record holds the newer state. Resync it if you doubt that.",
            code="stale",
            places=("jobs", "links"),
        )
    return yes(STANDS, "Nothing newer took its place.", delivery_evidence(delivery))


def news(facts: Facts) -> Check:
    delivery = facts.delivery
    if delivery is None or delivery.state not in (State.SUCCEEDED, State.SKIPPED):
        return unknown(NEWS, "It has not come to the comparison with the record.")
    if delivery.reason == "no_change":
        return no(
            NEWS,
            delivery.sentence,
            delivery_evidence(delivery),
            todo="Nothing has to be done: both sides hold the same values, for example because the broker itself wrote "
            "them. Map the field that you miss, if one is missing.",
            code="no_change",
            places=("mappings",),
            decides=False,
        )
    return yes(NEWS, "The record did not hold all of these values yet.", delivery_evidence(delivery))


def linked(facts: Facts) -> Check:
    link = facts.link
    if link is not None and link.work_order_id is not None and link.external_id:
        pair = f"work order {link.work_order_id} ↔ record {link.external_id}"
        told = Evidence("link", pair, page_of("mappings_recordlink", link.pk))
        if facts.reason == "not_linked":
            return no(
                LINKED,
                f"{facts.sentence} It is linked by now.",
                told,
                todo="Resync the work order, which is linked now.",
                code="not_linked",
                places=("jobs", "links"),
            )
        return yes(LINKED, f"Work order {link.work_order_id} is record {link.external_id} of {facts.name}.", told)
    if link is not None and link.claimed_at is not None and facts.reason != "not_linked":
        told = Evidence("create under way since", moment(link.claimed_at), page_of("mappings_recordlink", link.pk))
        return unknown(LINKED, "A record is being created; the link is complete when that has ended.", told)
    if facts.inbound:
        return yes(LINKED, "There is no link yet, and none is needed: a work order is created for a new record.")
    if facts.reason == "not_linked" or not facts.connector.outbound_create:
        on = facts.connector.outbound_create
        now = " Outbound create is on by now." if on else ""
        return no(
            LINKED,
            f"{facts.subject.capitalize()} is not linked to a record of {facts.name}, and for this event none may be "
            f"created.{now}",
            Evidence("outbound create", "on" if on else "off"),
            todo="Switch on outbound create in the settings, or link the record under Record Links; then resync the "
            "work order.",
            code="not_linked",
            places=("settings", "links", "jobs"),
            decides=not facts.ended_well,
        )
    return yes(LINKED, "There is no link yet; outbound create is on, so a record is made.")


def decided(facts: Facts) -> Check:
    delivery = facts.delivery
    if delivery is None:
        return unknown(DECIDED, "It made no delivery.")
    todo = _QUESTIONS.get(delivery.reason)
    if delivery.state == State.WAITING and todo:
        told = delivery_evidence(delivery)
        return no(DECIDED, delivery.sentence, told, todo=todo, code=delivery.reason, places=("deliveries",))
    return yes(DECIDED, "Nobody is asked to decide anything about it.")


def run(facts: Facts) -> Check:
    delivery = facts.delivery
    if delivery is None:
        return unknown(RUN, "It made no delivery.")
    if delivery.reason in ("postponed", "adopted") and delivery.state == State.RETRYING:
        return no(
            RUN,
            delivery.sentence,
            delivery_evidence(delivery),
            todo="Nothing: it goes on by itself within a moment.",
            code=delivery.reason,
            places=("deliveries",),
        )
    if delivery.reason in _STOPPED_BY and delivery.state == State.SKIPPED:
        todo, places = _STOPPED_BY[delivery.reason]
        told = delivery_evidence(delivery)
        return no(RUN, delivery.sentence, told, todo=todo, code=delivery.reason, places=places)
    return yes(RUN, f"Nobody stopped it. Attempts so far: {delivery.attempts}.", delivery_evidence(delivery))


CHECKS = (stands, run, linked, decided, news)
