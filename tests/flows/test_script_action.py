"""Custom Script: fields, or a list of operations."""

from __future__ import annotations

from events.models import Delivery
from events.states import State
from synclog.models import SyncLog

from .conftest import World, event, only_delivery
from .test_faults import due_now


def use_script(world: World, script: str) -> None:
    world.connector.triggers.filter(event_type="FN_WO_SCHEDULE_UPDATED").update(action="script", script=script)


def test_fields_are_merged_over_the_mapped_ones(world: World) -> None:
    use_script(world, "{ subject: std.asciiUpper($.input.title), priority: 'High' }")
    world.post(event())
    world.deliver()
    [ticket] = world.help_desk.tickets()
    assert (ticket["subject"], ticket["priority"], ticket["status"]) == ("SWAP FAILED EDGE SWITCH", "High", "Scheduled")


def test_operations_are_done_in_order_and_logged(world: World) -> None:
    use_script(
        world,
        """[
          { op: 'create', fields: { subject: 'From a script' } },
          { op: 'note', fields: { text: 'First note' } },
          { op: 'update', fields: { status: std.trace('closing', 'Closed') } },
        ]""",
    )
    world.post(event())
    world.deliver()
    [ticket] = world.help_desk.tickets()
    assert (ticket["subject"], ticket["status"]) == ("From a script", "Closed")
    assert [note["text"] for note in world.help_desk.notes(ticket["id"])] == ["First note"]
    log = SyncLog.objects.get()
    assert log.sentence == (
        f"Record {ticket['id']} was created. A note was added to record {ticket['id']}. "
        f"Record {ticket['id']} was updated; fields sent: 1."
    )
    assert any("closing" in line for line in log.details["trace"])


def test_a_retry_goes_on_after_the_operations_that_are_done(world: World) -> None:
    use_script(
        world,
        """[
          { op: 'create', fields: { subject: 'From a script' } },
          { op: 'note', fields: { text: 'First note' } },
          { op: 'update', fields: { status: 'Closed' } },
        ]""",
    )
    world.fault("help_desk", method="PATCH", path="/api/tickets/*", times=1, status=503)
    world.post(event())
    world.deliver()
    assert only_delivery().state == State.RETRYING
    due_now()
    world.deliver()
    [ticket] = world.help_desk.tickets()
    assert only_delivery().state == State.SUCCEEDED
    assert ticket["status"] == "Closed"
    assert len(world.help_desk.notes(ticket["id"])) == 1


def test_a_note_whose_answer_was_lost_waits_for_a_person(world: World) -> None:
    world.post(event())
    world.deliver()
    world.fault("help_desk", method="POST", path="/api/tickets/*/notes", times=1, drop="after")
    world.post(event(event_type="FN_WO_PROVIDER_CHECKED_IN"))
    world.deliver()
    note = Delivery.objects.order_by("-seq")[0]
    assert (note.state, note.reason) == (State.WAITING, "waiting_outcome_unknown")
    [ticket] = world.help_desk.tickets()
    assert len(world.help_desk.notes(ticket["id"])) == 1


def test_an_operation_that_is_none_is_refused_with_what_to_write(world: World) -> None:
    use_script(world, "[{ op: 'delete' }]")
    world.post(event())
    world.deliver()
    delivery = only_delivery()
    assert (delivery.state, delivery.reason) == (State.DEAD, "transformation")
    assert "op is one of update, create, note, skip" in delivery.sentence
