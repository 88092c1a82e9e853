"""External system → Field Nation: read the record, map it, create or update its work order. Calls only; no database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from broker_project.lib.errors import BrokerError, MappingError
from connectors.fieldnation.apply import Applied, apply, work_order_id_of
from connectors.fieldnation.client import FieldNation
from connectors.fieldnation.plan import Plan, plan_create, plan_update, wants_messages
from connectors.platforms.contract import Client
from mappings.agreement import Agreement, after_inbound, field_nation_chosen
from mappings.inputs import inbound_input, outbound_input
from mappings.merge import flatten
from mappings.paths import Path
from mappings.scripts import ScriptRunner

from .normalise import normalise_work_order
from .outcome import Link, LoopSuspected, Outcome, Synced, adopted, postponed
from .reconcile import Carried, inward, names_of
from .sentences import explain
from .states import State
from .steps import Notebook, Progress
from .work import Work


@dataclass(frozen=True)
class Inbound:
    """The parts that one inbound delivery works with."""

    work: Work
    client: Client
    field_nation: FieldNation
    notes: Notebook
    progress: Progress
    record: dict[str, Any]


@dataclass(frozen=True)
class Intended:
    """What is to be done at Field Nation: the calls, and the values behind them."""

    plan: Plan
    carried: Carried


def perform(work: Work, client: Client, field_nation: FieldNation, scripts: ScriptRunner, notes: Notebook) -> Outcome:
    """Bring the external record into Field Nation. Raises the errors of the family; ``notes`` keeps the progress."""
    run = begin(work, client, field_nation, notes)
    intended = intend(run, scripts)
    if isinstance(intended, Outcome):
        return intended
    return _created(run, intended) if intended.plan.work_order_id is None else _updated(run, intended)


def begin(work: Work, client: Client, field_nation: FieldNation, notes: Notebook) -> Inbound:
    """Read the external record."""
    progress = notes.progress = Progress(external_id=work.external_id, agreement=work.agreement)
    return Inbound(work, client, field_nation, notes, progress, client.read(work.external_id))


def intend(run: Inbound, scripts: ScriptRunner) -> Outcome | Intended:
    """Map the record and weigh it against the work order. Reads only; an outcome when nothing is to be done yet."""
    work, notes = run.work, run.notes
    work_order_id = work.work_order_id
    if work_order_id is None and (mark := run.client.correlation_in(run.record)) in work.open_creates:
        # The record was made by an outbound create whose answer is not in yet: it is no new one.
        return adopted(work_order_id=work.open_creates[mark], external_id=work.external_id)
    if work_order_id is None and work.counterpart_pending:
        return postponed(explain("postponed_inbound", target=work.external_id))
    fields = notes.map(work.plan, inbound_input(run.record), scripts)
    if not fields:
        raise MappingError("The inbound mappings gave no value for the work order. Add inbound mappings.")
    if work_order_id is None:
        new = plan_create(fields, marker=work.correlation)
        work_order_id = _found_again(run, new)
        if work_order_id is None:
            flat = flatten(fields)
            return Intended(new, Carried(fields=flat, write=flat, body=fields, record=run.record))
    notes.facts["work_order_id"] = work_order_id
    current = run.field_nation.read(work_order_id, messages=wants_messages(fields))
    carried = inward(work, fields, record=run.record, current=current)
    return Intended(plan_update(carried.body, current), carried)


def _created(run: Inbound, intended: Intended) -> Outcome:
    progress, notes = run.progress, run.notes
    progress.wrote = True
    try:
        applied = apply(intended.plan, run.field_nation)
    except BrokerError as error:
        # The work order exists although a later step failed: the link is kept, the next attempt updates it.
        notes.facts["work_order_id"] = work_order_id_of(error)
        raise
    notes.facts["work_order_id"] = applied.work_order_id
    progress.sentences.append(explain("work_order_created", work_order=applied.work_order_id))
    progress.sentences.extend(applied.unapplied)
    return _finish(run, applied, "work_order_created", intended.carried)


def _found_again(run: Inbound, plan: Plan) -> int | None:
    """After a create of unknown outcome: the work order that carries our mark, if it was made."""
    work = run.work
    if not work.create_unsettled or work.claimed_at is None:
        return None
    found = run.field_nation.find_created(plan.marker, since=work.claimed_at)
    if found is not None:
        run.progress.sentences.append(explain("work_order_found_again", work_order=found))
    return found


def _updated(run: Inbound, intended: Intended) -> Outcome:
    work, progress, plan = run.work, run.progress, intended.plan
    if plan.steps and work.hops_spent:
        target = f"work order {plan.work_order_id}"
        raise LoopSuspected(explain("loop_suspected", limit=work.target.hop_limit, target=target))
    progress.wrote = bool(plan.steps)
    applied = apply(plan, run.field_nation)
    progress.sentences.extend(told(intended, changed=applied.changed))
    progress.sentences.extend(applied.unapplied)
    return _finish(run, applied, "work_order_updated" if applied.changed else "no_change", intended.carried)


def told(intended: Intended, *, changed: bool) -> Iterator[str]:
    """What an update of the work order says of itself."""
    carried, plan = intended.carried, intended.plan
    if carried.kept:
        yield explain("kept_field_nation", fields=names_of(carried.kept))
    if carried.filled:
        yield explain("filled_already", fields=names_of(carried.filled))
    if changed:
        done = ", ".join(step.purpose for step in plan.steps)
        yield explain("work_order_updated", work_order=plan.work_order_id, steps=done)
    else:
        yield explain("no_change", work_order=plan.work_order_id)


def _finish(run: Inbound, applied: Applied, code: str, carried: Carried) -> Outcome:
    work, progress = run.work, run.progress
    written_back = write_back(run, str(applied.work_order_id))
    changed = code != "no_change"
    return Outcome(
        state=State.SUCCEEDED if changed or written_back else State.SKIPPED,
        code=code,
        sentence=" ".join(progress.sentences),
        link=Link.STORE,
        work_order_id=applied.work_order_id,
        external_id=work.external_id,
        written_back=written_back,
        synced=Synced(agreement=_agreed(run, applied.work_order, carried), inbound=changed, wrote=changed),
    )


def _agreed(run: Inbound, work_order: Mapping[str, Any], carried: Carried) -> Agreement:
    lifted = outbound_input({"workorder": normalise_work_order(dict(work_order))})
    agreed = after_inbound(
        run.work.agreement,
        fields=carried.fields,
        record=run.record,
        outbound=run.work.reverse,
        work_order=lifted,
        written=carried.write,
    )
    return field_nation_chosen(agreed, carried.conceded, record=run.record, outbound=run.work.reverse)


def write_back(run: Inbound, work_order_id: str) -> bool:
    """Put the work order id into the external record, once; as text, which is what such fields mostly hold."""
    work, progress = run.work, run.progress
    if not work.target.write_back_field or work.written_back:
        return False
    fields: dict[str, Any] = {}
    Path.parse_target(work.target.write_back_field).set(fields, work_order_id)
    run.client.update(work.external_id, fields)
    progress.sentences.append(explain("written_back", field=work.target.write_back_field, target=work.external_id))
    return True
