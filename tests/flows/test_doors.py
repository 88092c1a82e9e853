"""The doors: who gets in, what is refused and how it is said."""

from __future__ import annotations

import json
import time
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from connectors.fieldnation.webhooks import sign
from events import source_keys
from events.models import Delivery, Event, EventSource
from events.states import State
from synclog.models import SyncLog
from tests.processes.conftest import database_url

from .conftest import World, event


def source() -> EventSource:
    return EventSource.objects.get()


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer wrong", "Basic abc", "evs_x"])
def test_without_a_valid_key_nothing_is_taken(world: World, header: str) -> None:
    answer = world.http.post("/events/", event(), content_type="application/json", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert not Event.objects.exists()


@pytest.mark.parametrize("change", [{"is_active": False}, {"revoked_at": timezone.now()}])
def test_a_revoked_key_is_refused(world: World, change: dict[str, Any]) -> None:
    EventSource.objects.update(**change)
    assert world.post(event()).status_code == 401


def test_a_key_that_was_in_use_is_refused_soon_after_it_was_revoked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_keys, "KEY_SECONDS", 0.05)
    assert world.post(event(id=1)).status_code == 202
    EventSource.objects.update(revoked_at=timezone.now())
    time.sleep(source_keys.KEY_SECONDS)
    assert world.post(event(id=2)).status_code == 401
    assert Event.objects.count() == 1


def test_while_the_database_does_not_take_it_the_sender_is_asked_to_come_again(world: World) -> None:
    with psycopg.connect(database_url()) as other:
        other.execute("LOCK TABLE events_event IN ACCESS EXCLUSIVE MODE")
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '50ms'")
            refused = world.post(event())
            transaction.set_rollback(True)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.json() == {"detail": "The database does not answer. Send the request again in a few seconds."}
    assert world.post(event()).json()["duplicate"] is False


def test_the_key_is_stored_as_a_hash_only(world: World) -> None:
    stored = EventSource.objects.values().get()
    assert world.demo.source_key not in str(stored)
    assert world.demo.source_key.startswith(stored["key_hint"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "event_type"),
        ({"event_type": "FN_WO_ASIGNED"}, "event_type"),
        ({"event_type": "FN_WO_ASSIGNED"}, "event_timestamp"),
        ({"event_type": "FN_WO_ASSIGNED", "event_timestamp": "yesterday"}, "event_timestamp"),
        ({"event_type": "FN_WO_ASSIGNED", "event_timestamp": "2026-06-28T19:05:41Z"}, "workorder"),
        (
            {"event_type": "FN_WO_ASSIGNED", "event_timestamp": "2026-06-28T19:05:41Z", "workorder": {"id": "x"}},
            "workorder.id",
        ),
        ([], "body"),
        ("text", "body"),
    ],
)
def test_bad_input_names_the_field(world: World, body: Any, field: str) -> None:
    answer = world.post(json.dumps(body))
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert not Event.objects.exists()


def test_an_unknown_event_is_refused_with_the_nearest_names(world: World) -> None:
    answer = world.post(event(event_type="FN_WO_ASIGNED"))
    assert "FN_WO_ASSIGNED" in answer.json()["detail"]


def test_text_that_is_no_json_is_refused(world: World) -> None:
    assert world.post("{not json").json() == {"detail": "The body is not valid JSON.", "field": "body"}
    assert world.post("[" * 100_000).status_code == 400


def test_another_media_type_is_refused(world: World) -> None:
    answer = world.http.post(
        "/events/", "a=b", content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Bearer {world.demo.source_key}"},
    )  # fmt: skip
    assert answer.status_code == 415


def test_an_event_of_more_than_one_mebibyte_is_refused(world: World) -> None:
    assert world.post(event(title="x" * 1024 * 1024)).status_code == 413
    too_many = world.post(json.dumps([event()] * 1001))
    assert too_many.status_code == 413
    assert not Event.objects.exists()


