"""Finds logs in a table of any length: every step is a walk along an index, of bounded length.

The most telling condition of a filter is a walk in the order of time along an index of its own. The other conditions
are looked at row by row, for at most ``LOOKED_AT`` rows; the page then says so and offers to look further. A search for
an id asks each column that can hold it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from .log_filter import LogFilter
from .models import NOTABLE, SyncLog

PER_PAGE: Final = 50
LOOKED_AT: Final = 5_000
PATHS: Final = (
    ("work_order_id",),
    ("external_id",),
    ("correlation_id",),
    ("connector_id", "outcome"),
    ("outcome",),
    ("code",),
    ("event_type",),
    ("connector_id",),
    ("direction",),
)
"""Conditions that an index answers in the order of time, the most telling first."""

MARK: Final = "FN-"
"""Begins the correlation id that the broker makes of a work order id; the others have an index."""

FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True)
class Key:
    """The place of a log in the order of the list."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.id}"

    @classmethod
    def parse(cls, text: str) -> Key | None:
        """None for what is no key."""
        at, _, id = text.partition("_")
        try:
            moment, key = parse_datetime(at), UUID(id)
        except ValueError:
            return None
        return cls(moment, key) if moment is not None and moment.tzinfo else None


@dataclass(frozen=True)
class Found:
    """A page, newest first. ``newer`` and ``older`` are the keys beside it, None where nothing more can be.

    ``stopped``: more may be found beyond the rows that were looked at.
    """

    logs: Sequence[SyncLog]
    newer: Key | None = None
    older: Key | None = None
    stopped: bool = False


def find(
    asked: LogFilter,
    *,
    before: Key | None = None,
    after: Key | None = None,
    limit: int = PER_PAGE,
    look: int = LOOKED_AT,
) -> Found:
    """The ``limit`` logs next to a key: older than ``before``, or newer than ``after``; else the newest ones.

    At most two queries in a transaction of its own.
    """
    with _planned_by_value():
        if asked.search:
            return _search(asked, before, after, limit)
        return _walk(asked, before, after, limit, look)


@contextmanager
def _planned_by_value() -> Iterator[None]:
    """A plan made for one value serves a frequent and a rare one badly, and knows no partial index."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        yield


def _walk(asked: LogFilter, before: Key | None, after: Key | None, limit: int, look: int) -> Found:
    leading, others = split(asked.columns())
    rows = SyncLog.objects.filter(*(condition(name, value) for name, value in leading.items()))
    rows = _beyond(_within(rows, asked), before, after)
    end = _end_of_look(rows, after is not None, look) if others else None
    if end:
        rows = rows.filter(created_at__lte=end) if after else rows.filter(created_at__gte=end)
    rows = _ordered(rows.filter(**others), after)
    return _page(list(_shown(rows)[: limit + 1]), before, after, limit, end)


def split(columns: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The conditions for which there is a walk along an index, and the others."""
    for path in PATHS:
        if not columns.keys() >= set(path):
            continue
        if "outcome" in path and columns["outcome"] not in NOTABLE:
            continue
        if path == ("direction",) and columns["direction"] != SyncLog.Direction.INBOUND:
            continue
        if path == ("correlation_id",) and not is_indexed(columns["correlation_id"]):
            continue
        return {name: columns[name] for name in path}, {k: v for k, v in columns.items() if k not in path}
    return {}, dict(columns)


def marked(correlation: str) -> int | None:
    """The work order that a correlation id of the broker's own making names; None for any other."""
    digits = correlation.removeprefix(MARK)
    is_ours = correlation.startswith(MARK) and digits.isascii() and digits.isdigit() and len(digits) < 19
    return int(digits) if is_ours else None


def is_indexed(correlation: str) -> bool:
    """Whether an index leads to the logs of a correlation id."""
    return not correlation.startswith(MARK) or marked(correlation) is not None


def condition(column: str, value: Any) -> Q:
    """The condition as its index answers it."""
    if column != "correlation_id":
        return Q(**{column: value})
    if (work_order := marked(value)) is not None:
        return Q(work_order_id=work_order, correlation_id=value)
    return Q(correlation_id=value) & ~Q(correlation_id__startswith=MARK)


def _search(asked: LogFilter, before: Key | None, after: Key | None, limit: int) -> Found:
    """The newest of each column that can hold the id, put together: OR over columns would have all of them sorted."""
    rows = _beyond(_within(SyncLog.objects.filter(**asked.columns()), asked), before, after)
    parts = [
        _ordered(rows.filter(condition(column, value)), after).values_list("created_at", "pk")[: limit + 1]
        for column, value in asked.ids().items()
        if column != "correlation_id" or is_indexed(value)
    ]
    keys = sorted(set(parts[0].union(*parts[1:], all=True)), reverse=after is None)[: limit + 1]
    shown = _ordered(_shown(SyncLog.objects.filter(pk__in=[pk for _, pk in keys])), after)
    return _page(list(shown), before, after, limit, None)


def _page(logs: list[SyncLog], before: Key | None, after: Key | None, limit: int, end: datetime | None) -> Found:
    more, logs = len(logs) > limit, logs[:limit]
    stopped = end is not None and not more
    if after is not None:
        logs.reverse()
    first, last = (key_of(logs[0]), key_of(logs[-1])) if logs else (None, None)
    if after is not None:
        newer = first if more else Key(end, LAST) if end else None
        return Found(logs, newer=newer, older=last or after, stopped=stopped)
    older = last if more else Key(end, FIRST) if end else None
    return Found(logs, newer=(first or before) if before else None, older=older, stopped=stopped)


def key_of(log: SyncLog) -> Key:
    return Key(log.created_at, log.pk)


def _within(rows: QuerySet[SyncLog], asked: LogFilter) -> QuerySet[SyncLog]:
    if asked.since:
        rows = rows.filter(created_at__gte=asked.since)
    return rows.filter(created_at__lt=asked.until) if asked.until else rows


def _beyond(rows: QuerySet[SyncLog], before: Key | None, after: Key | None) -> QuerySet[SyncLog]:
    if after:
        return rows.filter(created_at__gte=after.at).filter(Q(created_at__gt=after.at) | Q(pk__gt=after.id))
    if before:
        return rows.filter(created_at__lte=before.at).filter(Q(created_at__lt=before.at) | Q(pk__lt=before.id))
    return rows


def _ordered(rows: QuerySet[SyncLog], after: Key | None) -> QuerySet[SyncLog]:
    return rows.order_by("created_at", "pk") if after else rows.order_by("-created_at", "-pk")


def _shown(rows: QuerySet[SyncLog]) -> QuerySet[SyncLog]:
    return rows.select_related("connector").defer("details", "connector__secrets", "connector__trigger_token")


def _end_of_look(rows: QuerySet[SyncLog], ascending: bool, look: int) -> datetime | None:
    """The time of the last log that this page looks at; None when it looks at all."""
    times = rows.order_by("created_at" if ascending else "-created_at").values_list("created_at", flat=True)
    return next(iter(times[look : look + 1]), None)
