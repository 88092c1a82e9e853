"""What webhooks deliver: which event when, the body, the signature, retries, order, and across a restart."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from broker_project.sandbox import fieldnation as fn
from broker_project.sandbox.courier import Courier, Job, Outcome
from broker_project.sandbox.fn.deliveries import ATTEMPTS
from broker_project.sandbox.serve import Server
from broker_project.sandbox.store import Store

from .conftest import Client, Receiver, sign_in, subscribe, until
from .test_fieldnation_orders import FULL, WO, create

ONE = f"{WO}/4410027"
HOOKS = "/api/v1/webhooks"
SECRET = "5b0e7c1a-3f42-4d8e-9a67-2c1d8f0b6e94"
PREFIX = "workorder."


@pytest.fixture
def heard(ask: Client, sim: fn.FieldNationSim, receiver: Receiver) -> Receiver:
    """A receiver that is subscribed to every event."""
    subscribe(ask, receiver.url, secret=SECRET)
    return receiver


def names_after(sim: fn.FieldNationSim, receiver: Receiver) -> list[str]:
    """The events since the last call, in the order of arrival, without their common prefix."""
    until(sim.idle)
    with receiver.lock:
        names = [json.loads(raw)["event"]["name"].removeprefix(PREFIX) for _, raw in receiver.taken]
        receiver.taken.clear()
    return names


def test_a_delivery_has_the_documented_headers_body_and_signature(
    ask: Client, sim: fn.FieldNationSim, heard: Receiver
) -> None:
    order = create(ask)
    until(sim.idle)
    (headers, raw), (other_headers, _) = heard.taken
    assert headers["X-FN-Signature"] == "sha256=" + hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:1", headers["X-FN-Delivery-Id"])
    assert headers["X-FN-Delivery-Id"] != other_headers["X-FN-Delivery-Id"]
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["X-FN-Event-Trace-Id"])
    assert re.fullmatch(r"\d{13}", headers["X-FN-Request-Timestamp"])
    assert headers["X-FN-Webhook-Id"] == ask("GET", HOOKS).json()["result"][0]["webhookId"]
    assert (headers["Content-Type"], headers[":method"]) == ("application/json", "POST")
    body = json.loads(raw)
    assert set(body) == {"event", "timestamp", "triggered_by_user", "workorder"}
    assert body["event"] == {"name": "workorder.created", "params": {"work_order_id": 4410027}}
    assert body["triggered_by_user"] == {"id": fn.API_USER_ID}
    assert body["workorder"] == order
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", body["timestamp"])
    assert datetime.fromisoformat(body["timestamp"]).utcoffset() is not None


def test_status_events_carry_both_status_ids_and_who_did_it(
    ask: Client, sim: fn.FieldNationSim, heard: Receiver
) -> None:
    create(ask)
    ask("POST", f"{ONE}/publish")
    sim.act("assign", 4410027)
    sim.act("check_in", 4410027)
    until(sim.idle)
    facts = [(body["event"]["params"], body["triggered_by_user"]["id"]) for body in heard.bodies()[1:]]

    def params(now: int, before: int) -> dict[str, int]:
        return {"work_order_id": 4410027, "status_id": now, "previous_status_id": before}

    assert facts == [
        (params(1, 0), fn.API_USER_ID),
        (params(2, 1), fn.API_USER_ID),
        (params(3, 2), 5020),
        (params(3, 3), 70311),
    ]


CHANGES: list[tuple[str, str, Any, list[str]]] = [
    ("PUT", "", {"title": "no event for that"}, []),
    (
        "PUT",
        "",
        {"schedule": {"service_window": {"mode": "exact", "start": {"utc": "2026-07-03 14:00:00"}}}},
        ["schedule_updated"],
    ),
    ("PUT", "/schedule", FULL["schedule"], ["schedule_updated"]),
    ("PUT", "/schedule", FULL["schedule"], []),
    ("PUT", "/custom_fields/611", {"value": "1001"}, ["custom_field_value_updated"]),
    ("PUT", "/custom_fields/611", {"value": "1001"}, []),
    (
        "PUT",
        "",
        {"custom_fields": {"results": [{"results": [{"id": 611, "value": "2"}, {"id": 613, "value": "3"}]}]}},
        ["custom_field_value_updated"] * 2,
    ),
    ("POST", "/messages", {"message": "x"}, ["message_posted"]),
    ("POST", "/tags", {"id": 21}, ["tag_added"]),
    ("POST", "/tags", {"id": 21}, []),
    ("DELETE", "/tags/21", None, ["tag_removed"]),
    ("POST", "/tasks", {"label": "Photo"}, []),
    ("POST", "/publish", None, ["status.published"]),
    ("POST", "/mass-route", {"ids": [70311, 70312]}, ["routed", "routed", "status.routed"]),
    ("POST", "/route", {"technician": {"id": 70313}}, ["routed"]),
    ("DELETE", "/publish", None, ["status.draft"]),
    ("POST", "/assignee", {"user": {"id": 70311}}, ["status.assigned"]),
    ("DELETE", "/assignee", {"user": {"id": 70311}}, ["status.assigned_cancelled", "status.published"]),
    ("POST", "/problems", {"type": {"id": 1}}, ["problem_reported"]),
    ("PUT", "/problems/1", {"resolved": True}, ["problem_resolved"]),
    ("PUT", "/incident", {"incident_id": "x"}, []),
    ("DELETE", "?cancel_reason=1", None, ["status.cancelled"]),
]


def test_each_change_by_api_raises_its_events_and_no_others(
    ask: Client, sim: fn.FieldNationSim, heard: Receiver
) -> None:
    create(ask)
    assert names_after(sim, heard) == ["created", "status.draft"]
    for method, path, body, events in CHANGES:
        answer = ask(method, ONE + path, json=body)
        assert answer.status_code == 200, (path, answer.text)
        assert names_after(sim, heard) == events, (method, path, body)


ACTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("publish", {}, ["status.published"]),
    ("request", {}, ["requested"]),
    ("route", {}, ["routed", "status.routed"]),
    ("decline", {}, ["declined"]),
    ("undecline", {}, ["undeclined"]),
    ("assign", {}, ["status.assigned"]),
    ("confirm", {}, ["status.confirmed"]),
    ("at_risk", {}, ["status.at_risk"]),
    ("delayed", {}, ["status.delayed", "message_posted"]),
    ("on_my_way", {}, ["status.on_my_way"]),
    ("check_in", {}, ["status.checked_in", "task_completed"]),
    ("message", {"message": "x"}, ["message_posted"]),
    ("custom_field", {"id": 702, "value": "S"}, ["custom_field_value_updated"]),
    ("schedule", {}, ["schedule_updated"]),
    ("complete_task", {}, ["task_completed"]),
    ("upload", {}, ["provider_upload"]),
    ("report_problem", {}, ["problem_reported"]),
    ("resolve_problem", {}, ["problem_resolved"]),
    ("expense", {}, []),
    ("update", {"fields": {"title": "x"}}, []),
    ("check_out", {}, ["status.checked_out"]),
    ("work_done", {}, ["status.work_done"]),
    ("incomplete", {}, ["status.assigned"]),
    ("work_done", {}, ["status.work_done"]),
    ("approve", {}, ["status.approved"]),
    ("pay", {}, ["status.paid"]),
]


def test_each_act_of_a_person_raises_its_events_and_no_others(
    ask: Client, sim: fn.FieldNationSim, heard: Receiver
) -> None:
    tasks = {"results": [{"label": "Check in"}, {"label": "Photo"}]}
    sim.act("create", fields={"tasks": tasks})
    assert names_after(sim, heard) == ["created", "status.draft"]
    for action, facts, events in ACTS:
        sim.act(action, 4410027, **facts)
        assert names_after(sim, heard) == events, action
    sim.act("create")
    sim.act("postpone", 4410028)
    sim.act("cancel", 4410028)
    sim.act("create")
    sim.act("cancel", 4410029)
    got = names_after(sim, heard)
    assert sorted(got) == sorted(
        ["created", "status.draft"] * 2 + ["status.postponed", "status.cancelled", "status.deleted"]
    )


def test_a_refused_or_dropped_write_raises_nothing(ask: Client, sim: fn.FieldNationSim, heard: Receiver) -> None:
    create(ask)
    names_after(sim, heard)
    ask("POST", f"{ONE}/approve")
    ask("PUT", ONE, json={"schedule": {"start": "2026-07-02"}, "custom_fields": {"611": "x"}})
    ask("PUT", ONE, json={"incident_id": "x", "schedule": FULL["schedule"], "title": ""})
    assert names_after(sim, heard) == []


def test_only_subscribed_active_webhooks_are_told(ask: Client, sim: fn.FieldNationSim, receiver: Receiver) -> None:
    hook = subscribe(ask, receiver.url, "workorder.status.published", method="put")
    other = subscribe(ask, receiver.url, "workorder.created", status="inactive")
    sim.act("create", publish=True)
    assert names_after(sim, receiver) == ["status.published"]
    ask("PUT", f"{HOOKS}/{other['webhookId']}", json={"status": "active"})
    ask("PUT", f"{HOOKS}/{hook['webhookId']}", json={"status": "inactive"})
    sim.act("create", publish=True)  # what happened while inactive is not told later
    assert names_after(sim, receiver) == ["created"]


def test_an_event_while_inactive_is_not_even_queued(ask: Client, sim: fn.FieldNationSim, receiver: Receiver) -> None:
    subscribe(ask, receiver.url, "workorder.created", status="inactive")
    with sim.store.transaction():  # the threads wait for its end
        sim.act("create")
        assert sim.store.all("job") == []


def test_what_waits_is_not_sent_once_the_webhook_is_inactive(
    ask: Client, sim: fn.FieldNationSim, receiver: Receiver
) -> None:
    hook = subscribe(ask, receiver.url, "workorder.created")
    with sim.store.transaction():
        sim.act("create")
        kept = sim.store.filed("webhook", hook["webhookId"])[0]
        sim.store.put("webhook", kept["id"], {**kept, "status": "inactive"}, key=kept["webhookId"])
        assert len(sim.store.all("job")) == 1
    until(sim.idle)
    assert receiver.taken == []
    assert sim.deliveries() == []


def test_method_own_headers_and_a_new_secret_are_used(ask: Client, sim: fn.FieldNationSim, receiver: Receiver) -> None:
    own = {"header": {"X-Own": "second secret"}}
    hook = subscribe(ask, receiver.url, "workorder.created", method="put", webhookAttribute=own)
    ask("PUT", f"{HOOKS}/{hook['webhookId']}", json={"secret": SECRET})
    sim.act("create")
    until(sim.idle)
    headers, raw = receiver.taken[0]
    assert (headers[":method"], headers["X-Own"]) == ("PUT", "second secret")
    assert headers["X-FN-Signature"].removeprefix("sha256=") == hmac.new(SECRET.encode(), raw, "sha256").hexdigest()


def test_5xx_is_retried_with_the_same_delivery_and_body_and_counted_attempts(
    ask: Client, sim: fn.FieldNationSim, receiver: Receiver
) -> None:
    receiver.answer = lambda place: 503 if place < 2 else 204
    subscribe(ask, receiver.url, "workorder.created")
    sim.act("create")
    until(sim.idle)
    ids = [headers["X-FN-Delivery-Id"] for headers, _ in receiver.taken]
    delivery = ids[0].removesuffix(":1")
    assert ids == [f"{delivery}:{attempt}" for attempt in (1, 2, 3)]
    assert len({raw for _, raw in receiver.taken}) == 1
    assert [(row["deliveryStatus"], row["deliveryAttempt"]) for row in sim.deliveries()] == [
        ("503", 1),
        ("503", 2),
        ("204", 3),
    ]


@pytest.mark.parametrize("status", [400, 401, 404, 408, 410, 422, 429, 302])
def test_every_other_answer_is_final(ask: Client, sim: fn.FieldNationSim, receiver: Receiver, status: int) -> None:
    receiver.answer = lambda place: status
    subscribe(ask, receiver.url, "workorder.created")
    sim.act("create")
    until(sim.idle)
    assert [row["deliveryStatus"] for row in sim.deliveries()] == [str(status)]
    assert len(receiver.taken) == 1


def test_after_the_eighth_attempt_it_is_given_up_and_can_be_retried_by_hand(
    ask: Client, sim: fn.FieldNationSim, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim._deliveries.courier, "_waits", (0.0,) * (ATTEMPTS - 1))
    receiver.answer = lambda place: 500 if place < ATTEMPTS else 200
    subscribe(ask, receiver.url, "workorder.created")
    sim.act("create")
    until(sim.idle)
    assert [row["deliveryAttempt"] for row in sim.deliveries()] == list(range(1, 9))
    failed = ask("GET", f"{HOOKS}/delivery-logs", params={"perPage": 1}).json()["result"][0]
    answer = ask("PATCH", f"{HOOKS}/delivery-logs/{failed['deliveryId']}/retry")
    assert set(answer.json()["result"]) == {"job_id"}
    until(sim.idle)
    assert len(receiver.taken) == 9
    (first_headers, first_raw), (last_headers, last_raw) = receiver.taken[0], receiver.taken[-1]
    assert last_raw == first_raw
    assert last_headers["X-FN-Delivery-Id"].endswith(":1")
    assert last_headers["X-FN-Delivery-Id"] != first_headers["X-FN-Delivery-Id"]
    assert last_headers["X-FN-Event-Trace-Id"] == first_headers["X-FN-Event-Trace-Id"]
    assert sim.deliveries()[-1]["deliveryStatus"] == "200"


def test_the_waits_double_from_the_first(sim: fn.FieldNationSim) -> None:
    assert sim._deliveries.courier._waits == pytest.approx((0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28))


def test_no_connection_and_no_answer_are_retried(receiver: Receiver) -> None:
    with socket.socket() as silent:  # accepts, never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        quick = fn.FieldNationSim(first_wait=0.01, webhook_timeout=0.1)
        with quick as sim, Server(sim.app) as url:
            client = Client(url)
            sign_in(client)
            hook = subscribe(client, f"http://127.0.0.1:{silent.getsockname()[1]}/", "workorder.created")
            sim.act("create")
            until(lambda: len(sim.deliveries()) >= 2)
            client("PUT", f"{HOOKS}/{hook['webhookId']}", json={"url": "http://127.0.0.1:1/"})  # nobody listens there
            seen = len(sim.deliveries())
            until(lambda: len(sim.deliveries()) >= seen + 2)
            client("PUT", f"{HOOKS}/{hook['webhookId']}", json={"url": receiver.url})
            until(sim.idle)
            rows = sim.deliveries()
    assert {row["deliveryStatus"] for row in rows[:-1]} == {"0"}
    assert (rows[-1]["deliveryStatus"], len(receiver.taken)) == ("202", 1)


def test_first_attempts_keep_their_order_per_work_order_while_writers_race(
    ask: Client, sim: fn.FieldNationSim, heard: Receiver
) -> None:
    for _ in range(4):
        create(ask)

    def write(turn: int) -> None:
        path, mark = f"{WO}/{4410027 + turn % 4}/custom_fields/611", {"Idempotency-Key": f"v{turn}"}
        assert ask("PUT", path, json={"value": f"v{turn}"}, headers=mark).status_code == 200

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))
    until(sim.idle)
    told: dict[int, list[str]] = defaultdict(list)
    for body in heard.bodies():
        if body["event"]["name"] == "workorder.custom_field_value_updated":
            told[body["workorder"]["id"]].append(body["workorder"]["custom_fields"]["internal"]["value"])
    # The journal is written in the transaction of the change, so its numbers are the order of the commits.
    written: dict[int, list[str]] = defaultdict(list)
    for row in ask("GET", "/control/requests", params={"method": "PUT"}).json()["requests"]:
        written[row["ids"][0]].append(row["idempotency_key"])
    assert {number: len(values) for number, values in told.items()} == dict.fromkeys(range(4410027, 4410031), 20)
    assert told == written


def test_a_waiting_retry_does_not_hold_up_later_events(
    ask: Client, sim: fn.FieldNationSim, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim._deliveries.courier, "_waits", (600.0,))
    receiver.answer = lambda place: 500 if place == 0 else 202
    subscribe(ask, receiver.url, "workorder.created", "workorder.status.published")
    sim.act("create", publish=True)
    until(lambda: len(receiver.taken) == 2)
    assert receiver.names() == ["workorder.created", "workorder.status.published"]
    assert not sim.idle()


def test_a_hanging_receiver_does_not_block_the_api(ask: Client) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        subscribe(ask, f"http://127.0.0.1:{silent.getsockname()[1]}/", "workorder.created")
        for _ in range(20):
            create(ask)
        assert ask("GET", f"{WO}/4410046", timeout=4).status_code == 200


def test_what_was_not_delivered_is_sent_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    path = tmp_path / "fn.sqlite3"
    receiver.answer = lambda place: 503
    first = fn.FieldNationSim(path, first_wait=30)
    with Server(first.app) as url:
        client = Client(url)
        sign_in(client)
        subscribe(client, receiver.url, "workorder.created")
        first.act("create")
        until(lambda: len(first.deliveries()) == 1)
    first.close()
    receiver.answer = lambda place: 200
    # The wait of the stored retry is over when the second run begins.
    store = Store(path)
    with store.transaction():
        job = store.all("job")[0]
        assert (job["attempt"], job["due"] > time.time()) == (2, True)
        store.put("job", job["number"], {**job, "due": 0.0})
    store.close()
    with fn.FieldNationSim(path) as second:
        until(second.idle)
        assert [row["deliveryStatus"] for row in second.deliveries()] == ["503", "200"]
        assert [order["id"] for order in second.work_orders()] == [4410027]
    assert [headers["X-FN-Delivery-Id"][-2:] for headers, _ in receiver.taken] == [":1", ":2"]
    assert receiver.taken[0][1] == receiver.taken[1][1]


def test_a_rolled_back_job_is_never_sent_even_when_its_number_is_given_out_again(receiver: Receiver) -> None:
    store = Store()
    settled: list[tuple[str, Outcome]] = []
    courier = Courier(
        store,
        prepare=lambda job: job,
        settle=lambda job, outcome: settled.append((job.subject, outcome)),
        waits=(),
        timeout=5,
    )

    def post(subject: str) -> Job:
        return courier.post(key="k", url=receiver.url, body="{}", subject=subject)

    def post_and_fail(posted: list[Job]) -> None:
        with store.transaction():
            posted.append(post("undone"))
            raise RuntimeError

    undone: list[Job] = []
    with store.transaction():
        with pytest.raises(RuntimeError):
            post_and_fail(undone)
        kept = post("kept")
    until(courier.idle)
    courier.close()
    assert kept.number == undone[0].number
    assert settled == [("kept", Outcome(202))]
    assert len(receiver.taken) == 1
