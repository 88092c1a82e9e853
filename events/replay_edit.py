"""Change what a delivery sends, and retry it. The event that came in stays as it is; a copy carries the change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from django.conf import settings

from broker_project.lib.errors import InvalidRecord
from synclog.models import SyncLog

from . import payload_changes, replay
from .models import Delivery, Event
from .payload import EventPayload, parse_event
from .payload_changes import Change
from .replay import Decision
from .sentences import explain


def can_edit(delivery: Delivery) -> bool:
    """A trigger has nothing to edit: its record is read afresh."""
    return replay.can_retry_now(delivery) and delivery.event.kind == Event.Kind.WORK_ORDER and is_known(delivery.event)


def is_known(event: Event) -> bool:
    """Whether the event is one of the catalogue's, so that its payload can be checked."""
    return bool(event.event_type)


def edit_and_retry(id: UUID, text: str, *, user: str) -> set[UUID]:
    """Retry the delivery with this payload, JSON text, in place of its event's.

    Raises InvalidRecord when the payload cannot be taken: no JSON, too big, no event, another event or work order than
    before, or nothing changed.
    """

    def act(found: Sequence[Delivery]) -> set[UUID]:
        delivery = found[0]
        original = delivery.event
        parsed = _parsed(text, original)
        changed = payload_changes.changes(original.payload, parsed.payload)
        if not changed:
            raise InvalidRecord("Nothing was changed. Change the payload, or use Retry.")
        copy = _copy(original, parsed, user=user)
        replay.prepare(found)
        moved = replay.carry_out(found, _decision(original, copy, changed, user=user))
        if moved:
            Delivery.objects.filter(pk=delivery.pk).update(event=copy)
            _tell_at_the_original(delivery, copy, user=user)
        return moved

    return replay.act_on([id], act, allowed=can_edit)


def _parsed(text: str, original: Event) -> EventPayload:
    size = len(text.encode())
    if size > settings.EVENT_MAX_BYTES:
        raise InvalidRecord(f"The payload has {size} bytes; at most {settings.EVENT_MAX_BYTES} are taken.")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRecord("This is not valid JSON. Look for a missing comma, quote or bracket.") from None
    parsed = parse_event(body, size=size)
    if parsed.work_order_id != original.work_order_id:
        raise InvalidRecord(f"Keep the work order: workorder.id must stay {original.work_order_id}.")
    if parsed.event_type != original.event_type:
        raise InvalidRecord(f"Keep the event: event_type must stay {original.event_type}.")
    return parsed


def _copy(original: Event, parsed: EventPayload, *, user: str) -> Event:
    return Event.objects.create(
        kind=original.kind,
        door=Event.Door.OPERATOR,
        company_id=original.company_id,
        connector_id=original.connector_id,
        event_type=original.event_type,
        received_name=original.received_name,
        work_order_id=original.work_order_id,
        external_id=original.external_id,
        occurred_at=parsed.occurred_at,
        payload=parsed.payload,
        dedupe_key=None,
        trace={"edited_from": str(original.pk), "user": user},
    )


def _decision(original: Event, copy: Event, changed: Sequence[Change], *, user: str) -> Decision:
    return Decision(
        "operator_edited",
        user,
        facts={"changes": payload_changes.in_words(changed)},
        details={
            "changed": [asdict(change) for change in changed],
            "edited_from": str(original.pk),
            "event": str(copy.pk),
        },
    )


def _tell_at_the_original(delivery: Delivery, copy: Event, *, user: str) -> None:
    """Its page and its report list deliveries by event, and this delivery has gone over to the copy."""
    SyncLog.objects.create(
        connector_id=delivery.connector_id,
        direction=delivery.direction,
        outcome=SyncLog.Outcome.NOTE,
        code="event_edited",
        sentence=explain("event_edited", user=user, delivery=delivery.pk, event_id=copy.pk),
        event_type=delivery.event.event_type,
        work_order_id=delivery.work_order_id,
        external_id=delivery.external_id,
        event_id=delivery.event_id,
        user=user,
    )
