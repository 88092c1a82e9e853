"""Tries a delivery again with the present configuration, without writing or storing anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from broker_project.lib.pages import Banner, Section, Table, Text, listing
from events import dry_run_inbound
from events.dry_run import Compared, Findings, Row, TrialEvent, conditional, rehearse
from events.earlier import before_these
from events.models import Delivery, EventTrigger
from events.sentences import explain
from events.steps import cut

STATES = {"new": "is filled", "changes": "changes", "same": "the same already", "kept": "differs, and is left alone"}


def can_try(delivery: Delivery) -> bool:
    """Whether there is something to try: the payload of an event, or a record that can be read."""
    return bool(delivery.external_id if _is_inbound(delivery) else delivery.event.payload)


def try_again(delivery: Delivery) -> Findings:
    """Reads the records; writes nothing anywhere. Raises MappingError for a filter that cannot be read.

    A delivery that no event trigger asked for counts as an update of the record without a filter.
    """
    if _is_inbound(delivery):
        return dry_run_inbound.rehearse(delivery.connector, delivery.pk)
    event = delivery.event
    if delivery.trigger_id is None:
        trigger = EventTrigger(
            connector=delivery.connector, event_type=event.event_type, action=EventTrigger.Action.UPDATE
        )
    else:
        found = EventTrigger.objects.filter(pk=delivery.trigger_id).first()
        if found is None:
            return Findings(matched=False, filter="", sentences=[conditional(explain("trigger_gone"))])
        trigger = found
    trial = TrialEvent(
        event_type=event.event_type,
        work_order_id=delivery.work_order_id or event.work_order_id or 0,
        occurred_at=event.occurred_at or event.received_at,
        payload=event.payload,
        previous=before_these([event.pk]).get(event.pk),
    )
    return rehearse(delivery.connector, trigger, trial, read=True)


def lead(found: Findings) -> str:
    """What was done for this, before what came out."""
    if found.reads:
        return "Tried with the present configuration. The systems were only read, and nothing was stored."
    return "Tried with the present configuration. Nothing was sent, and nothing was stored."


def verdict(found: Findings) -> Banner:
    """What would become of it, in one sentence."""
    if not found.matched and not found.filter:
        return Banner("Would be skipped", "warning", " ".join(found.sentences))
    if not found.matched:
        return Banner("Filtered out", "warning", f"It would not be sent at all: {found.filter}")
    if found.failure:
        return Banner("Would fail", "danger", found.failure.sentence)
    requests = len(found.requests)
    sent = "Nothing would be sent." if not requests else f"Requests that would be sent: {requests}."
    return Banner("Would pass", "success", " ".join([*found.sentences, sent]))


def sections(delivery: Delivery, found: Findings) -> Iterator[Section]:
    """The findings as parts of a page."""
    if found.filter:
        yield Text(title="Filter", text=found.filter)
    yield Table(
        title="Mapped, field by field",
        headers=("From", "Source value", "Action", "Result", "To", "Remarks"),
        rows=[_row(row) for row in found.rows],
        empty="Nothing was mapped.",
    )
    yield Table(
        title=_beside(delivery, found),
        headers=("Field", "Now", "Would become", ""),
        rows=[_compared(one) for one in found.compared],
        empty="No field would be written.",
    )
    for request in found.requests:
        yield Text(title=f"Would be sent: {request.method} {request.url}", text=listing(request.body))
    if found.traces:
        yield Text(title="Trace of the script", text="\n".join(found.traces))
    if found.reads:
        yield Table(
            title="Read for this",
            headers=("Call", "Answer", "For"),
            rows=[(f"{one.method} {one.url}", one.status or "none", one.purpose) for one in found.reads],
        )


def _is_inbound(delivery: Delivery) -> bool:
    return delivery.direction == Delivery.Direction.INBOUND


def _beside(delivery: Delivery, found: Findings) -> str:
    if not _is_inbound(delivery):
        return "Beside the record as it is now" if found.was_read else "What the record would hold"
    return f"What would change in work order {found.work_order_id}" if found.was_read else "What the work order gets"


def _row(row: Row) -> list[Any]:
    step = row.step
    remarks = [text for text in ("The default was used." if step.default_used else "", step.warning) if text]
    result = "nothing: the field is left out" if step.left_out else _value(step.result)
    action = step.action.replace("_", " ").title().replace("Jsonnet", "JSONNET")
    return [row.row.source or "-", _value(step.source), action, result, step.target, " ".join(remarks) or "-"]


def _compared(one: Compared) -> list[Any]:
    return [one.name, _value(one.there), _value(one.becomes), STATES.get(one.state, one.state)]


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return str(cut(value)) if value != "" else "(empty text)"
