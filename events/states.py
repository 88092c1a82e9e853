"""The states of a delivery, and the only place that writes them.

pending ──► in_flight ──► succeeded | skipped
   ▲           │  ▲  └──► dead        (a person may retry or discard; a later success of the record supersedes it)
   └───────────┤  └─────► waiting     (for a person; its reason says why)
               └────────► retrying    (due again at next_attempt_at)

pending, retrying ──► superseded (a newer delivery carries the content) | skipped (a person discards)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, models


class State(models.TextChoices):
    PENDING = "pending", "Pending"
    IN_FLIGHT = "in_flight", "In flight"
    RETRYING = "retrying", "Retrying"
    WAITING = "waiting", "Waiting"
    SUCCEEDED = "succeeded", "Succeeded"
    SKIPPED = "skipped", "Skipped"
    SUPERSEDED = "superseded", "Superseded"
    DEAD = "dead", "Dead letter"


OPEN = (State.PENDING, State.IN_FLIGHT, State.RETRYING, State.WAITING)
"""States in which a delivery holds its place in the lane."""
FINAL = (State.SUCCEEDED, State.SKIPPED, State.SUPERSEDED, State.DEAD)

ALLOWED_FROM: dict[State, tuple[State, ...]] = {
    State.IN_FLIGHT: (State.PENDING, State.RETRYING, State.IN_FLIGHT),  # from in_flight: its worker died
    State.SUCCEEDED: (State.IN_FLIGHT,),
    State.SKIPPED: (
        State.IN_FLIGHT,
        State.PENDING,
        State.RETRYING,
        State.WAITING,
        State.DEAD,
    ),  # all but the first: a person
    State.SUPERSEDED: (State.PENDING, State.RETRYING, State.DEAD),
    State.RETRYING: (State.IN_FLIGHT,),
    State.WAITING: (State.IN_FLIGHT,),
    State.DEAD: (State.IN_FLIGHT,),
    State.PENDING: (State.IN_FLIGHT, State.RETRYING, State.WAITING, State.DEAD),  # given back, or a person retries
}


@dataclass(frozen=True, kw_only=True)
class Move:
    """One change of state. ``wait_seconds`` from now, for retrying only. ``attempt`` fences: the change is made only
    while the delivery is still at that attempt (None: whatever the attempt). ``counted`` False gives it back."""

    id: UUID
    to: State
    reason: str = ""
    sentence: str = ""
    attempt: int | None = None
    wait_seconds: float | None = None
    counted: bool = True
    done_operations: int = 0
    work_order_id: int | None = None
    external_id: str = ""


# %b: binary arrays, which cost a fifth of their text form
_MOVE = """
UPDATE events_delivery AS d SET
    state = m.to_state,
    reason = m.reason,
    sentence = m.sentence,
    next_attempt_at = CASE WHEN m.wait_seconds IS NULL THEN NULL
                           ELSE statement_timestamp() + make_interval(secs => m.wait_seconds) END,
    finished_at = CASE WHEN m.to_state = ANY(%(final)s) THEN statement_timestamp() ELSE NULL END,
    done_operations = GREATEST(d.done_operations, m.done_operations),
    work_order_id = COALESCE(m.work_order_id, d.work_order_id),
    external_id = COALESCE(NULLIF(m.external_id, ''), d.external_id),
    attempts = CASE WHEN m.to_state = 'pending' AND d.state <> 'in_flight' THEN 0
                    WHEN m.counted THEN d.attempts ELSE d.attempts - 1 END
FROM unnest(%(ids)b::uuid[], %(to)b::text[], %(reasons)b::text[], %(sentences)b::text[], %(attempts)b::int[],
            %(waits)b::float8[], %(counted)b::bool[], %(done)b::int[], %(work_orders)b::bigint[], %(externals)b::text[])
    AS m(id, to_state, reason, sentence, attempt, wait_seconds, counted, done_operations, work_order_id, external_id)
WHERE d.id = m.id AND (m.attempt IS NULL OR d.attempts = m.attempt)
  AND d.state = ANY(CASE m.to_state {cases} END)
