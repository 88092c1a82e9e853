"""The dead-letter desk, and acts on all deliveries of a filter."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connectors.models import Connector
from events import dead_letters, jobs
from events.models import Delivery, Job
from events.selection import Selection
from events.states import State

from . import world
from .conftest import staff
from .test_delivery_pages import told

pytestmark = pytest.mark.django_db

LIST = "admin:events_delivery_changelist"
DESK = "admin:events_delivery_dead_letters"
CONFLICT = {
    "fields": [
        {"target": "status", "base": "open", "field_nation": "assigned", "external": "on hold"},
        {"target": "priority", "base": 3, "field_nation": 1, "external": None},
    ]
}


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


def refused(to: Connector, number: int, field: str, **more: Any) -> Delivery:
    sentence = f"Given up: Help Desk refused record TCK-{number}: “{field}” is unknown."
    return world.delivery(
        to, State.DEAD, work_order_id=number, **{"reason": "validation", "sentence": sentence, **more}
    )


def causes() -> list[tuple[str, str, str, int, str]]:
    return [
        (cause.connector, cause.state, cause.reason, cause.count, cause.sentence)
        for cause in dead_letters.desk().causes
    ]


# --- the desk ------------------------------------------------------------------------------------------------------


def test_deliveries_that_failed_alike_are_one_cause(to: Connector) -> None:
    refused(to, 1, "site")
    newest = refused(to, 22, "zip code")
    refused(to, 3, "site", reason="rejected")
    world.delivery(to, State.WAITING, work_order_id=4, reason="waiting_auth", sentence="Waits for you: 401.")
    refused(world.connector(to.company, "Depot"), 5, "site")
    world.delivery(to, State.SUCCEEDED, work_order_id=6)

    same = "Given up: Help Desk refused record …: “…” is unknown."
    assert sorted(causes()) == sorted([
        ("Help Desk", "Dead letter", "validation", 2, same),
        ("Help Desk", "Dead letter", "rejected", 1, same),
        ("Help Desk", "Waiting", "waiting_auth", 1, "Waits for you: …."),
        ("Depot", "Dead letter", "validation", 1, same),
    ])  # fmt: skip
    first = dead_letters.desk().causes[0]
    assert (first.count, first.example) == (2, newest)
    assert (first.oldest, first.newest) == tuple(
        Delivery.objects.filter(work_order_id__in=[1, 22]).order_by("seq").values_list("created_at", flat=True)
    )


@pytest.mark.parametrize(
    ("sentence", "cause"),
    [
        ("Record 17 is gone.", "Record … is gone."),
        ("Record TCK-17, of 2026-06-28T19:05:41Z.", "Record …, of …."),
        ("GET https://help.example.test/api/12?x=3 failed.", "GET … failed."),
        ("“a”, “b”, “c” are needed.", "“…” are needed."),
        ("'a' and \"b\" are needed.", "“…” and “…” are needed."),
        ("It's bad, isn't it?", "It's bad, isn't it?"),
        ("Given up after 8 attempts: busy.", "Given up after … attempts: busy."),
        ("", ""),
    ],
)
def test_a_cause_has_no_numbers_ids_and_quoted_text(to: Connector, sentence: str, cause: str) -> None:
    world.delivery(to, State.DEAD, reason="validation", sentence=sentence)

    assert [row[-1] for row in causes()] == [cause]


def test_every_reason_has_advice_that_is_a_sentence() -> None:
    assert {"validation", "waiting_conflict", "waiting_outcome_unknown"} <= dead_letters.ADVICE.keys()
    assert [text for text in (*dead_letters.ADVICE.values(), dead_letters.OTHERWISE) if not text.endswith(".")] == []


def test_only_the_newest_are_read_and_it_says_so(
    browser: Client, to: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "READ", 2)
    monkeypatch.setattr("events.desk_admin.READ", 2)
    refused(to, 1, "site", reason="not_found")
    world.delivery(to, State.WAITING, work_order_id=2, reason="waiting_auth")

    assert dead_letters.desk().is_capped is False
    for number in (3, 4):
        refused(to, number, "site")

    assert dead_letters.desk().is_capped is True
    assert sorted(row[2:4] for row in causes()) == [("validation", 2), ("waiting_auth", 1)]
    assert "Only the newest 2 dead letters" in browser.get(reverse(DESK)).content.decode()


def test_the_desk_says_what_to_do_and_leads_to_the_rows(browser: Client, to: Connector) -> None:
    for number in (1, 2):
        refused(to, number, "site")
    refused(to, 3, "site", reason="not_found")

    text = browser.get(reverse(DESK)).content.decode()

    assert "Correct the field mapping, or edit the payload of one, then retry." in text
    assert "Given up, or waiting for a person: 3 deliveries, grouped" in text
    (address,) = [link for link in re.findall(r'href="([^"]+\?[^"]+)"', text) if link.startswith(reverse(LIST) + "?")
                  and "validation" in link]  # fmt: skip
    rows = browser.get(address.replace("&amp;", "&")).context["cl"].result_list
    assert sorted(row.work_order_id for row in rows) == [1, 2]


def test_an_empty_desk_says_so(browser: Client, to: Connector) -> None:
    assert "Nothing is dead and nothing waits for a person." in browser.get(reverse(DESK)).content.decode()


def test_the_desk_costs_the_same_for_1_cause_and_for_30(browser: Client, to: Connector) -> None:
    refused(to, 1, "site")
    browser.get(reverse(DESK))
    with CaptureQueriesContext(connection) as one:
        browser.get(reverse(DESK))
    for number in range(29):
        refused(world.connector(to.company, f"C{number}"), number + 2, "site")
    with CaptureQueriesContext(connection) as many:
        browser.get(reverse(DESK))
    assert len(many) == len(one) <= 7


def cause_address(name: str, delivery: Delivery) -> str:
    (cause,) = [found for found in dead_letters.desk().causes if found.reason == delivery.reason]
    query = "&".join(f"{key}={value}" for key, value in cause.selection.query().items())
    return f"{reverse(f'admin:events_delivery_{name}_cause')}?{query}"


def test_retry_all_of_a_cause_asks_and_makes_a_job(browser: Client, to: Connector) -> None:
    for number in (1, 2):
        refused(to, number, "site", version=3)
    other = refused(to, 3, "site", reason="not_found")
    address = cause_address("retry", Delivery.objects.filter(reason="validation")[0])

    question = browser.get(address).content.decode()
    assert "2 deliveries of this cause." in question
    assert not Job.objects.exists()

    answer = browser.post(address, {"version": "old", "per_minute": "60"}, follow=True)

    assert answer.redirect_chain == [(reverse(DESK), 302)]
    job = Job.objects.get()
    assert told(answer) == [
        f'The job has begun: <a class="text-link" href="{reverse("admin:events_job_change", args=[job.pk])}">'
        "Retry deliveries (2)</a>."
    ]
    assert (job.kind, job.user, job.total, job.per_minute, job.connector, job.company) == (
        "retry", "olga", 2, 60, to, to.company,
    )  # fmt: skip
    found = LogEntry.objects.values_list("object_id", "content_type__model", "user__username")
    assert list(found) == [(str(job.pk), "job", "olga")]
    jobs.run_due(seconds=60)
    assert dict(Delivery.objects.values_list("work_order_id", "state")) == {1: "pending", 2: "pending", 3: "dead"}
    assert set(Delivery.objects.exclude(pk=other.pk).values_list("version", "forced")) == {(3, True)}


def test_discard_all_of_a_cause_needs_a_reason(browser: Client, to: Connector) -> None:
    delivery = refused(to, 1, "site")
    address = cause_address("discard", delivery)

    assert "This field is required." in browser.post(address, {"reason": " "}).content.decode()
    assert not Job.objects.exists()

    browser.post(address, {"reason": "Old"})
    jobs.run_due(seconds=60)

    delivery.refresh_from_db()
    assert (delivery.state, delivery.sentence) == ("skipped", "olga discarded this delivery (Old).")


def test_what_needs_a_decision_each_offers_no_retry_of_all(browser: Client, to: Connector) -> None:
    world.delivery(to, State.WAITING, work_order_id=1, reason="waiting_conflict", conflict=CONFLICT)
    world.delivery(to, State.WAITING, work_order_id=2, reason="waiting_outcome_unknown")

    text = browser.get(reverse(DESK)).content.decode()

    assert text.count(reverse("admin:events_delivery_discard_cause")) == 2
    assert reverse("admin:events_delivery_retry_cause") not in text


@pytest.mark.parametrize("query", ["", "?cause=", "?reason=validation", "?cause=x&state__gt=a"])
@pytest.mark.parametrize("name", ["retry", "discard"])
def test_an_act_without_a_cause_is_refused(browser: Client, to: Connector, name: str, query: str) -> None:
    refused(to, 1, "site")

    answer = browser.post(reverse(f"admin:events_delivery_{name}_cause") + query, {"reason": "x"})

    assert answer.status_code == 400
    assert not Job.objects.exists()


def test_the_desk_needs_the_right_to_see_and_its_acts_the_right_to_change(to: Connector) -> None:
    delivery = refused(to, 1, "site")
    reader, nobody = staff("events.view_delivery"), staff()

    assert nobody.get(reverse(DESK)).status_code == 403
    shown = reader.get(reverse(DESK))
    assert shown.status_code == 200
    assert "Help Desk · validation" in shown.content.decode()
    for name in ("retry", "discard"):
        address = cause_address(name, delivery)
        assert reverse(f"admin:events_delivery_{name}_cause") not in shown.content.decode()
        assert reader.get(address).status_code == 403
        assert reader.post(address, {"reason": "x"}).status_code == 403
    assert not Job.objects.exists()
    assert not LogEntry.objects.exists()


# --- a whole filter of the list ------------------------------------------------------------------------------------


def all_of(browser: Client, query: str, **form: str) -> Any:
    first = Delivery.objects.values_list("pk", flat=True)[0]
    return browser.post(
        f"{reverse(LIST)}?{query}", {"_selected_action": [str(first)], "select_across": "1", **form}, follow=True
    )


def test_a_retry_of_a_whole_filter_is_a_job(browser: Client, to: Connector) -> None:
    for number in (1, 2):
        refused(to, number, "site", version=3)
    world.delivery(to, State.WAITING, work_order_id=9, reason="waiting_auth")

    question = all_of(browser, "state__exact=dead", action="retry_selected")
    assert "2 of the deliveries chosen wait for a person or are dead letters." in question.content.decode()
    assert not Job.objects.exists()
    all_of(browser, "state__exact=dead", action="retry_selected", answered="yes", per_minute="30")

    job = Job.objects.get()
    assert (job.kind, job.total, job.per_minute, job.parameters["selection"], job.parameters["version"]) == (
        "retry", 2, 30, {"state": "dead"}, "current",
    )  # fmt: skip
    assert Delivery.objects.filter(state="pending").count() == 0
    jobs.run_due(seconds=60)
    assert dict(Delivery.objects.values_list("work_order_id", "state"))[9] == "waiting"


def test_a_search_chooses_few_and_acts_at_once(browser: Client, to: Connector) -> None:
    for number in (1, 2):
        refused(to, number, "site")

    answer = all_of(browser, "q=2", action="retry_selected", answered="yes")

    assert told(answer) == ["Retried: 1 delivery."]
    assert dict(Delivery.objects.values_list("work_order_id", "state")) == {1: "dead", 2: "pending"}
    assert not Job.objects.exists()


def test_a_filter_in_which_nothing_waits_makes_no_job(browser: Client, to: Connector) -> None:
    world.delivery(to, State.SUCCEEDED)

    answer = all_of(browser, "state__exact=succeeded", action="discard_selected", answered="yes", reason="x")

    assert told(answer) == ["None of the deliveries chosen waits for a person."]
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("query", "selection"),
    [
        ({}, Selection()),
        ({"p": "2", "state__exact": "dead", "reason": ""}, Selection(state="dead")),
        (
            {"connector__id__exact": "7", "direction__exact": "inbound", "reason": "x", "cause": "y"},
            Selection(connector_id=7, direction="inbound", reason="x", cause="y"),
        ),
        ({"connector__id__exact": "seven"}, None),
        ({"q": "1001"}, None),
        ({"state__exact": "dead", "attempts__gt": "3"}, None),
    ],
)
def test_a_filter_that_cannot_be_said_is_no_selection(query: dict[str, str], selection: Selection | None) -> None:
    found = Selection.of_query(query)

    assert found == selection
    if found:
        assert Selection.of_query(found.query()) == found
        assert Selection(**found.plain()) == found
