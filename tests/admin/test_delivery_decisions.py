"""What a person does about one delivery: skip, note, edit its payload, decide a conflict, retry now."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from broker_project.lib.errors import InvalidRecord
from broker_project.lib.ids import new_id
from connectors.models import Connector
from events import payload_changes, replay, replay_edit, review
from events.models import Delivery, Event, Lane
from events.payload_changes import Change
from events.report import report
from events.states import State
from synclog.models import SyncLog

from . import world
from .conftest import staff
from .test_delivery_pages import act, page, told

pytestmark = pytest.mark.django_db

PAYLOAD = {
    "event_type": "FN_WO_ASSIGNED",
    "event_timestamp": "2026-06-28T19:05:41Z",
    "workorder": {"id": 1001, "title": "Replace the router", "tags": ["a", "b"]},
    "correlation_id": None,
}
CONFLICT = {
    "fields": [
        {"target": "status", "base": "open", "field_nation": "assigned", "external": "on hold"},
        {"target": "priority", "base": 3, "field_nation": 1, "external": None},
    ]
}


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


def editable(to: Connector, state: State = State.DEAD, **more: Any) -> Delivery:
    about = world.event(to.company, 1001, payload=PAYLOAD)
    return world.delivery(to, state, event=about, reason="validation", **more)


def test_a_planned_attempt_can_be_made_now(browser: Client, to: Connector) -> None:
    delivery = world.delivery(
        to, State.RETRYING, reason="unavailable", next_attempt_at=timezone.now() + timedelta(hours=1), version=2
    )

    assert [name for name in ("retry", "retry_now", "skip", "discard") if act(delivery, name) + '"' in
            browser.get(page(delivery)).content.decode()] == ["retry_now", "skip"]  # fmt: skip
    browser.post(act(delivery, "retry_now"), {"version": "old"})

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.next_attempt_at, delivery.forced, delivery.version) == (
        "pending", 0, None, True, 2,
    )  # fmt: skip
    due = Lane.objects.get().due_at
    assert due is not None
    assert due <= timezone.now()


@pytest.mark.parametrize(("version", "kept"), [("old", 2), ("current", None), ("", None)])
def test_a_retry_asks_for_the_configuration(browser: Client, to: Connector, version: str, kept: int | None) -> None:
    delivery = world.delivery(to, State.DEAD, version=2)
    assert "Version 2, as it began" in browser.get(act(delivery, "retry")).content.decode()

    browser.post(act(delivery, "retry"), {"version": version})

    delivery.refresh_from_db()
    assert (delivery.state, delivery.version, delivery.forced) == ("pending", kept, True)


def test_a_retry_of_what_never_began_does_not_ask(browser: Client, to: Connector) -> None:
    asked = browser.get(act(world.delivery(to, State.DEAD), "retry")).context["form"]
    assert list(asked.fields) == []


@pytest.mark.parametrize("state", [State.PENDING, State.RETRYING])
def test_skip_ends_it_with_a_reason_and_the_lane_goes_on(browser: Client, to: Connector, state: State) -> None:
    first = world.delivery(to, state, next_attempt_at=timezone.now() + timedelta(hours=1))
    world.delivery(to, State.PENDING)
    Lane.objects.update(due_at=first.next_attempt_at)

    assert "This field is required." in browser.post(act(first, "skip"), {"reason": ""}).content.decode()
    answer = browser.post(act(first, "skip"), {"reason": "Entered by hand."}, follow=True)

    assert told(answer) == ["Skipped: 1 delivery."]
    first.refresh_from_db()
    assert (first.state, first.reason, first.sentence) == (
        "skipped", "operator_skipped", "olga skipped this delivery (Entered by hand).",
    )  # fmt: skip
    assert SyncLog.objects.get().code == "operator_skipped"
    due = Lane.objects.get().due_at
    assert due is not None
    assert due <= timezone.now()


@pytest.mark.parametrize("state", [State.IN_FLIGHT, State.SUCCEEDED, State.SKIPPED, State.SUPERSEDED])
def test_what_a_worker_is_at_or_what_is_over_is_left_alone(to: Connector, state: State) -> None:
    delivery = editable(to, state, conflict=CONFLICT)

    assert replay.skip(delivery.pk, user="olga", reason="x") == set()
    assert replay.retry([delivery.pk], user="olga", also_planned=True) == set()
    assert replay.decide(delivery.pk, {"status": "external", "priority": "external"}, user="olga") == set()
    assert replay_edit.edit_and_retry(delivery.pk, json.dumps({**PAYLOAD, "x": 1}), user="olga") == set()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.forced, delivery.conflict) == (state, False, CONFLICT)
    assert (SyncLog.objects.count(), Event.objects.count()) == (0, 1)


def test_notes_are_added_and_none_is_lost(browser: Client, to: Connector) -> None:
    delivery = world.delivery(to, State.SUCCEEDED)

    browser.post(act(delivery, "note"), {"text": " Asked the <b>site</b>. "})
    replay.add_note(delivery.pk, "It is solved.", user="sam")

    delivery.refresh_from_db()
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "(when)", delivery.note) == (
        "(when) olga: Asked the <b>site</b>.\n(when) sam: It is solved.\n"
    )
    text = browser.get(page(delivery)).content.decode()
    assert "olga: Asked the &lt;b&gt;site&lt;/b&gt;." in text
    assert LogEntry.objects.get().get_change_message() == "Noted."


def test_the_delivery_that_carries_it_is_linked(browser: Client, to: Connector) -> None:
    carrier = world.delivery(to, State.SUCCEEDED, work_order_id=2)
    delivery = world.delivery(to, State.SUPERSEDED, superseded_by=carrier.pk)

    assert f'href="{page(carrier)}"' in browser.get(page(delivery)).content.decode()


@pytest.mark.parametrize("name", ["retry_now", "skip", "note", "edit_payload", "decide"])
def test_the_new_acts_need_the_right_to_change(to: Connector, name: str) -> None:
    state = State.RETRYING if name in ("retry_now", "skip") else State.WAITING
    delivery = editable(to, state, conflict=CONFLICT)
    Delivery.objects.update(reason="waiting_conflict")
    reader = staff("events.view_delivery")

    assert "/act/" not in reader.get(page(delivery)).content.decode()
    assert reader.get(act(delivery, name)).status_code == 403
    form = {"reason": "x", "text": "x", "payload": json.dumps({**PAYLOAD, "x": 1}), "everything": "external"}
    assert reader.post(act(delivery, name), form).status_code == 403

    delivery.refresh_from_db()
    assert (delivery.state, delivery.note, delivery.conflict) == (state, "", CONFLICT)
    assert (SyncLog.objects.count(), LogEntry.objects.count(), Event.objects.count()) == (0, 0, 1)


# --- another payload -----------------------------------------------------------------------------------------------


def test_a_changed_payload_is_sent_and_the_original_stays(browser: Client, to: Connector) -> None:
    delivery = editable(to, version=2)
    original = delivery.event
    changed = {**PAYLOAD, "workorder": {"id": 1001, "title": "Replace the switch", "tags": ["a"], "new": {"x": 1}}}
    assert "Replace the router" in browser.get(act(delivery, "edit_payload")).content.decode()

    answer = browser.post(act(delivery, "edit_payload"), {"payload": json.dumps(changed)}, follow=True)

    assert told(answer) == ["Payload changed and retried: 1 delivery."]
    delivery.refresh_from_db()
    copy = Event.objects.exclude(pk=original.pk).get()
    assert (delivery.event, delivery.state, delivery.attempts, delivery.forced, delivery.version) == (
        copy, "pending", 0, True, None,
    )  # fmt: skip
    assert (copy.kind, copy.door, copy.company, copy.event_type, copy.work_order_id, copy.dedupe_key) == (
        "work_order", "operator", to.company, "FN_WO_ASSIGNED", 1001, None,
    )  # fmt: skip
    assert copy.trace == {"edited_from": str(original.pk), "user": "olga"}
    assert copy.payload == changed
    original.refresh_from_db()
    assert original.payload == PAYLOAD
    log = SyncLog.objects.get(code="operator_edited")
    assert delivery.sentence == (
        "olga changed the payload (workorder.tags[1], workorder.title, workorder.new) and asked for another attempt."
    )
    assert log.sentence == delivery.sentence
    assert log.details["changed"] == [
        {"path": "workorder.tags[1]", "before": '"b"', "after": ""},
        {"path": "workorder.title", "before": '"Replace the router"', "after": '"Replace the switch"'},
        {"path": "workorder.new", "before": "", "after": '{"x": 1}'},
    ]
    assert (log.event_id, log.details["event"]) == (original.pk, str(copy.pk))


def test_the_original_says_where_its_delivery_went(to: Connector) -> None:
    delivery = editable(to)
    original = delivery.event

    replay_edit.edit_and_retry(delivery.pk, json.dumps({**PAYLOAD, "x": 1}), user="olga")

    copy = Event.objects.exclude(pk=original.pk).get()
    told_there = report(original)
    assert told_there["deliveries"] == []
    assert told_there["decisions"] == [{
        "connector": "Help Desk", "code": "event_edited",
        "sentence": f"olga changed the payload for delivery {delivery.pk}, which goes on with event {copy.pk}. This "
        "event stays as it was received.",
    }]  # fmt: skip
    assert [row["state"] for row in report(copy)["deliveries"]] == ["pending"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "This is not valid JSON."),
        ("[" * 100_000, "This is not valid JSON."),
        ("[]", "The body must be a JSON object."),
        (json.dumps({**PAYLOAD, "event_timestamp": "yesterday"}), "event_timestamp is not a time"),
        (json.dumps({**PAYLOAD, "workorder": {"id": 1002}}), "Keep the work order: workorder.id must stay 1001."),
        (json.dumps({**PAYLOAD, "event_type": "FN_WO_PUBLISHED"}), "Keep the event: event_type must stay"),
        (json.dumps(PAYLOAD), "Nothing was changed."),
        (json.dumps({**PAYLOAD, "x": "y" * 1024 * 1024}), "at most 1048576 are taken"),
        (json.dumps({**PAYLOAD, "x": "\0"}), "NUL"),
    ],
)
def test_a_payload_that_cannot_be_taken_is_refused_and_nothing_changes(
    browser: Client, to: Connector, text: str, sentence: str
) -> None:
    delivery = editable(to)

    answer = browser.post(act(delivery, "edit_payload"), {"payload": text})

    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.forced, delivery.event.payload) == ("dead", False, PAYLOAD)
    assert (Event.objects.count(), SyncLog.objects.count(), LogEntry.objects.count()) == (1, 0, 0)


@pytest.mark.parametrize(
    "more",
    [{"kind": "trigger", "event_type": "", "work_order_id": None, "external_id": "TCK-1"}, {"event_type": ""}],
    ids=["trigger", "resync"],
)
def test_what_is_read_afresh_has_no_payload_to_edit(browser: Client, to: Connector, more: dict[str, Any]) -> None:
    delivery = world.delivery(to, State.DEAD, event=world.event(to.company, **{"work_order_id": 1001, **more}))

    assert act(delivery, "edit_payload") not in browser.get(page(delivery)).content.decode()
    assert replay_edit.edit_and_retry(delivery.pk, json.dumps({**PAYLOAD, "x": 1}), user="olga") == set()


def test_a_write_of_unknown_outcome_is_not_edited_before_it_is_decided(to: Connector) -> None:
    delivery = editable(to, State.WAITING)
    Delivery.objects.update(reason="waiting_outcome_unknown")

    assert replay_edit.edit_and_retry(delivery.pk, json.dumps({**PAYLOAD, "x": 1}), user="olga") == set()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, [Change("a", "1", "true")]),
        ({"a": None}, {}, [Change("a", "null", "")]),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}, 4]}},
         [Change("a.b[1].c", "2", "3"), Change("a.b[2]", "", "4")]),
        ({"a": [1]}, {"a": {"0": 1}}, [Change("a", "[1]", '{"0": 1}')]),
        ([], {}, [Change("body", "[]", "{}")]),
        ({"a": "x" * 200}, {"a": ""}, [Change("a", '"' + "x" * 119 + "…", '""')]),
    ],
)  # fmt: skip
def test_changes_are_named_by_path(before: Any, after: Any, expected: list[Change]) -> None:
    assert payload_changes.changes(before, after) == expected


def test_many_changes_are_shortened() -> None:
    found = payload_changes.changes({}, {f"f{number:03}": number for number in range(500)})

    assert len(found) == 100
    assert payload_changes.in_words(found) == "f000, f001, f002, f003, f004 and 95 more"


# --- conflicts -----------------------------------------------------------------------------------------------------


@pytest.fixture
def contested(to: Connector) -> Delivery:
    return world.delivery(to, State.WAITING, reason="waiting_conflict", conflict=CONFLICT, sentence="Decide.")


def test_a_conflict_shows_both_sides_next_to_each_other(browser: Client, contested: Delivery) -> None:
    (table,) = [
        part for part in browser.get(page(contested)).context["sections"] if part.title == "Changed on both sides"
    ]

    assert table.headers == ["Field", "Last agreed on", "Field Nation", "Help Desk"]
    assert table.rows == [["status", "open", "assigned", "on hold"], ["priority", "3", "1", "(empty)"]]


def test_each_field_is_decided(browser: Client, contested: Delivery) -> None:
    form = {"everything": "", "choice-status": "field_nation", "choice-priority": "external"}

    answer = browser.post(act(contested, "decide"), form, follow=True)

    assert told(answer) == ["Decided: 1 delivery."]
    contested.refresh_from_db()
    assert contested.conflict == {**CONFLICT, "choices": {"status": "field_nation", "priority": "external"}}
    assert (contested.state, contested.attempts, contested.forced) == ("pending", 0, False)
    assert (
        SyncLog.objects.get().sentence
        == contested.sentence
        == (
            "olga decided the fields that both sides had changed: status from Field Nation, priority from the external "
            "system."
        )
    )
    (table,) = [
        part for part in browser.get(page(contested)).context["sections"] if part.title == "Changed on both sides"
    ]
    assert [row[-1] for row in table.rows] == ["Field Nation", "the external system"]


@pytest.mark.parametrize("side", ["field_nation", "external"])
def test_all_fields_are_decided_at_once(browser: Client, contested: Delivery, side: str) -> None:
    browser.post(act(contested, "decide"), {"everything": side})

    contested.refresh_from_db()
    assert (contested.conflict or {})["choices"] == {"status": side, "priority": side}
    assert contested.state == "pending"


@pytest.mark.parametrize(
    "form", [{}, {"choice-status": "external"}, {"choice-status": "external", "choice-priority": "neither"}]
)
def test_a_decision_without_all_its_sides_changes_nothing(
    browser: Client, contested: Delivery, form: dict[str, str]
) -> None:
    assert browser.post(act(contested, "decide"), form).status_code == 200

    contested.refresh_from_db()
    assert (contested.state, contested.conflict) == ("waiting", CONFLICT)
    assert SyncLog.objects.count() == 0


def test_choices_are_checked_against_the_conflict() -> None:
    with pytest.raises(InvalidRecord, match="Choose a side for priority"):
        review.complete(CONFLICT, {"status": "external"})
    with pytest.raises(InvalidRecord, match="Choose a side for status"):
        review.complete(CONFLICT, {"status": "mine", "priority": "external"})
    with pytest.raises(InvalidRecord, match="title is no longer in question"):
        review.complete(CONFLICT, {"status": "external", "priority": "external", "title": "external"})
    assert review.complete(CONFLICT, {"priority": "external", "status": "external"}) == {
        "status": "external", "priority": "external",
    }  # fmt: skip


def test_only_a_conflict_is_decided(browser: Client, to: Connector) -> None:
    delivery = world.delivery(to, State.WAITING, reason="waiting_auth", superseded_by=new_id())

    assert act(delivery, "decide") not in browser.get(page(delivery)).content.decode()
    assert replay.decide(delivery.pk, {}, user="olga") == set()
