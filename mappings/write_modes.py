"""What a mapping row's write mode makes of an update: leave a field alone, fill it when empty, append to it. Pure.

A new record is written whole, whatever the modes. A mode stands by its flat target, where it is not "always".
"""

from __future__ import annotations

from typing import Any, Final

from .wording import canonical

WHEN_EMPTY: Final = "when_empty"
ON_CREATE: Final = "on_create"
APPEND: Final = "append"


def is_empty(value: Any) -> bool:
    """Whether nothing stands there."""
    return value is None or value == "" or value == [] or value == {}


def appended(there: Any, value: Any, *, repeated: bool) -> Any:
    """What the field is to hold: lists grow, everything else is text, a line each; ``there`` when it holds it already.

    ``repeated``: an earlier attempt may have written the value, so that it counts wherever it stands; otherwise only
    when it came last, since the same may be worth saying again.
    """
    if is_empty(value):
        return there
    if isinstance(there, list):
        new = value if isinstance(value, list) else [value]
        return [*there, *(entry for entry in new if entry not in there)]
    if is_empty(there):
        return value
    old, text = _text(there), _text(value)
    if old == text or old.endswith(f"\n{text}") or (repeated and f"\n{text}\n" in f"\n{old}\n"):
        return there
    return f"{old}\n{text}"


def _text(value: Any) -> str:
    return canonical(value) if isinstance(value, bool | int | float) else str(value)
