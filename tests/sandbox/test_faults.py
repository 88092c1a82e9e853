"""Fault rules and the journal, on the Help Desk; both simulators share them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests

from broker_project.sandbox import fieldnation as fn
from broker_project.sandbox import helpdesk as hd
from broker_project.sandbox.faults import BadRule, Fault, FaultBook, parse_fault
from broker_project.sandbox.simulator import Simulator

from .conftest import Client, sign_in

NEW = {"subject": "x", "correlation": "wo-1"}


def fault(client: Client, **rule: Any) -> None:
    assert client("POST", "/control/faults", json=rule).status_code == 201


def journal(client: Client, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client("GET", "/control/requests", params=query).json()["requests"]
    return rows


def test_a_status_is_answered_without_processing_for_so_many_times(ask_desk: Client, desk: hd.HelpDesk) -> None:
    fault(ask_desk, method="post", path="/api/tickets", times=2, status=503, headers={"Retry-After": "7"})
    answers = [ask_desk("POST", "/api/tickets", json=NEW) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 201]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[0].json()["error"]["message"] == "A fault rule made this fail."
    assert len(desk.tickets()) == 1


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [({"a": [1]}, "application/json", '{"a":[1]}'), ("<html>", "text/plain; charset=utf-8", "<html>")],
)
def test_the_body_of_a_fault_is_json_or_text(ask_desk: Client, body: Any, kind: str, text: str) -> None:
    fault(ask_desk, status=502, body=body, headers={"X-Own": "1"})
    answer = ask_desk("GET", "/api/metadata")
    assert (answer.status_code, answer.headers["Content-Type"], answer.text) == (502, kind, text)
    assert answer.headers["X-Own"] == "1"


def test_a_success_status_without_a_body_is_empty(ask_desk: Client) -> None:
    fault(ask_desk, status=204)
    answer = ask_desk("GET", "/api/metadata")
    assert (answer.status_code, answer.content) == (204, b"")
    assert ask_desk("GET", "/api/metadata").status_code == 204  # times null: for ever


def test_dropped_before_nothing_happened_dropped_after_it_has(ask_desk: Client, desk: hd.HelpDesk) -> None:
    fault(ask_desk, method="POST", path="/api/tickets", times=1, drop="before")
    with pytest.raises(requests.ConnectionError):
        ask_desk("POST", "/api/tickets", json=NEW)
    assert desk.tickets() == []
    fault(ask_desk, method="POST", path="/api/tickets", times=1, drop="after")
    with pytest.raises(requests.ConnectionError):
        ask_desk("POST", "/api/tickets", json=NEW)
    assert [ticket["correlation"] for ticket in desk.tickets()] == ["wo-1"]
    assert ask_desk("GET", "/api/tickets", params={"correlation": "wo-1"}).json()["total"] == 1
    rows = journal(ask_desk, method="post")
    assert [(row["fault"], row["processed"], row["status"], row["ids"]) for row in rows] == [
        ("drop before", False, None, []),
        ("drop after", True, None, [1001]),
    ]


def test_a_delay_holds_up_its_own_request_only(ask_desk: Client, desk: hd.HelpDesk) -> None:
    fault(ask_desk, method="POST", path="/api/tickets", times=1, delay=60, delay_when="after")
    with pytest.raises(requests.ReadTimeout):
        ask_desk("POST", "/api/tickets", json=NEW, timeout=0.5)
    # It was processed before the delay, and others are served meanwhile.
    assert [ticket["id"] for ticket in desk.tickets()] == [1001]
    assert ask_desk("GET", "/api/tickets/1001").status_code == 200


def test_a_delay_before_comes_before_the_processing(
    ask_desk: Client, desk: hd.HelpDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[tuple[float, int]] = []
    fault(ask_desk, method="POST", path="/api/tickets", delay=3)
    monkeypatch.setattr("broker_project.sandbox.simulator.time.sleep", lambda s: slept.append((s, len(desk.tickets()))))
    assert ask_desk("POST", "/api/tickets", json=NEW).status_code == 201
    assert slept == [(3, 0)]


def test_success_without_a_body_is_processed_and_answered_empty(ask_desk: Client, desk: hd.HelpDesk) -> None:
    fault(ask_desk, method="POST", path="/api/tickets", times=1, success_without_body=True)
    answer = ask_desk("POST", "/api/tickets", json=NEW)
    assert (answer.status_code, answer.content) == (201, b"")
    assert len(desk.tickets()) == 1
    fault(ask_desk, path="/api/tickets/9", success_without_body=True)
    assert ask_desk("GET", "/api/tickets/9").json()["error"]["message"] == "There is no ticket 9."


def test_rules_match_method_and_path_and_the_first_one_wins(ask_desk: Client) -> None:
    ask_desk("POST", "/api/tickets", json=NEW)
    rules = [
        {"method": "GET", "path": "/api/tickets/*", "times": 1, "status": 500},
        {"path": "/api/tickets/1001", "status": 429},
    ]
    assert ask_desk("POST", "/control/faults", json=rules).json()["faults"][0]["times"] == 1
    assert ask_desk("GET", "/api/metadata").status_code == 200
    assert ask_desk("PATCH", "/api/tickets/1001", json={"city": "x"}).status_code == 429
    assert ask_desk("GET", "/api/tickets/1001?x=1").status_code == 500
    assert ask_desk("GET", "/api/tickets/1001").status_code == 429
    left = ask_desk("GET", "/control/faults").json()["faults"]
    assert [(rule["path"], rule["times"], rule["status"]) for rule in left] == [("/api/tickets/1001", None, 429)]
    assert ask_desk("DELETE", "/control/faults").json() == {"faults": []}
    assert ask_desk("GET", "/api/tickets/1001").status_code == 200


def test_faults_never_touch_control_calls_or_the_page(ask_desk: Client) -> None:
    fault(ask_desk, status=500)
    for path in ("/control/faults", "/control/requests", "/ui/state", "/"):
        assert ask_desk("GET", path).status_code == 200
    assert ask_desk("GET", "/openapi.json").status_code == 500
    assert ask_desk("POST", "/oauth/token").status_code == 500


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        ({}, "does nothing"),
        ({"status": 99}, "'status'"),
        ({"status": "500"}, "'status'"),
        ({"times": 0, "status": 500}, "'times'"),
        ({"times": True, "status": 500}, "'times'"),
        ({"drop": "later"}, "'drop'"),
        ({"delay": -1}, "'delay'"),
        ({"delay": 1, "delay_when": "never"}, "'delay_when'"),
        ({"headers": {"Retry-After": 7}, "status": 429}, "'headers'"),
        ({"speed": 3}, "Unknown member 'speed'"),
        ({"status": 500, "drop": "after"}, "cannot stand beside"),
        ([], "must be an object"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_with_its_member_named(rule: Any, part: str) -> None:
    with pytest.raises(BadRule, match=part):
        parse_fault(rule)


def test_a_bad_rule_in_a_list_adds_none_of_them(ask_desk: Client) -> None:
    answer = ask_desk("POST", "/control/faults", json={"faults": [{"status": 500}, {"status": 1}]})
    assert answer.status_code == 422
    assert ask_desk("GET", "/control/faults").json() == {"faults": []}
    for body in (b"{", b"7", b'{"faults": 7}'):
        assert ask_desk("POST", "/control/faults", data=body).status_code in (400, 422)


def test_a_rule_is_used_exactly_as_often_as_it_says_by_many_threads() -> None:
    book = FaultBook()
    taken: list[Fault | None] = []
    book.add([Fault(status=500, times=50)])

    def take() -> None:
        taken.extend(book.take(method="GET", path="/") for _ in range(20))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(fault is not None for fault in taken) == 50


# The journal


def test_every_api_request_is_written_down_with_its_route_ids_and_marks(ask_desk: Client) -> None:
    headers = {"Idempotency-Key": "k-1"}
    ask_desk("POST", "/api/tickets", json=NEW, headers=headers)
    ask_desk("GET", "/api/tickets/1001?x=1", headers={"X-Correlation-Id": "trace-9"})
    ask_desk("GET", "/api/tickets", params={"correlation": "wo-1"})
    ask_desk("GET", "/api/nowhere")
    ask_desk("GET", "/ui/state")
    rows = journal(ask_desk)
    assert [
        (row["number"], row["method"], row["route"], row["status"], row["correlation"], row["ids"]) for row in rows
    ] == [
        (1, "POST", "/api/tickets", 201, "wo-1", [1001]),
        (2, "GET", "/api/tickets/<int:ticket_id>", 200, "trace-9", [1001]),
        (3, "GET", "/api/tickets", 200, "wo-1", []),
        (4, "GET", "/api/nowhere", 404, "", []),
    ]
    assert [row["idempotency_key"] for row in rows] == ["k-1", "", "", ""]
    assert rows[1]["query"] == {"x": "1"}
    assert rows[0]["time"] <= rows[1]["time"]


def test_the_journal_counts_and_can_be_searched(ask_desk: Client) -> None:
    fault(ask_desk, method="GET", path="/api/tickets/1002", times=1, drop="before")
    for _ in range(2):
        ask_desk("POST", "/api/tickets", json=NEW)
    ask_desk("POST", "/api/tickets", json={"subject": 1})
    with pytest.raises(requests.ConnectionError):
        ask_desk("GET", "/api/tickets/1002")
    answer = ask_desk("GET", "/control/requests").json()
    assert answer["counters"] == {
        "total": 4,
        "by_status": {"201": 2, "422": 1, "dropped": 1},
        "by_route": {
            "POST /api/tickets": {"201": 2, "422": 1},
            "GET /api/tickets/<int:ticket_id>": {"dropped": 1},
        },
    }
    assert [row["number"] for row in journal(ask_desk, after=2)] == [3, 4]
    assert [row["number"] for row in journal(ask_desk, limit=1)] == [1]
    assert [row["number"] for row in journal(ask_desk, status=422)] == [3]
    assert [row["number"] for row in journal(ask_desk, path="/api/tickets/*")] == [4]
    assert [row["number"] for row in journal(ask_desk, method="get")] == [4]


def test_the_journal_never_holds_an_access_token(ask: Client) -> None:
    token = sign_in(ask)
    ask("GET", "/api/rest/v2/workorders", params={"list": "workorders_all"})
    text = ask("GET", "/control/requests").text
    assert '"list":"workorders_all"' in text
    assert token not in text


@pytest.mark.parametrize("kind", [hd.HelpDesk, fn.FieldNationSim])
def test_reset_makes_a_new_account(kind: type[Simulator], ask_desk: Client, ask: Client) -> None:
    client = ask_desk if kind is hd.HelpDesk else ask
    path, body = ("/api/tickets", NEW) if kind is hd.HelpDesk else ("/api/rest/v2/workorders", {"title": "x"})
    first = client("POST", path, json=body).json()["id"]
    client("POST", "/control/settings", json={"token_seconds": 9})
    fault(client, path="/api/x", status=500)
    assert client("POST", "/control/reset").json() == {"reset": True}
    assert client("GET", "/control/faults").json() == {"faults": []}
    assert client("GET", "/control/settings").json()["token_seconds"] != 9
    assert client("GET", "/control/requests").json() == {
        "counters": {"total": 0, "by_status": {}, "by_route": {}},
        "requests": [],
    }
    assert client("GET", "/ui/state").json()["total"] == 0
    if kind is fn.FieldNationSim:
        assert client("GET", "/api/rest/v2/workorders").status_code == 401  # tokens are gone too
        sign_in(client)
    assert client("POST", path, json=body).json()["id"] == first
