"""Newest state only: what waits for one record collapses into the newest update, and nothing else does."""

from __future__ import annotations

from events import lanes
from events.models import Delivery, EventTrigger
from events.states import State
from synclog.models import SyncLog

from .conftest import World, event
from .test_faults import due_now


def only_newest(*event_types: str) -> None:
    EventTrigger.objects.filter(event_type__in=event_types).update(delivery_mode="newest")


def states() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("seq").values_list("action", "state"))


def test_waiting_updates_collapse_into_the_newest_and_name_it(world: World) -> None:
    only_newest("FN_WO_SCHEDULE_UPDATED", "FN_WO_APPROVED")
    world.post(event(title="One"))
    world.post([event(title="Two", event_id="2"), event(title="Three", event_id="3")])
    world.post(event(title="Four", event_type="FN_WO_APPROVED"))
    *older, newest = Delivery.objects.order_by("seq")
    assert {(d.state, d.superseded_by is not None) for d in older} == {("superseded", True)}
    assert newest.state == State.PENDING
    assert SyncLog.objects.filter(code="superseded").count() == len(older) == 3
    assert world.deliver() == 1
    assert [ticket["subject"] for ticket in world.help_desk.tickets()] == ["Four"]
    assert len(world.calls("POST", "/api/tickets")) == 1


def test_other_records_notes_and_each_event_triggers_never_collapse(world: World) -> None:
    only_newest("FN_WO_SCHEDULE_UPDATED")
    world.post(event())
    world.deliver()
    world.post(event(title="One"))
    world.post(event(title="Other record", id=4410028))
    world.post(event(event_type="FN_WO_PROVIDER_CHECKED_IN"))
    world.post(event(title="Each", event_type="FN_WO_DONE"))
    world.post(event(title="Two"))
    assert states() == [
        ("update", "succeeded"),
        ("update", "superseded"),
        ("update", "pending"),
        ("create", "pending"),
        ("update", "pending"),
        ("update", "pending"),
    ]
    world.deliver()
    assert len(world.calls("POST", "/api/tickets/1001/notes")) == 1
    assert world.help_desk.tickets()[0]["subject"] == "Two"


def test_the_newest_keeps_the_wait_of_the_retried_one(world: World) -> None:
    """A stream of events must not call a system that is down again and again."""
    only_newest("FN_WO_SCHEDULE_UPDATED")
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, status=503)
    world.post(event(title="One"))
    world.deliver()
    planned = Delivery.objects.get().next_attempt_at
    world.post(event(title="Two"))
    newest = Delivery.objects.order_by("-seq")[0]
    assert newest.next_attempt_at == planned is not None
    lanes.reopen([(newest.connector_id, newest.lane_key)])  # as an operator's act on the record does
    assert world.deliver() == 0
    assert states() == [("update", "superseded"), ("update", "pending")]
    due_now()
    assert world.deliver() == 1
    assert [ticket["subject"] for ticket in world.help_desk.tickets()] == ["Two"]
    assert len(world.calls("POST", "/api/tickets")) == 2
