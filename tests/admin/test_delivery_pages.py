"""Deliveries in the admin: buttons, confirmations, permissions, audit."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from connectors.models import Connector
from events import jobs
from events.models import Delivery
from events.states import State
from mappings.models import RecordLink
from synclog.models import SyncLog

from . import world
from .conftest import staff

pytestmark = pytest.mark.django_db

LIST = "admin:events_delivery_changelist"


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


def page(delivery: Delivery) -> str:
    return reverse("admin:events_delivery_change", args=[delivery.pk])


def act(delivery: Delivery, name: str) -> str:
    return reverse("admin:events_delivery_act", args=[delivery.pk, name])


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def untouched(delivery: Delivery) -> bool:
    before = (delivery.state, delivery.reason, delivery.attempts, delivery.create_again)
    delivery.refresh_from_db()
    now = (delivery.state, delivery.reason, delivery.attempts, delivery.create_again)
    return before == now and not SyncLog.objects.exists() and not LogEntry.objects.exists()


def test_retry_asks_first_and_acts_on_post(browser: Client, to: Connector) -> None:
    delivery = world.delivery(to, State.DEAD, reason="validation")

    question = browser.get(act(delivery, "retry"))
    assert "It gets all its attempts again" in question.content.decode()
    assert untouched(delivery)

    answer = browser.post(act(delivery, "retry"), follow=True)

    assert answer.redirect_chain == [(page(delivery), 302)]
    assert told(answer) == ["Retried: 1 delivery."]
    delivery.refresh_from_db()
    assert delivery.state == "pending"
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.get_change_message(), entry.user.get_username()) == (
        str(delivery.pk), "Retried.", "olga",
    )  # fmt: skip
    assert SyncLog.objects.get().user == "olga"


def test_a_double_click_says_that_there_is_nothing_left_to_do(browser: Client, to: Connector) -> None:
    delivery = world.delivery(to, State.DEAD, reason="validation")
    browser.post(act(delivery, "retry"), follow=True)

    again = browser.post(act(delivery, "retry"), follow=True)

    assert told(again) == ["“Retry” does not apply any more; nothing was changed."]
    assert (SyncLog.objects.count(), LogEntry.objects.count()) == (1, 1)


@pytest.mark.parametrize("name", ["retry", "it_was_created", "it_was_not_created", "discard"])
def test_without_the_right_to_change_nothing_is_offered_and_nothing_done(to: Connector, name: str) -> None:
    delivery = world.delivery(to, State.DEAD, reason="outcome_unknown")
    reader = staff("events.view_delivery")

    assert "/act/" not in reader.get(page(delivery)).content.decode()
    assert reader.get(act(delivery, name)).status_code == 403
    assert reader.post(act(delivery, name), {"reason": "x", "external_id": "TCK-1"}).status_code == 403
    for action in ("retry_selected", "discard_selected"):
        reader.post(
            reverse(LIST), {"action": action, "_selected_action": [delivery.pk], "answered": "yes", "reason": "x"}
        )
    assert untouched(delivery)


def test_the_right_to_change_is_enough(to: Connector) -> None:
    delivery = world.delivery(to, State.WAITING, reason="waiting_auth")
    worker = staff("events.view_delivery", "events.change_delivery")

    assert act(delivery, "retry") in worker.get(page(delivery)).content.decode()
    worker.post(act(delivery, "retry"))

    delivery.refresh_from_db()
    assert delivery.state == "pending"


def test_an_undecided_delivery_offers_the_two_choices_and_no_plain_retry(browser: Client, to: Connector) -> None:
    delivery = world.delivery(to, State.WAITING, reason="waiting_outcome_unknown")

    text = browser.get(page(delivery)).content.decode()

    names = ("retry", "it_was_created", "it_was_not_created", "discard")
    assert [name for name in names if act(delivery, name) in text] == [
        "it_was_created", "it_was_not_created", "discard",
    ]  # fmt: skip
    browser.post(act(delivery, "retry"))
    assert untouched(delivery)


def test_it_was_created_asks_for_the_external_id_and_links(browser: Client, to: Connector) -> None:
    delivery = world.delivery(to, State.WAITING, reason="waiting_outcome_unknown")
    asked = browser.get(act(delivery, "it_was_created")).context["form"]
    assert list(asked.fields) == ["external_id"]

    missing = browser.post(act(delivery, "it_was_created"), {"external_id": ""})
    assert "This field is required." in missing.content.decode()
    assert untouched(delivery)
    assert not RecordLink.objects.exists()

    browser.post(act(delivery, "it_was_created"), {"external_id": "TCK-7"})

    delivery.refresh_from_db()
    assert delivery.state == "pending"
    link = RecordLink.objects.get()
    assert (link.connector, link.work_order_id, link.external_id) == (to, 1001, "TCK-7")


def test_a_refused_link_is_told_on_the_page(browser: Client, to: Connector) -> None:
    delivery = world.delivery(to, State.WAITING, reason="waiting_outcome_unknown")
    RecordLink.objects.create(connector=to, work_order_id=5, external_id="TCK-7")

    answer = browser.post(act(delivery, "it_was_created"), {"external_id": "TCK-7"})

    assert answer.status_code == 200
    assert "Work order 5 and record TCK-7 of this connector are linked already." in answer.content.decode()
    assert untouched(delivery)


def test_it_was_not_created_creates_again(browser: Client, to: Connector) -> None:
    delivery = world.delivery(to, State.WAITING, reason="waiting_outcome_unknown")

    browser.get(act(delivery, "it_was_not_created"))
    assert untouched(delivery)
    browser.post(act(delivery, "it_was_not_created"))

    delivery.refresh_from_db()
    assert (delivery.state, delivery.create_again) == ("pending", True)


def test_discard_needs_a_reason(browser: Client, to: Connector) -> None:
    delivery = world.delivery(to, State.WAITING, reason="waiting_auth")

    assert "This field is required." in browser.post(act(delivery, "discard"), {"reason": " "}).content.decode()
    assert untouched(delivery)

    browser.post(act(delivery, "discard"), {"reason": "Entered by hand"})

    delivery.refresh_from_db()
    assert (delivery.state, delivery.sentence) == ("skipped", "olga discarded this delivery (Entered by hand).")


def test_the_list_retries_what_was_chosen_after_a_question(browser: Client, to: Connector) -> None:
    chosen = [world.delivery(to, State.DEAD, work_order_id=number) for number in (1, 2)]
    undecided = world.delivery(to, State.WAITING, work_order_id=3, reason="waiting_outcome_unknown")
    done = world.delivery(to, State.SUCCEEDED, work_order_id=4)
    other = world.delivery(to, State.DEAD, work_order_id=5)
    form = {"action": "retry_selected", "_selected_action": [str(d.pk) for d in (*chosen, undecided, done)]}

    question = browser.post(reverse(LIST), form)
    assert "3 of the deliveries chosen wait for a person or are dead letters." in question.content.decode()
    assert Delivery.objects.filter(state="pending").count() == 0

    answer = browser.post(reverse(LIST), {**form, **dict(question.context["hidden"]), **form}, follow=True)

    assert told(answer) == [
        "Retried: 2 deliveries.",
        "Left alone: 1 delivery, moved in the meantime or in need of a decision.",
    ]
    states = dict(Delivery.objects.values_list("work_order_id", "state"))
    assert states == {1: "pending", 2: "pending", 3: "waiting", 4: "succeeded", 5: "dead"}
    assert set(LogEntry.objects.values_list("object_id", flat=True)) == {str(d.pk) for d in chosen}
    assert other.pk not in set(SyncLog.objects.values_list("delivery_id", flat=True))


def test_the_list_discards_all_that_the_filter_shows(browser: Client, to: Connector) -> None:
    for number in range(1, 4):
        world.delivery(to, State.DEAD, work_order_id=number)
    world.delivery(to, State.WAITING, work_order_id=9)
    first = Delivery.objects.filter(state="dead").first()
    assert first is not None
    form = {"action": "discard_selected", "_selected_action": [str(first.pk)], "select_across": "1"}
    address = f"{reverse(LIST)}?state__exact=dead"

    browser.post(address, form)
    assert Delivery.objects.filter(state="skipped").count() == 0
    unreasoned = browser.post(address, {**form, "answered": "yes", "reason": ""})
    assert "This field is required." in unreasoned.content.decode()
    browser.post(address, {**form, "answered": "yes", "reason": "Old"})
    assert Delivery.objects.filter(state="skipped").count() == 0
    jobs.run_due(seconds=60)  # a whole filter may be long: a job does it

    assert dict(Delivery.objects.values_list("work_order_id", "state")) == {
        1: "skipped", 2: "skipped", 3: "skipped", 9: "waiting",
    }  # fmt: skip


@pytest.mark.parametrize(
    "model", ["events_event", "events_delivery", "events_lane", "synclog_synclog", "synclog_apicall"]
)
def test_evidence_cannot_be_added_changed_or_deleted(browser: Client, to: Connector, model: str) -> None:
    delivery = world.delivery(to, State.DEAD)
    call = world.call(world.log(delivery))
    key = {
        "events_event": delivery.event_id, "events_delivery": delivery.pk, "synclog_synclog": call.log_id,
        "synclog_apicall": call.pk, "events_lane": world.delivery(to, State.WAITING).pk and 1,
    }[model]  # fmt: skip

    assert browser.get(reverse(f"admin:{model}_add")).status_code == 403
    assert browser.post(reverse(f"admin:{model}_add"), {}).status_code == 403
    if model != "events_lane":
        assert browser.get(reverse(f"admin:{model}_change", args=[key])).status_code == 200
        assert browser.post(reverse(f"admin:{model}_change", args=[key]), {"state": "succeeded"}).status_code == 403
        assert browser.post(reverse(f"admin:{model}_delete", args=[key]), {"post": "yes"}).status_code == 403
    delivery.refresh_from_db()
    assert delivery.state == "dead"


def test_pages_link_event_delivery_log_and_call(browser: Client, to: Connector) -> None:
    delivery = world.delivery(to, State.DEAD, sentence="Given up: subject is needed.")
    log = world.log(delivery)
    call = world.call(log)
    addresses = {
        "event": reverse("admin:events_event_change", args=[delivery.event_id]),
        "delivery": page(delivery),
        "log": reverse("admin:synclog_synclog_change", args=[log.pk]),
        "call": reverse("admin:synclog_apicall_change", args=[call.pk]),
    }
    texts = {name: browser.get(address).content.decode() for name, address in addresses.items()}

    for here, there in [
        ("event", "delivery"), ("delivery", "event"), ("delivery", "log"), ("delivery", "call"), ("log", "event"),
        ("log", "delivery"), ("call", "log"),
    ]:  # fmt: skip
        assert f'href="{addresses[there]}"' in texts[here], (here, there)
    assert "A provider is assigned" in texts["event"]
    assert "Given up: subject is needed." in texts["delivery"]
    for shown in (
        "no entry fits 9",
        "default used",
        "title is Replace the router",
        "PATCH",
        "bad credentials",
        "42 ms",
    ):
        assert shown in texts["log"], shown


@pytest.mark.parametrize(
    ("term", "found"), [("1001", 1), ("TCK-5", 1), ("  TCK-5 ", 1), ("TCK", 0), ("9" * 30, 0), ("\0", 2)]
)
def test_search_compares_whole_ids(browser: Client, to: Connector, term: str, found: int) -> None:
    world.delivery(to, State.DEAD)
    other = world.delivery(to, State.DEAD, work_order_id=77, external_id="TCK-5")

    assert browser.get(reverse(LIST), {"q": term}).context["cl"].result_count == found
    for id in (other.pk, other.event_id):
        assert [row.pk for row in browser.get(reverse(LIST), {"q": str(id)}).context["cl"].result_list] == [other.pk]


def test_the_deliveries_are_filtered(browser: Client, to: Connector) -> None:
    elsewhere = world.connector(to.company, "Elsewhere")
    world.delivery(to, State.DEAD, reason="validation")
    world.delivery(elsewhere, State.WAITING, reason="waiting_auth", work_order_id=2)

    cases: list[tuple[dict[str, str], list[int]]] = [
        ({"state__exact": "dead"}, [1001]),
        ({"connector__id__exact": str(elsewhere.pk)}, [2]),
        ({"reason": "waiting_auth"}, [2]),
        ({"direction__exact": "inbound"}, []),
    ]
    for query, expected in cases:
        rows = browser.get(reverse(LIST), query).context["cl"].result_list
        assert [row.work_order_id for row in rows] == expected, query
