"""What of a mapped change has to be written, when both sides may have moved since they last agreed. No database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.plan import plan_update
from connectors.platforms.contract import Client
from mappings import agreement as agreements
from mappings.agreement import Agreement, is_read
from mappings.merge import Leaf, Side, Verdict, at, decide, flatten, mark, policy_of, put, same, without

from .outcome import NeedsDecision
from .sentences import explain
from .work import Work

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Carried:
    """``fields`` are the values that were looked at (flat, by target), ``write`` those to be written (flat), ``body``
    what to send for them (nested). ``kept`` are targets whose own change stays, ``conceded`` those of them that a
    person decided so. ``record`` is what was read."""

    fields: Mapping[str, Any]
    write: Mapping[str, Any]
    body: Json
    kept: tuple[str, ...] = ()
    conceded: frozenset[str] = frozenset()
    record: Mapping[str, Any] | None = None


def outward(work: Work, fields: Json, client: Client, known: Agreement) -> Carried:
    """What of the mapped ``fields`` the external record needs. It is read only where someone else may have changed it.

    Raises NeedsDecision when a person has to decide, and what reading the record raises.
    """
    flat = flatten(fields)
    changed = {
        t for t, value in flat.items() if work.delivery.forced or agreements.source_changed(known.sent, t, value)
    }
    if not changed:
        return Carried(fields=flat, write={}, body={})
    policy = policy_of(work.policies, work.target.conflict_policy)
    looks = work.opposite_waits or bool(work.choices) or any(policy(target) != "last_write" for target in changed)
    record = client.read(work.external_id) if looks else None
    judge = _Judge(work, source="field_nation")
    for target, value in flat.items():
        there = agreements.held(record, target) if record is not None else None
        leaf = Leaf(
            source_changed=target in changed,
            agrees=record is not None and same(there, mark(value)),
            target_changed=record is not None
            and agreements.remote_changed(known, target, record, suspected=work.opposite_waits),
        )
        base = (known.remote or {}).get(target, (known.sent or {}).get(target))
        judge.judge(target, leaf, base=base, field_nation=value, external=there)
    judge.ask_if_needed()
    write = {target: value for target, value in flat.items() if target in judge.write}
    body = _replacement(fields, judge, record) if client.replaces else without(fields, set(flat) - judge.write)
    agreed = {target: value for target, value in flat.items() if target not in judge.kept}
    return Carried(
        fields=agreed,
        write=write,
        body=body if write else {},
        kept=tuple(judge.kept),
        conceded=judge.conceded,
        record=record,
    )


def _replacement(fields: Json, judge: _Judge, record: Mapping[str, Any] | None) -> Json:
    """All fields, with the record's own value where its change stays."""
    body = without(fields, ())
    for target in judge.kept:
        put(body, target, at(record or {}, target))
    return body


def inward(work: Work, fields: Json, *, record: Json, current: Mapping[str, Any]) -> Carried:
    """What of the mapped ``fields`` of the external ``record`` the work order ``current`` needs.

    Raises NeedsDecision when a person has to decide, InvalidRecord when the values cannot be read.
    """
    flat = flatten(fields)
    if plan_update(fields, current).is_empty:
        return Carried(fields=flat, write={}, body={}, record=record)
    known = work.agreement
    judge = _Judge(work, source="external")
    single = agreements.sources(work.plan)
    for target, value in flat.items():
        source = single.get(target, "")
        moved = work.delivery.forced or agreements.external_changed(known, target, value, source=source, record=record)
        is_known, last = target in (known.seen or {}), (known.seen or {}).get(target)
        leaf = Leaf(
            source_changed=moved,
            agrees=_holds(current, fields, target, value),
            target_changed=not _holds(current, fields, target, last) if is_known else work.opposite_waits,
        )
        here = at(current, target.removeprefix("workorder."))
        judge.judge(target, leaf, base=last, field_nation=here, external=value)
    judge.ask_if_needed()
    body = without(fields, set(judge.kept))
    write = {target: value for target, value in flat.items() if target in judge.write}
    agreed = {target: value for target, value in flat.items() if target not in judge.kept}
    return Carried(
        fields=agreed,
        write=write,
        body=body if write else {},
        kept=tuple(judge.kept),
        conceded=judge.conceded,
        record=record,
    )


def _holds(current: Mapping[str, Any], fields: Json, target: str, value: Any) -> bool:
    """Whether the work order needs no call to have ``value`` at ``target``."""
    if isinstance(value, dict):  # the digest of a long value: nothing to compare with
        return True
    alone: Json = {}
    put(alone, target, value)
    try:
        return plan_update(alone, current).is_empty
    except InvalidRecord:
        return _part_holds(current, fields, target, value)


def _part_holds(current: Mapping[str, Any], fields: Json, target: str, value: Any) -> bool:
    """The same for a field that is nothing without its neighbours, such as the end of a time window."""
    top = target.split(".")[1 if target.startswith("workorder.") else 0]
    part = without(fields, [path for path in flatten(fields) if top not in path.split(".")[:2]])
    put(part, target, value)
    try:
        return plan_update(part, current).is_empty
    except InvalidRecord:
        return False


@dataclass
class _Judge:
    """Collects the verdicts on the fields of one record."""

    work: Work
    source: Side
    write: set[str] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)
    open: list[Json] = field(default_factory=list)

    def judge(self, target: str, leaf: Leaf, *, base: Any, field_nation: Any, external: Any) -> None:
        other: Side = "external" if self.source == "field_nation" else "field_nation"
        # what the other direction never carries belongs to this side
        two_way = self.source == "external" or is_read(self.work.reverse, target)
        verdict = decide(
            leaf,
            policy=policy_of(self.work.policies, self.work.target.conflict_policy)(target),
            source=self.source,
            later=other if self.work.opposite_waits and two_way else self.source,
            choice=self.work.choices.get(target),
        )
        if verdict is Verdict.WRITE:
            self.write.add(target)
        elif verdict is Verdict.KEEP:
            self.kept.append(target)
        elif verdict is Verdict.REVIEW:
            sides = {"base": mark(base), "field_nation": mark(field_nation), "external": mark(external)}
            self.open.append({"target": target, **sides})

    @property
    def conceded(self) -> frozenset[str]:
        return frozenset(self.kept) & frozenset(self.work.choices)

    def ask_if_needed(self) -> None:
        if self.open:
            names = ", ".join(entry["target"] for entry in self.open)
            raise NeedsDecision(explain("both_changed", fields=names), fields=self.open)


def names_of(targets: Collection[str]) -> str:
    """A few targets for a sentence."""
    shown = sorted(targets)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
