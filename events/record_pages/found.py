"""What is known of one record, read from the database; each question is answered by an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from connectors.models import Connector
from events.models import Delivery, Event
from mappings.models import RecordLink
from synclog.models import SyncLog

PER_PAGE: Final = 30
MOST_EVENTS: Final = 30
MOST_REPEATS: Final = 5


@dataclass(frozen=True)
class About:
    """A work order (of any company: its number is Field Nation's), or an external record of one connector."""

    work_order_id: int | None = None
    external_id: str = ""
    connector_id: int | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """How events, deliveries and links name it."""
        if self.work_order_id is not None:
            return {"work_order_id": self.work_order_id}
        return {"connector_id": self.connector_id, "external_id": self.external_id}


@dataclass(frozen=True)
class Deliveries:
    """A page of deliveries, newest first; ``older`` and ``newer`` are the ``seq`` beside it, None at an end."""

    rows: Sequence[Delivery]
    older: int | None
    newer: int | None


@dataclass(frozen=True)
class Repeats:
    """How often an event came again, and the newest of these."""

    count: int
    logs: Sequence[SyncLog]


def links(about: About) -> list[RecordLink]:
    """Its links, one a connector at most. By the connectors, since that is how the index begins."""
    connectors = (
        list(Connector.objects.values_list("pk", flat=True)) if about.connector_id is None else [about.connector_id]
    )
    rows = RecordLink.objects.filter(connector_id__in=connectors, **_without_connector(about))
    return list(rows.select_related("connector__company").order_by("connector__name"))


def names(about: About, links: Sequence[RecordLink]) -> list[Q]:
    """How events and deliveries can name it: by its own id, and by that of what it is linked to."""
    found = [Q(**about.columns)]
    for link in links:
        if about.work_order_id is None and link.work_order_id:
            found.append(Q(work_order_id=link.work_order_id, connector_id=link.connector_id))
        elif about.work_order_id is not None and link.external_id:
            found.append(Q(external_id=link.external_id, connector_id=link.connector_id))
    return found


def deliveries(named: Sequence[Q], *, before: int | None = None, after: int | None = None) -> Deliveries:
    """Next to a ``seq``: older than ``before`` or newer than ``after``; else the newest. See ``names``."""
    rows: QuerySet[Delivery] = Delivery.objects.all()
    if after is not None:
        seqs = _merged([rows.filter(name, seq__gt=after).order_by("seq") for name in named], "seq")
        more, page = len(seqs) > PER_PAGE, _shown(seqs[:PER_PAGE])
        return Deliveries(page, page[-1].seq if page else after, page[0].seq if more and page else None)
    if before is not None:
        rows = rows.filter(seq__lt=before)
    seqs = _merged([rows.filter(name).order_by("-seq") for name in named], "seq", newest=True)
    more, page = len(seqs) > PER_PAGE, _shown(seqs[:PER_PAGE])
    newer = (page[0].seq if page else before) if before is not None else None
    return Deliveries(page, page[-1].seq if more else None, newer)


def events(named: Sequence[Q]) -> list[Event]:
    """The newest events about it."""
    parts = [Event.objects.filter(name).order_by("-received_at") for name in named]
    keys = _merged(parts, "received_at", "pk", newest=True)[:MOST_EVENTS]
    rows = Event.objects.filter(pk__in=[pk for _, pk in keys]).annotate(delivery_count=Count("deliveries"))
    return list(rows.defer("payload", "trace").order_by("-received_at", "-pk"))


def repeats(event_ids: Sequence[UUID]) -> dict[UUID, Repeats]:
    """By event how often it came again; one query."""
    logs = SyncLog.objects.filter(event_id__in=event_ids, outcome=SyncLog.Outcome.DUPLICATE).order_by("-created_at")
    by_event: dict[UUID, list[SyncLog]] = {}
    for log in logs[:1000]:
        if log.event_id:
            by_event.setdefault(log.event_id, []).append(log)
    return {id: Repeats(len(found), found[:MOST_REPEATS]) for id, found in by_event.items()}


def _without_connector(about: About) -> dict[str, Any]:
    return {name: value for name, value in about.columns.items() if name != "connector_id"}


def _merged(parts: Sequence[QuerySet[Any]], *columns: str, newest: bool = False) -> list[Any]:
    """The first of each ordered part, put together without repeats: OR over columns would have all of them sorted."""
    flat = len(columns) == 1
    cut = [part.values_list(*columns, flat=flat)[: PER_PAGE + 1] for part in parts]
    return sorted(set(cut[0].union(*cut[1:], all=True)), reverse=newest)[: PER_PAGE + 1]


def _shown(seqs: Sequence[int]) -> list[Delivery]:
    rows = Delivery.objects.filter(seq__in=seqs).order_by("-seq")
    return list(
        rows.select_related("connector__company", "connector__state", "event").defer("event__payload", "event__trace")
    )
