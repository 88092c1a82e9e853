"""How a value is shown inside a sentence: short, and never the whole record."""

from __future__ import annotations

import json
from typing import Any

LONGEST = 60
_JSON = json.JSONEncoder(ensure_ascii=False, default=str)


def shown(value: Any) -> str:
    """``value`` as a few words: texts in quotes and cut, lists and objects only named."""
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, str) and len(value) > LONGEST:
        return _JSON.encode(value[:LONGEST])[:-1] + '…"'
    return _JSON.encode(value)


def canonical(value: float | bool) -> str:
    """A number or boolean as JSON text, a whole number without fraction: ``2.0`` → ``2``, ``True`` → ``true``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else repr(value)


def action_name(action: str) -> str:
    """``array_map`` as people know it: Array Map."""
    return action.replace("_", " ").title()
