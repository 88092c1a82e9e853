"""Three-way merge by field: what both sides agreed on last, what each says now, who wins when both moved. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any, Literal

Side = Literal["field_nation", "external"]
Policy = Literal["last_write", "field_nation", "external", "manual"]

LONGEST_KEPT = 200
"""Characters of a value that is kept as it is; of a longer one its digest is kept, which compares as well."""


class Verdict(Enum):
    """What to do with one field."""

    NOTHING = "nothing"  # the target holds the value already, or nothing moved
    WRITE = "write"
    KEEP = "keep"  # the target's own change stays
    REVIEW = "review"  # a person decides


@dataclass(frozen=True)
class Leaf:
    """One mapped field, seen from the side whose change is being carried over.

    ``agrees``: the target holds the value already. ``agrees`` and ``target_changed`` are False when the target was not
    read: without a look nobody knows.
    """

    source_changed: bool
    agrees: bool = False
    target_changed: bool = False


def decide(leaf: Leaf, *, policy: Policy, source: Side, later: Side, choice: Side | None = None) -> Verdict:
    """What to do with one field. ``source`` is the side whose change is carried, ``later`` the side whose change
    reached the broker last, ``choice`` what a person decided about this field."""
    if leaf.agrees:
        return Verdict.NOTHING
    if not leaf.source_changed:
        return Verdict.KEEP if leaf.target_changed else Verdict.NOTHING
    if not leaf.target_changed and choice is None:
        return Verdict.WRITE
    if choice is None and policy == "manual":
        return Verdict.REVIEW
    winner = choice or (later if policy == "last_write" else policy)
    return Verdict.WRITE if winner == source else Verdict.KEEP


def flatten(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The values of nested objects by dotted path; lists and empty objects are values."""
    return dict(_leaves(fields, ""))


def _leaves(fields: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for key, value in fields.items():
        path = f"{above}{key}"
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def at(record: Mapping[str, Any], path: str) -> Any:
    """What stands at a flat path, None when nothing does."""
    found: Any = record
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def put(record: dict[str, Any], path: str, value: Any) -> None:
    """Put ``value`` at a flat path, building objects on the way."""
    *above, last = path.split(".")
    for name in above:
        inner = record.get(name)
        if not isinstance(inner, dict):
            inner = record[name] = {}
        record = inner
    record[last] = value


def without(fields: Mapping[str, Any], left_out: Collection[str], above: str = "") -> dict[str, Any]:
    """``fields`` without the values at these dotted paths; objects that become empty go too."""
    kept: dict[str, Any] = {}
    for key, value in fields.items():
        path = f"{above}{key}"
        if isinstance(value, dict) and value:
            if inner := without(value, left_out, f"{path}."):
                kept[key] = inner
        elif path not in left_out:
            kept[key] = value
    return kept


def mark(value: Any) -> Any:
    """What is kept of a value to compare it later: the value itself, or the digest of a long one."""
    if isinstance(value, str):
        text = value
    elif value is None or isinstance(value, (bool, int, float)):
        return value
    else:
        text = json.dumps(value, sort_keys=True, default=str)
    return value if len(text) <= LONGEST_KEPT else {"sha256": sha256(text.encode(errors="replace")).hexdigest()}


def same(one: Any, other: Any) -> bool:
    """Whether two marks mean the same to people: systems give numbers as text, and nothing as null or empty."""
    if one == other and isinstance(one, bool) == isinstance(other, bool):
        return True
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return one in (None, "", [], {}) and other in (None, "", [], {})
    return _text(one) == _text(other)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def policy_of(policies: Mapping[str, str], default: str) -> Callable[[str], Any]:
    """Who wins, by dotted path: the rule of the mapping row that fills it or an object above it, else ``default``."""

    def find(path: str) -> str:
        while path:
            if path in policies:
                return policies[path]
            path = path.rpartition(".")[0]
        return default

    return find
