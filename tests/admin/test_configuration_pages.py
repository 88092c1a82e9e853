"""Event sources, triggers, mappings and links in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from broker_project.lib.digest import digest
from broker_project.lib.ids import new_id
from connectors.models import Connector
from events.models import EventSource, EventTrigger
from mappings.models import FieldMapping, RecordLink

from . import world
from .conftest import staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


def address(model: str, page: str, *key: Any) -> str:
    return reverse(f"admin:{model}_{page}", args=key)


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# Event sources


def key_in(response: Any) -> str:
    text = response.content.decode()
    start = text.index('value="evs_') + len('value="')
    return str(text[start : text.index('"', start)])


def test_the_key_of_a_new_source_is_shown_once(browser: Client) -> None:
    company = world.company()

    answer = browser.post(
        address("events_eventsource", "add"), {"company": company.pk, "name": "Field system", "is_active": "on"}
    )

    source = EventSource.objects.get()
    key = key_in(answer)
    assert source.key_hash == digest(key)
    assert "no-store" in answer["Cache-Control"]
    assert browser.cookies.get("messages") is None
    later = [
        address("events_eventsource", "change", source.pk),
        address("events_eventsource", "changelist"),
        address("events_eventsource", "history", source.pk),
        reverse("admin:index"),
    ]
    assert [page for page in later if key in browser.get(page).content.decode()] == []
    assert [entry for entry in LogEntry.objects.all() if key in entry.change_message + entry.object_repr] == []
    assert [session for session in Session.objects.all() if key in str(session.get_decoded())] == []


def test_renewing_replaces_the_key_on_post(browser: Client) -> None:
    source = EventSource(company=world.company(), name="Field system")
    old = source.renew_key()
    source.save()
    renew = address("events_eventsource", "act", source.pk, "renew_key")

    browser.get(renew)
    source.refresh_from_db()
    assert source.key_hash == digest(old)
    key = key_in(browser.post(renew))

    source.refresh_from_db()
    assert key != old
    assert source.key_hash == digest(key)
    assert LogEntry.objects.get().change_message == "Renewed the key."


def test_revoking_refuses_the_key_on_post(browser: Client) -> None:
    source = EventSource(company=world.company(), name="Field system")
    source.renew_key()
    source.save()
    revoke = address("events_eventsource", "act", source.pk, "revoke")

    browser.get(revoke)
    source.refresh_from_db()
    assert source.revoked_at is None
    browser.post(revoke)

    source.refresh_from_db()
    assert source.revoked_at is not None
    assert source.is_active is False


@pytest.mark.parametrize("name", ["renew_key", "revoke"])
def test_a_reader_can_do_nothing_to_a_source(name: str) -> None:
    source = EventSource(company=world.company(), name="Field system")
    key = source.renew_key()
    source.save()

    assert (
        staff("events.view_eventsource").post(address("events_eventsource", "act", source.pk, name)).status_code == 403
    )

    source.refresh_from_db()
    assert (source.key_hash, source.revoked_at, source.is_active) == (digest(key), None, True)


# Event triggers


def trigger_form(to: Connector, **more: Any) -> dict[str, Any]:
    return {
        "connector": to.pk, "event_type": "FN_WO_ASSIGNED", "action": "update", "is_enabled": "on", "position": 0,
        "filters": "{}", "target_object": "", "script": "", "delivery_mode": "each", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        ({"action": "script"}, "script", "A Custom Script action needs a script."),
        ({"target_object": "note"}, "target_object", "Only Create Record takes a target object."),
        (
            {"action": "create", "delivery_mode": "newest"},
            "delivery_mode",
            "Only Update Record can send the newest state only; choose “Each event”.",
        ),
        (
            {"event_type": "FN_WO_MESSAGE_ADDED", "delivery_mode": "newest"},
            "delivery_mode",
            "Each of these events tells something of its own; choose “Each event”.",
        ),
        ({"position": 4}, "position", "This event has an action at this position already; give another position."),
    ],
)
def test_what_is_wrong_with_a_trigger_stands_at_its_field(
    browser: Client, to: Connector, given: dict[str, Any], field: str, sentence: str
) -> None:
    EventTrigger.objects.create(connector=to, event_type="FN_WO_ASSIGNED", position=4)

    answer = browser.post(address("events_eventtrigger", "add"), trigger_form(to, **given))

    assert errors(answer) == {field: [sentence]}
    assert EventTrigger.objects.count() == 1


def test_a_filter_that_cannot_be_read_is_told_at_the_filter(browser: Client, to: Connector) -> None:
    filters = '{"match": "all", "conditions": [{"field": "status", "op": "resembles"}]}'

    answer = browser.post(address("events_eventtrigger", "add"), trigger_form(to, filters=filters))

    assert list(errors(answer)) == ["filters"]
    assert "resembles" in errors(answer)["filters"][0]


def rows_form(rows: list[Any], **changes: Any) -> dict[str, Any]:
    """The list's form as a browser sends it, with ``changes`` such as position_0."""
    data: dict[str, Any] = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Save"}
    for number, row in enumerate(rows):
        data |= {f"form-{number}-id": row.pk, f"form-{number}-position": row.position}
        data |= {f"form-{number}-is_enabled": "on"} if row.is_enabled else {}
    for name, value in changes.items():
        field, place = name.rsplit("_", 1)
        data[f"form-{place}-{field}"] = value
    return {name: value for name, value in data.items() if value is not None}


