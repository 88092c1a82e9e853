"""What attempts tell about their external systems: breaker, token bucket, Retry-After, hold. Kept per connector.

The decisions are those of ``connectors.breaker`` and ``connectors.throttle``, made under a lock on the connector's
state. Locks are taken after those on lanes, by connector id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from connectors import breaker
from connectors.breaker import Breaker, Position
from connectors.retry import LONGEST_RETRY_AFTER
from connectors.throttle import Bucket

from .nudge import nudge
from .outcome import Verdict

AUTHENTICATION = "authentication"
"""Code of a hold that refused credentials brought about."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What one attempt told. ``retry_after`` in seconds; ``calls`` were made to the external system."""

    connector_id: int
    lane_key: str
    verdict: Verdict
    sentence: str = ""
    retry_after: float | None = None
    calls: int = 0

    @property
    def owed(self) -> int:
        """Calls beyond the one that the claim took a token for."""
        return self.calls - 1

    @property
    def is_bad(self) -> bool:
        return self.verdict in ("down", "auth") or bool(self.retry_after)


@dataclass(frozen=True, kw_only=True)
class _State:
    """The row of one connector, locked. ``bucket`` is None without a limit; ``now`` is the database's."""

    connector_id: int
    breaker: Breaker
    bucket: Bucket | None
    blocked_until: datetime | None
    held_at: datetime | None
    held_sentence: str
    now: datetime


def observe(observations: Sequence[Observation]) -> list[Observation]:
    """Take in a batch of attempts, in the transaction that settles them; return those that brought a hold about.

    A healthy connector without a limit is not written. Call it after the lanes are locked and before links are
    stored: a claim that waits for a link holds the state.
    """
    by_connector: dict[int, list[Observation]] = defaultdict(list)
    for observation in observations:
        by_connector[observation.connector_id].append(observation)
    before = _lock(by_connector)
    after = [_after(state, by_connector[state.connector_id]) for state in before]
    changed = [(old, new) for old, new in zip(before, after, strict=True) if new != old]
    _store([new for _, new in changed])
    return [
        next(observation for observation in by_connector[new.connector_id] if observation.verdict == "auth")
        for old, new in changed
        if new.held_at and not old.held_at
    ]


def _after(state: _State, observations: Sequence[Observation]) -> _State:
    """The state after these attempts, taken one after the other."""
    for observation in observations:
        if observation.verdict == "ok":
            state = replace(state, breaker=breaker.succeeded(state.breaker))
        elif observation.verdict == "down":
            state = replace(state, breaker=_failed(state, observation))
        elif observation.verdict == "auth" and not state.held_at:
            state = replace(state, held_at=state.now, held_sentence=observation.sentence[:1000])
        if observation.retry_after:
            until = state.now + timedelta(seconds=min(observation.retry_after, LONGEST_RETRY_AFTER))
            state = replace(state, blocked_until=max(until, state.blocked_until or until))
    owed = sum(observation.owed for observation in observations)
    if state.bucket and owed:
        state = replace(state, bucket=state.bucket.taken(owed, state.now))
    return state


def _failed(state: _State, observation: Observation) -> Breaker:
    return breaker.failed(
        state.breaker,
        key=observation.lane_key,
        sentence=observation.sentence[:1000],
        now=state.now,
        factor=settings.RETRY_FACTOR,
    )


_LOCK = """
SELECT s.connector_id, s.breaker, s.failures, s.failing_key, s.failure, s.openings, s.opened_at, s.next_probe_at,
       c.requests_per_minute, c.burst, s.tokens, s.refilled_at, s.blocked_until, s.held_at, s.held_sentence,
       statement_timestamp()
FROM connectors_connectorstate AS s JOIN connectors_connector AS c ON c.id = s.connector_id
JOIN unnest(%s::bigint[], %s::bool[], %s::bool[], %s::int[]) AS o(id, bad, ok, owed) ON o.id = s.connector_id
WHERE o.bad OR (o.ok AND (s.failures > 0 OR s.breaker <> 'closed'))
   OR (o.owed <> 0 AND c.requests_per_minute IS NOT NULL)
ORDER BY s.connector_id FOR UPDATE OF s
"""


