"""The fields of a REST system's records: from its own description, else from a record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from broker_project.lib.errors import Misconfigured, NotFound
from connectors.classify import raise_for_status
from connectors.http import Response
from connectors.platforms.contract import Described, FieldInfo, FieldType

from .config import Config
from .openapi import MAX_DEPTH, MAX_FIELDS, Document, document_list, is_openapi, label_of

MAX_DESCRIPTION = 5 * 1024 * 1024
"""Bytes of a description."""

_SAMPLE = 100  # characters of a sample value that are kept
_KINDS: Mapping[str, FieldType] = {
    "integer": "number",
    "int": "number",
    "float": "number",
    "decimal": "number",
    "number": "number",
    "boolean": "boolean",
    "bool": "boolean",
    "date": "date",
    "datetime": "datetime",
    "date-time": "datetime",
    "timestamp": "datetime",
    "array": "list",
    "list": "list",
    "object": "object",
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

Get = Callable[[str], Response]
Read = Callable[[str], dict[str, Any]]


def described(config: Config, get: Get, read: Read, *, kind: str, sample_id: str) -> Described:
    """The fields of the main record (``kind`` "") or of its notes ("note").

    ``get`` fetches the fields path, ``read`` a record. Raises Misconfigured when there is nothing to read them from,
    and the errors of the calls.
    """
    if kind not in ("", "note") or (kind == "note" and not config.note_path):
        return Described()
    if config.fields_path:
        fields = _from_description(config, fetched(config, get), kind)
        return Described(tuple(fields), config.fields_path) if fields or kind == "" else Described()
    if kind == "note":
        return Described()
    sample_id = config.template_id or sample_id
    if not sample_id:
        raise Misconfigured(
            "There is nothing to read the fields from. Enter a fields path (an OpenAPI document, say) or a template "
            "record id in the settings."
        )
    return Described(tuple(fields_of_record(read(sample_id))), f"record {sample_id}"[:200])


def fetched(config: Config, get: Get) -> Any:
    """What lies at the fields path, parsed. Raises Misconfigured in the path's own words."""
    response = get(config.fields_path)
    try:
        raise_for_status(response, system=urlsplit(config.base_url).hostname or "The system", wrote=False)
    except NotFound:
        raise Misconfigured(
            f"There is no description at {config.fields_path} ({response.status}). Correct the fields path, or leave "
            "it empty and name a template record."
        ) from None
    if len(response.body) > MAX_DESCRIPTION:
        limit = MAX_DESCRIPTION // 1024 // 1024
        raise Misconfigured(f"The description at {config.fields_path} has more than {limit} MiB, which is not read.")
    try:
        return response.json()
    except ValueError:
        raise Misconfigured(
            f"What lies at {config.fields_path} is not JSON. Name a description in JSON; YAML and web pages are not "
            "read."
        ) from None


def _from_description(config: Config, description: Any, kind: str) -> list[FieldInfo]:
    if is_openapi(description):
        return _from_openapi(config, Document(description), kind)
    rows = _listed_fields(description)
    if not rows:
        raise Misconfigured(
            f"What lies at {config.fields_path} is neither an OpenAPI 3 document nor a list of fields with names."
        )
    return rows if kind == "" else []


def _from_openapi(config: Config, document: Document, kind: str) -> list[FieldInfo]:
    base = urlsplit(config.base_url).path.rstrip("/")

    def operation(path: str, method: str) -> Mapping[str, Any]:
        return document.operation(base + path, method)

    if kind == "note":
        adding = operation(config.note_path, config.note_method)
        return _merged(document, shown=document.answer(adding), writes=[document.body(adding)])
    reading = operation(config.record_path, "GET")
    creating = operation(config.create_path, config.create_method)
    changing = operation(config.update_path, config.update_method)
    if not (reading or creating or changing):
        raise Misconfigured(
            f"The description at {config.fields_path} says nothing about {config.record_path} or {config.create_path}. "
            "Compare the paths with it."
        )
    shown = document.at(document.answer(reading), config.record_root)
    return _merged(document, shown=shown, writes=[document.body(creating), document.body(changing)])


