"""The last step of the wizard: samples to choose from, and switching the connector on to send one for real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest

from broker_project.lib.errors import Misconfigured
from connectors.models import Connector
from events import catalogue, pressure, versions
from events.models import EventTrigger

from .mapping_samples import BUILT_IN
from .recent_events import newest
from .trigger_state import entries
from .trigger_test import test_send

REAL: Final = 5
"""Real events offered."""
USUAL: Final = "FN_WO_ASSIGNED"


def samples(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Events to send, each with its trigger and source as the test of a trigger takes them.

    The newest real events that the connector has ticked, and the built-in work order. Raises Misconfigured when
    nothing is ticked for the main record.
    """
    ticked = _triggers(connector)
    if not ticked:
        raise Misconfigured("No event is ticked for the main record. Go back and choose a preset.")
    usual = ticked.get(USUAL) or next(iter(ticked.values()))
    label = f"Built-in sample: {catalogue.by_constant(usual.event_type).name}, work order {BUILT_IN['workorder']['id']}"
    found = [_sample(label, usual, {"kind": "sample"})]
    if request.user.has_perm("events.view_event"):
        real = [event for event in newest(connector.company_id) if event.event_type in ticked]
        found = [
            _sample(
                f"Real event: {catalogue.by_constant(event.event_type).name}, work order {event.work_order_id}",
                ticked[event.event_type],
                {"kind": "recent", "id": str(event.pk)},
            )
            for event in real[:REAL]
        ] + found
    return {"samples": found}


def switch_on(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Switch the connector on: from now on every ticked event is sent."""
    connector.status = Connector.Status.ACTIVE
    connector.save(update_fields=["status", "updated_at"])
    pressure.resume(connector.pk)
    return {"version": versions.publish(connector.pk, user=request.user.get_username())}


def send(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Switch the connector on, and accept the sample for it alone. Raises Refused when the sample is gone."""
    switch_on(request, connector, data)
    return test_send(request, connector, data)


def _sample(label: str, trigger: EventTrigger, source: dict[str, str]) -> dict[str, Any]:
    return {"label": label, "trigger": entries([trigger])[0], "source": source}


def _triggers(connector: Connector) -> dict[str, EventTrigger]:
    """The first ticked action of each event that is about the main record."""
    rows = EventTrigger.objects.filter(connector=connector, is_enabled=True, target_object="")
    found: dict[str, EventTrigger] = {}
    for trigger in rows.order_by("position", "id"):
        found.setdefault(trigger.event_type, trigger)
    return found
