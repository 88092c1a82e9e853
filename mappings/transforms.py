"""The seven transformation actions, each compiled from its row into a function of the input.

Field Nation connectors, Field mappings: actions, empty values, comparison rules. A value that is not there, or that no
entry fits, is answered with MISSING and a reason; the engine then takes the default. Everything else that cannot be
transformed raises MappingError: a wrong value must never pass as the default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from broker_project.lib.errors import MappingError

from .dates import conversion
from .paths import MISSING, Path
from .rows import NO_DEFAULT, OPTIONS, MappingRow
from .scripts import ScriptRunner
from .wording import action_name, canonical, shown

Input = dict[str, Any]

NUMERIC_TEXT = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)


class Outcome(NamedTuple):
    """``result`` is MISSING when there is none: ``reason`` says why, ``doubtful`` that a default deserves a warning."""

    source: Any
    result: Any
    reason: str = ""
    doubtful: bool = False
    warning: str = ""
    loose: bool = False
    trace: tuple[str, ...] = ()


Transform = Callable[[Input, ScriptRunner | None], Outcome]


def compile_transform(row: MappingRow) -> Transform:
    """The function of ``row``'s action. Raises MappingError when the row cannot work, and so does the function."""
    if row.action not in _COMPILERS:
        raise MappingError(f"There is no action {shown(row.action)}. Use one of {', '.join(OPTIONS)}.")
    if not isinstance(row.options, Mapping):
        raise MappingError(f"The options must be an object with the keys of {row.action}, not {shown(row.options)}.")
    return _COMPILERS[row.action](row)


def entries_of(row: MappingRow) -> list[tuple[Any, Any]]:
    """(compare, value) of an Array Map or Range Map, in their order. Raises MappingError when the list is malformed."""
    key = OPTIONS[row.action][0]
    entries = row.options.get(key)
    if not isinstance(entries, list | tuple):
        raise MappingError(f"{row.action} needs {key}: a list of objects with compare and value.")
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, Mapping) or set(entry) != {"compare", "value"}:
            raise MappingError(f"Entry {number} of {key} must have exactly the keys compare and value.")
    return [(entry["compare"], entry["value"]) for entry in entries]