def _lock(by_connector: dict[int, list[Observation]]) -> list[_State]:
    """Lock and read the states that may change; a connector that has none gets one when something went wrong."""
    if not by_connector:
        return []
    bad = {id for id, told in by_connector.items() if any(observation.is_bad for observation in told)}
    columns: list[Any] = [
        list(by_connector),
        [id in bad for id in by_connector],
        [any(observation.verdict == "ok" for observation in told) for told in by_connector.values()],
        [sum(observation.owed for observation in told) for told in by_connector.values()],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, columns)
        rows = cursor.fetchall()
        if bad - {row[0] for row in rows}:
            _make(sorted(bad))
            cursor.execute(_LOCK, columns)
            rows = cursor.fetchall()
    return [_state(row) for row in rows]


def _make(connector_ids: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO connectors_connectorstate (connector_id)
            SELECT id FROM connectors_connector WHERE id = ANY(%s) ORDER BY id ON CONFLICT DO NOTHING
            """,
            [list(connector_ids)],
        )


def _state(row: Sequence[Any]) -> _State:
    id, position, failures, key, failure, openings, opened, probe, per_minute, burst, tokens, refilled, *rest = row
    blocked_until, held_at, held_sentence, now = rest
    return _State(
        connector_id=id,
        breaker=Breaker(
            position=Position(position),
            failures=failures,
            failing_key=key,
            failure=failure,
            openings=openings,
            opened_at=opened,
            next_probe_at=probe,
        ),
        bucket=None
        if per_minute is None
        else Bucket(per_minute=per_minute, burst=burst, tokens=tokens, refilled_at=refilled),
        blocked_until=blocked_until,
        held_at=held_at,
        held_sentence=held_sentence,
        now=now,
    )


_STORE = """
UPDATE connectors_connectorstate AS s SET breaker = n.breaker, failures = n.failures, failing_key = n.failing_key,
    failure = n.failure, openings = n.openings, opened_at = n.opened_at, next_probe_at = n.next_probe_at,
    tokens = COALESCE(n.tokens, s.tokens), refilled_at = COALESCE(n.refilled_at, s.refilled_at),
    blocked_until = n.blocked_until, held_at = n.held_at, held_sentence = n.held_sentence,
    held_code = CASE WHEN s.held_at IS NULL AND n.held_at IS NOT NULL THEN %s ELSE s.held_code END
FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::text[], %s::text[], %s::int[], %s::timestamptz[],
            %s::timestamptz[], %s::float8[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[])
    AS n(connector_id, breaker, failures, failing_key, failure, openings, opened_at, next_probe_at, tokens,
         refilled_at, blocked_until, held_at, held_sentence)
WHERE s.connector_id = n.connector_id
"""


def _store(states: Sequence[_State]) -> None:
    rows = [
        (
            state.connector_id,
            state.breaker.position.value,
            state.breaker.failures,
            state.breaker.failing_key,
            state.breaker.failure,
            state.breaker.openings,
            state.breaker.opened_at,
            state.breaker.next_probe_at,
            state.bucket.tokens if state.bucket else None,
            state.bucket.refilled_at if state.bucket else None,
            state.blocked_until,
            state.held_at,
            state.held_sentence,
        )
        for state in states
    ]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [AUTHENTICATION, *(list(column) for column in zip(*rows, strict=True))])


def hold(connector_id: int, *, code: str, sentence: str) -> bool:
    """Begin nothing more of this connector until ``resume``; False when it is held already, which is left as it is."""
    with transaction.atomic(), connection.cursor() as cursor:
        _make([connector_id])
        cursor.execute(
            """
            UPDATE connectors_connectorstate SET held_at = statement_timestamp(), held_code = %s, held_sentence = %s
            WHERE connector_id = %s AND held_at IS NULL
            """,
            [code, sentence[:1000], connector_id],
        )
        return bool(cursor.rowcount)


def resume(connector_id: int) -> bool:
    """Go on at once and in order: end the hold and the wait of Retry-After, and let an open breaker probe now.

    Return whether the connector was held.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE connectors_connectorstate AS s SET held_at = NULL, held_code = '', held_sentence = '',
                blocked_until = NULL,
                next_probe_at = CASE s.breaker WHEN 'open' THEN statement_timestamp() ELSE s.next_probe_at END
            FROM (SELECT connector_id, held_at FROM connectors_connectorstate WHERE connector_id = %s FOR UPDATE) AS was
            WHERE s.connector_id = was.connector_id RETURNING was.held_at IS NOT NULL
            """,
            [connector_id],
        )
        row = cursor.fetchone()
        nudge()
        return bool(row and row[0])
