from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from broker_project.sandbox import helpdesk as hd
from broker_project.sandbox.serve import Server
from broker_project.sandbox.tickets import TICKET_FIELDS

from .conftest import Client

FULL = {
    "subject": "Swap switch",
    "description": "Replace the unit.",
    "status": "Open",
    "priority": "High",
    "technician": "Rui Okafor",
    "scheduled_start": "2026-07-01T14:00:00Z",
    "amount": 195.5,
    "work_order_id": "4410027",
    "correlation": "wo-4410027",
    "requester": "Dana Whitfield",
    "street": "88 Mill Road",
    "city": "Duluth",
    "state": "MN",
    "zip": "55802",
    "country": "US",
}


def fields_of(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 422
    fields: dict[str, str] = answer.json()["error"]["fields"]
    return fields


def test_a_created_ticket_holds_what_was_sent_and_gets_number_times_and_version(ask_desk: Client) -> None:
    answer = ask_desk("POST", "/api/tickets", json=FULL)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/tickets/1001"
    ticket = answer.json()
    assert {name: ticket[name] for name in FULL} == FULL
    assert (ticket["id"], ticket["version"]) == (1001, 1)
    assert ticket["created_at"] == ticket["updated_at"]
    assert ask_desk("GET", "/api/tickets/1001").json() == ticket
    assert ask_desk("POST", "/api/tickets", json={"subject": "Second"}).json()["id"] == 1002


def test_what_is_not_sent_gets_its_default(ask_desk: Client) -> None:
    ticket = ask_desk("POST", "/api/tickets", json={"subject": "Only this"}).json()
    assert set(ticket) == {field.name for field in TICKET_FIELDS}
    assert (ticket["status"], ticket["priority"], ticket["amount"], ticket["technician"]) == ("New", "Normal", 0, "")


def test_patch_changes_only_what_is_sent_and_put_resets_the_rest(ask_desk: Client) -> None:
    before = ask_desk("POST", "/api/tickets", json=FULL).json()
    patched = ask_desk("PATCH", "/api/tickets/1001", json={"status": "Resolved"}).json()
    unchanged = set(before) - {"status", "version", "updated_at"}
    assert {name: patched[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert (patched["status"], patched["version"]) == ("Resolved", 2)
    put = ask_desk("PUT", "/api/tickets/1001", json={"subject": "New text"}).json()
    assert (put["subject"], put["status"], put["correlation"], put["version"]) == ("New text", "New", "", 3)


def test_writing_the_same_again_is_no_change(ask_desk: Client) -> None:
    before = ask_desk("POST", "/api/tickets", json=FULL).json()
    assert ask_desk("PATCH", "/api/tickets/1001", json={"status": "Open", "amount": 195.5}).json() == before


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"colour": "red"}, "colour", "Unknown field."),
        ({"status": "open"}, "status", "Must be one of New, Open, Scheduled, In progress, Resolved, Closed."),
        ({"amount": "12"}, "amount", "Must be a number."),
        ({"amount": True}, "amount", "Must be a number."),
        ({"amount": None}, "amount", "Must be a number."),
        ({"technician": 7}, "technician", "Must be a text."),
        ({"technician": None}, "technician", "Must be a text."),
        ({"work_order_id": 4410027}, "work_order_id", "Must be a text."),
        ({"subject": " "}, "subject", "Must not be empty."),
        ({"subject": "x" * 256}, "subject", "Must not be longer than 255 characters."),
        ({"id": 5}, "id", "Read-only field."),
        ({"version": 5}, "version", "Read-only field."),
        ({"scheduled_start": "2026-07-01 14:00:00"}, "scheduled_start", "Must be a date and time with zone"),
        ({"scheduled_start": "2026-02-30T14:00:00Z"}, "scheduled_start", "Must be a date and time with zone"),
    ],
)
def test_wrong_values_are_refused_by_name_and_nothing_changes(
    ask_desk: Client, values: dict[str, Any], field: str, sentence: str
) -> None:
    before = ask_desk("POST", "/api/tickets", json=FULL).json()
    for method, path in (("POST", "/api/tickets"), ("PATCH", "/api/tickets/1001"), ("PUT", "/api/tickets/1001")):
        fields = fields_of(ask_desk(method, path, json={"subject": "Fine", "city": "Elsewhere", **values}))
        assert list(fields) == [field]
        assert fields[field].startswith(sentence)
    assert ask_desk("GET", "/api/tickets").json()["results"] == [before]


