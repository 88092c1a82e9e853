"""The Logs page: the newest logs of a connector, with filters, and older ones page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.dateparse import parse_datetime

from broker_project.lib.pages import to_list
from broker_project.lib.pages.lists import MAX_BIGINT
from connectors.models import Connector
from events import catalogue
from events.troubleshoot.errors import help_link
from synclog.evidence import COLOURS
from synclog.models import SyncLog

from .base import ConnectorPage
from .header import subject

PER_PAGE = 50
LOOKED_AT = 5_000
"""Logs that one page looks through for a rare outcome; it then offers to look further."""
LONGEST_SEARCH = 255
NAMES = {event.constant: event.name for event in catalogue.EVENTS}
MARKS = {"success": "is-good", "warning": "is-held", "danger": "is-bad"}


@dataclass(frozen=True)
class Asked:
    """What the address asks for; what is not understood counts as not asked."""

    outcome: str = ""
    direction: str = ""
    search: str = ""
    before: tuple[datetime, UUID] | None = None
    after: tuple[datetime, UUID] | None = None

    @classmethod
    def of(cls, query: QueryDict) -> Asked:
        outcome, direction = query.get("outcome", ""), query.get("direction", "")
        return cls(
            outcome=outcome if outcome in SyncLog.Outcome.values else "",
            direction=direction if direction in SyncLog.Direction.values else "",
            search=query.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH],
            before=_key(query.get("before", "")),
            after=_key(query.get("after", "")),
        )

    def query(self, **more: str) -> str:
        filters = {"outcome": self.outcome, "direction": self.direction, "q": self.search, **more}
        return "?" + urlencode({name: value for name, value in filters.items() if value})


@dataclass(frozen=True)
class Found:
    """A page of logs, newest first, with the keys at which the pages beside it begin. ``stopped`` says that more may
    be found beyond what was looked through."""

    logs: Sequence[SyncLog]
    newer: str = ""
    older: str = ""
    stopped: bool = False


class LogsPage(ConnectorPage):
    name = "logs"
    label = "Logs"
    template = "broker/connector/logs.html"
    permission = "synclog.view_synclog"

    def context(self, request: HttpRequest, connector: Connector) -> Mapping[str, Any]:
        asked = Asked.of(request.GET)
        found = find(connector.pk, asked)
        return {
            "asked": asked,
            "outcomes": SyncLog.Outcome.choices,
            "directions": SyncLog.Direction.choices,
            "rows": [_row(log) for log in found.logs],
            "newer": asked.query(after=found.newer) if found.newer else "",
            "older": asked.query(before=found.older) if found.older else "",
            "newest": asked.query(),
            "is_first": not (asked.before or asked.after),
            "is_filtered": bool(asked.outcome or asked.direction or asked.search),
            "stopped": found.stopped,
            "looked_at": f"{LOOKED_AT:,}",
            "whole_list": to_list("synclog.synclog", {"connector__id__exact": connector.pk}),
        }


def find(connector_id: int, asked: Asked) -> Found:
    """One page in at most two queries, both in the order of the index on connector and time."""
    ascending = asked.after is not None
    rows = SyncLog.objects.filter(connector_id=connector_id)
    if asked.search:
        rows = rows.filter(_about(asked.search))
    rows = _beyond(rows, asked)
    end = _end_of_look(rows, ascending=ascending) if (asked.outcome or asked.direction) and not asked.search else None
    if end:
        rows = rows.filter(created_at__gte=end) if not ascending else rows.filter(created_at__lte=end)
    for name in ("outcome", "direction"):
        if value := getattr(asked, name):
            rows = rows.filter(**{name: value})
    logs = list(_ordered(rows, ascending=ascending).defer("details")[: PER_PAGE + 1])
    more, logs = len(logs) > PER_PAGE, logs[:PER_PAGE]
    stopped = bool(end) and not more
    if ascending:
        logs.reverse()
    return _with_neighbours(logs, asked, more=more, end=end if stopped else None)


def _with_neighbours(logs: list[SyncLog], asked: Asked, *, more: bool, end: datetime | None) -> Found:
    first, last = (_text(logs[0]), _text(logs[-1])) if logs else ("", "")
    beyond = f"{end.isoformat()}_{UUID(int=0) if asked.after is None else UUID(int=2**128 - 1)}" if end else ""
    if asked.after is not None:
        return Found(logs, newer=first if more else beyond, older=last, stopped=bool(end))
    return Found(logs, newer=first if asked.before else "", older=last if more else beyond, stopped=bool(end))


def _about(search: str) -> Q:
    found = Q(external_id=search)
    if search.isascii() and search.isdigit() and int(search) <= MAX_BIGINT:
        found |= Q(work_order_id=int(search))
    return found


def _beyond(rows: QuerySet[SyncLog], asked: Asked) -> QuerySet[SyncLog]:
    if asked.after:
        at, id = asked.after
        return rows.filter(created_at__gte=at).filter(Q(created_at__gt=at) | Q(pk__gt=id))
    if asked.before:
        at, id = asked.before
        return rows.filter(created_at__lte=at).filter(Q(created_at__lt=at) | Q(pk__lt=id))
    return rows


def _ordered(rows: QuerySet[SyncLog], *, ascending: bool) -> QuerySet[SyncLog]:
    return rows.order_by("created_at", "pk") if ascending else rows.order_by("-created_at", "-pk")


def _end_of_look(rows: QuerySet[SyncLog], *, ascending: bool) -> datetime | None:
    """The time of the last log that this page looks at; None when all are."""
    times = rows.order_by("created_at" if ascending else "-created_at").values_list("created_at", flat=True)
    return next(iter(times[LOOKED_AT : LOOKED_AT + 1]), None)


def _text(log: SyncLog) -> str:
    return f"{log.created_at.isoformat()}_{log.pk}"


def _key(text: str) -> tuple[datetime, UUID] | None:
    at, _, id = text.partition("_")
    try:
        moment, key = parse_datetime(at), UUID(id)
    except ValueError:
        return None
    return (moment, key) if moment is not None and moment.tzinfo else None


def _row(log: SyncLog) -> dict[str, Any]:
    label = log.get_outcome_display()
    return {
        "at": log.created_at,
        "event": NAMES.get(log.event_type, log.event_type) or log.get_direction_display(),
        "subject": subject(log.work_order_id, log.external_id),
        "outcome": label,
        "mark": MARKS.get(COLOURS[label], ""),
        "sentence": log.sentence,
        "took": log.duration_ms,
        "address": reverse("admin:synclog_synclog_change", args=[log.pk]),
        "help": help_link(log.code, log.connector_id),
    }
