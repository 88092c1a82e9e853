"""The last event of a work order before another one, which filters with ``changed`` compare with.

Last means last received. What an operator edited or sent as a test says nothing about the work order, so it does not
count, and neither does a webhook without an event. Two events that are accepted at the same moment by two processes
do not see each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from .route import ConnectorFacts, compares

TEST = "test"
"""Member of the trace of an event that an operator sent as a test."""

Payload = Mapping[str, Any]

COUNTS = "event_type <> '' AND NOT trace ?| ARRAY['edited_from', 'test']"

_BEFORE = f"""
SELECT w.id, e.payload, NULL
FROM unnest(%b::bigint[]) AS w(id)
JOIN LATERAL (
    SELECT payload FROM events_event WHERE work_order_id = w.id AND company_id = %s AND {COUNTS}
    ORDER BY received_at DESC, id DESC LIMIT 1
) AS e ON true
UNION ALL
SELECT NULL, NULL, dedupe_key FROM events_event WHERE company_id = %s AND dedupe_key = ANY(%s)
"""  # noqa: S608 - constants only

_BEFORE_THESE = f"""
SELECT this.id, earlier.payload
FROM events_event AS this
JOIN LATERAL (
    SELECT payload FROM events_event
    WHERE work_order_id = this.work_order_id AND company_id = this.company_id AND {COUNTS}
      AND (received_at, id) < (this.received_at, this.id)
    ORDER BY received_at DESC, id DESC LIMIT 1
) AS earlier ON true
WHERE this.id = ANY(%s)
"""  # noqa: S608


def before_each(
    events: Sequence[Any], *, company_id: int, connectors: Sequence[ConnectorFacts]
) -> list[Payload | None]:
    """For each arriving event (see ``accept.Incoming``), in order, the payload of its work order's last event before.

    None where there is none, and where no filter asks for it: without such a filter there is no query, else one.
    Events of the same batch count, repeats do not.
    """
    types = {event.event_type for event in events if event.event_type}
    asked = {event_type for event_type in types if compares(event_type, connectors)}
    if not asked:
        return [None] * len(events)
    last, known = _stored(events, company_id)
    found: list[Payload | None] = []
    for event in events:
        found.append(last.get(event.work_order_id) if event.event_type in asked else None)
        if event.event_type and event.dedupe_key not in known:
            last[event.work_order_id] = event.payload
            known |= {event.dedupe_key} if event.dedupe_key else set()
    return found


def _stored(events: Iterable[Any], company_id: int) -> tuple[dict[int | None, Payload], set[str]]:
    """The last stored payload by work order, and which of the dedupe keys are stored already."""
    orders = sorted({event.work_order_id for event in events if event.work_order_id is not None})
    keys = [event.dedupe_key for event in events if event.dedupe_key]
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, [orders, company_id, company_id, keys])
        rows = cursor.fetchall()
    return {order: json.loads(payload) for order, payload, _ in rows if payload is not None}, {
        key for _, _, key in rows if key is not None
    }


def before_these(ids: Sequence[UUID]) -> dict[UUID, Payload]:
    """For each of these stored events, by id, the payload of its work order's last event before; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE_THESE, [list(ids)])
        return {id: json.loads(payload) for id, payload in cursor.fetchall()}


def before_now(work_order_id: int | None, *, company_id: int) -> Payload | None:
    """The payload of the work order's newest event."""
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, [[work_order_id] if work_order_id else [], company_id, company_id, []])
        return next((json.loads(payload) for _, payload, _ in cursor.fetchall() if payload is not None), None)
