"""How a mapping row writes: always, only into an empty field, only on create, appended; and only for some events."""

from __future__ import annotations

from typing import Any

import pytest

from events.models import Delivery, EventTrigger
from events.states import State
from mappings.models import FieldMapping, RecordLink

from .conftest import World, event
from .test_both_sides import event_of, last, linked_pair, patches


def row(world: World, of: str, **changes: Any) -> None:
    found = FieldMapping.objects.filter(connector=world.connector, direction="outbound", target_object="", target=of)
    assert found.update(**changes) == 1


def ticket(world: World, number: int = 1001) -> dict[str, Any]:
    return next(found for found in world.help_desk.tickets() if found["id"] == number)


# --- outbound -----------------------------------------------------------------------------------------------------


def test_a_row_only_on_create_fills_the_new_record_and_leaves_it_alone_later(world: World) -> None:
    row(world, "subject", write_mode="on_create")
    world.post(event(title="First"))
    world.post(event(title="Second", pay={"amount": 700.0}))
    world.deliver()
    assert ticket(world)["subject"] == "First"
    assert patches(world, 1001) == [{"amount": 700.0, "priority": "Urgent"}]


def test_a_row_only_for_an_empty_target_writes_until_somebody_filled_it(world: World) -> None:
    row(world, "technician", target="street", write_mode="when_empty")
    world.post(event(assignee=called("Rui")))
    world.deliver()
    world.person_changes_ticket(1001, street="")
    world.post(event(assignee=called("Ada")))
    world.deliver()
    assert ticket(world)["street"] == "Ada Okafor"
    world.post(event(assignee=called("Ben")))
    world.deliver()
    assert ticket(world)["street"] == "Ada Okafor"
    assert (last().state, last().sentence) == (
        State.SKIPPED,
        "street: filled already and left as it is, since the mapping writes only into an empty field. "
        "Nothing was written: record 1001 already holds these values.",
    )


def called(name: str) -> dict[str, Any]:
    return {"user": {"id": 70311, "first_name": name, "last_name": "Okafor"}}


def test_a_row_that_appends_keeps_what_is_there_and_adds_once(world: World) -> None:
    row(world, "subject", write_mode="append")
    world.post(event(title="First"))
    world.post(event(title="Second"))
    world.deliver()
    assert ticket(world)["subject"] == "First\nSecond"
    world.fault("help_desk", method="PATCH", path="/api/tickets/1001", times=1, status=503)
    world.post(event(title="Third"))
    world.deliver()
    replayed(world)
    assert ticket(world)["subject"] == "First\nSecond\nThird"


def test_what_is_no_news_is_not_appended_again_after_a_person_rewrote_the_field(world: World) -> None:
    row(world, "subject", write_mode="append")
    row(world, "technician", target="street", write_mode="append")
    world.post(event(title="First", assignee=called("Rui")))
    world.deliver()
    world.person_changes_ticket(1001, subject="Rewritten at the desk")
    world.post(event(title="First", assignee=called("Ada")))
    world.deliver()
    assert patches(world, 1001) == [{"street": "Rui Okafor\nAda Okafor"}]


def test_what_stands_there_already_is_not_sent_again(world: World) -> None:
    row(world, "subject", write_mode="append")
    world.post(event(title="First"))
    world.deliver()
    world.person_changes_ticket(1001, subject="First\nSecond")
    world.post(event(title="Second"))
    world.deliver()
    assert patches(world, 1001) == []


def test_what_was_appended_before_the_answer_was_lost_is_not_appended_again(world: World) -> None:
    row(world, "subject", write_mode="append")
    world.post(event(title="First"))
    world.deliver()
    world.fault("help_desk", method="PATCH", path="/api/tickets/1001", times=1, drop="after")
    world.post(event(title="Second"))
    world.deliver()
    assert ticket(world)["subject"] == "First\nSecond"
    replayed(world)
    assert ticket(world)["subject"] == "First\nSecond"
    assert last().state in (State.SUCCEEDED, State.SKIPPED)


