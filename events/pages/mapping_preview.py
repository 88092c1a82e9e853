"""What each row makes of a sample, one by one: a row that fails hides nothing of the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from zoneinfo import ZoneInfo

from broker_project.lib.errors import BrokerError, MappingError
from events.steps import VALUE_LIMIT
from mappings.date_formats import writer
from mappings.dates import check_zone, conversion
from mappings.engine import ScriptRunner, Step, compile_plan
from mappings.jsonnet import ScriptError
from mappings.paths import Path

from .mapping_rows import PageRow

PATIENCE: Final = 4.0
"""Seconds after which no further script is begun."""
LONGEST: Final = 40_000
"""Characters of the whole object that are shown."""
EXAMPLE: Final = datetime(2026, 3, 3, 23, 6, 7, 89_000, tzinfo=timezone(timedelta(hours=-6)))


@dataclass
class Preview:
    """``rows`` by key: source and result as JSON text (source None: nothing was read), default_used, left_out, loose,
    warning, error, line, trace, skipped, example. ``fields`` is the object that the enabled rows give together."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """The whole object for people, cut at a limit."""
        text = json.dumps(self.fields, ensure_ascii=False, indent=2, default=str)
        return text if len(text) <= LONGEST else text[:LONGEST] + "\n…"


def preview(
    rows: Iterable[PageRow],
    input: dict[str, Any],
    scripts: ScriptRunner,
    *,
    event_type: str = "",
    clock: Callable[[], float],
) -> Preview:
    """Run ``rows`` (one direction and object) on ``input``. ``clock`` counts seconds.

    A row limited to other events than ``event_type`` is not run; one that is switched off is, and fills nothing.
    """
    found = Preview()
    until = clock() + PATIENCE
    for row in rows:
        if row.events and event_type and event_type not in row.events:
            found.rows[row.key] = {"skipped": f"It does not run for {event_type}."}
            continue
        if row.action == "custom" and clock() > until:
            found.rows[row.key] = {"skipped": "Not tried: the scripts above took too long. Make them smaller."}
            continue
        found.rows[row.key] = _of_row(row, input, scripts, found.fields)
    return found


def _of_row(row: PageRow, input: dict[str, Any], scripts: ScriptRunner, fields: dict[str, Any]) -> dict[str, Any]:
    example = example_of(row)
    shown = {"example": example} if example else {}
    try:
        mapped = compile_plan([row.row()]).run(input, scripts)
    except BrokerError as error:
        return shown | _error(error)
    step = mapped.steps[0]
    if row.is_enabled and not step.left_out:
        Path.parse_target(row.target).set(fields, _at(mapped.fields, row.target))
    return shown | _step(step)


def _at(fields: dict[str, Any], target: str) -> Any:
    return Path.parse_target(target).get(fields)


def _step(step: Step) -> dict[str, Any]:
    return {
        "source": _shown(step.source),
        "result": _shown(step.result),
        "default_used": step.default_used,
        "left_out": step.left_out,
        "loose": step.loose,
        "warning": step.warning,
        "trace": list(step.trace)[:20],
    }


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= VALUE_LIMIT else text[:VALUE_LIMIT] + "…"


def _error(error: BrokerError) -> dict[str, Any]:
    cause = error.__cause__ if isinstance(error.__cause__, ScriptError) else error
    line = error.line if isinstance(error, MappingError) else None
    traces = getattr(cause, "traces", ())
    return {"error": error.sentence, "line": line, "trace": list(traces)[:20]}


def example_of(row: PageRow) -> str:
    """A date as the row would read it and as it would print it; empty for other actions and for what cannot work."""
    if row.action != "date_convert":
        return ""
    read, write, zone_in, zone_out = (
        str(row.options.get(key) or "") for key in ("input_format", "output_format", "timezone_in", "timezone_out")
    )
    try:
        convert = conversion(read, write, zone_in or "UTC", zone_out or "UTC")
        check_zone(zone_in or "UTC")
        before = writer(read).write(EXAMPLE.astimezone(ZoneInfo(zone_in or "UTC")))
        return f"{before} → {convert(before)}"
    except MappingError:
        return ""
