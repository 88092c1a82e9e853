"""P3: what was written to a record, in the order in which the simulators processed it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from .evidence import DeliveryRow, Desk, Evidence
from .lines import READS_AGAIN, SERIAL, by_lane, is_later

FIELD_PATH = re.compile(r"/workorders/(\d+)/custom_fields/702$")


def notes_and_order(evidence: Evidence) -> tuple[int, list[str]]:
    """How many sequences of writes were looked at, and where one goes back or a note comes twice."""
    checked, violations = 0, []
    texts = {event.id: event for event in evidence.events}
    received: dict[tuple[str, int], list[tuple[int, str]]] = defaultdict(list)
    notes: dict[tuple[str, int], list[str]] = defaultdict(list)
    for row in sorted(evidence.deliveries, key=lambda row: row.seq):
        if row.direction != "outbound" or not row.work_order or row.event_id not in texts:
            continue
        event = texts[row.event_id]
        if row.action == "create":
            notes[row.connector, row.work_order].append(event.text)
        else:
            value = event.field if row.connector == "two_way" else event.text
            received[row.connector, row.work_order].append((row.seq, value))
    for name, desk in evidence.desks.items():
        tickets = _tickets(evidence, name)
        written = _written(desk, "requester" if name == "two_way" else "subject")
        for ticket, work_order in tickets.items():
            checked += 1
            sequence = written.get(ticket, [])
            violations += _goes_back(
                f"{name}: ticket {ticket}", sequence, received[name, work_order], read_again=name == READS_AGAIN
            )
            violations += _notes(f"{name}: ticket {ticket}", _texts(desk, ticket), notes[name, work_order])
    lanes = by_lane(evidence.deliveries)
    checked += len(lanes)
    violations += [text for lane in lanes.values() for text in _finished_out_of_turn(lane)]
    inbound, backwards = _inbound(evidence)
    return checked + inbound, violations + backwards


def _finished_out_of_turn(lane: Sequence[DeliveryRow]) -> list[str]:
    """An outbound delivery ends no earlier than those received before it.

    What a newer one superseded has no turn of its own. An inbound one reads the record afresh, whenever that is: what
    it writes is looked at instead.
    """
    before: DeliveryRow | None = None
    for row in lane:
        if row.finished_at is None or row.state == "superseded" or row.direction != "outbound":
            continue
        if before is not None and row.finished_at < (before.finished_at or 0.0):
            return [f"{row.connector}: delivery {row.id} of {row.lane} ended before {before.id}, received earlier."]
        before = row
    return []


def _tickets(evidence: Evidence, name: str) -> dict[int, int]:
    """The work order of each linked ticket."""
    return {int(link.external_id): link.work_order for link in evidence.links
            if link.connector == name and link.external_id and link.work_order}  # fmt: skip


def _written(desk: Desk, name: str) -> dict[int, list[str]]:
    """The values written to field ``name`` by ticket; a created ticket's number is the last of the ids."""
    found: dict[int, list[str]] = defaultdict(list)
    for write in desk.writes:
        if name in write.body and write.ids and not write.path.endswith("/notes"):
            found[write.ids[-1]].append(str(write.body[name]))
    return found


def _goes_back(
    where: str, written: Sequence[str], received: Sequence[tuple[int, str]], *, read_again: bool
) -> list[str]:
    """Each written value must be that of a delivery that came no earlier than the one of the value before.

    With ``read_again`` it may also be a later one of the work order itself: a delivery that read the work order again
    wrote what it found, whatever is still on its way.
    """
    reached = 0
    for place, value in enumerate(written):
        before = written[place - 1] if place else ""
        if value == before:
            continue
        fitting = [seq for seq, text in received if text == value and seq >= reached]
        if fitting:
            reached = fitting[0]
        elif read_again:
            if is_later(value, than=before):
                continue
            return [_backwards(where, written, received)]
        elif any(text == value for _, text in received):
            return [_backwards(where, written, received)]
    return []


def _backwards(where: str, written: Sequence[str], received: Sequence[tuple[int, str]]) -> str:
    texts = " ".join(text for _, text in received)
    return f"{where} was written in the order {' '.join(written)}, received were {texts}."


def _texts(desk: Desk, ticket: int) -> list[str]:
    return [str(note["text"]) for note in desk.notes if note["ticket_id"] == ticket]


def _notes(where: str, texts: Sequence[str], received: Sequence[str]) -> list[str]:
    """Once each, and in the order received."""
    if len(texts) != len(set(texts)):
        return [f"{where} got a note twice: {', '.join(texts)}."]
    places = [received.index(text) for text in texts if text in received]
    return [] if places == sorted(places) else [f"{where} got its notes in another order: {', '.join(texts)}."]


def _inbound(evidence: Evidence) -> tuple[int, list[str]]:
    """People change a ticket's street in the order of its serials, so the work order must never see one go back."""
    found: dict[int, list[int]] = defaultdict(list)
    for write in evidence.field_nation.writes:
        path, value = FIELD_PATH.search(write.path), SERIAL.match(str(write.body.get("value", "")))
        if path and value:
            found[int(path[1])].append(int(value[2]))
    return len(found), [
        f"Work order {number} was written in the order {serials}."
        for number, serials in found.items()
        if serials != sorted(serials)
    ]
