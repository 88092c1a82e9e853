"""How many deliveries are open now and since when, however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from synclog import rollups

CAP: Final = 10_000
"""So many are counted on the spot; of more, the sample of the last minute tells."""


@dataclass(frozen=True)
class Depth:
    """``queued`` go on by themselves, ``waiting`` are for a person. ``is_least``: there are at least so many."""

    queued: int
    waiting: int
    oldest_at: datetime | None
    is_least: bool = False

    @property
    def age_ms(self) -> float | None:
        """Of the oldest that is queued."""
        return (timezone.now() - self.oldest_at).total_seconds() * 1000 if self.oldest_at else None


def depth(*, connector_id: int | None, direction: str) -> Depth:
    """Of all connectors or one, both directions or one: two queries that do not grow with the backlog."""
    # in the order of the partial index, so that it is read and not the table
    conditions, given = ["state IN ('pending', 'in_flight', 'retrying', 'waiting')"], list[Any]()
    for name, value in (("connector_id", connector_id), ("direction", direction)):
        if value:
            conditions.append(f"{name} = %s")
            given.append(value)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT count(*) FILTER (WHERE state <> 'waiting'), count(*) FILTER (WHERE state = 'waiting'),
                   min(created_at) FILTER (WHERE state <> 'waiting'), count(*)
            FROM (SELECT state, created_at FROM events_delivery WHERE {" AND ".join(conditions)}
                  ORDER BY connector_id, lane_key, seq LIMIT %s) AS open
            """,  # noqa: S608 - conditions made of constants
            [*given, CAP],
        )
        queued, waiting, oldest_at, seen = cursor.fetchone()
    sampled = _sampled(connector_id, direction)
    if seen < CAP:
        return Depth(queued, waiting, oldest_at)
    return sampled or Depth(queued, waiting, oldest_at, is_least=True)


def _sampled(connector_id: int | None, direction: str) -> Depth | None:
    rows = [
        row for row in rollups.queue() if connector_id in (None, row.connector_id) and direction in ("", row.direction)
    ]
    if not rows:
        return None
    oldest = [row.oldest_at for row in rows if row.oldest_at]
    return Depth(sum(row.queued for row in rows), sum(row.waiting for row in rows), min(oldest, default=None))
