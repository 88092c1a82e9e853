"""The timeline of a delivery, from real exchanges with the simulators."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from events import replay
from events.models import Delivery, Event, EventTrigger
from events.states import State
from events.timeline.build import timeline
from events.timeline.entry import Entry, Folded
from mappings.models import RecordLink
from synclog.evidence import Call
from synclog.models import ApiCall, SyncLog
from tests.admin import world as rows
from tests.admin.conftest import staff
from tests.flows.conftest import World, event

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


def page(delivery: Delivery) -> str:
    return reverse("admin:events_delivery_change", args=[delivery.pk])


def entries(delivery: Delivery) -> list[Entry]:
    user = User(is_active=True, is_superuser=True)
    return list(timeline(Delivery.objects.select_related("event").get(pk=delivery.pk), user).entries)


def titles(delivery: Delivery) -> list[str]:
    return [entry.title for entry in entries(delivery)]


def facts(entry: Entry) -> dict[str, str]:
    return {name: re.sub(r"<.*?>", "", str(value)) for name, value in entry.facts}


def table(entry: Entry) -> list[list[Any]]:
    """The rows of the mapping of an attempt."""
    part = next(part for part in entry.parts if isinstance(part, Folded) and part.title.startswith("Mapped"))
    return [list(row) for row in part.content.rows]  # type: ignore[attr-defined]


def calls(entry: Entry) -> list[ApiCall]:
    return [part.call for part in entry.parts if isinstance(part, Call)]


def test_a_create_is_told_from_the_event_to_the_answer(world: World, browser: Client) -> None:
    EventTrigger.objects.update(
        filters={"match": "all", "conditions": [{"field": "title", "op": "contains", "value": "Replace"}]}
    )
    world.post(event(title="Replace the router"))
    world.deliver()
    delivery = Delivery.objects.get(state="succeeded")

    received, matched, attempt = entries(delivery)

    assert (received.title, matched.title, attempt.title) == ("Received", "Matched", "Attempt 1")
    assert facts(received)["Door"] == "POST /events/"
    assert "Replace the router" in browser.get(page(delivery)).content.decode()
    assert matched.sentence == (
        'The filter lets it through: title is "Replace the router"; asked for: contains "Replace".'
    )
    assert facts(matched)["Event trigger"].startswith("FN_WO_")
    assert (attempt.label, facts(attempt)["Decision"]) == ("Succeeded", "created")
    mapped = {row[4]: row for row in table(attempt)}
    assert mapped["subject"][0] == "title"
    assert (mapped["subject"][1], mapped["subject"][3]) == ("Replace the router", "Replace the router")
    assert [call.method for call in calls(attempt)][-1] == "POST"
    assert all(call.status and call.duration_ms > 0 for call in calls(attempt))


def test_a_page_has_a_curl_line_without_the_secret(world: World, browser: Client) -> None:
    world.post(event())
    world.deliver()
    text = browser.get(page(Delivery.objects.get())).content.decode()

    assert "data-copy=" in text
    assert "curl -X POST" in text
    assert "Put your own credentials in place of [redacted]." in text
    secrets = [*world.connector.secrets.values(), world.connector.company.client_secret, world.connector.trigger_token]
    assert [secret for secret in secrets if secret and secret in text] == []


def test_retries_past_and_planned_are_told(world: World) -> None:
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, status=503)
    world.post(event())
    world.deliver()
    delivery = Delivery.objects.get()
    assert delivery.state == "retrying"

    last = entries(delivery)[-1]
    assert (last.title, last.is_planned, last.at) == ("Attempt 2 is planned", True, delivery.next_attempt_at)
    assert [call.status for call in calls(entries(delivery)[2])][-1] == 503

    Delivery.objects.update(next_attempt_at=timezone.now())
    replay.retry([delivery.pk], user="olga", also_planned=True)
    world.deliver()

    told = entries(delivery)
    assert [entry.title for entry in told] == ["Received", "Matched", "Attempt 1", "Retried by a person", "Attempt 1"]
    assert facts(told[3])["By"] == "olga"
    assert "Before: retrying." in told[3].parts[0].text  # type: ignore[attr-defined]
    assert told[4].label == "Succeeded"


def test_a_dead_letter_says_what_to_do(world: World) -> None:
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, status=422)
    world.post(event())
    world.deliver()

    *_, attempt, last = entries(Delivery.objects.get())
    assert (attempt.label, attempt.kind) == ("Dead letter", "danger")
    assert (last.title, last.sentence) == (
        "Given up", "It is not tried again by itself. Retry or discard it with the buttons on top.",
    )  # fmt: skip


def test_an_inbound_delivery_tells_the_trigger_and_the_work_order(world: World) -> None:
    number = world.person_creates_ticket(subject="Printer jams")
    world.trigger(number)
    world.deliver()

    _, matched, attempt = entries(Delivery.objects.get())
    assert matched.sentence == f"The trigger URL named record {number}; it is read when its turn comes."
    assert facts(attempt)["Decision"] == "work order created"
    assert [row[3] for row in table(attempt) if row[0] == "subject"] == ["Printer jams"]
    assert {call.method for call in calls(attempt)} >= {"GET", "POST"}


def test_what_one_carries_and_who_carries_it(db: Any) -> None:
    to = rows.connector(rows.company())
    newer = rows.delivery(to, State.SUCCEEDED)
    older = rows.delivery(to, State.SUPERSEDED, superseded_by=newer.pk, sentence="A newer one carries it.")

    assert titles(newer)[2:] == ["Carries an earlier delivery"]
    assert str(older.pk) in str(entries(newer)[2].facts)
    assert titles(older)[2:] == ["Carried by a later delivery"]
    assert str(newer.pk) in str(entries(older)[2].facts)


@pytest.mark.parametrize(
    ("state", "title"),
    [
        (State.PENDING, "Waits for its turn"),
        (State.IN_FLIGHT, "A worker is at it"),
        (State.WAITING, "Waits for a person"),
        (State.DEAD, "Given up"),
        (State.SUCCEEDED, "Matched"),
        (State.SKIPPED, "Matched"),
    ],
)
def test_the_last_entry_is_what_is_still_to_come(db: Any, state: State, title: str) -> None:
    assert titles(rows.delivery(rows.connector(rows.company()), state))[-1] == title


def test_what_was_removed_after_its_time_is_said(db: Any, browser: Client) -> None:
    delivery = rows.delivery(rows.connector(rows.company()), State.SUCCEEDED)
    call = rows.call(rows.log(delivery))
    Event.objects.update(payload={})
    ApiCall.objects.update(request_headers={}, request_body="", response_headers={}, response_body="")

    text = browser.get(page(delivery)).content.decode()

    assert "The payload was removed: it is older than the installation keeps payloads." in text
    assert "Headers and bodies are not kept." in text
    assert call.url in text


def test_what_strangers_wrote_is_shown_and_not_run(db: Any, browser: Client) -> None:
    delivery = rows.delivery(rows.connector(rows.company()), State.DEAD)
    rows.call(
        rows.log(delivery, sentence="<script>alert(1)</script>"), response_body='"<img src=x>', url="https://x/'\"<i>"
    )
    text = browser.get(page(delivery)).content.decode()
    assert "<script>alert(1)" not in text
    assert "<img src=x>" not in text
    assert "<i>" not in text


def test_what_happened_stands_above_the_fields(db: Any, browser: Client) -> None:
    delivery = rows.delivery(rows.connector(rows.company()), State.SUCCEEDED)
    log = rows.log(delivery, details={"version": 4, "mapped": [{"target": "subject", "action": "sync", "source": "A"}]})
    call = rows.call(log)
    pages = {
        page(delivery): ("Timeline", "All fields of this delivery"),
        reverse("admin:events_event_change", args=[delivery.event_id]): (
            "What became of it",
            "All fields of this event",
        ),
        reverse("admin:synclog_synclog_change", args=[log.pk]): (call.url, "All fields of this entry"),
    }
    for address, (told, fields) in pages.items():
        text = browser.get(address).content.decode()
        assert (address, 0 < text.index(told) < text.index(fields)) == (address, True)


def test_a_log_copies_its_call_and_names_each_cell_for_a_phone(db: Any, browser: Client) -> None:
    log = rows.log(rows.delivery(rows.connector(rows.company()), State.SUCCEEDED), details={"version": 4})
    rows.call(log)
    text = browser.get(reverse("admin:synclog_synclog_change", args=[log.pk])).content.decode()
    assert "broker/timeline.js" in text
    assert "data-copy=" in text
    assert '<td role="cell" data-label="Configuration">version 4</td>' in text
    assert '<td role="cell" data-label="Event" class="is-nothing">-</td>' in text


def test_the_page_costs_the_same_for_one_log_and_for_many(db: Any, browser: Client) -> None:
    to = rows.connector(rows.company())
    trigger = EventTrigger.objects.create(connector=to, event_type="FN_WO_ASSIGNED")
    delivery = rows.delivery(to, State.WAITING, trigger=trigger, external_id="T-1")

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert browser.get(page(delivery)).status_code == 200
        return len(found)

    rows.call(rows.log(delivery))
    queries()
    before = queries()
    for number in range(40):
        log = rows.log(delivery)
        rows.call(log)
        SyncLog.objects.filter(pk=log.pk).update(created_at=timezone.now() + timedelta(seconds=number))
        rows.delivery(to, State.SUPERSEDED, superseded_by=delivery.pk, event=delivery.event)
    assert queries() == before


def test_the_newest_of_very_many_logs_are_shown_oldest_first(
    db: Any, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.timeline.attempts.MOST_LOGS", 3)
    delivery = rows.delivery(rows.connector(rows.company()), State.SUCCEEDED)
    for number in range(5):
        log = rows.log(delivery, attempt=number + 1)
        SyncLog.objects.filter(pk=log.pk).update(created_at=timezone.now() + timedelta(seconds=number))

    assert titles(delivery)[2:] == ["Attempt 3", "Attempt 4", "Attempt 5"]
    text = browser.get(page(delivery)).content.decode()
    assert f"{reverse('admin:synclog_synclog_changelist')}?q={delivery.pk}" in text


# --- Test again -------------------------------------------------------------------------------------------------------


def again(delivery: Delivery) -> str:
    return reverse("admin:events_delivery_act", args=[delivery.pk, "test_again"])


def test_test_again_tries_the_present_configuration_and_sends_nothing(world: World, browser: Client) -> None:
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, status=422)
    world.post(event(title="Replace the router"))
    world.deliver()
    delivery = Delivery.objects.get()
    logs, asked = SyncLog.objects.count(), len(world.calls("POST", "/api/tickets"))

    answer = browser.post(again(delivery))

    assert answer.status_code == 200
    assert answer.context["banner"].label == "Would pass"
    text = answer.content.decode()
    assert "Would be sent: POST" in text
    assert "Replace the router" in text
    assert (SyncLog.objects.count(), len(world.calls("POST", "/api/tickets"))) == (logs, asked)
    delivery.refresh_from_db()
    assert delivery.state == "dead"
    assert not RecordLink.objects.filter(external_id__isnull=False).exists()


def test_test_again_says_that_a_filter_would_leave_it_out_now(world: World, browser: Client) -> None:
    world.post(event(title="Replace the router"))
    world.deliver()
    EventTrigger.objects.update(
        filters={"match": "all", "conditions": [{"field": "title", "op": "equals", "value": "Other"}]}
    )
    banner = browser.post(again(Delivery.objects.get())).context["banner"]
    assert banner.label == "Filtered out"
    assert banner.sentence.startswith("It would not be sent at all: title is")


def test_test_again_says_that_its_trigger_is_gone(world: World, browser: Client) -> None:
    world.post(event(title="Replace the router"))
    world.deliver()
    EventTrigger.objects.all().delete()
    answer = browser.post(again(Delivery.objects.get()))
    assert (answer.context["banner"].label, answer.context["banner"].sentence) == (
        "Would be skipped",
        "Nothing would be sent: the event trigger that asked for it was removed before its turn came.",
    )


def test_test_again_is_for_those_who_may_act_and_where_there_is_something_to_try(db: Any, browser: Client) -> None:
    to = rows.connector(rows.company())
    delivery = rows.delivery(to, State.DEAD)
    inbound = rows.delivery(to, State.DEAD, direction="inbound", action="sync", work_order_id=None)
    assert staff("events.view_delivery").post(again(delivery)).status_code == 403
    assert browser.get(again(delivery)).status_code == 405
    assert browser.post(again(inbound)).status_code == 302
