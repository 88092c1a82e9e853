"""Blocked lanes in the admin: which are shown and why, retry, skip, hold, release."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from broker_project.lib.ids import new_id
from connectors.models import Connector
from events import blocked, lanes
from events.models import Delivery, Lane
from events.states import State
from synclog.models import SyncLog

from . import world
from .conftest import staff
from .test_delivery_pages import told

pytestmark = pytest.mark.django_db

LIST = "admin:events_lane_changelist"
ACTS = ("retry_head", "skip_head", "hold", "release")


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


def lane_of(delivery: Delivery) -> Lane:
    return Lane.objects.get(connector=delivery.connector, key=delivery.lane_key)


def page(lane: Lane) -> str:
    return reverse("admin:events_lane_change", args=[lane.pk])


def act(lane: Lane, name: str) -> str:
    return reverse("admin:events_lane_act", args=[lane.pk, name])


def waiting(to: Connector, number: int = 1, **more: Any) -> Delivery:
    return world.delivery(
        to, State.WAITING, work_order_id=number, **{"reason": "waiting_auth", "sentence": "Refused.", **more}
    )


def retrying(to: Connector, number: int = 1, **more: Any) -> Delivery:
    at = timezone.now() + timedelta(hours=1)
    made = world.delivery(to, State.RETRYING, work_order_id=number, next_attempt_at=at, **{"reason": "api", **more})
    Lane.objects.filter(connector=to, key=made.lane_key).update(due_at=at)
    return made


def several(to: Connector) -> None:
    """A lane of each kind: 1 waits, 2 retries, 3 is held, 4 is due, 5 is worked at."""
    waiting(to, 1)
    world.delivery(to, State.PENDING, work_order_id=1)
    retrying(to, 2)
    world.delivery(to, State.PENDING, work_order_id=3)
    lanes.hold(to.pk, "wo:3", user="sam")
    world.delivery(to, State.PENDING, work_order_id=4)
    world.delivery(to, State.IN_FLIGHT, work_order_id=5)
    Lane.objects.filter(key="wo:5").update(claim=new_id(), due_at=timezone.now() + timedelta(seconds=30))


def shown(browser: Client, **query: str) -> list[str]:
    return [lane.key for lane in browser.get(reverse(LIST), query).context["cl"].result_list]


# --- the list --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({}, ["wo:1", "wo:2", "wo:3"]),
        ({"stand": "waits"}, ["wo:1"]),
        ({"stand": "retries"}, ["wo:2"]),
        ({"stand": "held"}, ["wo:3"]),
        ({"stand": "any"}, ["wo:1", "wo:2", "wo:3", "wo:4", "wo:5"]),
        ({"reason": "waiting_auth"}, ["wo:1"]),
        ({"reason": "api"}, ["wo:2"]),
        ({"reason": "validation"}, []),
    ],
)
def test_lanes_that_do_not_go_on_are_shown(
    browser: Client, to: Connector, query: dict[str, str], keys: list[str]
) -> None:
    several(to)

    assert shown(browser, **query) == keys


def test_the_list_is_filtered_by_connector(browser: Client, to: Connector) -> None:
    elsewhere = world.connector(to.company, "Depot")
    waiting(to, 1)
    waiting(elsewhere, 2)

    assert shown(browser, connector__id__exact=str(elsewhere.pk)) == ["wo:2"]


def test_a_row_says_what_stands_there_and_why(browser: Client, to: Connector) -> None:
    several(to)
    Delivery.objects.filter(work_order_id=1, state="waiting").update(created_at=timezone.now() - timedelta(hours=5))

    response = browser.get(reverse(LIST))

    lines = {lane.key: lane.line for lane in response.context["cl"].result_list}
    assert {key: (line.head.state, line.length) for key, line in lines.items()} == {
        "wo:1": ("waiting", 2), "wo:2": ("retrying", 1), "wo:3": ("pending", 1),
    }  # fmt: skip
    text = response.content.decode()
    for said in ("work order 1", "Refused.", "sam holds it back.", "5\xa0hours"):
        assert said in text, said


def test_a_lane_stands_since_its_head_was_last_tried_or_held(
    browser: Client, to: Connector, django_assert_num_queries: Any
) -> None:
    made, tried, held = (timezone.now() - timedelta(hours=hours) for hours in (9, 2, 1))
    never, once, kept = waiting(to, 1), waiting(to, 2), waiting(to, 3)
    Delivery.objects.update(created_at=made)
    for at in (made, tried):
        log = SyncLog.objects.create(delivery_id=once.pk, connector=to, outcome="waiting", sentence="Refused.")
        SyncLog.objects.filter(pk=log.pk).update(created_at=at)
    Lane.objects.filter(key="wo:3").update(held_by="sam", held_at=held)

    found = list(Lane.objects.all())
    with django_assert_num_queries(3):
        lines = blocked.lines(found)
    since = {line.head.pk: line.since for line in lines.values()}
    assert since == {never.pk: made, once.pk: tried, kept.pk: held}
    assert "2\xa0hours<span" in browser.get(reverse(LIST)).content.decode()


def test_the_page_shows_the_line_in_order(browser: Client, to: Connector) -> None:
    head = waiting(to)
    behind = [world.delivery(to, State.PENDING, work_order_id=1) for _ in range(2)]
    world.delivery(to, State.SUCCEEDED, work_order_id=1)

    response = browser.get(page(lane_of(head)))

    (table,) = response.context["sections"]
    assert [row[0] for row in table.rows] == [1, 2, 3]
    for row, delivery in zip(table.rows, [head, *behind], strict=True):
        assert str(delivery.pk) in row[1]
    assert response.context["banner"].sentence == "Refused."


def test_a_long_line_is_cut_and_says_so(browser: Client, to: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.lane_admin.LINE", 2)
    head = waiting(to)
    for _ in range(2):
        world.delivery(to, State.PENDING, work_order_id=1)

    (table,) = browser.get(page(lane_of(head))).context["sections"]

    assert (table.title, len(table.rows)) == ("In line, the first 2", 2)


# --- the acts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "offered"),
    [
        (waiting, ["retry_head", "skip_head", "hold"]),
        (retrying, ["retry_head", "skip_head", "hold"]),
        (lambda to: waiting(to, reason="waiting_outcome_unknown"), ["skip_head", "hold"]),
        (lambda to: world.delivery(to, State.IN_FLIGHT), ["hold"]),
    ],
    ids=["waiting", "retrying", "undecided", "in flight"],
)
def test_the_acts_that_apply_are_offered(browser: Client, to: Connector, make: Any, offered: list[str]) -> None:
    lane = lane_of(make(to))

    text = browser.get(page(lane)).content.decode()

    assert [name for name in ACTS if f'{act(lane, name)}"' in text] == offered


@pytest.mark.parametrize("make", [waiting, retrying])
def test_the_first_is_retried_now(browser: Client, to: Connector, make: Any) -> None:
    head = make(to)
    behind = world.delivery(to, State.PENDING, work_order_id=1)
    lane = lane_of(head)
    asked = browser.get(act(lane, "retry_head"))
    assert asked.status_code == 200
    assert Delivery.objects.get(pk=head.pk).state == head.state

    answer = browser.post(act(lane, "retry_head"), {"head": str(head.pk)}, follow=True)

    assert (answer.redirect_chain, told(answer)) == ([(page(lane), 302)], ["Retried the first delivery."])
    head.refresh_from_db()
    behind.refresh_from_db()
    assert (head.state, head.attempts, head.forced, behind.forced) == ("pending", 0, True, False)
    lane.refresh_from_db()
    assert lane.due_at is not None
    assert lane.due_at <= timezone.now()
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.get_change_message()) == (str(lane.pk), "Retried the first delivery.")
    assert SyncLog.objects.get().user == "olga"


@pytest.mark.parametrize("make", [waiting, retrying])
def test_the_first_is_skipped_and_the_next_is_due(browser: Client, to: Connector, make: Any) -> None:
    head = make(to)
    behind = world.delivery(to, State.PENDING, work_order_id=1)
    lane = lane_of(head)

    unreasoned = browser.post(act(lane, "skip_head"), {"head": str(head.pk), "reason": ""})
    assert "This field is required." in unreasoned.content.decode()
    browser.post(act(lane, "skip_head"), {"head": str(head.pk), "reason": "Done by hand"})

    head.refresh_from_db()
    behind.refresh_from_db()
    assert (head.state, head.sentence, behind.state) == (
        "skipped", "olga skipped this delivery (Done by hand).", "pending",
    )  # fmt: skip
    lane.refresh_from_db()
    assert lane.due_at is not None
    assert lane.due_at <= timezone.now()


def test_an_emptied_lane_leads_back_to_the_list(browser: Client, to: Connector) -> None:
    head = waiting(to)
    lane = lane_of(head)

    answer = browser.post(act(lane, "skip_head"), {"head": str(head.pk), "reason": "Old"}, follow=True)

    assert answer.redirect_chain == [(reverse(LIST), 302)]
    assert not Lane.objects.exists()


@pytest.mark.parametrize("name", ["retry_head", "skip_head"])
def test_another_delivery_than_the_one_seen_is_not_touched(browser: Client, to: Connector, name: str) -> None:
    seen = waiting(to)
    lane = lane_of(seen)
    other = waiting(to)
    Delivery.objects.filter(pk=seen.pk).update(state="skipped")

    answer = browser.post(act(lane, name), {"head": str(seen.pk), "reason": "x"})

    assert "The first delivery is another one by now; nothing was changed." in answer.content.decode()
    other.refresh_from_db()
    assert other.state == "waiting"
    assert (SyncLog.objects.count(), LogEntry.objects.count()) == (0, 0)


def test_hold_and_release(browser: Client, to: Connector) -> None:
    lane = lane_of(world.delivery(to, State.PENDING, work_order_id=1))

    browser.get(act(lane, "hold"))
    assert Lane.objects.get().held_by == ""
    answer = browser.post(act(lane, "hold"), follow=True)

    assert told(answer) == ["Held the lane."]
    lane.refresh_from_db()
    assert (lane.held_by, lane.held_at is None, lane.due_at) == ("olga", False, None)
    text = answer.content.decode()
    assert "olga holds it back. Release it to send what stands in line." in text
    assert [name for name in ("hold", "release") if f'{act(lane, name)}"' in text] == ["release"]

    answer = browser.post(act(lane, "release"), follow=True)

    assert told(answer) == ["Released the lane."]
    lane.refresh_from_db()
    assert (lane.held_by, lane.held_at) == ("", None)
    assert lane.due_at is not None
    assert lane.due_at <= timezone.now()
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")] == [
        "Held the lane.", "Released the lane.",
    ]  # fmt: skip


def test_a_held_lane_stays_held_when_its_first_is_retried(browser: Client, to: Connector) -> None:
    head = waiting(to)
    lane = lane_of(head)
    lanes.hold(to.pk, lane.key, user="sam")

    browser.post(act(lane, "retry_head"), {"head": str(head.pk)})

    lane.refresh_from_db()
    head.refresh_from_db()
    assert (head.state, lane.held_by, lane.due_at) == ("pending", "sam", None)


@pytest.mark.parametrize("name", ACTS)
def test_a_reader_is_offered_nothing_and_does_nothing(to: Connector, name: str) -> None:
    head = waiting(to)
    if name == "release":
        lanes.hold(to.pk, head.lane_key, user="sam")
    before = list(Lane.objects.values())
    reader = staff("events.view_lane", "events.view_delivery")
    lane = lane_of(head)

    assert "/act/" not in reader.get(page(lane)).content.decode()
    assert reader.get(act(lane, name)).status_code == 403
    assert reader.post(act(lane, name), {"head": str(head.pk), "reason": "x"}).status_code == 403

    assert list(Lane.objects.values()) == before
    head.refresh_from_db()
    assert head.state == "waiting"
    assert LogEntry.objects.count() == 0


def test_lanes_need_the_right_to_see_them(to: Connector) -> None:
    lane = lane_of(waiting(to))
    nobody = staff("events.view_delivery")

    assert nobody.get(reverse(LIST)).status_code == 403
    assert nobody.get(page(lane)).status_code == 403
