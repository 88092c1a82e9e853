"""One statement that stores work-order events, opens the lanes of their deliveries, puts them in line and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from broker_project.lib import fast_json


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvent:
    """A row of Event as it will be stored, but for what the whole batch has in common."""

    id: UUID
    event_type: str
    received_name: str
    work_order_id: int | None
    occurred_at: datetime | None
    payload: dict[str, Any]
    dedupe_key: str | None
    trace: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDelivery:
    """A row of Delivery to make if its event is new."""

    id: UUID
    event_id: UUID
    connector_id: int
    trigger_id: int
    action: str
    lane_key: str
    sentence: str
    work_order_id: int | None


_STORE = """
WITH fresh AS (
    INSERT INTO events_event (id, kind, door, company_id, source_id, event_type, received_name, work_order_id,
                              external_id, occurred_at, payload, dedupe_key, trace)
    SELECT e.id, 'work_order', %s, %s, %s, e.event_type, e.received_name, e.work_order_id, '', e.occurred_at,
           e.payload::jsonb, e.dedupe_key, e.trace::jsonb
    FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::bigint[], %b::timestamptz[], %b::text[], %b::text[], %b::text[])
         WITH ORDINALITY
         AS e(id, event_type, received_name, work_order_id, occurred_at, payload, dedupe_key, trace, place)
    ORDER BY e.dedupe_key, e.place
    ON CONFLICT (company_id, dedupe_key) DO NOTHING
    RETURNING id
), wanted AS (
    SELECT d.* FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[], %b::bigint[], %b::text[], %b::text[], %b::text[],
                           %b::bigint[])
         WITH ORDINALITY
         AS d(id, event_id, connector_id, trigger_id, action, lane_key, sentence, work_order_id, place)
    JOIN fresh ON fresh.id = d.event_id
), opened AS (
    INSERT INTO events_lane (connector_id, key, due_at)
    SELECT DISTINCT connector_id, lane_key, statement_timestamp() FROM wanted ORDER BY connector_id, lane_key
    ON CONFLICT (connector_id, key) DO UPDATE SET key = EXCLUDED.key
    RETURNING connector_id, key
), lined_up AS (
    INSERT INTO events_delivery (id, event_id, connector_id, trigger_id, direction, action, lane_key, state, reason,
        sentence, attempts, done_operations, create_again, work_order_id, external_id)
    SELECT w.id, w.event_id, w.connector_id, w.trigger_id, 'outbound', w.action, w.lane_key, 'pending', '', w.sentence,
           0, 0, false, w.work_order_id, ''
    FROM wanted AS w JOIN opened ON opened.connector_id = w.connector_id AND opened.key = w.lane_key
    ORDER BY w.place
), counted AS (
    INSERT INTO synclog_rollup (at, span, connector_id, company_id, direction, kind, name, received, duplicates, routed)
    SELECT statement_timestamp(), 0, NULL::bigint, %s::bigint, 'outbound', 'deliveries', '', count(*),
           %s::bigint - count(*), 0
    FROM fresh
    UNION ALL
    SELECT statement_timestamp(), 0, connector_id, %s::bigint, 'outbound', 'deliveries', '', 0, 0,
           count(DISTINCT event_id)
    FROM wanted GROUP BY connector_id
)
SELECT id FROM fresh
"""
# Events are ordered by key, so that two batches with the same members cannot wait for each other. Deliveries come from
# lanes that are open and locked by then (see lanes.open_lanes): seq is drawn under the lock, in the order given.
# %b: binary arrays, which cost a fifth of their text form.


def store(
    events: Sequence[NewEvent],
    deliveries: Sequence[NewDelivery],
    *,
    door: str,
    company_id: int,
    source_id: int | None,
) -> set[UUID]:
    """Store the events that are not known yet, with their deliveries in the order given; return the ids of those.

    Of two with one key in the batch the first is stored. Call it inside a transaction.
    """
    with connection.cursor() as cursor:
        columns = [*_columns_of_events(events), *_columns_of_deliveries(deliveries)]
        cursor.execute(_STORE, [door, company_id, source_id, *columns, company_id, len(events), company_id])
        return {row[0] for row in cursor.fetchall()}


def _columns_of_events(events: Sequence[NewEvent]) -> list[list[Any]]:
    return [
        [event.id for event in events],
        [event.event_type for event in events],
        [event.received_name for event in events],
        [event.work_order_id for event in events],
        [event.occurred_at for event in events],
        [fast_json.dumps(event.payload) for event in events],
        [event.dedupe_key for event in events],
        [fast_json.dumps(event.trace) for event in events],
    ]


def _columns_of_deliveries(deliveries: Sequence[NewDelivery]) -> list[list[Any]]:
    return [
        [delivery.id for delivery in deliveries],
        [delivery.event_id for delivery in deliveries],
        [delivery.connector_id for delivery in deliveries],
        [delivery.trigger_id for delivery in deliveries],
        [delivery.action for delivery in deliveries],
        [delivery.lane_key for delivery in deliveries],
        [delivery.sentence for delivery in deliveries],
        [delivery.work_order_id for delivery in deliveries],
    ]
