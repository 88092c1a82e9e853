"""Field Nation → external system: one event through one action. Calls only; no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from broker_project.lib.errors import MappingError, NotFound, OutcomeUnknown
from connectors.fieldnation.client import FieldNation
from connectors.platforms.contract import Client
from mappings import agreement as agreements
from mappings.engine import merge_script_result
from mappings.inputs import outbound_input
from mappings.merge import flatten
from mappings.scripts import ScriptRunner

from .normalise import normalise_work_order, with_correlation
from .outcome import CannotTell, Link, LoopSuspected, Outcome, Synced, adopted, postponed, removed, stopped
from .reconcile import names_of, outward
from .sentences import explain
from .states import State
from .steps import Notebook, Progress
from .work import Work

OPERATIONS = ("update", "create", "note", "skip")
CLOCK_MARGIN = timedelta(minutes=2)
"""Field Nation's clock and ours may differ by so much."""


@dataclass(frozen=True)
class Operation:
    """One thing to do at the external system."""

    op: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Outbound:
    """The parts that one outbound delivery works with."""

    work: Work
    client: Client
    scripts: ScriptRunner
    notes: Notebook
    field_nation: Callable[[], FieldNation]
    progress: Progress


def perform(
    work: Work, client: Client, scripts: ScriptRunner, notes: Notebook, field_nation: Callable[[], FieldNation]
) -> Outcome:
    """Map the event and make the calls. Raises the errors of the family; ``notes`` keeps the progress.

    ``field_nation`` opens the account when the work order has to be read again.
    """
    if work.trigger_gone:
        return removed(explain("trigger_gone"))
    if work.stopped:
        return stopped(explain("stopped"))
    if external_id := work.adopted_external_id:
        return adopted(work_order_id=work.work_order_id, external_id=external_id)
    if not work.external_id and work.counterpart_pending:
        return postponed(explain("postponed", work_order=work.work_order_id))
    progress = notes.progress = Progress(
        external_id=work.external_id, done=work.delivery.done_operations, agreement=work.agreement
    )
    run = Outbound(work, client, scripts, notes, field_nation, progress)
    for number, operation in enumerate(_fresh_operations(run), start=1):
        if number <= work.delivery.done_operations:
            continue
        _do(operation, run)
        progress.done = number
    return _finished(run)


def _finished(run: Outbound) -> Outcome:
    progress = run.progress
    if not progress.sentences and not progress.done:  # a script that gave an empty list
        _nothing("nothing_sent", run)
    acted = progress.acted or progress.created or not progress.nothing
    return Outcome(
        state=State.SUCCEEDED if acted else State.SKIPPED,
        code="created" if progress.created else "updated" if acted else progress.nothing,
        sentence=" ".join(progress.sentences) or explain("nothing_sent"),
        link=Link.STORE if progress.external_id else Link.RELEASE,
        work_order_id=run.work.work_order_id,
        external_id=progress.external_id,
        done_operations=progress.done,
        synced=Synced(agreement=progress.agreement, applied_at=run.work.occurred_at, wrote=progress.wrote)
        if progress.wrote or progress.nothing == "no_change"
        else None,
    )


# --- what to do ---------------------------------------------------------------------------------------------------


def _fresh_operations(run: Outbound) -> Sequence[Operation]:
    """The operations of the event; of the work order as it is now, when the event may be older than our own last write.

    Such an event would put back what the external system has changed meanwhile.
    """
    work = run.work
    operations = _operations(run, work.delivery.event.payload)
    if work.inbound_at is None or work.occurred_at is None or work.occurred_at >= work.inbound_at + CLOCK_MARGIN:
        return operations
    if not any(_says_more(operation, run) for operation in operations):
        return operations
    try:
        current = run.field_nation().read(work.work_order_id or 0)
    except NotFound:
        return operations
    run.progress.sentences.append(explain("read_again", work_order=work.work_order_id))
    run.notes.steps.clear()
    return _operations(run, {**work.delivery.event.payload, "workorder": normalise_work_order(current)})


def _says_more(operation: Operation, run: Outbound) -> bool:
    if operation.op not in ("update", "create"):
        return False
    sent = run.progress.agreement.sent
    return any(agreements.source_changed(sent, t, value) for t, value in flatten(operation.fields).items())


def _operations(run: Outbound, raw: Mapping[str, Any]) -> list[Operation]:
    work = run.work
    lifted = outbound_input(with_correlation(dict(raw), run.progress.external_id or None))
    mapped = run.notes.map(work.plan, lifted, run.scripts)
    if work.delivery.action == "script":
        result = run.scripts.run(work.script, lifted, name=f"{work.delivery.event.event_type} script")
        run.notes.traces.extend(result.trace)
        if isinstance(result.value, list):
            return [_operation(entry) for entry in result.value]
        if result.value is None:
            return [Operation("skip", reason="it gave nothing")]
        return [Operation("update", merge_script_result(mapped, result.value))]
    if work.delivery.action == "create":
        return [Operation(work.target_object or "create", mapped)]
    return [Operation("update", mapped)]


