"""What a person changed in a payload, path by path. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

SHOWN: Final = 120
"""Characters of a value that are kept."""
MOST: Final = 100
"""Changes that are kept."""
NAMED: Final = 5
_ABSENT: Final = object()


@dataclass(frozen=True)
class Change:
    """One place; ``before`` and ``after`` are JSON, shortened, and empty where there was nothing."""

    path: str
    before: str
    after: str


def changes(before: Any, after: Any) -> list[Change]:
    """The places where the two differ, in the order of the first. Members of lists are compared by their place."""
    found = []
    for change in _compare(before, after, ""):
        found.append(change)
        if len(found) == MOST:
            break
    return found


def in_words(found: Sequence[Change]) -> str:
    """“workorder.title, workorder.status.name”, shortened."""
    named = ", ".join(change.path for change in found[:NAMED])
    rest = len(found) - NAMED
    return f"{named} and {rest} more" if rest > 0 else named


def _compare(before: Any, after: Any, path: str) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            step = f"{path}.{name}" if path else name
            yield from _compare(before.get(name, _ABSENT), after.get(name, _ABSENT), step)
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            one, other = (members[place] if place < len(members) else _ABSENT for members in (before, after))
            yield from _compare(one, other, f"{path}[{place}]")
    elif type(before) is not type(after) or before != after:  # in JSON, true is not 1
        yield Change(path or "body", _shown(before), _shown(after))


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
