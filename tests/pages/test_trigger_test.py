# ruff: noqa: F811 - fixtures that are taken from another folder
"""The test of a trigger: the whole chain shown without a write, then sent for real and followed."""

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
from events.models import Delivery, Event, EventTrigger
from events.pages.trigger_state import FIELDS
from mappings.models import FieldMapping, RecordLink
from synclog.models import SyncLog
from tests.admin import world as admin_world
from tests.admin.conftest import staff
from tests.flows.conftest import World, event, world  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = 9000001
SAMPLE = {"kind": "sample"}


@pytest.fixture
def olga(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


def act(browser: Client, to: Connector, name: str, **data: Any) -> Any:
    address = reverse("admin:connectors_connector_events_act", args=[to.pk, name])
    return browser.post(address, json.dumps(data), content_type="application/json")


def entry(trigger: EventTrigger, **changes: Any) -> dict[str, Any]:
    return {"id": trigger.pk, **{name: getattr(trigger, name) for name in FIELDS}, **changes}


def saved(to: Connector, event_type: str = "FN_WO_SCHEDULE_UPDATED") -> EventTrigger:
    return EventTrigger.objects.get(connector=to, event_type=event_type)


def run(browser: Client, to: Connector, posted: Any = None, source: Any = SAMPLE, **more: Any) -> dict[str, Any]:
    answer = act(browser, to, "test_run", trigger=posted or entry(saved(to)), source=source, **more)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def nothing_was_done(broker: World) -> None:
    assert (Event.objects.count(), Delivery.objects.count(), SyncLog.objects.count()) == (0, 0, 0)
    assert not RecordLink.objects.exists()
    assert broker.calls("POST", "/api/tickets") == []


# --- the dry run ------------------------------------------------------------------------------------------------------


def test_a_new_work_order_shows_the_create_that_would_be_sent(olga: Client, world: World) -> None:
    found = run(olga, world.connector)
    assert (found["matched"], found["failure"]) == (True, "")
    rows = {row["target"]: row for row in found["mappings"]}
    assert (rows["subject"]["source"], rows["subject"]["result"]) == ('"Swap failed edge switch"',) * 2
    assert rows["priority"]["result"] == '"Normal"'
    [request] = found["requests"]
    assert (request["method"], request["url"]) == ("POST", f"{world.help_desk_url}/api/tickets")
    body = json.loads(request["body"])
    assert (body["subject"], body["correlation"]) == ("Swap failed edge switch", f"FN-{NUMBER}")
    assert request["headers"]["X-API-Key"] == "[redacted]"
    assert found["sentences"] == ["A new record would be created."]
    assert {one["state"] for one in found["difference"]} == {"new"}
    assert found["reads"] == []
    nothing_was_done(world)


def linked(broker: World, **changes: Any) -> int:
    """A work order that was synced once; returns its ticket's number."""
    assert broker.post(event(id=NUMBER, **changes)).status_code == 202
    broker.deliver()
    return int(RecordLink.objects.get(work_order_id=NUMBER).external_id or 0)


def test_a_linked_record_is_read_and_compared(olga: Client, world: World) -> None:
    number = linked(world, title="Old title")
    world.person_changes_ticket(number, description="Changed by hand")
    before = len(world.calls("PATCH", f"/api/tickets/{number}"))
    [known] = Event.objects.values_list("pk", flat=True)
    SyncLog.objects.all().delete()
    found = run(olga, world.connector, read=True)
    assert found["was_read"] is True
    assert [read["method"] for read in found["reads"]] == ["GET"]
    states = {one["name"]: one for one in found["difference"]}
    assert states["subject"] == {
        "name": "subject", "there": '"Old title"', "becomes": '"Swap failed edge switch"', "state": "changes",
        "mapped": '"Swap failed edge switch"',
    }  # fmt: skip
    assert states["amount"]["state"] == "same"
    assert (states["description"]["state"], states["description"]["there"]) == ("kept", '"Changed by hand"')
    assert states["description"]["becomes"] == states["description"]["there"] != states["description"]["mapped"]
    [request] = found["requests"]
    assert (request["method"], json.loads(request["body"])) == ("PATCH", {"subject": "Swap failed edge switch"})
    assert found["sentences"] == [f"Record {number} would be updated; fields sent: 1."]
    assert len(world.calls("PATCH", f"/api/tickets/{number}")) == before
    assert [*Event.objects.values_list("pk", flat=True)] == [known]
    assert not SyncLog.objects.exists()


def test_without_leave_to_read_nothing_is_called(olga: Client, world: World) -> None:
    number = linked(world, title="Old title")
    before = len(world.calls("GET", f"/api/tickets/{number}"))
    found = run(olga, world.connector)
    assert (found["was_read"], found["reads"], len(found["requests"])) == (False, [], 1)
    assert len(world.calls("GET", f"/api/tickets/{number}")) == before


def test_where_a_read_decides_what_is_sent_it_says_so(olga: Client, world: World) -> None:
    linked(world, title="Old title")
    Connector.objects.update(conflict_policy="field_nation")
    found = run(olga, world.connector)
    assert found["requests"] == []
    assert "Read the record as it is now" in found["failure"]


def test_the_condition_that_says_no_is_named_and_the_rest_still_shown(olga: Client, world: World) -> None:
    filters = {"conditions": [{"field": "pay.amount", "op": "greater", "value": 500, "name": "Only dear ones"}]}
    found = run(olga, world.connector, entry(saved(world.connector), filters=filters))
    assert found["matched"] is False
    assert found["filter"] == "pay.amount is 65.0; asked for: greater 500 (condition “Only dear ones”)."
    assert found["mappings"]
    assert found["can_send"] is False
    nothing_was_done(world)


@pytest.mark.parametrize(("status", "matched"), [("draft", True), ("assigned", False)])
def test_a_recent_event_is_compared_with_the_one_before_it(
    olga: Client,
    world: World,
    status: str,
    matched: bool,
) -> None:
    to = world.connector
    for name in (status, "assigned"):
        payload = event(status={"name": name})
        last = admin_world.event(to.company, NUMBER, event_type="FN_WO_SCHEDULE_UPDATED", payload=payload)
    filters = {"conditions": [{"field": "status.name", "op": "changed", "from": "draft"}]}
    source = {"kind": "recent", "id": str(last.pk)}
    assert run(olga, to, entry(saved(to), filters=filters), source)["matched"] is matched


def test_a_failing_row_is_named_with_the_rows_before_it(olga: Client, world: World) -> None:
    FieldMapping.objects.filter(connector=world.connector, target="description").update(
        options={"script": "error 'no ticket number'"}
    )
    found = run(olga, world.connector)
    assert "no ticket number" in found["failure"]
    assert found["failed_target"] == "description"
    assert [row["target"] for row in found["mappings"]][:2] == ["subject", "status"]
    assert found["requests"] == []


def test_a_script_shows_each_operation(olga: Client, world: World) -> None:
    script = (
        "local t = $.input.workorder.title;\n"
        "std.trace('title is ' + t, [{op: 'create', fields: {subject: t}}, {op: 'note', fields: {text: 'Hello'}},\n"
        " {op: 'skip', reason: 'enough'}])"
    )
    found = run(olga, world.connector, entry(saved(world.connector), id=None, action="script", script=script))
    assert [(one["method"], one["url"].removeprefix(world.help_desk_url)) for one in found["requests"]] == [
        ("POST", "/api/tickets"),
        ("POST", "/api/tickets/new-id/notes"),
    ]
    assert found["sentences"] == [
        "A new record would be created.",
        "A note would be added to record new-id.",
        "Nothing would be sent: the script decided to skip this event (enough).",
    ]
    assert any("title is Swap failed edge switch" in line for line in found["traces"])
    nothing_was_done(world)


def test_a_note_of_an_unlinked_work_order_is_said_to_go_nowhere(olga: Client, world: World) -> None:
    trigger = saved(world.connector, "FN_WO_PROVIDER_CHECKED_IN")
    found = run(olga, world.connector, entry(trigger))
    assert found["requests"] == []
    assert found["sentences"][0].startswith("Nothing would be sent: work order 9000001 is not linked")


def test_a_pasted_work_order_is_enough(olga: Client, world: World) -> None:
    text = json.dumps({"id": 9, "title": "Pasted", "status": {"name": "Work Done"}})
    found = run(olga, world.connector, source={"kind": "paste", "text": text})
    body = json.loads(found["requests"][0]["body"])
    assert (found["work_order"], body["subject"], body["status"]) == (9, "Pasted", "Resolved")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({"kind": "paste", "text": ""}, "Paste the JSON"),
        ({"kind": "paste", "text": "{"}, "This is not valid JSON."),
        ({"kind": "paste", "text": "[]"}, "Paste one JSON object"),
        ({"kind": "paste", "text": '{"workorder": {}}'}, "workorder.id must be the number"),
        ({"kind": "paste", "text": " " * 1_048_577}, "Paste the JSON"),
        ({"kind": "paste", "text": "x" * 1_048_577}, "This is more than 1024 KiB."),
        ({"kind": "recent", "id": "nothing"}, "This event is not there any more."),
        ({"kind": "other"}, "The page sent something"),
        (None, "The page sent something"),
    ],
)
def test_an_event_that_cannot_be_taken_is_refused(
    olga: Client,
    world: World,
    source: Any,
    sentence: str,
) -> None:
    posted = entry(saved(world.connector))
    answer = act(olga, world.connector, "test_run", trigger=posted, source=source)
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["sentence"].startswith(sentence)


