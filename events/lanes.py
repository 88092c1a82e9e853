"""Lanes: the line of open deliveries of one record of one connector. Opening, claiming, closing.

A lane is claimed, never a single delivery: while a worker holds it, nobody else touches that record, and only the
head of the line runs. Locks are always taken in the order of the lane's connector and key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from .admission import ALLOWANCE, CONNECTORS, GUARDED, HAS_DUE_LANE, LEVEL, WORKING, lock_guarded
from .nudge import nudge
from .states import OPEN

OPEN_STATES = [state.value for state in OPEN]


def open_lanes(keys: Sequence[tuple[int, str]]) -> None:
    """Make or touch the lanes of ``(connector id, key)``, and lock them until the transaction ends.

    The lock makes the order of deliveries in a lane the order of their commits, since ``seq`` is drawn under it, and
    keeps a worker from closing a lane that is about to get a delivery.
    """
    unique = sorted(set(keys))
    if not unique:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_lane (connector_id, key, due_at)
            SELECT connector_id, key, statement_timestamp() FROM unnest(%s::bigint[], %s::text[]) k(connector_id, key)
            ORDER BY connector_id, key
            ON CONFLICT (connector_id, key) DO UPDATE SET key = EXCLUDED.key
            """,
            [[connector for connector, _ in unique], [key for _, key in unique]],
        )


@dataclass(frozen=True)
class Head:
    """A claimed lane and the delivery at its head."""

    lane_id: int
    connector_id: int
    key: str
    delivery_id: UUID


_CLAIM = f"""
WITH due AS (
    SELECT lane.id, lane.due_at, row_number() OVER (PARTITION BY c.id ORDER BY lane.due_at) AS turn
    FROM {CONNECTORS}
    LEFT JOIN unnest(%(busy)s::bigint[], %(running)s::int[]) AS b(id, running) ON b.id = c.id
    CROSS JOIN LATERAL (
        SELECT l.id, l.due_at FROM events_lane AS l
        WHERE l.connector_id = c.id AND l.due_at <= statement_timestamp() AND l.held_by = ''
        ORDER BY l.due_at
        LIMIT GREATEST(0, LEAST(%(free)s, %(share)s - COALESCE(b.running, 0), {ALLOWANCE}))
        FOR UPDATE SKIP LOCKED
    ) AS lane
    WHERE {WORKING} AND (c.id = ANY(%(guarded)s) OR NOT {GUARDED})
), chosen AS (
    SELECT id FROM due ORDER BY turn, due_at LIMIT %(free)s
), claimed AS (
    UPDATE events_lane AS l SET claim = %(claim)s, due_at = statement_timestamp() + make_interval(secs => %(lease)s)
    FROM chosen WHERE l.id = chosen.id RETURNING l.id, l.connector_id, l.key
), begun AS (
    SELECT claimed.id, claimed.connector_id, claimed.key, head.id AS delivery_id
    FROM claimed LEFT JOIN LATERAL (
        SELECT d.id FROM events_delivery AS d
        WHERE d.connector_id = claimed.connector_id AND d.lane_key = claimed.key AND d.state = ANY(%(open)s)
        ORDER BY d.seq LIMIT 1
    ) AS head ON true
), admitted AS (
    UPDATE connectors_connectorstate AS s SET
        tokens = CASE WHEN c.requests_per_minute IS NULL THEN s.tokens ELSE {LEVEL} - taken.lanes END,
        refilled_at = CASE WHEN c.requests_per_minute IS NULL THEN s.refilled_at
                           ELSE GREATEST(s.refilled_at, statement_timestamp()) END,
        breaker = CASE s.breaker WHEN 'closed' THEN 'closed' ELSE 'half_open' END,
        next_probe_at = NULL
    FROM (SELECT connector_id, count(delivery_id) AS lanes FROM begun GROUP BY connector_id) AS taken
    JOIN connectors_connector AS c ON c.id = taken.connector_id
    WHERE s.connector_id = taken.connector_id AND s.connector_id = ANY(%(guarded)s) AND taken.lanes > 0
      AND (c.requests_per_minute IS NOT NULL OR s.breaker <> 'closed')
)
SELECT id, connector_id, key, delivery_id FROM begun
"""  # noqa: S608 - constants only
# Connectors take turns, so that one with a long line does not delay another's first delivery.

_ANY_DUE = f"""
SELECT EXISTS (SELECT 1 FROM {CONNECTORS} WHERE {WORKING} AND COALESCE({ALLOWANCE}, 1) > 0 AND {HAS_DUE_LANE})
"""  # noqa: S608


