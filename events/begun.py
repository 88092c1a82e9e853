"""Deliveries as the worker sees them: plain data, so that a thread without a database can do nothing but read it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection


@dataclass(frozen=True, slots=True)
class Received:
    """What a delivery needs of its event."""

    event_type: str
    payload: Mapping[str, Any]
    occurred_at: datetime | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Begun:
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
SELECT e.event_type, e.payload, e.occurred_at, e.received_at, d.conflict,
       d.id, d.seq, d.event_id, d.connector_id, d.trigger_id, d.direction, d.action, d.lane_key, d.done_operations,
       d.create_again, d.forced, d.version, d.work_order_id, d.external_id
FROM events_delivery AS d JOIN events_event AS e ON e.id = d.event_id
WHERE d.id = ANY(%b::uuid[])
"""


def read(ids: Iterable[UUID]) -> dict[UUID, Begun]:
    """These deliveries with their events, by id."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [list(ids)])
        return {begun.id: begun for begun in (_begun(*row) for row in cursor.fetchall())}


def _begun(
    event_type: str,
    payload: str,
    occurred_at: datetime | None,
    received_at: datetime,
    conflict: str | None,
    *columns: Any,
) -> Begun:
    event = Received(event_type, json.loads(payload), occurred_at, received_at)
    return Begun(event, None if conflict is None else json.loads(conflict), *columns)