def test_an_event_of_another_company_is_not_found(olga: Client, world: World) -> None:
    other = admin_world.event(admin_world.company("Other Co"), payload=event())
    source = {"kind": "recent", "id": str(other.pk)}
    answer = act(olga, world.connector, "test_run", trigger=entry(saved(world.connector)), source=source)
    assert answer.status_code == 422
    assert "not there any more" in answer.json()["problems"][0]["sentence"]


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"filters": {"conditions": [{"field": "", "op": "empty"}]}}, "0"),
        ({"action": "script"}, "script"),
        ({"action": "other"}, "action"),
        ({"event_type": "FN_WO_NOTHING"}, "event_type"),
        ({"script": None}, ""),
        ({"filters": []}, ""),
    ],
)
def test_a_trigger_that_could_not_be_saved_is_refused(
    olga: Client,
    world: World,
    changes: Any,
    at: str,
) -> None:
    posted = entry(saved(world.connector), **changes)
    answer = act(olga, world.connector, "test_run", trigger=posted, source=SAMPLE)
    assert answer.status_code == 422
    assert at in [problem["at"] for problem in answer.json()["problems"]]


def test_the_samples_offered_are_those_of_the_event_first(olga: Client, world: World) -> None:
    company = world.connector.company
    wanted = admin_world.event(company, 1, event_type="FN_WO_DONE")
    other = admin_world.event(company, 2)
    admin_world.event(admin_world.company("Other Co"), 3, event_type="FN_WO_DONE")
    found = act(olga, world.connector, "test_samples", event_type="FN_WO_DONE").json()["recent"]
    assert [one["id"] for one in found] == [str(wanted.pk), str(other.pk)]


