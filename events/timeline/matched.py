"""Why a delivery came to be: the event trigger, and which condition of its filter let the event through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker_project.lib.errors import MappingError
from broker_project.lib.pages import listing, to_change
from broker_project.lib.pages.sections import Text
from events.earlier import before_these
from events.models import ConfigVersion, Delivery
from mappings.filters import Filter
from mappings.inputs import outbound_input

from .entry import Entry, Folded

Snapshot = Mapping[str, Any]


def snapshot_of(delivery: Delivery) -> tuple[int, Snapshot]:
    """Number and content of the configuration that the delivery ran with, or of the present one; (0, {}) for none."""
    number = delivery.version or delivery.connector.version
    found = ConfigVersion.objects.filter(connector_id=delivery.connector_id, number=number).values_list("snapshot")
    return next(((number, row[0]) for row in found), (0, {}))


def matched(delivery: Delivery, number: int, snapshot: Snapshot) -> Entry:
    """At most one query more, and only for a filter that compares with the event before."""
    event = delivery.event
    facts: list[tuple[str, Any]] = [
        ("Connector", to_change("connectors.connector", delivery.connector_id, delivery.connector))
    ]
    if number:
        facts.append(("Configuration", f"version {number}"))
    if delivery.direction == Delivery.Direction.INBOUND:
        sentence = f"The trigger URL named record {event.external_id}; it is read when its turn comes."
        return Entry(title="Matched", at=event.received_at, sentence=sentence, facts=facts)
    if delivery.trigger_id is None:
        sentence = "A person asked for it, or its event trigger is not there any more."
        return Entry(title="Matched", at=event.received_at, sentence=sentence, facts=facts)
    trigger = next((row for row in snapshot.get("triggers", ()) if row.get("id") == delivery.trigger_id), None)
    present = delivery.trigger  # None also when it was deleted, for the page reads both in one query
    shown = to_change("events.eventtrigger", present.pk, present) if present else "deleted meanwhile"
    facts.append(("Event trigger", shown))
    filters = trigger.get("filters") if trigger else None
    parts = [Folded(title="The filter", content=Text(title="", text=listing(filters)))] if filters else []
    return Entry(title="Matched", at=event.received_at, sentence=_verdict(delivery, trigger), facts=facts, parts=parts)


def _verdict(delivery: Delivery, trigger: Mapping[str, Any] | None) -> str:
    """Judged again over the payload as it is stored, with the filter of the version that the delivery ran with."""
    if trigger is None:
        return "The configuration that it ran with does not hold this event trigger any more."
    if not trigger.get("filters"):
        return "The event is ticked, and the trigger has no filter."
    if not delivery.event.payload:
        return "The event passed the filter; on which values cannot be told, since the payload was removed."
    try:
        check = Filter.parse(trigger["filters"])
    except MappingError as error:
        return error.sentence
    before = before_these([delivery.event_id]).get(delivery.event_id) if check.compares else None
    previous = outbound_input(dict(before)) if before is not None else None
    verdict = check.check(outbound_input(dict(delivery.event.payload)), previous)
    passed = "The filter lets it through" if verdict.matched else "The filter of that version would leave it out"
    return f"{passed}: {verdict.reason}"
