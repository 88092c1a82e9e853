"""A conflict that a person decides: fields changed on both sides, and which side each is taken from. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker_project.lib.errors import InvalidRecord

FIELD_NATION: Final = "field_nation"
EXTERNAL: Final = "external"
SIDES: Final[Mapping[str, str]] = {FIELD_NATION: "Field Nation", EXTERNAL: "the external system"}
SHOWN: Final = 300
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class Contested:
    """A field with the value last agreed on and what each side has made of it, as text to read."""

    target: str
    base: str
    field_nation: str
    external: str


def contested(conflict: Mapping[str, Any] | None) -> list[Contested]:
    """The fields of a stored conflict, in its order."""
    return [
        Contested(str(field["target"]), _shown(field, "base"), _shown(field, FIELD_NATION), _shown(field, EXTERNAL))
        for field in (conflict or {}).get("fields", ())
    ]


def complete(conflict: Mapping[str, Any] | None, choices: Mapping[str, str]) -> dict[str, str]:
    """The choices, checked: one of the two sides for each field and for no other. Raises InvalidRecord."""
    targets = [field.target for field in contested(conflict)]
    for target in targets:
        if choices.get(target) not in SIDES:
            raise InvalidRecord(f"Choose a side for {target}.")
    if extra := sorted(choices.keys() - set(targets)):
        raise InvalidRecord(f"{extra[0]} is no longer in question. Open the page again.")
    return {target: choices[target] for target in targets}


def in_words(choices: Mapping[str, str]) -> str:
    """“status from Field Nation, notes from the external system”."""
    return ", ".join(f"{target} from {SIDES[side]}" for target, side in choices.items())


def _shown(field: Mapping[str, Any], side: str) -> str:
    if side not in field or field[side] is None:
        return "(empty)"
    value = field[side]
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
