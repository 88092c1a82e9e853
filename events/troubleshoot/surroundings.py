"""What surrounds a record: workers, arrivals, the webhook's standing, refused calls, the fields of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from connectors.models import Connector, DiscoveredFields
from events.models import Event
from events.pages import mapping_advice, mapping_fields
from events.pages.mapping_rows import stored
from events.triggered import REFUSAL_SPAN, REFUSALS, refusal_id
from mappings.models import FieldMapping
from synclog import refused
from synclog.alert_models import WebhookCheck
from synclog.models import SyncLog
from synclog.refused import Refused
from synclog.refused_models import RefusedCalls
from synclog.worker_models import Worker

from .facts import Arrivals, Workers
from .subject import TRIGGER, Asked

LOOKED_AT: Final = 10_000
"""Newest events of the installation among which the last arrival is looked for."""
DAYS: Final = timedelta(days=7)
REFUSED_WITHIN: Final = timedelta(hours=24)


@dataclass(frozen=True)
class Arrived:
    company_id: int
    connector_id: int | None
    door: str
    event_type: str
    last: datetime


@dataclass(frozen=True)
class Around:
    """By company or connector what does not depend on the record."""

    workers: Workers
    arrived: Sequence[Arrived]
    checks: Mapping[int, WebhookCheck]
    refusals: Mapping[int, Sequence[SyncLog]]
    refused: Sequence[Refused]
    fields: Mapping[int, list[dict[str, Any]]]

    def arrivals_of(self, connector: Connector, event: Event | None, asked: Asked) -> Arrivals:
        constant = event.event_type if event is not None else asked.event_type.replace(TRIGGER, "")
        mine = [one for one in self.arrived if one.company_id == connector.company_id]
        triggers = [one for one in mine if one.connector_id == connector.pk and one.door == Event.Door.TRIGGER]
        hooks = [one for one in mine if one.door == Event.Door.WEBHOOK]
        return Arrivals(
            webhook=_last(hooks),
            api=_last([one for one in mine if one.door == Event.Door.API]),
            this_event=_last([one for one in hooks if constant and one.event_type == constant]),
            trigger=_last(triggers),
        )

    def refused_of(self, connector: Connector, *, inbound: bool) -> list[Refused]:
        """At the doors that this direction comes through: of nobody, and of the connector or its company."""
        at_trigger = [one for one in self.refused if one.door == RefusedCalls.Door.TRIGGER]
        if inbound:
            return [one for one in at_trigger if one.is_nobodys or one.connector_id == connector.pk]
        others = [one for one in self.refused if one not in at_trigger]
        return [one for one in others if one.is_nobodys or one.company_id == connector.company_id]


def _last(arrived: Sequence[Arrived]) -> datetime | None:
    return max((one.last for one in arrived), default=None)


def read(connectors: Sequence[Connector]) -> Around:
    """Six queries, for any number of connectors."""
    ids = [connector.pk for connector in connectors]
    companies = {connector.company_id for connector in connectors}
    described = DiscoveredFields.objects.filter(
        connector_id__in=ids, side=DiscoveredFields.Side.EXTERNAL, record_kind=""
    )
    return Around(
        workers=_workers(),
        arrived=_arrived(companies),
        checks=WebhookCheck.objects.in_bulk(list(companies)),
        refusals=_refusals(ids),
        refused=refused.read(companies, *RefusedCalls.Door.values),
        fields={one.connector_id: one.fields for one in described},
    )


def _workers() -> Workers:
    rows = list(Worker.objects.filter(kind=Worker.Kind.WORKER).values_list("seen_at", flat=True))
    since = timezone.now() - timedelta(seconds=Worker.MISSING_SECONDS)
    return Workers(alive=sum(seen >= since for seen in rows), last_seen=max(rows, default=None))


def _arrived(companies: set[int]) -> list[Arrived]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH newest AS MATERIALIZED (
                SELECT company_id, connector_id, door, event_type, received_at FROM events_event
                WHERE received_at > %s ORDER BY received_at DESC LIMIT %s
            )
            SELECT company_id, connector_id, door, event_type, max(received_at) FROM newest
            WHERE company_id = ANY(%s) GROUP BY 1, 2, 3, 4
            """,
            [timezone.now() - DAYS, LOOKED_AT, list(companies)],
        )
        return [Arrived(*row) for row in cursor.fetchall()]


def _refusals(connector_ids: Sequence[int]) -> dict[int, list[SyncLog]]:
    """By connector the refused trigger calls of the last day, newest first; they are found by their ids."""
    now = timezone.now()
    spans = range(int(REFUSED_WITHIN / REFUSAL_SPAN) + 1)
    ids = [
        refusal_id(key, code, now - span * REFUSAL_SPAN) for key in connector_ids for code in REFUSALS for span in spans
    ]
    found: dict[int, list[SyncLog]] = {}
    for log in sorted(SyncLog.objects.filter(pk__in=ids), key=lambda log: log.created_at, reverse=True):
        if log.connector_id is not None:
            found.setdefault(log.connector_id, []).append(log)
    return found


def required(rows: Sequence[FieldMapping], around: Around, connector_id: int, *, inbound: bool) -> Sequence[str] | None:
    """Paths of required fields of the main record that no enabled row fills; None when the fields are not known."""
    page = [stored(row) for row in rows if row.is_enabled and not row.target_object]
    if inbound:
        return mapping_advice.inbound_missing(row for row in page if row.direction == "inbound")
    fields = around.fields.get(connector_id)
    if fields is None:
        return None
    targets = mapping_fields.lookup(mapping_fields.targets("outbound", [], fields))
    outbound = [row for row in page if row.direction == "outbound"]
    return [str(field["path"]) for field in mapping_advice.required_missing(outbound, targets)]
