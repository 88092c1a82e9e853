"""What goes wrong at the remotes, and what becomes of the delivery."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from broker_project.sandbox.helpdesk import API_KEY
from connectors.models import Company, Connector
from events import pressure, replay
from events.models import Delivery, Lane
from events.report import sentence_of
from events.states import State
from mappings.models import RecordLink
from synclog.models import SyncLog

from .conftest import World, event, only_delivery


def due_now() -> None:
    """Time passes: what is planned for later is due."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_lane SET due_at = now() - interval '1 second' WHERE due_at IS NOT NULL")
        cursor.execute("UPDATE events_delivery SET next_attempt_at = now() WHERE state = 'retrying'")
        cursor.execute("UPDATE connectors_connectorstate SET blocked_until = NULL")


def test_a_busy_system_is_tried_again_after_the_documented_delay(world: World) -> None:
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, status=503)
    world.post(event())
    world.deliver()

    delivery = only_delivery()
    assert (delivery.state, delivery.reason, delivery.attempts) == (State.RETRYING, "unavailable", 1)
    assert delivery.next_attempt_at is not None
    wait = delivery.next_attempt_at - timezone.now()
    assert timedelta(seconds=25) < wait < timedelta(seconds=34)  # 30 s and up to a tenth of jitter, less the run time
    assert world.deliver() == 0

    due_now()
    world.deliver()
    assert only_delivery().state == State.SUCCEEDED
    assert len(world.help_desk.tickets()) == 1


def test_retry_after_is_obeyed_when_it_is_longer(world: World) -> None:
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, status=429, headers={"Retry-After": "200"})
    world.post(event())
    world.deliver()
    delivery = only_delivery()
    assert (delivery.state, delivery.reason) == (State.RETRYING, "rate_limited")
    assert delivery.next_attempt_at is not None
    assert delivery.next_attempt_at - timezone.now() > timedelta(seconds=190)


def test_the_last_attempt_ends_as_a_dead_letter(world: World) -> None:
    world.connector.max_attempts = 2
    world.connector.save()
    world.fault("help_desk", method="POST", path="/api/tickets", times=None, status=503)
    world.post(event())
    world.deliver()
    due_now()
    world.deliver()

    delivery = only_delivery()
    assert (delivery.state, delivery.attempts) == (State.DEAD, 2)
    assert delivery.sentence.startswith("Given up after 2 attempts: ")
    assert not Lane.objects.exists()


def test_a_create_whose_answer_was_lost_is_found_again_and_not_repeated(world: World) -> None:
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, drop="after")
    world.post(event())
    world.deliver()

    delivery = only_delivery()
    assert (delivery.state, delivery.reason) == (State.RETRYING, "outcome_unknown")
    assert RecordLink.objects.get().claimed_by == delivery.id

    due_now()
    world.deliver()
    [ticket] = world.help_desk.tickets()
    assert only_delivery().state == State.SUCCEEDED
    assert RecordLink.objects.get().external_id == str(ticket["id"])
    assert len(world.calls("POST", "/api/tickets")) == 1


def test_a_create_that_never_arrived_is_made_after_the_look_up(world: World) -> None:
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, drop="before")
    world.post(event())
    world.deliver()
    due_now()
    world.deliver()
    assert len(world.help_desk.tickets()) == 1
    assert only_delivery().sentence.endswith("was created.")


def test_where_the_system_cannot_be_searched_the_delivery_waits_for_a_person(world: World) -> None:
    world.connector.settings = {**world.connector.settings, "find_path": "", "find_parameter": ""}
    world.connector.save()
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, drop="after")
    world.post(event())
    world.post(event(event_type="FN_WO_DONE"))
    world.deliver()

    first, second = Delivery.objects.order_by("seq")
    assert (first.state, first.reason) == (State.WAITING, "waiting_outcome_unknown")
    assert "FN-4410027" in first.sentence
    assert second.state == State.PENDING  # its turn has not come
    assert len(world.help_desk.tickets()) == 1


def test_a_work_order_whose_answer_was_lost_is_found_again(world: World) -> None:
    ticket = world.person_creates_ticket()
    world.fault("field_nation", method="POST", path="/api/rest/v2/workorders", times=1, drop="after")
    world.trigger(ticket)
    world.deliver()
    assert only_delivery().state == State.RETRYING

    due_now()
    world.deliver()
    [order] = world.field_nation.work_orders()
    assert only_delivery().state == State.SUCCEEDED
    assert only_delivery().work_order_id == order["id"]
    assert RecordLink.objects.get().work_order_id == order["id"]


