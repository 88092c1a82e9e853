"""The prover can fail: each planted fault breaks the promise it ought to, and the checker says so."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from broker_project.prove.installation import Applications
from broker_project.prove.plan import UPDATES, Disturbance, Door, Kind, Plan, Record, Send, make_plan
from broker_project.prove.run import Result, Setup, run

pytestmark = pytest.mark.prove

SECONDS = 5.0


def scenario(
    kind: Kind, *, records: int, changes: int, door: Door = "post", repeats: int = 0,
    disturbances: Sequence[Disturbance] = (),
) -> Plan:  # fmt: skip
    """The same few changes of a few records of one kind, evenly spread over the first seconds."""
    made = tuple(Record(number, kind) for number in range(1, records + 1))
    sends = [
        Send(0.5 + 3.0 * serial / changes, record, serial, "open" if kind == "twin" and not serial else door,
             UPDATES[0], repeats)
        for serial in range(changes)
        for record in made
    ]  # fmt: skip
    return Plan(0, SECONDS, made, tuple(sends), tuple(disturbances))


def proved(plan: Plan, *, celery: str = "broker_project", wsgi: str = "broker_project.wsgi:application") -> Result:
    """The result of a run with these applications; a broken one is not waited for very long."""
    setup = Setup(rest_seconds=30.0, applications=Applications(celery, wsgi))
    return run(plan, setup, say=lambda sentence: None, stop=threading.Event())


def violated(result: Result) -> dict[str, list[str]]:
    return {finding.promise: finding.violations for finding in result.findings if finding.violations}


def test_a_lane_that_is_begun_at_its_end_breaks_the_order() -> None:
    held = Disturbance(at=0.1, kind="pause", seconds=3.2, choice=0.0)
    plan = scenario("posted", records=10, changes=6, disturbances=[held])
    assert "P3" in violated(proved(plan, celery="tests.prove.broken_order"))


def test_a_repeat_that_is_not_known_becomes_a_second_event() -> None:
    plan = scenario("posted", records=4, changes=2, repeats=2)
    found = violated(proved(plan, wsgi="tests.prove.broken_dedupe:application"))
    assert len(found["P2"]) == 8, found


def test_a_lease_that_protects_nothing_makes_two_records() -> None:
    slow = Disturbance(at=0.1, kind="slow_answers", seconds=0.0, choice=0.0)
    plan = scenario("twin", records=8, changes=2, door="field", disturbances=[slow])
    found = violated(proved(plan, celery="tests.prove.broken_lease"))
    assert any("carry the mark" in sentence for sentence in found.get("P2", [])), found


def test_a_create_that_is_not_looked_up_makes_two_records() -> None:
    lost = Disturbance(at=0.1, kind="lost_create_answers", seconds=0.0, choice=0.0)
    plan = scenario("posted", records=8, changes=2, disturbances=[lost])
    found = violated(proved(plan, celery="tests.prove.broken_look_up"))
    assert any("carry the mark" in sentence for sentence in found.get("P2", [])), found


def test_without_a_planted_fault_a_whole_storm_finds_nothing() -> None:
    plan = make_plan(20, events=800)
    result = run(plan, Setup(), say=lambda sentence: None, stop=threading.Event())
    assert violated(result) == {}
    assert len(result.evidence.events) > 800
    assert len(result.disturbances) >= 14
