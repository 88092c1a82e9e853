"""What is written down while a piece of work runs, kept also when it fails half way."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from broker_project.lib.errors import MappingError
from mappings.agreement import UNKNOWN, Agreement
from mappings.engine import Plan, Step
from mappings.jsonnet import ScriptError
from mappings.scripts import ScriptRunner

VALUE_LIMIT = 500
"""Characters of a mapped value that the log keeps."""


@dataclass
class Progress:
    """What is done so far; it outlives a failure of a later operation."""

    external_id: str
    created: bool = False
    done: int = 0
    sentences: list[str] = field(default_factory=list)
    agreement: Agreement = UNKNOWN
    wrote: bool = False
    """The record was written, or may have been: what was agreed on holds only when the delivery succeeds."""
    acted: bool = False
    nothing: str = ""
    """Code of the last operation for which there was nothing to do."""


@dataclass
class Notebook:
    """Mapping steps, script traces and progress of one attempt."""

    steps: list[Step] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    progress: Progress | None = None

    def map(self, plan: Plan, input: dict[str, Any], scripts: ScriptRunner) -> dict[str, Any]:
        """Run the mappings; the steps are kept, those before a failing row too."""
        try:
            mapped = plan.run(input, scripts)
        except MappingError as error:
            self.steps.extend(getattr(error, "steps", ()))
            raise
        self.steps.extend(mapped.steps)
        return mapped.fields

    def details(self) -> dict[str, Any]:
        """For the log: values cut at a limit, empty parts left out."""
        found = dict(self.facts)
        if self.steps:
            found["mapped"] = [_row(step) for step in self.steps]
        if self.traces:
            found["trace"] = list(self.traces)
        return found


def traces_of(error: Exception) -> tuple[str, ...]:
    """What a script had traced before it failed, also behind the failure of its row."""
    return next((found.traces for found in (error, error.__cause__) if isinstance(found, ScriptError)), ())


def _row(step: Step) -> dict[str, Any]:
    target, action, source, result, default_used, left_out, warning, trace, loose = step
    row: dict[str, Any] = {"target": target, "action": action, "result": cut(result)}
    if source is not None:
        row["source"] = cut(source)
    if default_used:
        row["default_used"] = True
    if left_out:
        row["left_out"] = True
    if warning:
        row["warning"] = warning
    if trace:
        row["trace"] = list(trace)
    if loose:
        row["loose"] = True
    return row


def cut(value: Any) -> Any:
    """Scalars as they are; longer texts and structures as a shortened text."""
    if isinstance(value, str):
        text = value
    elif value is None or isinstance(value, (bool, int, float)):
        return value
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= VALUE_LIMIT else text[:VALUE_LIMIT] + "…"