# --- for real ---------------------------------------------------------------------------------------------------------


def test_it_is_sent_for_this_trigger_alone_and_followed(olga: Client, world: World) -> None:
    to, trigger = world.connector, saved(world.connector)
    EventTrigger.objects.create(connector=to, event_type=trigger.event_type, position=1)
    found = run(olga, to, entry(trigger))
    assert (found["may_send"], found["can_send"]) == (True, True)
    sent = act(olga, to, "test_send", trigger=entry(trigger), source=SAMPLE).json()
    stored = Event.objects.get()
    assert (str(stored.pk), stored.door, stored.trace) == (sent["event"], "operator", {"test": True, "user": "olga"})
    assert "Sent a test of FN_WO_SCHEDULE_UPDATED" in LogEntry.objects.get().change_message
    first = act(olga, to, "test_follow", event=sent["event"]).json()
    assert ([one["state"] for one in first["deliveries"]], first["ended"]) == (["Pending"], False)
    assert first["log"] == reverse("admin:events_delivery_change", args=[Delivery.objects.get().pk])
    world.deliver()
    last = act(olga, to, "test_follow", event=sent["event"]).json()
    assert last["ended"] is True
    [delivery] = last["deliveries"]
    assert (delivery["state"], delivery["kind"]) == ("Succeeded", "success")
    assert delivery["sentence"].endswith("was created.")
    assert len(world.calls("POST", "/api/tickets")) == 1


