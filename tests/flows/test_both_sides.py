"""Both sides change: what comes back is no news, only what changed is written, and a conflict ends as it should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from connectors.models import Connector
from events import replay
from events.models import Delivery
from events.states import State
from mappings.models import FieldMapping, RecordLink
from synclog.models import SyncLog

from .conftest import World, event

FIRST = "Swap failed edge switch"


def last() -> Delivery:
    return Delivery.objects.order_by("-seq")[0]


def linked_pair(world: World) -> tuple[int, int]:
    """A ticket that became a work order, with the title mapped both ways: (ticket, work order).

    The description goes from the desk to Field Nation alone: the demo's script would write over it.
    """
    FieldMapping.objects.filter(direction="outbound", target="description").delete()
    ticket = world.person_creates_ticket()
    world.trigger(ticket)
    world.deliver()
    [order] = world.field_nation.work_orders()
    return ticket, order["id"]


def event_of(world: World, work_order_id: int, **changes: Any) -> dict[str, Any]:
    """The event that Field Nation sends about a work order as it is now."""
    order = next(order for order in world.field_nation.work_orders() if order["id"] == work_order_id)
    sample = event(id=work_order_id)
    sample["workorder"] = {**order, **changes}
    return sample


def patches(world: World, ticket: int) -> list[dict[str, Any]]:
    return [row["body"] for row in world.calls("PATCH", f"/api/tickets/{ticket}") if "work_order_id" not in row["body"]]


def person_titles(world: World, work_order_id: int, title: str) -> None:
    world.field_nation.act("update", work_order_id, fields={"title": title})


def test_the_same_values_are_not_written_twice(world: World) -> None:
    world.post(event())
    world.post(event(event_type="FN_WO_APPROVED"))
    world.deliver()
    assert (last().state, last().reason) == (State.SKIPPED, "no_change")
    assert last().sentence == "Nothing was written: record 1001 already holds these values."
    assert world.calls("PATCH", "/api/tickets/1001") == []


def test_only_what_changed_is_written(world: World) -> None:
    world.post(event())
    world.post(event(title="Swap both switches"))
    world.deliver()
    assert patches(world, 1001) == [{"subject": "Swap both switches"}]


def test_an_operators_retry_is_written_although_nothing_changed(world: World) -> None:
    world.post(event())
    world.post(event(event_type="FN_WO_APPROVED"))
    world.deliver()
    assert patches(world, 1001) == []
    Delivery.objects.filter(pk=last().pk).update(state="dead", reason="validation", done_operations=0)
    replay.retry([last().id], user="ops")
    world.deliver()
    assert last().state == State.SUCCEEDED
    [call] = world.calls("PATCH", "/api/tickets/1001")
    assert call["body"]["subject"] == FIRST


def test_after_an_update_of_unknown_outcome_nothing_counts_as_known(world: World) -> None:
    """Value 1, value 2 that was written and never answered and then given up, value 1 again: 1 must be written."""
    Connector.objects.update(max_attempts=1)
    world.post(event())
    world.deliver()
    world.fault("help_desk", method="PATCH", path="/api/tickets/1001", times=1, drop="after")
    world.post(event(title="Two"))
    world.deliver()
    assert last().state == State.DEAD
    assert world.help_desk.tickets()[0]["subject"] == "Two"

    world.post(event())
    world.deliver()
    assert last().state == State.SUCCEEDED
    assert world.help_desk.tickets()[0]["subject"] == FIRST


def test_what_we_wrote_at_field_nation_does_not_come_back(world: World) -> None:
    ticket, work_order_id = linked_pair(world)
    world.post(event_of(world, work_order_id))
    world.deliver()
    world.person_changes_ticket(ticket, subject="Printer burns")
    world.trigger(ticket)
    world.deliver()
    before = len(world.calls("PATCH", f"/api/tickets/{ticket}"))

    world.post(event_of(world, work_order_id))
    world.deliver()
    assert (last().state, last().reason) == (State.SKIPPED, "no_change")
    assert len(world.calls("PATCH", f"/api/tickets/{ticket}")) == before


def test_what_we_wrote_at_the_external_system_does_not_come_back(world: World) -> None:
    ticket, work_order_id = linked_pair(world)
    person_titles(world, work_order_id, "Printer replaced")
    world.post(event_of(world, work_order_id))
    world.deliver()
    assert world.help_desk.tickets()[0]["subject"] == "Printer replaced"
    world.trigger(ticket)
    world.deliver()
    assert (last().state, last().reason) == (State.SKIPPED, "no_change")


def test_an_older_event_does_not_overwrite_a_newer_one(world: World) -> None:
    now = datetime.now(UTC)
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    world.post(event(event_timestamp=(now - timedelta(minutes=9)).strftime(stamp)))
    world.post(event(title="Newer", event_timestamp=(now - timedelta(minutes=5)).strftime(stamp)))
    world.post(event(title="Older", event_timestamp=(now - timedelta(minutes=7)).strftime(stamp)))
    world.deliver()
    assert (last().state, last().reason) == (State.SKIPPED, "stale")
    assert world.help_desk.tickets()[0]["subject"] == "Newer"


def test_an_event_older_than_our_own_write_brings_the_work_order_as_it_is_now(world: World) -> None:
    ticket, work_order_id = linked_pair(world)
    world.post(event_of(world, work_order_id))
    world.deliver()
    late = event_of(world, work_order_id)  # taken now, delivered after the ticket's change
    world.person_changes_ticket(ticket, subject="Printer burns")
    world.trigger(ticket)
    world.deliver()

    world.post(late)
    world.deliver()
    assert world.help_desk.tickets()[0]["subject"] == "Printer burns"
    assert "was read again" in last().sentence


def test_changes_of_different_fields_on_both_sides_both_arrive(world: World) -> None:
    ticket, work_order_id = linked_pair(world)
    world.post(event_of(world, work_order_id))
    world.deliver()
    person_titles(world, work_order_id, "Title of Field Nation")
    world.person_changes_ticket(ticket, description="Description of the desk.")
    world.trigger(ticket)
    world.post(event_of(world, work_order_id))
    world.deliver()

    [order], [found] = world.field_nation.work_orders(), world.help_desk.tickets()
    assert (order["title"], found["subject"]) == ("Title of Field Nation",) * 2
    assert found["description"] == "Description of the desk."
    assert "Description of the desk." in str(order["description"])


@pytest.mark.parametrize(
    ("order", "winner"), [("trigger first", "Title of Field Nation"), ("event first", "Subject of the desk")]
)
def test_last_write_wins_by_what_reached_the_broker_last(world: World, order: str, winner: str) -> None:
    ticket, work_order_id = linked_pair(world)
    world.post(event_of(world, work_order_id))
    world.deliver()
    person_titles(world, work_order_id, "Title of Field Nation")
    world.person_changes_ticket(ticket, subject="Subject of the desk")
    acts = [lambda: world.trigger(ticket), lambda: world.post(event_of(world, work_order_id))]
    for act in acts if order == "trigger first" else reversed(acts):
        act()
    world.deliver()
    [work_order], [found] = world.field_nation.work_orders(), world.help_desk.tickets()
    assert (work_order["title"], found["subject"]) == (winner, winner)


def _conflict(world: World, policy: str, *, row_policy: str = "") -> tuple[int, int]:
    ticket, work_order_id = linked_pair(world)
    world.post(event_of(world, work_order_id))
    world.deliver()
    Connector.objects.update(conflict_policy=policy)
    if row_policy:
        FieldMapping.objects.filter(target__in=["title", "subject"]).update(conflict_policy=row_policy)
    person_titles(world, work_order_id, "Title of Field Nation")
    world.person_changes_ticket(ticket, subject="Subject of the desk")
    return ticket, work_order_id


@pytest.mark.parametrize(
    ("policy", "row_policy", "winner"),
    [
        ("field_nation", "", "Title of Field Nation"),
        ("external", "", "Subject of the desk"),
        ("external", "field_nation", "Title of Field Nation"),
        ("manual", "external", "Subject of the desk"),
    ],
)
@pytest.mark.parametrize("first", ["event", "trigger"])
def test_the_side_that_the_policy_names_wins(
    world: World, policy: str, row_policy: str, winner: str, first: str
) -> None:
    ticket, work_order_id = _conflict(world, policy, row_policy=row_policy)
    for kind in ("event", "trigger") if first == "event" else ("trigger", "event"):
        if kind == "event":
            world.post(event_of(world, work_order_id))
        else:
            world.trigger(ticket)
        world.deliver()
    [order], [found] = world.field_nation.work_orders(), world.help_desk.tickets()
    assert (order["title"], found["subject"]) == (winner, winner)


@pytest.mark.parametrize("choice", ["field_nation", "external"])
def test_a_person_decides_and_the_record_waits_meanwhile(world: World, choice: Any) -> None:
    ticket, work_order_id = _conflict(world, "manual")
    world.post(event_of(world, work_order_id))
    world.deliver()
    waiting = last()
    assert (waiting.state, waiting.reason) == (State.WAITING, "waiting_conflict")
    assert waiting.conflict == {
        "fields": [
            {
                "target": "subject",
                "base": "Printer jams",
                "field_nation": "Title of Field Nation",
                "external": "Subject of the desk",
            }
        ],
        "choices": {},
    }
    assert waiting.sentence.startswith("Waits for you: Both sides changed subject since the last sync.")
    world.trigger(ticket)
    assert world.deliver() == 0  # the lane waits

    assert replay.decide(waiting.id, {"subject": choice}, user="ops") == {waiting.id}
    world.deliver()
    assert not Delivery.objects.exclude(state__in=["succeeded", "skipped"]).exists()
    winner = {"field_nation": "Title of Field Nation", "external": "Subject of the desk"}[choice]
    [order], [found] = world.field_nation.work_orders(), world.help_desk.tickets()
    assert (order["title"], found["subject"]) == (winner, winner)


@pytest.mark.parametrize(("limit", "direction"), [(6, "inbound"), (7, "outbound")])
def test_an_endless_exchange_is_stopped_and_says_so(world: World, limit: int, direction: str) -> None:
    """Two mappings that contradict each other: each side's value is changed by the other's, for ever."""
    Connector.objects.update(hop_limit=limit)
    for way, target in (("outbound", "subject"), ("inbound", "title")):
        row = FieldMapping.objects.get(direction=way, target=target)
        row.action, row.options = "custom", {"script": f"$.input.{row.source} + '!'"}
        row.save()
    ticket = world.person_creates_ticket()
    for _ in range(12):
        world.trigger(ticket)
        world.deliver()
        [order] = world.field_nation.work_orders()
        world.post(event_of(world, order["id"]))
        world.deliver()
    stopped = Delivery.objects.get(state="waiting")
    assert (stopped.reason, stopped.direction) == ("waiting_loop", direction)
    assert f"{limit} times within an hour" in stopped.sentence
    assert RecordLink.objects.get().hops == limit
    assert world.field_nation.work_orders()[0]["title"].count("!") < 10


def test_a_record_whose_create_is_not_answered_yet_is_not_taken_for_a_new_one(world: World) -> None:
    """The answer to a create is lost; the new ticket calls back before the broker looks it up."""
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, drop="after")
    world.post(event())
    world.deliver()
    [ticket] = world.help_desk.tickets()
    with connection.cursor() as cursor:  # the trigger comes minutes later
        cursor.execute("UPDATE mappings_recordlink SET claimed_at = claimed_at - interval '10 minutes'")
    world.trigger(ticket["id"])
    world.deliver()
    assert RecordLink.objects.get(external_id=str(ticket["id"])).work_order_id == 4410027
    assert world.calls("POST", "/api/rest/v2/workorders") == []
    assert len(world.field_nation.work_orders()) == 0 or all(
        order["id"] == 4410027 for order in world.field_nation.work_orders()
    )
    assert SyncLog.objects.filter(code="adopted").count() == 1


def test_what_waits_for_a_record_moves_to_the_lane_of_its_work_order(world: World) -> None:
    ticket = world.person_creates_ticket()
    world.trigger(ticket)
    assert last().lane_key == f"ext:{ticket}"
    world.deliver()
    [order] = world.field_nation.work_orders()
    world.trigger(ticket)
    assert last().lane_key == f"wo:{order['id']}"
    Delivery.objects.filter(pk=last().pk).update(lane_key=f"ext:{ticket}")  # as if it had come before the link
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_lane SET key = %s", [f"ext:{ticket}"])
    assert world.deliver() == 1
    assert (last().lane_key, last().state) == (f"wo:{order['id']}", State.SKIPPED)
