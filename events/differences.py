"""What changed between two configuration versions, in sentences. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from .snapshot import CONNECTOR, MAPPING, TRIGGER, Snapshot
from .snapshot import value as snapshot_value

SHOWN: Final = 80
"""Characters of a value that a sentence repeats; of a longer one it says only that it was changed."""

NAMES: Final = {
    "max_attempts": "tries",
    "conflict_policy": "conflict rule",
    "hop_limit": "changes per record and hour",
    "requests_per_minute": "calls per minute",
    "max_concurrent": "concurrent calls",
    "event_type": "event",
    "filters": "filter",
    "options": "options (JSON)",
    "is_enabled": "on",
    "has_default": "default used",
    "on_failure": "when it fails",
}
ACTIONS: Final = {"update": "Update Record", "create": "Create Record", "script": "Custom Script"}
POLICIES: Final = {
    "last_write": "last write wins",
    "field_nation": "Field Nation wins",
    "external": "external system wins",
    "manual": "a person decides",
}
MODES: Final = {"each": "each event", "newest": "newest state only"}
FAILURES: Final = {"continue": "go on with the next action", "stop": "stop"}
WRITES: Final = {
    "always": "always",
    "when_empty": "only when the target is empty",
    "on_create": "only on create",
    "append": "append",
}

Entry = Mapping[str, Any]


def difference(old: Snapshot, new: Snapshot) -> list[str]:
    """What ``new`` changes, a sentence each; empty when nothing differs."""
    return [
        *_connector(old["connector"], new["connector"]),
        *_rows(old["triggers"], new["triggers"], TRIGGER, _trigger),
        *_rows(old["mappings"], new["mappings"], MAPPING, _mapping),
    ]


def _connector(old: Entry, new: Entry) -> list[str]:
    before, after = old["settings"], new["settings"]
    settings = [f"Setting {_change(name, before.get(name), after.get(name))}" for name in sorted({*before, *after})
                if before.get(name) != after.get(name)]  # fmt: skip
    columns = [name for name in CONNECTOR if name != "settings" and old[name] != new[name]]
    return [*(_sentence(_change(_name(name), _value(name, old), _value(name, new))) for name in columns), *settings]


def _rows(old: list[Any], new: list[Any], columns: tuple[str, ...], title: Callable[[Entry], str]) -> list[str]:
    before, after = ({entry["id"]: entry for entry in entries} for entries in (old, new))
    found = [f"{title(before[id])} removed." for id in sorted(before.keys() - after.keys())]
    for id, entry in sorted(after.items()):
        if id not in before:
            found.append(f"{title(entry)} added.")
            continue
        changes = [
            _change(_name(name), _value(name, before[id]), _value(name, entry))
            for name in columns
            if snapshot_value(before[id], name) != snapshot_value(entry, name)
        ]
        found += [f"{title(before[id])}: {change}" for change in changes]
    return found


def _trigger(entry: Entry) -> str:
    return f"Event trigger {entry['event_type']} → {ACTIONS.get(entry['action'], entry['action'])}"


def _mapping(entry: Entry) -> str:
    of_object = f" ({entry['target_object']})" if entry["target_object"] else ""
    return f"{entry['direction'].capitalize()} mapping {entry['source'] or '-'} → {entry['target']}{of_object}"


def _name(column: str) -> str:
    return NAMES.get(column, column.replace("_", " "))


def _value(column: str, entry: Entry) -> Any:
    """The value as the forms name it."""
    value = snapshot_value(entry, column)
    if column == "action":
        return ACTIONS.get(value, value.replace("_", " ").title())
    words = {"conflict_policy": POLICIES, "delivery_mode": MODES, "on_failure": FAILURES, "write_mode": WRITES}.get(
        column, {}
    )
    return words.get(value, value) if words else value


def _change(name: str, old: Any, new: Any) -> str:
    before, after = _shown(old), _shown(new)
    if len(before) > SHOWN or len(after) > SHOWN or before == after or "\n" in before + after:
        return f"{name} changed."
    return f"{name} was {before}, is {after}."


def _shown(value: Any) -> str:
    if value is None or value in ("", {}, []):
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
