"""The REST platform beyond the contract: ids, where things lie in answers, finding again, the connection test."""

from __future__ import annotations

from typing import Any

import pytest

from broker_project.lib.errors import (
    InvalidRecord,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    Unavailable,
)
from connectors.http import Caller
from connectors.platforms.contract import Created, TriggerCall
from connectors.platforms.rest import PLATFORM

from .contract_suite import MemoryTokens
from .fake_server import Answer, FakeServer, Fault, TicketSystem
from .rest_system import BASE, open_at


def test_headers_of_both_kinds_are_sent_and_the_secret_ones_hidden(server: FakeServer, tickets: TicketSystem) -> None:
    caller = Caller(allow_private=True)
    settings = {**BASE, "base_url": server.url, "headers": "X-Team: field\nX-Unit: 7"}
    client = PLATFORM.open(settings, {"secret_headers": '{"X-Door": "fictitious-door"}'}, caller, MemoryTokens())

    client.create({"note": "fictitious-door"}, correlation="c")

    seen = server.seen[0].headers
    assert (seen["x-team"], seen["x-unit"], seen["x-door"]) == ("field", "7", "fictitious-door")
    assert "fictitious-door" not in repr(caller.exchanges)


@pytest.mark.parametrize("number", ["a/b", "a?b=c", "a b#c", "ü%2F", "..%2f", "1;x"])
def test_ids_stay_one_part_of_the_path(server: FakeServer, tickets: TicketSystem, number: str) -> None:
    tickets.tickets[number] = {"id": number}

    assert open_at(server).read(number) == {"id": number}


@pytest.mark.parametrize("number", ["", " ", ".", ".."])
def test_ids_that_would_change_the_path_are_refused(server: FakeServer, tickets: TicketSystem, number: str) -> None:
    with pytest.raises(InvalidRecord):
        open_at(server).update(number, {"a": 1})
    assert server.seen == []


def test_an_id_can_travel_in_the_query(server: FakeServer) -> None:
    server.route("GET", "/ticket")(lambda seen: Answer(200, {"got": seen.query}))
    server.route("PUT", "/ticket")(lambda seen: Answer(204))
    client = open_at(server, record_path="/ticket?view=full", id_parameter="number", update_method="PUT")

    assert client.read("a&b")["got"] == {"view": ["full"], "number": ["a&b"]}
    client.update("7", {"x": 1})
    assert (server.seen[1].query["number"], server.seen[1].json()) == (["7"], {"x": 1})


@pytest.mark.parametrize(
    ("root", "answer"),
    [
        ("", {"id": 1}),
        ("data.ticket", {"data": {"ticket": {"id": 1}}}),
        ("result[0]", {"result": [{"id": 1}]}),
        ("result", {"result": [{"id": 1}]}),
    ],
)
def test_the_record_is_taken_from_its_root(server: FakeServer, root: str, answer: Any) -> None:
    server.route("GET", "/tickets/1")(lambda _: Answer(200, answer))

    assert open_at(server, record_root=root).read("1") == {"id": 1}


@pytest.mark.parametrize("answer", [{"result": []}, {"result": None}, {}])
def test_an_answer_without_a_record_is_not_found(server: FakeServer, answer: Any) -> None:
    server.route("GET", "/tickets/1")(lambda _: Answer(200, answer))

    with pytest.raises(NotFound, match="without a record at “result” for id 1"):
        open_at(server, record_root="result").read("1")


@pytest.mark.parametrize("answer", [[{"id": 1}, {"id": 2}], "text", 7])
def test_an_answer_that_is_not_one_record_is_a_matter_of_settings(server: FakeServer, answer: Any) -> None:
    server.route("GET", "/tickets/1")(lambda _: Answer(200, answer))

    with pytest.raises(Misconfigured, match="something other than one record"):
        open_at(server).read("1")


def test_a_page_instead_of_json_is_a_matter_of_settings(server: FakeServer) -> None:
    server.fail("GET", "/tickets/1", Fault(body=b"<html>sign in</html>", headers={"Content-Type": "text/html"}))

    with pytest.raises(Misconfigured, match="not with JSON"):
        open_at(server).read("1")


