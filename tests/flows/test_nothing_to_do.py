"""Every "nothing" has its reason in the log."""

from __future__ import annotations

from connectors.models import Connector
from events.models import Delivery, EventTrigger
from mappings.models import FieldMapping
from synclog.models import SyncLog

from .conftest import World, event


def only_log() -> tuple[str, str, str]:
    return SyncLog.objects.values_list("outcome", "code", "sentence").get()


def test_an_event_that_is_not_ticked(world: World) -> None:
    assert world.post(event(event_type="FN_WO_PUBLISHED")).json()["deliveries"] == 0
    assert only_log() == (
        "skipped",
        "not_ticked",
        "Nothing was sent: FN_WO_PUBLISHED is not ticked on the Event Triggers page of Help Desk.",
    )


def test_an_event_that_the_filter_leaves_out(world: World) -> None:
    world.connector.triggers.filter(event_type="FN_WO_SCHEDULE_UPDATED").update(
        filters={"match": "all", "conditions": [{"field": "status.name", "op": "equals", "value": "draft"}]}
    )
    assert world.post(event()).json()["deliveries"] == 0
    outcome, code, sentence = only_log()
    assert (outcome, code) == ("skipped", "filtered")
    assert "status.name" in sentence
    assert "draft" in sentence


def test_a_filter_that_lets_the_event_through(world: World) -> None:
    world.connector.triggers.filter(event_type="FN_WO_SCHEDULE_UPDATED").update(
        filters={"match": "all", "conditions": [{"field": "workorder.pay.amount", "op": "greater", "value": 50}]}
    )
    assert world.post(event()).json()["deliveries"] == 1


def test_a_disabled_connector(world: World) -> None:
    Connector.objects.update(status="disabled")
    assert world.post(event()).json()["deliveries"] == 0
    assert only_log()[:2] == ("skipped", "connector_disabled")
    assert world.trigger(1).json()["events"][0]["deliveries"] == 0
    assert not Delivery.objects.exists()


def test_an_unlinked_work_order_when_outbound_create_is_off(world: World) -> None:
    Connector.objects.update(outbound_create=False)
    world.post(event())
    world.deliver()
    outcome, code, sentence = only_log()
    assert (outcome, code) == ("skipped", "not_linked")
    assert "work order 4410027 is not linked to a record of Help Desk" in sentence
    assert world.help_desk.tickets() == []


def test_a_note_for_an_unlinked_work_order(world: World) -> None:
    world.post(event(event_type="FN_WO_PROVIDER_CHECKED_IN"))
    world.deliver()
    assert only_log()[:2] == ("skipped", "not_linked")


def test_mappings_that_give_nothing(world: World) -> None:
    FieldMapping.objects.update(is_enabled=False)
    world.post(event())
    world.deliver()
    assert only_log()[:2] == ("skipped", "nothing_mapped")
    assert world.help_desk.tickets() == []


def test_a_script_that_skips_with_a_reason(world: World) -> None:
    world.connector.triggers.filter(event_type="FN_WO_SCHEDULE_UPDATED").update(
        action="script", script='[{ op: "skip", reason: "only nights" }]'
    )
    world.post(event())
    world.deliver()
    assert only_log() == (
        "skipped",
        "script_skipped",
        "Nothing was sent: the script decided to skip this event (only nights).",
    )


def test_a_company_without_connectors(world: World) -> None:
    Connector.objects.all().delete()
    world.post(event())
    assert only_log()[1] == "no_connector"


def test_several_actions_of_one_event_each_get_their_delivery(world: World) -> None:
    EventTrigger.objects.create(
        connector=world.connector, event_type="FN_WO_SCHEDULE_UPDATED", position=1, action="create",
        target_object="note",
    )  # fmt: skip
    assert world.post(event()).json()["deliveries"] == 2
    world.deliver()
    [ticket] = world.help_desk.tickets()
    assert len(world.help_desk.notes(ticket["id"])) == 1