def test_triggers_are_ticked_in_the_list(browser: Client, to: Connector) -> None:
    rows = [
        EventTrigger.objects.create(connector=to, event_type="FN_WO_ASSIGNED", position=0),
        EventTrigger.objects.create(connector=to, event_type="FN_WO_ASSIGNED", position=1, is_enabled=False),
    ]

    browser.post(
        address("events_eventtrigger", "changelist"),
        rows_form(rows, is_enabled_0=None, is_enabled_1="on", position_1=5),
    )

    assert list(EventTrigger.objects.order_by("id").values_list("is_enabled", "position")) == [(False, 0), (True, 5)]


def test_a_taken_position_is_refused_in_the_list(browser: Client, to: Connector) -> None:
    rows = [EventTrigger.objects.create(connector=to, event_type="FN_WO_ASSIGNED", position=at) for at in (0, 1)]

    answer = browser.post(address("events_eventtrigger", "changelist"), rows_form(rows, position_1=0))

    assert "This event has an action at this position already; give another position." in answer.content.decode()
    assert list(EventTrigger.objects.order_by("id").values_list("position", flat=True)) == [0, 1]


# Field mappings


def mapping_form(to: Connector, **more: Any) -> dict[str, Any]:
    return {
        "connector": to.pk, "direction": "outbound", "position": 0, "is_enabled": "on", "target_object": "",
        "label": "", "action": "sync", "source": "title", "target": "subject", "options": "{}", "default": "null",
        **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "field", "part"),
    [
        ({"target": "a..b"}, "target", "a..b"),
        ({"source": "a[x"}, "source", "a[x"),
        ({"action": "array_map", "options": "{}"}, "options", "array_map needs mappings"),
        ({"action": "range_map", "options": '{"bands": []}'}, "options", "bands"),
        ({"target": "taken"}, "target", "Another row of this connector and direction already fills this target."),
        ({"direction": "inbound", "target_object": "note"}, "target_object", "leave the target object empty"),
    ],
)
def test_what_is_wrong_with_a_mapping_stands_at_its_field(
    browser: Client, to: Connector, given: dict[str, Any], field: str, part: str
) -> None:
    FieldMapping.objects.create(connector=to, direction="outbound", source="id", target="taken")

    answer = browser.post(address("mappings_fieldmapping", "add"), mapping_form(to, **given))

    found = errors(answer)
    assert list(found) == [field]
    assert any(part in sentence for sentence in found[field]), found
    assert FieldMapping.objects.count() == 1


