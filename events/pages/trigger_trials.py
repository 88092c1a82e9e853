"""What the test of a trigger is made of: the trigger as posted, not saved, and the event to try it with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from connectors.models import Connector
from events import catalogue
from events.dry_run import TrialEvent
from events.earlier import Payload, before_now, before_these
from events.models import Event, EventTrigger
from events.normalise import utc_text
from events.payload import EventPayload, PayloadError, parse_event

from .base import Problem, Refused
from .filters import parsed
from .mapping_samples import BUILT_IN
from .recent_events import newest
from .trigger_state import FIELDS

OFFERED: Final = 10
"""Recent events to choose from, of the trigger's type and of others."""
TEXTS: Final = tuple(name for name in FIELDS if name not in ("filters", "is_enabled"))
STATUS: Final = "workorder.status."
UNREADABLE: Final = "The page sent something that cannot be read. Load it again."


def trigger_of(connector: Connector, posted: Any) -> EventTrigger:
    """The trigger as posted, not saved. Raises Refused; ``at`` is the trigger's field."""
    if not isinstance(posted, Mapping) or not all(isinstance(posted.get(name), str) for name in TEXTS):
        raise Refused([Problem("", UNREADABLE)])
    trigger = EventTrigger(connector=connector, filters=posted.get("filters"), **{name: posted[name] for name in TEXTS})
    parsed(trigger.filters)
    try:
        trigger.full_clean(exclude=["connector", "position"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise Refused([Problem(name, text) for name, texts in error.message_dict.items() for text in texts]) from None
    return trigger


def stored(connector: Connector, posted: Any) -> EventTrigger | None:
    """The saved trigger, when it is ticked and the posted one says the same in everything; else None."""
    id = posted.get("id") if isinstance(posted, Mapping) else None
    if type(id) is not int:
        return None
    trigger = EventTrigger.objects.filter(pk=id, connector=connector, is_enabled=True).first()
    if trigger is None or any(getattr(trigger, name) != posted.get(name) for name in FIELDS):
        return None
    return trigger


def recent(connector: Connector, event_type: str) -> list[dict[str, Any]]:
    """Events that have come, of this type first, then of others. Two bounded queries, payloads left out."""
    of_type = newest(connector.company_id, event_type, limit=OFFERED)
    others = [event for event in newest(connector.company_id, limit=2 * OFFERED) if event.event_type != event_type]
    return [
        {
            "id": str(event.pk),
            "event_type": event.event_type,
            "work_order": event.work_order_id,
            "received_at": event.received_at.isoformat(),
        }
        for event in [*of_type, *others[:OFFERED]]
    ]


def chosen(request: HttpRequest, connector: Connector, event_type: str, source: Any) -> TrialEvent:
    """The event of ``{"kind": "sample" | "recent" | "paste", "id", "text"}`` as one of ``event_type``.

    Raises Refused, ``at`` is “source”.
    """
    kind = source.get("kind") if isinstance(source, Mapping) else None
    if kind == "recent":
        return _recent(request, connector, event_type, source.get("id"))
    if kind not in ("sample", "paste"):
        raise Refused([Problem("", UNREADABLE)])
    event = _parsed(_sample(event_type) if kind == "sample" else _pasted(source.get("text")), event_type)
    return _trial(event, before_now(event.work_order_id, company_id=connector.company_id))


def _recent(request: HttpRequest, connector: Connector, event_type: str, id: Any) -> TrialEvent:
    event = None
    if request.user.has_perm("events.view_event") and (key := uuid_of(id)):
        rows = Event.objects.filter(pk=key, company_id=connector.company_id).exclude(event_type="")
        event = rows.first()
    if event is None:
        raise _refused("This event is not there any more. Choose another one.")
    return _trial(_parsed(event.payload, event_type), before_these([event.pk]).get(event.pk))


def _trial(event: EventPayload, previous: Payload | None) -> TrialEvent:
    return TrialEvent(
        event_type=event.event_type,
        work_order_id=event.work_order_id,
        occurred_at=event.occurred_at,
        payload=event.payload,
        previous=previous,
    )


def _sample(event_type: str) -> dict[str, Any]:
    """The built-in work order, now, in the status that the event tells of."""
    webhook = catalogue.by_constant(event_type).webhook or ""
    work_order = BUILT_IN["workorder"]
    if webhook.startswith(STATUS):
        work_order = {**work_order, "status": {"name": webhook.removeprefix(STATUS)}}
    return {**BUILT_IN, "workorder": work_order, "event_timestamp": utc_text(timezone.now())}


def _pasted(text: Any) -> dict[str, Any]:
    """A whole event, or only its work order, which is taken as of now."""
    if not isinstance(text, str) or not text.strip():
        raise _refused("Paste the JSON of an event or of a work order.")
    if len(text.encode(errors="replace")) > settings.EVENT_MAX_BYTES:
        raise _refused(f"This is more than {settings.EVENT_MAX_BYTES // 1024} KiB. Paste less.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise _refused("This is not valid JSON. Look for a missing comma, quote or bracket.") from None
    if not isinstance(found, dict):
        raise _refused("Paste one JSON object: an event or a work order.")
    if "workorder" not in found and "id" in found:
        found = {"workorder": found}
    return {"event_timestamp": utc_text(timezone.now()), **found}


def _parsed(payload: Mapping[str, Any], event_type: str) -> EventPayload:
    try:
        return parse_event({**payload, "event_type": event_type}, size=None)
    except PayloadError as error:
        raise _refused(error.sentence) from None


def _refused(sentence: str) -> Refused:
    return Refused([Problem("source", sentence)])


def uuid_of(id: Any) -> UUID | None:
    try:
        return UUID(id) if isinstance(id, str) else None
    except ValueError:
        return None
