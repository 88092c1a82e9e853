"""Filters of an event trigger: conditions on the event's input that decide whether the trigger runs.

Texts, numbers and booleans compare as in Array Map: exactly, but a number equals the same number as canonical text. A
missing field counts as null; the ``not_`` operators are the exact opposites of their partners.

``changed`` compares with the work order's last event before this one, by the same rule of equality. At its first event
everything was null before: the field then counts as changed when it has a value, and only ``from`` null asks for that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from broker_project.lib.errors import MappingError

from .paths import MISSING, Path
from .patterns import compile_pattern
from .transforms import NUMERIC_TEXT, is_number
from .wording import canonical, shown

Test = Callable[[Any], bool]
Comparison = Callable[[Any, Any], bool]
"""Whether what was there before and what is there now are as asked for."""

MEMBERS = {"field", "op", "value", "name"}
CHANGE_MEMBERS = {"field", "op", "from", "to", "name"}


class FilterResult(NamedTuple):
    """``reason`` is a sentence that names the deciding condition."""

    matched: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of one field. ``wanted`` says in words what it asks for."""

    path: Path
    wanted: str
    name: str
    holds: Test

    def decide(self, input: dict[str, Any], previous: dict[str, Any]) -> tuple[bool, str]:
        """Whether it holds, and a sentence that says on what values."""
        value = _value(self.path, input)
        return self.holds(value), f"{self.path.text} is {shown(value)}; {_asked(self.wanted, self.name)}."


@dataclass(frozen=True, slots=True)
class Change:
    """One field that must be another than at the last event before; in the rest as Condition."""

    path: Path
    wanted: str
    name: str
    holds: Comparison

    def decide(self, input: dict[str, Any], previous: dict[str, Any]) -> tuple[bool, str]:
        before, value = _value(self.path, previous), _value(self.path, input)
        was = f"is still {shown(value)}" if _same(before, value) else f"was {shown(before)} and is {shown(value)}"
        return self.holds(before, value), f"{self.path.text} {was}; {_asked(self.wanted, self.name)}."


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions of which all, or any one, must hold. Without conditions everything matches."""

    match_all: bool
    conditions: tuple[Condition | Change, ...]

    @classmethod
    def parse(cls, config: Mapping[str, Any] | None) -> Filter:
        """Compile ``{"match": "all" | "any", "conditions": [{"field", "op", "value", "name"?}]}``; {} lets all pass.

        ``changed`` takes ``from`` and ``to`` in place of ``value``, either or both of which may be left out. Raises
        MappingError with a sentence that says which condition is wrong and why.
        """
        config = {} if config is None else config
        if not isinstance(config, Mapping) or set(config) - {"match", "conditions"}:
            raise MappingError("A filter is an object with match (all or any) and conditions (a list).")
        if config.get("match", "all") not in ("all", "any"):
            raise MappingError(f"match must be all or any, not {shown(config['match'])}.")
        conditions = config.get("conditions", [])
        if not isinstance(conditions, list | tuple):
            raise MappingError("conditions must be a list.")
        parsed = tuple(parse_condition(each, number) for number, each in enumerate(conditions, start=1))
        return cls(match_all=config.get("match", "all") == "all", conditions=parsed)

    @property
    def compares(self) -> bool:
        """Whether it has to know the work order's last event before."""
        return any(isinstance(condition, Change) for condition in self.conditions)

    def check(self, input: dict[str, Any], previous: dict[str, Any] | None = None) -> FilterResult:
        """Whether ``input`` (see inputs.py) passes, and which condition decided. Never raises.

        ``previous`` is the input of the work order's last event before this one, None when this is its first.
        """
        if not self.conditions:
            return FilterResult(True, "The filter has no conditions.")
        told = []
        for condition in self.conditions:
            holds, sentence = condition.decide(input, previous or {})
            if holds is not self.match_all:
                return FilterResult(not self.match_all, sentence)
            told.append(sentence)
        summary = "All conditions hold: " if self.match_all else "No condition holds: "
        return FilterResult(self.match_all, told[0] if len(told) == 1 else summary + " ".join(told))


def parse_condition(entry: Any, number: int) -> Condition | Change:
    """Compile the condition that stands at place ``number`` (from 1) of a filter. Raises MappingError."""
    if isinstance(entry, Mapping) and entry.get("op") == "changed":
        return _change(entry, number)
    if not isinstance(entry, Mapping) or set(entry) - MEMBERS:
        raise MappingError(f"Condition {number} must be an object with field, op, value and, if you like, name.")
    op, name = entry.get("op"), _name(entry, number)
    if not isinstance(op, str) or op not in _OPERATORS:
        known = ", ".join((*_OPERATORS, "changed"))
        raise MappingError(f"Condition {number}: there is no op {shown(op)}. Use one of {known}.")
    try:
        path, test = Path.parse(entry.get("field", "")), _OPERATORS[op](entry.get("value"))
    except MappingError as error:
        raise MappingError(f"Condition {number}: {error.sentence}") from None
    return Condition(path, _wanted(op, entry.get("value")), name, test)


