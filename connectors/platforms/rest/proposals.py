"""What an OpenAPI document suggests as the settings of a REST connector: one proposal for each kind of record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.platforms.contract import Proposal

from .config import Config
from .openapi import Document, document_list, is_openapi

MAX_PROPOSALS = 50
_MARKS = ("correlation", "correlation_id", "external_id", "external_reference", "reference")
_NOTES = ("notes", "comments", "messages", "replies")
_IDS = ("id", "_id", "number", "key", "uuid", "sys_id")

Json = Mapping[str, Any]


def proposals(config: Config, description: Any) -> tuple[Proposal, ...]:
    """For each kind of record that an OpenAPI ``description`` can read and create, the settings that fit it."""
    if not is_openapi(description):
        return ()
    document = Document(description)
    base = urlsplit(config.base_url).path.rstrip("/")
    found = [
        Proposal(label=f"{path} · {_words(document, collection)}", settings=_settings(document, collection, path))
        for collection, path in _collections(document, base)
    ]
    return tuple(found[:MAX_PROPOSALS])


def _collections(document: Document, base: str) -> Iterator[tuple[str, str]]:
    """Paths with a create below which one record can be read, as the document and as the settings write them."""
    for collection in document.paths:
        if "{" in collection or not document.operation(f"{document.prefix}{collection}", "post"):
            continue
        one = _one_of(document, collection)
        full = f"{document.prefix}{collection}"
        if one and document.operation(f"{document.prefix}{one}", "get") and full.startswith(f"{base}/"):
            yield collection, full[len(base) :]


def _settings(document: Document, collection: str, path: str) -> dict[str, Any]:
    one = f"{document.prefix}{_one_of(document, collection)}"
    create = document.operation(f"{document.prefix}{collection}", "post")
    method = next((method for method in ("PATCH", "PUT", "POST") if document.operation(one, method)), "PATCH")
    shown = document.answer(document.operation(one, "get"))
    root = _root(document, shown)
    new_root = _root(document, document.answer(create))
    id_name = _id_name(document.at(document.answer(create), new_root))
    return {
        "record_path": f"{path}/{{id}}",
        "record_root": root,
        "create_method": "POST",
        "create_path": path,
        "new_id_path": f"{new_root}.{id_name}" if new_root else id_name,
        "update_method": method,
        "update_path": f"{path}/{{id}}",
        "note_path": _note_path(document, collection, path),
        "note_method": "POST",
        "test_path": path if document.operation(f"{document.prefix}{collection}", "get") else "",
        **_finding(document, collection, path, create, id_name),
    }


def _finding(document: Document, collection: str, path: str, create: Json, id_name: str) -> dict[str, str]:
    """How records are searched by a field that a create can write, where the list takes it as a parameter."""
    listing = document.operation(f"{document.prefix}{collection}", "get")
    taken = {
        str(parameter.get("name"))
        for entry in document_list(listing.get("parameters"))
        if (parameter := document.resolved(entry)).get("in") == "query"
    }
    written = {field.path for field in document.fields(document.body(create)) if not field.readonly}
    mark = next((name for name in _MARKS if name in taken and name in written), "")
    if not mark:
        return dict.fromkeys(("correlation_field", "find_path", "find_parameter", "find_results_path"), "")
    results = next((field.path for field in document.fields(document.answer(listing)) if field.type == "list"), "")
    return {
        "correlation_field": mark,
        "find_path": path,
        "find_parameter": mark,
        "find_results_path": results,
        "find_id_path": id_name,
    }


def _one_of(document: Document, collection: str) -> str:
    """The path of one record of the collection; "" when the document has none."""
    depth = collection.count("/") + 1
    below = (path for path in document.paths if path.startswith(f"{collection}/{{") and path.count("/") == depth)
    return next(below, "")


def _note_path(document: Document, collection: str, path: str) -> str:
    one = _one_of(document, collection)
    for name in _NOTES:
        if document.operation(f"{document.prefix}{one}/{name}", "post") and f"{one}/{name}" in document.paths:
            return f"{path}/{{id}}/{name}"
    return ""


def _root(document: Document, schema: Json) -> str:
    """Where the record lies in an answer: the only object inside, when there is no id beside it."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or any(name in properties for name in _IDS):
        return ""
    objects = [name for name in properties if document.at(schema, name).get("properties")]
    return str(objects[0]) if len(objects) == 1 else ""


def _id_name(schema: Json) -> str:
    properties = schema.get("properties")
    return next((name for name in _IDS if isinstance(properties, Mapping) and name in properties), "id")


def _words(document: Document, collection: str) -> str:
    create = document.operation(f"{document.prefix}{collection}", "post")
    return str(create.get("summary") or create.get("operationId") or "records")[:100]
