"""The demo's sample configuration: a company, a connector to the sandbox's Help Desk, triggers and mappings both ways.

Everything is found by name and made only when it is missing, so a second run continues with the same data.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from broker_project.sandbox import fieldnation, helpdesk
from connectors.models import Company, Connector
from events import catalogue, versions
from events.models import EventSource, EventTrigger
from mappings.engine import NO_DEFAULT, parse_rows
from mappings.models import FieldMapping

COMPANY = "Sandbox company"
CONNECTOR = "Help Desk"
SOURCE = "Sample events"
WORK_ORDER = 4410027
WEBHOOK_EVENTS = [event.webhook for event in catalogue.EVENTS if event.webhook]

OUTBOUND: list[dict[str, Any]] = [
    {"action": "sync", "source": "title", "target": "subject", "default": "(no title)"},
    {"action": "array_map", "source": "status.name", "target": "status", "default": "Open",
     "mappings": [{"compare": "assigned", "value": "Scheduled"}, {"compare": "checked_in", "value": "In progress"},
                  {"compare": "work_done", "value": "Resolved"}, {"compare": "approved", "value": "Closed"}]},
    {"action": "concat", "target": "technician", "default": "",
     "parts": [{"type": "field", "value": "assignee.user.first_name"}, {"type": "static", "value": " "},
               {"type": "field", "value": "assignee.user.last_name"}]},
    {"action": "date_convert", "source": "schedule.service_window.start.utc", "target": "scheduled_start",
     "input_format": "YYYY-MM-DD HH:mm:ss", "output_format": "YYYY-MM-DDTHH:mm:ss[Z]",
     "timezone_in": "UTC", "timezone_out": "UTC"},
    {"action": "sync", "source": "pay.amount", "target": "amount"},
    {"action": "range_map", "source": "pay.amount", "target": "priority", "default": "Urgent",
     "ranges": [{"compare": 150, "value": "Normal"}, {"compare": 600, "value": "High"}]},
    {"action": "concat", "target": "work_order_id", "parts": [{"type": "field", "value": "id"}]},
    {"action": "custom", "target": "description",
     "script": "local u = $.util;\n'Ticket ' + u.lookup_custom_field(611, $.input, 'unknown')\n"
               "+ ', status ' + u.lookup_field($.input, 'status.name', '?')"},
]  # fmt: skip
NOTE: list[dict[str, Any]] = [
    {"action": "concat", "target": "text",
     "parts": [{"type": "static", "value": "Checked in at "}, {"type": "field", "value": "event_timestamp"}]},
]  # fmt: skip
INBOUND: list[dict[str, Any]] = [
    {"action": "sync", "source": "subject", "target": "title"},
    {"action": "sync", "source": "description", "target": "description", "default": "No description."},
    {"action": "sync", "source": "street", "target": "location.address1"},
    {"action": "sync", "source": "city", "target": "location.city"},
    {"action": "sync", "source": "state", "target": "location.state"},
    {"action": "sync", "source": "zip", "target": "location.zip"},
    {"action": "set_static", "target": "location.country", "value": "US"},
]  # fmt: skip


@dataclass(frozen=True)
class Demo:
    """What the demo set up. ``source_key`` is the clear key of the sample event source, made afresh at each start."""

    company: Company
    connector: Connector
    source_key: str


@transaction.atomic
def set_up(*, field_nation_url: str, help_desk_url: str) -> Demo:
    """Make what is missing and point it at the running sandbox."""
    company, _ = Company.objects.get_or_create(
        name=COMPANY, defaults={"environment": Company.Environment.CUSTOM, "webhook_secret": str(uuid.uuid4())}
    )
    company.custom_api_base = field_nation_url
    company.client_id, company.client_secret = fieldnation.CLIENT_ID, fieldnation.CLIENT_WORD
    company.username, company.password = fieldnation.USERNAME, fieldnation.USER_WORD
    company.api_user_id = fieldnation.API_USER_ID
    company.save()
    connector = Connector.objects.filter(company=company, name=CONNECTOR).first()
    if connector is None:
        connector = Connector(
            company=company, name=CONNECTOR, platform="rest", outbound_create=True, write_back_field="work_order_id"
        )
        connector.settings = help_desk_settings(help_desk_url)
        connector.secrets = {"api_key": helpdesk.API_KEY}
        connector.save()
        _triggers(connector)
        _mappings(connector)
        versions.publish(connector.pk, user="demo", comment="Made by the demo")
    elif connector.settings.get("base_url") != help_desk_url:
        connector.settings = {**connector.settings, "base_url": help_desk_url}
        connector.save()
    source, _ = EventSource.objects.get_or_create(
        company=company, name=SOURCE, defaults={"key_hash": str(uuid.uuid4())}
    )
    key = source.renew_key()
    source.save()
    return Demo(company, connector, key)


def help_desk_settings(url: str) -> dict[str, Any]:
    """Settings of the REST platform for the sandbox's Help Desk."""
    return {
        "base_url": url,
        "record_path": "/api/tickets/{id}",
        "create_method": "POST",
        "create_path": "/api/tickets",
        "update_method": "PATCH",
        "update_path": "/api/tickets/{id}",
        "new_id_path": "id",
        "correlation_field": "correlation",
        "find_path": "/api/tickets",
        "find_parameter": "correlation",
        "find_results_path": "results",
        "find_id_path": "id",
        "note_method": "POST",
        "note_path": "/api/tickets/{id}/notes",
        "test_path": "/api/metadata",
        "auth": "api_key",
        "api_key_header": "X-API-Key",
    }


