"""A ticket calls back and becomes a work order."""

from __future__ import annotations

import pytest

from events.models import Delivery
from events.states import State
from mappings.models import RecordLink
from synclog.models import ApiCall, SyncLog

from .conftest import World, only_delivery


def test_a_trigger_creates_the_work_order_links_it_and_writes_its_id_back(world: World) -> None:
    ticket = world.person_creates_ticket()
    answer = world.trigger(ticket)
    assert answer.status_code == 202
    [row] = answer.json()["events"]
    assert (row["external_id"], row["deliveries"], row["merged_into"]) == (str(ticket), 1, None)

    assert world.deliver() == 1

    [order] = world.field_nation.work_orders()
    assert order["title"] == "Printer jams"
    assert order["location"]["address1"] == "88 Mill Road"
    assert order["incident_id"] == f"Help Desk {ticket}"
    delivery = only_delivery()
    assert delivery.state == State.SUCCEEDED
    assert delivery.work_order_id == order["id"]
    assert delivery.sentence.startswith(f"Work order {order['id']} was created. ")
    link = RecordLink.objects.get()
    assert (link.work_order_id, link.external_id, link.claimed_by) == (order["id"], str(ticket), None)
    assert link.written_back_at is not None
    assert world.help_desk.tickets()[0]["work_order_id"] == str(order["id"])


def test_a_second_trigger_updates_the_same_work_order(world: World) -> None:
    ticket = world.person_creates_ticket()
    world.trigger(ticket)
    world.deliver()
    world.person_changes_ticket(ticket, subject="Printer burns")
    world.trigger(ticket)
    world.deliver()

    [order] = world.field_nation.work_orders()
    assert order["title"] == "Printer burns"
    second = Delivery.objects.order_by("-seq")[0]
    assert (second.state, second.reason) == (State.SUCCEEDED, "work_order_updated")


def test_a_trigger_for_an_unchanged_record_ends_as_no_change(world: World) -> None:
    ticket = world.person_creates_ticket()
    world.trigger(ticket)
    world.deliver()
    world.trigger(ticket)
    world.deliver()

    second = Delivery.objects.order_by("-seq")[0]
    assert (second.state, second.reason) == (State.SKIPPED, "no_change")
    assert second.sentence == (f"Nothing was written: work order {second.work_order_id} already holds these values.")


def test_triggers_for_a_record_that_still_waits_are_merged(world: World) -> None:
    ticket = world.person_creates_ticket()
    first = world.trigger(ticket).json()["events"][0]
    second = world.trigger(ticket).json()["events"][0]

    assert second["merged_into"] == first["id"]
    assert second["deliveries"] == 0
    assert world.deliver() == 1
    assert SyncLog.objects.get(code="merged").outcome == "duplicate"


def test_several_ids_in_one_call_make_several_deliveries(world: World) -> None:
    tickets = [world.person_creates_ticket(subject=f"Ticket {number}") for number in range(3)]
    answer = world.http.post(
        f"/v1/broker/inbound?client_token={world.connector.trigger_token}&"
        + "&".join(f"external_id={ticket}" for ticket in tickets)
    )
    assert answer.status_code == 202
    assert world.deliver() == 3
    assert sorted(order["title"] for order in world.field_nation.work_orders()) == ["Ticket 0", "Ticket 1", "Ticket 2"]


@pytest.mark.parametrize(
    "call",
    [
        lambda http, url: http.get(f"{url}?external_id=77"),
        lambda http, url: http.post(f"{url}?external_id=77"),
        lambda http, url: http.post(url, "ticket_id=77", content_type="application/x-www-form-urlencoded"),
        lambda http, url: http.post(url, '{"sys_id": "77"}', content_type="application/json"),
        lambda http, url: http.post(url, '{"id": 77}', content_type="application/json"),
    ],
)
def test_every_form_of_a_trigger_call_is_understood(world: World, call) -> None:  # type: ignore[no-untyped-def]
    answer = call(world.http, f"/integrations/trigger/{world.connector.trigger_token}")
    assert answer.status_code == 202
    assert only_delivery().external_id == "77"


def test_a_call_without_an_id_is_refused_and_leaves_nothing(world: World) -> None:
    answer = world.http.post(
        f"/integrations/trigger/{world.connector.trigger_token}", "{}", content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.json()["field"] == "external_id"
    assert not Delivery.objects.exists()


def test_unknown_and_revoked_tokens_get_the_same_answer(world: World) -> None:
    revoked = world.connector.trigger_token
    world.connector.renew_trigger_token()
    world.connector.end_previous_token()
    world.connector.save()
    answers = [
        world.http.post(f"/integrations/trigger/{token}?external_id=1") for token in (revoked, "nonsense", "x" * 300)
    ] + [world.http.post("/v1/broker/inbound?external_id=1")]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (401, {"detail": "The trigger token is not valid."})
    ] * 4
    assert not Delivery.objects.exists()


def test_the_token_of_field_nation_is_in_no_log(world: World) -> None:
    ticket = world.person_creates_ticket()
    world.trigger(ticket)
    world.deliver()
    urls = list(ApiCall.objects.values_list("url", flat=True))
    signed = [url for url in urls if "access_token" in url]
    assert signed
    assert all("access_token=[redacted]" in url or "access_token=%5Bredacted%5D" in url for url in signed)


def test_a_deleted_record_ends_as_a_dead_letter_with_the_reason(world: World) -> None:
    world.trigger("9999")
    world.deliver()
    delivery = only_delivery()
    assert (delivery.state, delivery.reason) == (State.DEAD, "not_found")
    assert not RecordLink.objects.exists()
