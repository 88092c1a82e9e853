"""Move what waits for an external record into the lane of its work order, once the two are linked.

A trigger that came before the link was known stands in a lane of its own. Run there, it could meet a delivery of the
same pair in the work order's lane; so it is moved when its turn comes, and keeps its place by ``seq``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from . import lanes
from .lanes import Head


@dataclass(frozen=True)
class Misplaced:
    """A claimed lane of an external record that has a work order by now."""

    lane_id: int
    connector_id: int
    key: str
    work_order_id: int


def misplaced(heads: Sequence[Head]) -> list[Misplaced]:
    """Those of the claimed lanes whose record is linked."""
    external = [head.lane_id for head in heads if head.key.startswith("ext:")]
    if not external:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT lane.id, lane.connector_id, lane.key, link.work_order_id
            FROM events_lane AS lane JOIN mappings_recordlink AS link
                ON link.connector_id = lane.connector_id AND link.external_id = substr(lane.key, 5)
            WHERE lane.id = ANY(%s) AND link.work_order_id IS NOT NULL
            """,
            [external],
        )
        return [Misplaced(*row) for row in cursor.fetchall()]


def relocate(lane: Misplaced, *, claim_id: UUID) -> None:
    """Move the lane's deliveries, dead ones too; nothing happens when the claim was lost meanwhile."""
    key = f"wo:{lane.work_order_id}"
    with transaction.atomic(), connection.cursor() as cursor:
        lanes.open_lanes([(lane.connector_id, lane.key), (lane.connector_id, key)])
        if not lanes.lock_held([lane.lane_id], claim_ids=[claim_id]):
            return
        cursor.execute(
            """
            UPDATE events_delivery SET lane_key = %s WHERE connector_id = %s AND lane_key = %s
               AND state IN ('pending', 'in_flight', 'retrying', 'waiting')
            """,
            [key, lane.connector_id, lane.key],
        )
        cursor.execute(
            "UPDATE events_delivery SET lane_key = %s WHERE connector_id = %s AND lane_key = %s AND state = 'dead'",
            [key, lane.connector_id, lane.key],
        )
        cursor.execute("UPDATE events_lane SET claim = NULL WHERE id = %s", [lane.lane_id])
        lanes.reopen([(lane.connector_id, lane.key), (lane.connector_id, key)])
