"""What the filter builder offers: the fields of a work order with their kinds, and the operators of each kind. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from connectors.fieldnation.statuses import STATUSES
from mappings.inputs import outbound_input

KINDS: Final = {
    "text": "text", "html": "text", "choice": "text", "number": "number", "integer": "number", "id": "number",
    "boolean": "boolean", "date": "date", "datetime": "date", "list": "list",
}  # fmt: skip
"""Of a field's type; other types cannot be compared and are not offered."""

_SHARED: Final = (("changed", "changed"), ("empty", "is empty"), ("not_empty", "is not empty"))
_EQUAL: Final = (("equals", "is"), ("not_equals", "is not"), ("in", "is one of"), ("not_in", "is none of"))
_PART: Final = (("contains", "contains"), ("not_contains", "does not contain"))
OPERATORS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "text": (*_EQUAL, *_PART, ("starts_with", "begins with"), ("ends_with", "ends with"),
             ("matches", "matches the pattern"), *_SHARED),
    "number": (*_EQUAL, ("greater", "is greater than"), ("greater_or_equal", "is at least"),
               ("less", "is less than"), ("less_or_equal", "is at most"), *_SHARED),
    "date": (("greater", "is after"), ("greater_or_equal", "is at or after"), ("less", "is before"),
             ("less_or_equal", "is at or before"), ("starts_with", "begins with"), *_SHARED),
    "boolean": (("equals", "is"), ("not_equals", "is not"), *_SHARED),
    "list": (*_PART, *_SHARED),
}  # fmt: skip
"""By kind, the operators of mappings.filters with their names for people."""

NOT_KNOWN_YET: Final = frozenset({"correlation_id"})
"""Filled in for each connector after its filters were asked."""
MOST_PATHS: Final = 400
MOST_VALUES: Final = 20
"""A field with more values than that is free text, of which no examples are offered."""
LONGEST_VALUE: Final = 60
DEEPEST: Final = 8

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def offered(known: Iterable[Mapping[str, Any]], payloads: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Fields as ``{"path", "label", "kind", "values"}``: the ``known`` ones (path, label, type, choices) in order, then
    what else ``payloads`` hold. ``values`` are suggestions."""
    found = {
        field["path"]: {
            "path": field["path"],
            "label": field["label"],
            "kind": KINDS[field["type"]],
            "values": [str(value) for value, _ in field["choices"][:MOST_VALUES]],
        }
        for field in known
        if field["type"] in KINDS and field["path"] not in NOT_KNOWN_YET
    }
    for path, values in _seen(payloads).items():
        field = found.setdefault(path, {"path": path, "label": "", "kind": _kind(values), "values": []})
        if field["kind"] == "text" and not field["values"]:
            field["values"] = _suggested(values)
    if "status.name" in found:
        found["status.name"]["values"] = [status.name for status in STATUSES]
    return list(found.values())


def _seen(payloads: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The values of scalars and lists by path, for at most ``MOST_PATHS`` paths."""
    found: dict[str, list[Any]] = {}
    for payload in payloads:
        members = {name: value for name, value in outbound_input(dict(payload)).items() if name != "workorder"}
        waiting: list[tuple[str, Any]] = [(name, value) for name, value in members.items() if _is_step(name)]
        for path, value in waiting:
            if isinstance(value, Mapping):
                if path.count(".") < DEEPEST and len(waiting) < 10 * MOST_PATHS:
                    waiting += [(f"{path}.{name}", inner) for name, inner in value.items() if _is_step(name)]
            elif path in found or len(found) < MOST_PATHS:
                found.setdefault(path, []).append(value)
    return {path: values for path, values in found.items() if path not in NOT_KNOWN_YET}


def _is_step(name: str) -> bool:
    return bool(name.strip()) and not set(name) & set(".[]")


def _kind(values: Sequence[Any]) -> str:
    value = next((value for value in values if value is not None), None)
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "list"
    return "date" if isinstance(value, str) and _DATE.match(value) else "text"


def _suggested(values: Sequence[Any]) -> list[str]:
    texts = sorted({value for value in values if isinstance(value, str) and value})
    short = len(texts) <= MOST_VALUES and all(len(text) <= LONGEST_VALUE for text in texts)
    return texts if short else []