def claim(*, free: int, share: int, running: Mapping[int, int], claim_id: UUID, lease_seconds: float) -> list[Head]:
    """Take up to ``free`` due lanes of active connectors, oldest first, for ``lease_seconds``.

    A connector gets at most ``share`` lanes in all, of which it has ``running[connector id]`` already, and no more than
    its limits, breaker and holds admit; each of its lanes takes one token. Call it inside a transaction, together with
    the start of the heads.
    """
    guarded = lock_guarded()
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
                "guarded": guarded,
                "ahead": 0.0,
            },
        )
        rows = cursor.fetchall()
    # A delivery committed while this statement waited for its lane is not seen by it: look again before closing.
    release([id for id, *_, delivery_id in rows if delivery_id is None])
    return [Head(*row) for row in rows if row[-1] is not None]


def lock_held(lane_ids: Sequence[int], *, claim_ids: Sequence[UUID]) -> set[int]:
    """Lock the lanes that are still held under these claims (pairwise), in order; return their ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT l.id FROM events_lane AS l
            JOIN unnest(%b::bigint[], %b::uuid[]) AS h(id, claim) ON l.id = h.id AND l.claim = h.claim
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
                  JOIN unnest(%b::bigint[], %b::uuid[]) AS h(id, claim) ON l.id = h.id AND l.claim = h.claim
                  ORDER BY l.connector_id, l.key FOR UPDATE OF l) AS held
            WHERE l.id = held.id
            """,
            [lease_seconds, list(lane_ids), list(claim_ids)],
        )


_RELEASE = """
UPDATE events_lane AS l SET claim = NULL, due_at = CASE
    WHEN mine.held_by <> '' THEN NULL
    WHEN head.state IS NULL THEN statement_timestamp()
    WHEN head.state = 'waiting' THEN NULL
    WHEN head.state = 'retrying' THEN head.next_attempt_at
    ELSE COALESCE(head.next_attempt_at, statement_timestamp()) END
FROM events_lane AS mine LEFT JOIN LATERAL (
    SELECT d.state, d.next_attempt_at FROM events_delivery AS d
    WHERE d.connector_id = mine.connector_id AND d.lane_key = mine.key AND d.state = ANY(%(open)s)
    ORDER BY d.seq LIMIT 1
) AS head ON true
WHERE mine.id = l.id AND l.id = ANY(%(lanes)b::bigint[])
RETURNING l.id, head.state IS NULL AND mine.held_by = ''
"""


def release(lane_ids: Sequence[int]) -> None:
    """Give locked lanes back: due when their next head is, blocked when it waits for a person, gone when empty.

    A lane that a person holds is never due, and stays when it is empty, for what comes later.

    The lanes must be locked by this transaction, in an earlier statement than this one.
    """
    if not lane_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"lanes": list(lane_ids), "open": OPEN_STATES})
        empty = [row[0] for row in cursor.fetchall() if row[1]]
        if empty:
            cursor.execute("DELETE FROM events_lane WHERE id = ANY(%b::bigint[])", [empty])


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


def hold(connector_id: int, key: str, *, user: str) -> bool:
    """Keep the record's deliveries back until ``unhold``; False when somebody holds them already.

    What a worker does at this moment is not broken off. Deliveries that come later wait too.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        open_lanes([(connector_id, key)])
        cursor.execute(
            """
            UPDATE events_lane SET held_by = %s, held_at = statement_timestamp(),
                   due_at = CASE WHEN claim IS NOT NULL THEN due_at END
            WHERE connector_id = %s AND key = %s AND held_by = ''
            """,
            [user, connector_id, key],
        )
        return bool(cursor.rowcount)


def unhold(connector_id: int, key: str) -> bool:
    """Let the record's deliveries go on, in order; False when nobody held them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE events_lane SET held_by = '', held_at = NULL WHERE connector_id = %s AND key = %s AND held_by <> ''
            RETURNING id, claim IS NULL
            """,
            [connector_id, key],
        )
        rows = cursor.fetchall()
        release([id for id, is_free in rows if is_free])
        if rows:
            nudge()
        return bool(rows)


def any_due(*, within_seconds: float = 0.0) -> bool:
    """Whether a claim would find something now, or that many seconds later if nothing else happens."""
    with connection.cursor() as cursor:
        cursor.execute(_ANY_DUE, {"ahead": within_seconds})
        return bool(cursor.fetchone()[0])
