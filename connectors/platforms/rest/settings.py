"""The settings of the REST platform, declared; ``config`` reads and checks them."""

from __future__ import annotations

from dataclasses import replace

from connectors.platforms.contract import Setting

_WRITE_METHODS = (("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH"))
_BASIC, _API_KEY, _BEARER, _OAUTH = (("auth", (kind,)) for kind in ("basic", "api_key", "bearer", "oauth2"))


def _group(name: str, *settings: Setting) -> tuple[Setting, ...]:
    return tuple(replace(setting, group=name) for setting in settings)


SIGN_IN = _group(
    "Address and sign-in",
    Setting(
        "base_url",
        "Base URL",
        "Address that all paths below are added to, for example https://help.example.test/api/v1",
        kind="url",
        required=True,
    ),
    Setting(
        "auth",
        "Authentication",
        kind="choice",
        default="basic",
        choices=(
            ("basic", "User and password (Basic)"),
            ("api_key", "API key in a header"),
            ("bearer", "Bearer token"),
            ("oauth2", "OAuth 2.0 client credentials"),
            ("none", "None"),
        ),
    ),
    Setting("username", "User", "Some systems take the API key here.", shown_when=_BASIC),
    Setting("password", "Password", secret=True, shown_when=_BASIC),
    Setting(
        "api_key_header",
        "API key header",
        "Name of the header that carries the key.",
        default="X-API-Key",
        shown_when=_API_KEY,
    ),
    Setting("api_key", "API key", secret=True, shown_when=_API_KEY),
    Setting("bearer_token", "Bearer token", secret=True, shown_when=_BEARER),
    Setting("token_url", "Token URL", "Where access tokens are fetched.", kind="url", shown_when=_OAUTH),
    Setting("client_id", "Client id", shown_when=_OAUTH),
    Setting("client_secret", "Client secret", secret=True, shown_when=_OAUTH),
    Setting("scope", "Scope", "If the system asks for one; several with blanks between.", shown_when=_OAUTH),
    Setting(
        "client_auth",
        "Client authentication",
        "How client id and secret are sent to the token URL.",
        kind="choice",
        default="basic",
        choices=(("basic", "As Basic authorization"), ("body", "In the body")),
        shown_when=_OAUTH,
    ),
    Setting("headers", "Extra headers", "Sent with every call. One a line: Name: value", kind="headers"),
    Setting("secret_headers", "Secret headers", "The same, but never shown again.", kind="headers", secret=True),
    Setting(
        "fields_path",
        "Fields path",
        "Where the system describes itself: an OpenAPI 3 document or a list of fields, as JSON. A path such as "
        "/openapi.json, or a full address on the same host. Empty: fields are read from a record.",
    ),
    Setting("test_path", "Test path", "Path read by the connection test. Empty: the record path without the id."),
)
RECORDS = _group(
    "Records",
    Setting(
        "record_path",
        "Record path",
        "Path of one record, with {id} where its id stands, for example /tickets/{id}. Read with GET.",
        required=True,
    ),
    Setting("id_parameter", "Id parameter", "If the id travels in the query: the parameter's name, for example id."),
    Setting(
        "record_root",
        "Record inside the answer",
        'Fill in only when the system wraps the record: for an answer such as {"data": {"ticket": {"id": 7}}} enter '
        "data.ticket. Empty: the answer is the record itself.",
    ),
    Setting("create_method", "Create method", kind="choice", default="POST", choices=_WRITE_METHODS[:2]),
    Setting("create_path", "Create path", "Empty: the record path without the id."),
    Setting(
        "new_id_path",
        "Path of the new id",
        "Where the new record's id lies in the answer to a create, for example data.id; or header:Location, whose "
        "last part is the id.",
        default="id",
    ),
    Setting("update_method", "Update method", kind="choice", default="PATCH", choices=_WRITE_METHODS),
    Setting("update_path", "Update path", "Empty: the record path."),
    Setting(
        "template_id",
        "Template record id",
        "Record whose fields are offered in mappings when there is no fields path. Best one with every field filled. "
        "Empty: the record that was linked last.",
    ),
)
FINDING = _group(
    "Find a record again",
    Setting(
        "correlation_field",
        "Correlation field",
        "Field of the record that receives the broker's correlation id. With the settings below, a create whose "
        "answer was lost is found again instead of repeated.",
    ),
    Setting("find_path", "Search path", "Path that lists records, for example /tickets."),
    Setting("find_parameter", "Search parameter", "Query parameter that compares the correlation field exactly."),
    Setting("find_results_path", "Search results", "Where the list lies in the answer. Empty: the answer is the list."),
    Setting("find_id_path", "Id in a search result", "Where the id lies in one element of the list.", default="id"),
)
NOTES = _group(
    "Notes",
    Setting("note_method", "Note method", kind="choice", default="POST", choices=_WRITE_METHODS),
    Setting("note_path", "Note path", "Path that adds a note to a record, for example /tickets/{id}/notes."),
)

SETTINGS: tuple[Setting, ...] = (*SIGN_IN, *RECORDS, *FINDING, *NOTES)