def test_a_large_member_of_a_list_is_refused_alone(world: World) -> None:
    answer = world.post(json.dumps([event(title="x" * 1024 * 1024), event(id=2)]))
    assert answer.status_code == 202
    first, second = answer.json()["events"]
    assert first == {"index": 0, "error": "The event has more than 1048576 bytes.", "field": "body"}
    assert (second["index"], second["deliveries"]) == (1, 1)


def test_more_requests_than_the_key_may_make_are_answered_429(world: World) -> None:
    EventSource.objects.update(rate_limit=2)
    codes = [world.post(event(id=number)).status_code for number in (1, 2, 3)]
    assert codes == [202, 202, 429]
    assert Event.objects.count() == 2


def test_a_list_takes_the_good_ones_and_reports_each_other(world: World) -> None:
    answer = world.post(json.dumps([event(id=1), {"event_type": "FN_WO_NEVER"}, event(id=2), 7]))
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["refused"]) == (2, 2)
    assert [row["index"] for row in body["events"]] == [0, 1, 2, 3]
    assert [row.get("field") for row in body["events"]] == [None, "event_type", None, "body"]
    assert set(Event.objects.values_list("work_order_id", flat=True)) == {1, 2}


def test_a_list_of_bad_ones_only_is_refused(world: World) -> None:
    assert world.post(json.dumps([7, 8])).status_code == 400


def test_a_repeat_inside_a_list_is_a_duplicate(world: World) -> None:
    sample = event()
    first, second = world.post(json.dumps([sample, sample])).json()["events"]
    assert sorted([first["duplicate"], second["duplicate"]]) == [False, True]
    assert Delivery.objects.count() == 1


def test_the_idempotency_key_decides(world: World) -> None:
    first = world.post(event(id=1), **{"Idempotency-Key": "abc"}).json()
    second = world.post(event(id=1, title="Another"), **{"Idempotency-Key": "abc"}).json()
    third = world.post(event(id=1, title="Another"), **{"Idempotency-Key": "abd"}).json()
    assert second["duplicate_of"] == first["id"]
    assert third["duplicate"] is False


def test_the_event_id_decides_without_a_header(world: World) -> None:
    first = world.post(event(id=1, event_id="e-1")).json()
    second = world.post(event(id=1, title="Another", event_id="e-1")).json()
    assert second["duplicate_of"] == first["id"]


def test_a_legacy_name_is_taken_with_a_caution(world: World) -> None:
    answer = world.post(event(event_type="FN_WO_PAID")).json()
    assert "caution" in answer
    stored = Event.objects.get()
    assert (stored.event_type, stored.received_name) == ("FN_WO_PAYMENT_APPROVED", "FN_WO_PAID")


def test_an_event_tells_what_became_of_it(world: World) -> None:
    id = world.post(event()).json()["id"]
    address = f"/events/{id}/"
    headers = {"Authorization": f"Bearer {world.demo.source_key}"}
    waiting = world.http.get(address, headers=headers).json()
    assert [row["state"] for row in waiting["deliveries"]] == ["pending"]
    assert waiting["deliveries"][0]["sentence"] == "It waits for its turn."
    world.deliver()
    done = world.http.get(address, headers=headers).json()["deliveries"][0]
    [ticket] = world.help_desk.tickets()
    assert (done["state"], done["sentence"]) == ("succeeded", f"Record {ticket['id']} was created.")
    assert world.http.get(address).status_code == 401
    assert world.http.get(f"/events/{Delivery.objects.get().pk}/", headers=headers).status_code == 404


def webhook(
    world: World, name: str, *, delivery: str = "d-1:1", secret: str = "", method: str = "post", **order: Any
) -> Any:
    company = world.demo.company
    work_order = {"id": 4410027, "title": "Swap failed edge switch", "status": {"id": 3, "name": "Assigned"}, **order}
    raw = json.dumps(
        {
            "event": {"name": name, "params": {"work_order_id": 4410027}},
            "timestamp": "2026-06-29T08:14:30-05:00",
            "triggered_by_user": {"id": 5011},
            "workorder": work_order,
        }
    ).encode()
    return getattr(world.http, method)(
        f"/webhooks/fieldnation/{company.webhook_key}/",
        raw,
        content_type="application/json",
        headers={
            "X-FN-Signature": sign(raw, secret or company.webhook_secret),
            "X-FN-Webhook-Id": "hook-1",
            "X-FN-Delivery-Id": delivery,
            "X-FN-Event-Trace-Id": "trace-1",
            "X-FN-Request-Timestamp": "1782738870000",
        },
    )