def is_number(value: Any) -> bool:
    """Whether ``value`` is a JSON number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_empty(value: Any) -> bool:
    """Missing, null, "", [] or {}. Zero and false are values."""
    return value is MISSING or (not value and not isinstance(value, int | float))


def _none(source: str, value: Any) -> Outcome:
    """No value to work on."""
    if value is MISSING:
        return Outcome(None, MISSING, f"{source} is missing")
    return Outcome(value, MISSING, f"{source} is null" if value is None else f"{source} is empty")


def _source(row: MappingRow) -> Path:
    if not row.source:
        raise MappingError(f"{action_name(row.action)} needs a source. Choose the field that it reads.")
    return Path.parse(row.source)


def _sync(row: MappingRow) -> Transform:
    """Copy. The engine knows no types of the destination, so a value keeps its own."""
    path = _source(row)

    def sync(input: Input, scripts: ScriptRunner | None) -> Outcome:
        value = path.get(input)
        return _none(row.source, value) if _is_empty(value) else Outcome(value, value)

    return sync


def _set_static(row: MappingRow) -> Transform:
    if "value" not in row.options:
        raise MappingError("set_static needs a value; any JSON value will do.")
    outcome = Outcome(None, row.options["value"])
    return lambda input, scripts: outcome


def _array_map(row: MappingRow) -> Transform:
    """Exact match, types included; failing that, a number with the same number as canonical text."""
    path = _source(row)
    entries = entries_of(row)
    exact: dict[tuple[bool, Any], Any] = {}
    loose: dict[str, Any] = {}  # canonical text of a number, or text as it stands
    for compare, value in entries:
        if isinstance(compare, list | dict):
            raise MappingError("compare must be text, a number, true, false or null.")
        exact.setdefault((isinstance(compare, bool), compare), value)
        if is_number(compare):
            loose.setdefault(canonical(compare), value)
    texts = {compare: value for compare, value in reversed(entries) if isinstance(compare, str)}

    def array_map(input: Input, scripts: ScriptRunner | None) -> Outcome:
        value = path.get(input)
        if isinstance(value, list | dict):
            if value:
                raise MappingError(f"The source is {shown(value)}; array_map compares single values.")
            return _none(row.source, value)
        # true and 1 are equal in Python, not in JSON
        found = exact.get((isinstance(value, bool), value), MISSING)
        if found is not MISSING:
            return Outcome(value, found)
        if value is MISSING or value is None or value == "":
            return _none(row.source, value)
        if is_number(value):
            found = texts.get(canonical(value), MISSING)
        elif isinstance(value, str):
            found = loose.get(value, MISSING)
        if found is not MISSING:
            return Outcome(value, found, loose=True)
        return Outcome(value, MISSING, f"no entry equals {shown(value)}")

    return array_map


def _range_map(row: MappingRow) -> Transform:
    """The first entry whose threshold is not below the number: right to left, the leftmost that holds wins."""
    path = _source(row)
    entries = entries_of(row)
    for compare, _ in entries:
        if not is_number(compare) or compare != compare:
            raise MappingError(f"compare must be a number in range_map, not {shown(compare)}.")
    # Numeric text is compared as it is written: 150.01 is not the binary fraction next to it.
    decimals = [(Decimal(canonical(compare)), value) for compare, value in entries]

    def range_map(input: Input, scripts: ScriptRunner | None) -> Outcome:
        value = path.get(input)
        if value is MISSING or value is None or value == "":
            return _none(row.source, value)
        bands: list[tuple[Any, Any]] = entries
        number = value
        if isinstance(value, str):
            if value.isspace():
                return Outcome(value, MISSING, f"{row.source} holds only blanks", doubtful=True)
            number, bands = _decimal(value), decimals
        elif not is_number(value) or value != value:
            raise _no_number(value)
        for compare, result in bands:
            if number <= compare:
                return Outcome(value, result)
        return Outcome(value, MISSING, f"{shown(value)} is above every band")

    return range_map


def _decimal(text: str) -> Decimal:
    if not NUMERIC_TEXT.fullmatch(text):
        raise _no_number(text)
    return Decimal(text)


def _no_number(value: Any) -> MappingError:
    return MappingError(f"{shown(value)} is no number, and range_map needs one.")


def _date_convert(row: MappingRow) -> Transform:
    path = _source(row)
    input_format, output_format, zone_in, zone_out = (row.options.get(key) or "" for key in OPTIONS["date_convert"])
    for setting in (input_format, output_format, zone_in, zone_out):
        if not isinstance(setting, str):
            raise MappingError(f"Formats and time zones are text, not {shown(setting)}.")
    convert = conversion(input_format, output_format, zone_in or "UTC", zone_out or "UTC")

    def date_convert(input: Input, scripts: ScriptRunner | None) -> Outcome:
        value = path.get(input)
        if value is MISSING or value is None or value == "":
            return _none(row.source, value)
        if isinstance(value, str) and value.isspace():
            return Outcome(value, MISSING, f"{row.source} holds only blanks", doubtful=True)
        return Outcome(value, convert(value))

    return date_convert


def _concat(row: MappingRow) -> Transform:
    """The parts as text. Without a default, empty fields still leave the fixed text, with a warning."""
    parts = [_part(part) for part in _parts(row)]
    has_fields = any(isinstance(part, Path) for part in parts)

    def concat(input: Input, scripts: ScriptRunner | None) -> Outcome:
        source, texts, empty = [], [], has_fields
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            value = part.get(input)
            text = _text(value)
            source.append(None if value is MISSING else value)
            texts.append(text)
            empty = empty and not text
        result = "".join(texts)
        if not empty:
            return Outcome(source, result)
        if row.default is not NO_DEFAULT:
            return Outcome(source, MISSING, "every field part is empty")
        return Outcome(source, result, warning="Every field part is empty: only the fixed text was written.")

    return concat


def _parts(row: MappingRow) -> list[Mapping[str, Any]]:
    parts = row.options.get("parts")
    if not isinstance(parts, list | tuple) or not parts:
        raise MappingError("concat needs parts: a list of objects with type (field or static) and value.")
    for number, part in enumerate(parts, start=1):
        if not isinstance(part, Mapping) or set(part) != {"type", "value"} or part["type"] not in ("field", "static"):
            raise MappingError(f"Part {number} must have the keys type (field or static) and value.")
    return list(parts)


def _part(part: Mapping[str, Any]) -> Path | str:
    if part["type"] == "field":
        return Path.parse(part["value"])
    if part["value"] is None:
        raise MappingError("A static part is null. Write text.")
    return _text(part["value"])


def _text(value: Any) -> str:
    """A concat part: nothing for missing and null, numbers without a trailing ``.0``."""
    if isinstance(value, str):
        return value
    if value is MISSING or value is None:
        return ""
    if isinstance(value, list | dict):
        raise MappingError(f"A part is {shown(value)}; concat joins single values. Name a member or use a script.")
    return canonical(value)


def _custom(row: MappingRow) -> Transform:
    script = row.options.get("script")
    if not isinstance(script, str) or not script.strip():
        raise MappingError("custom needs a script that is not empty.")
    path = Path.parse(row.source) if row.source else None
    name = row.label or row.target

    def custom(input: Input, scripts: ScriptRunner | None) -> Outcome:
        if scripts is None:
            raise MappingError(f"The script {name} cannot run here: there is no script runner.")
        answer = scripts.run(script, input, name=name)
        source = path.get(input) if path else None
        return Outcome(
            None if source is MISSING else source,
            MISSING if answer.value is None else answer.value,
            "the script gave null",
            trace=tuple(answer.trace),
        )

    return custom


_COMPILERS: dict[str, Callable[[MappingRow], Transform]] = {
    "sync": _sync,
    "set_static": _set_static,
    "array_map": _array_map,
    "range_map": _range_map,
    "date_convert": _date_convert,
    "concat": _concat,
    "custom": _custom,
}
