"""From what a person typed to the records it may mean: a work order, an external record, an event, a delivery."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from broker_project.lib.pages.lists import MAX_BIGINT
from connectors.models import Connector
from events.models import Delivery, Event
from synclog import log_find
from synclog.models import SyncLog

LONGEST: Final = 255
TRIGGER: Final = "trigger"
"""Stands for a call of the trigger URL where an event is chosen."""
_MARK: Final = re.compile(r"FN-([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The question: ``term`` is an id of any kind, ``event_type`` a constant, TRIGGER or "" for the newest."""

    term: str
    connector_id: int | None = None
    event_type: str = ""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """``own`` are external ids that belong to one connector alone; those of ``externals`` may be of any."""

    work_orders: tuple[int, ...] = ()
    externals: tuple[str, ...] = ()
    own: tuple[tuple[int, str], ...] = ()
    event: Event | None = None
    delivery: Delivery | None = None

    @property
    def is_one_event(self) -> bool:
        return self.event is not None


def resolve(term: str) -> Subject:
    """What the id may mean; at most three queries."""
    if (key := _uuid(term)) and (found := _of_key(key)):
        return found
    orders: list[int] = []
    if term.isascii() and term.isdigit() and int(term) <= MAX_BIGINT:
        orders.append(int(term))
    if mark := _MARK.fullmatch(term):
        orders.append(int(mark[1]))
    own = _marked_records(term) if " " in term else ()
    if not orders and not own and (log := _logged(term)):
        return Subject(
            work_orders=(log.work_order_id,) if log.work_order_id else (),
            externals=(term,),
            own=((log.connector_id, log.external_id),) if log.connector_id and log.external_id else (),
        )
    return Subject(work_orders=tuple(orders), externals=(term,), own=own)


def _of_key(key: UUID) -> Subject | None:
    delivery = Delivery.objects.select_related("event").filter(pk=key).first()
    event = delivery.event if delivery is not None else Event.objects.filter(pk=key).first()
    if event is None:
        return None
    orders = {number for number in (event.work_order_id, delivery and delivery.work_order_id) if number}
    external = (delivery.external_id if delivery is not None else "") or event.external_id
    connector = delivery.connector_id if delivery is not None else event.connector_id
    return Subject(
        work_orders=tuple(orders),
        own=((connector, external),) if connector and external else (),
        event=event,
        delivery=delivery,
    )


def _marked_records(term: str) -> tuple[tuple[int, str], ...]:
    """The record that a mark on a work order names: the connector's name, a blank, the record's id."""
    names: Iterable[tuple[int, str]] = Connector.objects.values_list("pk", "name")
    return tuple(
        (key, term[len(name[:60]) + 1 :]) for key, name in names if term.startswith(f"{name[:60]} ")
    )  # fmt: skip


def _logged(term: str) -> SyncLog | None:
    """The newest log with this correlation id; an index answers."""
    if not log_find.is_indexed(term):
        return None
    logs = SyncLog.objects.filter(log_find.condition("correlation_id", term))
    return logs.only("work_order_id", "external_id", "connector_id").order_by("-created_at").first()


def _uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None
