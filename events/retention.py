"""Removes what is older than its rule allows: a page of rows in a transaction, for a few seconds at a time.

What belongs to a delivery that is open or a dead letter stays. The payload of the last event of a work order stays with
its event, since filters with “changed” compare with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from synclog.retention_models import Retention

from .retention_kinds import KINDS, Kind

PAGE: Final = 1_000
"""Rows looked at in one transaction."""
MOST_LEFT: Final = 5_000
"""Ids of passed-over rows that are looked at again; what is beyond goes with its log or event."""
REST: Final = timedelta(hours=1)
"""From the end of one pass over a kind to the next."""


def prune(*, seconds: float) -> dict[str, int]:
    """Work off the rules that are due for about ``seconds``; how many rows were removed or emptied, by kind.

    Safe beside itself: a kind at which another process is just working is left to it.
    """
    removed: dict[str, int] = {}
    due = list(_due())
    end = monotonic() + seconds
    for place, kind in enumerate(due):
        share = (end - monotonic()) / (len(due) - place)
        removed[kind] = _prune_kind(kind, until=monotonic() + share)
    return removed


def _due() -> Sequence[str]:
    now = timezone.now()
    rules = Retention.objects.filter(keep_days__isnull=False).exclude(next_at__gt=now)
    return list(rules.order_by("kind").values_list("kind", flat=True))


def _prune_kind(kind: str, *, until: float) -> int:
    """At least one page, then on until the time is up or the pass is done.

    After a page the database rests for as long as the page took, so that traffic gets its turn.
    """
    removed = _look_again(kind)
    while True:
        began = monotonic()
        step = _step(kind)
        removed += step.removed
        took = monotonic() - began
        if step.is_done or monotonic() + took >= until:
            return removed
        sleep(took)


@dataclass(frozen=True)
class _Step:
    removed: int = 0
    is_done: bool = False


def _step(name: str) -> _Step:
    """One page: what is due of it goes, in a transaction that holds the rule."""
    with transaction.atomic():
        rule = _locked(name)
        if rule is None or rule.keep_days is None:
            return _Step(is_done=True)
        kind = KINDS[name]
        rows = _page(kind, rule.cursor, cutoff=timezone.now() - timedelta(days=rule.keep_days))
        gone = [row.id for row in rows if not (row.is_open or row.is_spared)]
        removed = kind.remove(gone) if gone else 0
        if not kind.starts_over:
            rule.left = [*rule.left, *(str(row.id) for row in rows if row.is_open)][-MOST_LEFT:]
        is_done = len(rows) < PAGE
        if rows:
            rule.cursor = {"at": rows[-1].at.isoformat(), "id": str(rows[-1].id)}
        if is_done:
            rule.next_at = timezone.now() + REST
            rule.cursor = {} if kind.starts_over else rule.cursor
        rule.removed += removed
        rule.run_at = timezone.now()
        rule.save(update_fields=["cursor", "left", "next_at", "removed", "run_at"])
        return _Step(removed, is_done)


def _look_again(name: str) -> int:
    """What was passed over because its work was open, and is not any more."""
    with transaction.atomic():
        rule = _locked(name)
        if rule is None or not rule.left:
            return 0
        kind = KINDS[name]
        rows = _rows(f"{kind.select} WHERE t.id = ANY(%s)", [kind.ids(rule.left)])
        gone = [row.id for row in rows if not (row.is_open or row.is_spared)]
        removed = kind.remove(gone) if gone else 0
        rule.left = [str(row.id) for row in rows if row.is_open]
        rule.removed += removed
        rule.save(update_fields=["left", "removed"])
        return removed


def _locked(name: str) -> Retention | None:
    rows = Retention.objects.select_for_update(skip_locked=True, no_key=True)
    return rows.filter(kind=name).first()


@dataclass(frozen=True)
class _Row:
    id: Any
    at: datetime
    is_open: bool
    is_spared: bool


def _page(kind: Kind, cursor: Mapping[str, Any], *, cutoff: datetime) -> list[_Row]:
    """The next rows that are old enough, in the order of the walk."""
    at, id = cursor.get("at", "-infinity"), cursor.get("id", kind.first)
    rows = _rows(kind.page, {"at": at, "id": id, "cutoff": cutoff, "limit": PAGE})
    # ids are not quite in the order of time: the walk ends before the first that is too young
    young = next((place for place, row in enumerate(rows) if row.at >= cutoff), len(rows))
    return rows[:young]


def _rows(statement: str, parameters: Any) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [_Row(*row) for row in cursor.fetchall()]
