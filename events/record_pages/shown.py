"""Rows of the pages of a work order and an external record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.html import format_html

from broker_project.lib.pages import Table, label, listing, moment, to_change
from events import catalogue
from events.models import Delivery, Event
from events.report import sentence_of
from events.states import State
from mappings.models import RecordLink

from .found import Repeats
from .sides import Side, Sides

NAMES = {event.constant: event.name for event in catalogue.EVENTS}
KINDS: Mapping[str, str] = {
    State.PENDING: "info",
    State.IN_FLIGHT: "info",
    State.RETRYING: "warning",
    State.WAITING: "warning",
    State.SUCCEEDED: "success",
    State.SKIPPED: "default",
    State.SUPERSEDED: "default",
    State.DEAD: "danger",
}
MARKS = {"same": "same", "changes": "differs", "new": "missing there", "kept": "differs, left alone"}


def state_of(link: RecordLink) -> tuple[str, str]:
    """Label and mark of a link."""
    if link.work_order_id and link.external_id:
        return "linked", "is-good"
    return ("create under way", "is-held") if link.claimed_by else ("incomplete", "is-bad")


def deliveries(rows: Sequence[Delivery]) -> Table:
    return Table(
        title="",
        headers=("Received", "What", "State", "What became of it"),
        rows=[
            (
                moment(row.created_at),
                format_html(
                    '{}<span class="broker-sub">{} · {}</span>',
                    to_change("events.delivery", row.pk, f"{row.get_direction_display()} {row.action}"),
                    row.connector,
                    event_name(row.event),
                ),
                label(row.get_state_display(), KINDS.get(row.state, "default")),
                sentence_of(row),
            )
            for row in rows
        ],
        empty="There is no delivery, or it was removed after its time.",
    )


def events(rows: Sequence[Event], repeats: Mapping[UUID, Repeats]) -> Table:
    """Each event with the repeats of it that came later."""
    return Table(
        title="",
        headers=("Received", "Event", "Door", "Deliveries", "Came again"),
        rows=[
            (
                moment(row.received_at),
                to_change("events.event", row.pk, event_name(row)),
                row.get_door_display(),
                getattr(row, "delivery_count", 0),
                _again(repeats.get(row.pk)),
            )
            for row in rows
        ],
        empty="No event about it was received, or it was removed after its time.",
    )


def event_name(event: Event) -> str:
    """What happened, in the words of the catalogue."""
    if event.kind == Event.Kind.TRIGGER:
        return "External trigger"
    return NAMES.get(event.event_type) or event.received_name


def sides(found: Sides) -> dict[str, Any]:
    """Both records as text, and the mapped fields next to each other."""
    table = Table(
        title="",
        headers=("Field", f"{found.link.connector} holds", "The work order gives", ""),
        rows=[
            (one.name, _value(one.there), _value(one.becomes), MARKS.get(one.state, one.state))
            for one in found.compared
        ],
        empty=found.problem or "No field is mapped to the external record.",
    )
    return {
        "connector": found.link.connector,
        "table": table if found.external.record is not None else None,
        "differs": sum(one.state != "same" for one in found.compared),
        "records": [_record(found.field_nation), _record(found.external)],
    }


def _record(side: Side) -> dict[str, str]:
    text = listing(side.record) if side.record is not None else ""
    return {"name": side.name, "text": text, "problem": side.problem}


def _again(repeats: Repeats | None) -> Any:
    if repeats is None:
        return "-"
    newest = repeats.logs[0]
    times = "once" if repeats.count == 1 else f"{repeats.count} times"
    return format_html(
        '{}<span class="broker-sub">last {}</span>',
        to_change("synclog.synclog", newest.pk, times),
        moment(newest.created_at),
    )


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) and value else listing(value)
