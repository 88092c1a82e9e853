"""The OpenAPI 3.0 description of the Help Desk, built from the same field tables that validate requests."""

from __future__ import annotations

from typing import Any

from .tickets import NOTE_FIELDS, TICKET_FIELDS, Field

Json = dict[str, Any]
SECURITY = ("apiKey", "basic", "bearer", "clientCredentials")


def description(server_url: str) -> Json:
    """The whole document for a Help Desk that listens at ``server_url``."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Help Desk (sandbox)",
            "version": "1.0.0",
            "description": "A simulated ticket system. Unknown fields, wrong types and unknown choices are refused.",
        },
        "servers": [{"url": server_url}],
        "security": [{name: []} for name in SECURITY],
        "paths": _paths(),
        "components": {"schemas": _schemas(), "responses": _failures(), "securitySchemes": _security(server_url)},
    }


def _paths() -> Json:
    ticket, note = _ref("Ticket"), _ref("Note")
    return {
        "/api/tickets": {
            "get": _operation(
                "listTickets", "Tickets, latest change first", _ref("TicketList"), parameters=_list_query()
            ),
            "post": _operation("createTicket", "Create a ticket", ticket, status="201", body="TicketCreate"),
        },
        "/api/tickets/{id}": {
            "parameters": [_id_parameter()],
            "get": _operation("readTicket", "Read a ticket", ticket, lookup=True),
            "put": _operation(
                "replaceTicket",
                "Replace a ticket: writable fields that are not sent go back to their defaults",
                ticket,
                body="TicketCreate",
                lookup=True,
            ),
            "patch": _operation("changeTicket", "Change some fields", ticket, body="TicketPatch", lookup=True),
        },
        "/api/tickets/{id}/notes": {
            "parameters": [_id_parameter()],
            "get": _operation("listNotes", "Notes of a ticket, oldest first", _ref("NoteList"), lookup=True),
            "post": _operation("addNote", "Add a note", note, status="201", body="NoteCreate", lookup=True),
        },
        "/api/metadata": {"get": _operation("readMetadata", "Fields of a ticket", _ref("Metadata"))},
        "/oauth/token": {"post": _token_operation()},
        "/openapi.json": {
            "get": {
                "operationId": "readDescription",
                "summary": "This document",
                "security": [],
                "responses": {"200": _answer("The description", {"type": "object"})},
            }
        },
    }


def _operation(
    operation_id: str,
    summary: str,
    answer: Json,
    *,
    status: str = "200",
    body: str = "",
    parameters: list[Json] | None = None,
    lookup: bool = False,
) -> Json:
    responses = {status: _answer(summary, answer), "401": {"$ref": "#/components/responses/Unauthorized"}}
    if status == "201" and operation_id == "createTicket":
        responses["201"]["headers"] = {"Location": {"schema": {"type": "string"}, "description": "Path of the ticket"}}
    if lookup:
        responses["404"] = {"$ref": "#/components/responses/NotFound"}
    operation: Json = {"operationId": operation_id, "summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = parameters
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
        responses["415"] = {"$ref": "#/components/responses/UnsupportedMediaType"}
    if body or parameters:
        responses["400"] = {"$ref": "#/components/responses/BadRequest"}
        responses["422"] = {"$ref": "#/components/responses/Invalid"}
    return operation


def _token_operation() -> Json:
    form = {
        "type": "object",
        "required": ["grant_type"],
        "properties": {
            "grant_type": {"type": "string", "enum": ["client_credentials"]},
            "client_id": {"type": "string", "description": "Here or in Basic authorization"},
            "client_secret": {"type": "string"},
            "scope": {"type": "string"},
        },
    }
    return {
        "operationId": "issueToken",
        "summary": "Issue a short-lived access token",
        "security": [],
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {
            "200": _answer("A token", _ref("Token")),
            "400": _answer("Unsupported grant type", _ref("TokenError")),
            "401": _answer("Unknown client or wrong secret", _ref("TokenError")),
        },
    }


def _list_query() -> list[Json]:
    text = {"type": "string"}
    statuses = _property(next(field for field in TICKET_FIELDS if field.name == "status"))
    return [
        {"name": "correlation", "in": "query", "schema": text, "description": "Exactly this correlation"},
        {"name": "status", "in": "query", "schema": {"type": "string", "enum": statuses["enum"]}},
        {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1, "default": 1}},
        {"name": "per_page", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 25}},
    ]


def _id_parameter() -> Json:
    return {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}


def _schemas() -> Json:
    text, whole = {"type": "string"}, {"type": "integer"}
    return {
        "Ticket": _stored(TICKET_FIELDS),
        "TicketCreate": _written(TICKET_FIELDS, complete=True),
        "TicketPatch": _written(TICKET_FIELDS, complete=False),
        "TicketList": _object(
            {"results": {"type": "array", "items": _ref("Ticket")}, "total": whole, "page": whole, "per_page": whole}
        ),
        "Note": _stored(NOTE_FIELDS),
        "NoteCreate": _written(NOTE_FIELDS, complete=True),
        "NoteList": _object({"results": {"type": "array", "items": _ref("Note")}, "total": whole}),
        "Metadata": _object({"object": text, "fields": {"type": "array", "items": _ref("Field")}}),
        "Field": {
            **_object(
                {
                    "name": text,
                    "label": text,
                    "type": {"type": "string", "enum": ["string", "number", "integer", "date-time"]},
                    "required": {"type": "boolean"},
                    "read_only": {"type": "boolean"},
                    "help": text,
                    "choices": {"type": "array", "items": text},
                }
            ),
            "required": ["name", "label", "type", "required", "read_only", "help"],
        },
        "Error": _object(
            {"error": _object({"message": text, "fields": {"type": "object", "additionalProperties": text}})}
        ),
        "Token": _object({"access_token": text, "token_type": text, "expires_in": whole}),
        "TokenError": _object({"error": text, "error_description": text}),
    }


def _failures() -> Json:
    sentences = {
        "BadRequest": "The request cannot be read",
        "Unauthorized": "Credentials are missing, wrong, expired or revoked",
        "NotFound": "No such ticket",
        "UnsupportedMediaType": "The body is not sent as JSON",
        "Invalid": "Some fields cannot be stored; each is named",
    }
    return {name: _answer(sentence, _ref("Error")) for name, sentence in sentences.items()}


def _security(server_url: str) -> Json:
    flow = {"tokenUrl": f"{server_url}/oauth/token", "scopes": {}}
    return {
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "basic": {"type": "http", "scheme": "basic"},
        "bearer": {"type": "http", "scheme": "bearer"},
        "clientCredentials": {"type": "oauth2", "flows": {"clientCredentials": flow}},
    }


def _property(field: Field) -> Json:
    if field.kind in ("number", "integer"):
        shape: Json = {"type": field.kind}
    else:
        shape = {"type": "string", "maxLength": field.max_length}
    if field.choices:
        shape["enum"] = list(field.choices)
    if field.required and not field.choices:
        shape["minLength"] = 1
    if field.kind == "date-time" and field.read_only:
        shape["format"] = "date-time"  # the writable ones may also be empty, which the format would forbid
    if field.read_only:
        shape["readOnly"] = True
    else:
        shape["default"] = field.default
    if field.required:
        del shape["default"]
    return {**shape, "title": field.label, **({"description": field.help} if field.help else {})}


def _stored(fields: tuple[Field, ...]) -> Json:
    return _object({field.name: _property(field) for field in fields})


def _written(fields: tuple[Field, ...], *, complete: bool) -> Json:
    properties = {field.name: _property(field) for field in fields if not field.read_only}
    if not complete:  # a default here would tell tools to send it
        properties = {
            name: {key: value for key, value in shape.items() if key != "default"} for name, shape in properties.items()
        }
    required = [field.name for field in fields if field.required]
    schema: Json = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**schema, "required": required} if complete else schema


def _object(properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "additionalProperties": False, "properties": properties}


def _answer(sentence: str, schema: Json) -> Json:
    return {"description": sentence, "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
