"""Field Nation → external system: one event through one action. Calls only; no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from broker_project.lib.errors import MappingError, OutcomeUnknown
from connectors.platforms.contract import Client
from mappings.engine import merge_script_result
from mappings.inputs import outbound_input
from mappings.scripts import ScriptRunner

from .normalise import with_correlation
from .outcome import CannotTell, Link, Outcome
from .sentences import explain
from .states import State
from .steps import Notebook
from .work import Work

POSTPONED_SECONDS = 2.0
OPERATIONS = ("update", "create", "note", "skip")


@dataclass(frozen=True)
class Operation:
    """One thing to do at the external system."""

    op: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass
class Progress:
    """What is done so far; it outlives a failure of a later operation."""

    external_id: str
    created: bool = False
    done: int = 0
    sentences: list[str] = field(default_factory=list)


def perform(work: Work, client: Client, scripts: ScriptRunner, notes: Notebook) -> Outcome:
    """Map the event and make the calls. Raises the errors of the family; ``notes`` keeps the progress."""
    if not work.external_id and work.inbound_create_pending:
        sentence = explain("postponed", work_order=work.work_order_id)
        return Outcome(
            state=State.RETRYING, code="postponed", sentence=sentence, wait_seconds=POSTPONED_SECONDS, counted=False,
            link=Link.RELEASE,
        )  # fmt: skip
    progress = notes.progress = Progress(external_id=work.external_id, done=work.delivery.done_operations)
    for number, operation in enumerate(_operations(work, scripts, notes), start=1):
        if number <= work.delivery.done_operations:
            continue
        outcome = _do(operation, work, client, progress)
        if outcome is not None:
            return outcome
        progress.done = number
    return Outcome(
        state=State.SUCCEEDED,
        code="created" if progress.created else "updated",
        sentence=" ".join(progress.sentences) or explain("nothing_sent"),
        link=Link.STORE if progress.external_id else Link.RELEASE,
        work_order_id=work.work_order_id,
        external_id=progress.external_id,
        done_operations=progress.done,
    )


def _operations(work: Work, scripts: ScriptRunner, notes: Notebook) -> list[Operation]:
    payload = with_correlation(work.delivery.event.payload, work.external_id or None)
    lifted = outbound_input(payload)
    mapped = notes.map(work.plan, lifted, scripts)
    if work.delivery.action == "script":
        result = scripts.run(work.script, lifted, name=f"{work.delivery.event.event_type} script")
        notes.traces.extend(result.trace)
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


def _do(operation: Operation, work: Work, client: Client, progress: Progress) -> Outcome | None:
    """Do one operation; an outcome ends the delivery, None goes on."""
    if operation.op == "skip":
        return _skip("script_skipped", progress, reason=operation.reason or "no reason given")
    if operation.op in ("update", "create"):
        if progress.external_id or _found_again(work, client, progress):
            return _update(operation, client, progress)
        if not work.target.outbound_create or not work.may_create:
            return _skip("not_linked", progress, work_order=work.work_order_id, connector=work.target.name)
        return _create(operation, work, client, progress)
    return _add(operation, work, client, progress)


def _skip(code: str, progress: Progress, **facts: Any) -> Outcome:
    if progress.sentences:  # earlier operations of the script were done: that is what the delivery ends in
        progress.sentences.append(explain(code, **facts))
        return Outcome(
            state=State.SUCCEEDED, code="updated", sentence=" ".join(progress.sentences), link=Link.STORE,
            external_id=progress.external_id, done_operations=progress.done,
        )  # fmt: skip
    link = Link.STORE if progress.external_id else Link.RELEASE
    return Outcome(
        state=State.SKIPPED, code=code, sentence=explain(code, **facts), link=link, external_id=progress.external_id
    )


def _found_again(work: Work, client: Client, progress: Progress) -> bool:
    """After a create of unknown outcome: was the record made? Raises CannotTell when the system cannot be asked."""
    if not work.may_create or not work.create_unsettled:
        return False
    if not client.can_find:
        raise CannotTell(explain("create_unknown", system=work.target.name, correlation=work.correlation))
    found = client.find(work.correlation)
    if found is None:
        return False
    progress.external_id, progress.created = found, True
    progress.sentences.append(explain("found_again", target=found))
    return True


def _update(operation: Operation, client: Client, progress: Progress) -> Outcome | None:
    if not operation.fields:
        return _skip("nothing_mapped", progress)
    client.update(progress.external_id, operation.fields)
    progress.sentences.append(explain("updated", target=progress.external_id, fields=len(operation.fields)))
    return None


def _create(operation: Operation, work: Work, client: Client, progress: Progress) -> Outcome | None:
    if not operation.fields:
        return _skip("nothing_mapped", progress)
    try:
        created = client.create(operation.fields, correlation=work.correlation)
    except OutcomeUnknown as error:
        if client.can_find:
            raise
        raise CannotTell(
            explain("create_unknown", system=work.target.name, correlation=work.correlation), detail=error.sentence
        ) from error
    progress.external_id, progress.created = created.external_id, True
    progress.sentences.append(explain("created", target=created.external_id))
    return None


def _add(operation: Operation, work: Work, client: Client, progress: Progress) -> Outcome | None:
    """A note or another sub-object under the linked record. It has no look-up, so it is never repeated blindly."""
    target = operation.op
    if not progress.external_id:
        return _skip("not_linked", progress, work_order=work.work_order_id, connector=work.target.name)
    if not operation.fields:
        return _skip("nothing_mapped", progress)
    if work.interrupted:
        raise CannotTell(explain("note_unknown", kind=target, target=progress.external_id))
    try:
        client.create(operation.fields, correlation=work.correlation, target=target, parent_id=progress.external_id)
    except OutcomeUnknown as error:
        sentence = explain("note_unknown", kind=target, target=progress.external_id)
        raise CannotTell(sentence, detail=error.sentence) from error
    progress.sentences.append(explain("noted", kind=target, target=progress.external_id))
    return None
