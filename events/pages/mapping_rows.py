"""The rows of the Field Mappings page: from posted JSON to typed rows, and back from the stored ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connectors.models import ConflictPolicy
from events import catalogue
from mappings.engine import NO_DEFAULT, MappingRow
from mappings.models import FieldMapping

from .base import Problem

MAX_ROWS: Final = 500
"""Rows of one connector."""
MAX_ENTRIES: Final = 500
"""Entries of a value list, and parts of a text."""
MAX_DEPTH: Final = 24
LENGTHS: Final = {"source": 500, "target": 500, "label": 200, "target_object": 50, "action": 20}
COLUMNS: Final = (
    "direction", "target_object", "is_enabled", "action", "source", "target", "options", "has_default", "default",
    "label", "conflict_policy", "write_mode", "events",
)  # fmt: skip
OUTBOUND: Final = FieldMapping.Direction.OUTBOUND
INBOUND: Final = FieldMapping.Direction.INBOUND
CONSTANTS: Final = frozenset(event.constant for event in catalogue.EVENTS)


@dataclass(frozen=True)
class PageRow:
    """A row as the page holds it. ``key`` names it on the page, ``id`` is None while it is not stored."""

    key: str
    direction: str
    action: str
    target: str
    id: int | None = None
    target_object: str = ""
    source: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    has_default: bool = False
    default: Any = None
    label: str = ""
    is_enabled: bool = True
    conflict_policy: str = ""
    write_mode: str = FieldMapping.WriteMode.ALWAYS
    events: tuple[str, ...] = ()

    def row(self) -> MappingRow:
        """As the engine takes it."""
        return MappingRow(
            action=self.action,
            source=self.source,
            target=self.target,
            default=self.default if self.has_default else NO_DEFAULT,
            options=self.options,
            label=self.label,
        )

    def columns(self) -> dict[str, Any]:
        """As the table takes it, without id and position."""
        found = {name: getattr(self, name) for name in COLUMNS}
        return found | {"options": dict(self.options), "events": list(self.events)}


def read_sets(posted: Any) -> tuple[list[PageRow], list[Problem]]:
    """The rows of ``[{"direction", "target_object", "rows": […]}]``, and what is wrong with their form.

    Whether a row can work is not asked here.
    """
    if not isinstance(posted, list) or not all(isinstance(one, Mapping) for one in posted):
        return [], [Problem("", "The rows are missing. Load the page again.")]
    count = sum(len(one["rows"]) for one in posted if isinstance(one.get("rows"), list))
    if count > MAX_ROWS:
        return [], [Problem("", f"There are {count} rows; a connector takes {MAX_ROWS}. Remove some.")]
    rows: list[PageRow] = []
    problems: list[Problem] = []
    for one in posted:
        entries = one.get("rows")
        for entry in entries if isinstance(entries, list) else []:
            shared = {"direction": one.get("direction", ""), "target_object": one.get("target_object", "")}
            found = problems_of(entry, shared)
            problems += found
            if not found:
                rows.append(_row({**entry, **shared}))
    return rows, problems


def problems_of(entry: Any, shared: Mapping[str, Any]) -> list[Problem]:
    """What keeps a posted row from being read, each at the row's key."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("key"), str):
        return [Problem("", "A row has no name on the page. Load the page again.")]
    whole = {**entry, **shared}
    return [Problem(entry["key"][:80], sentence) for sentence in _sentences(whole)]


def _sentences(whole: Mapping[str, Any]) -> list[str]:
    found = []
    for name, longest in LENGTHS.items():
        value = whole.get(name, "")
        if not isinstance(value, str):
            found.append(f"{name} must be text.")
        elif len(value) > longest:
            found.append(f"{name} has {len(value)} characters; at most {longest} are taken.")
    if whole["direction"] not in FieldMapping.Direction.values:
        found.append("The direction must be outbound or inbound.")
    if whole.get("write_mode", "always") not in FieldMapping.WriteMode.values:
        found.append("Choose when the row writes: always, when the target is empty, on create, or append.")
    if whole.get("conflict_policy", "") not in ("", *ConflictPolicy.values):
        found.append("Choose who wins from the list.")
    if not isinstance(whole.get("options", {}), Mapping):
        found.append("The options of the action are missing. Load the page again.")
    elif any(isinstance(value, list) and len(value) > MAX_ENTRIES for value in whole.get("options", {}).values()):
        found.append(f"The list has more than {MAX_ENTRIES} entries. Use a script, or fewer.")
    return [*found, *_event_sentences(whole), *unstorable([whole.get(name) for name in COLUMNS])]


def _event_sentences(whole: Mapping[str, Any]) -> list[str]:
    events = whole.get("events", [])
    if not isinstance(events, list) or not all(isinstance(name, str) for name in events):
        return ["The events of the row must be a list of constants."]
    if events and whole["direction"] == INBOUND:
        return ["An inbound row runs for every trigger; take its events away."]
    strange = sorted(set(events) - CONSTANTS)
    return [f"There is no event {strange[0][:60]}. Choose events from the list."] if strange else []


def unstorable(value: Any) -> list[str]:
    """Why the database cannot hold ``value``, as at most one sentence."""
    waiting = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return [f"A value is nested deeper than {MAX_DEPTH} levels. Use a simpler one."]
        if isinstance(one, Mapping):
            waiting += [(inner, depth + 1) for pair in one.items() for inner in pair]
        elif isinstance(one, list | tuple):
            waiting += [(inner, depth + 1) for inner in one]
        elif isinstance(one, float) and not math.isfinite(one):
            return ["A number is too large or no number. Use a finite one."]
        elif isinstance(one, str) and ("\x00" in one or any("\ud800" <= mark <= "\udfff" for mark in one)):
            return ["A text holds a character that cannot be stored (NUL, or half of a pair). Remove it."]
    return []


def _row(entry: Mapping[str, Any]) -> PageRow:
    id = entry.get("id")
    return PageRow(
        key=entry["key"][:80],
        id=id if isinstance(id, int) and not isinstance(id, bool) else None,
        has_default=entry.get("has_default") is True,
        is_enabled=entry.get("is_enabled") is not False,
        events=tuple(dict.fromkeys(entry.get("events", ()))),
        **{
            name: entry[name]
            for name in COLUMNS
            if name not in ("has_default", "is_enabled", "events") and name in entry
        },
    )


def stored(mapping: FieldMapping) -> PageRow:
    """The row of the page for a row of the table."""
    columns = {name: getattr(mapping, name) for name in COLUMNS}
    return PageRow(key=f"r{mapping.pk}", id=mapping.pk, **columns | {"events": tuple(mapping.events)})


def sets_of(rows: Iterable[PageRow]) -> dict[tuple[str, str], list[PageRow]]:
    """The rows by direction and target object, in their order."""
    found: dict[tuple[str, str], list[PageRow]] = {}
    for row in rows:
        found.setdefault((row.direction, row.target_object), []).append(row)
    return found


def as_json(row: PageRow) -> dict[str, Any]:
    """For the page's script; direction and target object are those of its set."""
    found = {"key": row.key, "id": row.id, **row.columns()}
    return {name: value for name, value in found.items() if name not in ("direction", "target_object")}
