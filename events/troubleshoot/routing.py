"""Is it meant for this connector? Ticked, filter, real change, active. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from broker_project.lib.errors import MappingError
from connectors.models import Connector
from events import catalogue
from events.models import EventTrigger
from events.states import State
from mappings.filters import Filter
from mappings.inputs import outbound_input

from .arrival import moment
from .facts import Facts
from .places import page_of
from .verdict import Check, Evidence, no, unknown, yes

TICKED: Final = "Is the event ticked?"
FILTER: Final = "Did the filter let it through?"
CHANGED: Final = "Did the status really change?"
ACTIVE: Final = "Is the connector active?"
NAMED: Final = 5


def ticked(facts: Facts) -> Check:
    if facts.inbound:
        return yes(TICKED, "Not needed: a call of the trigger URL always syncs its record.")
    constant = facts.event.event_type if facts.event is not None else facts.event_type
    if not constant:
        return _anything_ticked(facts)
    now = _ticked_for(facts, constant)
    if facts.reason == "not_ticked" or (facts.delivery is None and not now):
        since = " It is ticked by now, for events that come from now on." if now else ""
        return no(
            TICKED,
            f"{constant} {'was' if now else 'is'} not ticked on the Event Triggers page of {facts.name}.{since}",
            todo="Tick it there and choose an action; then resync this work order, since the event is not made up for.",
            code="not_ticked",
            places=("triggers", "jobs"),
        )
    if facts.reason == "trigger_gone":
        return no(
            TICKED,
            f"The event trigger that asked for it was removed from {facts.name} before its turn came.",
            todo="Tick the event again, then resync this work order.",
            code="trigger_gone",
            places=("triggers", "history", "jobs"),
        )
    actions = ", ".join(trigger.get_action_display() for trigger in now)
    told = f"with {actions}" if actions else "when it came; it is not ticked any more"
    return yes(TICKED, f"{constant} is ticked {told}.", *_triggers_evidence(now))


def _anything_ticked(facts: Facts) -> Check:
    enabled = sorted({trigger.event_type for trigger in facts.triggers if trigger.is_enabled})
    if not enabled:
        return no(
            TICKED,
            f"No event is ticked on the Event Triggers page of {facts.name}, so nothing is ever sent.",
            todo="Tick the events that you want; the preset Minimal is a good beginning.",
            code="not_ticked",
            places=("triggers",),
        )
    names = ", ".join(enabled[:NAMED]) + (f" and {len(enabled) - NAMED} more" if len(enabled) > NAMED else "")
    return yes(TICKED, f"{len(enabled)} events are ticked: {names}.")


def _ticked_for(facts: Facts, constant: str) -> list[EventTrigger]:
    return [trigger for trigger in facts.triggers if trigger.is_enabled and trigger.event_type == constant]


def _triggers_evidence(triggers: list[EventTrigger]) -> list[Evidence]:
    return [
        Evidence("event trigger", f"{trigger.event_type}, {trigger.get_action_display()}",
                 page_of("events_eventtrigger", trigger.pk))
        for trigger in triggers[:NAMED]
    ]  # fmt: skip


def filtered(facts: Facts) -> Check:
    if facts.inbound or facts.event is None:
        return unknown(FILTER, "Nothing came in that a filter would look at.") if not facts.inbound else yes(
            FILTER, "Not needed: a call of the trigger URL is not filtered."
        )  # fmt: skip
    triggers = _ticked_for(facts, facts.event.event_type)
    values = _values(facts, triggers)
    if facts.reason == "filtered":
        return no(
            FILTER,
            facts.sentence,
            *values,
            todo="Change the filter on the Event Triggers page if this work order is meant to be synced, then resync "
            "it.",
            code="filtered",
            places=("triggers", "jobs"),
        )
    if facts.delivery is not None:
        return yes(FILTER, "It passed when the event came in.", *values)
    if not triggers:
        return unknown(FILTER, "The event is not ticked, so no filter was asked.")
    return yes(FILTER, "No filter left it out.", *values)


def _values(facts: Facts, triggers: list[EventTrigger]) -> list[Evidence]:
    """What each filter says about the event now, with the actual value."""
    if facts.event is None or not facts.event.payload:
        return []
    payload = outbound_input(dict(facts.event.payload))
    before = outbound_input(dict(facts.earlier)) if facts.earlier is not None else None
    found = []
    for trigger in triggers:
        if not trigger.filters:
            continue
        try:
            result = Filter.parse(trigger.filters).check(payload, before)
        except MappingError as error:
            found.append(Evidence("filter", error.sentence, page_of("events_eventtrigger", trigger.pk)))
            continue
        name = "filter, passes now" if result.matched else "filter, leaves it out now"
        found.append(Evidence(name, result.reason, page_of("events_eventtrigger", trigger.pk)))
    return found


def changed(facts: Facts) -> Check:
    """A repeat of the same status stops nothing by itself, but explains a filter on a change and an echo."""
    event = facts.event
    if facts.inbound or event is None or not event.event_type:
        return unknown(CHANGED, "It is not an event of a status.")
    if not _tells_a_status(event.event_type):
        return unknown(CHANGED, f"{event.event_type} does not tell a status.")
    if not event.payload:
        return unknown(CHANGED, "The payload was removed: it is older than the installation keeps payloads.")
    status = _status(event.payload)
    if facts.earlier is None:
        return yes(CHANGED, f"The status is {status or 'not in the event'}, and no event before it is known.")
    before = _status(facts.earlier)
    told = Evidence("status", f"{before or 'none'} before, {status or 'none'} now")
    if before != status:
        return yes(CHANGED, f"The status was {before or 'none'} and is {status or 'none'}.", told)
    return no(
        CHANGED,
        f"The status was {status or 'none'} already in the event before, so this event tells no change of it.",
        told,
        todo="Nothing has to be done: Field Nation sends some events again, for example one for each provider.",
        code="no_change",
        places=("triggers",),
        decides=False,
    )


def _tells_a_status(constant: str) -> bool:
    try:
        event = catalogue.by_constant(constant)
    except catalogue.UnknownEvent:
        return False
    return bool(event.webhook and event.webhook.startswith("workorder.status."))


def _status(payload: Mapping[str, Any]) -> str:
    work_order = payload.get("workorder")
    status = work_order.get("status") if isinstance(work_order, dict) else None
    return str(status.get("name") or "") if isinstance(status, dict) else str(status or "")


def active(facts: Facts) -> Check:
    connector = facts.connector
    if facts.reason == "connector_disabled":
        return no(
            ACTIVE,
            f"{facts.name} was disabled when it came in, so nothing was sent.",
            todo="Enable the connector, then resync this record: what came meanwhile is not made up for.",
            code="connector_disabled",
            places=("settings", "jobs"),
        )
    if not connector.company.is_active:
        return no(
            ACTIVE,
            f"The company {connector.company.name} is switched off: nothing is taken for it and nothing is sent.",
            todo="Switch the company on again.",
            code="company_off",
            places=("company",),
            decides=not facts.is_over,
        )
    if connector.status == Connector.Status.ACTIVE:
        return yes(ACTIVE, f"{facts.name} is active, and so is its company.")
    paused = connector.status == Connector.Status.PAUSED
    kept = facts.delivery is not None and facts.delivery.state in (State.PENDING, State.RETRYING)
    follows = "What comes in is kept and waits." if paused else "What comes in is skipped."
    return no(
        ACTIVE,
        f"{facts.name} is {connector.get_status_display().lower()}. "
        f"{'This delivery is kept and waits.' if kept else follows}",
        Evidence("last change of the connector", moment(connector.updated_at)),
        todo="Resume the connector; what waits is sent in the order received."
        if paused
        else "Enable the connector, then resync what was skipped.",
        code="connector_paused" if paused else "connector_disabled",
        places=("settings",),
        decides=not facts.is_over,
    )


CHECKS = (ticked, filtered, changed, active)