def _merged(document: Document, *, shown: Mapping[str, Any], writes: Sequence[Mapping[str, Any]]) -> list[FieldInfo]:
    """Required is what a create needs (the first of ``writes``); what is shown and never written is read-only."""
    written: dict[str, FieldInfo] = {}
    for number, schema in enumerate(writes):
        for field in document.fields(schema):
            written.setdefault(field.path, field if number == 0 else replace(field, required=False))
    found = {field.path: field for field in document.fields(shown)}
    for path, field in found.items():
        known = written.get(path)
        found[path] = replace(
            field,
            required=known.required if known else False,
            readonly=known.readonly if known else bool(written) or field.readonly,
            choices=known.choices if known and known.choices else field.choices,
        )
    new = {path: replace(field, writeonly=bool(found)) for path, field in written.items() if path not in found}
    return [*found.values(), *new.values()][:MAX_FIELDS]


def _listed_fields(description: Any) -> list[FieldInfo]:
    """From a list of objects, at the top or as the first list of objects with names in the description."""
    lists = [description] if isinstance(description, list) else []
    if isinstance(description, Mapping):
        lists = [value for value in description.values() if isinstance(value, list)]
    for rows in lists:
        fields = [field for row in rows[:MAX_FIELDS] if isinstance(row, Mapping) and (field := _listed_field(row))]
        if fields:
            return fields
    return []


def _listed_field(row: Mapping[str, Any]) -> FieldInfo | None:
    name = next((row[key] for key in ("name", "key", "path", "id") if isinstance(row.get(key), str) and row[key]), "")
    if not name:
        return None
    choices = next((document_list(row.get(key)) for key in ("choices", "options", "enum") if row.get(key)), ())
    return FieldInfo(
        path=name[:500],
        label=str(next((row[key] for key in ("label", "title") if row.get(key)), label_of(name)))[:200],
        type=_KINDS.get(str(row.get("type", "")).lower(), "text"),
        required=row.get("required") is True,
        readonly=any(row.get(key) is True for key in ("read_only", "readonly", "readOnly")),
        custom=row.get("custom") is True,
        choices=tuple(_choice(entry) for entry in choices),
    )


def _choice(entry: Any) -> tuple[Any, str]:
    if isinstance(entry, Mapping):
        value = next((entry[key] for key in ("value", "id", "name") if key in entry), "")
        return value, str(next((entry[key] for key in ("label", "name") if key in entry), value))
    return entry, str(entry)


# --- from a record ------------------------------------------------------------------------------------------------


def fields_of_record(record: Mapping[str, Any]) -> list[FieldInfo]:
    """The fields of a record by what it holds; nobody can tell from it what is required."""
    found: list[FieldInfo] = []
    for path, value in _leaves(record, prefix="", depth=0):
        found.append(FieldInfo(path, label_of(path.rpartition(".")[2]), type_of(value), sample=_sample(value)))
        if len(found) >= MAX_FIELDS:
            break
    return found


def type_of(value: Any) -> FieldType:
    """The type of a value in JSON; text that looks like a date is one."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "list"
    if isinstance(value, Mapping):
        return "object"
    text = str(value or "")
    return "datetime" if _MOMENT.fullmatch(text) else "date" if _DAY.fullmatch(text) else "text"


def _leaves(node: Mapping[str, Any], *, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        if isinstance(value, Mapping) and value and depth < MAX_DEPTH:
            yield from _leaves(value, prefix=f"{prefix}{name}.", depth=depth + 1)
        else:
            yield f"{prefix}{name}", value


def _sample(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _SAMPLE else f"{value[: _SAMPLE - 1]}…"
    return value if isinstance(value, bool | int | float) else None
