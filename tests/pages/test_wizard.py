"""The wizard for a new connector: each step's act, its refusals, and the whole way to a first record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from broker_project import demo
from broker_project.sandbox import helpdesk
from broker_project.sandbox.fieldnation import FieldNationSim
from broker_project.sandbox.helpdesk import HelpDesk
from broker_project.sandbox.serve import Server
from connectors.models import Company, Connector
from events import versions
from events.deliver import deliver_due
from events.models import Delivery, Event, EventTrigger
from events.pages.mapping_suggestions import doubt, fit
from events.states import State
from mappings.models import FieldMapping, RecordLink
from tests.admin import world
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db

ADD = "/admin/connectors/connector/add/"
KEY = helpdesk.API_KEY


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
def company(systems: tuple[str, str], db: Any) -> Company:
    """The demo's, without its connector."""
    help_desk_url, field_nation_url = systems
    made = demo.set_up(field_nation_url=field_nation_url, help_desk_url=help_desk_url)
    made.connector.delete()
    return made.company


def post(client: Client, address: str, data: Any) -> Any:
    return client.post(address, json.dumps(data), content_type="application/json")


def sign_in(company: Company, url: str, **changes: Any) -> dict[str, Any]:
    settings = {"base_url": url, "auth": "api_key", "fields_path": "/openapi.json"}
    return {
        "name": "New desk", "company": company.pk, "platform": "rest",
        "settings": {**settings, **changes.pop("settings", {})}, "secrets": {"api_key": KEY}, **changes,
    }  # fmt: skip


