"""What of a mapped change has to be written, when both sides may have moved since they last agreed. No database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.plan import plan_update
from connectors.platforms.contract import Client
from mappings import agreement as agreements
from mappings.agreement import Agreement, is_read
from mappings.merge import Leaf, Side, Verdict, at, decide, flatten, mark, policy_of, put, same, without
from mappings.write_modes import APPEND, ON_CREATE, WHEN_EMPTY, appended, is_empty

from .outcome import NeedsDecision
from .sentences import explain
from .work import Work

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Carried:
    """``fields`` are the values that were looked at (flat, by target), ``write`` those to be written (flat), ``body``
    what to send for them (nested). ``kept`` are targets whose own change stays, ``conceded`` those of them that a
    person decided so, ``filled`` those that were filled already. ``record`` is what was read."""

    fields: Mapping[str, Any]
    write: Mapping[str, Any]
    body: Json
    kept: tuple[str, ...] = ()
    conceded: frozenset[str] = frozenset()
    filled: tuple[str, ...] = ()
    record: Mapping[str, Any] | None = None


def outward(work: Work, fields: Json, client: Client, known: Agreement, *, external_id: str) -> Carried:
    """What of the mapped ``fields`` the external record needs. It is read only where someone else may have changed it.

    Raises NeedsDecision when a person has to decide, and what reading the record raises.
    """
    flat = flatten(fields)
    modes = {target: mode for target, mode in work.modes.items() if target in flat}
    settled = {target for target, mode in modes.items() if mode == ON_CREATE}
    changed = {
        target
        for target, value in flat.items()
        if target not in settled and (work.delivery.forced or agreements.source_changed(known.sent, target, value))
    }
    if not changed:
        return Carried(fields=flat, write={}, body={})
    policy = policy_of(work.policies, work.target.conflict_policy)
    looks = (
        work.opposite_waits
        or bool(work.choices)
        or any(policy(target) != "last_write" or modes.get(target) in (WHEN_EMPTY, APPEND) for target in changed)
        or (bool(modes) and client.replaces)
    )
    if not looks:
        write = {target: value for target, value in flat.items() if target in changed}
        return Carried(fields=flat, write=write, body=without(fields, () if client.replaces else flat.keys() - changed))
    return _weighed(work, fields, known, changed, client=client, record=client.read(external_id))


def _weighed(
    work: Work, fields: Json, known: Agreement, changed: Collection[str], *, client: Client, record: Mapping[str, Any]
) -> Carried:
    """What of ``fields`` to write over the ``record`` as it is; ``changed`` are those that the source side changed."""
    flat, modes = flatten(fields), work.modes
    judge = _Judge(work, source="field_nation")
    by_mode = _ByMode(repeated=work.attempt > 1)
    for target, value in flat.items():
        if target in modes:
            by_mode.judge(target, modes[target], value, there=at(record, target), changed=target in changed)
            continue
        there = agreements.held(record, target)
        leaf = Leaf(
            source_changed=target in changed,
            agrees=same(there, mark(value)),
            target_changed=agreements.remote_changed(known, target, record, suspected=work.opposite_waits),
        )
        base = (known.remote or {}).get(target, (known.sent or {}).get(target))
        judge.judge(target, leaf, base=base, field_nation=value, external=there)
    judge.ask_if_needed()
    write = {target: value for target, value in flat.items() if target in judge.write} | by_mode.write
    if client.replaces:
        body = _replacement(fields, [*judge.kept, *by_mode.kept], record)
    else:
        body = without(fields, flat.keys() - write.keys())
    for target, value in by_mode.write.items():
        put(body, target, value)
    return Carried(
        fields={target: value for target, value in flat.items() if target not in judge.kept},
        write=write,
        body=body if write else {},
        kept=tuple(judge.kept),
        conceded=judge.conceded,
        filled=tuple(by_mode.filled),
        record=record,
    )


def _replacement(fields: Json, kept: Collection[str], record: Mapping[str, Any]) -> Json:
    """All fields, with the record's own value where it stays."""
    body = without(fields, ())
    for target in kept:
        put(body, target, at(record, target))
    return body


def inward(work: Work, fields: Json, *, record: Json, current: Mapping[str, Any]) -> Carried:
    """What of the mapped ``fields`` of the external ``record`` the work order ``current`` needs.

    Raises NeedsDecision when a person has to decide, InvalidRecord when the values cannot be read.
    """
    known = work.agreement
    told = flatten(fields)
    by_mode = _inward_by_mode(work, told, known, current)
    if by_mode is not None:
        fields = without(fields, by_mode.kept)
        for target, value in by_mode.write.items():
            put(fields, target, value)
    filled = tuple(by_mode.filled) if by_mode else ()
    flat = flatten(fields)
    if plan_update(fields, current).is_empty:
        return Carried(fields=told, write={}, body={}, filled=filled, record=record)
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
    return Carried(
        fields={target: value for target, value in told.items() if target not in judge.kept},
        write=write,
        body=body if write else {},
        kept=tuple(judge.kept),
        conceded=judge.conceded,
        filled=filled,
        record=record,
    )


def _inward_by_mode(
    work: Work, told: Mapping[str, Any], known: Agreement, current: Mapping[str, Any]
) -> _ByMode | None:
    """What the write modes make of the values for the work order as it is; None when there are no modes."""
    modes = {target: mode for target, mode in work.modes.items() if target in told}
    if not modes:
        return None
    found = _ByMode(repeated=work.attempt > 1)
    for target, mode in modes.items():
        moved = work.delivery.forced or agreements.source_changed(known.seen, target, told[target])
        here = at(current, target.removeprefix("workorder."))
        found.judge(target, mode, told[target], there=here, changed=moved)
    return found


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
class _ByMode:
    """What write modes say about the fields of one record that exists: ``write`` with its values, ``kept`` as it is,
    ``filled`` those of the kept that are not empty. What is appended or filled conflicts with nothing."""

    repeated: bool
    write: Json = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)

    def judge(self, target: str, mode: str, value: Any, *, there: Any, changed: bool) -> None:
        if not changed or mode == ON_CREATE:
            self.kept.append(target)
        elif mode == WHEN_EMPTY and not is_empty(there):
            self.kept.append(target)
            self.filled.append(target)
        else:
            wanted = appended(there, value, repeated=self.repeated) if mode == APPEND else value
            if same(mark(wanted), mark(there)):
                self.kept.append(target)
            else:
                self.write[target] = wanted


@dataclass
class _Judge:
    """Collects the verdicts on the fields of one record."""

    work: Work
    source: Side
    write: set[str] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)
    open: list[Json] = field(default_factory=list)

    def judge(self, target: str, leaf: Leaf, *, base: Any, field_nation: Any, external: Any) -> None:
        verdict = decide(
            leaf,
            policy=self._policy(target),
            source=self.source,
            later=self._later(target),
            choice=self.work.choices.get(target),
        )
        if verdict is Verdict.WRITE:
            self.write.add(target)
        elif verdict is Verdict.KEEP:
            self.kept.append(target)
        elif verdict is Verdict.REVIEW:
            sides = {"base": mark(base), "field_nation": mark(field_nation), "external": mark(external)}
            self.open.append({"target": target, **sides})

    @cached_property
    def _policy(self) -> Callable[[str], Any]:
        return policy_of(self.work.policies, self.work.target.conflict_policy)

    def _later(self, target: str) -> Side:
        """The side that spoke last. What the other direction never carries belongs to the source."""
        if not self.work.opposite_waits:
            return self.source
        if self.source == "external":
            return "field_nation"
        return "external" if is_read(self.work.reverse, target) else self.source

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