def test_a_failed_write_back_keeps_the_link_and_is_made_up_for(world: World) -> None:
    ticket = world.person_creates_ticket()
    world.fault("help_desk", method="PATCH", path=f"/api/tickets/{ticket}", times=1, status=503)
    world.trigger(ticket)
    world.deliver()
    assert only_delivery().state == State.RETRYING
    [order] = world.field_nation.work_orders()
    assert RecordLink.objects.get().work_order_id == order["id"]

    due_now()
    world.deliver()
    assert only_delivery().state == State.SUCCEEDED
    assert world.help_desk.tickets()[0]["work_order_id"] == str(order["id"])
    assert len(world.field_nation.work_orders()) == 1


def test_refused_values_end_as_a_dead_letter_at_once_and_the_claim_is_given_back(world: World) -> None:
    world.post(event(title=""))
    world.connector.mappings.filter(target="subject").update(options={}, has_default=True, default=7)
    world.deliver()
    delivery = only_delivery()
    assert (delivery.state, delivery.reason, delivery.attempts) == (State.DEAD, "validation", 1)
    assert "subject" in delivery.sentence
    assert not RecordLink.objects.exists()


def test_refused_credentials_hold_the_connector_and_alert_once(world: World) -> None:
    world.connector.secrets = {"api_key": "wrong-key-of-the-test"}
    world.connector.save()
    world.post(event())
    world.deliver()
    delivery = only_delivery()
    assert (delivery.state, delivery.reason, delivery.attempts) == (State.PENDING, "held_auth", 0)
    alerts = SyncLog.objects.filter(code="connector_held")
    assert alerts.count() == 1

    world.post(event(id=4410028))
    assert world.deliver() == 0
    assert alerts.count() == 1
    assert "wrong-key-of-the-test" not in str(list(SyncLog.objects.values()))

    world.connector.secrets = {"api_key": API_KEY}
    world.connector.save()
    assert pressure.resume(world.connector.pk)
    assert world.deliver() == 2
    assert sorted(Delivery.objects.values_list("state", "attempts")) == [("succeeded", 1)] * 2


def test_a_refused_right_holds_the_record_alone(world: World) -> None:
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, status=403)
    world.post(event())
    world.deliver()
    world.post(event(id=4410028))
    world.deliver()
    found = list(Delivery.objects.order_by("seq").values_list("state", "reason"))
    assert found == [("waiting", "waiting_auth"), ("succeeded", "created")]
    assert Lane.objects.get().due_at is None


def test_a_failing_script_is_not_retried_and_names_its_line(world: World) -> None:
    row = world.connector.mappings.get(target="description", direction="outbound")
    row.options = {"script": "local a = 1;\n$.input.nothing.here"}
    row.save()
    world.post(event())
    world.deliver()
    delivery = only_delivery()
    assert (delivery.state, delivery.reason) == (State.DEAD, "transformation")
    details = SyncLog.objects.get().details
    assert (details["target"], details["line"]) == ("description", 2)
    assert [row["target"] for row in details["mapped"]][:2] == ["subject", "status"]


def test_what_a_script_traced_before_it_failed_is_in_the_log(world: World) -> None:
    row = world.connector.mappings.get(target="description", direction="outbound")
    row.options = {"script": "std.trace('so far', null).here"}
    row.save()
    world.post(event())
    world.deliver()
    assert any("so far" in line for line in SyncLog.objects.get().details["trace"])


def test_a_bug_is_parked_with_its_traceback(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("events.remote.external", broken)
    world.post(event())
    world.deliver()
    delivery = only_delivery()
    assert (delivery.state, delivery.reason) == (State.WAITING, "waiting_bug")
    assert "planted" in SyncLog.objects.get().details["traceback"]


def test_a_blocked_record_does_not_hold_up_another(world: World) -> None:
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, status=503)
    world.post(event())
    world.deliver()
    world.post(event(event_type="FN_WO_DONE"))
    world.post(event(id=4410028))
    world.deliver()
    states = list(Delivery.objects.order_by("seq").values_list("work_order_id", "state"))
    assert states == [(4410027, "retrying"), (4410027, "pending"), (4410028, "succeeded")]


