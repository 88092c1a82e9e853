"""Connectors with deliveries that wait in their lanes, made by the shortest way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connection, transaction

from broker_project.lib.ids import new_id
from connectors.models import Company, Connector, ConnectorState
from events import lanes
from events.lanes import Head
from events.models import Event

T = TypeVar("T")


def company() -> Company:
    return Company.objects.get_or_create(name="Example Co")[0]


def connector(name: str = "Help Desk", *, waiting: int = 0, **more: Any) -> Connector:
    """A connector with one delivery in each of ``waiting`` lanes, ``wo:1`` and so on, all due."""
    made = Connector.objects.create(company=company(), name=name, platform="rest", **more)
    wait(made, waiting)
    return made


def wait(to: Connector, count: int) -> None:
    event = Event.objects.create(
        kind="work_order", door="api", company=to.company, event_type="FN_WO_UPDATED", work_order_id=1
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_delivery (id, event_id, connector_id, direction, action, lane_key, state, reason,
                sentence, attempts, done_operations, create_again, work_order_id, external_id)
            SELECT gen_random_uuid(), %s, %s, 'outbound', 'update', 'wo:' || n, 'pending', '', '', 0, 0, false, n, ''
            FROM generate_series(1, %s) AS n
            """,
            [event.pk, to.pk, count],
        )
        cursor.execute(
            """
            INSERT INTO events_lane (connector_id, key, due_at)
            SELECT %s, 'wo:' || n, statement_timestamp() - interval '1 hour' + make_interval(secs => n / 1000.0)
            FROM generate_series(1, %s) AS n
            """,
            [to.pk, count],
        )


def claim(*, free: int = 100, share: int = 100, lease_seconds: float = 60) -> list[Head]:
    """One claim of one worker, committed."""
    with transaction.atomic():
        return lanes.claim(free=free, share=share, running={}, claim_id=new_id(), lease_seconds=lease_seconds)


def give_back(heads: Sequence[Head]) -> None:
    """The worker is done with these lanes; their deliveries go on waiting."""
    with transaction.atomic():
        list_of = [head.lane_id for head in heads]
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM events_lane WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [list_of])
        lanes.release(list_of)


def under_way(of: Connector) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM events_lane
            WHERE connector_id = %s AND claim IS NOT NULL AND due_at > clock_timestamp()
            """,
            [of.pk],
        )
        return int(cursor.fetchone()[0])


def set_state(of: Connector, **columns: str) -> ConnectorState:
    """Write the state of a connector; each value is an SQL expression."""
    ConnectorState.objects.get_or_create(connector=of)
    assignments = ", ".join(f"{name} = {value}" for name, value in columns.items())
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE connectors_connectorstate SET {assignments} WHERE connector_id = %s", [of.pk])  # noqa: S608
    return ConnectorState.objects.get(connector=of)


def at_once(threads: int, work: Callable[[], T]) -> list[T]:
    """``work`` in several threads, each with a connection of its own, started at the same moment."""
    start = threading.Barrier(threads, timeout=30)

    def run() -> T:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '20s'")  # what waits for ever fails instead
            start.wait()
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(threads)]]