def test_a_ticket_needs_a_subject_and_a_note_its_text(ask_desk: Client) -> None:
    assert fields_of(ask_desk("POST", "/api/tickets", json={"city": "Duluth"})) == {"subject": "Required field."}
    ask_desk("POST", "/api/tickets", json=FULL)
    assert fields_of(ask_desk("PUT", "/api/tickets/1001", json={})) == {"subject": "Required field."}
    assert fields_of(ask_desk("POST", "/api/tickets/1001/notes", json={})) == {"text": "Required field."}


def test_dates_with_an_offset_and_empty_dates_are_taken_as_they_are(ask_desk: Client) -> None:
    for text in ("2026-07-01T09:00:00-05:00", "2026-07-01T09:00:00.250Z", ""):
        ticket = ask_desk("POST", "/api/tickets", json={"subject": "x", "scheduled_start": text}).json()
        assert ticket["scheduled_start"] == text


def test_notes_are_kept_in_order_and_do_not_count_as_a_version(ask_desk: Client, desk: hd.HelpDesk) -> None:
    before = ask_desk("POST", "/api/tickets", json=FULL).json()
    first = ask_desk(
        "POST", "/api/tickets/1001/notes", json={"text": "On my way", "author": "Rui", "correlation": "m-1"}
    )
    assert first.status_code == 201
    note = first.json()
    assert {name: note[name] for name in ("id", "ticket_id", "text", "author", "correlation")} == {
        "id": 1,
        "ticket_id": 1001,
        "text": "On my way",
        "author": "Rui",
        "correlation": "m-1",
    }
    ask_desk("POST", "/api/tickets/1001/notes", json={"text": "Done"})
    listed = ask_desk("GET", "/api/tickets/1001/notes").json()
    assert (listed["total"], [row["text"] for row in listed["results"]]) == (2, ["On my way", "Done"])
    assert desk.notes(1001) == listed["results"]
    after = ask_desk("GET", "/api/tickets/1001").json()
    assert after["version"] == before["version"]
    assert after["updated_at"] >= before["updated_at"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/tickets/7"),
        ("PUT", "/api/tickets/7"),
        ("PATCH", "/api/tickets/7"),
        ("GET", "/api/tickets/7/notes"),
        ("POST", "/api/tickets/7/notes"),
        ("GET", "/api/tickets/abc"),
        ("GET", "/api/nothing"),
    ],
)
def test_what_does_not_exist_is_404(ask_desk: Client, method: str, path: str) -> None:
    answer = ask_desk(method, path, json={"subject": "x"} if method != "GET" else None)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"]


def test_wrong_methods_media_types_and_bodies(ask_desk: Client) -> None:
    assert ask_desk("DELETE", "/api/tickets/1001").status_code == 405
    assert ask_desk("POST", "/api/tickets", data={"subject": "x"}).status_code == 415
    headers = {"Content-Type": "application/json"}
    for body in (b"{", b"[]", b'"x"', b"", b'{"amount": NaN, "subject": "x"}'):
        answer = ask_desk("POST", "/api/tickets", data=body, headers=headers)
        assert (answer.status_code, list(answer.json())) == (400, ["error"]), body
    assert ask_desk("GET", "/api/tickets").json()["total"] == 0


def test_search_by_correlation_is_exact_and_finds_duplicates(ask_desk: Client) -> None:
    for correlation in ("wo-1", "wo-1", "wo-10", "", "wo 1&x=%"):
        ask_desk("POST", "/api/tickets", json={"subject": "x", "correlation": correlation})

    def found(correlation: str) -> list[int]:
        answer = ask_desk("GET", "/api/tickets", params={"correlation": correlation}).json()
        return [ticket["id"] for ticket in answer["results"]]

    assert found("wo-1") == [1001, 1002]
    assert found("wo-2") == []
    assert found("") == [1004]
    assert found("wo 1&x=%") == [1005]
    ask_desk("PATCH", "/api/tickets/1001", json={"correlation": "wo-2"})
    assert (found("wo-1"), found("wo-2")) == ([1002], [1001])


