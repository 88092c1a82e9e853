"""What a batch of results does to the links: complete them, give claims up, remember what was agreed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from broker_project.lib import fast_json
from mappings.agreement import UNKNOWN

from .outcome import Outcome, Synced
from .work import Work


@dataclass(frozen=True)
class Settled:
    """One piece of work and how it ended."""

    work: Work
    outcome: Outcome


def store(results: Sequence[Settled]) -> None:
    """Complete links: claims of either side give way to the pair; a pair that stands already is left alone."""
    rows = [
        (result.work.target.id, work_order_id, external_id, result.work.correlation, result.outcome.written_back)
        for result in results
        if (work_order_id := result.outcome.work_order_id or result.work.work_order_id)
        and (external_id := result.outcome.external_id or result.work.external_id)
        and (not result.work.linked or result.outcome.written_back)
    ]
    if not rows:
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        for _ in range(CLAIM_RACES):
            cursor.execute(_DROP_CLAIMS, columns)
            cursor.execute(_INSERT_PAIRS, columns)
            cursor.execute(_MISSING_PAIRS, columns)
            if not cursor.fetchone():
                break
        cursor.execute(_WRITTEN_BACK, columns)


CLAIM_RACES = 3
"""A claim that another worker makes between our two statements keeps the pair out, so both are repeated."""

_NEW = """
unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bool[])
    AS n(connector_id, work_order_id, external_id, correlation, written_back)
"""
_DROP_CLAIMS = f"""
DELETE FROM mappings_recordlink AS l USING {_NEW}
WHERE l.connector_id = n.connector_id AND (
    (l.work_order_id = n.work_order_id AND l.external_id IS NULL)
    OR (l.external_id = n.external_id AND l.work_order_id IS NULL))
"""  # noqa: S608 - constants only
_INSERT_PAIRS = f"""
INSERT INTO mappings_recordlink (connector_id, work_order_id, external_id, correlation_id, created_at, updated_at)
SELECT connector_id, work_order_id, external_id, correlation, statement_timestamp(), statement_timestamp() FROM {_NEW}
ON CONFLICT DO NOTHING
"""  # noqa: S608
_MISSING_PAIRS = f"""
SELECT 1 FROM {_NEW} WHERE NOT EXISTS (
    SELECT 1 FROM mappings_recordlink AS l WHERE l.connector_id = n.connector_id
    AND l.work_order_id IS NOT NULL AND l.external_id IS NOT NULL
    AND (l.work_order_id = n.work_order_id OR l.external_id = n.external_id))
LIMIT 1
"""  # noqa: S608
_WRITTEN_BACK = f"""
UPDATE mappings_recordlink AS l SET written_back_at = statement_timestamp() FROM {_NEW}
WHERE n.written_back AND l.connector_id = n.connector_id AND l.work_order_id = n.work_order_id
  AND l.external_id = n.external_id
"""  # noqa: S608


def release(works: Sequence[Work]) -> None:
    """Nothing was created for certain: the next delivery may claim afresh."""
    claims = [work.delivery.id for work in works if work.may_create]
    if not claims:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM mappings_recordlink
            WHERE claimed_by = ANY(%s) AND (work_order_id IS NULL OR external_id IS NULL)
            """,
            [claims],
        )


_REMEMBER = """
UPDATE mappings_recordlink AS l SET
    sent = n.sent::jsonb, remote = n.remote::jsonb, seen = n.seen::jsonb, updated_at = statement_timestamp(),
    applied_at = GREATEST(l.applied_at, n.applied_at),
    inbound_at = CASE WHEN n.inbound THEN statement_timestamp() ELSE l.inbound_at END,
    hops = CASE WHEN NOT n.wrote THEN l.hops WHEN n.hops %% 2 = n.way THEN n.hops ELSE n.hops + 1 END,
    hops_since = CASE WHEN n.wrote AND n.is_new THEN statement_timestamp() ELSE l.hops_since END
FROM (
    SELECT k.id, r.*, k.is_new, CASE WHEN k.is_new THEN k.hops %% 2 ELSE k.hops END AS hops
    FROM unnest(%b::bigint[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[],
                %b::bool[], %b::bool[], %b::int[], %b::bool[])
         AS r(connector_id, work_order_id, external_id, sent, remote, seen, applied_at, inbound, wrote, way, afresh)
    JOIN (SELECT id, connector_id, work_order_id, external_id, hops, hops_since FROM mappings_recordlink) AS link
         ON link.connector_id = r.connector_id AND link.work_order_id = r.work_order_id
        AND link.external_id = r.external_id
    CROSS JOIN LATERAL (SELECT link.id, link.hops,
        r.afresh OR link.hops_since IS NULL OR link.hops_since < statement_timestamp() - interval '1 hour' AS is_new
    ) AS k
) AS n WHERE l.id = n.id
"""
# hops count changes of direction (way: 0 outbound, 1 inbound), so their parity tells the last one; see work.py


def remember(results: Sequence[Settled]) -> None:
    """Store what both sides agree on after these results; forget it where a write may have happened and failed."""
    rows = [row for result in results if (row := _row(result)) is not None]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER, [list(column) for column in zip(*rows, strict=True)])


def _row(result: Settled) -> tuple[object, ...] | None:
    work, outcome = result.work, result.outcome
    work_order_id = outcome.work_order_id or work.work_order_id
    external_id = outcome.external_id or work.external_id
    synced = outcome.synced or (Synced(agreement=UNKNOWN) if outcome.forget else None)
    if synced is None or not work_order_id or not external_id:
        return None
    known = synced.agreement
    return (
        work.target.id,
        work_order_id,
        external_id,
        _json(known.sent),
        _json(known.remote),
        _json(known.seen),
        synced.applied_at,
        synced.inbound,
        synced.wrote,
        1 if work.inbound else 0,
        work.delivery.forced,
    )


def _json(part: Mapping[str, Any] | None) -> str | None:
    return None if part is None else fast_json.dumps(part)
