"""The three-way merge, and two systems kept in step by it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mappings import agreement as agreements
from mappings.agreement import UNKNOWN, Agreement, after_inbound, after_outbound
from mappings.engine import MappingRow, Plan, compile_plan
from mappings.merge import Leaf, Side, Verdict, at, decide, flatten, mark, policy_of, put, same, without

FIELDS = ("title", "place.city", "state")
OUTBOUND = compile_plan([MappingRow(action="sync", source=name, target=f"ext.{name}") for name in FIELDS])
INBOUND = compile_plan([MappingRow(action="sync", source=f"ext.{name}", target=name) for name in FIELDS])


@pytest.mark.parametrize(
    ("leaf", "policy", "later", "choice", "verdict"),
    [
        (Leaf(True, agrees=True, target_changed=True), "manual", "external", None, Verdict.NOTHING),
        (Leaf(False), "last_write", "field_nation", None, Verdict.NOTHING),
        (Leaf(False, target_changed=True), "field_nation", "field_nation", None, Verdict.KEEP),
        (Leaf(True), "external", "external", None, Verdict.WRITE),
        (Leaf(True, target_changed=True), "last_write", "field_nation", None, Verdict.WRITE),
        (Leaf(True, target_changed=True), "last_write", "external", None, Verdict.KEEP),
        (Leaf(True, target_changed=True), "field_nation", "external", None, Verdict.WRITE),
        (Leaf(True, target_changed=True), "external", "field_nation", None, Verdict.KEEP),
        (Leaf(True, target_changed=True), "manual", "field_nation", None, Verdict.REVIEW),
        (Leaf(True, target_changed=True), "manual", "field_nation", "field_nation", Verdict.WRITE),
        (Leaf(True, target_changed=True), "manual", "field_nation", "external", Verdict.KEEP),
    ],
)
def test_verdicts_of_a_change_of_field_nation(
    leaf: Leaf, policy: Any, later: Side, choice: Side | None, verdict: Verdict
) -> None:
    assert decide(leaf, policy=policy, source="field_nation", later=later, choice=choice) is verdict


def test_flat_and_nested_are_two_ways_to_say_the_same() -> None:
    fields = {"a": 1, "b": {"c": [1, {"d": 2}], "e": {}}, "f": None}
    assert flatten(fields) == {"a": 1, "b.c": [1, {"d": 2}], "b.e": {}, "f": None}
    assert without(fields, ["b.c", "b.e"]) == {"a": 1, "f": None}
    assert without(fields, []) == fields
    record: dict[str, Any] = {"b": 3}
    put(record, "b.c.d", 4)
    assert record == {"b": {"c": {"d": 4}}}
    assert (at(record, "b.c.d"), at(record, "b.x.d"), at(record, "b.c.d.e")) == (4, None, None)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (1, "1", True), (1.0, "1", True), (None, "", True), (None, [], True), (True, "true", True), (" a ", "a", True),
        (1, True, False), ([1], "1", False), ({"a": 1}, {"a": 2}, False), (0, None, False), ([1], [1], True),
    ],
)  # fmt: skip
def test_what_means_the_same_to_people(one: Any, other: Any, is_same: bool) -> None:
    assert same(one, other) is is_same


def test_of_a_long_value_only_the_digest_is_kept() -> None:
    long = "x" * 500
    assert mark(long) == mark(long) != mark(long + "y")
    assert len(str(mark(long))) < 100
    assert mark("short") == "short"


def test_a_row_decides_for_everything_below_its_target() -> None:
    find = policy_of({"place": "manual", "place.city": "external"}, "last_write")
    assert [find(path) for path in ("place.city", "place.zip", "state")] == ["external", "manual", "last_write"]


def test_what_the_broker_wrote_is_no_change_of_the_other_side_even_when_the_mapping_reads_it_otherwise() -> None:
    inbound = compile_plan(
        [
            MappingRow(
                action="array_map",
                source="stage",
                target="status",
                options={"mappings": [{"compare": "R", "value": "x"}]},
            )
        ]
    )
    known = after_outbound(
        UNKNOWN, fields={"stage": "R"}, written={"stage": "R"}, record=None, answer={}, inbound=inbound
    )
    record = {"stage": "R"}
    assert not agreements.external_changed(known, "status", "y", source="stage", record=record)
    assert agreements.external_changed(known, "status", "y", source="stage", record={"stage": "S"})


def test_a_change_made_between_two_reads_is_still_to_be_sent() -> None:
    work_order = {"title": "new", "place": {"city": "Elgin"}, "state": "open"}
    record = {"ext": {"title": "new", "place": {"city": "Joliet"}, "state": "open"}}
    known = after_inbound(
        UNKNOWN,
        fields={"title": "new"},
        record=record,
        outbound=OUTBOUND,
        work_order=work_order,
        written={"title": "new"},
    )
    assert known.sent == {"ext.title": "new", "ext.state": "open"}
    assert agreements.source_changed(known.sent, "ext.place.city", "Elgin")


class TwoSystems(RuleBasedStateMachine):
    """People edit both sides; a lane carries the changes one by one, as the broker does. Last write wins.

    An event of Field Nation brings the work order as it was; an external trigger makes the broker read the record.
    Both notify the broker of its own writes, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.field_nation: dict[str, Any] = {}
        self.external: dict[str, Any] = {}
        for number, name in enumerate(FIELDS):
            put(self.field_nation, name, number)
            put(self.external, f"ext.{name}", number)
        start: dict[str, Any] = {name: number for number, name in enumerate(FIELDS)}
        outward = {f"ext.{name}": number for name, number in start.items()}
        self.agreement = Agreement(sent=outward, remote=outward, seen=start)
        self.lane: list[dict[str, Any] | None] = []  # a payload, or None for a trigger
        self.latest: dict[str, Any] = {}
        self.sides: dict[str, set[str]] = {name: set() for name in FIELDS}
        self.serial = 100
        self.writes = 0
        self.since_inbound = False

    def _copy(self, fields: dict[str, Any]) -> dict[str, Any]:
        return without(fields, ())

    def _trigger(self) -> None:
        if not self.lane or self.lane[-1] is not None:  # merged while one waits at the end
            self.lane.append(None)

    @rule(name=st.sampled_from(FIELDS))
    def field_nation_edits(self, name: str) -> None:
        self.serial += 1
        put(self.field_nation, name, self.serial)
        self.lane.append(self._copy(self.field_nation))
        self.latest[name] = self.serial
        self.sides[name].add("field_nation")

    @rule(name=st.sampled_from(FIELDS))
    def external_edits(self, name: str) -> None:
        self.serial += 1
        put(self.external, f"ext.{name}", self.serial)
        self._trigger()
        self.latest[name] = self.serial
        self.sides[name].add("external")

    @rule(count=st.integers(1, 3))
    def deliver(self, count: int) -> None:
        for _ in range(count):
            if self.lane:
                self._deliver_head()

    def _deliver_head(self) -> None:
        head = self.lane.pop(0)
        opposite = any((other is None) != (head is None) for other in self.lane)
        if head is None:
            self._inward(opposite)
        else:
            self._outward(head, opposite)

    def _outward(self, payload: dict[str, Any], opposite: bool) -> None:
        if self.since_inbound:  # older than our own last write, perhaps: read again
            payload = self._copy(self.field_nation)
        fields = flatten(OUTBOUND.run(payload).fields)
        changed = {t for t, v in fields.items() if agreements.source_changed(self.agreement.sent, t, v)}
        record = self._copy(self.external) if opposite and changed else None
        written, kept = {}, set()
        for target, value in fields.items():
            leaf = Leaf(
                target in changed,
                agrees=record is not None and same(at(record, target), value),
                target_changed=record is not None
                and agreements.remote_changed(self.agreement, target, record, suspected=opposite),
            )
            later: Side = "external" if opposite else "field_nation"
            verdict = decide(leaf, policy="last_write", source="field_nation", later=later)
            if verdict is Verdict.WRITE:
                written[target] = value
                put(self.external, target, value)
            elif verdict is Verdict.KEEP:
                kept.add(target)
        if not changed:
            return
        fields = {target: value for target, value in fields.items() if target not in kept}
        self.agreement = after_outbound(
            self.agreement, fields=fields, written=written, record=record, answer={}, inbound=INBOUND
        )
        if written:
            self.writes += 1
            self._trigger()

    def _inward(self, opposite: bool) -> None:
        record = self._copy(self.external)
        fields = flatten(INBOUND.run(record).fields)
        single = agreements.sources(INBOUND)
        written, kept = {}, set()
        for target, value in fields.items():
            seen = self.agreement.seen or {}
            leaf = Leaf(
                agreements.external_changed(self.agreement, target, value, source=single[target], record=record),
                agrees=at(self.field_nation, target) == value,
                target_changed=at(self.field_nation, target) != seen[target] if target in seen else opposite,
            )
            later: Side = "field_nation" if opposite else "external"
            verdict = decide(leaf, policy="last_write", source="external", later=later)
            if verdict is Verdict.WRITE:
                written[target] = value
                put(self.field_nation, target, value)
            elif verdict is Verdict.KEEP:
                kept.add(target)
        fields = {target: value for target, value in fields.items() if target not in kept}
        self.agreement = after_inbound(
            self.agreement,
            fields=fields,
            record=record,
            outbound=OUTBOUND,
            work_order=self.field_nation,
            written=written,
        )
        if written:
            self.writes += 1
            self.since_inbound = True
            self.lane.append(self._copy(self.field_nation))

    @invariant()
    def once_quiet_both_sides_agree(self) -> None:
        """From here, with nobody editing, the exchange ends and both sides hold the same."""
        saved = (self._copy(self.field_nation), self._copy(self.external), self.agreement, list(self.lane))
        writes, since = self.writes, self.since_inbound
        steps = 0
        while self.lane:
            self._deliver_head()
            steps += 1
            assert steps < 50, "an endless exchange"
        for name in FIELDS:
            assert at(self.field_nation, name) == at(self.external, f"ext.{name}"), name
            if len(self.sides[name]) < 2:  # nobody else touched it: nothing may be lost
                assert at(self.external, f"ext.{name}") == self.latest.get(name, FIELDS.index(name)), name
        self.field_nation, self.external, self.agreement, self.lane = saved
        self.writes, self.since_inbound = writes, since


TwoSystems.TestCase.settings = settings(max_examples=300, stateful_step_count=25, deadline=None)
TestTwoSystems = TwoSystems.TestCase


def test_plans_are_what_they_say() -> None:
    assert isinstance(OUTBOUND, Plan)
    assert agreements.sources(INBOUND) == {name: f"ext.{name}" for name in FIELDS}