@pytest.mark.parametrize(
    ("path", "body", "headers", "expected"),
    [
        ("id", {"id": 5}, {}, "5"),
        ("data.key", {"data": {"key": "DESK-5"}}, {}, "DESK-5"),
        ("[0].id", [{"id": 5}], {}, "5"),
        ("header:Location", None, {"Location": "https://help.example.test/tickets/a%2Fb/?x=1"}, "a/b"),
        ("header: location", b"created", {"Location": "/tickets/9"}, "9"),
    ],
)
def test_the_new_id_is_taken_from_where_the_settings_say(
    server: FakeServer, path: str, body: Any, headers: dict[str, str], expected: str
) -> None:
    server.route("POST", "/tickets")(lambda _: Answer(201, body, headers))

    assert open_at(server, new_id_path=path).create({"a": 1}, correlation="c").external_id == expected


@pytest.mark.parametrize("body", [{"number": 5}, {"id": None}, {"id": " "}, {"id": {"value": 1}}, b"ok", None])
def test_a_create_that_does_not_tell_the_id_is_unknown_rather_than_repeatable(server: FakeServer, body: Any) -> None:
    server.route("POST", "/tickets")(lambda _: Answer(201, body))

    with pytest.raises(OutcomeUnknown, match="its id is not at “id”"):
        open_at(server).create({"a": 1}, correlation="c")


def test_a_create_gives_the_record_that_the_answer_held(server: FakeServer) -> None:
    server.route("POST", "/tickets")(lambda _: Answer(201, {"data": {"id": 5, "state": "new"}}))
    client = open_at(server, new_id_path="data.id", record_root="data")

    assert client.create({"a": 1}, correlation="c") == Created("5", {"id": 5, "state": "new"})


def test_the_correlation_is_set_where_the_settings_say_and_wins(server: FakeServer, tickets: TicketSystem) -> None:
    fields = {"ticket": {"subject": "S", "ref": "mapped"}}

    open_at(server, correlation_field="ticket.ref").create(fields, correlation="c-1")

    assert server.seen[0].json() == {"ticket": {"subject": "S", "ref": "c-1"}}
    assert fields == {"ticket": {"subject": "S", "ref": "mapped"}}


def test_without_a_correlation_field_nothing_is_added(server: FakeServer, tickets: TicketSystem) -> None:
    client = open_at(server)

    client.create({"subject": "S"}, correlation="c-1")

    assert server.seen[0].json() == {"subject": "S"}
    assert not client.can_find
    with pytest.raises(Misconfigured):
        client.find("c-1")


FINDING: dict[str, Any] = {"correlation_field": "ref", "find_path": "/search", "find_parameter": "ref"}


class TestFind:
    def test_looks_into_the_results(self, server: FakeServer) -> None:
        answer = {"data": {"hits": [{"key": "D-1", "ref": "c-1"}]}}
        server.route("GET", "/search")(lambda _: Answer(200, answer))
        client = open_at(server, **FINDING, find_results_path="data.hits", find_id_path="key")

        assert client.find("c-1") == "D-1"
        assert server.seen[0].query == {"ref": ["c-1"]}

    def test_compares_the_correlation_itself_when_the_system_ignores_the_parameter(self, server: FakeServer) -> None:
        rows = [{"id": 1, "ref": "other"}, {"id": 2, "ref": "c-1"}]
        server.route("GET", "/search")(lambda _: Answer(200, rows))

        assert open_at(server, **FINDING).find("c-1") == "2"

    def test_does_not_call_a_record_missing_when_the_search_answers_with_others(self, server: FakeServer) -> None:
        server.route("GET", "/search")(lambda _: Answer(200, [{"id": 1, "ref": "other"}]))

        with pytest.raises(Misconfigured, match="nobody can tell whether the record exists"):
            open_at(server, **FINDING).find("c-1")

    def test_reads_the_record_when_the_result_does_not_show_the_correlation(self, server: FakeServer) -> None:
        server.route("GET", "/search")(lambda _: Answer(200, [{"id": 1}]))
        server.route("GET", "/tickets/1")(lambda _: Answer(200, {"id": 1, "ref": "c-1"}))

        assert open_at(server, **FINDING).find("c-1") == "1"

    def test_knows_a_wrapped_field_by_its_last_name(self, server: FakeServer) -> None:
        server.route("GET", "/search")(lambda _: Answer(200, [{"id": 1, "ref": "c-1"}]))

        assert open_at(server, **{**FINDING, "correlation_field": "ticket.ref"}).find("c-1") == "1"

    @pytest.mark.parametrize("answer", [{"items": []}, "none", {"results": {}}])
    def test_an_answer_without_a_list_is_a_matter_of_settings(self, server: FakeServer, answer: Any) -> None:
        server.route("GET", "/search")(lambda _: Answer(200, answer))

        with pytest.raises(Misconfigured, match="without a list"):
            open_at(server, **FINDING, find_results_path="results").find("c-1")


