"""Lanes: the line of open deliveries of one record of one connector. Opening, claiming, closing.

A lane is claimed, never a single delivery: while a worker holds it, nobody else touches that record, and only the
head of the line runs. Locks are always taken in the order of the lane's connector and key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from .models import Delivery
from .states import OPEN

OPEN_STATES = [state.value for state in OPEN]


def open_lanes(keys: Sequence[tuple[int, str]]) -> None:
    """Make or touch the lanes of ``(connector id, key)``, and lock them until the transaction ends.

    The lock makes the order of deliveries in a lane the order of their commits, and keeps a worker from closing a lane
    that is about to get a delivery.
    """
    unique = sorted(set(keys))
    if not unique:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_lane (connector_id, key, due_at)
            SELECT connector_id, key, statement_timestamp() FROM unnest(%s::bigint[], %s::text[]) k(connector_id, key)
            ON CONFLICT (connector_id, key) DO UPDATE SET key = EXCLUDED.key
            """,
            [[connector for connector, _ in unique], [key for _, key in unique]],
        )


def insert_deliveries(deliveries: Iterable[Delivery]) -> None:
    """Add deliveries, in this order, to lanes that this transaction has opened: the order of ``seq`` is theirs."""
    rows = list(deliveries)
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_delivery (id, event_id, connector_id, trigger_id, direction, action, lane_key, state,
                reason, sentence, attempts, done_operations, create_again, work_order_id, external_id)
            SELECT id, event_id, connector_id, trigger_id, direction, action, lane_key, 'pending', '', sentence, 0, 0,
                   false, work_order_id, external_id
            FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[],
                        %s::text[], %s::bigint[], %s::text[])
                 AS d(id, event_id, connector_id, trigger_id, direction, action, lane_key, sentence, work_order_id,
                      external_id)
            """,
            [
                [row.id for row in rows],
                [row.event_id for row in rows],
                [row.connector_id for row in rows],
                [row.trigger_id for row in rows],
                [row.direction for row in rows],
                [row.action for row in rows],
                [row.lane_key for row in rows],
                [row.sentence for row in rows],
                [row.work_order_id for row in rows],
                [row.external_id for row in rows],
            ],
        )


@dataclass(frozen=True)
class Head:
    """A claimed lane and the delivery at its head."""

    lane_id: int
    connector_id: int
    delivery_id: UUID


_CLAIM = """
WITH due AS (
    SELECT lane.id, lane.due_at, row_number() OVER (PARTITION BY c.id ORDER BY lane.due_at) AS turn
    FROM connectors_connector AS c
    JOIN connectors_company AS company ON company.id = c.company_id AND company.is_active
    LEFT JOIN unnest(%(busy)s::bigint[], %(running)s::int[]) AS b(id, running) ON b.id = c.id
    CROSS JOIN LATERAL (
        SELECT l.id, l.due_at FROM events_lane AS l
        WHERE l.connector_id = c.id AND l.due_at <= statement_timestamp()
        ORDER BY l.due_at LIMIT GREATEST(0, LEAST(%(free)s, %(share)s - COALESCE(b.running, 0)))
        FOR UPDATE SKIP LOCKED
    ) AS lane
    WHERE c.status = 'active'
), chosen AS (
    SELECT id FROM due ORDER BY turn, due_at LIMIT %(free)s
), claimed AS (
    UPDATE events_lane AS l SET claim = %(claim)s, due_at = statement_timestamp() + make_interval(secs => %(lease)s)
    FROM chosen WHERE l.id = chosen.id RETURNING l.id, l.connector_id, l.key
)
SELECT claimed.id, claimed.connector_id, head.id
FROM claimed LEFT JOIN LATERAL (
    SELECT d.id FROM events_delivery AS d
    WHERE d.connector_id = claimed.connector_id AND d.lane_key = claimed.key AND d.state = ANY(%(open)s)
    ORDER BY d.seq LIMIT 1
) AS head ON true
"""
# Connectors take turns, so that one with a long line does not delay another's first delivery.


def claim(*, free: int, share: int, running: Mapping[int, int], claim_id: UUID, lease_seconds: float) -> list[Head]:
    """Take up to ``free`` due lanes of active connectors, oldest first, for ``lease_seconds``.

    A connector gets at most ``share`` lanes in all, of which it has ``running[connector id]`` already. Call it inside
    a transaction, together with the start of the heads.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "busy": list(running),
                "running": list(running.values()),
                "free": free,
                "share": share,
                "claim": claim_id,
                "lease": lease_seconds,
                "open": OPEN_STATES,
            },
        )
        rows = cursor.fetchall()
    # A delivery committed while this statement waited for its lane is not seen by it: look again before closing.
    release([row[0] for row in rows if row[2] is None])
    return [Head(*row) for row in rows if row[2] is not None]


