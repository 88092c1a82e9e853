"""What is refused or warned about when mapping rows are saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from broker_project.lib.errors import MappingError

from .paths import Path
from .rows import NO_DEFAULT, MappingRow, unknown_options
from .transforms import compile_transform, entries_of
from .wording import action_name, shown

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """``index`` is the row's place in the list, from zero. An error forbids saving, a warning does not."""

    index: int
    target: str
    sentence: str
    severity: Severity = "error"


def validate(rows: Sequence[MappingRow]) -> list[Problem]:
    """Everything that is wrong or doubtful with ``rows`` (one connector, one direction), in their order."""
    problems = [
        Problem(index, row.target, sentence, severity)
        for index, row in enumerate(rows)
        for severity, sentence in _row_problems(row)
    ]
    return sorted([*problems, *target_clashes(rows)], key=lambda problem: problem.index)


def target_clashes(rows: Sequence[MappingRow]) -> list[Problem]:
    """Rows whose target an earlier row fills already, as a whole or in part."""
    problems = []
    filled: dict[tuple[str | int, ...], str] = {}
    parents: dict[tuple[str | int, ...], str] = {}
    for index, row in enumerate(rows):
        try:
            steps = Path.parse_target(row.target).steps
        except MappingError:
            continue  # told by the row itself
        prefixes = [steps[:length] for length in range(1, len(steps))]
        parent = next((filled[prefix] for prefix in prefixes if prefix in filled), None)
        if steps in filled:
            problems.append(Problem(index, row.target, f"Another row fills {row.target} already. Keep one of them."))
        elif parent or steps in parents:
            other = parent or parents[steps]
            problems.append(
                Problem(
                    index, row.target, f"{row.target} and {other} overlap: one lies inside the other. Keep one of them."
                )
            )
        filled.setdefault(steps, row.target)
        for prefix in prefixes:
            parents.setdefault(prefix, row.target)
    return problems


def _row_problems(row: MappingRow) -> Iterator[tuple[Severity, str]]:
    checks: tuple[Callable[[], Any], ...] = (lambda: _target(row), lambda: compile_transform(row))
    sound = True
    for check in checks:
        try:
            check()
        except MappingError as error:
            sound = False
            yield "error", error.sentence
    if unknown := unknown_options(row.action, row.options):
        yield "error", unknown
    if row.action in ("set_static", "concat") and row.source:
        yield "warning", f"{row.action} has no source: {row.source} is not read."
    if row.action == "set_static" and row.default is not NO_DEFAULT:
        yield "warning", "set_static always gives its value: the default is never used."
    if sound and row.action in ("array_map", "range_map"):
        yield from _entry_problems(row)


def _target(row: MappingRow) -> None:
    if not row.target.strip():
        raise MappingError("The target is missing. Name the field that the row fills.")
    Path.parse_target(row.target)


def _entry_problems(row: MappingRow) -> Iterator[tuple[Severity, str]]:
    compares = [compare for compare, _ in entries_of(row)]
    if not compares:
        yield "error", f"{action_name(row.action)} has no entries. Add at least one."
    if row.action == "range_map" and any(left > right for left, right in pairwise(compares)):
        yield "error", "The bands are not in ascending order. Sort them: the first band that holds is taken."
    seen = set()
    for compare in compares:
        key = (isinstance(compare, bool), compare)
        if key in seen:
            yield "warning", f"Two entries compare with {shown(compare)}. The first one is used."
        seen.add(key)
