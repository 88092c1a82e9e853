"""How many deliveries a connector may begin now: limits, breaker and holds, for all workers and machines together.

The truth is ``connectors_connectorstate``, the clock is the database's. A connector is guarded when it has a limit or
its breaker is not closed: before something of it is claimed its row is locked, so that two workers cannot both take
the last slot. All others cost a join and no lock. The fragments below take the parameter ``ahead``, in seconds: they
look at the state as it is, but that much later.
"""

from __future__ import annotations

from django.db import connection

from connectors.throttle import BURST_PART

MOMENT = "(statement_timestamp() + make_interval(secs => %(ahead)s))"

CONNECTORS = """
connectors_connector AS c
JOIN connectors_company AS company ON company.id = c.company_id AND company.is_active
LEFT JOIN connectors_connectorstate AS s ON s.connector_id = c.id
CROSS JOIN LATERAL (
    SELECT count(*) AS lanes FROM events_lane AS l
    WHERE (c.max_concurrent IS NOT NULL OR s.breaker = 'half_open')
      AND l.connector_id = c.id AND l.claim IS NOT NULL AND l.due_at > statement_timestamp()
) AS under_way
"""

WORKING = "c.status = 'active' AND NOT EXISTS (SELECT 1 FROM events_drain)"

GUARDED = """
(c.requests_per_minute IS NOT NULL OR c.max_concurrent IS NOT NULL OR COALESCE(s.breaker, 'closed') <> 'closed')
"""

CAPACITY = f"GREATEST(1, COALESCE(NULLIF(c.burst, 0), c.requests_per_minute / {BURST_PART}))::float8"

LEVEL = f"""
LEAST({CAPACITY}, COALESCE(s.tokens + c.requests_per_minute / 60.0::float8
    * EXTRACT(EPOCH FROM GREATEST({MOMENT}, s.refilled_at) - s.refilled_at)::float8, {CAPACITY}))
"""
"""Tokens in the bucket, as ``throttle.Bucket.level`` says."""

# LEAST leaves NULL out: what does not limit is NULL, and NULL in the end is no limit.
ALLOWANCE = f"""
LEAST(
    CASE WHEN s.held_at IS NOT NULL OR s.blocked_until > {MOMENT} THEN 0 END,
    CASE s.breaker WHEN 'open' THEN COALESCE((s.next_probe_at <= {MOMENT})::int, 0)
                   WHEN 'half_open' THEN (under_way.lanes = 0)::int END,
    CASE WHEN c.max_concurrent IS NOT NULL THEN GREATEST(0, c.max_concurrent - under_way.lanes) END,
    CASE WHEN c.requests_per_minute IS NOT NULL THEN GREATEST(0, floor({LEVEL})) END
)::bigint
"""
"""How many may begin, as ``breaker.admits``, ``throttle.slots`` and ``throttle.Bucket.admits`` say."""

HAS_DUE_LANE = f"""
EXISTS (SELECT 1 FROM events_lane AS l WHERE l.connector_id = c.id AND l.due_at <= {MOMENT} AND l.held_by = '')
"""  # noqa: S608

_LOCK_GUARDED = f"""
WITH wanted AS MATERIALIZED (
    SELECT c.id, s.connector_id IS NULL AS is_new FROM {CONNECTORS}
    WHERE {WORKING} AND {GUARDED} AND {ALLOWANCE} > 0 AND {HAS_DUE_LANE}
), made AS (
    INSERT INTO connectors_connectorstate (connector_id) SELECT id FROM wanted WHERE is_new ORDER BY id
    ON CONFLICT DO NOTHING RETURNING connector_id
), locked AS (
    SELECT s.connector_id FROM connectors_connectorstate AS s JOIN wanted ON wanted.id = s.connector_id
    ORDER BY s.connector_id FOR UPDATE OF s SKIP LOCKED
)
SELECT connector_id FROM made UNION ALL SELECT connector_id FROM locked
"""  # noqa: S608 - constants only


def lock_guarded() -> list[int]:
    """Lock the state of guarded connectors that may begin something now; return the ids of those that we got.

    What may begin is to be counted in a later statement, which sees what the last holder of the lock did. A state that
    another worker has locked is left out, so that a busy connector keeps nobody waiting: its turn comes with the next
    claim.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_GUARDED, {"ahead": 0.0})
        return [row[0] for row in cursor.fetchall()]
