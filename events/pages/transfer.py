"""A connector's configuration as a JSON file, and back. Pure.

``{"format": "connector-configuration", "format_version": 1, "platform", "settings", "options", "triggers",
"mappings": {"outbound": […], "inbound": […]}}``; mapping rows have the documented form, with keys of our own where
they say something. A part that a file does not hold stays as it is. Secrets, name and status are in no file.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from broker_project.lib.errors import InvalidRecord, MappingError
from events.snapshot import LATER, OPTIONS, TRIGGER, Snapshot, trimmed, value
from mappings.rows import NO_DEFAULT, MappingRow, dump_rows, parse_rows

FORMAT: Final = "connector-configuration"
FORMAT_VERSION: Final = 1
MOST_CHARACTERS: Final = 1024 * 1024
MOST_ROWS: Final = 1_000
PARTS: Final = ("settings", "options", "triggers", "mappings")
DIRECTIONS: Final = ("outbound", "inbound")
USUAL: Final[Mapping[str, Any]] = {
    "is_enabled": True,
    "target_object": "",
    "conflict_policy": "",
    "write_mode": LATER["write_mode"],
    "events": LATER["events"],
}
"""Keys of a mapping row beside the documented ones, with what their absence means. ``position`` is one more: the row's
place in the list, unless it says otherwise."""
TRIGGER_USUAL: Final[Mapping[str, Any]] = {
    "action": "update",
    "target_object": "",
    "script": "",
    "filters": {},
    "delivery_mode": "each",
    "position": 0,
    "is_enabled": True,
    "on_failure": LATER["on_failure"],
}

Entry = Mapping[str, Any]


# --- out --------------------------------------------------------------------------------------------------------------


def file_name(connector: str) -> str:
    """The name of the file that an export of the connector of this name makes."""
    return f"{re.sub(r'[^a-z0-9]+', '-', connector.lower()).strip('-') or 'connector'}.json"


def exported(snapshot: Snapshot) -> dict[str, Any]:
    """The file's content."""
    connector = snapshot["connector"]
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "platform": connector["platform"],
        "settings": connector["settings"],
        "options": {name: connector[name] for name in OPTIONS},
        "triggers": [{name: value(entry, name) for name in TRIGGER} for entry in _in_order(snapshot["triggers"])],
        "mappings": {direction: _mappings(snapshot["mappings"], direction) for direction in DIRECTIONS},
    }


def _in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.get("event_type", ""), entry["position"], entry["id"]))


def _mappings(entries: Iterable[Entry], direction: str) -> list[dict[str, Any]]:
    found = []
    for place, entry in enumerate(_in_order(entry for entry in entries if entry["direction"] == direction)):
        row = MappingRow(
            action=entry["action"],
            source=entry["source"],
            target=entry["target"],
            default=entry["default"] if entry["has_default"] else NO_DEFAULT,
            options=entry["options"],
            label=entry["label"],
        )
        own = {name: value(entry, name) for name, usual in USUAL.items() if value(entry, name) != usual}
        position = {} if entry["position"] == place else {"position": entry["position"]}
        found.append({**dump_rows([row])[0], **own, **position})
    return found


# --- in ---------------------------------------------------------------------------------------------------------------


