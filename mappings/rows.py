"""The mapping row and its documented JSON form (Field Nation connectors, Field mappings, the seven actions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from broker_project.lib.errors import MappingError

from .wording import shown


class _NoDefault(Enum):
    NO_DEFAULT = "no default"

    def __repr__(self) -> str:
        return "NO_DEFAULT"


NO_DEFAULT: Final = _NoDefault.NO_DEFAULT
"""The row has no default. A default of None is one: it sends null."""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "sync": (),
    "set_static": ("value",),
    "array_map": ("mappings",),
    "range_map": ("ranges",),
    "date_convert": ("input_format", "output_format", "timezone_in", "timezone_out"),
    "concat": ("parts",),
    "custom": ("script",),
}
"""The keys that each action has of its own."""

_CONSTANT = "ACTION_TYPE_"
_COMMON = ("action", "source", "target", "default", "label")


@dataclass(frozen=True)
class MappingRow:
    """One mapping. ``options`` holds the action's own keys as in the JSON form, ``label`` the person's name for it."""

    action: str
    target: str
    source: str = ""
    default: Any = NO_DEFAULT
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""


def parse_rows(entries: Sequence[Mapping[str, Any]]) -> list[MappingRow]:
    """Rows from the documented JSON form; action constants such as ``ACTION_TYPE_SYNC`` are taken too.

    Raises MappingError for what has not that form. Whether the rows can work is for ``validate`` to say.
    """
    if not isinstance(entries, list | tuple):
        raise MappingError("Mappings must be a list of objects, one for each row.")
    return [_row(entry, number) for number, entry in enumerate(entries, start=1)]


def dump_rows(rows: Sequence[MappingRow]) -> list[dict[str, Any]]:
    """The documented JSON form of ``rows``; ``parse_rows`` gives them back."""
    return [_entry(row) for row in rows]


def _row(entry: Mapping[str, Any], number: int) -> MappingRow:
    if not isinstance(entry, Mapping):
        raise MappingError(f"Mapping {number} must be an object, not {shown(entry)}.")
    for key in ("action", "target", "source", "label"):
        if not isinstance(entry.get(key, ""), str):
            raise MappingError(f"Mapping {number}: {key} must be text, not {shown(entry[key])}.")
    action = entry.get("action", "")
    if action.startswith(_CONSTANT):
        action = action.removeprefix(_CONSTANT).lower()
    options = {key: value for key, value in entry.items() if key not in _COMMON}
    unknown = unknown_options(action, options)
    if unknown:
        raise MappingError(f"Mapping {number}: {unknown}")
    return MappingRow(
        action=action,
        target=entry.get("target", ""),
        source=entry.get("source", ""),
        default=entry.get("default", NO_DEFAULT),
        options=options,
        label=entry.get("label", ""),
    )


def unknown_options(action: str, options: Mapping[str, Any]) -> str:
    """A sentence about keys that ``action`` does not have; "" when there are none or the action is unknown."""
    if action not in OPTIONS or not isinstance(options, Mapping):
        return ""
    strange = [key for key in options if key not in OPTIONS[action]]
    if not strange:
        return ""
    known = ", ".join(OPTIONS[action]) or "none"
    return f"{action} has no key {', '.join(map(shown, strange))}. Its own keys: {known}."


def _entry(row: MappingRow) -> dict[str, Any]:
    entry: dict[str, Any] = {"action": row.action}
    if row.source:
        entry["source"] = row.source
    entry["target"] = row.target
    if row.default is not NO_DEFAULT:
        entry["default"] = row.default
    if row.label:
        entry["label"] = row.label
    return {**entry, **row.options}