def replayed(world: World) -> None:
    """The retry that is due later runs now."""
    from events.replay import retry

    delivery = last()
    if delivery.state == State.RETRYING:
        retry([delivery.id], user="ops", also_planned=True)
        world.deliver()


@pytest.mark.parametrize(("mode", "kept"), [("on_create", "First"), ("when_empty", "First")])
def test_a_system_that_replaces_records_is_sent_the_kept_value_too(world: World, mode: str, kept: str) -> None:
    world.connector.settings = {**world.connector.settings, "update_method": "PUT"}
    world.connector.save()
    row(world, "subject", write_mode=mode)
    world.post(event(title="First"))
    world.post(event(title="Second", pay={"amount": 700.0}))
    world.deliver()
    [put] = [call["body"] for call in world.calls("PUT", "/api/tickets/1001") if "subject" in call["body"]]
    assert (put["subject"], put["amount"]) == (kept, 700.0)


# --- inbound ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["on_create", "when_empty"])
def test_an_inbound_row_keeps_the_work_orders_own_title(world: World, mode: str) -> None:
    FieldMapping.objects.filter(direction="inbound", target="title").update(write_mode=mode)
    number, order = linked_pair(world)
    world.person_changes_ticket(number, subject="Changed at the desk")
    world.trigger(number)
    world.deliver()
    [found] = world.field_nation.work_orders()
    assert (found["id"], found["title"]) == (order, "Printer jams")


# --- events -------------------------------------------------------------------------------------------------------


def test_a_row_runs_for_its_events_only(world: World) -> None:
    row(world, "amount", events=["FN_WO_APPROVED"])
    row(world, "priority", is_enabled=False)
    world.post(event())
    world.deliver()
    assert ticket(world)["amount"] == 0
    world.post(event(event_type="FN_WO_APPROVED"))
    world.deliver()
    assert ticket(world)["amount"] == 65.0
    assert patches(world, 1001) == [{"amount": 65.0}]


def test_a_row_of_other_events_still_counts_for_the_way_back(world: World) -> None:
    """What an inbound change caused at the work order is no news when Field Nation tells it."""
    row(world, "subject", events=["FN_WO_SCHEDULE_UPDATED"])
    number, order = linked_pair(world)
    world.person_changes_ticket(number, subject="Changed at the desk")
    world.trigger(number)
    world.deliver()
    world.post(event_of(world, order))
    world.deliver()
    assert [body for body in patches(world, number) if "subject" in body] == []


# --- several actions of one event ---------------------------------------------------------------------------------


def second_action(world: World, **first: Any) -> None:
    """A note after the update of the same event."""
    EventTrigger.objects.filter(connector=world.connector, event_type="FN_WO_DONE").update(**first)
    EventTrigger.objects.create(
        connector=world.connector, event_type="FN_WO_DONE", action="create", target_object="note", position=9
    )


@pytest.mark.parametrize(("on_failure", "notes"), [("stop", 0), ("continue", 1)])
def test_the_next_action_runs_after_a_failure_only_when_it_may(world: World, on_failure: str, notes: int) -> None:
    world.post(event())
    world.deliver()
    second_action(world, on_failure=on_failure)
    refusal = {"error": {"message": "The requester is on hold."}}
    world.fault("help_desk", method="PATCH", path="/api/tickets/1001", times=1, status=422, body=refusal)
    world.post(event(event_type="FN_WO_DONE", title="Another title"))
    world.deliver()
    update, note = Delivery.objects.filter(event__event_type="FN_WO_DONE").order_by("seq")
    assert update.state == State.DEAD
    assert len(world.calls("POST", "/api/tickets/1001/notes")) == notes
    if on_failure == "stop":
        assert (note.state, note.reason, note.sentence) == (
            State.SKIPPED,
            "stopped",
            "Not run: an earlier action of the same event was given up, and its setting is to stop then.",
        )
    assert RecordLink.objects.count() == 1


def test_after_a_success_the_next_action_runs(world: World) -> None:
    world.post(event())
    world.deliver()
    second_action(world, on_failure="stop")
    world.post(event(event_type="FN_WO_DONE", title="Another title"))
    world.deliver()
    assert len(world.calls("POST", "/api/tickets/1001/notes")) == 1