def parse(text: Any) -> dict[str, Any]:
    """The parts that a file holds. Raises InvalidRecord for what is no such file."""
    if not isinstance(text, str) or not text.strip():
        raise InvalidRecord("Choose a file, or paste its text.")
    if len(text) > MOST_CHARACTERS:
        raise InvalidRecord(f"The file has {len(text):,} characters; {MOST_CHARACTERS:,} are taken.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidRecord(f"This is no JSON{place}. Paste the whole file.") from None
    if isinstance(found, list):
        raise InvalidRecord("This is a list, not an exported connector. Mapping rows go to the Field Mappings page.")
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InvalidRecord("This is no exported connector. Use a file that Export made.")
    if found.get("format_version") != FORMAT_VERSION:
        raise InvalidRecord(f"The file has format version {found.get('format_version')!r}; this broker reads 1.")
    shapes: dict[str, type] = {"settings": dict, "options": dict, "triggers": list, "mappings": dict}
    for name in PARTS:
        if name in found and not isinstance(found[name], shapes[name]):
            raise InvalidRecord(f"The part “{name}” has the wrong form. Use a file that Export made.")
    return found


def merged(present: Snapshot, found: Mapping[str, Any]) -> Snapshot:
    """The configuration after the import; rows that are new have negative ids.

    Raises InvalidRecord for rows that have not the form of a row. Whether they can work is not asked here.
    """
    connector = dict(present["connector"])
    if found.get("platform") != connector["platform"]:
        raise InvalidRecord(
            f"The file is for the platform {found.get('platform')!r}, this connector is of {connector['platform']!r}. "
            "Import it into a connector of the same platform."
        )
    connector |= {"settings": found.get("settings", connector["settings"])}
    connector |= {name: given for name, given in found.get("options", {}).items() if name in OPTIONS}
    triggers, mappings = present["triggers"], present["mappings"]
    if "triggers" in found:
        triggers = _with_ids([_trigger(*pair) for pair in enumerate(found["triggers"], 1)], triggers, _trigger_key)
    for direction in DIRECTIONS:
        if direction in found.get("mappings", {}):
            others = [entry for entry in mappings if entry["direction"] != direction]
            mine = [entry for entry in mappings if entry["direction"] == direction]
            read = _read_mappings(found["mappings"][direction], direction)
            mappings = [*others, *_with_ids(read, mine, _mapping_key, first=-1 - len(mappings))]
    for rows in (triggers, mappings):
        if len(rows) > MOST_ROWS:
            raise InvalidRecord(f"These are {len(rows):,} rows; {MOST_ROWS:,} are taken.")
    return {"connector": connector, "triggers": triggers, "mappings": mappings}


def storable(snapshot: Snapshot) -> Snapshot:
    """As ``roll_back.write`` takes it: new rows have no id."""

    def rows(entries: Iterable[Entry]) -> list[dict[str, Any]]:
        return [{**entry, "id": entry["id"] if entry["id"] > 0 else None} for entry in entries]

    return {**snapshot, "triggers": rows(snapshot["triggers"]), "mappings": rows(snapshot["mappings"])}


def _trigger(number: int, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("event_type"), str):
        raise InvalidRecord(f"Event trigger {number} has no event_type.")
    strange = [name for name in entry if name not in TRIGGER]
    if strange:
        raise InvalidRecord(f"Event trigger {number} has the unknown key {str(strange[0])[:40]!r}.")
    row = {"event_type": entry["event_type"], **TRIGGER_USUAL, **entry}
    return _typed(row, TRIGGER_USUAL, f"Event trigger {number}")


def _read_mappings(entries: Any, direction: str) -> list[dict[str, Any]]:
    if not isinstance(entries, list):
        raise InvalidRecord(f"The {direction} mappings must be a list.")
    return [_mapping(place, entry, direction) for place, entry in enumerate(entries)]


def _mapping(place: int, entry: Any, direction: str) -> dict[str, Any]:
    title = f"{direction.capitalize()} mapping {place + 1}"
    if not isinstance(entry, Mapping):
        raise InvalidRecord(f"{title} must be an object.")
    own = {"position": place, **USUAL}
    given = {name: entry.get(name, usual) for name, usual in own.items()}
    try:
        row = parse_rows([{name: held for name, held in entry.items() if name not in own}])[0]
    except MappingError as error:
        raise InvalidRecord(f"{title}{error.sentence.removeprefix('Mapping 1')}") from None
    has_default = row.default is not NO_DEFAULT
    known = {
        "direction": direction,
        "action": row.action,
        "source": row.source,
        "target": row.target,
        "options": dict(row.options),
        "has_default": has_default,
        "default": row.default if has_default else None,
        "label": row.label,
    }
    return _typed({**known, **given}, own, title)


def _typed(row: dict[str, Any], usual: Mapping[str, Any], title: str) -> dict[str, Any]:
    """``row`` as a snapshot keeps it; each value of the kind of the usual one. Raises InvalidRecord."""
    for name, example in usual.items():
        if type(row[name]) is not type(example):
            raise InvalidRecord(f"{title}: {name} has the wrong form.")
    return trimmed(row)


def _trigger_key(entry: Entry) -> tuple[Any, ...]:
    return entry["event_type"], entry["position"]


def _mapping_key(entry: Entry) -> tuple[Any, ...]:
    return entry["target_object"], entry["target"]


def _with_ids(rows: Sequence[dict[str, Any]], present: Sequence[Entry], key: Any, *, first: int = -1) -> list[Any]:
    """Give each row the id of the present one that it replaces; the others get ids from ``first`` downwards."""
    kept: dict[Any, list[Entry]] = defaultdict(list)
    for entry in sorted(present, key=lambda entry: entry["id"], reverse=True):
        kept[key(entry)].append(entry)
    found = []
    for row in rows:
        same = kept[key(row)]
        id, first = (same.pop()["id"], first) if same else (first, first - 1)
        found.append({"id": id, **row})
    return sorted(found, key=lambda entry: entry["id"])
