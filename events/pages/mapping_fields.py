"""The fields that the pickers of the Field Mappings page offer, and what is known about a path.

A field is an object as DiscoveredFields keeps it: path, label, type, required, readonly, writeonly, custom, choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from connectors.fieldnation.custom_fields import known_fields
from connectors.fieldnation.fields import DOCUMENTED_NAMES, FIELDS

from .mapping_rows import INBOUND, OUTBOUND

Field = Mapping[str, Any]

NOTES: Final = {field.path: field.note for field in FIELDS}
OF_AN_EVENT: Final = (
    {"path": "event_type", "label": "Event", "type": "text"},
    {"path": "event_timestamp", "label": "Time of the event", "type": "datetime"},
    {"path": "correlation_id", "label": "Id of the linked record", "type": "text"},
)
OPEN: Final = ("list", "object")
"""Types below which any path may lie."""
MAX_SEEN: Final = 400
SHOWN: Final = 60


def sources(direction: str, field_nation: Sequence[Field], external: Sequence[Field]) -> list[dict[str, Any]]:
    """What a row of ``direction`` can read. ``field_nation`` are discovered fields; the known ones are added."""
    if direction == INBOUND:
        return [{**_plain(field), "required": False} for field in external if not field.get("writeonly")]
    known = [field for field in _known() if not field["writeonly"]]
    also = [
        {**known_field, "path": name, "label": f"{known_field['label']} (short name; the same value as {real})"}
        for name, real in DOCUMENTED_NAMES.items()
        if (known_field := next((field for field in known if field["path"] == real), None))
    ]
    discovered = [field for field in field_nation if not field.get("writeonly")]
    merged = _merged([*map(_plain, OF_AN_EVENT), *known, *also], discovered)
    return [{**field, "required": False} for field in merged]  # it is when writing that a field is required


def targets(direction: str, field_nation: Sequence[Field], external: Sequence[Field]) -> list[dict[str, Any]]:
    """What a row of ``direction`` can fill."""
    if direction == OUTBOUND:
        return [_plain(field) for field in external]
    known = [field for field in _known() if not field["readonly"]]
    return _merged(known, [field for field in field_nation if not field.get("readonly")])


def seen(value: Any, above: str = "") -> dict[str, Any]:
    """The paths in a sample with their values, at most ``MAX_SEEN``; of a list the first element."""
    found: dict[str, Any] = {}
    waiting = [(above, value)]
    while waiting and len(found) < MAX_SEEN:
        path, one = waiting.pop(0)
        if isinstance(one, Mapping) and one:
            waiting += [(f"{path}.{name}" if path else str(name), inner) for name, inner in one.items()
                        if _is_step(name)]  # fmt: skip
        elif isinstance(one, list) and one and path:
            waiting.append((f"{path}[0]", one[0]))
        elif path:
            found[path] = one[:SHOWN] if isinstance(one, str) else one
    return found


def lookup(fields: Iterable[Field]) -> dict[str, Field]:
    """The fields by path."""
    return {field["path"]: field for field in fields}


def is_known(path: str, known: Mapping[str, Field]) -> bool:
    """Whether ``path`` is a known field, holds one, or lies below an open one."""
    bare = path.removeprefix("workorder.").split("[")[0] if path != "workorder" else ""
    if not bare or bare in known or any(name.startswith((f"{bare}.", f"{bare}[")) for name in known):
        return True
    steps = bare.split(".")
    above = [".".join(steps[:length]) for length in range(1, len(steps))]
    return any(name in known and known[name]["type"] in OPEN for name in above)


def _is_step(name: Any) -> bool:
    return isinstance(name, str) and bool(name.strip()) and not set(name) & set(".[]")


def _known() -> list[dict[str, Any]]:
    """What every work order has."""
    return [_plain({**vars(field), "note": NOTES.get(field.path, "")}) for field in known_fields()]


def _plain(field: Field) -> dict[str, Any]:
    """All keys, so that nobody has to ask whether one is there; choices as pairs of value and label."""
    return {
        "path": str(field.get("path", "")),
        "label": str(field.get("label") or field.get("path", "")),
        "type": str(field.get("type") or "text"),
        "required": bool(field.get("required")),
        "readonly": bool(field.get("readonly")),
        "writeonly": bool(field.get("writeonly")),
        "custom": bool(field.get("custom")),
        "choices": [_choice(choice) for choice in field.get("choices") or ()],
        "sample": field.get("sample"),
        "note": str(field.get("note", "")),
    }


def _choice(choice: Any) -> list[Any]:
    if isinstance(choice, Mapping):
        return [choice.get("value"), str(choice.get("label") or choice.get("value"))]
    if isinstance(choice, list | tuple) and choice:
        return [choice[0], str(choice[-1])]
    return [choice, str(choice)]


def _merged(known: Sequence[Field], discovered: Sequence[Field]) -> list[dict[str, Any]]:
    """What was discovered wins, but keeps the note of the catalogue."""
    found = {field["path"]: dict(field) for field in known}
    for field in map(_plain, discovered):
        note = field["note"] or found.get(field["path"], {}).get("note", "")
        found[field["path"]] = {**field, "note": note}
    return list(found.values())
