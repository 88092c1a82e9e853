"""Both sides of a linked pair as they are at this moment, read from the two systems. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import timezone

from broker_project.lib.errors import BrokerError
from connectors.access import caller, open_external, open_field_nation
from connectors.models import Connector
from events.catalogue import GENERAL_UPDATE, resolve
from events.dry_run import Compared, TrialEvent, rehearse
from events.models import EventTrigger
from events.normalise import from_webhook
from events.payload import parse_event
from mappings.models import RecordLink


@dataclass
class Side:
    """What one system says: the record, or why it could not be read."""

    name: str
    record: dict[str, Any] | None = None
    problem: str = ""


@dataclass
class Sides:
    """``compared`` are the mapped fields of the external record beside what the work order gives for them."""

    link: RecordLink
    field_nation: Side
    external: Side
    compared: list[Compared] = field(default_factory=list)
    problem: str = ""


def read_both(link: RecordLink) -> Sides:
    """``link`` with its connector and company. Every failure is part of what is told; none is raised."""
    connector = link.connector
    field_nation, external = Side("Field Nation"), Side(connector.name)
    found = Sides(link, field_nation, external)
    payload = _work_order(link, field_nation)
    _record(link, external)
    if payload is not None and link.external_id and external.record is not None:
        try:
            found.compared = _compared(connector, link, payload)
        except BrokerError as error:
            found.problem = error.sentence
    return found


def _work_order(link: RecordLink, side: Side) -> dict[str, Any] | None:
    """The work order as an event would bring it; None when it cannot be read."""
    if link.work_order_id is None:
        side.problem = "No work order is linked yet."
        return None
    company = link.connector.company
    try:
        credentials = company.credentials()
        client = open_field_nation(
            company_id=company.pk, credentials=credentials, through=caller(credentials=credentials)
        )
        row = client.read(link.work_order_id)
        webhook = from_webhook(event=resolve(GENERAL_UPDATE).event, occurred_at=timezone.now(), work_order=row)
        payload = parse_event(webhook, size=None).payload
    except BrokerError as error:
        side.problem = error.sentence
        return None
    side.record = payload["workorder"]
    return payload


def _record(link: RecordLink, side: Side) -> None:
    if not link.external_id:
        side.problem = "No external record is linked yet."
        return
    connector = link.connector
    try:
        client = open_external(
            connector_id=connector.pk,
            slug=connector.platform,
            configured=connector.settings,
            secrets=connector.secrets,
            through=caller(hide=connector.secrets),
        )
        side.record = client.read(link.external_id)
    except BrokerError as error:
        side.problem = error.sentence


def _compared(connector: Connector, link: RecordLink, payload: dict[str, Any]) -> list[Compared]:
    trigger = EventTrigger(connector=connector, event_type=GENERAL_UPDATE, action=EventTrigger.Action.UPDATE)
    trial = TrialEvent(
        event_type=GENERAL_UPDATE,
        work_order_id=link.work_order_id or 0,
        occurred_at=timezone.now(),
        payload=payload,
    )
    found = rehearse(connector, trigger, trial, read=True)
    if found.failure:
        raise found.failure
    gives = {row.step.target: row.step.result for row in found.rows if not row.step.left_out}
    # a field that a sync would leave alone is told with what the work order says of it
    return [replace(one, becomes=gives.get(one.name, one.becomes)) for one in found.compared]
