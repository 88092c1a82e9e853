"""What a trigger would do with an event, from its filter to the requests, without sending or storing anything.

The delivery itself is run, with a client that keeps what it would write. So whatever deliveries learn to do shows here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker_project.lib.errors import BrokerError, MappingError, NotFound
from broker_project.lib.ids import new_id
from connectors.http import Exchange
from connectors.models import Connector
from mappings.engine import Step
from mappings.filters import Filter
from mappings.inputs import outbound_input
from mappings.merge import at, flatten, mark, same
from mappings.rows import MappingRow

from . import dry_run_calls, linking, outbound, remote, snapshot, versions
from .begun import Begun, Received
from .deliver import scripts
from .dry_run_calls import NEW_ID, HoldingClient, Withheld
from .models import Delivery, EventTrigger
from .steps import Notebook, traces_of
from .work import Work, correlation_of, target

TRIAL = 1
"""Id of the trigger within the trial's configuration, which holds no other."""


@dataclass(frozen=True, kw_only=True)
class TrialEvent:
    """The event to try with, its payload parsed. ``previous`` is the payload of the work order's last event before."""

    event_type: str
    work_order_id: int
    occurred_at: datetime
    payload: Mapping[str, Any]
    previous: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Row:
    """A mapping row that ran."""

    row: MappingRow
    step: Step


@dataclass(frozen=True)
class Compared:
    """One field of the main record. ``state``: new, changes, same, or kept (``mapped`` differs, and is not sent).

    ``there`` is None too when the record has no such field, ``becomes`` what it would hold.
    """

    name: str
    there: Any
    becomes: Any
    state: str
    mapped: Any


@dataclass
class Findings:
    """``failure`` is why the chain ended early, ``sentences`` what would become of the delivery.

    ``external_id`` and ``work_order_id`` are the records on both sides, as far as they are known.
    """

    matched: bool
    filter: str
    external_id: str = ""
    work_order_id: int | None = None
    rows: list[Row] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    failure: BrokerError | None = None
    requests: Sequence[Withheld] = ()
    reads: Sequence[Exchange] = ()
    was_read: bool = False
    compared: list[Compared] = field(default_factory=list)


def rehearse(connector: Connector, trigger: EventTrigger, event: TrialEvent, *, read: bool) -> Findings:
    """Try ``trigger``, which need not be saved, with the mapping rows as they are in the database.

    ``read`` allows calls that read, to compare with the linked record as it is now. Raises MappingError for a filter
    that is wrong; every other failure is part of the findings.
    """
    before = outbound_input(dict(event.previous)) if event.previous is not None else None
    verdict = Filter.parse(trigger.filters).check(outbound_input(dict(event.payload)), before)
    work = _work(connector, trigger, event)
    found = Findings(verdict.matched, verdict.reason, external_id=work.external_id)
    caller, notes = dry_run_calls.caller_for(work.target, reads=read), Notebook()
    try:
        client = dry_run_calls.external(work.target, caller, reads=read)
        if read and work.external_id:
            found.was_read = _is_there(client, work.external_id)
        _perform(work, client, notes, caller, found)
        found.compared = _compared(work, client, notes)
    except BrokerError as error:
        found.failure = error
        notes.traces.extend(traces_of(error))
    return completed(found, work, notes, caller)


def completed(found: Findings, work: Work, notes: Notebook, caller: dry_run_calls.HoldingCaller) -> Findings:
    """With what was mapped, read and held back on the way."""
    found.rows = _rows(work, notes)
    found.traces, found.requests, found.reads = notes.traces, caller.withheld, caller.exchanges
    return found


def _work(connector: Connector, trigger: EventTrigger, event: TrialEvent) -> Work:
    """The delivery as a worker would begin it now, made of what is in the database; nothing is written."""
    entry = {name: getattr(trigger, name) for name in snapshot.TRIGGER}
    taken = versions.take(connector.pk)
    taken["triggers"] = [{**entry, "id": TRIAL, "is_enabled": True}]
    config = snapshot.compile_snapshot(connector.pk, 0, taken)
    delivery = _delivery(connector, trigger, event)
    link, _ = linking.claimed_links([delivery], {}).get(linking.key_of(delivery), (None, False))
    chosen = target(connector, config)
    may_create = config.outbound_create and not trigger.target_object and not linking.is_complete(link)
    return Work(
        lane_id=0,
        claim_id=new_id(),
        delivery=delivery,
        attempt=1,
        interrupted=False,
        target=chosen,
        config=config,
        link=link,
        may_create=may_create,
        create_unsettled=may_create and link is not None,
        correlation=(link.correlation_id if link else "") or correlation_of(delivery, chosen),
        external_id=(link.external_id if link else "") or "",
        work_order_id=event.work_order_id,
    )


def _delivery(connector: Connector, trigger: EventTrigger, event: TrialEvent) -> Begun:
    return Begun(
        event=Received(event.event_type, event.payload, event.occurred_at, event.occurred_at),
        conflict=None,
        id=new_id(),
        seq=0,
        event_id=new_id(),
        connector_id=connector.pk,
        trigger_id=TRIAL,
        direction=Delivery.Direction.OUTBOUND,
        action=trigger.action,
        lane_key=f"wo:{event.work_order_id}",
        done_operations=0,
        create_again=False,
        forced=False,
        version=0,
        work_order_id=event.work_order_id,
        external_id="",
    )


def _is_there(client: HoldingClient, external_id: str) -> bool:
    try:
        client.read(external_id)
    except NotFound:
        return False
    return True


def _perform(
    work: Work, client: HoldingClient, notes: Notebook, caller: dry_run_calls.HoldingCaller, found: Findings
) -> None:
    try:
        outcome = outbound.perform(work, client, scripts(), notes, lambda: remote.field_nation(work.target, caller))
    finally:
        sentences = notes.progress.sentences if notes.progress else []
        found.sentences = [conditional(sentence) for sentence in sentences]
    found.sentences = found.sentences or [conditional(outcome.sentence)]


def conditional(sentence: str) -> str:
    """What a delivery says after the fact, said before it."""
    return sentence.replace(" was ", " would be ", 1).replace(f"Record {NEW_ID}", "A new record")


def _rows(work: Work, notes: Notebook) -> list[Row]:
    try:
        rows = {entry.row.target: entry.row for entry in work.plan.compiled}
    except MappingError:  # they do not compile, which is the failure already
        return []
    return [Row(rows[step.target], step) for step in notes.steps if step.target in rows]


def _compared(work: Work, client: HoldingClient, notes: Notebook) -> list[Compared]:
    """The fields of the main record that were mapped or would be written, beside what the record holds now."""
    record = client.records.get(work.external_id)
    written: dict[str, Any] = {}
    for write in client.writes:
        if write.kind in ("update", "create"):
            written |= flatten(write.fields)
    mapped = {} if work.target_object else {step.target: step.result for step in notes.steps if not step.left_out}
    found = []
    for name, value in {**flatten(mapped), **written}.items():
        there = at(record, name) if record is not None else None
        if record is not None and same(mark(there), mark(value)):
            state = "same"
        elif name not in written:
            state = "kept"
        else:
            state = "new" if there is None else "changes"
        found.append(Compared(name, there, value if name in written else there, state, value))
    return found
