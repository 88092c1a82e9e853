"""What can be pruned: how its rows are walked through from the oldest on, and what removing them means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from synclog.retention_models import Retention

OPEN: Final = "d.state IN ('pending', 'in_flight', 'retrying', 'waiting', 'dead')"
ZERO: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """``select`` gives id, time, whether its work is open, and whether it is spared; ``page`` the next rows after
    (at, id) that are older than the cutoff. ``starts_over``: each pass begins at the oldest row, since what was removed
    is gone; else the walk goes on where it ended."""

    select: str
    page: str
    first: str
    remove: Callable[[Sequence[Any]], int]
    ids: Callable[[Sequence[str]], list[Any]]
    starts_over: bool


def _by_time(select: str, column: str) -> str:
    return (
        f"{select} WHERE t.{column} < %(cutoff)s AND t.{column} >= %(at)s::timestamptz "
        f"AND (t.{column}, t.id) > (%(at)s::timestamptz, %(id)s::uuid) "
        f"ORDER BY t.{column}, t.id LIMIT %(limit)s"
    )


def _execute(statement: str, ids: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(ids)])
        return int(cursor.rowcount)


def empty_bodies(ids: Sequence[int]) -> int:
    """Headers and bodies of these API calls; what is empty already is left alone."""
    return _execute(
        "UPDATE synclog_apicall SET request_headers = '{}', request_body = '', response_headers = '{}', "
        "response_body = '' WHERE id = ANY(%s) AND (request_body <> '' OR response_body <> '' "
        "OR request_headers <> '{}' OR response_headers <> '{}')",
        ids,
    )


def empty_payloads(ids: Sequence[UUID]) -> int:
    return _execute("UPDATE events_event SET payload = '{}' WHERE id = ANY(%s) AND payload <> '{}'", ids)


def remove_logs(ids: Sequence[UUID]) -> int:
    """These logs with their API calls."""
    _execute("DELETE FROM synclog_apicall WHERE log_id = ANY(%s)", ids)
    return _execute("DELETE FROM synclog_synclog WHERE id = ANY(%s)", ids)


def remove_events(ids: Sequence[UUID]) -> int:
    """These events with their deliveries, all of which are finished: what is finished stays so."""
    _execute("DELETE FROM events_delivery WHERE event_id = ANY(%s)", ids)
    return _execute("DELETE FROM events_event WHERE id = ANY(%s)", ids)


_BODIES = f"""
SELECT t.id, t.started_at, EXISTS (
    SELECT 1 FROM synclog_synclog AS l JOIN events_delivery AS d ON d.id = l.delivery_id
    WHERE l.id = t.log_id AND {OPEN}), false
FROM synclog_apicall AS t"""  # noqa: S608 - constants only, here and below

_EVENT_IS_OPEN = f"EXISTS (SELECT 1 FROM events_delivery AS d WHERE d.event_id = t.id AND {OPEN})"  # noqa: S608

_PAYLOADS = f"""
SELECT t.id, t.received_at, {_EVENT_IS_OPEN}, t.work_order_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM events_event AS n
    WHERE n.work_order_id = t.work_order_id AND n.company_id = t.company_id AND n.received_at > t.received_at
      AND n.event_type <> '')
FROM events_event AS t"""  # noqa: S608

_LOGS = f"""
SELECT t.id, t.created_at, EXISTS (SELECT 1 FROM events_delivery AS d WHERE d.id = t.delivery_id AND {OPEN}), false
FROM synclog_synclog AS t"""  # noqa: S608

_EVENTS = f"SELECT t.id, t.received_at, {_EVENT_IS_OPEN}, false FROM events_event AS t"  # noqa: S608


def _uuids(texts: Sequence[str]) -> list[Any]:
    return [UUID(text) for text in texts]


KINDS: Final[Mapping[str, Kind]] = {
    # the ids of calls go up with time, so no index on the time is needed
    Retention.Kind.BODIES: Kind(
        select=_BODIES,
        page=f"{_BODIES} WHERE t.id > %(id)s::bigint ORDER BY t.id LIMIT %(limit)s",
        first="0",
        remove=empty_bodies,
        ids=lambda texts: [int(text) for text in texts],
        starts_over=False,
    ),
    Retention.Kind.PAYLOADS: Kind(
        select=_PAYLOADS,
        page=_by_time(_PAYLOADS, "received_at"),
        first=ZERO,
        remove=empty_payloads,
        ids=_uuids,
        starts_over=False,
    ),
    Retention.Kind.LOGS: Kind(
        select=_LOGS, page=_by_time(_LOGS, "created_at"), first=ZERO, remove=remove_logs, ids=_uuids, starts_over=True
    ),
    Retention.Kind.EVENTS: Kind(
        select=_EVENTS,
        page=_by_time(_EVENTS, "received_at"),
        first=ZERO,
        remove=remove_events,
        ids=_uuids,
        starts_over=True,
    ),
}
