"""The settings of the REST platform, read into one typed object and checked with a sentence each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from connectors.platforms.contract import Json

from .settings import SETTINGS

_PATHS = ("record_path", "create_path", "update_path", "find_path", "note_path", "test_path")


@dataclass(frozen=True)
class Config:
    """The settings as read. Paths begin with a slash; ``repr`` shows nothing of it."""

    base_url: str
    auth: str
    username: str
    password: str
    api_key_header: str
    api_key: str
    bearer_token: str
    token_url: str
    client_id: str
    client_secret: str
    scope: str
    client_auth: str
    headers: Mapping[str, str]
    secret_headers: Mapping[str, str]
    record_path: str
    id_parameter: str
    record_root: str
    create_method: str
    create_path: str
    new_id_path: str
    update_method: str
    update_path: str
    correlation_field: str
    find_path: str
    find_parameter: str
    find_results_path: str
    find_id_path: str
    note_method: str
    note_path: str
    test_path: str
    fields_path: str
    template_id: str

    def __repr__(self) -> str:
        return "Config(…)"

    @property
    def can_find(self) -> bool:
        return bool(self.find_path and self.find_parameter and self.correlation_field)


def read(settings: Mapping[str, Json], secrets: Mapping[str, str]) -> Config:
    """The settings with their defaults; paths that may stay empty are derived from the record path."""
    values: dict[str, Json] = {}
    for setting in SETTINGS:
        given = (secrets if setting.secret else settings).get(setting.name) or setting.default
        if not setting.applies(settings, SETTINGS):
            given = setting.default
        values[setting.name] = _headers(given) if setting.kind == "headers" else str(given).strip()
    for name in (*_PATHS, "fields_path"):
        if values[name] and not values[name].startswith("/") and not _is_full_address(name, values[name]):
            values[name] = f"/{values[name]}"
    collection = _collection(values["record_path"])
    values["create_path"] = values["create_path"] or collection
    values["test_path"] = values["test_path"] or collection
    values["update_path"] = values["update_path"] or values["record_path"]
    values["base_url"] = values["base_url"].rstrip("/")
    return Config(**{field.name: values[field.name] for field in fields(Config)})


def _is_full_address(name: str, value: str) -> bool:
    return name == "fields_path" and "://" in value


def problems(settings: Mapping[str, Json], secrets: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, a sentence by setting name; empty when the settings can work."""
    config = read(settings, secrets)
    found: dict[str, str] = {}
    for name, sentence in (
        *_address_problems(config),
        *_path_problems(config),
        *_fields_path_problems(config),
        *_choice_problems(config),
        *_auth_problems(config),
        *_find_problems(config),
        *_header_problems(settings, secrets),
    ):
        found.setdefault(name, sentence)
    return found


def _collection(record_path: str) -> str:
    """``/tickets/{id}`` -> ``/tickets``; a path without ``{id}`` stays."""
    head, mark, _ = record_path.partition("{id}")
    return (head.rstrip("/") or "/") if mark else record_path


def _headers(given: Json) -> dict[str, str]:
    """From a mapping, a JSON object as text, or lines ``Name: value``."""
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            given = json.loads(given)
        except ValueError:
            return {given.strip(): ""}
    if isinstance(given, Mapping):
        return {str(name).strip(): str(value).strip() for name, value in given.items()}
    lines = [line for line in str(given).splitlines() if line.strip()]
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


Problems = Iterator[tuple[str, str]]


def _address_problems(config: Config) -> Problems:
    for name, address in (("base_url", config.base_url), ("token_url", config.token_url)):
        if not address:
            if name == "base_url":
                yield name, "Enter the base URL, for example https://help.example.test/api/v1."
            continue
        try:
            parts = urlsplit(address)
            host = parts.hostname
            _ = parts.port
        except ValueError:
            yield name, "This address cannot be read. Give it as https://host/path."
            continue
        if parts.scheme not in ("http", "https") or not host:
            yield name, "The address must begin with https:// (or http://) and name a host."
        elif "@" in parts.netloc:
            yield name, "Take user and password out of the address; there are settings for them."
        elif re.search(r"[\s\\]", address):
            yield name, "The address holds a blank or a backslash."
        elif parts.fragment or (parts.query and name == "base_url"):
            yield name, "The address must not hold a query or fragment (? or #)."


def _path_problems(config: Config) -> Problems:
    if not config.record_path:
        yield "record_path", "Enter the path of one record, for example /tickets/{id}."
    elif "{id}" not in config.record_path and not config.id_parameter:
        yield "record_path", "The path needs {id} where the record's id stands, or name an id parameter."
    if config.note_path and "{id}" not in config.note_path:
        yield "note_path", "The path needs {id} where the record's id stands, for example /tickets/{id}/notes."
    if "{id}" not in config.update_path and not config.id_parameter:
        yield "update_path", "The path needs {id} where the record's id stands, or name an id parameter."
    for name in ("create_path", "find_path", "test_path"):
        if "{id}" in getattr(config, name):
            yield name, "There is no record id yet in this call; leave {id} out."
    for name in _PATHS:
        path = getattr(config, name)
        if "://" in path or path.startswith("//"):
            yield name, "Enter only the path; the host comes from the base URL."
        elif re.search(r"[\s\\#]|[{}]", path.replace("{id}", "")) or ".." in path.split("/"):
            yield name, "The path may not hold blanks, backslashes, #, .. or braces other than {id}."


def _fields_path_problems(config: Config) -> Problems:
    path = config.fields_path
    if re.search(r"[\s\\#{}]", path) or path.startswith("//"):
        yield "fields_path", "Enter a path such as /openapi.json. It may not hold blanks, backslashes, # or braces."
    elif "://" in path and _origin(path) != _origin(config.base_url):
        yield "fields_path", "The description must lie on the host of the base URL, since the credentials go there too."


def _origin(address: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return parts.scheme, parts.netloc.lower()


def _choice_problems(config: Config) -> Problems:
    for setting in SETTINGS:
        allowed = [value for value, _ in setting.choices]
        if setting.kind == "choice" and getattr(config, setting.name) not in allowed:
            yield setting.name, f"Choose one of: {', '.join(allowed)}."


def _auth_problems(config: Config) -> Problems:
    needed = {
        "basic": ("username",),
        "api_key": ("api_key",),
        "bearer": ("bearer_token",),
        "oauth2": ("token_url", "client_id", "client_secret"),
    }
    labels = {setting.name: setting.label.lower() for setting in SETTINGS}
    for name in needed.get(config.auth, ()):
        if not getattr(config, name):
            yield name, f"This kind of authentication needs the {labels[name]}."
    if config.auth == "api_key" and not _is_header_name(config.api_key_header):
        yield "api_key_header", "This is no header name. It has letters, digits and hyphens, for example X-API-Key."


def _find_problems(config: Config) -> Problems:
    if not (config.find_path or config.find_parameter):
        return
    for name in ("find_path", "find_parameter", "correlation_field"):
        if not getattr(config, name):
            yield name, "To find a record again, search path, search parameter and correlation field are all needed."


def _header_problems(settings: Mapping[str, Json], secrets: Mapping[str, str]) -> Problems:
    config = read(settings, secrets)
    for name, headers in (("headers", config.headers), ("secret_headers", config.secret_headers)):
        for header, value in headers.items():
            if not _is_header_name(header) or not value:
                yield name, "Write one header a line, as Name: value."
            elif header.lower() in ("host", "content-length", "transfer-encoding", "connection"):
                yield name, f"The header {header} is set by the broker itself. Remove it."


def _is_header_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) is not None
