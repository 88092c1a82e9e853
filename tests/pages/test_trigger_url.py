"""The Trigger URL page: addresses, a new token with an overlap, the last calls, and "sync this record now"."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connectors.models import Connector
from events.models import Delivery, Event, Job
from events.states import State
from mappings.models import RecordLink
from synclog.audit_models import AuditEntry
from synclog.models import SyncLog
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
    return world.connector(world.company())


def page(to: Connector) -> str:
    return reverse("admin:connectors_connector_trigger", args=[to.pk])


def post(browser: Client, to: Connector, act: str, **data: Any) -> Any:
    return browser.post(f"{page(to)}{act}/", json.dumps(data), content_type="application/json")


def state(browser: Client, to: Connector) -> Any:
    return browser.get(page(to)).context["state"]


def call(token: str, body: Any = "", **more: Any) -> int:
    """A call as the external system makes it; its status."""
    url = f"/integrations/trigger/{token}"
    return Client().post(url, body, **{"content_type": "application/json", **more}).status_code


# Addresses


def test_both_addresses_and_a_curl_line_that_a_shell_reads(browser: Client, to: Connector) -> None:
    shown = post(browser, to, "reveal").json()["addresses"]

    assert shown["path"] == f"{settings.PUBLIC_URL}/integrations/trigger/{to.trigger_token}"
    assert shown["query"] == f"{settings.PUBLIC_URL}/v1/broker/inbound?client_token={to.trigger_token}&external_id="
    assert shlex.split(shown["curl"]) == [
        "curl", "-X", "POST", shown["path"], "-H", "Content-Type: application/json", "-d", '{"external_id": "1001"}',
    ]  # fmt: skip
    assert shlex.split(shown["curlQuery"]) == ["curl", "-X", "POST", f"{shown['query']}1001"]
    assert call(to.trigger_token, shlex.split(shown["curl"])[-1]) == 202


def test_the_page_holds_no_token_until_it_is_revealed_which_the_audit_tells(browser: Client, to: Connector) -> None:
    def page_text() -> str:
        return browser.get(page(to)).content.decode()

    assert to.trigger_token not in page_text()
    assert state(browser, to)["addresses"]["path"] == f"{settings.PUBLIC_URL}/integrations/trigger/••••••••"
    assert not AuditEntry.objects.exists()
    assert browser.get(f"{page(to)}reveal/").status_code == 405
    assert not AuditEntry.objects.exists()

    answer = post(browser, to, "reveal")

    assert answer.json()["addresses"]["path"].endswith(f"/{to.trigger_token}")
    assert answer.json()["isShown"] is True
    entry = AuditEntry.objects.get()
    assert (entry.user.get_username(), entry.object_id, entry.change_message) == (
        "olga", str(to.pk), "Revealed the trigger URL with its token.",
    )  # fmt: skip
    assert to.trigger_token not in page_text()
    found = browser.get(reverse("admin:synclog_auditentry_changelist"), {"kind": "revealed"})
    assert "Revealed the trigger URL with its token." in found.content.decode()
    post(browser, to, "reveal")
    assert AuditEntry.objects.count() == 2


def test_a_reader_sees_no_token_and_changes_nothing(to: Connector) -> None:
    reader = staff("connectors.view_connector")

    text = reader.get(page(to)).content.decode()

    assert to.trigger_token not in text
    assert "only to people who may change" in text
    for act in ("reveal", "renew", "end-old", "sync", "follow"):
        assert post(reader, to, act, external_id="1").status_code == 403
    assert post(reader, to, "calls").status_code == 200
    assert not Event.objects.exists()
    assert Connector.objects.get().trigger_token == to.trigger_token


# A new token


def test_the_old_token_works_for_a_day_after_a_renewal(browser: Client, to: Connector) -> None:
    old = to.trigger_token
    answer = post(browser, to, "renew").json()
    new = Connector.objects.get().trigger_token

    assert new != old
    assert (answer["addresses"]["path"].endswith(f"/{new}"), answer["isShown"]) == (True, True)
    assert answer["oldToken"]["left"] == "24 h 0 min"
    assert [call(token, '{"id": 1}') for token in (new, old)] == [202, 202]
    assert [event.trace.get("old_token") for event in Event.objects.order_by("received_at")] == [None, True]
    with time_machine.travel(timezone.now() + timedelta(hours=24, minutes=1)):
        assert [call(token, '{"id": 1}') for token in (new, old)] == [202, 401]
        assert state(browser, to)["oldToken"] is None
    assert LogEntry.objects.get().change_message == "Renewed the trigger token; the old one works for 24 hours more."
    assert old not in LogEntry.objects.get().change_message


def test_the_old_token_can_be_ended_at_once(browser: Client, to: Connector) -> None:
    old = to.trigger_token
    post(browser, to, "renew")

    assert post(browser, to, "end-old").json() == {"oldToken": None}  # it shows no token

    assert [call(token, '{"id": 1}') for token in (old, Connector.objects.get().trigger_token)] == [401, 202]
    assert LogEntry.objects.filter(change_message="Ended the old trigger token.").count() == 1
    post(browser, to, "end-old")
    assert LogEntry.objects.count() == 2


def test_a_second_renewal_ends_the_oldest_token(browser: Client, to: Connector) -> None:
    first = to.trigger_token
    post(browser, to, "renew")
    second = Connector.objects.get().trigger_token
    post(browser, to, "renew")

    assert [call(token, '{"id": 1}') for token in (first, second)] == [401, 202]


def test_a_new_connector_has_no_token_before(to: Connector) -> None:
    assert (to.previous_token_hash, to.previous_token_until, to.takes_previous_token) == ("", None, False)
    assert call("") == 404
    assert Client().post("/v1/broker/inbound?external_id=1").status_code == 401


def test_no_token_of_a_company_that_is_switched_off_works(browser: Client, to: Connector) -> None:
    old = to.trigger_token
    post(browser, to, "renew")
    to.company.is_active = False
    to.company.save()

    assert [call(token, '{"id": 1}') for token in (old, Connector.objects.get().trigger_token)] == [401, 401]


# The last calls


def test_accepted_merged_and_refused_calls_are_listed_with_their_source(browser: Client, to: Connector) -> None:
    token = to.trigger_token
    for body in ('{"id": "T-1"}', '{"id": "T-1"}', "{}"):
        call(token, body, REMOTE_ADDR="198.51.100.7")
    call(token, "x", content_type="text/strange", REMOTE_ADDR="198.51.100.8")
    call("unknown", "{}")

    shown = state(browser, to)["calls"]

    assert [(row["answer"], row["record"], row["source"]) for row in shown] == [
        ("Refused", "", "198.51.100.8"),
        ("Refused", "", "198.51.100.7"),
        ("Merged", "T-1", "198.51.100.7"),
        ("Accepted", "T-1", "198.51.100.7"),
    ]
    assert shown[1]["sentence"].startswith("No record id was found.")
    assert shown[0]["sentence"].startswith("Bodies of type text/strange are not read here.")
    assert all(browser.get(row["address"]).status_code == 200 for row in shown)
    assert post(browser, to, "calls").json()["calls"] == shown


def test_links_are_for_those_who_may_follow_them(to: Connector) -> None:
    call(to.trigger_token, '{"id": "T-1"}')
    call(to.trigger_token, "{}")

    assert [row["address"] for row in state(staff("connectors.view_connector"), to)["calls"]] == ["", ""]
    some = staff("connectors.view_connector", "events.view_event")
    assert state(some, to)["calls"][1]["address"] == reverse("admin:events_event_change", args=[Event.objects.get().pk])


def test_an_accepted_call_leads_to_the_timeline_of_its_delivery(browser: Client, to: Connector) -> None:
    call(to.trigger_token, '{"id": "T-1"}')
    call(to.trigger_token, '{"id": "T-1"}')
    merged, accepted = (row["address"] for row in state(browser, to)["calls"])

    delivery = Delivery.objects.get()
    assert accepted == reverse("admin:events_delivery_change", args=[delivery.pk])
    [other] = Event.objects.exclude(pk=delivery.event_id)
    assert merged == reverse("admin:events_event_change", args=[other.pk])


def test_a_flood_of_bad_calls_is_one_row_that_counts(browser: Client, to: Connector) -> None:
    other = world.connector(to.company, "Other")
    with time_machine.travel("2026-07-02T14:03:00Z", tick=False) as clock:
        for _ in range(25):
            assert call(to.trigger_token, "{}") == 400
        call(other.trigger_token, "{}")
        clock.shift(timedelta(minutes=10))
        call(to.trigger_token, "{}")
        shown = state(browser, to)["calls"]

    assert [row["count"] for row in shown] == [1, 25]
    logs = SyncLog.objects.filter(connector=to)
    assert [(log.outcome, log.code, log.direction) for log in logs] == [("refused", "trigger_no_id", "inbound")] * 2
    assert SyncLog.objects.filter(connector=other).count() == 1


def test_a_body_that_is_too_large_is_refused_and_told(browser: Client, to: Connector) -> None:
    assert call(to.trigger_token, "x" * (1024 * 1024 + 1)) == 413

    assert [row["sentence"] for row in state(browser, to)["calls"]] == ["It has more than 1,048,576 bytes."]


def test_what_a_refused_call_held_is_kept_nowhere(to: Connector) -> None:
    call(to.trigger_token, '{"secret": "held-in-the-body"}')

    log = SyncLog.objects.get()
    assert "held-in-the-body" not in str([log.details, log.sentence])
    assert to.trigger_token not in str([log.details, log.sentence])


def test_refusals_of_yesterday_are_not_shown(browser: Client, to: Connector) -> None:
    with time_machine.travel(timezone.now() - timedelta(hours=25)):
        call(to.trigger_token, "{}")

    assert state(browser, to)["calls"] == []


def test_the_page_costs_the_same_for_one_call_and_for_many(browser: Client, to: Connector) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            browser.get(page(to))
        return len(found)

    call(to.trigger_token, '{"id": "T-0"}')
    browser.get(page(to))
    before = queries()
    for number in range(30):
        call(to.trigger_token, json.dumps({"id": f"T-{number}"}))
        call(to.trigger_token, "{}")

    assert queries() == before
    assert len(state(browser, to)["calls"]) == 20


# Sync now


def test_one_record_is_synced_and_followed(browser: Client, to: Connector) -> None:
    answer = post(browser, to, "sync", external_id=" T-7 ").json()

    event = Event.objects.get()
    assert (event.external_id, event.door, event.trace) == ("T-7", "operator", {"user": "olga"})
    assert (answer["event"], answer["label"], answer["isOver"]) == (str(event.pk), "Accepted", False)
    Delivery.objects.update(state=State.SUCCEEDED, sentence="Work order 12 was created.", work_order_id=12)
    told = post(browser, to, "follow", event=answer["event"]).json()
    assert (told["label"], told["sentence"], told["isOver"]) == ("Succeeded", "Work order 12 was created.", True)
    assert told["address"] == reverse("admin:events_delivery_change", args=[Delivery.objects.get().pk])
    assert LogEntry.objects.get().change_message == "Asked to sync record T-7 now."
    assert state(browser, to)["calls"] == []  # nobody called


def test_a_record_that_waits_already_is_followed_there(browser: Client, to: Connector) -> None:
    first = post(browser, to, "sync", external_id="T-7").json()

    assert post(browser, to, "sync", external_id="T-7").json()["event"] == first["event"]
    assert Delivery.objects.count() == 1


def test_a_paused_connector_says_that_the_record_waits(browser: Client, to: Connector) -> None:
    Connector.objects.update(status="paused")

    answer = post(browser, to, "sync", external_id="T-7").json()

    assert answer["sentence"] == "It waits: the connector is paused."
    assert answer["isOver"] is True


@pytest.mark.parametrize("given", ["", "  ", 7, None, "x" * 256, "a\nb", "a\x00b"])
def test_an_id_that_cannot_be_is_refused(browser: Client, to: Connector, given: Any) -> None:
    answer = post(browser, to, "sync", external_id=given)

    assert (answer.status_code, answer.json()["problems"][0]["at"]) == (422, "external_id")
    assert not Event.objects.exists()


def test_a_disabled_connector_syncs_nothing(browser: Client, to: Connector) -> None:
    Connector.objects.update(status="disabled")

    answer = post(browser, to, "sync", external_id="T-7")

    assert answer.json()["problems"][0]["sentence"].startswith("The connector is disabled.")
    assert not Event.objects.exists()


def test_only_events_of_this_connector_are_followed(browser: Client, to: Connector) -> None:
    other = world.connector(to.company, "Other")
    event = post(browser, other, "sync", external_id="T-7").json()["event"]

    assert post(browser, to, "follow", event=event).status_code == 422
    assert post(browser, to, "follow", event="nonsense").status_code == 422


# Record links


def links_of(to: Connector) -> tuple[RecordLink, RecordLink]:
    return (
        RecordLink.objects.create(connector=to, work_order_id=11, external_id="T-1"),
        RecordLink.objects.create(connector=to, work_order_id=12),
    )


@pytest.mark.parametrize(
    ("name", "kind", "ids"), [("sync", "resync_records", ["T-1"]), ("resync", "resync_work_orders", [11])]
)
def test_a_link_is_synced_from_its_page(browser: Client, to: Connector, name: str, kind: str, ids: list[Any]) -> None:
    link, _ = links_of(to)
    address = reverse("admin:mappings_recordlink_act", args=[link.pk, f"{name}_one"])

    assert browser.get(address).status_code == 200
    assert not Job.objects.exists()
    browser.post(address)

    job = Job.objects.get()
    assert (job.kind, job.parameters["ids"], job.connector, job.user) == (kind, ids, to, "olga")


@pytest.mark.parametrize(
    ("name", "ids"), [("sync_selected", [["T-1"], ["T-9"]]), ("resync_selected", [[11, 12], [11]])]
)
def test_chosen_links_are_one_job_for_each_connector(
    browser: Client, to: Connector, name: str, ids: list[list[Any]]
) -> None:
    other = world.connector(to.company, "Other")
    chosen = [*links_of(to), RecordLink.objects.create(connector=other, work_order_id=11, external_id="T-9")]
    data = {"action": name, "_selected_action": [link.pk for link in chosen]}
    address = reverse("admin:mappings_recordlink_changelist")

    assert "Record links chosen: 3." in browser.post(address, data).content.decode()
    assert not Job.objects.exists()
    browser.post(address, {**data, "answered": "yes"})

    jobs = Job.objects.order_by("connector_id")
    assert [(job.connector_id, job.parameters["ids"]) for job in jobs] == [(to.pk, ids[0]), (other.pk, ids[1])]


def test_links_of_a_disabled_connector_are_left_out(browser: Client, to: Connector) -> None:
    link, _ = links_of(to)
    Connector.objects.update(status="disabled")

    answer = browser.post(reverse("admin:mappings_recordlink_act", args=[link.pk, "sync_one"]), follow=True)

    assert "is switched off" in answer.content.decode()
    assert not Job.objects.exists()


def test_who_may_not_change_deliveries_syncs_no_link(to: Connector) -> None:
    link, _ = links_of(to)
    editor = staff("mappings.view_recordlink", "mappings.change_recordlink")

    assert editor.post(reverse("admin:mappings_recordlink_act", args=[link.pk, "sync_one"])).status_code == 403
    data = {"action": "sync_selected", "_selected_action": [link.pk], "answered": "yes"}
    editor.post(reverse("admin:mappings_recordlink_changelist"), data)
    assert not Job.objects.exists()