def lock_held(lane_ids: Sequence[int], *, claim_ids: Sequence[UUID]) -> set[int]:
    """Lock the lanes that are still held under these claims (pairwise), in order; return their ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT l.id FROM events_lane AS l
            JOIN unnest(%s::bigint[], %s::uuid[]) AS h(id, claim) ON l.id = h.id AND l.claim = h.claim
            ORDER BY l.connector_id, l.key FOR UPDATE OF l
            """,
            [list(lane_ids), list(claim_ids)],
        )
        return {row[0] for row in cursor.fetchall()}


def renew(lane_ids: Sequence[int], *, claim_ids: Sequence[UUID], lease_seconds: float) -> None:
    """Prolong the lease of the lanes that are still held under these claims (pairwise)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE events_lane AS l SET due_at = statement_timestamp() + make_interval(secs => %s)
            FROM (SELECT l.id FROM events_lane AS l
                  JOIN unnest(%s::bigint[], %s::uuid[]) AS h(id, claim) ON l.id = h.id AND l.claim = h.claim
                  ORDER BY l.connector_id, l.key FOR UPDATE OF l) AS held
            WHERE l.id = held.id
            """,
            [lease_seconds, list(lane_ids), list(claim_ids)],
        )


_RELEASE = """
UPDATE events_lane AS l SET claim = NULL, due_at = CASE
    WHEN head.state IS NULL THEN statement_timestamp()
    WHEN head.state = 'waiting' THEN NULL
    WHEN head.state = 'retrying' THEN head.next_attempt_at
    ELSE COALESCE(head.next_attempt_at, statement_timestamp()) END
FROM events_lane AS mine LEFT JOIN LATERAL (
    SELECT d.state, d.next_attempt_at FROM events_delivery AS d
    WHERE d.connector_id = mine.connector_id AND d.lane_key = mine.key AND d.state = ANY(%(open)s)
    ORDER BY d.seq LIMIT 1
) AS head ON true
WHERE mine.id = l.id AND l.id = ANY(%(lanes)s)
RETURNING l.id, head.state IS NULL
"""


def release(lane_ids: Sequence[int]) -> None:
    """Give locked lanes back: due when their next head is, blocked when it waits for a person, gone when empty.

    The lanes must be locked by this transaction, in an earlier statement than this one.
    """
    if not lane_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"lanes": list(lane_ids), "open": OPEN_STATES})
        empty = [row[0] for row in cursor.fetchall() if row[1]]
        if empty:
            cursor.execute("DELETE FROM events_lane WHERE id = ANY(%s)", [empty])


def reopen(keys: Sequence[tuple[int, str]]) -> None:
    """After a person moved deliveries: make the lanes due again, unless a worker holds them."""
    open_lanes(keys)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT l.id FROM events_lane AS l JOIN unnest(%s::bigint[], %s::text[]) AS k(connector_id, key)
            ON l.connector_id = k.connector_id AND l.key = k.key WHERE l.claim IS NULL
            """,
            [[connector for connector, _ in keys], [key for _, key in keys]],
        )
        release([row[0] for row in cursor.fetchall()])


def any_due() -> bool:
    """Whether an active connector has a lane that is due."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (SELECT 1 FROM connectors_connector AS c
                JOIN connectors_company AS company ON company.id = c.company_id AND company.is_active
                WHERE c.status = 'active' AND EXISTS (
                    SELECT 1 FROM events_lane AS l WHERE l.connector_id = c.id AND l.due_at <= statement_timestamp()))
            """
        )
        return bool(cursor.fetchone()[0])
