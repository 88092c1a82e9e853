"""Refresh fields and Refresh custom fields: what is kept, what is said, what a failure leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from broker_project import demo
from broker_project.sandbox.fieldnation import FieldNationSim
from broker_project.sandbox.helpdesk import HelpDesk
from broker_project.sandbox.serve import Server
from connectors.access import caller, open_external
from connectors.models import Connector, DiscoveredFields
from mappings.models import RecordLink
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db


@dataclass
class World:
    help_desk: str
    connector: Connector


@pytest.fixture
def browser(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


@pytest.fixture(scope="module")
def systems() -> Iterator[tuple[str, str]]:
    help_desk, field_nation = HelpDesk(), FieldNationSim()
    with Server(help_desk.app) as help_desk_url, Server(field_nation.app) as field_nation_url:
        yield help_desk_url, field_nation_url
    help_desk.close()
    field_nation.close()


@pytest.fixture
def world(systems: tuple[str, str], db: Any) -> World:
    help_desk_url, field_nation_url = systems
    made = demo.set_up(field_nation_url=field_nation_url, help_desk_url=help_desk_url)
    made.connector.settings["fields_path"] = "/openapi.json"
    made.connector.save()
    return World(help_desk_url, made.connector)


def act(connector: Connector, name: str) -> str:
    return reverse("admin:connectors_connector_act", args=[connector.pk, name])


def told(browser: Client, connector: Connector, name: str) -> str:
    answer = browser.post(act(connector, name), follow=True)
    (message,) = answer.context["messages"]
    return str(message)


def kept(connector: Connector, side: str, kind: str = "") -> dict[str, dict[str, Any]]:
    found = DiscoveredFields.objects.get(connector=connector, side=side, record_kind=kind)
    return {field["path"]: field for field in found.fields}


def test_the_fields_of_records_and_notes_are_kept(browser: Client, world: World) -> None:
    assert told(browser, world.connector, "refresh_fields") == "25 fields found in /openapi.json."

    fields = kept(world.connector, "external")
    assert fields["subject"] == {
        "path": "subject", "label": "Subject", "type": "text", "required": True, "readonly": False, "custom": False,
        "choices": [], "sample": None, "writeonly": False,
    }  # fmt: skip
    assert ["New", "New"] in fields["status"]["choices"]
    assert kept(world.connector, "external", "note")["text"]["required"]
    assert "Refreshed the fields" in LogEntry.objects.get().change_message


def test_a_refresh_says_what_is_new_and_what_vanished(browser: Client, world: World) -> None:
    told(browser, world.connector, "refresh_fields")
    found = DiscoveredFields.objects.get(connector=world.connector, side="external", record_kind="")
    found.fields = [*found.fields[2:], {**found.fields[0], "path": "budget", "label": "Budget"}]
    found.save()

    assert told(browser, world.connector, "refresh_fields") == (
        "25 fields found in /openapi.json. 2 new: Number, Subject. 1 vanished: Budget."
    )
    assert told(browser, world.connector, "refresh_fields") == (
        "25 fields found in /openapi.json. Nothing new, nothing vanished."
    )


def test_without_a_description_the_record_linked_last_is_read(browser: Client, world: World) -> None:
    del world.connector.settings["fields_path"]
    world.connector.save()
    assert told(browser, world.connector, "refresh_fields").startswith("There is nothing to read the fields from.")
    client = open_external(
        connector_id=world.connector.pk, slug="rest", configured=world.connector.settings,
        secrets=world.connector.secrets, through=caller(),
    )  # fmt: skip
    made = client.create({"subject": "Printer jams"}, correlation="c-1")
    RecordLink.objects.create(connector=world.connector, work_order_id=1, external_id=made.external_id)

    assert told(browser, world.connector, "refresh_fields") == f"19 fields found in record {made.external_id}."
    assert kept(world.connector, "external")["subject"]["sample"] == "Printer jams"


def test_custom_fields_stand_beside_the_known_ones(browser: Client, world: World) -> None:
    assert told(browser, world.connector, "refresh_custom_fields") == "5 custom fields found in Field Nation."

    fields = kept(world.connector, "field_nation")
    assert (fields["custom_fields.611"]["label"], fields["custom_fields.611"]["custom"]) == ("Ticket number", True)
    assert fields["custom_fields.612"]["choices"][0] == ["Low", "Low"]
    assert fields["title"]["required"]


def test_a_failed_refresh_keeps_what_is_known(browser: Client, world: World) -> None:
    told(browser, world.connector, "refresh_fields")
    before = kept(world.connector, "external")
    world.connector.secrets = {"api_key": "wrong-key-1e"}
    world.connector.settings["fields_path"] = "/api/metadata"
    world.connector.save()

    sentence = told(browser, world.connector, "refresh_fields")

    assert "refused the credentials (401)" in sentence
    assert sentence.endswith("The fields known so far are kept.")
    assert "wrong-key-1e" not in sentence
    assert kept(world.connector, "external") == before


@pytest.mark.parametrize("name", ["refresh_fields", "refresh_custom_fields"])
def test_it_takes_the_permission_and_a_post(name: str, browser: Client, world: World) -> None:
    assert browser.get(act(world.connector, name)).status_code == 405
    assert staff("connectors.view_connector").post(act(world.connector, name)).status_code == 403
    assert not DiscoveredFields.objects.exists()


def test_a_connector_goes_with_its_discovered_fields(browser: Client, world: World) -> None:
    told(browser, world.connector, "refresh_fields")
    found = DiscoveredFields.objects.get(connector=world.connector, side="external", record_kind="")
    seen = browser.get(reverse("admin:connectors_discoveredfields_change", args=[found.pk])).content.decode()
    assert "scheduled_start" in seen

    browser.post(reverse("admin:connectors_connector_delete", args=[world.connector.pk]), {"post": "yes"})

    assert not Connector.objects.exists()
    assert not DiscoveredFields.objects.exists()
