"""Deliveries as the worker sees them: plain data, so that a thread without a database can do nothing but read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from . import binary


class Received(NamedTuple):
    """What a delivery needs of its event."""

    event_type: str
    payload: Mapping[str, Any]
    occurred_at: datetime | None
    received_at: datetime
    traceparent: str = ""


class Begun(NamedTuple):
    """A delivery whose attempt has begun; the names are those of ``models.Delivery``."""

    event: Received
    conflict: Mapping[str, Any] | None
    id: UUID
    seq: int
    event_id: UUID
    connector_id: int
    trigger_id: int | None
    direction: str
    action: str
    lane_key: str
    done_operations: int
    create_again: bool
    forced: bool
    version: int | None
    work_order_id: int | None
    external_id: str


_READ = """
SELECT e.event_type, e.payload, e.occurred_at, e.received_at, COALESCE(e.trace->>'traceparent', ''), d.conflict,
       d.id, d.seq, d.event_id, d.connector_id, d.trigger_id, d.direction, d.action, d.lane_key, d.done_operations,
       d.create_again, d.forced, d.version, d.work_order_id, d.external_id
FROM events_delivery AS d JOIN events_event AS e ON e.id = d.event_id
WHERE d.id = ANY(%b::uuid[])
"""


def read(ids: Iterable[UUID]) -> dict[UUID, Begun]:
    """These deliveries with their events, by id."""
    found = (Begun(Received(*columns[:5]), *columns[5:]) for columns in binary.rows(_READ, [list(ids)]))
    return {begun.id: begun for begun in found}