def test_what_the_filter_leaves_out_is_followed_to_its_reason(olga: Client, world: World) -> None:
    to, trigger = world.connector, saved(world.connector)
    trigger.filters = {"conditions": [{"field": "id", "op": "less", "value": 5}]}
    trigger.save()
    sent = act(olga, to, "test_send", trigger=entry(trigger), source=SAMPLE).json()
    told = act(olga, to, "test_follow", event=sent["event"]).json()
    assert (told["deliveries"], told["ended"]) == ([], True)
    assert told["log"] == f"{reverse('admin:synclog_synclog_changelist')}?q={sent['event']}"
    assert "id is 9000001; asked for: less 5" in told["decisions"][0]


@pytest.mark.parametrize("changes", [{"on_failure": "stop"}, {"id": None}, {"id": "1"}, {"filters": {"match": "any"}}])
def test_what_is_not_saved_is_not_sent(olga: Client, world: World, changes: Any) -> None:
    posted = entry(saved(world.connector), **changes)
    answer = act(olga, world.connector, "test_send", trigger=posted, source=SAMPLE)
    assert answer.status_code == 422
    assert "Only what is saved" in answer.json()["problems"][0]["sentence"]
    nothing_was_done(world)


def test_an_event_that_is_not_ticked_is_not_sent(olga: Client, world: World) -> None:
    trigger = saved(world.connector)
    EventTrigger.objects.filter(pk=trigger.pk).update(is_enabled=False)
    trigger.refresh_from_db()
    assert act(olga, world.connector, "test_send", trigger=entry(trigger), source=SAMPLE).status_code == 422
    nothing_was_done(world)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("test_samples", ["events.change_eventtrigger"]),
        ("test_run", ["events.view_event"]),
        ("test_send", ["events.change_eventtrigger"]),
        ("test_follow", ["events.view_event"]),
    ],
)
def test_each_act_asks_for_its_permission(world: World, name: str, held: list[str]) -> None:
    browser = staff("connectors.view_connector", "events.view_eventtrigger", *held)
    posted = entry(saved(world.connector))
    assert act(browser, world.connector, name, trigger=posted, source=SAMPLE).status_code == 403
    nothing_was_done(world)


def test_who_may_not_change_connectors_may_try_but_not_send(world: World) -> None:
    browser = staff("connectors.view_connector", "events.view_eventtrigger", "events.change_eventtrigger")
    found = run(browser, world.connector)
    assert (found["may_send"], found["can_send"], len(found["requests"])) == (False, False, 1)


def test_who_may_not_see_events_may_not_try_one_that_came(world: World) -> None:
    browser = staff("connectors.view_connector", "events.view_eventtrigger", "events.change_eventtrigger")
    known = admin_world.event(world.connector.company, payload=event())
    source = {"kind": "recent", "id": str(known.pk)}
    answer = act(browser, world.connector, "test_run", trigger=entry(saved(world.connector)), source=source)
    assert answer.status_code == 422
    assert "not there any more" in answer.json()["problems"][0]["sentence"]


def test_a_system_that_does_not_answer_is_told(olga: Client, world: World) -> None:
    linked(world)
    world.fault("help_desk", method="GET", path="/api/tickets/*", status=503, body={"error": {"message": "Closed."}})
    found = run(olga, world.connector, read=True)
    assert found["failure"]
    assert found["requests"] == []


def test_the_version_is_left_alone(olga: Client, world: World) -> None:
    number = versions.publish(world.connector.pk)
    run(olga, world.connector, entry(saved(world.connector), filters={"conditions": []}))
    assert versions.publish(world.connector.pk) == number
