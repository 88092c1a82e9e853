"""Did it come in? The door, refusals, the webhook that brings it, repeats. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from events import catalogue
from events.catalogue import WorkOrderEvent
from events.models import Event
from synclog.refused_models import RefusedCalls

from .facts import Facts
from .places import page_of
from .verdict import Check, Evidence, no, unknown, yes

RECEIVED: Final = "Was the event received?"
REFUSED: Final = "Did the door let every call in?"
BROUGHT: Final = "Does Field Nation's webhook bring this event?"
KNOWN: Final = "Is it an event that connectors can tick?"
FIRST: Final = "Did it come for the first time?"
QUIET: Final = timedelta(days=1)
"""Without a webhook for so long, the subscription itself is doubted."""


def moment(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC" if when else "never"


def event_evidence(event: Event) -> Evidence:
    text = f"{event.event_type or event.received_name or 'trigger'}, {moment(event.received_at)}"
    return Evidence("event", text, page_of("events_event", event.pk))


def received(facts: Facts) -> Check:
    event = facts.event
    if event is not None:
        came = f"{facts.event_name} came in through {event.get_door_display()}"
        if event.kind == Event.Kind.TRIGGER:
            called = "A person asked for" if event.door == Event.Door.OPERATOR else "The trigger URL was called for"
            came = f"{called} record {event.external_id}"
        return yes(
            RECEIVED,
            f"{came} at {moment(event.received_at)}.",
            event_evidence(event),
            at=event.received_at,
        )
    if facts.decision is not None:
        log = Evidence("newest log", moment(facts.decision.created_at), page_of("synclog_synclog", facts.decision.pk))
        if facts.decision.code == "resync_unread":
            return yes(RECEIVED, "A resync asked for it.", log)
        return unknown(RECEIVED, f"The event is not stored any more; the newest log says: {facts.sentence}", log)
    if facts.inbound:
        return no(
            RECEIVED,
            f"No call of the trigger URL of {facts.name} for {facts.subject} is stored.",
            Evidence("last call of this trigger URL", moment(facts.arrivals.trigger)),
            *_turned_away(facts),
            todo="Look in the external system whether its rule or webhook exists, fires for this record and calls the "
            "address on the Trigger URL page; call it once by hand to test it.",
            code="not_received",
            places=("trigger_url", "jobs"),
            decides=not (facts.refusals or facts.turned_away),  # a refused call is the likelier cause
        )
    return no(
        RECEIVED,
        f"No {facts.event_type or 'event'} about {facts.subject} is stored.",
        Evidence("last webhook of Field Nation", moment(facts.arrivals.webhook)),
        Evidence("last event at POST /events/", moment(facts.arrivals.api)),
        *_turned_away(facts),
        todo="Check the id. Then look whether the webhook in Field Nation is active, has this event ticked and the "
        "address of the company's page; bring in what was missed with Catch up or Resync.",
        code="not_received",
        places=("company", "jobs", "sources"),
        decides=not (facts.turned_away or brought(facts).fails),  # both are likelier causes
    )


def _turned_away(facts: Facts) -> list[Evidence]:
    """Calls without a valid token, key or signature: counted, with the reason of the last one."""
    found = []
    for one in facts.refused:
        whose = "of no connector or company that is known" if one.is_nobodys else f"of {facts.name}"
        if not one.is_nobodys and not facts.inbound:
            whose = f"of {facts.connector.company.name}"
        name = f"{one.count:,} refused in the last 24 hours at {RefusedCalls.Door(one.door).label}, {whose}; the last"
        source = f" from {one.network}" if one.network else ""
        address = page_of("connectors_company", one.company_id) if one.company_id and not facts.inbound else ""
        found.append(Evidence(name, f"{moment(one.last_at)}{source}: {one.reason}", address))
    return found


def refused(facts: Facts) -> Check:
    """Trigger calls with a valid token that were refused have a log each; all others are counted only."""
    if facts.event is not None and not facts.inbound:
        return yes(REFUSED, "It was let in.")
    if facts.event is not None and not facts.refusals:
        others = "" if facts.refused else ", and no call of the last 24 hours was refused"
        return yes(REFUSED, f"It was let in{others}.", *_turned_away(facts))
    if facts.refusals and facts.inbound:
        last = facts.refusals[0]
        count = sum(int(log.details.get("count") or 1) for log in facts.refusals)
        evidence = Evidence(
            f"{count} refused in the last 24 hours, the last",
            moment(last.created_at),
            page_of("synclog_synclog", last.pk),
        )
        return no(
            REFUSED,
            last.sentence,
            evidence,
            todo="Send the record's id as external_id, in the address or in the body, as the Trigger URL page shows.",
            code=last.code,
            places=("trigger_url",),
            at=last.created_at,
            decides=facts.event is None,
        )
    return _unlogged(facts)


def _unlogged(facts: Facts) -> Check:
    """What the counts tell of calls without a valid token, key or signature."""
    places = ("trigger_url",) if facts.inbound else ("company", "sources")
    last = facts.turned_away
    if last is not None:
        return no(
            REFUSED,
            last.reason,
            *_turned_away(facts),
            todo="Enter the present token, key or webhook secret at the sender or here, as the reason says; then bring "
            "in what was missed.",
            code="not_received",
            places=(*places, "jobs"),
            at=last.last_at,
        )
    if facts.refused:
        return unknown(
            REFUSED,
            "Calls came with a token, key or address that nothing here has; whose they were cannot be told.",
            *_turned_away(facts),
            todo="Compare the address, key or token that the sender uses with the one that stands here.",
            places=places,
        )
    return unknown(
        REFUSED,
        "No call was refused in the last 24 hours, so it did not come here, or it came before.",
        todo="Look in the log of the sender whether it called, at which address, and what it was answered.",
        places=places,
    )


def brought(facts: Facts) -> Check:
    if facts.inbound:
        return yes(BROUGHT, "Not needed: the external system itself calls the trigger URL.")
    asked = _asked_live(facts)
    if asked is not None:
        return asked
    if facts.event is not None and facts.event.door == Event.Door.WEBHOOK:
        return yes(BROUGHT, f"This one came through the webhook {facts.event.received_name}.")
    noted = facts.webhook_check
    if noted is not None and noted.is_active is False:
        return no(
            BROUGHT,
            noted.sentence,
            Evidence("asked at", moment(noted.checked_at)),
            todo="Set the webhook active again in Field Nation, then catch up on webhooks.",
            code="webhook_off",
            places=("company", "jobs"),
            at=noted.checked_at,
            decides=facts.event is None,
        )
    event = _catalogued(facts)
    if event is not None and event.webhook_grade == "none":
        return no(
            BROUGHT,
            f"No webhook of Field Nation brings {event.constant}; it comes only when something sends it to "
            "POST /events/.",
            todo="Tick an event that a webhook brings, or have your system send this one.",
            code="not_received",
            places=("triggers",),
            decides=facts.event is None,
        )
    if noted is not None and noted.is_active:
        return yes(BROUGHT, noted.sentence, Evidence("asked at", moment(noted.checked_at)), at=noted.checked_at)
    last = facts.arrivals.this_event or facts.arrivals.webhook
    evidence = Evidence("last webhook of Field Nation", moment(facts.arrivals.webhook))
    if last is not None and facts.now - last < QUIET:
        return yes(BROUGHT, f"Webhooks arrive: the last one came at {moment(last)}.", evidence)
    return unknown(
        BROUGHT,
        "No webhook came within a day. That may be right when nothing happened.",
        evidence,
        todo="Press “Ask Field Nation” to see whether the webhook is active.",
        places=("company",),
    )


def _asked_live(facts: Facts) -> Check | None:
    """What Field Nation said about its webhooks just now."""
    if facts.live.hooks_problem:
        return unknown(BROUGHT, facts.live.hooks_problem, todo="Correct this first.", places=("company",))
    if facts.live.hooks is None:
        return None
    if not facts.live.hooks:
        return no(
            BROUGHT,
            "Field Nation has no webhook with this company's address.",
            todo="Create one there; the address stands on the company's page.",
            code="webhook_off",
            places=("company",),
            decides=facts.event is None,
        )
    off = [hook for hook in facts.live.hooks if not hook.is_active]
    told = [Evidence(f"webhook {hook.webhook_id}", hook.status) for hook in facts.live.hooks]
    if off:
        return no(
            BROUGHT,
            f"Webhook {off[0].webhook_id} is not active in Field Nation (it is {off[0].status}), so nothing comes "
            "through it.",
            *told,
            todo="Set it active again in Field Nation, then catch up on webhooks.",
            code="webhook_off",
            places=("company", "jobs"),
            decides=facts.event is None,
        )
    return yes(BROUGHT, "Field Nation says that the webhook with this company's address is active.", *told)


def _catalogued(facts: Facts) -> WorkOrderEvent | None:
    constant = facts.event.event_type if facts.event is not None else facts.event_type
    try:
        return catalogue.by_constant(constant) if constant else None
    except catalogue.UnknownEvent:
        return None


def known(facts: Facts) -> Check:
    event = facts.event
    if event is None:
        return unknown(KNOWN, "Nothing came in.")
    if event.kind == Event.Kind.TRIGGER:
        return yes(KNOWN, "It is a call of the trigger URL, which needs no tick.")
    if event.event_type:
        return yes(KNOWN, f"{event.event_type} stands on the Event Triggers page.")
    code = facts.reason or "no_broker_event"
    return no(
        KNOWN,
        facts.sentence or f"No work order event corresponds to the webhook {event.received_name}.",
        event_evidence(event),
        todo="Tick the event that tells the same change; webhooks without one can be left out of the subscription.",
        code=code,
        places=("triggers", "company"),
    )


def first(facts: Facts) -> Check:
    if facts.reason == "merged":
        return no(
            FIRST,
            facts.sentence,
            todo="Nothing has to be done: the earlier trigger brings the record as it is when its turn comes.",
            code="merged",
            places=("lanes",),
        )
    if facts.event is None:
        return unknown(FIRST, "Nothing came in.")
    if facts.repeats:
        times = "once" if facts.repeats == 1 else f"{facts.repeats} times"
        return no(
            FIRST,
            f"It came again {times}, and the repeats were not done a second time.",
            event_evidence(facts.event),
            todo="Nothing has to be done. Look for a webhook that is set up twice when it happens often.",
            code="duplicate",
            places=("company",),
            decides=False,
        )
    return yes(FIRST, "No repeat of it was seen.")


CHECKS = (received, refused, brought, known, first)