def test_saving_a_mapping_warns_about_the_whole_set(browser: Client, to: Connector) -> None:
    FieldMapping.objects.create(connector=to, direction="outbound", source="id", target="contact")
    FieldMapping.objects.create(connector=to, direction="inbound", source="id", target="contact.name")

    answer = browser.post(address("mappings_fieldmapping", "add"), mapping_form(to, target="contact.name"), follow=True)

    assert FieldMapping.objects.count() == 3
    overlap = "contact.name and contact overlap: one lies inside the other. Keep one of them."
    assert f"Help Desk, outbound, contact.name: {overlap}" in told(answer)


def test_switching_a_mapping_on_in_the_list_is_checked(browser: Client, to: Connector) -> None:
    rows = [
        FieldMapping.objects.create(connector=to, direction="outbound", source="id", target="subject"),
        FieldMapping.objects.create(
            connector=to, direction="outbound", source="title", target="subject", position=1, is_enabled=False
        ),
    ]

    answer = browser.post(address("mappings_fieldmapping", "changelist"), rows_form(rows, is_enabled_1="on"))

    assert "Another row of this connector and direction already fills this target." in answer.content.decode()
    assert list(FieldMapping.objects.order_by("id").values_list("is_enabled", flat=True)) == [True, False]

    browser.post(address("mappings_fieldmapping", "changelist"), rows_form(rows, position_0=8))
    assert list(FieldMapping.objects.order_by("id").values_list("position", flat=True)) == [8, 1]


# Record links


def link_form(to: Connector, **more: Any) -> dict[str, Any]:
    return {"connector": to.pk, "work_order_id": "1001", "external_id": "TCK-1", "correlation_id": "", **more}


def test_records_are_linked_by_hand(browser: Client, to: Connector) -> None:
    browser.post(address("mappings_recordlink", "add"), link_form(to))

    link = RecordLink.objects.get()
    assert (link.connector, link.work_order_id, link.external_id, link.claimed_by) == (to, 1001, "TCK-1", None)
    browser.post(address("mappings_recordlink", "delete", link.pk), {"post": "yes"})
    assert not RecordLink.objects.exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"external_id": " "}, {"external_id": ["Enter the id of the external record."]}),
        ({"work_order_id": ""}, {"work_order_id": ["Enter the id of the work order."]}),
        ({"work_order_id": "5"}, {"external_id": ["This external record is already linked to a work order."]}),
        (
            {"external_id": "TCK-2"},
            {"work_order_id": ["This work order is already linked to a record of this connector."]},
        ),
    ],
)
def test_a_link_is_a_whole_pair_and_unique(
    browser: Client, to: Connector, given: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    RecordLink.objects.create(connector=to, work_order_id=1001, external_id="TCK-1")
    fresh = {"work_order_id": "7", "external_id": "TCK-7"} if "Enter" in str(expected) else {}

    answer = browser.post(address("mappings_recordlink", "add"), link_form(to, **{**fresh, **given}))

    assert errors(answer) == expected
    assert RecordLink.objects.count() == 1


def test_completing_a_create_under_way_ends_the_claim(browser: Client, to: Connector) -> None:
    link = RecordLink.objects.create(connector=to, work_order_id=1001, claimed_by=new_id(), claimed_at=timezone.now())
    assert "create under way" in browser.get(address("mappings_recordlink", "changelist")).content.decode()

    browser.post(address("mappings_recordlink", "change", link.pk), link_form(to))

    link.refresh_from_db()
    assert (link.external_id, link.claimed_by, link.claimed_at) == ("TCK-1", None, None)
    assert "create under way" not in browser.get(address("mappings_recordlink", "changelist")).content.decode()


def test_links_are_found_by_either_id(browser: Client, to: Connector) -> None:
    RecordLink.objects.create(connector=to, work_order_id=1001, external_id="TCK-1")
    RecordLink.objects.create(connector=to, work_order_id=1002, external_id="1001")

    def found(**query: Any) -> list[int]:
        rows = browser.get(address("mappings_recordlink", "changelist"), query).context["cl"].result_list
        return sorted(link.work_order_id for link in rows)

    assert found(q="1001") == [1001, 1002]
    assert found(q="TCK-1") == [1001]
    assert found(q="TCK") == []
    assert found(link="claimed") == []
    assert found(link="linked") == [1001, 1002]