def test_a_dead_letter_lets_the_next_delivery_of_its_record_go_on(world: World) -> None:
    world.fault(
        "help_desk", method="POST", path="/api/tickets", times=1, status=422, body={"error": {"message": "No."}}
    )
    world.post(event())
    world.post(event(event_type="FN_WO_DONE"))
    world.deliver()
    dead, done = Delivery.objects.order_by("seq")
    assert done.state == State.SUCCEEDED
    # the later one carried all of it
    assert (dead.state, dead.reason, dead.superseded_by) == (State.SUPERSEDED, "resolved_later", done.id)
    assert SyncLog.objects.filter(delivery_id=dead.id, code="resolved_later").count() == 1


def test_a_paused_connector_keeps_its_deliveries_and_resumes_in_order(world: World) -> None:
    Connector.objects.update(status="paused")
    assert world.post(event()).json()["deliveries"] == 1
    done = event(event_type="FN_WO_DONE", status={"id": 4, "name": "Work Done"})
    assert world.post(done).json()["deliveries"] == 1
    assert world.deliver() == 0
    assert only_states() == ["pending", "pending"]
    assert "paused" in Delivery.objects.order_by("seq")[0].sentence

    Connector.objects.update(status="active")
    assert world.deliver() == 2
    assert only_states() == ["succeeded", "succeeded"]
    [ticket] = world.help_desk.tickets()
    assert (ticket["version"], ticket["status"]) == (2, "Resolved")


def only_states() -> list[str]:
    return list(Delivery.objects.order_by("seq").values_list("state", flat=True))


def test_a_connector_whose_credentials_cannot_be_decrypted_harms_no_other(world: World) -> None:
    broken = Connector.objects.create(
        company=world.demo.company, name="Broken", platform="rest", outbound_create=True, secrets={"api_key": "x"}
    )
    broken.triggers.create(event_type="FN_WO_SCHEDULE_UPDATED")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE connectors_connector SET secrets = 'v1:lost:AAAA' WHERE id = %s", [broken.pk])
    world.post(event())
    world.deliver()
    states = dict(Delivery.objects.values_list("connector__name", "state"))
    assert states == {"Help Desk": "succeeded", "Broken": "waiting"}
    waiting = Delivery.objects.get(connector=broken)
    assert waiting.reason == "waiting_configuration"
    assert "'lost', which BROKER_ENCRYPTION_KEYS does not hold" in waiting.sentence


def test_mappings_that_cannot_be_compiled_harm_no_other_connector(world: World) -> None:
    other = Connector.objects.create(
        company=world.demo.company, name="Odd", platform="rest", outbound_create=True,
        settings=world.connector.settings, secrets=world.connector.secrets,
    )  # fmt: skip
    other.triggers.create(event_type="FN_WO_SCHEDULE_UPDATED")
    other.mappings.create(direction="outbound", action="range_map", source="id", target="a..b")
    world.post(event())
    world.deliver()
    rows = {row[0]: row[1:] for row in Delivery.objects.values_list("connector__name", "state", "reason")}
    assert rows == {"Help Desk": ("succeeded", "created"), "Odd": ("dead", "transformation")}


def test_creating_again_is_allowed_for_one_attempt_only(world: World) -> None:
    world.connector.settings = {**world.connector.settings, "find_path": "", "find_parameter": ""}
    world.connector.save()
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, drop="before")
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, drop="after")
    world.post(event())
    world.deliver()
    delivery = only_delivery()
    assert delivery.reason == "waiting_outcome_unknown"

    assert replay.create_again(delivery.pk, user="operator") == {delivery.pk}
    world.deliver()  # creates it, and the answer is lost again
    assert only_delivery().reason == "waiting_outcome_unknown"
    assert len(world.help_desk.tickets()) == 1

    assert replay.retry([delivery.pk], user="operator") == set()  # a person decides, nobody guesses
    assert world.deliver() == 0
    assert only_delivery().reason == "waiting_outcome_unknown"
    assert len(world.help_desk.tickets()) == 1

    [ticket] = world.help_desk.tickets()
    assert replay.link_and_retry(delivery.pk, user="operator", external_id=str(ticket["id"])) == {delivery.pk}
    world.deliver()
    assert only_delivery().state == State.SUCCEEDED
    assert len(world.help_desk.tickets()) == 1


def test_nothing_is_sent_for_a_company_that_is_switched_off(world: World) -> None:
    world.post(event())
    Company.objects.update(is_active=False)
    assert world.deliver() == 0
    assert sentence_of(only_delivery()) == "It waits: the company Sandbox company is switched off."
    Company.objects.update(is_active=True)
    assert world.deliver() == 1
