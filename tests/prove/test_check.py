"""The checker finds nothing in a good history, and each spoiled one breaks the promise that it ought to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from broker_project.prove.check import check
from broker_project.prove.evidence import DeliveryRow, Desk, EventRow, Evidence, LinkRow, LogRow, Write

from .histories import ENDED, POSTED, TWIN, kept, log, promise


def violated(evidence: Evidence) -> dict[str, list[str]]:
    return {finding.promise: finding.violations for finding in check(evidence) if finding.violations}


def test_a_good_history_keeps_every_promise_and_each_was_looked_at() -> None:
    findings = check(kept())
    assert [finding.promise for finding in findings] == ["P1", "P2", "P3", "P4", "P5", "P6"]
    assert [finding.violations for finding in findings] == [[]] * 6
    assert all(finding.checked > 0 for finding in findings)


def changed(id: str, **changes: Any) -> Callable[[Evidence], Evidence]:
    """The history with one delivery changed."""

    def spoil(good: Evidence) -> Evidence:
        rows: list[DeliveryRow] = [replace(row, **changes) if row.id == id else row for row in good.deliveries]
        return replace(good, deliveries=rows)

    return spoil


def desk(name: str, **changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda good: replace(good, desks={**good.desks, name: replace(good.desks[name], **changes)})


def field_nation(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda good: replace(good, field_nation=replace(good.field_nation, **changes))


def ticket(name: str, **changes: Any) -> Callable[[Evidence], Evidence]:
    def spoil(good: Evidence) -> Evidence:
        return desk(name, tickets=({**good.desks[name].tickets[0], **changes},))(good)

    return spoil


def written(*subjects: str) -> tuple[Write, ...]:
    return tuple(Write(n, "PATCH", "/api/tickets/1001", (1001,), {"subject": s}) for n, s in enumerate(subjects))


def without_log(id: str) -> Callable[[Evidence], Evidence]:
    return lambda good: replace(good, logs=[row for row in good.logs if row.delivery_id != id])


def twice(good: Evidence) -> Evidence:
    one = good.desks["storm"].tickets[0]
    return desk("storm", tickets=(one, {**one, "id": 1002}))(good)


NOTE = {"ticket_id": 1001, "text": "Note R1#3"}
SERIALS = f"/api/rest/v2/workorders/{TWIN}/custom_fields/702"
SPOILED: dict[str, tuple[str, str, Callable[[Evidence], Evidence]]] = {
    "an accepted event is gone": (
        "P1", "event e1 was answered 2xx and does not exist",
        lambda good: replace(good, events=[event for event in good.events if event.id != "e1"],
                             deliveries=[row for row in good.deliveries if row.event_id != "e1"]),
    ),
    "an accepted webhook is gone": (
        "P1", "Webhook uuid-2 was answered", field_nation(webhooks_taken=frozenset({"uuid-1", "uuid-2"}))),
    "a sound request was refused": ("P1", "Refused: post", lambda good: replace(good, refused=["post of R1#4"])),
    "a delivery stays pending": ("P1", "still pending", changed("d22", state="pending", finished_at=None)),
    "a delivery stays in flight": ("P1", "still in_flight", changed("d12", state="in_flight", finished_at=None)),
    "a delivery retries for ever": ("P1", "still retrying", changed("d12", state="retrying", finished_at=None)),
    "a bug was met": ("P1", "met a bug", changed("d12", state="waiting", reason="waiting_bug", finished_at=None)),
    "an old value stands at the end": ("P1", "the newest accepted is 'R1#2'", ticket("storm", subject="R1#1")),
    "there is no ticket": ("P1", "there is no ticket", desk("healthy", tickets=())),
    "left out as stale without a newer one": (
        "P1", "nothing newer came before", changed("d12", state="skipped", reason="stale")),
    "superseded by a stranger": (
        "P1", "not in its line", changed("d12", state="superseded", superseded_by="somebody")),
    "both sides differ": ("P1", "differ in subject and title", ticket("two_way", subject="R2#9")),
    "the serial never came": ("P1", "differ in street and serial", field_nation(fields={})),
    "two tickets for one work order": ("P2", f"2 tickets carry the mark FN-{POSTED}", twice),
    "two work orders for one ticket": (
        "P2", "2 work orders carry the mark two_way 1007",
        field_nation(work_orders={n: {"id": n, "title": "", "incident_id": "two_way 1007"} for n in (1, 2)}),
    ),
    "a repeat became an event": (
        "P2", "The repeats of key-1 became 2 events",
        lambda good: replace(good, promises=[*good.promises, promise(1, event_id="e2")]),
    ),
    "a work order is linked twice": (
        "P2", f"storm: work order {POSTED} is linked 2 times",
        lambda good: replace(good, links=[*good.links, LinkRow("storm", POSTED, "1009", "")]),
    ),
    "a link leads nowhere": ("P2", "a ticket that is not there", desk("storm", tickets=())),
    "a link joins strangers": ("P2", "carries a mark of the other", ticket("storm", correlation="FN-5")),
    "a ticket came back as a ticket": (
        "P2", "came from ticket 1001 and became ticket 1001",
        field_nation(work_orders={TWIN: {"id": TWIN, "title": "R2#0", "incident_id": "two_way 1001"}}),
    ),
    "writes go back": ("P3", "was written in the order", desk("storm", writes=written("R1#0", "R1#2", "R1#1"))),
    "an older delivery ends later": ("P3", "received earlier", changed("d10", finished_at=500.0)),
    "a note comes twice": ("P3", "got a note twice", desk("storm", notes=(NOTE, NOTE))),
    "an inbound value goes back": (
        "P3", "was written in the order [3, 2]",
        field_nation(writes=tuple(Write(4 - n, "PUT", SERIALS, (TWIN,), {"value": f"R2#{n}"}) for n in (3, 2))),
    ),
    "it does not come to rest": ("P4", "7 writes were made after", lambda good: replace(good, quiet_writes=7)),
    "an endless exchange": (
        "P4", "99 writes for 3 changes",
        desk("two_way", writes=tuple(Write(n, "PATCH", "", (1001,), {"street": "x"}) for n in range(98))),
    ),
    "the healthy one fails": ("P5", "is dead", changed("d22", state="dead", reason="validation")),
    "the healthy one is late": ("P5", "only after the others' faults", changed("d22", finished_at=ENDED + 1)),
    "a sound record dies": ("P5", "though its record is sound", changed("d12", state="dead")),
    "nobody explains an event": (
        "P6", "neither a delivery nor a log row for dead",
        lambda good: replace(good, logs=[row for row in good.logs if row.connector != "dead"]),
    ),
    "a state without a sentence": ("P6", "is succeeded without a sentence", changed("d12", sentence=" ")),
    "an attempt without a log": ("P6", "Attempt 1 of Delivery d12", without_log("d12")),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_history_breaks_its_promise(name: str) -> None:
    promised, sentence, spoil = SPOILED[name]
    found = violated(spoil(kept()))
    assert any(sentence in violation for violation in found.get(promised, [])), found


def test_what_waits_for_a_person_and_what_stands_behind_it_is_not_lost() -> None:
    waiting = changed("d11", state="waiting", reason="waiting_outcome_unknown", finished_at=None)(kept())
    assert violated(changed("d12", state="pending", attempts=0, finished_at=None)(waiting)) == {}


def test_a_stale_event_leaves_the_newer_value_in_place() -> None:
    good = kept()
    late = [replace(event, occurred_at=1.0) if event.id == "e2" else event for event in good.events]
    stale = replace(changed("d12", state="skipped", reason="stale")(good), events=late)
    stale = changed("d22", state="skipped", reason="stale")(stale)
    for name in ("storm", "healthy"):
        stale = desk(name, writes=written("R1#0", "R1#1"))(ticket(name, subject="R1#1")(stale))
    assert violated(stale) == {}


def test_a_clock_that_is_ahead_makes_no_event_newer_than_its_arrival() -> None:
    good = kept()
    ahead = [replace(event, occurred_at=999.0) if event.id == "e1" else event for event in good.events]
    found = violated(replace(changed("d12", state="skipped", reason="stale")(good), events=ahead))
    assert any("nothing newer came before" in sentence for sentence in found["P1"])


def test_a_repeated_write_of_the_same_value_is_no_step_back() -> None:
    again = desk("storm", writes=written("R1#0", "R1#1", "R1#1", "R1#2"))(kept())
    assert violated(again) == {}


def changed_in_field_nation(written: tuple[int, ...], received: tuple[int, ...]) -> Evidence:
    """The pair's work order went through serials; these were ``received`` and these ``written`` to the ticket, which
    ends with the last."""
    good = kept()
    events = [EventRow(f"f{n}", "work_order", TWIN, 20.0, 22.0 + place, "R2#0", f"R2#{n}", f"uuid-f{n}")
              for place, n in enumerate(received)]  # fmt: skip
    pair = next(row for row in good.deliveries if row.id == "d40")
    rows = [replace(pair, id=f"d{50 + place}", seq=50 + place, event_id=f"f{n}", finished_at=200.0 + place)
            for place, n in enumerate(received)]  # fmt: skip
    logs = [log(row) for row in rows]
    logs += [LogRow(event.id, "", name, 0, "Not ticked.") for event in events for name in ("storm", "healthy", "dead")]
    grown = replace(good, events=[*good.events, *events], deliveries=[*good.deliveries, *rows],
                    logs=[*good.logs, *logs])  # fmt: skip
    writes = tuple(Write(9 + place, "PATCH", "/api/tickets/1001", (1001,), {"requester": f"R2#{n}"})
                   for place, n in enumerate(written))  # fmt: skip
    pair_writes = (*grown.desks["two_way"].writes, *writes)
    return desk("two_way", writes=pair_writes)(ticket("two_way", requester=f"R2#{written[-1]}")(grown))


@pytest.mark.parametrize(
    ("written", "received"),
    [
        ((3, 5, 4), (3, 5, 4)),  # the last to reach the broker wins
        ((3, 5), (3, 5, 4)),  # the delivery of 4 read the work order again, and found 5
        ((4, 5), (3, 5, 4)),  # so did the one of 3, when it held 4
        ((3, 6), (3, 5, 4)),  # it held a value that was never sent
    ],
)
def test_what_was_read_again_may_run_ahead_of_the_line(written: tuple[int, ...], received: tuple[int, ...]) -> None:
    assert violated(changed_in_field_nation(written, received)) == {}


@pytest.mark.parametrize(
    ("written", "received", "promises"),
    [
        ((3, 5, 3), (3, 5), {"P1", "P3"}),
        ((5, 3, 5), (3, 5), {"P3"}),
        ((3, 6, 2, 5), (3, 5), {"P3"}),  # what was never received does not hide a step back either
        ((3,), (3, 5), {"P1"}),
    ],
)
def test_reading_again_excuses_no_step_back(
    written: tuple[int, ...], received: tuple[int, ...], promises: set[str]
) -> None:
    assert set(violated(changed_in_field_nation(written, received))) == promises


def test_an_interrupted_attempt_is_explained_by_the_next_one() -> None:
    good = changed("d12", attempts=2)(kept())
    row = next(row for row in good.deliveries if row.id == "d12")
    others = [entry for entry in good.logs if entry.delivery_id != "d12"]
    told = log(
        row, 2, "The worker stopped during attempt 1, so its outcome is not known; this attempt took it up again."
    )
    assert violated(replace(good, logs=[*others, told])) == {}
    assert "P6" in violated(replace(good, logs=[*others, log(row, 2)]))


def test_a_poisonous_record_may_die_at_the_storm_desk_only() -> None:
    poisonous = replace(changed("d12", state="dead")(kept()), kinds={POSTED: "poisonous"})
    assert violated(poisonous) == {}
    assert "P5" in violated(changed("d22", state="dead")(poisonous))


def test_an_empty_history_is_no_proof() -> None:
    findings = check(Evidence(desks={"storm": Desk()}, events=[EventRow("e", "work_order", 1, 0.0, 0.0)]))
    assert [finding.promise for finding in findings if finding.violations] == ["P6"]
