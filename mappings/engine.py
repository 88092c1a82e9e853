"""The mapping engine: rows compiled once into a plan, the plan run on each event. Pure: no clock, no settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from broker_project.lib.errors import MappingError

from .paths import MISSING, Path
from .rows import NO_DEFAULT, MappingRow, dump_rows, parse_rows
from .scripts import ScriptResult, ScriptRunner
from .transforms import Outcome, Transform, compile_transform
from .validation import Problem, target_clashes, validate
from .wording import shown

__all__ = [
    "NO_DEFAULT",
    "Mapped",
    "MappingRow",
    "Plan",
    "Problem",
    "RowFailed",
    "ScriptResult",
    "ScriptRunner",
    "Step",
    "compile_plan",
    "dump_rows",
    "merge_script_result",
    "parse_rows",
    "validate",
]


class Step(NamedTuple):
    """What one row did. ``source`` is the value it read (of a concat: the list of its field values), None for nothing.

    ``loose`` is true when a number matched the same number as text. Values are shared with the input: read-only.
    """

    target: str
    action: str
    source: Any
    result: Any
    default_used: bool = False
    left_out: bool = False
    warning: str = ""
    trace: tuple[str, ...] = ()
    loose: bool = False


class Mapped(NamedTuple):
    """``fields`` is the outgoing record, its own copy; ``steps`` has one entry a row, in order."""

    fields: dict[str, Any]
    steps: list[Step]


class RowFailed(MappingError):
    """A row could not be transformed. ``steps`` are those of the rows before it."""

    def __init__(self, sentence: str, *, detail: str, target: str, line: int | None, steps: list[Step]) -> None:
        super().__init__(sentence, detail=detail, target=target, line=line)
        self.steps = steps


class _Compiled(NamedTuple):
    row: MappingRow
    target: Path
    apply: Transform


@dataclass(frozen=True, slots=True)
class Plan:
    """Compiled rows, safe to share between threads."""

    compiled: tuple[_Compiled, ...]

    def run(self, input: dict[str, Any], scripts: ScriptRunner | None = None) -> Mapped:
        """Apply the rows to ``input`` (see inputs.py), which is not changed. Raises RowFailed at the first failure."""
        fields: dict[str, Any] = {}
        steps: list[Step] = []
        for row, target, apply in self.compiled:
            try:
                outcome = apply(input, scripts)
            except MappingError as error:
                raise _failed(row, error, steps) from error
            step = _step(row, outcome)
            if not step.left_out:
                target.set(fields, _copied(step.result))
            steps.append(step)
        return Mapped(fields, steps)


def compile_plan(rows: Sequence[MappingRow]) -> Plan:
    """Compile ``rows`` of one connector and direction.

    Raises MappingError, its ``target`` set, for what cannot run. That is less than ``validate`` reports: bands out of
    order, for instance, run as documented.
    """
    compiled = []
    for row in rows:
        try:
            compiled.append(_Compiled(row, Path.parse_target(row.target), compile_transform(row)))
        except MappingError as error:
            raise MappingError(
                f"{row.target}: {error.sentence}" if row.target else error.sentence, target=row.target
            ) from error
    for clash in target_clashes(rows):
        raise MappingError(clash.sentence, target=clash.target)
    return Plan(tuple(compiled))


def merge_script_result(fields: dict[str, Any], result: Any) -> dict[str, Any]:
    """``fields`` with the members of a whole-object script's result laid over them; neither is changed.

    Dotted keys are paths, and a later value wins over a mapped one. A result of None means that there is nothing to
    send at all, so it gives {}. Raises MappingError for a result that is no object, or a key that is no path.
    """
    if result is None:
        return {}
    if not isinstance(result, dict):
        raise MappingError(f"The script must give an object with the fields to write; it gave {shown(result)}.")
    merged: dict[str, Any] = _copied(fields)
    for key, value in result.items():
        Path.parse_target(key).set(merged, _copied(value))
    return merged


def _step(row: MappingRow, outcome: Outcome) -> Step:
    source, result, reason, doubtful, warning, loose, trace = outcome
    if result is not MISSING:
        return Step(row.target, row.action, source, result, False, False, warning, trace, loose)
    if row.default is NO_DEFAULT:
        warning = f"{row.target} was left out, because {reason} and there is no default."
        return Step(row.target, row.action, source, None, False, True, warning, trace)
    warning = f"The default was used, because {reason}." if doubtful else ""
    return Step(row.target, row.action, source, row.default, True, False, warning, trace)


def _failed(row: MappingRow, error: MappingError, steps: list[Step]) -> RowFailed:
    origin = f" from {row.source}" if row.source else ""
    # a script's error names the script already
    sentence = error.sentence if row.action == "custom" else f"{row.target}{origin}: {error.sentence}"
    return RowFailed(sentence, detail=error.detail, target=row.target, line=error.line, steps=steps)


def _copied(value: Any) -> Any:
    """Lists and objects are copied, so that nobody who changes the result changes the input or the plan."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    return value
