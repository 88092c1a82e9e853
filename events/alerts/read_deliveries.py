"""Reads what stands still: dead and waiting deliveries, blocked records, work that is due and not begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from connectors.models import Connector
from events.models import Delivery
from events.states import State

READ: Final = 10_000
"""Newest deliveries of each of the two states that are read, so that a look costs the same in any storm."""


class Stopped(NamedTuple):
    """Deliveries of one connector, state and reason. ``old``: those that stand for longer than the connector's
    minutes; ``newest`` and ``newest_old`` are seqs, 0 when there is none."""

    connector_id: int
    state: str
    reason: str
    total: int
    newest: int
    first_at: datetime
    old: int
    newest_old: int
    first_old_at: datetime | None


_STOPPED = """
WITH minutes AS (SELECT * FROM unnest(%(connectors)s::bigint[], %(minutes)s::int[]) AS m(connector_id, minutes)),
read AS (
    (SELECT connector_id, state, reason, seq, created_at FROM events_delivery WHERE state = 'dead'
     ORDER BY seq DESC LIMIT %(read)s)
    UNION ALL
    (SELECT connector_id, state, reason, seq, created_at FROM events_delivery WHERE state = 'waiting'
     ORDER BY seq DESC LIMIT %(read)s)
), told AS (
    SELECT r.*, r.created_at < statement_timestamp() - make_interval(mins => COALESCE(m.minutes, %(otherwise)s)) AS old
    FROM read AS r LEFT JOIN minutes AS m USING (connector_id)
)
SELECT connector_id, state, reason, count(*), max(seq), min(created_at), count(*) FILTER (WHERE old),
       COALESCE(max(seq) FILTER (WHERE old), 0), min(created_at) FILTER (WHERE old)
FROM told GROUP BY connector_id, state, reason ORDER BY connector_id, state, reason
"""


def stopped(*, minutes: Mapping[int, int], otherwise: int) -> list[Stopped]:
    """Dead and waiting deliveries by connector, state and reason; one query over the newest ``READ`` of each state.

    ``minutes`` by connector, ``otherwise`` for the others: from when on a waiting one counts as old.
    """
    given = {
        "connectors": list(minutes),
        "minutes": list(minutes.values()),
        "otherwise": otherwise,
        "read": READ,
    }
    return [Stopped(*row) for row in _rows(_STOPPED, given)]


def is_capped(rows: Sequence[Stopped], state: str) -> bool:
    """Whether there may be more in this state than was read."""
    return sum(row.total for row in rows if row.state == state) >= READ


class Example(NamedTuple):
    """A delivery to show."""

    id: UUID
    subject: str
    sentence: str


def examples(seqs: Sequence[int]) -> dict[int, Example]:
    """By seq the deliveries to show; one query, and the lists' index serves it."""
    found = Delivery.objects.filter(seq__in=seqs, state__in=[State.DEAD, State.WAITING])
    rows = found.only("seq", "work_order_id", "external_id", "sentence", "state")
    return {row.seq: Example(row.pk, row.subject, row.sentence) for row in rows}


class Held(NamedTuple):
    """Records of one connector that people hold back for longer than its minutes."""

    connector_id: int
    total: int
    first_at: datetime
    held_by: str


_HELD = """
SELECT l.connector_id, count(*), min(l.held_at), (array_agg(l.held_by ORDER BY l.held_at))[1]
FROM events_lane AS l
LEFT JOIN unnest(%(connectors)s::bigint[], %(minutes)s::int[]) AS m(connector_id, minutes) USING (connector_id)
WHERE l.held_by <> ''
  AND l.held_at < statement_timestamp() - make_interval(mins => COALESCE(m.minutes, %(otherwise)s))
GROUP BY l.connector_id
"""


def held(*, minutes: Mapping[int, int], otherwise: int) -> dict[int, Held]:
    """By connector the records that are held back for too long; one query."""
    given = {"connectors": list(minutes), "minutes": list(minutes.values()), "otherwise": otherwise}
    return {row[0]: Held(*row) for row in _rows(_HELD, given)}


_DUE = """
SELECT c.id, lane.due_at FROM connectors_connector AS c
CROSS JOIN LATERAL (
    SELECT l.due_at FROM events_lane AS l
    WHERE l.connector_id = c.id AND l.due_at IS NOT NULL AND l.held_by = ''
    ORDER BY l.due_at LIMIT 1
) AS lane
LEFT JOIN connectors_connectorstate AS s ON s.connector_id = c.id
WHERE c.status = %(active)s AND s.held_at IS NULL AND lane.due_at <= statement_timestamp()
"""


def due_since() -> dict[int, datetime]:
    """By active connector since when its oldest due work was not begun; one query, one index row a connector.

    Connectors that are held until a person resumes them are left out: that is another rule's matter.
    """
    return dict(_rows(_DUE, {"active": Connector.Status.ACTIVE.value}))


def _rows(statement: str, given: Mapping[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        rows: list[Any] = cursor.fetchall()
    return rows
