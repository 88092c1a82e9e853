"""The trigger door: an external system says which of its records changed; the record itself is read later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from connectors.models import Connector
from mappings.models import RecordLink
from synclog.models import SyncLog
from synclog.rollup_write import Tally
from synclog.write import write

from .accept import Accepted
from .lanes import open_lanes
from .models import Delivery, Event
from .nudge import nudge
from .sentences import explain
from .states import OPEN, State

REFUSALS: Final[Mapping[str, str]] = {
    "trigger_no_id": "no record id",
    "trigger_unreadable": "not readable",
    "trigger_too_large": "too large",
    "trigger_too_often": "too often",
    "trigger_no_platform": "platform missing",
}
"""Why a call with a valid token is refused, by the code of its log."""
REFUSAL_SPAN = timedelta(minutes=10)
_REFUSALS_OF = UUID("7a0f3c0e-52a5-4a52-9d0c-4cb6a5d7f3a1")


def accept_trigger(
    connector: Connector, external_ids: Sequence[str], *, trace: dict[str, Any], door: str = Event.Door.TRIGGER
) -> list[Accepted]:
    """Store one trigger a record and make its delivery; a record whose delivery still waits is not read twice."""
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
        if connector.status == Connector.Status.DISABLED:
            _count(connector, received=len(events))
            why = explain("connector_disabled", connector=connector.name)
            write([_trigger_log(event, connector, why) for event in events])
            return [Accepted(event.id, None, 0) for event in events]
        merged = _deliver_or_merge(connector, events)
        fresh = len(events) - len(merged)
        _count(connector, received=fresh, routed=fresh, duplicates=len(merged))
    return [Accepted(event.id, merged.get(event.id), 0 if event.id in merged else 1) for event in events]


def _count(connector: Connector, *, received: int, routed: int = 0, duplicates: int = 0) -> None:
    """For the figures of the dashboard."""
    tally, where = Tally(), (connector.pk, connector.company_id, Delivery.Direction.INBOUND.value)
    tally.received(where, received)
    tally.routed(where, routed)
    tally.duplicates(where, duplicates)
    tally.write()


def _deliver_or_merge(connector: Connector, events: Sequence[Event]) -> dict[UUID, UUID]:
    """Make the deliveries; return by event the one into which it was merged instead."""
    lanes = lane_keys(connector.pk, [event.external_id for event in events])
    # The lanes are locked first: no worker can start the waiting delivery while we decide to rely on it.
    open_lanes([(connector.pk, key) for key in lanes.values()])
    waiting = _last_in_line(connector.pk, list(lanes.values()))
    merged = {event.id: waiting[event.external_id] for event in events if event.external_id in waiting}
    held = ""
    if connector.status == Connector.Status.PAUSED:
        held = explain("connector_paused", connector=connector.name)
    Delivery.objects.bulk_create(
        Delivery(
            event_id=event.id,
            connector=connector,
            direction=Delivery.Direction.INBOUND,
            action="sync",
            lane_key=lanes[event.external_id],
            external_id=event.external_id,
            sentence=held,
        )
        for event in events
        if event.id not in merged
    )
    write(
        [
            _trigger_log(event, connector, explain("merged", event_id=merged[event.id]), merged=True)
            for event in events
            if event.id in merged
        ]
    )
    if not held:
        nudge()
    return merged


def lane_keys(connector_id: int, external_ids: Sequence[str]) -> dict[str, str]:
    """The lane of each external record: that of its work order once they are linked."""
    links = RecordLink.objects.filter(
        connector_id=connector_id, external_id__in=external_ids, work_order_id__isnull=False
    ).values_list("external_id", "work_order_id")
    linked = {external_id: f"wo:{work_order_id}" for external_id, work_order_id in links}
    return {external_id: linked.get(external_id, f"ext:{external_id}") for external_id in external_ids}


def _last_in_line(connector_id: int, keys: Sequence[str]) -> dict[str, UUID]:
    """By external id the event of the inbound delivery that waits as the last of its lane.

    One that has a change of the work order behind it is not relied on: the new trigger came after that change.
    """
    waiting = (
        Delivery.objects.filter(connector_id=connector_id, lane_key__in=keys, state__in=OPEN)
        .order_by("lane_key", "-seq")
        .distinct("lane_key")
    )
    return {
        delivery.external_id: delivery.event_id
        for delivery in waiting.only("external_id", "event_id", "direction", "state", "lane_key")
        if delivery.direction == Delivery.Direction.INBOUND and delivery.state in (State.PENDING, State.RETRYING)
    }


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


def refusal_id(connector_id: int, code: str, when: datetime) -> UUID:
    """Id of the log that counts the refusals of this connector for this reason around ``when``.

    It follows from these three, so a flood of bad calls makes one row in ten minutes, and the rows are found by their
    ids however much else is logged.
    """
    return uuid5(_REFUSALS_OF, f"{connector_id}:{code}:{int(when.timestamp() // REFUSAL_SPAN.total_seconds())}")


def refuse_trigger(connector: Connector, code: str, cause: str, trace: Mapping[str, Any]) -> None:
    """Log that a call with a valid token was refused, or count it where such a call was logged just before.

    ``trace`` says where it came from; what it held is not kept.
    """
    now = timezone.now()
    details = {"trace": [f"{name}: {value}" for name, value in trace.items()], "last": dict(trace), "count": 1}
    values: list[Any] = [
        refusal_id(connector.pk, code, now),
        now,
        connector.pk,
        code,
        f"A call of the trigger URL was refused: {cause}",
        Jsonb(details),
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO synclog_synclog AS log (id, created_at, connector_id, direction, outcome, code, sentence,
                event_type, external_id, correlation_id, attempt, "user", details)
            VALUES (%s, %s, %s, 'inbound', 'refused', %s, %s, '', '', '', 0, '', %s)
            ON CONFLICT (id) DO UPDATE SET created_at = EXCLUDED.created_at, sentence = EXCLUDED.sentence,
                details = EXCLUDED.details || jsonb_build_object('count', (log.details->>'count')::int + 1)
            """,
            values,
        )
