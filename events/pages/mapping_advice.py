"""What is doubtful about mapping rows although they can be saved. Pure; it speaks only when it is certain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final

from connectors.fieldnation.fields import NOT_WRITABLE, REQUIRED, TARGETS
from mappings.transforms import NUMERIC_TEXT
from mappings.wording import shown

from .mapping_fields import Field, is_known
from .mapping_rows import INBOUND, OUTBOUND, PageRow

NOUNS: Final = {
    "text": "text",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date",
    "datetime": "a date and time",
    "list": "a list",
    "object": "an object",
}
CUSTOM_FIELD: Final = re.compile(r"(?:workorder\.)?custom_fields\.(\d+)", re.ASCII)
MISMATCHES: Final = {
    "number": ("text", "boolean", "date", "datetime", "list", "object"),
    "boolean": ("text", "number", "date", "datetime", "list", "object"),
    "text": ("list", "object"),
    "date": ("boolean", "list", "object"),
    "datetime": ("boolean", "list", "object"),
}
"""By type of the target: the types that cannot be copied into it as they are."""


@dataclass(frozen=True)
class Advice:
    """``key`` is the row's; empty: about the whole list."""

    key: str
    sentence: str


@dataclass(frozen=True)
class Known:
    """What is known about the fields of one set, by path. ``seen`` are the paths of the chosen sample."""

    sources: Mapping[str, Field]
    targets: Mapping[str, Field]
    seen: Mapping[str, Any] = field(default_factory=dict)


def advise(rows: Sequence[PageRow], known: Known) -> list[Advice]:
    """About the enabled ``rows`` of one direction and target object."""
    found = []
    for row in rows:
        if row.is_enabled:
            found += [Advice(row.key, sentence) for sentence in _about(row, known)]
    return found


def required_missing(rows: Iterable[PageRow], targets: Mapping[str, Field]) -> list[Field]:
    """The required fields that no enabled row fills, as a whole or in part."""
    filled = [row.target.removeprefix("workorder.") for row in rows if row.is_enabled]
    return [
        field
        for path, field in targets.items()
        if field["required"]
        and not any(one == path or one.startswith(f"{path}.") or path.startswith(f"{one}.") for one in filled)
    ]


def inbound_missing(rows: Iterable[PageRow]) -> list[str]:
    """What Field Nation wants for a new work order and no enabled row fills, as paths."""
    filled = {row.target.removeprefix("workorder.") for row in rows if row.is_enabled}
    meant = {TARGETS[path].path if path in TARGETS else path for path in filled}
    return [path for path in REQUIRED if path not in meant]


def contradictions(outbound: Iterable[PageRow], inbound: Iterable[PageRow]) -> list[Advice]:
    """Value lists over the same two fields that lead a value astray on its way there and back."""
    back = {_pair(row.target, row.source): row for row in _value_lists(inbound)}
    found = []
    for row in _value_lists(outbound):
        if other := back.get(_pair(row.source, row.target)):
            found += [
                Advice(row.key, f"Outbound {_trip(trip)} of the inbound row for the same fields.")
                for trip in _astray(row, other)
            ]
            found += [
                Advice(other.key, f"Inbound {_trip(trip)} of the outbound row for the same fields.")
                for trip in _astray(other, row)
            ]
    return found


def _about(row: PageRow, known: Known) -> Iterator[str]:
    for path in paths_read(row):
        if row.direction == OUTBOUND and (number := CUSTOM_FIELD.fullmatch(path)):
            script = f"$.util.lookup_custom_field({number[1]}, $.input, null)"
            yield f"A custom field has no path. Use Custom with the script {script}."
        elif path and path not in known.seen and not is_known(path, known.sources):
            yield from _unknown_source(row, path, known.sources)
    yield from _target(row, known)
    source, target = known.sources.get(row.source), known.targets.get(row.target)
    if row.action == "sync" and source and target and source["type"] in MISMATCHES.get(target["type"], ()):
        yield (
            f"{row.source} is {NOUNS[source['type']]}, and {row.target} takes {NOUNS[target['type']]}. Use an action "
            "that converts, such as Array Map, Date Convert or Custom."
        )
    if target:
        yield from _given(row, target)


def paths_read(row: PageRow) -> list[str]:
    """The paths that a row reads by name; what a script reads is not among them."""
    if row.action == "concat":
        parts = row.options.get("parts")
        return [
            part["value"]
            for part in (parts if isinstance(parts, list) else [])
            if isinstance(part, Mapping) and part.get("type") == "field" and isinstance(part.get("value"), str)
        ]
    return [] if row.action == "set_static" else [row.source]