def test_the_list_is_paged_latest_change_first(ask_desk: Client) -> None:
    for number in range(5):
        ask_desk("POST", "/api/tickets", json={"subject": str(number), "status": "Open" if number % 2 else "New"})
    ask_desk("PATCH", "/api/tickets/1001", json={"city": "Duluth"})

    def ids(**query: Any) -> list[int]:
        return [ticket["id"] for ticket in ask_desk("GET", "/api/tickets", params=query).json()["results"]]

    assert ids() == [1001, 1005, 1004, 1003, 1002]
    assert ids(per_page=2, page=2) == [1004, 1003]
    assert ids(per_page=2, page=4) == []
    assert ids(status="Open") == [1004, 1002]
    assert ask_desk("GET", "/api/tickets", params={"per_page": 101}).status_code == 400
    assert fields_of(ask_desk("GET", "/api/tickets", params={"corelation": "x"})) == {
        "corelation": "Unknown parameter."
    }


def test_metadata_names_every_field(ask_desk: Client) -> None:
    metadata = ask_desk("GET", "/api/metadata").json()
    assert metadata["object"] == "ticket"
    fields = {field["name"]: field for field in metadata["fields"]}
    assert set(fields) == set(ask_desk("POST", "/api/tickets", json={"subject": "x"}).json())
    assert fields["status"]["choices"] == ["New", "Open", "Scheduled", "In progress", "Resolved", "Closed"]
    assert (fields["amount"]["type"], fields["id"]["read_only"], fields["subject"]["required"]) == (
        "number",
        True,
        True,
    )


# Credentials


def status_with(client: Client, **settings: Any) -> int:
    return requests.get(f"{client.url}/api/metadata", timeout=10, **settings).status_code


def token_answer(client: Client, **settings: Any) -> requests.Response:
    return requests.post(f"{client.url}/oauth/token", timeout=10, **settings)


GRANT = {"grant_type": "client_credentials", "client_id": hd.OAUTH_ID, "client_secret": hd.OAUTH_WORD}


def test_each_way_to_sign_in_opens_the_api_and_its_wrong_form_does_not(ask_desk: Client) -> None:
    assert status_with(ask_desk) == 401
    assert status_with(ask_desk, headers={"X-API-Key": hd.API_KEY}) == 200
    assert status_with(ask_desk, headers={"X-API-Key": "wrong"}) == 401
    assert status_with(ask_desk, auth=(hd.BASIC_USER, hd.BASIC_WORD)) == 200
    assert status_with(ask_desk, auth=(hd.BASIC_USER, "wrong")) == 401
    assert status_with(ask_desk, headers={"Authorization": f"Bearer {hd.BEARER}"}) == 200
    assert status_with(ask_desk, headers={"Authorization": "Bearer wrong"}) == 401
    assert status_with(ask_desk, headers={"Authorization": "Digest x"}) == 401


def test_the_key_is_a_setting() -> None:
    with hd.HelpDesk(api_key="another-key") as desk, Server(desk.app) as url:
        assert status_with(Client(url), headers={"X-API-Key": "another-key"}) == 200
        assert status_with(Client(url), headers={"X-API-Key": hd.API_KEY}) == 401


def test_oauth_tokens_come_by_body_or_basic_and_can_be_revoked(ask_desk: Client) -> None:
    by_body = token_answer(ask_desk, data=GRANT).json()
    by_basic = token_answer(
        ask_desk, data={"grant_type": "client_credentials"}, auth=(hd.OAUTH_ID, hd.OAUTH_WORD)
    ).json()
    assert (by_body["token_type"], by_body["expires_in"]) == ("Bearer", 300)
    bearers = [{"Authorization": f"Bearer {answer['access_token']}"} for answer in (by_body, by_basic)]
    assert [status_with(ask_desk, headers=headers) for headers in bearers] == [200, 200]
    assert ask_desk("POST", "/control/tokens/revoke").json() == {"revoked": 2}
    assert [status_with(ask_desk, headers=headers) for headers in bearers] == [401, 401]


def test_oauth_refuses_unknown_clients_and_other_grants(ask_desk: Client) -> None:
    wrong = token_answer(ask_desk, data={**GRANT, "client_secret": "wrong"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    other = token_answer(ask_desk, data={**GRANT, "grant_type": "password"})
    assert (other.status_code, other.json()["error"]) == (400, "unsupported_grant_type")


def test_an_oauth_token_ends_when_its_time_is_over(ask_desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_answer(ask_desk, data=GRANT).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 299)
    assert status_with(ask_desk, headers=headers) == 200
    monkeypatch.setattr(time, "time", lambda: now + 301)
    assert status_with(ask_desk, headers=headers) == 401
