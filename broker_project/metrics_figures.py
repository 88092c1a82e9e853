"""What /metrics tells, read in a fixed number of queries that no backlog makes slow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from connectors.models import Connector
from events.states import State
from synclog import rollups
from synclog.rollup_models import QueueSample
from synclog.worker_models import Worker

CAP = 50_000
"""Blocked lanes and dead letters are counted so far only."""
NAMED = 200
"""So many connectors have figures of their own; the others share one label."""
OTHER = "other"

Key = tuple[int, str]
"""Connector id and direction."""


@dataclass(frozen=True)
class System:
    """A connector as it is now: ``breaker`` closed, half_open or open; held by a person's absence or not."""

    id: int
    name: str
    status: str
    breaker: str
    is_held: bool


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All of it, ``at`` one moment. ``names`` gives the label of each connector id."""

    at: datetime
    lines: Sequence[rollups.Line]
    systems: Sequence[System]
    queue: Sequence[QueueSample] | None
    """The newest sample; None when beat has taken none for some minutes."""
    blocked: Mapping[int, int]
    dead: Mapping[Key, int]
    alive: Mapping[str, Mapping[str, int]]
    """Processes that were heard of within a minute, by kind and version."""
    names: Mapping[int, str]


def read() -> Figures:
    """The figures now; one query for each of the six parts."""
    lines = rollups.lifetime()
    systems = _systems()
    now = timezone.now()
    return Figures(
        at=now,
        lines=lines,
        systems=systems,
        queue=_queue(now),
        blocked=_blocked(),
        dead=_dead(),
        alive=_alive(now),
        names=names_of(lines, systems),
    )


def names_of(lines: Sequence[rollups.Line], systems: Sequence[System]) -> dict[int, str]:
    """The label of each connector id: its name with its id, "#7" of one that was deleted, or OTHER.

    The first NAMED ids that ever had traffic keep theirs, deleted or not. So a counter can only move into OTHER,
    never out of it, and the sum behind OTHER never goes down.
    """
    known = {system.id: f"{system.name} #{system.id}" for system in systems}
    counted = sorted({line.connector_id for line in lines if line.connector_id is not None})
    order = [*counted, *(id for id in sorted(known) if id not in set(counted))]
    return {id: known.get(id, f"#{id}") if place < NAMED else OTHER for place, id in enumerate(order)}


def _systems() -> list[System]:
    rows = Connector.objects.order_by("pk").values_list("pk", "name", "status", "state__breaker", "state__held_at")
    return [System(id, name, status, breaker or "closed", held is not None) for id, name, status, breaker, held in rows]


def _queue(now: datetime) -> list[QueueSample] | None:
    """The rows of connectors of the newest sample; that of the whole is there even when nothing is open."""
    found = list(QueueSample.objects.filter(at__gte=now - rollups.SAMPLE_HOLDS).order_by("-at"))
    return [row for row in found if row.at == found[0].at and row.connector_id is not None] if found else None


def _blocked() -> dict[int, int]:
    """Lanes that only a person brings on, by connector."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT connector_id, count(*) FROM (
                SELECT connector_id FROM events_lane
                WHERE (due_at IS NULL AND claim IS NULL) OR held_by <> '' LIMIT %s
            ) AS blocked GROUP BY connector_id
            """,
            [CAP],
        )
        return dict(cursor.fetchall())


def _dead() -> dict[Key, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT connector_id, direction, count(*) FROM (
                SELECT connector_id, direction FROM events_delivery WHERE state = %s ORDER BY seq DESC LIMIT %s
            ) AS dead GROUP BY connector_id, direction
            """,
            [State.DEAD.value, CAP],
        )
        return {(connector, direction): count for connector, direction, count in cursor.fetchall()}


def _alive(now: datetime) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {kind.value: {} for kind in Worker.Kind}
    for worker in Worker.objects.order_by("version"):
        if not worker.is_missing(now):
            versions = found[worker.kind]
            versions[worker.version] = versions.get(worker.version, 0) + 1
    return found
