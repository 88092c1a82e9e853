"""A connector's configuration as plain data: which columns belong to it, and what a worker makes of it. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from broker_project.lib.digest import digest
from mappings.rows import NO_DEFAULT, MappingRow, dump_rows

from .route import TriggerFacts

Snapshot = dict[str, Any]

OPTIONS: Final = (
    "outbound_create",
    "write_back_field",
    "max_attempts",
    "conflict_policy",
    "hop_limit",
    "requests_per_minute",
    "burst",
    "max_concurrent",
)
"""Columns of a connector that a roll back writes, beside its settings."""

CONNECTOR: Final = ("name", "platform", "settings", *OPTIONS)
TRIGGER: Final = (
    "event_type",
    "action",
    "target_object",
    "script",
    "filters",
    "delivery_mode",
    "position",
    "is_enabled",
    "on_failure",
)
MAPPING: Final = (
    "direction",
    "position",
    "is_enabled",
    "target_object",
    "action",
    "source",
    "target",
    "options",
    "has_default",
    "default",
    "label",
    "conflict_policy",
    "write_mode",
    "events",
)
LATER: Final[Mapping[str, Any]] = {"on_failure": "continue", "write_mode": "always", "events": []}
"""Columns that came after the first snapshots, with what their absence means. A snapshot leaves that value out, so an
unchanged configuration keeps its digest when the broker is updated."""


def value(entry: Mapping[str, Any], column: str) -> Any:
    """What a row of a snapshot holds in ``column``."""
    return entry[column] if column in entry else LATER[column]


def trimmed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a snapshot keeps it."""
    return {name: held for name, held in entry.items() if name not in LATER or held != LATER[name]}


def digest_of(snapshot: Snapshot) -> str:
    """Equal for equal configurations, whatever the order of keys."""
    return digest(json.dumps(snapshot, sort_keys=True, separators=(",", ":")))


@dataclass(frozen=True, kw_only=True)
class TriggerConfig(TriggerFacts):
    """A ticked event trigger as the worker runs it."""

    script: str = ""
    position: int = 0
    on_failure: str = "continue"


@dataclass(frozen=True, kw_only=True)
class Config:
    """One configuration version, compiled. Shared by all threads of a process, so nothing in it may be changed.

    ``triggers`` (by id) and ``ticked`` (by event, in order) hold the enabled ones only. ``rows`` is the JSON text of
    the enabled mapping rows by direction and target object; where rows are limited to certain events, ``of_event``
    holds those that run for an event ("" for every other one). ``policies`` and ``modes`` hold, by direction and
    target, the fields of the main record with a conflict policy or a write mode of their own. ``max_attempts`` None: as
    the installation says.
    """

    connector_id: int
    number: int
    outbound_create: bool
    write_back_field: str
    max_attempts: int | None
    conflict_policy: str
    hop_limit: int
    triggers: Mapping[int, TriggerConfig]
    ticked: Mapping[str, tuple[TriggerConfig, ...]]
    rows: Mapping[tuple[str, str], str]
    policies: Mapping[str, Mapping[str, str]]
    modes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    of_event: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)

    def rows_for(self, direction: str, target_object: str, event_type: str) -> str:
        """The JSON text of the rows that run for an event."""
        limited = self.of_event.get((direction, target_object))
        if limited is None:
            return self.rows.get((direction, target_object), "[]")
        return limited.get(event_type, limited[""])

    def stops(self, trigger: TriggerConfig) -> list[int]:
        """Ids of the earlier actions of the same event without which ``trigger`` does not run."""
        earlier = (one for one in self.ticked[trigger.event_type] if one.position < trigger.position)
        return [one.id for one in earlier if one.on_failure == "stop"]


def compile_snapshot(connector_id: int, number: int, snapshot: Snapshot) -> Config:
    """What a worker needs of a published snapshot."""
    options = snapshot["connector"]
    triggers = [_trigger(entry) for entry in _enabled(snapshot["triggers"])]
    ticked: dict[str, tuple[TriggerConfig, ...]] = {}
    for trigger in triggers:
        ticked[trigger.event_type] = (*ticked.get(trigger.event_type, ()), trigger)
    rows = _enabled(snapshot["mappings"])
    return Config(
        connector_id=connector_id,
        number=number,
        outbound_create=options["outbound_create"],
        write_back_field=options["write_back_field"],
        max_attempts=options["max_attempts"],
        conflict_policy=options["conflict_policy"],
        hop_limit=options["hop_limit"],
        triggers=MappingProxyType({trigger.id: trigger for trigger in triggers}),
        ticked=MappingProxyType(ticked),
        rows=MappingProxyType(_rows(rows)),
        policies=MappingProxyType(_by_target(rows, "conflict_policy", "")),
        modes=MappingProxyType(_by_target(rows, "write_mode", "always")),
        of_event=MappingProxyType(_of_event(rows)),
    )


def _enabled(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The enabled ones in the order in which they run."""
    return sorted(
        (entry for entry in entries if entry["is_enabled"]), key=lambda entry: (entry["position"], entry["id"])
    )


def _trigger(entry: Mapping[str, Any]) -> TriggerConfig:
    return TriggerConfig(
        id=entry["id"],
        event_type=entry["event_type"],
        action=entry["action"],
        filters=json.dumps(entry["filters"], sort_keys=True) if entry["filters"] != {} else "",
        delivery_mode=entry["delivery_mode"],
        target_object=entry["target_object"],
        script=entry["script"],
        position=entry["position"],
        on_failure=value(entry, "on_failure"),
    )


def _rows(entries: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    groups: dict[tuple[str, str], list[MappingRow]] = defaultdict(list)
    for entry in entries:
        row = MappingRow(
            action=entry["action"],
            source=entry["source"],
            target=entry["target"],
            default=entry["default"] if entry["has_default"] else NO_DEFAULT,
            options=entry["options"],
            label=entry["label"],
        )
        groups[entry["direction"], entry["target_object"]].append(row)
    return {key: json.dumps(dump_rows(group), sort_keys=True) for key, group in groups.items()}


def _of_event(entries: list[dict[str, Any]]) -> dict[tuple[str, str], Mapping[str, str]]:
    found: dict[tuple[str, str], Mapping[str, str]] = {}
    for key in {(entry["direction"], entry["target_object"]) for entry in entries if value(entry, "events")}:
        group = [entry for entry in entries if (entry["direction"], entry["target_object"]) == key]
        named = {event for entry in group for event in value(entry, "events")}
        found[key] = MappingProxyType(
            {
                event: _rows([entry for entry in group if _runs_for(entry, event)]).get(key, "[]")
                for event in ("", *sorted(named))
            }
        )
    return found


def _runs_for(entry: Mapping[str, Any], event: str) -> bool:
    events = value(entry, "events")
    return not events or event in events


def _by_target(entries: list[dict[str, Any]], column: str, usual: str) -> dict[str, Mapping[str, str]]:
    """By direction and target, what rows of the main record say in ``column`` when it is not the usual."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for entry in entries:
        held = value(entry, column)
        if held != usual and not entry["target_object"]:
            found[entry["direction"]][entry["target"]] = held
    return {direction: MappingProxyType(held) for direction, held in found.items()}
