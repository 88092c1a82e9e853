"""Export and import of a connector's configuration."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from connectors.models import Connector
from events import versions
from events.models import ConfigVersion, EventTrigger
from events.pages import transfer
from mappings.models import FieldMapping
from tests.admin import world
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


@pytest.fixture
def to(db: Any) -> Connector:
    made = world.connector(world.company(), max_attempts=5)
    add = FieldMapping.objects.create
    add(connector=made, direction="outbound", source="title", target="subject", has_default=True, default=None)
    add(
        connector=made, direction="outbound", position=1, action="array_map", source="status.name", target="state",
        options={"mappings": [{"compare": "work_done", "value": "done"}]}, write_mode="on_create",
        events=["FN_WO_ASSIGNED"], conflict_policy="manual", label="State",
    )  # fmt: skip
    add(connector=made, direction="outbound", position=9, source="id", target="text", target_object="note")
    add(connector=made, direction="inbound", source="subject", target="title", is_enabled=False)
    EventTrigger.objects.create(connector=made, event_type="FN_WO_ASSIGNED", position=7)
    EventTrigger.objects.create(
        connector=made, event_type="FN_WO_DONE", action="script", script="{a: 1}", on_failure="stop"
    )
    versions.publish(made.pk)
    return Connector.objects.get(pk=made.pk)


def post(browser: Client, to: Connector, act: str, text: Any, **more: Any) -> Any:
    address = reverse("admin:connectors_connector_import_act", args=[to.pk, act])
    content = text if isinstance(text, str) else json.dumps(text)
    return browser.post(address, json.dumps({"text": content, **more}), content_type="application/json")


def exported(browser: Client, to: Connector) -> dict[str, Any]:
    answer = browser.post(reverse("admin:connectors_connector_act", args=[to.pk, "export"]))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="help-desk.json"'
    found: dict[str, Any] = json.loads(answer.content)
    return found


def refusals(answer: Any) -> list[str]:
    assert answer.status_code == 422
    return [problem["sentence"] for problem in answer.json()["problems"]]


# Export


def test_the_file_has_the_documented_rows_and_no_secret(browser: Client, to: Connector) -> None:
    file = exported(browser, to)

    assert file["mappings"]["outbound"] == [
        {"action": "sync", "source": "title", "target": "subject", "default": None},
        {
            "action": "array_map", "source": "status.name", "target": "state", "label": "State",
            "mappings": [{"compare": "work_done", "value": "done"}], "conflict_policy": "manual",
            "write_mode": "on_create", "events": ["FN_WO_ASSIGNED"],
        },
        {"action": "sync", "source": "id", "target": "text", "target_object": "note", "position": 9},
    ]  # fmt: skip
    assert file["mappings"]["inbound"] == [
        {"action": "sync", "source": "subject", "target": "title", "is_enabled": False}
    ]
    assert (file["platform"], file["options"]["max_attempts"]) == ("rest", 5)
    assert [secret for secret in (*world.SECRETS, to.trigger_token) if secret in json.dumps(file)] == []
    assert "Help Desk" not in json.dumps(file)
    assert LogEntry.objects.get().change_message == "Exported the configuration."


def test_export_is_a_post_by_who_may_change(browser: Client, to: Connector) -> None:
    address = reverse("admin:connectors_connector_act", args=[to.pk, "export"])

    assert browser.get(address).status_code == 405
    assert staff("connectors.view_connector").post(address).status_code == 403


# Import


def test_an_export_imported_again_changes_nothing(browser: Client, to: Connector) -> None:
    file = exported(browser, to)

    assert post(browser, to, "preview", file).json()["changes"] == []
    assert post(browser, to, "apply", file, version=1).json() == {"version": 1, "changed": False}

    assert ConfigVersion.objects.filter(connector=to).count() == 1


def test_an_export_makes_another_connector_the_same(browser: Client, to: Connector) -> None:
    file = exported(browser, to)
    other = world.connector(to.company, "Other", secrets={"password": "of-the-other"}, status="paused")
    FieldMapping.objects.create(connector=other, direction="outbound", source="a", target="unwanted")
    versions.publish(other.pk)

    seen = post(browser, other, "preview", file).json()
    assert "Outbound mapping a → unwanted removed." in seen["changes"]
    assert "Event trigger FN_WO_DONE → Custom Script added." in seen["changes"]
    assert FieldMapping.objects.filter(connector=other).count() == 1
    assert post(browser, other, "apply", file, version=seen["version"]).json() == {"version": 2, "changed": True}

    other.refresh_from_db()
    assert (other.name, other.status, other.secrets) == ("Other", "paused", {"password": "of-the-other"})
    assert exported(browser, to) == transfer.exported(versions.take(other.pk))
    made = ConfigVersion.objects.get(connector=other, number=2)
    assert (made.user, made.comment) == ("olga", "Imported")
    assert LogEntry.objects.filter(change_message="Imported a configuration; it is version 2 now.").count() == 1


def test_rows_keep_their_ids_so_that_the_difference_can_be_read(browser: Client, to: Connector) -> None:
    file = exported(browser, to)
    file["mappings"]["outbound"][0]["source"] = "description"
    file["options"]["max_attempts"] = None
    ids = set(FieldMapping.objects.values_list("pk", flat=True))

    assert post(browser, to, "preview", file).json()["changes"] == [
        "Tries was 5, is empty.",
        "Outbound mapping title → subject: source was title, is description.",
    ]
    post(browser, to, "apply", file, version=1)

    assert set(FieldMapping.objects.values_list("pk", flat=True)) == ids
    assert FieldMapping.objects.get(target="subject").source == "description"


def test_parts_that_a_file_lacks_stay(browser: Client, to: Connector) -> None:
    rows = [{"action": "ACTION_TYPE_SYNC", "source": "subject", "target": "title"}]
    file = {"format": transfer.FORMAT, "format_version": 1, "platform": "rest", "mappings": {"inbound": rows}}

    assert post(browser, to, "preview", file).json()["changes"] == [
        "Inbound mapping subject → title: on was no, is yes."
    ]


def test_the_address_of_another_installation_is_not_taken_where_there_are_credentials(
    browser: Client, to: Connector
) -> None:
    file = exported(browser, to)
    address = file["settings"]["base_url"]
    file["settings"] |= {"base_url": "https://elsewhere.example.test", "record_path": "/cases/{id}"}

    seen = post(browser, to, "preview", file).json()
    post(browser, to, "apply", file, version=1)

    assert seen["caution"].startswith("The addresses stay as they are here: the file's lead to elsewhere.example.test,")
    assert [change for change in seen["changes"] if "base_url" in change] == []
    to.refresh_from_db()
    assert (to.settings["base_url"], to.settings["record_path"]) == (address, "/cases/{id}")


def test_the_address_is_taken_where_there_are_no_credentials(browser: Client, to: Connector) -> None:
    file = exported(browser, to)
    file["settings"]["base_url"] = "https://elsewhere.example.test"
    Connector.objects.filter(pk=to.pk).update(secrets={})

    seen = post(browser, to, "preview", file).json()
    post(browser, to, "apply", file, version=1)

    assert seen["caution"] == ""
    to.refresh_from_db()
    assert to.settings["base_url"] == "https://elsewhere.example.test"


def test_a_secret_in_a_file_is_not_taken(browser: Client, to: Connector) -> None:
    file = exported(browser, to)
    file["settings"]["password"] = "planted"
    file["secrets"] = {"password": "planted"}

    post(browser, to, "apply", file, version=1)

    to.refresh_from_db()
    assert to.secrets["password"] == world.SECRETS[4]
    assert "planted" not in json.dumps([to.settings, ConfigVersion.objects.latest("number").snapshot])


WRONG: list[tuple[Any, str]] = [
    ("", "Choose a file, or paste its text."),
    ("{", "This is no JSON (line 1: Expecting property name enclosed in double quotes)"),
    ("[" * 100_000, "This is no JSON"),
    ("x" * (transfer.MOST_CHARACTERS + 1), "The file has 1,048,577 characters"),
    ([{"action": "sync", "target": "a"}], "This is a list, not an exported connector."),
    ({"format": "other"}, "This is no exported connector."),
    ({"settings": {}}, "base_url: This field is required."),
    ({"format_version": 2}, "The file has format version 2"),
    ({"platform": "other"}, "The file is for the platform 'other'"),
    ({"triggers": {}}, "The part “triggers” has the wrong form."),
    ({"triggers": [{}]}, "Event trigger 1 has no event_type."),
    ({"triggers": [{"event_type": "FN_WO_DONE", "id": 1}]}, "Event trigger 1 has the unknown key 'id'."),
    ({"triggers": [{"event_type": "FN_WO_DONE", "position": "1"}]}, "Event trigger 1: position has the wrong form."),
    ({"triggers": [{"event_type": "FN_WO_STRANGE"}]}, "Event trigger FN_WO_STRANGE:"),
    ({"triggers": [{"event_type": "FN_WO_DONE"}] * 2}, "Event trigger FN_WO_DONE: two actions stand at position 0."),
    ({"triggers": [{"event_type": "FN_WO_DONE", "action": "script"}]}, "Event trigger FN_WO_DONE: A Custom Script"),
    ({"mappings": {"inbound": 1}}, "The inbound mappings must be a list."),
    ({"mappings": {"inbound": [1]}}, "Inbound mapping 1 must be an object."),
    ({"mappings": {"inbound": [{"action": "sync", "target": 1}]}}, "Inbound mapping 1: target must be text"),
    ({"mappings": {"inbound": [{"action": "sync", "target": "a..b"}]}}, "Inbound mapping to a..b:"),
    ({"mappings": {"inbound": [{"action": "strange", "source": "a", "target": "b"}]}}, "Inbound mapping to b:"),
    (
        {"mappings": {"inbound": [{"action": "sync", "source": "a", "target": "b"}] * 2}},
        "Inbound mapping to b: Another row fills b already.",
    ),
    ({"mappings": {"inbound": [{"action": "sync", "target": "b"}] * 1_001}}, "These are 1,00"),
    ({"options": {"max_concurrent": 0}}, "max_concurrent: Enter 1 or more"),
    ({"options": {"max_attempts": "many"}}, "max_attempts: Enter a whole number."),
    ({"options": {"conflict_policy": "strange"}}, "conflict_policy: Select a valid choice."),
    ({"settings": {"base_url": "no address", "record_path": "/tickets/{id}"}}, "base_url: "),
    ({"mappings": {"inbound": [{"action": "sync", "source": "a\x00", "target": "b"}]}}, "A text holds a character"),
]


@pytest.mark.parametrize(("given", "sentence"), WRONG)
def test_what_cannot_be_is_refused_and_changes_nothing(
    browser: Client, to: Connector, given: Any, sentence: str
) -> None:
    if isinstance(given, dict):
        given = {"format": transfer.FORMAT, "format_version": 1, "platform": "rest", **given}
    before = versions.take(to.pk)

    for act in ("preview", "apply"):
        found = refusals(post(browser, to, act, given, version=1))
        assert [said for said in found if said.startswith(sentence)], found

    assert versions.take(to.pk) == before
    assert ConfigVersion.objects.filter(connector=to).count() == 1
    assert not LogEntry.objects.exists()


def test_an_import_over_a_newer_version_is_refused(browser: Client, to: Connector) -> None:
    file = exported(browser, to)
    FieldMapping.objects.filter(target="subject").update(source="elsewhere")
    versions.publish(to.pk, user="sam")

    [sentence] = refusals(post(browser, to, "apply", file, version=1))

    assert sentence.startswith("sam saved version 2 after you opened this page.")
    assert FieldMapping.objects.get(target="subject").source == "elsewhere"


def test_unpublished_changes_become_a_version_of_their_own(browser: Client, to: Connector) -> None:
    file = exported(browser, to)
    FieldMapping.objects.filter(target="subject").update(source="elsewhere")

    assert post(browser, to, "apply", file, version=1).json() == {"version": 3, "changed": True}

    users = ConfigVersion.objects.filter(connector=to).order_by("number").values_list("user", flat=True)
    assert list(users) == ["", "", "olga"]


def test_who_may_not_change_imports_nothing(to: Connector) -> None:
    reader = staff("connectors.view_connector")

    assert reader.get(reverse("admin:connectors_connector_import", args=[to.pk])).status_code == 403
    for act in ("preview", "apply"):
        assert post(reader, to, act, {}, version=1).status_code == 403