@pytest.mark.parametrize(
    ("method", "status", "error"),
    [("PUT", 502, Unavailable), ("PATCH", 502, Unavailable), ("POST", 502, OutcomeUnknown)],
)
def test_an_update_that_may_be_repeated_is_only_unavailable(
    server: FakeServer, method: str, status: int, error: type[Exception]
) -> None:
    server.fail(method, "/tickets/1", Fault(status=status))

    with pytest.raises(error):
        open_at(server, update_method=method).update("1", {"a": 1})


def test_notes_without_a_path_are_a_matter_of_settings(server: FakeServer) -> None:
    with pytest.raises(Misconfigured, match="note path"):
        open_at(server).create({"text": "x"}, correlation="c", target="note", parent_id="1")


def test_a_note_whose_answer_has_no_id_is_created(server: FakeServer) -> None:
    server.route("PUT", "/tickets/1/notes")(lambda _: Answer(204))
    client = open_at(server, note_path="/tickets/{id}/notes", note_method="PUT")

    assert client.create({"text": "x"}, correlation="c", target="note", parent_id="1") == Created("", {})


class TestConnectionTest:
    @pytest.mark.parametrize(
        ("fault", "sentence"),
        [
            (Fault(status=401), "refused the credentials (401)"),
            (Fault(status=403), "refused the rights (403)"),
            (Fault(status=404), "does not exist (404). Check base URL and path."),
            (Fault(status=405), "is not allowed (405). Name a test path"),
            (Fault(status=503), "cannot serve now (503)"),
            (
                Fault(hang=True),
                "did not answer in time. Is it up, and reachable from here (firewall, VPN, allow list)?",
            ),
            (Fault(body=b"<html>hello</html>"), "not with JSON"),
            (Fault(status=302, headers={"Location": "https://login.example.test/"}), "redirect (302)"),
        ],
    )
    def test_names_what_is_wrong(self, server: FakeServer, fault: Fault, sentence: str) -> None:
        server.fail("GET", "/tickets", fault)

        result = open_at(server).test()

        assert not result.ok
        assert sentence in result.sentence

    def test_names_a_dead_system(self, closed_port: int) -> None:
        settings = {**BASE, "base_url": f"http://127.0.0.1:{closed_port}"}

        result = PLATFORM.open(settings, {}, Caller(allow_private=True), MemoryTokens()).test()

        assert not result.ok
        assert "refused the connection" in result.sentence

    def test_reads_the_test_path_or_else_the_record_path_without_the_id(
        self, server: FakeServer, tickets: TicketSystem
    ) -> None:
        server.route("GET", "/me")(lambda _: Answer(200, {}))

        assert open_at(server).test().sentence == (
            f"GET {server.url}/tickets answered 200. Address and credentials work."
        )
        assert open_at(server, test_path="me").test().ok
        assert [seen.path for seen in server.seen] == ["/tickets", "/me"]


def test_the_platform_has_no_trigger_dialect() -> None:
    assert PLATFORM.trigger_ids(TriggerCall(query={}, body=b'{"id": 1}', content_type="application/json")) == []
