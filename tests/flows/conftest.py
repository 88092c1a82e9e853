"""A broker wired to both simulators, which run as real HTTP servers with state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from django.test import Client

from broker_project import demo
from broker_project.sandbox.fieldnation import FieldNationSim
from broker_project.sandbox.helpdesk import HelpDesk
from broker_project.sandbox.serve import Server
from connectors.models import Connector
from events.deliver import deliver_due
from events.models import Delivery


@dataclass
class World:
    """The broker's doors, the two simulators and the demo's configuration."""

    help_desk: HelpDesk
    field_nation: FieldNationSim
    help_desk_url: str
    field_nation_url: str
    demo: demo.Demo
    http: Client = field(default_factory=Client)

    @property
    def connector(self) -> Connector:
        return self.demo.connector

    def post(self, body: Any, **headers: str) -> Any:
        """``POST /events/`` with the demo's key."""
        return self.http.post(
            "/events/",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.demo.source_key}", **headers},
        )

    def trigger(self, external_id: object) -> Any:
        return self.http.post(
            f"/integrations/trigger/{self.connector.trigger_token}",
            {"external_id": external_id},
            content_type="application/json",
        )

    def deliver(self) -> int:
        return deliver_due()

    def fault(self, side: str, **rule: Any) -> None:
        url = self.help_desk_url if side == "help_desk" else self.field_nation_url
        answer = requests.post(f"{url}/control/faults", json=[rule], timeout=5)
        assert answer.ok, answer.text

    def calls(self, method: str, path: str) -> list[dict[str, Any]]:
        """Requests that the Help Desk took for this method and path."""
        rows = requests.get(f"{self.help_desk_url}/control/requests", timeout=5).json()["requests"]
        return [row for row in rows if row["method"] == method and row["path"] == path]

    def person_creates_ticket(self, **fields: Any) -> int:
        values = {
            "subject": "Printer jams", "description": "Paper stuck.", "street": "88 Mill Road", "city": "Duluth",
            "state": "MN", "zip": "55802", "country": "US", **fields,
        }  # fmt: skip
        answer = requests.post(f"{self.help_desk_url}/ui/tickets", json=values, timeout=5)
        assert answer.ok, answer.text
        number: int = answer.json()["id"]
        return number

    def person_changes_ticket(self, number: int, **fields: Any) -> None:
        answer = requests.post(f"{self.help_desk_url}/ui/tickets/{number}", json=fields, timeout=5)
        assert answer.ok, answer.text


def event(**changes: Any) -> dict[str, Any]:
    """The documented sample event; ``title`` and other work order members can be given."""
    sample = demo.sample_event()
    for name in ("event_type", "event_timestamp", "event_id"):
        if name in changes:
            sample[name] = changes.pop(name)
    sample["workorder"] |= changes
    return sample


@pytest.fixture
def world(db: None) -> Iterator[World]:
    help_desk, field_nation = HelpDesk(), FieldNationSim()
    with Server(help_desk.app) as help_desk_url, Server(field_nation.app) as field_nation_url:
        yield World(
            help_desk=help_desk,
            field_nation=field_nation,
            help_desk_url=help_desk_url,
            field_nation_url=field_nation_url,
            demo=demo.set_up(field_nation_url=field_nation_url, help_desk_url=help_desk_url),
        )
    help_desk.close()
    field_nation.close()


def only_delivery() -> Delivery:
    return Delivery.objects.select_related("connector", "event").get()