def problems(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.content
    return {problem["at"]: problem["sentence"] for problem in answer.json()["problems"]}


def draft(browser: Client, company: Company, url: str) -> Connector:
    answer = post(browser, f"{ADD}begin/", sign_in(company, url))
    assert answer.status_code == 200, answer.content
    return Connector.objects.get(pk=answer.json()["id"])


def test_the_way_from_nothing_to_a_first_record(browser: Client, company: Company, systems: tuple[str, str]) -> None:
    connector = draft(browser, company, systems[0])
    at = f"{ADD}{connector.pk}/"
    assert (connector.status, connector.secrets) == ("paused", {"api_key": KEY})

    tested = post(browser, f"{at}test/", {}).json()
    assert tested["ok"]
    (proposal,) = tested["proposals"]
    settings = {**proposal["settings"], "create_method": "POST"}
    saved = post(
        browser, f"{at}records/", {"version": connector.version, "settings": settings, "outbound_create": True}
    ).json()
    found = post(browser, f"{at}discover/", {}).json()
    assert found["has_notes"]
    assert (found["external"]["ok"], found["field_nation"]["ok"]) == (True, True)

    page = f"/admin/connectors/connector/{connector.pk}/"
    entry: dict[str, Any] = {
        "key": "a", "id": None, "event_type": "FN_WO_ASSIGNED", "action": "update", "target_object": "", "script": "",
        "filters": {}, "delivery_mode": "each", "on_failure": "continue", "is_enabled": True,
    }  # fmt: skip
    saved = post(browser, f"{page}events/save/", {"version": saved["version"], "triggers": [entry]}).json()
    rows = [row for row in post(browser, f"{at}suggest/", {}).json()["outbound"] if not row["doubt"]]
    sets = [{"direction": "outbound", "target_object": "", "rows": rows}]
    assert post(browser, f"{page}mappings/save/", {"version": saved["version"], "sets": sets}).status_code == 200

    (sample,) = post(browser, f"{at}samples/", {}).json()["samples"]
    shown = post(browser, f"{at}try-out/", {**sample, "read": False}).json()
    (request,) = shown["requests"]
    assert (request["method"], json.loads(request["body"])["subject"]) == ("POST", "Swap failed edge switch")
    assert not Delivery.objects.exists()
    sent = post(browser, f"{at}send/", sample).json()
    assert not post(browser, f"{at}follow/", sent).json()["ended"]
    deliver_due()

    followed = post(browser, f"{at}follow/", sent).json()
    (delivery,) = followed["deliveries"]
    link = RecordLink.objects.get(connector=connector)
    assert (followed["ended"], delivery["kind"]) == (True, "success")
    assert delivery["sentence"] == f"Record {link.external_id} was created."
    connector.refresh_from_db()
    assert connector.status == "active"


class TestSignIn:
    def test_nothing_is_stored_when_something_is_wrong(self, browser: Client, company: Company) -> None:
        data = {"name": " ", "company": 0, "platform": "rest", "settings": {"base_url": "ftp://x", "auth": "basic"}}

        found = problems(post(browser, f"{ADD}begin/", data))

        assert found.keys() == {"name", "company", "base_url", "username"}
        assert not Connector.objects.exists()

    @pytest.mark.parametrize(
        ("change", "at"),
        [
            ({"platform": "fax"}, "platform"),
            ({"company": "1"}, "company"),
            ({"company": True}, "company"),
            ({"name": "x" * 201}, "name"),
            ({"settings": {"base_url": "x" * 9_000}}, "base_url"),
            ({"settings": {"test_path": "/{id}"}}, "test_path"),
        ],
    )
    def test_each_wrong_input_has_its_place(
        self, browser: Client, company: Company, change: dict[str, Any], at: str
    ) -> None:
        answer = post(browser, f"{ADD}begin/", {**sign_in(company, "https://help.example.test"), **change})

        assert at in problems(answer)
        assert not Connector.objects.exists()

    def test_the_name_must_be_free_in_the_company(self, browser: Client, company: Company) -> None:
        world.connector(company, "New desk")

        found = problems(post(browser, f"{ADD}begin/", sign_in(company, "https://help.example.test")))

        assert found == {"name": "The company has a connector of this name already. Choose another name."}

    def test_it_can_be_corrected_and_keeps_the_secret(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")
        changed = sign_in(company, "https://help.example.test/v2", secrets={"api_key": ""}, name="Ignored")

        saved = post(browser, f"{ADD}{connector.pk}/sign-in/", changed).json()

        connector.refresh_from_db()
        assert connector.settings["base_url"] == "https://help.example.test/v2"
        assert (saved["kept"], saved["notice"]) == (["api_key"], "")
        assert (connector.name, connector.secrets) == ("New desk", {"api_key": KEY})
        assert connector.settings.keys() == {"base_url", "auth", "fields_path"}
        assert saved["version"] == connector.version == 2
        assert LogEntry.objects.count() == 2

    def test_a_kept_secret_is_not_taken_to_another_host(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")
        connector.secrets |= {"secret_headers": "X-Key: header-8a"}
        connector.save()
        moved = sign_in(company, "https://desk.example.test", secrets={"api_key": ""})

        refused = problems(post(browser, f"{ADD}{connector.pk}/sign-in/", moved))
        connector.refresh_from_db()
        before = connector.settings["base_url"]
        saved = post(browser, f"{ADD}{connector.pk}/sign-in/", {**moved, "secrets": {"api_key": "desk-9b"}}).json()
        connector.refresh_from_db()

        assert refused["api_key"].startswith("The address leads to another host now, desk.example.test. Enter this")
        assert before == "https://help.example.test"
        assert connector.settings["base_url"] == "https://desk.example.test"
        assert connector.secrets == {"api_key": "desk-9b"}
        assert saved["kept"] == ["api_key"]
        assert saved["notice"] == "Removed, since it was given for the host before: Secret headers."

    def test_no_secret_is_in_the_page(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")

        text = browser.get(f"{ADD}{connector.pk}/").content.decode()

        assert KEY not in text
        assert connector.trigger_token not in text
        assert '"kept": ["api_key"]' in text

    def test_the_answer_of_the_test_is_in_the_platforms_words(
        self, browser: Client, company: Company, systems: tuple[str, str]
    ) -> None:
        connector = draft(browser, company, systems[0])
        connector.secrets = {"api_key": "wrong-key-7a"}
        connector.save()

        answer = post(browser, f"{ADD}{connector.pk}/test/", {})

        told = answer.json()
        assert not told["ok"]
        assert told["sentence"].endswith("Check the API key and the name of its header.")
        assert "wrong-key-7a" not in answer.content.decode()


class TestRecords:
    def test_all_settings_are_checked(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")
        data = {"version": connector.version, "settings": {"record_path": "/tickets", "note_path": "/notes"}}

        found = problems(post(browser, f"{ADD}{connector.pk}/records/", data))

        assert found.keys() == {"record_path", "note_path", "update_path"}
        connector.refresh_from_db()
        assert "record_path" not in connector.settings

    def test_what_somebody_else_saved_meanwhile_is_not_overwritten(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")
        Connector.objects.filter(pk=connector.pk).update(hop_limit=7)
        versions.publish(connector.pk, user="piotr")
        data = {"version": connector.version, "settings": {"record_path": "/tickets/{id}"}}

        found = problems(post(browser, f"{ADD}{connector.pk}/records/", data))

        assert found["version"].startswith("piotr has changed this connector meanwhile.")
        connector.refresh_from_db()
        assert "record_path" not in connector.settings


class TestSuggestions:
    @pytest.mark.parametrize(
        ("source", "target", "told"),
        [
            ({"type": "text"}, {"type": "text"}, ""),
            ({"type": "number"}, {"type": "text"}, ""),
            ({"type": "text"}, {"type": "text", "choices": [["a", "A"]]}, "choose Array Map"),
            ({"type": "datetime"}, {"type": "text"}, "use Date Convert"),
            ({"type": "text"}, {"type": "number"}, "check a value"),
        ],
    )
    def test_a_doubtful_copy_says_why(self, source: Any, target: Any, told: str) -> None:
        said = doubt({"action": "sync"}, source, target)

        assert told in said if told else said == ""
        assert doubt({"action": "array_map"}, source, target) == ""

    def test_a_number_for_a_text_is_written_as_text(self) -> None:
        row = {"action": "sync", "source": "id", "target": "work_order"}

        assert fit(row, {"type": "number"}, {"type": "text"}) == {
            "action": "concat", "target": "work_order", "parts": [{"type": "field", "value": "id"}],
        }  # fmt: skip
        assert fit(row, {"type": "text"}, {"type": "text"}) == row

    def test_nothing_is_suggested_while_no_fields_are_known(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")

        assert post(browser, f"{ADD}{connector.pk}/suggest/", {}).json() == {"outbound": [], "inbound": []}


class TestSample:
    def test_there_is_none_while_nothing_is_ticked(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")
        EventTrigger.objects.create(connector=connector, event_type="FN_WO_ASSIGNED", is_enabled=False)

        answer = post(browser, f"{ADD}{connector.pk}/samples/", {})

        assert (answer.status_code, "Go back and choose a preset" in answer.json()["error"]) == (422, True)

    def test_real_events_are_offered_to_who_may_see_them(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")
        EventTrigger.objects.create(connector=connector, event_type="FN_WO_ASSIGNED")
        event = world.event(company)
        world.event(company, event_type="FN_WO_DONE")
        other = staff("connectors.add_connector", "connectors.view_connector")

        found = post(browser, f"{ADD}{connector.pk}/samples/", {}).json()["samples"]

        assert [each["source"] for each in found] == [{"kind": "recent", "id": str(event.pk)}, {"kind": "sample"}]
        assert len(post(other, f"{ADD}{connector.pk}/samples/", {}).json()["samples"]) == 1

    def test_it_is_switched_on_without_sending_anything(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")

        assert post(browser, f"{ADD}{connector.pk}/switch-on/", {}).status_code == 200

        connector.refresh_from_db()
        assert (connector.status, Delivery.objects.count(), Event.objects.count()) == ("active", 0, 0)

    def test_only_who_may_change_connectors_switches_on(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")
        adder = staff("connectors.add_connector", "connectors.view_connector")

        assert post(adder, f"{ADD}{connector.pk}/switch-on/", {}).status_code == 403

        connector.refresh_from_db()
        assert connector.status == "paused"

    def test_a_sample_that_is_gone_leaves_the_connector_paused(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")
        EventTrigger.objects.create(connector=connector, event_type="FN_WO_ASSIGNED")
        (sample,) = post(browser, f"{ADD}{connector.pk}/samples/", {}).json()["samples"]
        sample["source"] = {"kind": "recent", "id": "00000000-0000-0000-0000-000000000000"}

        assert post(browser, f"{ADD}{connector.pk}/send/", sample).status_code == 422

        connector.refresh_from_db()
        assert connector.status == "paused"
        assert not Delivery.objects.exists()

    def test_other_connectors_of_the_company_get_nothing(self, browser: Client, company: Company) -> None:
        connector = draft(browser, company, "https://help.example.test")
        neighbour = world.connector(company, "Neighbour")
        for each in (connector, neighbour):
            EventTrigger.objects.create(connector=each, event_type="FN_WO_ASSIGNED")
        (sample,) = post(browser, f"{ADD}{connector.pk}/samples/", {}).json()["samples"]

        assert post(browser, f"{ADD}{connector.pk}/send/", sample).status_code == 200

        assert [each.connector_id for each in Delivery.objects.all()] == [connector.pk]


ACTS = ["sign-in", "test", "records", "discover", "suggest", "samples", "try-out", "send", "follow"]


@pytest.mark.parametrize("name", ACTS)
def test_each_act_takes_a_permission_and_a_post(name: str, browser: Client, company: Company) -> None:
    connector = draft(browser, company, "https://help.example.test")
    before = Connector.objects.values().get(pk=connector.pk)

    assert browser.get(f"{ADD}{connector.pk}/{name}/").status_code == 405
    assert post(staff("connectors.view_connector"), f"{ADD}{connector.pk}/{name}/", {}).status_code == 403
    assert post(Client(), f"{ADD}{connector.pk}/{name}/", {}).status_code == 302
    assert Connector.objects.values().get(pk=connector.pk) == before


@pytest.mark.parametrize("name", [name for name in ACTS if name != "follow"])
def test_a_connector_in_use_is_left_alone(name: str, browser: Client, company: Company) -> None:
    connector = world.connector(company)
    paused = world.connector(company, "Paused", status="paused")
    world.delivery(paused, State.SUCCEEDED)

    for each in (connector, paused):
        assert "is in use already" in problems(post(browser, f"{ADD}{each.pk}/{name}/", {}))[""]
        assert browser.get(f"{ADD}{each.pk}/").status_code == 302


def test_the_page_needs_the_permission_and_offers_what_is_unfinished(browser: Client, company: Company) -> None:
    connector = draft(browser, company, "https://help.example.test")

    text = browser.get(ADD).content.decode()

    assert f'href="{reverse("admin:connectors_connector_draft", args=[connector.pk])}">New desk</a>' in text
    assert 'href="?platform=rest"' in text
    for address in (ADD, f"{ADD}{connector.pk}/"):
        assert staff("connectors.view_connector", "connectors.change_connector").get(address).status_code == 403
        User.objects.filter(username__startswith="sam-").delete()
    assert post(staff("connectors.view_connector"), f"{ADD}begin/", {}).status_code == 403
    assert browser.get(f"{ADD}begin/").status_code == 405
    assert post(browser, f"{ADD}{connector.pk}/nothing/", {}).status_code == 404
    assert browser.get(f"{ADD}999999/").status_code == 404


def test_without_a_company_the_page_says_what_to_do(browser: Client) -> None:
    text = browser.get(ADD).content.decode()

    assert "Add the company first" in text
    assert "Save and test" not in text


def test_the_number_of_queries_does_not_grow(browser: Client, company: Company) -> None:
    connector = draft(browser, company, "https://help.example.test")
    address = f"{ADD}{connector.pk}/"

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert browser.get(address).status_code == 200
        return len(caught)

    few = queries()
    FieldMapping.objects.bulk_create(
        FieldMapping(connector=connector, direction="outbound", source="title", target=f"field{number}")
        for number in range(200)
    )
    EventTrigger.objects.bulk_create(
        EventTrigger(connector=connector, event_type="FN_WO_ASSIGNED", position=number) for number in range(1, 20)
    )
    for number in range(20):
        world.connector(company, f"Desk {number}", status="paused")

    assert queries() == few
