"""The Help Desk's OpenAPI file against the routes and answers that are really served."""

from __future__ import annotations

import re
from typing import Any

import pytest

from broker_project.sandbox import helpdesk as hd

from .conftest import Client

Json = dict[str, Any]


@pytest.fixture
def document(ask_desk: Client) -> Json:
    found: Json = ask_desk("GET", "/openapi.json").json()
    return found


def resolve(document: Json, shape: Json) -> Json:
    while "$ref" in shape:
        target: Any = document
        for step in shape["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        shape = target
    return shape


def faults_of(document: Json, shape: Json, value: Any, path: str = "$") -> list[str]:
    """Where ``value`` breaks the schema; covers the keywords that this document uses."""
    shape = resolve(document, shape)
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
    }
    if not isinstance(value, kinds[shape["type"]]) or (isinstance(value, bool) and shape["type"] != "boolean"):
        return [f"{path}: not {shape['type']}"]
    found = []
    if "enum" in shape and value not in shape["enum"]:
        found.append(f"{path}: not in enum")
    if isinstance(value, str) and not shape.get("minLength", 0) <= len(value) <= shape.get("maxLength", 10**9):
        found.append(f"{path}: length")
    if shape.get("format") == "date-time" and not re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value):
        found.append(f"{path}: not a date-time")
    for item in value if isinstance(value, list) else []:
        found += faults_of(document, shape["items"], item, f"{path}[]")
    if isinstance(value, dict):
        properties = shape.get("properties", {})
        found += [f"{path}.{name}: missing" for name in shape.get("required", []) if name not in value]
        extra = shape.get("additionalProperties", True)
        for name, member in value.items():
            if name in properties:
                found += faults_of(document, properties[name], member, f"{path}.{name}")
            elif extra is False:
                found.append(f"{path}.{name}: not described")
            elif isinstance(extra, dict):
                found += faults_of(document, extra, member, f"{path}.{name}")
    return found


def test_it_describes_exactly_the_routes_that_are_served(document: Json, desk: hd.HelpDesk) -> None:
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    served = {
        (route.method, re.sub("<int:ticket_id>", "{id}", route.path))
        for route in desk.routes()
        if route.path.startswith(desk.api_prefixes)
    }
    assert described == served


def test_every_reference_leads_somewhere_and_operations_have_unique_ids(document: Json) -> None:
    found, ids = [], []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                found.append(resolve(document, node))
            if "operationId" in node:
                ids.append(node["operationId"])
            for member in node.values():
                walk(member)
        elif isinstance(node, list):
            for member in node:
                walk(member)

    walk(document)
    assert len(found) > 30
    assert len(ids) == len(set(ids)) == 10


def test_servers_and_token_url_point_at_this_server(document: Json, ask_desk: Client) -> None:
    assert document["openapi"] == "3.0.3"
    assert document["servers"] == [{"url": ask_desk.url}]
    schemes = document["components"]["securitySchemes"]
    assert schemes["clientCredentials"]["flows"]["clientCredentials"]["tokenUrl"] == f"{ask_desk.url}/oauth/token"
    assert schemes["apiKey"] == {"type": "apiKey", "in": "header", "name": "X-API-Key"}


CALLS: list[tuple[str, str, str, Json]] = [
    ("post", "/api/tickets", "/api/tickets", {"json": {"subject": "x", "scheduled_start": "2026-07-01T14:00:00Z"}}),
    ("get", "/api/tickets", "/api/tickets", {}),
    ("get", "/api/tickets", "/api/tickets?page=0", {}),
    ("get", "/api/tickets", "/api/tickets?unknown=1", {}),
    ("post", "/api/tickets", "/api/tickets", {"json": {"subject": 7, "x": 1}}),
    ("post", "/api/tickets", "/api/tickets", {"data": b"{", "headers": {"Content-Type": "application/json"}}),
    ("post", "/api/tickets", "/api/tickets", {"data": {"subject": "x"}}),
    ("get", "/api/tickets/{id}", "/api/tickets/1001", {}),
    ("get", "/api/tickets/{id}", "/api/tickets/9", {}),
    ("get", "/api/tickets/{id}", "/api/tickets/1001", {"headers": {"X-API-Key": "wrong"}}),
    ("put", "/api/tickets/{id}", "/api/tickets/1001", {"json": {"subject": "y", "amount": 1.5}}),
    ("patch", "/api/tickets/{id}", "/api/tickets/1001", {"json": {"status": "Open"}}),
    ("patch", "/api/tickets/{id}", "/api/tickets/1001", {"json": {"status": "open"}}),
    ("post", "/api/tickets/{id}/notes", "/api/tickets/1001/notes", {"json": {"text": "n"}}),
    ("get", "/api/tickets/{id}/notes", "/api/tickets/1001/notes", {}),
    ("get", "/api/metadata", "/api/metadata", {}),
    (
        "post",
        "/oauth/token",
        "/oauth/token",
        {"data": {"grant_type": "client_credentials", "client_id": hd.OAUTH_ID, "client_secret": hd.OAUTH_WORD}},
    ),
    ("post", "/oauth/token", "/oauth/token", {"data": {"grant_type": "client_credentials"}}),
    ("get", "/openapi.json", "/openapi.json", {}),
]


def test_every_answer_has_a_described_status_and_fits_its_schema(document: Json, ask_desk: Client) -> None:
    seen = set()
    for method, template, path, settings in CALLS:
        answer = ask_desk(method.upper(), path, **settings)
        responses = document["paths"][template][method]["responses"]
        assert str(answer.status_code) in responses, (method, path, answer.status_code)
        described = resolve(document, responses[str(answer.status_code)])
        schema = described["content"]["application/json"]["schema"]
        assert faults_of(document, schema, answer.json()) == [], (method, path)
        assert answer.headers["Content-Type"] == "application/json"
        seen.add((method, template))
    assert len(seen) == 10


def test_the_written_schemas_agree_with_the_validation(document: Json, ask_desk: Client) -> None:
    create = {"$ref": "#/components/schemas/TicketCreate"}
    bodies: list[Json] = [
        {"subject": "x"},
        {},
        {"subject": ""},
        {"subject": "x", "status": "Closed"},
        {"subject": "x", "status": "closed"},
        {"subject": "x", "amount": 3},
        {"subject": "x", "amount": "3"},
        {"subject": "x", "id": 3},
        {"subject": "x" * 256},
        {"subject": "x", "description": "d" * 32_000},
    ]
    for body in bodies:
        taken = ask_desk("POST", "/api/tickets", json=body).status_code == 201
        assert taken == (faults_of(document, create, body) == []), body
