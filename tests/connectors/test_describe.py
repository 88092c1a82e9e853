"""The fields of a REST system: from an OpenAPI document, a list of fields, or a record."""

from __future__ import annotations

from typing import Any

import pytest

from broker_project.lib.errors import AuthFailed, Misconfigured, NotFound
from broker_project.sandbox.openapi import description
from connectors.http import Caller
from connectors.platforms.contract import FieldInfo
from connectors.platforms.rest import PLATFORM
from connectors.platforms.rest import describe as describing

from .contract_suite import MemoryTokens
from .fake_server import Answer, FakeServer, Fault
from .rest_system import open_at

TICKETS: dict[str, Any] = {
    "record_path": "/api/tickets/{id}",
    "note_path": "/api/tickets/{id}/notes",
    "fields_path": "/openapi.json",
}


def serve(server: FakeServer, document: Any, path: str = "/openapi.json") -> None:
    server.route("GET", path)(lambda _: Answer(200, document))


def by_path(fields: tuple[FieldInfo, ...]) -> dict[str, FieldInfo]:
    return {field.path: field for field in fields}


def openapi(schema: Any, *, answer: Any = None, components: Any = None, **document: Any) -> dict[str, Any]:
    """A document with a create of tickets, and their read where ``answer`` is given."""
    content = {"application/json": {"schema": schema}}
    one = {"get": {"responses": {"200": {"content": {"application/json": {"schema": answer}}}}}} if answer else {}
    paths = {"/tickets": {"post": {"requestBody": {"content": content}, "responses": {}}}, "/tickets/{key}": one}
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": components or {}}, **document}


