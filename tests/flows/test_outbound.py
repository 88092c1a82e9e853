"""A Field Nation event changes a ticket."""

from __future__ import annotations

from events.models import Delivery, Event
from events.states import State
from mappings.models import RecordLink
from synclog.models import ApiCall, SyncLog

from .conftest import World, event, only_delivery


def test_an_event_of_an_unlinked_work_order_creates_the_ticket_and_the_link(world: World) -> None:
    answer = world.post(event())
    assert answer.status_code == 202
    assert answer.json() == {
        "id": str(Event.objects.get().pk),
        "duplicate": False,
        "duplicate_of": None,
        "deliveries": 1,
    }

    assert world.deliver() == 1

    [ticket] = world.help_desk.tickets()
    assert {name: ticket[name] for name in ("subject", "status", "technician", "scheduled_start", "amount")} == {
        "subject": "Swap failed edge switch",
        "status": "Scheduled",
        "technician": "Rui Okafor",
        "scheduled_start": "2026-07-02T14:00:00Z",
        "amount": 65.0,
    }
    assert ticket["priority"] == "Normal"
    assert ticket["work_order_id"] == "4410027"
    assert ticket["correlation"] == "FN-4410027"
    assert ticket["description"] == "Ticket INC-20418, status assigned"
    link = RecordLink.objects.get()
    assert (link.work_order_id, link.external_id, link.claimed_by) == (4410027, str(ticket["id"]), None)
    delivery = only_delivery()
    assert delivery.state == State.SUCCEEDED
    assert delivery.sentence == f"Record {ticket['id']} was created."


def test_the_next_event_updates_the_same_ticket(world: World) -> None:
    world.post(event())
    world.deliver()
    world.post(event(event_type="FN_WO_DONE", status={"id": 4, "name": "Work Done"}))
    world.deliver()

    [ticket] = world.help_desk.tickets()
    assert ticket["status"] == "Resolved"
    assert [delivery.state for delivery in Delivery.objects.order_by("seq")] == [State.SUCCEEDED] * 2


def test_a_repeated_post_makes_no_second_call(world: World) -> None:
    sample = event()
    first = world.post(sample).json()
    world.deliver()
    second = world.post(sample)

    assert second.status_code == 202
    assert second.json() == {"id": first["id"], "duplicate": True, "duplicate_of": first["id"], "deliveries": 0}
    assert world.deliver() == 0
    assert len(world.calls("POST", "/api/tickets")) == 1
    log = SyncLog.objects.get(outcome="duplicate")
    assert log.sentence == f"Nothing was done: this is a repeat of event {first['id']}, which was taken before."


def test_the_log_holds_the_mappings_and_the_call(world: World) -> None:
    world.post(event())
    world.deliver()

    log = SyncLog.objects.get()
    assert log.outcome == "succeeded"
    assert (log.event_type, log.work_order_id, log.attempt) == ("FN_WO_SCHEDULE_UPDATED", 4410027, 1)
    mapped = {row["target"]: row for row in log.details["mapped"]}
    assert mapped["status"] == {
        "target": "status", "action": "array_map", "source": "assigned", "result": "Scheduled",
    }  # fmt: skip
    assert log.details["trigger"]["action"] == "update"
    call = ApiCall.objects.get()
    assert (call.method, call.status, call.url) == ("POST", 201, f"{world.help_desk_url}/api/tickets")
    assert "Swap failed edge switch" in call.request_body
    assert call.request_headers["X-API-Key"] == "[redacted]"
