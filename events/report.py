"""What became of an event, in sentences."""

from __future__ import annotations

from typing import Any

from connectors.condition import WELL
from connectors.models import Connector
from synclog.models import SyncLog

from .models import Delivery, Event
from .states import State


def report(event: Event) -> dict[str, Any]:
    """The event, its deliveries, and the decisions that made none; plain values, three queries."""
    deliveries = event.deliveries.select_related("connector__company", "connector__state").order_by("seq")
    decisions = SyncLog.objects.filter(event_id=event.pk, delivery_id=None).select_related("connector")
    return {
        "id": str(event.pk),
        "event_type": event.event_type or None,
        "received_name": event.received_name or None,
        "received_at": event.received_at,
        "occurred_at": event.occurred_at,
        "work_order_id": event.work_order_id,
        "external_id": event.external_id or None,
        "deliveries": [_delivery(delivery) for delivery in deliveries],
        "decisions": [
            {"connector": log.connector.name if log.connector else None, "code": log.code, "sentence": log.sentence}
            for log in decisions.order_by("created_at")
        ],
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": str(delivery.pk),
        "connector": delivery.connector.name,
        "direction": delivery.direction,
        "action": delivery.action,
        "state": delivery.state,
        "sentence": sentence_of(delivery),
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
        "work_order_id": delivery.work_order_id,
        "external_id": delivery.external_id or None,
        "finished_at": delivery.finished_at,
    }


def sentence_of(delivery: Delivery) -> str:
    """The delivery's state as a sentence. ``connector.company`` and ``connector.state`` should be loaded."""
    if delivery.state in (State.PENDING, State.RETRYING):
        connector = delivery.connector
        if connector.status != Connector.Status.ACTIVE:
            return f"It waits: the connector is {connector.get_status_display().lower()}."
        if not connector.company.is_active:
            return f"It waits: the company {connector.company.name} is switched off."
        state = getattr(connector, "state", None)
        if state is not None and (condition := state.condition) != WELL:
            return f"It waits. {condition.sentence}"
    if delivery.sentence:
        return delivery.sentence
    return {
        "pending": "It waits for its turn.",
        "in_flight": "A worker is at it now.",
    }.get(delivery.state, delivery.get_state_display())