class TestOpenApi:
    def test_reads_the_fields_of_a_ticket(self, server: FakeServer) -> None:
        serve(server, description(server.url))

        found = open_at(server, **TICKETS).describe()

        fields = by_path(found.fields)
        assert found.source == "/openapi.json"
        assert len(fields) == 19
        assert fields["id"] == FieldInfo("id", "Number", "number", readonly=True)
        assert fields["subject"] == FieldInfo("subject", "Subject", "text", required=True)
        assert fields["amount"].type == "number"
        assert fields["status"].choices[:2] == (("New", "New"), ("Open", "Open"))
        assert (fields["created_at"].type, fields["created_at"].readonly) == ("datetime", True)
        assert not fields["status"].required

    def test_reads_the_fields_of_a_note(self, server: FakeServer) -> None:
        serve(server, description(server.url))

        fields = by_path(open_at(server, **TICKETS).describe("note").fields)

        assert (fields["text"].required, fields["text"].readonly) == (True, False)
        assert fields["ticket_id"].readonly
        assert open_at(server, **{**TICKETS, "note_path": ""}).describe("note").fields == ()
        assert open_at(server, **TICKETS).describe("invoice").fields == ()

    def test_flattens_objects_and_follows_references_and_parts(self, server: FakeServer) -> None:
        schema = {
            "allOf": [{"$ref": "#/components/schemas/Base"}],
            "properties": {
                "site": {"type": "object", "required": ["zip"], "properties": {"zip": {"type": "string"}}},
                "tags": {"type": "array", "items": {"type": "string"}},
                "level": {"anyOf": [{"type": "null"}, {"type": "integer"}]},
                "dueOn": {"type": ["string", "null"], "format": "date"},
            },
        }
        base = {"type": "object", "required": ["title"], "properties": {"title": {"type": "string", "title": "Title"}}}
        serve(server, openapi(schema, components={"Base": base}))

        fields = by_path(open_at(server, fields_path="/openapi.json").describe().fields)

        assert {path: field.type for path, field in fields.items()} == {
            "title": "text", "site.zip": "text", "tags": "list", "level": "number", "dueOn": "date",
        }  # fmt: skip
        assert (fields["title"].required, fields["site.zip"].required) == (True, False)
        assert fields["dueOn"].label == "Due on"

    def test_looks_below_the_record_root_and_the_path_of_the_server(self, server: FakeServer) -> None:
        shown = {
            "type": "object",
            "properties": {"data": {"type": "object", "properties": {"no": {"type": "integer"}}}},
        }
        written = {"type": "object", "properties": {"title": {"type": "string"}}}
        document = openapi(written, answer=shown, servers=[{"url": "https://help.example.test/v2"}])
        serve(server, document, "/v2/description")
        settings: dict[str, Any] = {
            "base_url": f"{server.url}/v2",
            "record_root": "data",
            "fields_path": f"{server.url}/v2/description",
        }

        fields = by_path(open_at(server, **settings).describe().fields)

        assert fields["no"].readonly
        assert (fields["title"].readonly, fields["title"].writeonly) == (False, True)

    @pytest.mark.parametrize(
        "schema",
        [
            {"$ref": "#/components/schemas/Loop"},
            {"allOf": [{"$ref": "#/components/schemas/Loop"}] * 50, "properties": {"a": {"type": "string"}}},
            {"$ref": "https://other.example.test/schema.json"},
            {"$ref": "#/nowhere"},
            {"properties": {"deep": {"$ref": "#/components/schemas/Deep"}}},
        ],
    )
    def test_ends_with_documents_that_never_end(self, server: FakeServer, schema: Any) -> None:
        loop = {"allOf": [{"$ref": "#/components/schemas/Loop"}] * 50}
        deep = {"type": "object", "properties": {name: {"$ref": "#/components/schemas/Deep"} for name in "abcdefgh"}}
        serve(server, openapi(schema, components={"Loop": loop, "Deep": deep}))

        assert len(open_at(server, fields_path="/openapi.json").describe().fields) <= 1_000
        assert {seen.path for seen in server.seen} == {"/openapi.json"}

    @pytest.mark.parametrize(
        ("document", "sentence"),
        [
            ({"swagger": "2.0", "paths": {}}, "Swagger 2.0"),
            ({"openapi": "3.0.0", "paths": {"/people": {}}}, "says nothing about /tickets/{id}"),
            ({"hello": "world"}, "neither an OpenAPI 3 document nor a list of fields"),
            (b"openapi: 3.0.0", "is not JSON"),
            (b"<html>sign in</html>", "is not JSON"),
        ],
    )
    def test_says_what_is_wrong_with_a_document(self, server: FakeServer, document: Any, sentence: str) -> None:
        serve(server, document)

        with pytest.raises(Misconfigured, match=sentence):
            open_at(server, fields_path="/openapi.json").describe()

    def test_refuses_a_huge_document(self, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(describing, "MAX_DESCRIPTION", 10)
        serve(server, description(server.url))

        with pytest.raises(Misconfigured, match="which is not read"):
            open_at(server, **TICKETS).describe()

    def test_tells_a_wrong_path_from_wrong_credentials(self, server: FakeServer) -> None:
        server.fail("GET", "/openapi.json", Fault(status=404))
        server.fail("GET", "/openapi.json", Fault(status=401))
        client = open_at(server, **TICKETS)

        with pytest.raises(Misconfigured, match=r"no description at /openapi\.json"):
            client.describe()
        with pytest.raises(AuthFailed):
            client.describe()


def test_a_list_of_fields_is_read_too(server: FakeServer) -> None:
    rows = [
        {"name": "subject", "label": "Subject", "type": "string", "required": True},
        {"name": "state", "type": "string", "choices": [{"value": 1, "label": "New"}, {"id": 2, "name": "Open"}]},
        {"key": "made", "type": "date-time", "read_only": True, "custom": True},
        {"no name": True},
    ]
    serve(server, {"object": "ticket", "fields": rows}, "/metadata")

    fields = open_at(server, fields_path="metadata").describe().fields

    assert fields == (
        FieldInfo("subject", "Subject", "text", required=True),
        FieldInfo("state", "State", "text", choices=((1, "New"), (2, "Open"))),
        FieldInfo("made", "Made", "datetime", readonly=True, custom=True),
    )


class TestRecord:
    def test_shows_names_types_and_samples_and_guesses_nothing_more(self, server: FakeServer) -> None:
        record = {
            "id": 7, "isOpen": True, "site": {"zip": "80202"}, "at": "2026-07-01T14:00:00Z", "on": "2026-07-01",
            "tags": ["a"], "none": None, "text": "x" * 300,
        }  # fmt: skip
        server.route("GET", "/tickets/7")(lambda _: Answer(200, record))

        found = open_at(server).describe(sample_id="7")

        fields = by_path(found.fields)
        assert found.source == "record 7"
        assert {path: field.type for path, field in fields.items()} == {
            "id": "number", "isOpen": "boolean", "site.zip": "text", "at": "datetime", "on": "date", "tags": "list",
            "none": "text", "text": "text",
        }  # fmt: skip
        assert (fields["id"].sample, fields["site.zip"].sample, fields["tags"].sample) == (7, "80202", None)
        assert len(fields["text"].sample) == 100
        assert not any(field.required or field.readonly for field in found.fields)

    def test_is_the_one_that_the_settings_name(self, server: FakeServer) -> None:
        server.route("GET", "/tickets/(.*)")(lambda _, number: Answer(200, {"no": number}))

        assert open_at(server, template_id="5").describe(sample_id="7").fields[0].sample == "5"

    def test_is_needed_without_a_description(self, server: FakeServer) -> None:
        with pytest.raises(Misconfigured, match=r"fields path .* or a template record id"):
            open_at(server).describe()
        with pytest.raises(NotFound):
            open_at(server, template_id="gone").describe()
        assert open_at(server, note_path="/t/{id}/notes", template_id="5").describe("note").fields == ()


class TestFirstLook:
    def look(self, server: FakeServer, **more: str) -> Any:
        settings = {"base_url": server.url, "auth": "api_key", **more}
        return PLATFORM.first_look(settings, {"api_key": "made-up-key"}, Caller(allow_private=True), MemoryTokens())

    def test_tests_with_a_path_of_the_description_and_proposes_its_records(self, server: FakeServer) -> None:
        serve(server, description(server.url))
        server.route("GET", "/api/tickets")(lambda _: Answer(200, {"results": []}))

        found = self.look(server, fields_path="/openapi.json")

        assert found.result.ok
        assert found.result.sentence.startswith(f"GET {server.url}/api/tickets answered 200")
        (proposal,) = found.proposals
        assert proposal.label == "/api/tickets · Create a ticket"
        assert proposal.settings == {
            "record_path": "/api/tickets/{id}", "record_root": "", "create_method": "POST",
            "create_path": "/api/tickets", "new_id_path": "id", "update_method": "PATCH",
            "update_path": "/api/tickets/{id}", "note_path": "/api/tickets/{id}/notes", "note_method": "POST",
            "test_path": "/api/tickets", "correlation_field": "correlation", "find_path": "/api/tickets",
            "find_parameter": "correlation", "find_results_path": "results", "find_id_path": "id",
        }  # fmt: skip
        settings = {"base_url": server.url, "auth": "none", **proposal.settings}
        assert PLATFORM.check(settings, {}) == {}

    def test_finds_a_record_that_is_wrapped(self, server: FakeServer) -> None:
        ticket = {"type": "object", "properties": {"ticket": {"type": "object", "properties": {"key": {}, "b": {}}}}}
        document = openapi({"type": "object", "properties": {"b": {"type": "string"}}}, answer=ticket)
        document["paths"]["/tickets"]["post"]["responses"] = {
            "201": {"content": {"application/json": {"schema": ticket}}}
        }
        serve(server, document)

        (proposal,) = self.look(server, fields_path="/openapi.json", test_path="/openapi.json").proposals

        assert (proposal.settings["record_root"], proposal.settings["new_id_path"]) == ("ticket", "ticket.key")
        assert proposal.settings["find_path"] == ""

    def test_proposes_no_search_by_a_field_that_a_create_cannot_write(self, server: FakeServer) -> None:
        document = description(server.url)
        del document["components"]["schemas"]["TicketCreate"]["properties"]["correlation"]
        serve(server, document)

        (proposal,) = self.look(server, fields_path="/openapi.json").proposals

        assert (proposal.settings["correlation_field"], proposal.settings["find_path"]) == ("", "")

    def test_tells_wrong_credentials_although_the_description_is_open(self, server: FakeServer) -> None:
        serve(server, description(server.url))
        server.fail("GET", "/api/tickets", Fault(status=401))

        found = self.look(server, fields_path="/openapi.json")

        assert not found.result.ok
        assert found.result.sentence.endswith("Check the API key and the name of its header.")
        assert len(found.proposals) == 1

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"fields_path": "/gone.json"}, "no description at /gone.json"),
            ({"test_path": "/gone"}, "does not exist (404)"),
            ({"base_url": "ftp://help.example.test"}, "must begin with https://"),
        ],
    )
    def test_never_raises_what_can_be_expected(self, server: FakeServer, change: dict[str, str], sentence: str) -> None:
        found = self.look(server, **change)

        assert not found.result.ok
        assert sentence in found.result.sentence
