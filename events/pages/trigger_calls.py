"""The last calls of a connector's trigger URL: what was taken, what was merged, what was refused and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from connectors.models import Connector
from events.models import Delivery, Event
from events.report import sentence_of
from events.states import State
from events.triggered import REFUSAL_SPAN, REFUSALS, refusal_id
from synclog.models import SyncLog

SHOWN = 20
LOOKED_BACK = timedelta(hours=24)
"""How far back refused calls are shown."""


@dataclass(frozen=True)
class Call:
    """One accepted call, or refused ones that were counted together."""

    at: datetime
    answer: str
    mark: str
    record: str
    source: str
    sentence: str
    address: str
    old_token: bool = False
    count: int = 1


def calls(request: HttpRequest, connector: Connector) -> list[Call]:
    """The newest first. Four queries, whatever the tables hold."""
    rows = [*_accepted(request, connector), *_refused(connector, linked=request.user.has_perm("synclog.view_synclog"))]
    return sorted(rows, key=lambda call: call.at, reverse=True)[:SHOWN]


def _accepted(request: HttpRequest, connector: Connector) -> list[Call]:
    newest = Event.objects.filter(connector=connector, kind=Event.Kind.TRIGGER, door=Event.Door.TRIGGER)
    events = list(newest.order_by("-received_at").defer("payload")[:SHOWN])
    outcomes = outcomes_of(connector, [event.pk for event in events])
    return [
        Call(
            at=event.received_at,
            answer=outcomes[event.pk].label,
            mark=outcomes[event.pk].mark,
            record=event.external_id,
            source=str(event.trace.get("from") or ""),
            sentence=outcomes[event.pk].sentence,
            address=_page_of(request, event.pk, outcomes[event.pk].delivery),
            old_token=bool(event.trace.get("old_token")),
        )
        for event in events
    ]


def _page_of(request: HttpRequest, event: UUID, delivery: UUID | None) -> str:
    """The timeline of the call's delivery, else its event; "" for those who may see neither."""
    if delivery and request.user.has_perm("events.view_delivery"):
        return reverse("admin:events_delivery_change", args=[delivery])
    return reverse("admin:events_event_change", args=[event]) if request.user.has_perm("events.view_event") else ""


@dataclass(frozen=True)
class Outcome:
    """What became of a trigger so far. ``is_over``: nothing more happens by itself."""

    label: str
    mark: str
    sentence: str
    is_over: bool
    delivery: UUID | None = None
    work_order_id: int | None = None


MARKS = {
    State.SUCCEEDED: "is-good",
    State.SKIPPED: "",
    State.SUPERSEDED: "",
    State.WAITING: "is-held",
    State.DEAD: "is-bad",
}
"""Of the states in which nothing more happens by itself."""


def outcomes_of(connector: Connector, event_ids: Iterable[UUID]) -> dict[UUID, Outcome]:
    """By event. Two queries."""
    ids = list(event_ids)
    deliveries = Delivery.objects.filter(event_id__in=ids).order_by("seq").defer("conflict", "note")
    decisions = SyncLog.objects.filter(event_id__in=ids, delivery_id=None).only("event_id", "code", "sentence")
    found = {id: Outcome("Accepted", "is-good", "It waits for its turn.", is_over=False) for id in ids}
    for log in decisions:
        if log.event_id in found:
            label = "Merged" if log.code == "merged" else "Accepted, not synced"
            found[log.event_id] = Outcome(label, "", log.sentence, is_over=True)
    for delivery in deliveries:
        delivery.connector = connector
        state = State(delivery.state)
        found[delivery.event_id] = Outcome(
            "Accepted" if state in (State.PENDING, State.IN_FLIGHT, State.RETRYING) else delivery.get_state_display(),
            MARKS.get(state, ""),
            sentence_of(delivery),
            is_over=state in MARKS,
            delivery=delivery.pk,
            work_order_id=delivery.work_order_id,
        )
    return found


def _refused(connector: Connector, *, linked: bool) -> list[Call]:
    """Refusals are counted in rows whose ids follow from connector, reason and time; see events.triggered."""
    now = timezone.now()
    spans = range(int(LOOKED_BACK / REFUSAL_SPAN) + 1)
    ids = [refusal_id(connector.pk, code, now - span * REFUSAL_SPAN) for code in REFUSALS for span in spans]
    # Sorted by the caller: with an order and a limit, PostgreSQL would walk through all logs by time.
    return [_refusal(log, linked=linked) for log in SyncLog.objects.filter(pk__in=ids)]


def _refusal(log: SyncLog, *, linked: bool) -> Call:
    last: dict[str, Any] = log.details.get("last") or {}
    return Call(
        at=log.created_at,
        answer="Refused",
        mark="is-bad",
        record="",
        source=str(last.get("from") or ""),
        sentence=log.sentence.removeprefix("A call of the trigger URL was refused: "),
        address=reverse("admin:synclog_synclog_change", args=[log.pk]) if linked else "",
        old_token=bool(last.get("old_token")),
        count=int(log.details.get("count") or 1),
    )
