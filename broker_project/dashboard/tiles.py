"""The five figures on top, each with its course. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from synclog.rollups import Totals

from . import words
from .depth import Depth

Course = Sequence[tuple[datetime, Totals]]
Queued = Sequence[tuple[datetime, int | None]]

SUCCESS_MARKS: Final = ((0.8, "is-bad"), (0.95, "is-held"))
"""Below these parts the success rate is marked."""
ERROR_MARKS: Final = ((0.2, "is-bad"), (0.05, "is-held"))
"""Above these parts the error rate is marked."""
AGE_MARKS: Final = ((30 * 60_000, "is-bad"), (5 * 60_000, "is-held"))
"""Beyond these milliseconds the age of the oldest queued delivery is marked."""


@dataclass(frozen=True)
class Line:
    """One line of a chart; None is a gap. ``colour`` is a name that dashboard.js knows."""

    name: str
    colour: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Tile:
    """``name`` for the script, ``value`` large, ``notes`` below it; ``mark`` colours the value. ``unit`` is what the
    chart's values are: a minute, %, ms or deliveries."""

    name: str
    title: str
    value: str
    notes: Sequence[str]
    unit: str
    lines: Sequence[Line]
    mark: str = ""

    def chart(self) -> dict[str, Any]:
        """For the script."""
        lines = [{"name": line.name, "colour": line.colour, "values": line.values} for line in self.lines]
        return {"name": self.name, "unit": self.unit, "lines": lines}


def tiles(
    found: Totals, course: Course, depth: Depth | None, queued: Sequence[tuple[datetime, int | None]]
) -> list[Tile]:
    """The tiles; without that of the queue for whoever may not see deliveries (``depth`` None)."""
    shown = [_rate(found, course), _success(found, course), _latency(found, course), _errors(found, course)]
    return [*shown, _queue(depth, queued)] if depth else shown


def _rate(found: Totals, course: Course) -> Tile:
    notes = [
        f"{words.plural(found.received, 'event', 'events')} received",
        f"{words.plural(found.processed, 'delivery', 'deliveries')} finished",
    ]
    if found.duplicates:
        notes.append(words.plural(found.duplicates, "repeat", "repeats"))
    values = [round(each.per_minute, 2) for _, each in course]
    received = [round(each.received_per_minute, 2) for _, each in course]
    lines = [Line("finished", "blue", values), Line("received", "grey", received)]
    return Tile("rate", "Event Processing Rate", f"{words.rate(found.per_minute)} / min", notes, "a minute", lines)


def _success(found: Totals, course: Course) -> Tile:
    rate = found.success_rate
    notes = [f"{words.count(found.succeeded)} arrived", f"{words.count(found.skipped)} had nothing to do"]
    if found.dead or found.waiting:
        notes.append(f"{words.count(found.dead)} given up, {words.count(found.waiting)} wait")
    lines = [Line("arrived or nothing to do", "green", [_hundred(each.success_rate) for _, each in course])]
    mark = next((mark for limit, mark in SUCCESS_MARKS if rate is not None and rate < limit), "")
    return Tile("success", "Success Rate", words.percent(rate), notes, "%", lines, mark)


def _latency(found: Totals, course: Course) -> Tile:
    times = found.latency
    notes = [f"p{cut} {words.duration(times.percentile(cut))}" for cut in (50, 95, 99)] if times.count else []
    lines = [
        Line("average", "blue", [each.latency.average for _, each in course]),
        Line("p95", "amber", [each.latency.percentile(95) for _, each in course]),
        Line("p99", "red", [each.latency.percentile(99) for _, each in course]),
    ]
    value = words.duration(times.average)
    return Tile("latency", "Average Latency", value, notes or ["Nothing arrived."], "ms", lines)


def _errors(found: Totals, course: Course) -> Tile:
    rate = found.error_rate
    notes = [f"{words.count(found.failures)} of {words.plural(found.attempts, 'attempt', 'attempts')} failed"]
    if found.retrying:
        notes.append(f"{words.count(found.retrying)} of them are repeated")
    lines = [Line("failed attempts", "red", [_hundred(each.error_rate) for _, each in course])]
    mark = next((mark for limit, mark in ERROR_MARKS if rate is not None and rate > limit), "")
    return Tile("errors", "Error Rate", words.percent(rate), notes, "%", lines, mark)


def _queue(depth: Depth, queued: Queued) -> Tile:
    age = depth.age_ms
    notes = [f"the oldest is {words.duration(age)} old" if age is not None else "nothing is queued"]
    if depth.waiting:
        notes.append(f"besides, {words.count(depth.waiting)} wait for a person")
    mark = next((mark for limit, mark in AGE_MARKS if age is not None and age > limit), "")
    value = f"{words.count(depth.queued)}{'+' if depth.is_least else ''}"
    lines = [Line("queued", "blue", [number for _, number in queued])]
    return Tile("queue", "Queue Depth", value, notes, "deliveries", lines, mark)


def _hundred(part: float | None) -> float | None:
    return None if part is None else round(part * 100, 2)
