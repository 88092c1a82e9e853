"""``python -m broker_project.prove.furnish``: migrate the run's database and configure a company with four connectors.

Runs in a process of its own, so that the prover itself has nothing to do with the broker's models. Prints one JSON
object: what the prover needs in order to knock at the doors.
"""

from __future__ import annotations

import json
import sys
import uuid
from typing import Any

import django

django.setup()

from broker_project.demo import help_desk_settings, trigger_url, webhook_url  # noqa: E402 - after Django is set up
from broker_project.sandbox import fieldnation, helpdesk  # noqa: E402
from broker_project.schema import migrate  # noqa: E402
from connectors.models import Company, Connector  # noqa: E402
from events.models import EventSource, EventTrigger  # noqa: E402
from mappings.engine import NO_DEFAULT, parse_rows  # noqa: E402
from mappings.models import FieldMapping  # noqa: E402

from .plan import HOSTILE, NOTE, UPDATES  # noqa: E402

Rows = list[dict[str, Any]]
ENDLESS = "local again(n) = again(n + 1) tailstrict;\nagain(0)"
MANY_ATTEMPTS = 60
"""Storms must not use up the attempts of a sound record."""
HOPS = 10_000

SUBJECT: Rows = [
    {"action": "sync", "source": "title", "target": "subject", "default": "(no title)"},
    {"action": "concat", "target": "work_order_id", "parts": [{"type": "field", "value": "id"}]},
]
STORM: Rows = [
    *SUBJECT,
    {"action": "sync", "source": "pay.amount", "target": "amount"},
    {"action": "set_static", "target": "technician", "value": "Configuration 0"},
]
HEALTHY: Rows = [
    *SUBJECT,
    {"action": "custom", "target": "description", "script": "'Says ' + $.util.lookup_field($.input, 'title', '?')"},
]
NOTES: Rows = [{"action": "sync", "source": "title", "target": "text"}]
TWO_WAY: Rows = [
    {"action": "sync", "source": "title", "target": "subject"},
    {"action": "custom", "target": "requester", "default": "",
     "script": "$.util.lookup_custom_field(611, $.input, '')"},
]  # fmt: skip
TWO_WAY_BACK: Rows = [
    {"action": "sync", "source": "subject", "target": "title"},
    {"action": "sync", "source": "street", "target": "custom_fields.702", "default": ""},
    {"action": "set_static", "target": "description", "value": "From the desk."},
    {"action": "sync", "source": "city", "target": "location.city", "default": "Duluth"},
    {"action": "set_static", "target": "location.address1", "value": "88 Mill Road"},
    {"action": "set_static", "target": "location.state", "value": "MN"},
    {"action": "set_static", "target": "location.zip", "value": "55802"},
    {"action": "set_static", "target": "location.country", "value": "US"},
]  # fmt: skip


def main(urls: dict[str, str]) -> dict[str, Any]:
    """Configure everything; ``urls`` are the simulators' by name."""
    migrate(lambda sentence: None)
    company = Company(
        name="Prover", environment=Company.Environment.CUSTOM, custom_api_base=urls["field_nation"],
        client_id=fieldnation.CLIENT_ID, client_secret=fieldnation.CLIENT_WORD, username=fieldnation.USERNAME,
        password=fieldnation.USER_WORD, api_user_id=fieldnation.API_USER_ID, webhook_secret=str(uuid.uuid4()),
    )  # fmt: skip
    company.save()
    storm = _connector(company, "storm", urls, outbound=STORM)
    _mappings(storm, "outbound", "note", NOTES)
    healthy = _connector(company, "healthy", urls, outbound=HEALTHY)
    dead = _connector(company, "dead", urls, outbound=SUBJECT)
    two_way = _connector(company, "two_way", urls, outbound=TWO_WAY, write_back="work_order_id")
    _mappings(two_way, "inbound", "", TWO_WAY_BACK)
    for connector in (storm, healthy):
        _tick(connector, *UPDATES)
    _tick(dead, "FN_WO_ASSIGNED")
    _tick(two_way, "FN_WO_CREATED", "FN_WO_CUSTOM_FIELD_VALUE_UPDATED")
    EventTrigger.objects.create(connector=storm, event_type=NOTE, action="create", target_object="note")
    EventTrigger.objects.create(connector=storm, event_type=HOSTILE, action="script", script=ENDLESS)
    source = EventSource(company=company, name="Prover")
    key = source.renew_key()
    source.save()
    return {
        "key": key,
        "webhook_url": webhook_url(company),
        "webhook_secret": company.webhook_secret,
        "trigger_url": trigger_url(two_way),
        "connectors": {connector.name: connector.pk for connector in (storm, healthy, dead, two_way)},
    }


def _connector(company: Company, name: str, urls: dict[str, str], *, outbound: Rows, write_back: str = "") -> Connector:
    connector = Connector(
        company=company, name=name, platform="rest", outbound_create=True, write_back_field=write_back,
        max_attempts=MANY_ATTEMPTS, hop_limit=HOPS, settings=help_desk_settings(urls[name]),
    )  # fmt: skip
    connector.secrets = {"api_key": helpdesk.API_KEY}
    connector.save()
    _mappings(connector, "outbound", "", outbound)
    return connector


def _tick(connector: Connector, *events: str) -> None:
    EventTrigger.objects.bulk_create(
        EventTrigger(connector=connector, event_type=event, action="update") for event in events
    )


def _mappings(connector: Connector, direction: str, target_object: str, rows: Rows) -> None:
    FieldMapping.objects.bulk_create(
        FieldMapping(
            connector=connector, direction=direction, target_object=target_object, position=position,
            action=row.action, source=row.source, target=row.target, options=dict(row.options),
            has_default=row.default is not NO_DEFAULT, default=None if row.default is NO_DEFAULT else row.default,
        )
        for position, row in enumerate(parse_rows(rows), start=1)
    )  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))) + "\n")