def _change(entry: Mapping[str, Any], number: int) -> Change:
    if set(entry) - CHANGE_MEMBERS:
        raise MappingError(f"Condition {number}: changed takes from and to, either of which may be left out; no value.")
    ends = {end: entry[end] for end in ("from", "to") if end in entry}
    name = _name(entry, number)
    try:
        path = Path.parse(entry.get("field", ""))
    except MappingError as error:
        raise MappingError(f"Condition {number}: {error.sentence}") from None
    for end, value in ends.items():
        if isinstance(value, list | dict):
            raise MappingError(f"Condition {number}: {end} must be text, a number, true, false or null.")
    if len(ends) == 2 and _same(*ends.values()):
        raise MappingError(f"Condition {number}: from and to are the same, so it would never hold.")

    def holds(before: Any, value: Any) -> bool:
        asked = all(_same(found, ends[end]) for end, found in (("from", before), ("to", value)) if end in ends)
        return asked and not _same(before, value)

    return Change(path, " ".join(["changed", *(f"{end} {shown(value)}" for end, value in ends.items())]), name, holds)


def _name(entry: Mapping[str, Any], number: int) -> str:
    name = entry.get("name", "")
    if not isinstance(name, str):
        raise MappingError(f"Condition {number}: name must be text.")
    return name


def _value(path: Path, input: dict[str, Any]) -> Any:
    value = path.get(input)
    return None if value is MISSING else value


def _asked(wanted: str, name: str) -> str:
    return f"asked for: {wanted}" + (f" (condition “{name}”)" if name else "")


def _wanted(op: str, value: Any) -> str:
    words = op.replace("_", " ")
    if op in ("empty", "not_empty"):
        return words
    if op == "matches":
        return f"matches {value} in a text of at most {compile_pattern(value).longest} characters"
    return f"{words} {', '.join(map(shown, value)) if isinstance(value, list | tuple) else shown(value)}"


def _same(left: Any, right: Any) -> bool:
    """Equal as JSON scalars, or a number and its canonical text."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if is_number(left) and isinstance(right, str):
        return canonical(left) == right
    if isinstance(left, str) and is_number(right):
        return left == canonical(right)
    return bool(left == right)


def _scalar(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise MappingError("value must be text, a number, true, false or null; for a list of values use in.")
    return value


def _equals(value: Any) -> Test:
    value = _scalar(value)
    return lambda found: _same(found, value)


def _in(value: Any) -> Test:
    if not isinstance(value, list | tuple) or not value:
        raise MappingError("value must be a list with at least one entry.")
    choices = [_scalar(choice) for choice in value]
    return lambda found: any(_same(found, choice) for choice in choices)


def _contains(value: Any) -> Test:
    """Part of a text, or an element of a list."""
    value = _scalar(value)
    if value is None or value == "":
        raise MappingError("value must not be empty; use op empty to ask for nothing.")

    def contains(found: Any) -> bool:
        if isinstance(found, str):
            return isinstance(value, str) and value in found
        return isinstance(found, list) and any(_same(element, value) for element in found)

    return contains


def _affix(test: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    def build(value: Any) -> Test:
        if not isinstance(value, str) or not value:
            raise MappingError("value must be text that is not empty.")
        return lambda found: isinstance(found, str) and test(found, value)

    return build


def _order(test: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    """Numbers, also as text, compare as numbers; other texts in the order of characters (dates like 2026-07-01)."""

    def build(value: Any) -> Test:
        limit = _decimal(value)
        if limit is None and (not isinstance(value, str) or not value):
            raise MappingError(f"value must be a number or text, not {shown(value)}.")

        def compare(found: Any) -> bool:
            if limit is None:
                return isinstance(found, str) and found != "" and test(found, value)
            number = _decimal(found)
            return number is not None and test(number, limit)

        return compare

    return build


def _decimal(value: Any) -> Decimal | None:
    if is_number(value) and value == value:
        return Decimal(canonical(value))
    return Decimal(value) if isinstance(value, str) and NUMERIC_TEXT.fullmatch(value) else None


def _empty(value: Any) -> Test:
    if value not in (None, ""):
        raise MappingError("empty and not_empty take no value.")
    return lambda found: found is None or found == "" or found == [] or found == {}


def _matches(value: Any) -> Test:
    pattern = compile_pattern(value)

    def matches(found: Any) -> bool:
        text = canonical(found) if is_number(found) else found
        return isinstance(text, str) and pattern.found_in(text)

    return matches


def _not(build: Callable[[Any], Test]) -> Callable[[Any], Test]:
    def opposite(value: Any) -> Test:
        test = build(value)
        return lambda found: not test(found)

    return opposite


_OPERATORS: dict[str, Callable[[Any], Test]] = {
    "equals": _equals,
    "not_equals": _not(_equals),
    "contains": _contains,
    "not_contains": _not(_contains),
    "in": _in,
    "not_in": _not(_in),
    "greater": _order(lambda found, limit: found > limit),
    "greater_or_equal": _order(lambda found, limit: found >= limit),
    "less": _order(lambda found, limit: found < limit),
    "less_or_equal": _order(lambda found, limit: found <= limit),
    "empty": _empty,
    "not_empty": _not(_empty),
    "matches": _matches,
    "starts_with": _affix(str.startswith),
    "ends_with": _affix(str.endswith),
}