def _triggers(connector: Connector) -> None:
    updates = [
        "FN_WO_ASSIGNED",
        "FN_WO_SCHEDULE_UPDATED",
        "FN_WO_DONE",
        "FN_WO_APPROVED",
    ]
    rows = [EventTrigger(connector=connector, event_type=name, action="update") for name in updates]
    rows.append(
        EventTrigger(connector=connector, event_type="FN_WO_PROVIDER_CHECKED_IN", action="create", target_object="note")
    )
    EventTrigger.objects.bulk_create(rows)


def _mappings(connector: Connector) -> None:
    sets = [("outbound", "", OUTBOUND), ("outbound", "note", NOTE), ("inbound", "", INBOUND)]
    FieldMapping.objects.bulk_create(
        FieldMapping(
            connector=connector,
            direction=direction,
            target_object=target_object,
            position=position,
            action=row.action,
            source=row.source,
            target=row.target,
            options=dict(row.options),
            has_default=row.default is not NO_DEFAULT,
            default=None if row.default is NO_DEFAULT else row.default,
        )
        for direction, target_object, rows in sets
        for position, row in enumerate(parse_rows(rows), start=1)
    )


def sample_event() -> dict[str, Any]:
    """The documented sample event, as of now."""
    return {
        "event_type": "FN_WO_SCHEDULE_UPDATED",
        "event_timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "workorder": {
            "id": WORK_ORDER,
            "title": "Swap failed edge switch",
            "status": {"id": 3, "name": "assigned"},
            "assignee": {"user": {"id": 70311, "first_name": "Rui", "last_name": "Okafor"}},
            "schedule": {
                "service_window": {"start": {"utc": "2026-07-02 14:00:00"}, "end": {"utc": "2026-07-02 18:00:00"}}
            },
            "pay": {"type": "hourly", "amount": 65.0},
            "custom_fields": [{"id": 611, "name": "Ticket number", "value": "INC-20418"}],
        },
        "correlation_id": None,
    }


def webhook_url(company: Company) -> str:
    """Where Field Nation delivers this company's webhooks."""
    return f"{settings.PUBLIC_URL}/webhooks/fieldnation/{company.webhook_key}/"


def trigger_url(connector: Connector) -> str:
    return f"{settings.PUBLIC_URL}/integrations/trigger/{connector.trigger_token}"
