"""What the Event Triggers page shows of a connector: its triggers, the catalogue, the advice, what came in lately."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from connectors.models import Connector, DiscoveredFields
from events import catalogue
from events.models import EventTrigger
from events.versions import publish_stale
from mappings.models import FieldMapping

from .trigger_advice import Advice, Facts, Ticked, advise
from .trigger_traffic import Came

FIELDS: Final = (
    "event_type",
    "action",
    "target_object",
    "script",
    "filters",
    "delivery_mode",
    "on_failure",
    "is_enabled",
)
"""Columns of a trigger that the page edits; the position is the order in which it stands there."""
MOST_ACTIONS: Final = 10
"""Actions of one event."""
NOTE: Final = "note"


def present(connector: Connector) -> tuple[int, list[EventTrigger]]:
    """The number of the connector's configuration version and its triggers in order.

    What was changed elsewhere and has no version yet gets one, so that the number stands for what is shown.
    """
    if connector.is_stale:
        published = publish_stale(only=[connector.pk])
        connector.version = published.get(connector.pk, connector.version)
    return connector.version, triggers_of(connector.pk)


def triggers_of(connector_id: int) -> list[EventTrigger]:
    found = EventTrigger.objects.filter(connector_id=connector_id)
    return list(found.order_by("event_type", "position", "id"))


def entries(triggers: Iterable[EventTrigger]) -> list[dict[str, Any]]:
    """As the page's script holds them."""
    return [
        {"key": f"t{trigger.pk}", "id": trigger.pk, **{name: getattr(trigger, name) for name in FIELDS}}
        for trigger in triggers
    ]


def mapped_objects(connector_id: int) -> set[str]:
    """Target objects with outbound mapping rows that are on; "" is the main record."""
    rows = FieldMapping.objects.filter(
        connector_id=connector_id, direction=FieldMapping.Direction.OUTBOUND, is_enabled=True
    )
    return set(rows.order_by().values_list("target_object", flat=True).distinct())


def advice_for(connector: Connector, ticked: Sequence[Ticked], mapped: set[str]) -> list[dict[str, str]]:
    facts = Facts(connector.outbound_create, connector.requests_per_minute is not None, mapped)
    return [_said(one) for one in advise(ticked, facts)]


def ticked_of(triggers: Iterable[EventTrigger]) -> list[Ticked]:
    return [Ticked(t.event_type, t.action, t.target_object, t.delivery_mode) for t in triggers if t.is_enabled]


def target_objects(connector_id: int, triggers: Iterable[EventTrigger], mapped: Iterable[str]) -> list[dict[str, str]]:
    """What Create Record may make: the main record, a note, and what was discovered, mapped or chosen already."""
    discovered = DiscoveredFields.objects.filter(connector_id=connector_id, side=DiscoveredFields.Side.EXTERNAL)
    named = {*discovered.values_list("record_kind", flat=True), *mapped, *(t.target_object for t in triggers)}
    others = sorted(named - {"", NOTE})
    labels = {"": "The main record", NOTE: "A note under the linked record", **{name: name for name in others}}
    return [{"value": value, "label": label} for value, label in labels.items()]


def sections(came: Mapping[str, Came]) -> list[dict[str, Any]]:
    """The catalogue by section, each event with what came in lately."""
    return [
        {"name": name, "events": [{"event": event, "came": came.get(event.constant)} for event in events]}
        for name, events in catalogue.SECTIONS.items()
    ]


def known_events() -> list[dict[str, Any]]:
    """What the page's script needs of each event."""
    return [
        {
            "constant": event.constant,
            "name": event.name,
            "section": event.section,
            "search": f"{event.name} {event.constant} {event.meaning}".lower(),
            "mergeable": event.mergeable,
            "action": event.default_action,
        }
        for event in catalogue.EVENTS
    ]


def presets() -> list[dict[str, Any]]:
    return [
        {"name": name, "meaning": catalogue.PRESET_MEANINGS[name], "events": list(events)}
        for name, events in catalogue.PRESETS.items()
    ]


def _said(advice: Advice) -> dict[str, str]:
    return {"event": advice.event, "code": advice.code, "sentence": advice.sentence}
