"""Counts refused calls without writing each: they are added up in the process, and a thread writes the sums.

So a flood of them costs one statement in a few seconds and no more rows than there are companies and connectors. What
was counted since the last write is lost when the process ends.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import sleep
from typing import Final

from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.utils import timezone

from .refused_models import RefusedCalls

logger = logging.getLogger(__name__)

EVERY_SECONDS: float = 3.0
MOST_KEPT: Final = 1_000
"""Keys that wait to be written, while the database is away for long; what is beyond is counted as nobody's."""
KEEP: Final = timedelta(days=7)


@dataclass(frozen=True)
class Key:
    """One row: the door, whose it is as far as that is known, and the minute."""

    minute: datetime
    door: str
    company_id: int | None
    connector_id: int | None


@dataclass(frozen=True)
class Sum:
    count: int
    last_at: datetime
    status: int
    reason: str
    network: str

    def plus(self, later: Sum) -> Sum:
        """Both together; of how they looked, the later one's."""
        return Sum(self.count + later.count, later.last_at, later.status, later.reason, later.network)


_lock = threading.Lock()
_sums: dict[Key, Sum] = {}
_woken = threading.Event()
_thread: threading.Thread | None = None


def count(
    door: str, *, status: int, reason: str, address: str, company_id: int | None = None, connector_id: int | None = None
) -> None:
    """Count one call. Touches no database."""
    now = timezone.now()
    key = Key(now.replace(second=0, microsecond=0), door, company_id, connector_id)
    with _lock:
        if len(_sums) >= MOST_KEPT and key not in _sums:
            key = Key(key.minute.replace(minute=0), door, None, None)  # one an hour at most
        _add(key, Sum(1, now, status, reason[:300], network_of(address)))
        _start()
    _woken.set()


def network_of(address: str) -> str:
    """The caller's network: enough to recognise a system, too little to name a person. "" when it is no address."""
    try:
        bits = 24 if ipaddress.ip_address(address).version == 4 else 48
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))


def flush() -> int:
    """Write what was counted; how many rows. Raises what the database raises, and then it is kept for the next time."""
    with _lock:
        taken = dict(_sums)
        _sums.clear()
    try:
        if taken:
            _write(taken)
    except (DatabaseError, InterfaceError):
        with _lock:
            newer = dict(_sums)
            _sums.clear()
            _sums.update(taken)
            for key, later in newer.items():
                _add(key, later)
        raise
    return len(taken)


def prune() -> int:
    """Remove what is older than a week."""
    return RefusedCalls.objects.filter(minute__lt=timezone.now() - KEEP).delete()[0]


SHOWN: Final = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What a door refused within the last day, of one company or connector, or of none that is known."""

    door: str
    company_id: int | None = None
    connector_id: int | None = None
    count: int
    last_at: datetime
    status: int
    reason: str
    network: str

    @property
    def is_nobodys(self) -> bool:
        return self.company_id is None


def read(company_ids: Collection[int], *doors: str) -> list[Refused]:
    """Of these companies, then of nobody, at these doors; the last first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT door, company_id, connector_id, sum(count)::bigint, max(last_at),
                (array_agg(status ORDER BY last_at DESC))[1], (array_agg(reason ORDER BY last_at DESC))[1],
                (array_agg(network ORDER BY last_at DESC))[1]
            FROM synclog_refusedcalls
            WHERE minute > %s AND door = ANY(%s) AND (company_id IS NULL OR company_id = ANY(%s))
            GROUP BY door, company_id, connector_id ORDER BY company_id IS NULL, 5 DESC
            """,
            [timezone.now() - SHOWN, list(doors), list(company_ids)],
        )
        names = ("door", "company_id", "connector_id", "count", "last_at", "status", "reason", "network")
        return [Refused(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _add(key: Key, later: Sum) -> None:
    before = _sums.get(key)
    _sums[key] = before.plus(later) if before else later


def _write(sums: Mapping[Key, Sum]) -> None:
    """In the order of the keys, so that two processes lock the rows in the same one."""
    keys = sorted(sums, key=lambda key: (key.minute, key.door, key.company_id or 0, key.connector_id or 0))
    rows = [(key, sums[key]) for key in keys]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO synclog_refusedcalls AS kept
                (minute, door, company_id, connector_id, count, last_at, status, reason, network)
            SELECT * FROM unnest(%s::timestamptz[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
                %s::timestamptz[], %s::smallint[], %s::text[], %s::text[])
            ON CONFLICT (minute, door, company_id, connector_id) DO UPDATE SET count = kept.count + EXCLUDED.count,
                last_at = EXCLUDED.last_at, status = EXCLUDED.status, reason = EXCLUDED.reason,
                network = EXCLUDED.network
            """,
            [
                [key.minute for key, _ in rows],
                [key.door for key, _ in rows],
                [key.company_id for key, _ in rows],
                [key.connector_id for key, _ in rows],
                [one.count for _, one in rows],
                [one.last_at for _, one in rows],
                [one.status for _, one in rows],
                [one.reason for _, one in rows],
                [one.network for _, one in rows],
            ],
        )


def _start() -> None:
    """The thread that writes; made by the first refused call, so in the process that serves."""
    global _thread
    if _thread is None or not _thread.is_alive():
        _thread = threading.Thread(target=_run, name="refused calls", daemon=True)
        _thread.start()


def _run() -> None:
    is_failing = False
    while _woken.wait():
        _woken.clear()
        sleep(EVERY_SECONDS)  # more may come meanwhile
        try:
            close_old_connections()
            flush()
            is_failing = False
        except Exception as error:  # the boundary of this thread: an outage of the database must not end it
            if not is_failing:
                logger.warning("Refused calls could not be counted (%s); it is tried again.", type(error).__name__)
            is_failing = True
            _woken.set()
        finally:
            connection.close()  # it is not needed for most of the time
