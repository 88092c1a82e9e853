"""The checker: what the evidence says about each promise. Pure; it knows nothing of the broker's code."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .check_order import notes_and_order
from .check_values import final_values
from .evidence import DeliveryRow, Desk, Evidence, LogRow
from .lines import FINAL, by_lane, waits_visibly

INTERRUPTED = "stopped during attempt"
"""How the log of the next attempt says that a worker died during the one before."""
BUG = "waiting_bug"
_NO_DESK = Desk()


@dataclass
class Finding:
    """What was checked for one promise, and what was found against it."""

    promise: str
    title: str
    checked: int = 0
    violations: list[str] = field(default_factory=list)

    def add(self, checked: int, violations: Iterable[str]) -> None:
        self.checked += checked
        self.violations.extend(violations)


def check(evidence: Evidence) -> list[Finding]:
    """The findings for P1 to P6."""
    return [
        _nothing_is_lost(evidence),
        _one_record_each(evidence),
        _order_per_record(evidence),
        _no_echo(evidence),
        _neighbours(evidence),
        _explained(evidence),
    ]


# --- P1 -----------------------------------------------------------------------------------------------------------


def _nothing_is_lost(evidence: Evidence) -> Finding:
    finding = Finding("P1", "Nothing accepted is lost")
    known = {event.id for event in evidence.events}
    finding.add(
        len(evidence.promises),
        (f"{p.text or p.door}: event {p.event_id} was answered 2xx and does not exist."
         for p in evidence.promises if p.event_id not in known),
    )  # fmt: skip
    brought = {event.delivery for event in evidence.events}
    taken = evidence.field_nation.webhooks_taken
    finding.add(len(taken), (f"Webhook {uuid} was answered 2xx and is no event." for uuid in sorted(taken - brought)))
    finding.add(0, (f"Refused: {sentence}" for sentence in evidence.refused))
    finding.add(len(evidence.deliveries), _unsettled(evidence))
    finding.add(*final_values(evidence))
    return finding


def _unsettled(evidence: Evidence) -> Iterable[str]:
    for lane in by_lane(evidence.deliveries).values():
        for delivery in lane:
            if delivery.reason == BUG:
                yield f"{_name(delivery)} met a bug: {delivery.sentence}"
            elif delivery.state not in FINAL and not waits_visibly(delivery, lane):
                yield f"{_name(delivery)} is still {delivery.state} after the end ({delivery.sentence})."


# --- P2 -----------------------------------------------------------------------------------------------------------


def _one_record_each(evidence: Evidence) -> Finding:
    finding = Finding("P2", "One work order, one external record")
    for name, desk in evidence.desks.items():
        marks = Counter(str(ticket["correlation"]) for ticket in desk.tickets if ticket["correlation"])
        finding.add(len(marks), (f"{name}: {n} tickets carry the mark {mark}." for mark, n in marks.items() if n > 1))
    orders = evidence.field_nation.work_orders
    incidents = Counter(str(order["incident_id"]) for order in orders.values() if order["incident_id"])
    finding.add(len(incidents), (f"{n} work orders carry the mark {m}." for m, n in incidents.items() if n > 1))
    finding.add(*_repeats(evidence))
    finding.add(*_links(evidence))
    return finding


def _repeats(evidence: Evidence) -> tuple[int, list[str]]:
    """Requests with the same key are one event."""
    found: dict[str, set[str]] = defaultdict(set)
    for promise in evidence.promises:
        if promise.key:
            found[promise.key].add(promise.event_id)
    return len(found), [f"The repeats of {key} became {len(ids)} events." for key, ids in found.items() if len(ids) > 1]


def _links(evidence: Evidence) -> tuple[int, list[str]]:
    """Links are unique both ways, and the records themselves say the same."""
    violations = []
    links = [link for link in evidence.links if link.work_order and link.external_id]
    for what, seen in (
        ("work order", Counter((link.connector, str(link.work_order)) for link in links)),
        ("record", Counter((link.connector, link.external_id) for link in links)),
    ):
        violations += [f"{name}: {what} {id} is linked {n} times." for (name, id), n in seen.items() if n > 1]
    for link in links:
        desk = evidence.desks[link.connector]
        marks = {str(ticket["id"]): str(ticket["correlation"]) for ticket in desk.tickets}
        order = evidence.field_nation.work_orders.get(link.work_order or 0, {})
        if link.external_id not in marks:
            violations.append(
                f"{link.connector}: work order {link.work_order} is linked to a ticket that is not there."
            )
        elif marks[link.external_id] != f"FN-{link.work_order}" and (
            order.get("incident_id") != f"{link.connector} {link.external_id}"
        ):
            violations.append(
                f"{link.connector}: neither ticket {link.external_id} nor work order {link.work_order} carries a mark "
                "of the other."
            )
    born = {str(order["incident_id"]): number for number, order in evidence.field_nation.work_orders.items()}
    for ticket in evidence.desks.get("two_way", _NO_DESK).tickets:
        twin = born.get(f"two_way {ticket['id']}")
        doubled = [t["id"] for t in evidence.desks["two_way"].tickets if twin and t["correlation"] == f"FN-{twin}"]
        violations += [f"Work order {twin} came from ticket {ticket['id']} and became ticket {id}." for id in doubled]
    return len(links), violations


# --- P3, P4, P5 ---------------------------------------------------------------------------------------------------


def _order_per_record(evidence: Evidence) -> Finding:
    finding = Finding("P3", "Order per record")
    finding.add(*notes_and_order(evidence))
    return finding


def _no_echo(evidence: Evidence) -> Finding:
    """Both sides tell the broker everything, also what it wrote itself; it must come to rest."""
    finding = Finding("P4", "No echo")
    finding.add(
        1, [f"{evidence.quiet_writes} writes were made after everything had ended."] if evidence.quiet_writes else []
    )
    retries: Counter[int] = Counter()
    for delivery in evidence.deliveries:
        if delivery.connector == "two_way" and delivery.work_order:
            retries[delivery.work_order] += max(0, delivery.attempts - 1)
    tickets = {int(link.external_id): link.work_order for link in evidence.links
               if link.connector == "two_way" and link.external_id and link.work_order}  # fmt: skip
    desk = evidence.desks.get("two_way", _NO_DESK)
    writes = Counter(tickets[id] for write in desk.writes for id in write.ids[:1] if id in tickets)
    writes += Counter(id for write in evidence.field_nation.writes for id in write.ids[:1])
    changes = _changes_by_work_order(evidence, tickets)
    for number, count in writes.items():
        if number not in changes:
            continue
        bound = 4 * (changes[number] + 2) + 4 * retries[number]
        finding.add(
            1,
            [f"Work order {number}: {count} writes for {changes[number]} changes and {retries[number]} retries."]
            if count > bound
            else [],
        )
    return finding


def _changes_by_work_order(evidence: Evidence, tickets: Mapping[int, int]) -> dict[int, int]:
    """Changes that people made, by work order: both sides of a pair together."""
    found: dict[int, int] = {evidence.twins[record]: n for record, n in evidence.changes.items()
                                    if record in evidence.twins}  # fmt: skip
    for record, ticket in evidence.born.items():
        if ticket in tickets:
            found[tickets[ticket]] = evidence.changes.get(record, 0)
    return found


def _neighbours(evidence: Evidence) -> Finding:
    """The dead, the poisonous and the hostile delay only themselves."""
    finding = Finding("P5", "One bad neighbour harms nobody")
    healthy = [delivery for delivery in evidence.deliveries if delivery.connector == "healthy"]
    for delivery in healthy:
        if delivery.state not in ("succeeded", "skipped", "superseded"):
            finding.add(0, [f"{_name(delivery)} is {delivery.state}: {delivery.sentence}"])
        elif delivery.finished_at is None or delivery.finished_at > evidence.faults_ended_at:
            finding.add(0, [f"{_name(delivery)} was done only after the others' faults had ended."])
    finding.checked += len(healthy)
    for delivery in evidence.deliveries:
        if delivery.state == "dead":
            kind = evidence.kinds.get(delivery.work_order or 0, "")
            if delivery.connector != "storm" or kind not in ("poisonous", "hostile"):
                finding.add(1, [f"{_name(delivery)} died though its record is sound: {delivery.sentence}"])
    return finding


# --- P6 -----------------------------------------------------------------------------------------------------------


def _explained(evidence: Evidence) -> Finding:
    finding = Finding("P6", "Every outcome is explained")
    said = {(log.event_id, log.connector) for log in evidence.logs}
    said |= {(delivery.event_id, delivery.connector) for delivery in evidence.deliveries}
    for event in evidence.events:
        names = evidence.connectors if event.kind == "work_order" else ("two_way",)
        finding.add(
            len(names),
            (f"Event {event.id} has neither a delivery nor a log row for {name}."
             for name in names if (event.id, name) not in said),
        )  # fmt: skip
    logs: dict[str, list[LogRow]] = defaultdict(list)
    for log in evidence.logs:
        logs[log.delivery_id].append(log)
    for delivery in evidence.deliveries:
        finding.add(1, _unexplained(delivery, logs[delivery.id]))
    return finding


def _unexplained(delivery: DeliveryRow, logs: Sequence[LogRow]) -> Iterable[str]:
    if delivery.state not in ("pending", "in_flight") and not delivery.sentence.strip():
        yield f"{_name(delivery)} is {delivery.state} without a sentence."
    rows: dict[int, str] = defaultdict(str)
    for log in logs:  # an attempt that was given back is counted again, and has two rows
        rows[log.attempt] += f"{log.sentence}\n"
    for attempt in range(1, delivery.attempts + 1):
        if attempt in rows:
            continue
        later = [rows[number] for number in range(attempt + 1, delivery.attempts + 1) if number in rows]
        if not later or INTERRUPTED not in later[0]:
            yield f"Attempt {attempt} of {_name(delivery)} has no log row, and none says that it was interrupted."


def _name(delivery: DeliveryRow) -> str:
    return f"Delivery {delivery.id} ({delivery.connector}, {delivery.lane})"
