"""The trigger door: an external system says which of its records changed; the record itself is read later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from connectors.models import Connector
from synclog.models import SyncLog
from synclog.write import write

from .accept import Accepted
from .lanes import insert_deliveries, open_lanes
from .models import Delivery, Event
from .nudge import nudge
from .sentences import explain
from .states import State


def accept_trigger(
    connector: Connector, external_ids: Sequence[str], *, trace: dict[str, Any], door: str = Event.Door.TRIGGER
) -> list[Accepted]:
    """Store one trigger a record and make its delivery; a record whose delivery still waits is not read twice."""
    disabled = connector.status == Connector.Status.DISABLED
    held = ""
    if connector.status == Connector.Status.PAUSED:
        held = explain("connector_paused", connector=connector.name)
    events = [
        Event(
            kind=Event.Kind.TRIGGER,
            door=door,
            company_id=connector.company_id,
            connector=connector,
            external_id=external_id,
            payload={"external_id": external_id},
            trace=trace,
        )
        for external_id in external_ids
    ]
    with transaction.atomic():
        Event.objects.bulk_create(events)
        if disabled:
            why = explain("connector_disabled", connector=connector.name)
            write([_trigger_log(event, connector, why) for event in events])
            return [Accepted(event.id, None, 0) for event in events]
        # The lane is locked first: no worker can start the waiting delivery while we decide to rely on it.
        open_lanes([(connector.id, f"ext:{event.external_id}") for event in events])
        waiting = dict(
            Delivery.objects.filter(
                connector=connector,
                lane_key__in=[f"ext:{event.external_id}" for event in events],
                state__in=[State.PENDING, State.RETRYING],
            ).values_list("lane_key", "event_id")
        )
        merged = {event.id: waiting[key] for event in events if (key := f"ext:{event.external_id}") in waiting}
        insert_deliveries(
            Delivery(
                event_id=event.id,
                connector=connector,
                direction=Delivery.Direction.INBOUND,
                action="sync",
                lane_key=f"ext:{event.external_id}",
                external_id=event.external_id,
                sentence=held,
            )
            for event in events
            if event.id not in merged
        )
        SyncLog.objects.bulk_create(
            _trigger_log(event, connector, explain("merged", event_id=merged[event.id]), merged=True)
            for event in events
            if event.id in merged
        )
        if not held:
            nudge()
    return [Accepted(event.id, merged.get(event.id), 0 if event.id in merged else 1) for event in events]


def _trigger_log(event: Event, connector: Connector, sentence: str, *, merged: bool = False) -> SyncLog:
    return SyncLog(
        connector=connector,
        direction=SyncLog.Direction.INBOUND,
        outcome=SyncLog.Outcome.DUPLICATE if merged else SyncLog.Outcome.SKIPPED,
        code="merged" if merged else "connector_disabled",
        sentence=sentence,
        external_id=event.external_id,
        event_id=event.id,
    )
