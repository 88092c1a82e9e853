"""The last state in which both sides of a link agreed, by field, and how a sync moves it. Pure.

``sent``: what the work order says, by outbound target. ``remote``: what the external record held at those targets.
``seen``: what the external record says, by inbound target. Values are kept as marks (merge.mark). A part that is None
is not known: everything then counts as changed on the source side and nothing as changed on the target side.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from broker_project.lib.errors import MappingError

from .engine import Plan
from .merge import at, flatten, mark, put, same

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Agreement:
    """See the module."""

    sent: Json | None = None
    remote: Json | None = None
    seen: Json | None = None


UNKNOWN = Agreement()


def held(record: Json, path: str) -> Any:
    """The mark of what a record holds at a dotted path; None when there is nothing."""
    return mark(at(record, path))


def source_changed(known: Json | None, target: str, value: Any) -> bool:
    """Whether the source side says something else than at the last agreement."""
    return known is None or target not in known or known[target] != mark(value)


def remote_changed(agreement: Agreement, target: str, record: Json, *, suspected: bool) -> bool:
    """Whether the external record was changed at an outbound target since; ``suspected`` when it is not known."""
    remote = agreement.remote or {}
    return not same(held(record, target), remote[target]) if target in remote else suspected


def external_changed(agreement: Agreement, target: str, value: Any, *, source: str, record: Json) -> bool:
    """Whether the external side changed what fills an inbound target.

    ``source`` is the path that fills it, empty for scripts and combined values. What the broker itself wrote there,
    and is still there, is no change of the external side, whatever the mapping makes of it.
    """
    if not source_changed(agreement.seen, target, value):
        return False
    remote = agreement.remote or {}
    return not (source in remote and same(held(record, source), remote[source]))


def sources(plan: Plan) -> dict[str, str]:
    """The source path by target, for rows that take one value from one place."""
    return {
        row.target: row.source for row, _, _ in plan.compiled if row.source and row.action not in ("concat", "custom")
    }


def is_read(plan: Plan | None, path: str) -> bool:
    """Whether a mapping takes its value from ``path``, or from above or below it. A script may: nobody can tell."""
    rows = [entry.row for entry in plan.compiled] if plan else []
    taken = [row.source for row in rows if row.action not in ("concat", "custom")]
    for row in rows:
        if row.action == "custom":
            return True
        if row.action == "concat":
            taken += [str(part.get("value")) for part in row.options.get("parts", ()) if part.get("type") == "field"]
    return any(path == one or path.startswith(f"{one}.") or one.startswith(f"{path}.") for one in taken if one)


def after_outbound(
    agreement: Agreement,
    *,
    fields: Json,
    written: Json,
    record: Json | None,
    answer: Json,
    inbound: Plan | None,
    is_new: bool = False,
) -> Agreement:
    """After the work order's ``fields`` were carried over and ``written`` of them sent (both flat, by target).

    ``fields`` leaves out those where the record's own change stayed: nothing was agreed on about them.

    ``record`` is the external record as read before, None when it was not; ``answer`` is the record in the system's
    answer, {} when it gave none. ``inbound`` are the inbound mappings, which tell what the record will say now.
    """
    sent = {**(agreement.sent or {}), **{target: mark(value) for target, value in fields.items()}}
    remote = dict(agreement.remote or {})
    for target in fields:
        if target in written:
            shown = held(answer, target) if answer else None
            remote[target] = mark(written[target]) if shown is None else shown
        elif record is not None and target not in remote:
            remote[target] = held(record, target)
    created = answer if is_new and answer else None
    return Agreement(sent, remote, _expected(agreement.seen, written=written, created=created, inbound=inbound))


def _expected(seen: Json | None, *, written: Json, created: Json | None, inbound: Plan | None) -> Json | None:
    """What the record will say at the inbound targets, as far as what was ``written`` tells it.

    Of a record that was just ``created`` all of it is known; of another one only what stands where we wrote, since
    the rest may hold a change of the other side that is still to be carried over.
    """
    if inbound is None or not written:
        return seen
    record = copy.deepcopy(dict(created or {}))
    for path, value in written.items():
        put(record, path, value)
    single = sources(inbound)
    knowable = tuple(
        entry
        for entry in inbound.compiled
        if entry.row.action != "custom" and (created is not None or single.get(entry.row.target) in written)
    )
    try:
        told = {target: mark(value) for target, value in flatten(Plan(knowable).run(record).fields).items()}
    except MappingError:
        told = {}
    # a combined value or a script may have been touched, which nobody can tell: it is not known any more
    kept = {target: value for target, value in (seen or {}).items() if target in single}
    return {**kept, **told}


def after_inbound(
    agreement: Agreement, *, fields: Json, record: Json, outbound: Plan | None, work_order: Json, written: Json
) -> Agreement:
    """After the external ``record``'s ``fields`` were carried over (flat, by inbound target); ``written`` of them.
    ``fields`` leaves out those where the work order's own change stayed.

    ``work_order`` is the input of the outbound mappings, as Field Nation holds the work order now. Only where the
    record says the same as the work order, or where the work order changed because of this, is the outbound side
    taken as told: a person's change that came in between must still be sent.
    """
    seen = {**(agreement.seen or {}), **{target: mark(value) for target, value in fields.items()}}
    if outbound is None:
        return Agreement(agreement.sent, agreement.remote, seen)
    # what a script would say is found out when it runs; until then its fields count as before
    plain = Plan(tuple(entry for entry in outbound.compiled if entry.row.action != "custom"))
    try:
        told = flatten(plain.run(dict(work_order)).fields)
    except MappingError:
        told = {}
    single = sources(outbound)
    sent, remote = dict(agreement.sent or {}), dict(agreement.remote or {})
    for target, value in told.items():
        there = held(record, target)
        caused = _is_near(single.get(target, ""), written)
        if caused or same(there, mark(value)):
            sent[target] = mark(value)
            remote[target] = there
        elif target not in remote:
            remote[target] = there
    return Agreement(sent, remote, seen)


def _is_near(source: str, written: Json) -> bool:
    """Whether a work order path is one of those written, or lies above or below one."""
    path = source.removeprefix("workorder.")
    if not path:
        return False
    return any(
        path == target or path.startswith(f"{target}.") or target.startswith(f"{path}.")
        for target in (name.removeprefix("workorder.") for name in written)
    )


def external_chosen(
    agreement: Agreement, targets: Collection[str], *, work_order: Json, inbound: Plan | None
) -> Agreement:
    """After a person let the external record keep these outbound targets: the way back carries them over unasked.

    For that the work order's present value counts as seen, so that only the external side appears changed.
    """
    rows = sources(inbound) if inbound else {}
    given_up = {
        row: mark(at(work_order, row.removeprefix("workorder."))) for row, source in rows.items() if source in targets
    }
    return replace(agreement, seen={**(agreement.seen or {}), **given_up}) if given_up else agreement


def field_nation_chosen(
    agreement: Agreement, targets: Collection[str], *, record: Json, outbound: Plan | None
) -> Agreement:
    """After a person let the work order keep these inbound targets: the way out carries them over unasked."""
    names = {target.removeprefix("workorder.") for target in targets}
    rows = sources(outbound) if outbound else {}
    given_up = {row: held(record, row) for row, source in rows.items() if source.removeprefix("workorder.") in names}
    return replace(agreement, remote={**(agreement.remote or {}), **given_up}) if given_up else agreement
