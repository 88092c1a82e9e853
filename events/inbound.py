"""External system → Field Nation: read the record, map it, create or update its work order. Calls only; no database."""

from __future__ import annotations

from typing import Any

from broker_project.lib.errors import BrokerError, MappingError
from connectors.fieldnation.apply import apply, work_order_id_of
from connectors.fieldnation.client import FieldNation
from connectors.fieldnation.plan import Plan, plan_create, plan_update, wants_messages
from connectors.platforms.contract import Client
from mappings.inputs import inbound_input
from mappings.paths import Path
from mappings.scripts import ScriptRunner

from .outbound import Progress
from .outcome import Link, Outcome
from .sentences import explain
from .states import State
from .steps import Notebook
from .work import Work


def perform(work: Work, client: Client, field_nation: FieldNation, scripts: ScriptRunner, notes: Notebook) -> Outcome:
    """Bring the external record into Field Nation. Raises the errors of the family; ``notes`` keeps the progress."""
    progress = notes.progress = Progress(external_id=work.external_id)
    record = client.read(work.external_id)
    fields = notes.map(work.plan, inbound_input(record), scripts)
    if not fields:
        raise MappingError("The inbound mappings gave no value for the work order. Add inbound mappings.")
    work_order_id = work.work_order_id
    if work_order_id is None:
        new = plan_create(fields, marker=work.correlation)
        work_order_id = _found_again(work, new, field_nation, progress)
        if work_order_id is None:
            work_order_id = _create(new, field_nation, notes, progress)
            return _finish(work, work_order_id, "work_order_created", client, notes, progress)
    notes.facts["work_order_id"] = work_order_id
    code = _update(work_order_id, fields, field_nation, progress)
    return _finish(work, work_order_id, code, client, notes, progress)


def _finish(work: Work, work_order_id: int, code: str, client: Client, notes: Notebook, progress: Progress) -> Outcome:
    written_back = _write_back(work, work_order_id, client, progress)
    changed = code != "no_change" or written_back
    return Outcome(
        state=State.SUCCEEDED if changed else State.SKIPPED,
        code=code,
        sentence=" ".join(progress.sentences),
        link=Link.STORE,
        work_order_id=work_order_id,
        external_id=work.external_id,
        written_back=written_back,
    )


def _found_again(work: Work, plan: Plan, field_nation: FieldNation, progress: Progress) -> int | None:
    """After a create of unknown outcome: the work order that carries our mark, if it was made."""
    if not work.create_unsettled or work.claimed_at is None:
        return None
    found = field_nation.find_created(plan.marker, since=work.claimed_at)
    if found is not None:
        progress.sentences.append(explain("work_order_found_again", work_order=found))
    return found


def _create(plan: Plan, field_nation: FieldNation, notes: Notebook, progress: Progress) -> int:
    try:
        applied = apply(plan, field_nation)
    except BrokerError as error:
        # The work order exists although a later step failed: the link is kept, the next attempt updates it.
        notes.facts["work_order_id"] = work_order_id_of(error)
        raise
    notes.facts["work_order_id"] = applied.work_order_id
    progress.sentences.append(explain("work_order_created", work_order=applied.work_order_id))
    progress.sentences.extend(applied.unapplied)
    return applied.work_order_id


def _update(work_order_id: int, fields: dict[str, Any], field_nation: FieldNation, progress: Progress) -> str:
    current = field_nation.read(work_order_id, messages=wants_messages(fields))
    plan = plan_update(fields, current)
    applied = apply(plan, field_nation)
    if applied.changed:
        done = ", ".join(step.purpose for step in plan.steps)
        progress.sentences.append(explain("work_order_updated", work_order=work_order_id, steps=done))
    else:
        progress.sentences.append(explain("no_change", work_order=work_order_id))
    progress.sentences.extend(applied.unapplied)
    return "work_order_updated" if applied.changed else "no_change"


def _write_back(work: Work, work_order_id: int, client: Client, progress: Progress) -> bool:
    """Put the work order id into the external record, once; as text, which is what such fields mostly hold."""
    if not work.target.write_back_field or work.written_back:
        return False
    fields: dict[str, Any] = {}
    Path.parse_target(work.target.write_back_field).set(fields, str(work_order_id))
    client.update(work.external_id, fields)
    progress.sentences.append(explain("written_back", field=work.target.write_back_field, target=work.external_id))
    return True
