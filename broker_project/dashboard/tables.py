"""What is wrong, for whom: connectors side by side, errors by class, response times, blocked lanes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from broker_project.lib.pages import Table, label, link, to_change, to_list
from connectors.condition import WELL, Condition
from connectors.models import Connector, ConnectorState
from events import blocked
from events.dead_letters import ADVICE, OTHERWISE
from events.models import Lane
from events.report import sentence_of
from synclog.rollups import EXTERNAL, FIELD_NATION, Totals

from . import words
from .choice import Choice

SHOWN: Final = 20
LANES: Final = 5
_STATUS_KINDS = {Connector.Status.ACTIVE: "success", Connector.Status.PAUSED: "warning"}
_SYSTEMS = {EXTERNAL: "External systems", FIELD_NATION: "Field Nation"}
_HELD_ADVICE: Final = "The credentials were refused, so the connector is held. Correct them, test, then resume it."


def connectors_table(choice: Choice, figures: Mapping[int, Totals]) -> Table:
    """The connectors side by side, those in trouble first."""
    shown = [choice.connector] if choice.connector else choice.connectors
    ranked = sorted(shown, key=lambda each: (not _is_in_trouble(each), -_failures(figures, each), each.name))
    return Table(
        title=f"Connectors in {choice.range.words}",
        headers=(
            "Connector", "State", "Finished / min", "Success", "Errors", "Latency p95", "Calls p95", "Failed calls",
        ),
        rows=[_connector_row(choice, each, figures.get(each.pk)) for each in ranked[:SHOWN]],
        empty="There is no connector yet.",
        more=to_list("connectors.connector", {}) if len(ranked) > SHOWN else "",
    )  # fmt: skip


def _connector_row(choice: Choice, connector: Connector, found: Totals | None) -> tuple[Any, ...]:
    name = to_change("connectors.connector", connector.pk, connector.name)
    if not choice.connector:
        only = link(choice.query(connector=connector.pk), "figures")
        name = format_html('{} <span class="broker-sub">{}</span>', name, only)
    if found is None:
        return (name, _state(connector), *[words.NOTHING] * 6)
    return (
        name,
        _state(connector),
        words.rate(found.per_minute),
        words.percent(found.success_rate),
        words.percent(found.error_rate),
        words.duration(found.latency.percentile(95)),
        words.duration(found.call_p95),
        words.count(found.call_failures),
    )


def _state(connector: Connector) -> SafeString:
    """How it stands: its breaker and holds, or that a person paused it."""
    if connector.status != Connector.Status.ACTIVE:
        kind = _STATUS_KINDS.get(Connector.Status(connector.status), "default")
        return label(connector.get_status_display(), kind)
    told = _condition(connector)
    return label(told.label, told.kind)


def _condition(connector: Connector) -> Condition:
    state: ConnectorState | None = getattr(connector, "state", None)
    return state.condition if state else WELL


def _is_in_trouble(connector: Connector) -> bool:
    return _condition(connector).kind != "success"


def _failures(figures: Mapping[int, Totals], connector: Connector) -> int:
    found = figures.get(connector.pk)
    return found.failures if found else 0


def errors_table(choice: Choice, found: Totals) -> Table:
    """Failed attempts by class, the most frequent first, each with what to do."""
    logs = reverse("admin:synclog_synclog_changelist")
    rows = []
    for code, number in found.errors.items():
        attempts = words.plural(number, "failed attempt", "failed attempts")
        address = f"{logs}?{choice.logs(code=code)}"
        advice = _HELD_ADVICE if code == "held_auth" else ADVICE.get(code, OTHERWISE)
        share = words.percent(number / found.failures) if found.failures else words.NOTHING
        rows.append((code.replace("_", " ").capitalize(), link(address, attempts), share, advice))
    return Table(
        title=f"Errors in {choice.range.words}",
        headers=("Class", "How often", "Share", "What to do"),
        rows=rows,
        empty="No attempt failed.",
    )


def calls_table(choice: Choice, found: Totals) -> Table:
    """How the systems answer."""
    rows = []
    for system, calls in found.calls.items():
        times = [words.duration(calls.times.percentile(cut)) for cut in (50, 95, 99)]
        failed = words.percent(calls.failed / calls.count if calls.count else None)
        name = choice.connector.name if choice.connector and system == EXTERNAL else _SYSTEMS[system]
        rows.append((name, words.count(calls.count), failed, words.duration(calls.times.average), *times))
    return Table(
        title=f"API response times in {choice.range.words}",
        headers=("System", "Calls", "Failed", "Average", "p50", "p95", "p99"),
        rows=rows,
        empty="No call was made.",
    )


def lanes_table(choice: Choice) -> Table | None:
    """The records that stand still until a person acts, the oldest first; None when there are none."""
    lanes = Lane.objects.filter(blocked.WAITS | blocked.HELD)
    if choice.connector:
        lanes = lanes.filter(connector=choice.connector)
    found = list(lanes.select_related("connector").order_by("id")[: LANES + 1])
    lines = blocked.lines(found[:LANES])
    rows = []
    for lane in found[:LANES]:
        line = lines.get(lane.pk)
        said = f"Held by {lane.held_by}. " if lane.held_by else ""
        name = to_change("events.lane", lane.pk, line.head.subject if line else lane.key)
        if line is None:
            rows.append((name, lane.connector.name, words.NOTHING, "nothing in line", f"{said}Nothing stands in it."))
            continue
        since = words.duration((timezone.now() - line.since).total_seconds() * 1000)
        length = words.plural(line.length, "delivery in line", "deliveries in line")
        rows.append((name, lane.connector.name, since, length, said + sentence_of(line.head)))
    if not rows:
        return None
    return Table(
        title="Records that wait for a person",
        headers=("Record", "Connector", "Since", "In line", "Why"),
        rows=rows,
        more=to_list("events.lane", {}) if len(found) > LANES else "",
    )


def listed_connectors() -> list[Connector]:
    """The connectors by name with their states; one query."""
    found = Connector.objects.select_related("state").defer("secrets", "settings", "trigger_token")
    return list(found.order_by("name")[:500])
