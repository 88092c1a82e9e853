"""Reads an OpenAPI 3 document: the fields of an operation's body and answer. Plain data in, plain data out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from broker_project.lib.errors import Misconfigured
from connectors.platforms.contract import FieldInfo, FieldType

Json = Mapping[str, Any]

MAX_FIELDS = 1_000
MAX_DEPTH = 6
"""Objects within objects, and references in a row, that are followed."""

_CHOICES = 300
_WORK = 50_000  # nodes that are looked at; a document whose parts multiply ends there
_TYPES: Mapping[str, FieldType] = {
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "array": "list",
    "object": "object",
}
_FORMATS: Mapping[str, FieldType] = {"date-time": "datetime", "date": "date"}
_FORMS: Mapping[FieldType, str] = {"datetime": "2026-01-31T14:00:00Z", "date": "2026-01-31"}
"""How OpenAPI has dates written, for a field without an example."""


def is_openapi(document: Any) -> bool:
    """Whether this is a description of the kind read here. Raises Misconfigured for its predecessor."""
    if not isinstance(document, Mapping):
        return False
    if "swagger" in document:
        raise Misconfigured(
            "The fields path leads to a Swagger 2.0 description. Name one in OpenAPI 3, or leave the fields path empty "
            "and name a template record."
        )
    return str(document.get("openapi", "")).startswith("3.") and isinstance(document.get("paths"), Mapping)


class Document:
    """One OpenAPI 3 document. Only references within it are followed."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._left = _WORK
        self.paths: Mapping[str, Any] = document["paths"]

    @property
    def prefix(self) -> str:
        """The path of the first server, which stands before all paths."""
        servers = document_list(self._document.get("servers"))
        url = servers[0].get("url") if servers and isinstance(servers[0], Mapping) else ""
        try:
            return urlsplit(str(url)).path.rstrip("/")
        except ValueError:
            return ""

    def resolved(self, node: Any) -> Json:
        """``node`` with its reference followed; {} where it leads nowhere or too far."""
        for _ in range(MAX_DEPTH):
            self._left -= 1
            if not isinstance(node, Mapping) or self._left < 0:
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self._at(reference)
        return {}

    def operation(self, path: str, method: str) -> Json:
        """The operation of ``method`` at ``path``, whose last part is held against the document's paths; {} if none."""
        item = self.resolved(self.paths.get(self._known_path(path)))
        return self.resolved(item.get(method.lower()))

    def body(self, operation: Json) -> Json:
        """Schema of what the operation is sent, {} when it has none in JSON."""
        return self._schema(self.resolved(operation.get("requestBody")))

    def answer(self, operation: Json) -> Json:
        """Schema of the operation's first successful answer."""
        responses = operation.get("responses")
        for status, response in responses.items() if isinstance(responses, Mapping) else ():
            if str(status).startswith("2") and (schema := self._schema(self.resolved(response))):
                return schema
        return {}

    def at(self, schema: Json, path: str) -> Json:
        """The schema of the property at a dotted ``path``; an index or a list's element are passed through."""
        for step in re.findall(r"[^.\[\]]+", path):
            schema = self.whole(schema)
            if _type_of(schema) == "array":
                schema = self.whole(schema.get("items"))
            if not step.isdecimal():
                schema = self.resolved(_properties(schema).get(step))
        return self.whole(schema)

    def fields(self, schema: Json) -> list[FieldInfo]:
        """The fields of an object, those of objects inside with dotted paths."""
        found: dict[str, FieldInfo] = {}
        for field in self._below(schema, prefix="", depth=0):
            found.setdefault(field.path, field)
            if len(found) >= MAX_FIELDS:
                break
        return list(found.values())

    def whole(self, given: Any, depth: int = 0) -> Json:
        """``given`` with its references followed and its parts (allOf, the first of anyOf or oneOf) put together."""
        schema = self.resolved(given)
        if depth > MAX_DEPTH:
            return {}
        parts = [self.whole(part, depth + 1) for part in document_list(schema.get("allOf"))]
        for name in ("anyOf", "oneOf"):
            options = [self.whole(option, depth + 1) for option in document_list(schema.get(name))]
            parts += [option for option in options if option and option.get("type") != "null"][:1]
        if not parts:
            return schema
        merged: dict[str, Any] = {}
        for part in (*parts, schema):
            properties = {**_properties(merged), **_properties(part)}
            required = [*document_list(merged.get("required")), *document_list(part.get("required"))]
            merged = {**merged, **part, "properties": properties, "required": required}
        return {name: value for name, value in merged.items() if value not in ({}, [])}

    def _below(self, schema: Json, *, prefix: str, depth: int) -> Iterator[FieldInfo]:
        schema = self.whole(schema)
        required = document_list(schema.get("required"))
        for name, given in _properties(schema).items():
            shape = self.whole(given)
            path, kind = f"{prefix}{name}", _type_of(shape)
            if _properties(shape) and kind == "object" and depth < MAX_DEPTH:
                below = self._below(shape, prefix=f"{path}.", depth=depth + 1)
                is_needed = name in required
                for field in below:
                    yield field if is_needed else replace(field, required=False)
            else:
                yield _field(path, shape, required=name in required)

    def _schema(self, holder: Json) -> Json:
        content = holder.get("content")
        for media_type, media in content.items() if isinstance(content, Mapping) else ():
            if "json" in str(media_type).lower() and isinstance(media, Mapping):
                return self.whole(media.get("schema"))
        return {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return None
        node: Any = self._document
        for step in reference[2:].split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            node = node.get(step) if isinstance(node, Mapping) else None
        return node

    def _known_path(self, wanted: str) -> str:
        wanted = _plain(wanted)
        whole = {_plain(f"{self.prefix}{path}"): path for path in self.paths}
        if wanted in whole:
            return str(whole[wanted])
        ends = [path for path in self.paths if wanted.endswith(_plain(path)) and _plain(path)]
        return str(max(ends, key=len, default=""))


def document_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def label_of(name: str) -> str:
    """``scheduled_start`` and ``scheduledStart`` -> ``Scheduled start``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").split()
    text = " ".join(word if word.isupper() else word.lower() for word in words)
    return text[:1].upper() + text[1:]


def _plain(path: str) -> str:
    """A path with the names of its parameters taken out, without its query."""
    return re.sub(r"\{[^{}]*\}", "{}", path.partition("?")[0]).rstrip("/")


def _properties(schema: Json) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _type_of(schema: Json) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), None)
    return str(kind or ("object" if _properties(schema) else "string"))


def _field(path: str, shape: Json, *, required: bool) -> FieldInfo:
    kind = _TYPES.get(_type_of(shape), "text")
    if kind == "text":
        kind = _FORMATS.get(str(shape.get("format")), "text")
    return FieldInfo(
        path=path,
        label=str(shape.get("title") or label_of(path.rpartition(".")[2]))[:200],
        type=kind,
        required=required,
        readonly=shape.get("readOnly") is True,
        writeonly=shape.get("writeOnly") is True,
        choices=tuple(
            (value, str(value)) for value in document_list(shape.get("enum"))[:_CHOICES] if value not in (None, "")
        ),
        sample=_example(shape) or _FORMS.get(kind),
    )


def _example(shape: Json) -> Any:
    example = shape.get("example")
    if isinstance(example, str):
        return example[:100]
    return example if isinstance(example, bool | int | float) else None
