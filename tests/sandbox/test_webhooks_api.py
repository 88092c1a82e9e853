"""The webhooks management API: subscriptions, history, event list, delivery log."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from broker_project.sandbox import fieldnation as fn

from .conftest import Client, Receiver, subscribe, until

HOOKS = "/api/v1/webhooks"
BODY: dict[str, Any] = {
    "events": ["workorder.created", "workorder.status.published"],
    "url": "http://127.0.0.1:9/in",
    "method": "post",
    "status": "inactive",
}


def test_the_token_goes_in_the_header_only(ask: Client) -> None:
    token = str(ask.session.headers["Authorization"]).removeprefix("Bearer ")
    answer = requests.get(f"{ask.url}{HOOKS}", params={"access_token": token}, timeout=10)
    assert answer.status_code == 401
    body = answer.json()
    assert (set(body), body["errors"][0]["code"], body["result"]) == ({"metadata", "errors", "result"}, 401, {})
    assert (body["metadata"]["path"], bool(body["metadata"]["timestamp"])) == (HOOKS, True)


def test_the_event_list_has_the_33_names(ask: Client) -> None:
    rows = ask("GET", f"{HOOKS}/events").json()["result"]
    names = [row["name"] for row in rows]
    assert (len(names), len(set(names))) == (33, 33)
    assert {"workorder.status.work_done", "workorder.part_updated", "workorder.message_posted"} <= set(names)
    assert rows[0] == {
        "name": "workorder.created",
        "label": "Created",
        "description": "Created (work order)",
        "model": "WorkOrder",
    }
    assert ask("GET", f"{HOOKS}/events", params={"model": "Other"}).json()["result"] == []


def test_a_webhook_is_created_read_changed_and_deleted(ask: Client) -> None:
    answer = ask("POST", f"{HOOKS}/", json={**BODY, "notificationEmail": "ops@example.test"})
    hook = answer.json()["result"]
    assert answer.status_code == 201
    assert {name: hook[name] for name in BODY} == BODY
    assert {str(uuid.UUID(hook[name])) for name in ("webhookId", "secret")} == {hook["webhookId"], hook["secret"]}
    assert (hook["userId"], hook["companyId"], hook["modelProperties"]) == (fn.API_USER_ID, 318, [])
    one = f"{HOOKS}/{hook['webhookId']}"
    assert ask("GET", one).json()["result"] == hook
    assert ask("GET", one, params={"fields": "url,status"}).json()["result"] == {
        "url": BODY["url"],
        "status": "inactive",
    }
    secret = str(uuid.uuid4())
    changed = ask("PUT", one, json={"events": ["workorder.created"], "status": "active", "secret": secret}).json()[
        "result"
    ]
    assert (changed["events"], changed["status"], changed["secret"]) == (["workorder.created"], "active", secret)
    assert changed["url"] == BODY["url"]
    assert ask("DELETE", one).json()["result"]["webhookId"] == hook["webhookId"]
    for method in ("GET", "PUT", "DELETE"):
        assert ask(method, one, json={}).status_code == 404
    history = ask("GET", f"{one}/history").json()["result"]
    assert [row["action"] for row in history] == ["deleted", "updated", "created"]
    assert history[1]["changes"] == {
        "events": {"from": BODY["events"], "to": ["workorder.created"]},
        "status": {"from": "inactive", "to": "active"},
    }
    assert secret not in str(history)


def test_headers_are_shown_only_when_asked_for_and_can_be_removed(ask: Client) -> None:
    hook = subscribe(ask, BODY["url"], *BODY["events"], webhookAttribute={"header": {"X-Own": "a", "X-Two": "b"}})
    one = f"{HOOKS}/{hook['webhookId']}"
    assert "webhookAttribute" not in hook
    shown = ask("GET", one, params={"webhookAttribute": "header"}).json()["result"]
    assert shown["webhookAttribute"] == {"header": {"X-Own": "a", "X-Two": "b"}}
    assert ask("DELETE", f"{one}/header/X-Own").status_code == 200
    assert ask("DELETE", f"{one}/header/X-Own").status_code == 404
    shown = ask("GET", one, params={"webhookAttribute": "header"}).json()["result"]
    assert shown["webhookAttribute"] == {"header": {"X-Two": "b"}}


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"events": []}, "events"),
        ({"events": ["workorder.created", "workorder.created"]}, "events"),
        ({"events": ["workorder.updated"]}, "events"),
        ({"events": "workorder.created"}, "events"),
        ({"url": "https://broker.example.test/hooks"}, "only to this machine"),
        ({"url": "file:///etc/hosts"}, "only to this machine"),
        ({"method": "get"}, "method"),
        ({"status": "on"}, "status"),
        ({"secret": "short"}, "secret"),
        ({"webhookAttribute": {"header": {"X-FN-Own": "a"}}}, "x-fn-"),
        ({"webhookAttribute": {"header": {"X-Own": 7}}}, "webhookAttribute"),
        ({"retries": 3}, "retries: unknown"),
    ],
)
def test_webhooks_that_cannot_work_are_refused(ask: Client, changes: dict[str, Any], part: str) -> None:
    answer = ask("POST", HOOKS, json={**BODY, **changes})
    assert (answer.status_code, part in answer.json()["errors"][0]["message"]) == (422, True)
    assert ask("GET", HOOKS).json()["result"] == []
    hook = subscribe(ask, BODY["url"], *BODY["events"])
    assert ask("PUT", f"{HOOKS}/{hook['webhookId']}", json=changes).status_code == 422
    assert ask("GET", HOOKS).json()["result"] == [hook]


@pytest.mark.parametrize("name", ["events", "url", "method", "status"])
def test_the_required_members_are_required(ask: Client, name: str) -> None:
    answer = ask("POST", HOOKS, json={key: value for key, value in BODY.items() if key != name})
    assert answer.json()["errors"] == [{"code": 422, "message": f"{name}: required."}]


def test_archiving_is_irreversible(ask: Client) -> None:
    hook = subscribe(ask, BODY["url"], *BODY["events"])
    one = f"{HOOKS}/{hook['webhookId']}"
    assert ask("PUT", one, json={"status": "archived"}).json()["result"]["status"] == "archived"
    assert ask("PUT", one, json={"status": "active"}).status_code == 422
    assert ask("GET", one).json()["result"]["status"] == "archived"


def test_webhooks_are_listed_newest_first_by_page_status_and_search(ask: Client) -> None:
    made = [
        subscribe(ask, f"http://127.0.0.1:9/{name}", *BODY["events"], status=status)["id"]
        for name, status in (("a", "active"), ("b", "inactive"), ("c", "active"))
    ]

    def ids(**query: Any) -> list[int]:
        return [made.index(row["id"]) for row in ask("GET", HOOKS, params=query).json()["result"]]

    assert ids() == [2, 1, 0]
    assert ids(sortDirection="ASC") == [0, 1, 2]
    assert ids(status="active") == [2, 0]
    assert ids(search="/b") == [1]
    assert ids(perPage=2, page=2) == [0]
    answer = ask("GET", HOOKS, params={"perPage": 2, "fields": "id"}).json()
    assert answer["result"] == [{"id": made[2]}, {"id": made[1]}]
    metadata = answer["metadata"]
    assert (metadata["total"], metadata["page"], metadata["perPage"], metadata["pages"]) == (3, 1, 2, 2)
    assert ask("GET", HOOKS, params={"sortBy": "url"}).status_code == 400
    assert ask("GET", HOOKS, params={"page": "x"}).status_code == 400


def test_the_delivery_log_is_searched_paged_and_read(ask: Client, sim: fn.FieldNationSim, receiver: Receiver) -> None:
    receiver.answer = lambda place: 500 if place == 0 else 202
    subscribe(ask, receiver.url, "workorder.created")
    hook = subscribe(ask, receiver.url, "workorder.status.published")
    sim.act("create")
    until(sim.idle)
    sim.act("create", publish=True)
    until(sim.idle)

    def rows(**query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ask("GET", f"{HOOKS}/delivery-logs", params=query).json()["result"]
        return found

    facts = [
        (row["workOrderId"] - 4410026, row["eventName"], row["deliveryStatus"], row["deliveryAttempt"])
        for row in rows()
    ]
    assert sorted(facts) == [
        (1, "workorder.created", "202", 2),
        (1, "workorder.created", "500", 1),
        (2, "workorder.created", "202", 1),
        (2, "workorder.status.published", "202", 1),
    ]
    assert set(rows()[0]) == {
        "deliveryId",
        "webhookId",
        "workOrderId",
        "eventName",
        "deliveryStatus",
        "deliveryAttempt",
        "createdAt",
    }
    failed = rows(deliveryStatus="500")
    assert [row["workOrderId"] for row in failed] == [4410027]
    assert failed[0]["deliveryId"].endswith(":1")
    both = rows(deliveryId=failed[0]["deliveryId"].removesuffix(":1"), sortDirection="ASC")
    assert [row["deliveryAttempt"] for row in both] == [1, 2]
    assert [row["eventName"] for row in rows(webhookId=hook["webhookId"])] == ["workorder.status.published"]
    assert len(rows(workOrderId=4410028)) == 2
    assert len(rows(eventName="workorder.created")) == 3
    assert len(rows(search="published")) == 1
    assert len(rows(perPage=3)) == 3
    assert len(rows(perPage=3, page=2)) == 1
    assert [row["workOrderId"] - 4410026 for row in rows(sortBy="workOrderId", sortDirection="ASC")] == [1, 1, 2, 2]
    assert ask("GET", f"{HOOKS}/delivery-logs", params={"perPage": 501}).status_code == 400
    assert ask("GET", f"{HOOKS}/delivery-logs", params={"sortBy": "deliveryAttempt"}).status_code == 400
    one = ask("GET", f"{HOOKS}/delivery-logs/{failed[0]['deliveryId']}").json()["result"]
    assert one == {**failed[0], "delivery_log": ""}
    assert ask("GET", f"{HOOKS}/delivery-logs/none").status_code == 404
    assert ask("PATCH", f"{HOOKS}/delivery-logs/none/retry").status_code == 404
