"""The Help Desk's page: what people do there, and the calls to the broker's trigger URL."""

from __future__ import annotations

import pytest

from broker_project.sandbox import helpdesk as hd

from .conftest import Client, Receiver, until


def connect(ask_desk: Client, url: str, **settings: bool) -> None:
    answer = ask_desk("POST", "/control/settings", json={"trigger_url": url, **settings})
    assert answer.status_code == 200, answer.text


def shown(ask_desk: Client) -> list[dict[str, object]]:
    tickets: list[dict[str, object]] = ask_desk("GET", "/ui/state").json()["tickets"]
    return tickets


def test_the_page_and_its_parts_are_served_with_a_strict_policy(ask_desk: Client) -> None:
    page = ask_desk("GET", "/")
    assert "<title>Help Desk (sandbox)</title>" in page.text
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript"), ("helpdesk.js", "text/javascript")):
        answer = ask_desk("GET", f"/ui/{name}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
        assert name == "page.css" or '"use strict"' in answer.text
    assert ask_desk("GET", "/ui/../helpdesk.py").status_code == 404
    assert ask_desk("GET", "/ui/store.py").status_code == 404


def test_the_refresh_shows_latest_change_first_with_who_and_what(ask_desk: Client) -> None:
    ask_desk("POST", "/api/tickets", json={"subject": "a"})
    ask_desk("POST", "/api/tickets", json={"subject": "b"})
    ask_desk("PATCH", "/api/tickets/1001", json={"status": "Open", "technician": "Rui"})
    ask_desk("POST", "/api/tickets/1002/notes", json={"text": "hello"})
    ask_desk("POST", "/ui/tickets/1001", json={"priority": "High"})
    state = ask_desk("GET", "/ui/state").json()
    first, second = state["tickets"]
    assert state["total"] == 2
    assert (first["ticket"]["id"], first["change"]["by"], first["change"]["fields"]) == (
        1001,
        "Person",
        {"priority": ["Normal", "High"]},
    )
    assert first["ticket"]["version"] == 3
    assert (second["ticket"]["id"], second["change"]["by"], second["change"]["fields"]) == (
        1002,
        "API",
        {"notes": ["", "hello"]},
    )
    assert [note["text"] for note in second["notes"]] == ["hello"]
    assert state["choices"]["status"][0] == "New"


def test_a_person_creates_and_changes_in_the_same_store_within_the_same_rules(ask_desk: Client) -> None:
    created = ask_desk("POST", "/ui/tickets", json={"subject": "From the page", "priority": "Low"})
    assert (created.status_code, created.json()["id"]) == (201, 1001)
    changed = ask_desk("POST", "/ui/tickets/1001", json={"status": "Open", "subject": "Better"}).json()
    assert ask_desk("GET", "/api/tickets/1001").json() == changed
    assert (changed["subject"], changed["status"], changed["version"]) == ("Better", "Open", 2)
    wrong = ask_desk("POST", "/ui/tickets/1001", json={"status": "Odd", "technician": "Me"})
    assert wrong.status_code == 422
    assert set(wrong.json()["error"]["fields"]) == {"status", "technician"}
    assert ask_desk("POST", "/ui/tickets/9", json={"status": "Open"}).status_code == 404
    # A form on a foreign site can only send form types, which are refused.
    assert ask_desk("POST", "/ui/tickets", data={"subject": "x"}).status_code == 415


def test_send_to_field_nation_calls_the_trigger_with_the_ticket_id(
    ask_desk: Client, desk: hd.HelpDesk, receiver: Receiver
) -> None:
    ask_desk("POST", "/api/tickets", json={"subject": "a"})
    refused = ask_desk("POST", "/ui/tickets/1001/send", json={})
    assert refused.status_code == 409
    assert "No trigger URL" in refused.json()["error"]["message"]
    connect(ask_desk, receiver.url)
    assert ask_desk("POST", "/ui/tickets/1001/send", json={}).status_code == 202
    until(desk.idle)
    assert receiver.bodies() == [{"id": 1001}]
    headers = receiver.taken[0][0]
    assert (headers[":method"], headers["Content-Type"]) == ("POST", "application/json")
    assert shown(ask_desk)[0]["trigger"]["result"] == "sent"  # type: ignore[index]
    assert ask_desk("POST", "/ui/tickets/9/send", json={}).status_code == 404


def test_human_changes_are_sent_by_themselves_only_when_switched_on(
    ask_desk: Client, desk: hd.HelpDesk, receiver: Receiver
) -> None:
    connect(ask_desk, receiver.url)
    ask_desk("POST", "/ui/tickets", json={"subject": "quiet"})
    connect(ask_desk, receiver.url, auto_send=True)
    ask_desk("POST", "/ui/tickets", json={"subject": "told"})
    ask_desk("POST", "/ui/tickets/1001", json={"status": "Open"})
    ask_desk("POST", "/ui/tickets/1001", json={"status": "Open"})  # no difference, nothing to tell
    until(desk.idle)
    assert sorted(body["id"] for body in receiver.bodies()) == [1001, 1002]


def test_api_writes_are_not_told_unless_echo_is_on(ask_desk: Client, desk: hd.HelpDesk, receiver: Receiver) -> None:
    connect(ask_desk, receiver.url, auto_send=True)
    ask_desk("POST", "/api/tickets", json={"subject": "a"})
    ask_desk("PATCH", "/api/tickets/1001", json={"status": "Open"})
    ask_desk("POST", "/api/tickets/1001/notes", json={"text": "n"})
    until(desk.idle)
    assert receiver.bodies() == []
    connect(ask_desk, receiver.url, echo=True)
    ask_desk("POST", "/api/tickets", json={"subject": "b"})
    ask_desk("PATCH", "/api/tickets/1002", json={"status": "Open"})
    ask_desk("PATCH", "/api/tickets/1002", json={"status": "Open"})  # no difference
    ask_desk("PUT", "/api/tickets/1002", json={"subject": "c"})
    ask_desk("POST", "/api/tickets/1002/notes", json={"text": "n"})
    until(desk.idle)
    assert receiver.bodies() == [{"id": 1002}] * 4


def test_a_failed_trigger_is_tried_again_and_its_end_is_shown(
    ask_desk: Client, desk: hd.HelpDesk, receiver: Receiver
) -> None:
    ask_desk("POST", "/api/tickets", json={"subject": "a"})
    receiver.answer = lambda place: 503 if place == 0 else 202
    connect(ask_desk, receiver.url)
    ask_desk("POST", "/ui/tickets/1001/send", json={})
    until(lambda: len(receiver.bodies()) == 1)
    until(desk.idle)
    assert len(receiver.bodies()) == 2
    receiver.answer = lambda place: 401
    ask_desk("POST", "/ui/tickets/1001/send", json={})
    until(desk.idle)
    assert len(receiver.bodies()) == 3  # a 4xx is final
    assert shown(ask_desk)[0]["trigger"]["result"] == "failed, HTTP 401"  # type: ignore[index]


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"trigger_url": "http://example.test/x"}, "on this machine"),
        ({"trigger_url": "ftp://127.0.0.1/x"}, "on this machine"),
        ({"trigger_url": 7}, "on this machine"),
        ({"auto_send": "yes"}, "true or false"),
        ({"token_seconds": True}, "whole number"),
        ({"token_seconds": 0}, "whole number"),
        ({"volume": 11}, "known are trigger_url, auto_send, echo, token_seconds"),
    ],
)
def test_settings_that_cannot_work_are_refused_and_nothing_is_set(
    ask_desk: Client, settings: dict[str, object], part: str
) -> None:
    before = ask_desk("GET", "/control/settings").json()
    answer = ask_desk("POST", "/control/settings", json={"echo": True, **settings})
    assert answer.status_code == 422
    assert part in answer.json()["error"]["message"]
    assert ask_desk("GET", "/control/settings").json() == before