def _unknown_source(row: PageRow, path: str, sources: Mapping[str, Field]) -> Iterator[str]:
    bare = path.removeprefix("workorder.")
    near = _nearest(bare, tuple(sources), 0.75)
    hint = f" Did you mean {near[0]}?" if near else ""
    if row.direction == OUTBOUND:
        reason = NOT_WRITABLE.get(bare, "")
        if reason.startswith("Field Nation has no such field"):
            yield f"Field Nation sends no field {path}; check the spelling.{hint}"
        elif near or not any(name.split(".")[0] == bare.split(".")[0] for name in sources):
            yield f"{path} is not among the fields that Field Nation is known to send; check the spelling.{hint}"
    elif sources:
        yield f"{path} is not among the fields found in the external system; check the spelling.{hint}"


def _target(row: PageRow, known: Known) -> Iterator[str]:
    target = row.target.removeprefix("workorder.") if row.direction == INBOUND else row.target
    if row.direction == INBOUND:
        if target and target not in TARGETS and not is_known(target, known.targets):
            steps = target.split(".")
            above = (".".join(steps[:length]) for length in range(len(steps), 0, -1))
            reason = next((NOT_WRITABLE[path] for path in above if path in NOT_WRITABLE), "")
            near = _nearest(target, tuple(TARGETS), 0.6)
            hint = f" Did you mean {near[0]}?" if near else ""
            yield f"{target} cannot be written: {reason or 'Field Nation has no such field'}.{hint}"
        return
    field = known.targets.get(target)
    if field and field["readonly"]:
        yield f"The external system does not let {target} be written."
    elif target and known.targets and not is_known(target, known.targets):
        near = _nearest(target, tuple(known.targets), 0.7)
        hint = f" Did you mean {near[0]}?" if near else " Refresh the fields if it is new."
        yield f"{target} is not among the fields found in the external system.{hint}"


@lru_cache(maxsize=4096)
def _nearest(word: str, names: tuple[str, ...], cutoff: float) -> list[str]:
    """The name that is spelled most alike, if any; the page asks again as one types."""
    return get_close_matches(word[:200], names, n=1, cutoff=cutoff)


def values_given(row: PageRow) -> list[Any]:
    """The values that a row can give of its own accord: its fixed one, those of its list, its default."""
    entries = row.options.get({"array_map": "mappings", "range_map": "ranges"}.get(row.action, ""))
    given = [entry.get("value") for entry in entries or () if isinstance(entry, Mapping)]
    if row.action == "set_static":
        return [row.options.get("value")]
    return [*given, row.default] if row.has_default else given


def _given(row: PageRow, target: Field) -> Iterator[str]:
    """A value of the row's own that the target cannot take."""
    choices = [choice[0] for choice in target["choices"]]
    for value in values_given(row):
        if value is None or value == "":
            continue
        if choices and str(value) not in map(str, choices):
            near = _nearest(str(value), tuple(map(str, choices)), 0.6)
            hint = f" Did you mean {near[0]}?" if near else ""
            yield f"{shown(value)} is not in the list of values of {row.target}.{hint}"
        elif target["type"] == "number" and isinstance(value, str) and not NUMERIC_TEXT.fullmatch(value):
            yield f"{shown(value)} is text, and {row.target} takes a number."


def _value_lists(rows: Iterable[PageRow]) -> Iterator[PageRow]:
    return (row for row in rows if row.is_enabled and row.action == "array_map" and not row.target_object)


def _pair(field_nation: str, external: str) -> tuple[str, str]:
    bare = field_nation.removeprefix("workorder.")
    return (TARGETS[bare].path if bare in TARGETS else bare, external)


def _table(row: PageRow) -> dict[str, Any]:
    """compare → value; the first entry of one compare wins."""
    entries = row.options.get("mappings")
    found: dict[str, Any] = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping):
            found.setdefault(_bare(entry.get("compare")), entry)
    return found


def _bare(value: Any) -> str:
    """Field Nation writes one status as work_done and as Work Done."""
    return shown(value).strip('"').casefold().replace(" ", "_")


def _astray(there: PageRow, back: PageRow) -> Iterator[tuple[Any, Any, Any]]:
    """(A, B, C): ``there`` makes B of A, ``back`` makes C of B, and C does not lead to B again."""
    go, come = _table(there), _table(back)
    for entry in go.values():
        returned = come.get(_bare(entry.get("value")))
        if returned is None:
            continue
        again = go.get(_bare(returned.get("value")))
        if again is None or _bare(again.get("value")) != _bare(entry.get("value")):
            yield entry.get("compare"), entry.get("value"), returned.get("value")


def _trip(trip: tuple[Any, Any, Any]) -> str:
    start, middle, end = map(shown, trip)
    return f"makes {middle} of {start}, and {middle} comes back as {end}. Compare with the entries"