def _operation(entry: Any) -> Operation:
    if not isinstance(entry, dict) or entry.get("op") not in OPERATIONS:
        raise MappingError(
            'The script\'s list must hold objects such as {"op": "update", "fields": {…}}; op is one of '
            f"{', '.join(OPERATIONS)}."
        )
    fields = entry.get("fields", {})
    if not isinstance(fields, dict):
        raise MappingError(f"The fields of the script's operation {entry['op']!r} must be an object.")
    if entry["op"] != "skip" and not fields:
        raise MappingError(f"The script's operation {entry['op']!r} has no fields.")
    return Operation(entry["op"], fields, str(entry.get("reason", "")))


# --- doing it -----------------------------------------------------------------------------------------------------


def _do(operation: Operation, run: Outbound) -> None:
    work, progress = run.work, run.progress
    if operation.op == "skip":
        return _nothing("script_skipped", run, reason=operation.reason or "no reason given")
    if operation.op in ("update", "create"):
        if progress.external_id or _found_again(run):
            return _update(operation, run)
        if not work.target.outbound_create or not work.may_create:
            return _nothing("not_linked", run, work_order=work.work_order_id, connector=work.target.name)
        return _create(operation, run)
    return _add(operation, run)


def _nothing(code: str, run: Outbound, *, sentence: str = "", **facts: Any) -> None:
    """There is nothing to do for this operation; the next one goes on."""
    run.progress.sentences.append(explain(sentence or code, **facts))
    run.progress.nothing = code


def _found_again(run: Outbound) -> bool:
    """After a create of unknown outcome: was the record made? Raises CannotTell when the system cannot be asked."""
    work, progress = run.work, run.progress
    if not work.may_create or not work.create_unsettled:
        return False
    if not run.client.can_find:
        raise CannotTell(explain("create_unknown", system=work.target.name, correlation=work.correlation))
    found = run.client.find(work.correlation)
    if found is None:
        return False
    progress.external_id, progress.created = found, True
    progress.sentences.append(explain("found_again", target=found))
    return True


def _update(operation: Operation, run: Outbound) -> None:
    work, progress = run.work, run.progress
    if not operation.fields:
        return _nothing("nothing_mapped", run)
    if work.is_stale:
        return _nothing("stale", run)
    carried = outward(work, dict(operation.fields), run.client, progress.agreement, external_id=progress.external_id)
    answer: Mapping[str, Any] = {}
    if carried.write:
        if work.hops_spent:
            raise LoopSuspected(explain("loop_suspected", limit=work.target.hop_limit, target=progress.external_id))
        progress.wrote = True  # also when the answer never comes
        answer = run.client.update(progress.external_id, carried.body)
    progress.agreement = agreements.after_outbound(
        progress.agreement,
        fields=carried.fields,
        written=carried.write,
        record=carried.record,
        answer=answer,
        inbound=work.reverse,
    )
    if carried.conceded:
        work_order = work.delivery.event.payload.get("workorder") or {}
        progress.agreement = agreements.external_chosen(
            progress.agreement, carried.conceded, work_order=work_order, inbound=work.reverse
        )
    if carried.kept:
        progress.sentences.append(explain("kept_external", fields=names_of(carried.kept)))
    if carried.filled:
        progress.sentences.append(explain("filled_already", fields=names_of(carried.filled)))
    if not carried.write:
        return _nothing("no_change", run, sentence="unchanged", target=progress.external_id)
    progress.acted = True
    progress.sentences.append(explain("updated", target=progress.external_id, fields=len(carried.write)))


def _create(operation: Operation, run: Outbound) -> None:
    work, client, progress = run.work, run.client, run.progress
    if not operation.fields:
        return _nothing("nothing_mapped", run)
    progress.wrote = True
    try:
        created = client.create(operation.fields, correlation=work.correlation)
    except OutcomeUnknown as error:
        if client.can_find:
            raise
        raise CannotTell(
            explain("create_unknown", system=work.target.name, correlation=work.correlation), detail=error.sentence
        ) from error
    progress.external_id, progress.created = created.external_id, True
    fields = flatten(operation.fields)
    progress.agreement = agreements.after_outbound(
        agreements.UNKNOWN,
        fields=fields,
        written=fields,
        record=None,
        answer=created.record,
        inbound=work.reverse,
        is_new=True,
    )
    progress.sentences.append(explain("created", target=created.external_id))


def _add(operation: Operation, run: Outbound) -> None:
    """A note or another sub-object under the linked record. It has no look-up, so it is never repeated blindly."""
    work, client, progress, target = run.work, run.client, run.progress, operation.op
    if not progress.external_id:
        return _nothing("not_linked", run, work_order=work.work_order_id, connector=work.target.name)
    if not operation.fields:
        return _nothing("nothing_mapped", run)
    if work.interrupted:
        raise CannotTell(explain("note_unknown", kind=target, target=progress.external_id))
    try:
        client.create(operation.fields, correlation=work.correlation, target=target, parent_id=progress.external_id)
    except OutcomeUnknown as error:
        sentence = explain("note_unknown", kind=target, target=progress.external_id)
        raise CannotTell(sentence, detail=error.sentence) from error
    progress.acted = True
    progress.sentences.append(explain("noted", kind=target, target=progress.external_id))
