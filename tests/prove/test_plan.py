"""The plan of a run: drawn from the seed alone, with every kind of disturbance and of record in it."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.prove.disturb import STORMS
from broker_project.prove.plan import KINDS, LASTING, MOMENTARY, NOTE, SHARES, make_plan
from broker_project.sandbox.faults import parse_fault

SEEDS = st.integers(0, 10**6)


@settings(max_examples=25)
@given(seed=SEEDS)
def test_the_same_seed_gives_the_same_plan(seed: int) -> None:
    assert make_plan(seed, events=300) == make_plan(seed, events=300)


def test_another_seed_gives_another_plan() -> None:
    assert make_plan(1, events=300).sends != make_plan(2, events=300).sends


@settings(max_examples=25)
@given(seed=SEEDS, events=st.integers(100, 1500))
def test_a_plan_holds_everything_in_time(seed: int, events: int) -> None:
    plan = make_plan(seed, events=events)
    assert {one.kind for one in plan.disturbances} == set(KINDS)
    assert {record.kind for record in plan.records} == set(SHARES)
    assert len(plan.sends) == max(events, len(plan.records))
    assert all(0 <= at <= plan.seconds for at in [*(s.at for s in plan.sends), *(d.at for d in plan.disturbances)])
    assert list(plan.sends) == sorted(plan.sends, key=lambda send: send.at)


@settings(max_examples=25)
@given(seed=SEEDS)
def test_a_record_opens_first_and_sends_each_serial_once(seed: int) -> None:
    found = defaultdict(list)
    for send in make_plan(seed, events=600).sends:
        found[send.record].append(send)
    for record, sends in found.items():
        assert sends[0].serial == 0
        assert sorted(send.serial for send in sends) == list(range(len(sends)))
        assert (sends[0].door == "open") == (record.kind in ("twin", "born"))


def test_some_sends_are_repeated_reordered_skewed_and_notes() -> None:
    sends = make_plan(7, events=2000).sends
    last: dict[int, int] = {}
    overtaken = 0
    for send in sends:
        overtaken += send.serial < last.get(send.record.number, -1)
        last[send.record.number] = send.serial
    assert overtaken > 10
    assert sum(send.repeats > 0 for send in sends) > 100
    assert sum(send.skew != 0 for send in sends) > 20
    assert sum(send.event == NOTE for send in sends) > 10


def test_every_kind_of_disturbance_is_carried_out_somewhere_and_its_rules_are_the_simulators() -> None:
    by_hand = {"kill_worker", "kill_worker_child", "kill_web", "kill_beat", "restart_postgres", "celery_broker_gone",
               "pause", "save_configuration"}  # fmt: skip
    assert set(STORMS) | by_hand == set(LASTING) | set(MOMENTARY)
    for _, _, rules in STORMS.values():
        assert all(parse_fault(rule).describe() for rule in rules)