@pytest.mark.parametrize("method", ["post", "put"])
def test_a_signed_webhook_becomes_an_event_of_the_documented_payload(world: World, method: str) -> None:
    answer = webhook(world, "workorder.status.assigned", method=method, pay={"type": "hourly", "base": {"amount": 65}})
    assert answer.status_code == 202
    stored = Event.objects.get()
    assert (stored.event_type, stored.received_name, stored.door) == (
        "FN_WO_ASSIGNED", "workorder.status.assigned", "webhook",
    )  # fmt: skip
    assert stored.payload["event_timestamp"] == "2026-06-29T13:14:30Z"
    assert stored.payload["workorder"]["status"] == {"id": 3, "name": "assigned", "display_name": "Assigned"}
    assert stored.payload["workorder"]["pay"]["amount"] == 65
    assert stored.trace["delivery_id"] == "d-1"
    world.deliver()
    assert world.help_desk.tickets()[0]["status"] == "Scheduled"


def test_another_attempt_of_one_webhook_delivery_is_a_duplicate(world: World) -> None:
    first = webhook(world, "workorder.status.assigned", delivery="d-1:1").json()
    second = webhook(world, "workorder.status.assigned", delivery="d-1:2")
    assert (second.status_code, second.json()["duplicate_of"]) == (200, first["id"])
    assert webhook(world, "workorder.status.assigned", delivery="d-2:1").status_code == 202
    assert Delivery.objects.count() == 2


def test_a_wrong_signature_is_refused_before_anything_is_read(world: World) -> None:
    assert webhook(world, "workorder.status.assigned", secret="another").status_code == 401
    unknown = world.http.post(
        "/webhooks/fieldnation/00000000-0000-4000-8000-000000000000/", b"{}", content_type="application/json"
    )
    assert unknown.status_code == 401
    assert not Event.objects.exists()


def test_the_old_secret_holds_for_a_while_after_a_change(world: World) -> None:
    company = world.demo.company
    old = company.webhook_secret
    company.change_webhook_secret("11111111-1111-4111-8111-111111111111")
    company.save()
    assert webhook(world, "workorder.status.assigned", secret=old).status_code == 202
    company.previous_secret_until = timezone.now()
    company.save()
    assert webhook(world, "workorder.status.assigned", secret=old, delivery="d-2:1").status_code == 401


@pytest.mark.parametrize(
    ("name", "code"),
    [("workorder.tag_added", "no_broker_event"), ("workorder.made_up", "unknown_webhook_event")],
)
def test_a_webhook_without_a_broker_event_is_stored_and_explained(world: World, name: str, code: str) -> None:
    answer = webhook(world, name)
    assert (answer.status_code, answer.json()["deliveries"]) == (202, 0)
    assert Event.objects.get().received_name == name
    assert SyncLog.objects.get().code == code


def test_a_customised_payload_is_refused_as_such(world: World) -> None:
    company = world.demo.company
    raw = b'{"mine": 1}'
    answer = world.http.post(
        f"/webhooks/fieldnation/{company.webhook_key}/", raw, content_type="application/json",
        headers={"X-FN-Signature": sign(raw, company.webhook_secret)},
    )  # fmt: skip
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("Customised or foreign payload")


def test_a_delivery_in_flight_says_so(world: World) -> None:
    world.post(event())
    Delivery.objects.update(state=State.IN_FLIGHT)
    id = Event.objects.get().pk
    report = world.http.get(f"/events/{id}/", headers={"Authorization": f"Bearer {world.demo.source_key}"}).json()
    assert report["deliveries"][0]["sentence"] == "A worker is at it now."