RETURNING d.id
"""


def _cases() -> str:
    return " ".join(
        f"WHEN '{to.value}' THEN ARRAY[{', '.join(repr(state.value) for state in states)}]"
        for to, states in ALLOWED_FROM.items()
    )


MOVE_SQL = _MOVE.format(cases=_cases())


def move(moves: Sequence[Move]) -> set[UUID]:
    """Make the changes that the table allows, in one statement; return the ids that changed.

    A delivery that is no longer in a state from which its change is allowed, or no longer at the attempt named, is
    left alone.
    """
    if not moves:
        return set()
    parameters: dict[str, Any] = {
        "final": [state.value for state in FINAL],
        "ids": [m.id for m in moves],
        "to": [m.to.value for m in moves],
        "reasons": [m.reason for m in moves],
        "sentences": [m.sentence[:1000] for m in moves],
        "attempts": [m.attempt for m in moves],
        "waits": [m.wait_seconds for m in moves],
        "counted": [m.counted for m in moves],
        "done": [m.done_operations for m in moves],
        "work_orders": [m.work_order_id for m in moves],
        "externals": [m.external_id for m in moves],
    }
    with connection.cursor() as cursor:
        cursor.execute(MOVE_SQL, parameters)
        return {row[0] for row in cursor.fetchall()}


def begin(ids: Sequence[UUID], *, versions: Sequence[int]) -> dict[UUID, tuple[int, bool]]:
    """Move to in_flight and count the attempt; return by id the attempt number and whether one was interrupted.

    ``versions`` (pairwise) are the present configurations; a delivery keeps the one that it began with.
    """
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE events_delivery AS d SET state = 'in_flight', attempts = d.attempts + 1, next_attempt_at = NULL,
                   reason = '', sentence = '', version = COALESCE(d.version, was.version)
            FROM (SELECT d.id, d.state, n.version FROM events_delivery AS d
                  JOIN unnest(%b::uuid[], %b::int[]) AS n(id, version) ON n.id = d.id
                  WHERE d.state = ANY(%s)) AS was
            WHERE d.id = was.id
            RETURNING d.id, d.attempts, was.state
            """,
            [list(ids), list(versions), [state.value for state in ALLOWED_FROM[State.IN_FLIGHT]]],
        )
        return {row[0]: (row[1], row[2] == State.IN_FLIGHT.value) for row in cursor.fetchall()}


@dataclass(frozen=True)
class Resolved:
    """A dead letter that a later delivery made up for."""

    id: UUID
    connector_id: int
    event_id: UUID
    direction: str
    work_order_id: int | None
    external_id: str
    by: UUID


def resolve_dead(successes: Sequence[tuple[int, str, str, UUID, int]], *, sentence: str) -> list[Resolved]:
    """Supersede earlier dead updates by later successes: (connector id, lane key, direction, delivery id, seq).

    Only updates and syncs, which carry the whole state of the record; a note or a script that failed stays.
    """
    if not successes:
        return []
    columns = [list(column) for column in zip(*successes, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE events_delivery AS d SET state = 'superseded', reason = 'resolved_later', sentence = %s,
                   superseded_by = s.id, finished_at = statement_timestamp()
            FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::uuid[], %b::bigint[])
                 AS s(connector_id, lane_key, direction, id, seq)
            WHERE d.connector_id = s.connector_id AND d.lane_key = s.lane_key AND d.state = 'dead'
              AND d.direction = s.direction AND d.seq < s.seq AND d.action IN ('update', 'sync')
            RETURNING d.id, d.connector_id, d.event_id, d.direction, d.work_order_id, d.external_id, s.id
            """,
            [sentence, *columns],
        )
        return [Resolved(*row) for row in cursor.fetchall()]


def supersede(new: Sequence[tuple[UUID, int, str]], *, triggers: Sequence[int], sentence: str) -> list[Resolved]:
    """Let the newest delivery of a lane carry what older waiting updates of these triggers would have sent.

    ``new``: (delivery id, connector id, lane key), one a lane, in lanes that this transaction has locked. The wait of
    a retried one is kept, so that a stream of events does not call a system that is down all the time.
    """
    if not new:
        return []
    columns = [list(column) for column in zip(*new, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH old AS (
                UPDATE events_delivery AS d SET state = 'superseded', reason = 'superseded', sentence = %s,
                       superseded_by = n.id, finished_at = statement_timestamp()
                FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS n(id, connector_id, lane_key)
                WHERE d.connector_id = n.connector_id AND d.lane_key = n.lane_key AND d.id <> n.id
                  AND d.state IN ('pending', 'retrying') AND d.action = 'update' AND d.direction = 'outbound'
                  AND d.trigger_id = ANY(%s)
                RETURNING d.id, d.connector_id, d.event_id, d.direction, d.work_order_id, d.external_id, n.id AS by,
                          d.next_attempt_at
            ), kept AS (
                UPDATE events_delivery AS d SET next_attempt_at = o.next_attempt_at
                FROM (SELECT by, max(next_attempt_at) AS next_attempt_at FROM old GROUP BY by) AS o
                WHERE d.id = o.by AND o.next_attempt_at IS NOT NULL
            )
            SELECT id, connector_id, event_id, direction, work_order_id, external_id, by FROM old
            """,
            [sentence, *columns, list(triggers)],
        )
        return [Resolved(*row) for row in cursor.fetchall()]
