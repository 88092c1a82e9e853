"""Draining: workers finish what they began and claim nothing, so that a deploy interrupts nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from .models import Drain, Lane
from .nudge import nudge, nudge_jobs

POLL_SECONDS = 0.2
LOCK_TIMEOUT_MS = 400
"""Shorter than PostgreSQL's wait before it looks for deadlocks, so that we give way and never a worker."""
MOST_NAMED = 5


@dataclass(frozen=True)
class UnderWay:
    """How many records workers are busy with now, and where: ``systems`` by connector, ``named`` the first few.

    ``is_certain``: a claim that began before the drain would be among them.
    """

    systems: tuple[tuple[str, int], ...]
    named: tuple[str, ...]
    is_certain: bool = False

    @property
    def count(self) -> int:
        return sum(count for _, count in self.systems)


def begin() -> bool:
    """From the commit on nothing is claimed. False when a drain is on already."""
    return Drain.objects.get_or_create(pk=1)[1]


def end() -> bool:
    """Let the workers claim again; False when no drain is on."""
    with transaction.atomic():
        ended = bool(Drain.objects.filter(pk=1).delete()[0])
        if ended:
            nudge()
            nudge_jobs()
        return ended


def since() -> datetime | None:
    """Since when a drain is on; None when none is."""
    return Drain.objects.values_list("since", flat=True).first()


def under_way() -> UnderWay:
    """What is claimed under a lease that still runs. Work whose worker died is not waited for: nobody is at it."""
    busy = Lane.objects.filter(claim__isnull=False, due_at__gt=Now()).order_by("connector__name", "key")
    rows = list(busy.values_list("connector__name", "key"))
    counts: dict[str, int] = {}
    for name, _ in rows:
        counts[name] = counts.get(name, 0) + 1
    return UnderWay(tuple(counts.items()), tuple(f"{key} of {name}" for name, key in rows[:MOST_NAMED]))


def wait(seconds: float, *, say: Callable[[UnderWay, float], object]) -> UnderWay:
    """Wait until nothing is under way, at most ``seconds``; return what still is. ``say`` hears of each change, with
    the seconds that are left."""
    until = time.monotonic() + seconds
    claims_seen = _claims_are_seen()
    told = None
    while True:
        claims_seen = claims_seen or _claims_are_seen()
        now = under_way()
        left = until - time.monotonic()
        if (not now.count and claims_seen) or left <= 0:
            return replace(now, is_certain=claims_seen)
        if now.systems != told:
            say(now, left)
            told = now.systems
        time.sleep(min(POLL_SECONDS, max(0.0, left)))


def _claims_are_seen() -> bool:
    """Whether every claim that began before the drain is committed by now, so that ``under_way`` shows it.

    A claim under way holds the table's lock; one that comes later looks for the drain after it got the lock.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_TIMEOUT_MS}ms"])
            cursor.execute("LOCK TABLE events_lane IN SHARE MODE")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "55P03":  # lock_not_available
            raise
        return False
    return True
