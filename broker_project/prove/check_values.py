"""P1, the last part: what stands at the target in the end is the newest that was accepted.

Or a later value still, which the work order had when the broker read it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .evidence import DeliveryRow, EventRow, Evidence
from .lines import FINAL, READS_AGAIN, by_lane, is_later

SERIAL_FIELD = 702
"""The work order's custom field that the street of the ticket is brought to."""
STALE = "stale"


def final_values(evidence: Evidence) -> tuple[int, list[str]]:
    """How many records were compared, and what differs."""
    events = {event.id: event for event in evidence.events}
    checked, violations = 0, []
    for (connector, lane), rows in by_lane(evidence.deliveries).items():
        if not lane.startswith("wo:"):
            continue
        updates = [row for row in rows if row.action == "update"]
        if not updates or not _settled(rows):
            continue
        checked += 1
        violations += _compared(evidence, events, connector, updates)
    pairs, differing = _pairs(evidence)
    return checked + pairs, violations + differing


def _settled(rows: Sequence[DeliveryRow]) -> bool:
    """No update of the record waits, is open or was given up."""
    return all(row.state in FINAL and (row.state != "dead" or row.action != "update") for row in rows)


def _compared(
    evidence: Evidence, events: Mapping[str, EventRow], connector: str, updates: Sequence[DeliveryRow]
) -> list[str]:
    last, violations = _newest(updates, events)
    if last is None:
        return violations
    ticket = _ticket(evidence, connector, last)
    if ticket is None:
        return [*violations, f"{connector}: {last.lane} ended {last.state}, but there is no ticket for it."]
    event = events[last.event_id]
    name, wanted = ("requester", event.field) if connector == READS_AGAIN else ("subject", event.text)
    found = str(ticket[name])
    if found != wanted and not (connector == READS_AGAIN and is_later(found, than=wanted)):
        violations.append(
            f"{connector}: ticket {ticket['id']} of {last.lane} ends with {name} {found!r}; the newest accepted "
            f"is {wanted!r}."
        )
    return violations


def _newest(updates: Sequence[DeliveryRow], events: Mapping[str, EventRow]) -> tuple[DeliveryRow | None, list[str]]:
    """The delivery whose values must stand in the end: the last one that was not out of date when it came."""
    violations = []
    ids = {row.id for row in updates}
    for place in range(len(updates) - 1, -1, -1):
        row = updates[place]
        if row.state == "superseded":
            if row.superseded_by not in ids:
                violations.append(f"Delivery {row.id} is superseded by one that is not in its line.")
            continue
        if not (row.state == "skipped" and row.reason == STALE):
            return row, violations
        own = _time(events[row.event_id])
        if not any(_time(events[earlier.event_id]) > own for earlier in updates[:place]):
            violations.append(
                f"Delivery {row.id} ({row.lane}) was left out as stale, but nothing newer came before it."
            )
            return row, violations
    return None, violations


def _time(event: EventRow) -> float:
    """The event's own time; a sender's clock that is ahead cannot make it later than its arrival."""
    return min(event.occurred_at, event.received_at)


def _ticket(evidence: Evidence, connector: str, row: DeliveryRow) -> Mapping[str, Any] | None:
    linked = {link.external_id for link in evidence.links
              if link.connector == connector and link.work_order == row.work_order}  # fmt: skip
    tickets = evidence.desks[connector].tickets
    return next((ticket for ticket in tickets if str(ticket["id"]) in linked), None)


def _pairs(evidence: Evidence) -> tuple[int, list[str]]:
    """Both sides of a pair say the same, where the broker has heard of every change."""
    troubled = {row.lane for row in evidence.deliveries
                if row.connector == "two_way" and row.state not in ("succeeded", "skipped", "superseded")}  # fmt: skip
    desk = evidence.desks.get("two_way")
    if desk is None:
        return 0, []
    tickets = {str(ticket["id"]): ticket for ticket in desk.tickets}
    heard = {row.external_id for row in evidence.deliveries if row.direction == "inbound"}
    checked, violations = 0, []
    for link in evidence.links:
        ticket, order = tickets.get(link.external_id), evidence.field_nation.work_orders.get(link.work_order or 0)
        lanes = {f"ext:{link.external_id}", f"wo:{link.work_order}"}
        if link.connector != "two_way" or ticket is None or order is None or lanes & troubled:
            continue
        if ticket["id"] in desk.unheard or link.external_id not in heard:
            continue
        checked += 1
        street = evidence.field_nation.fields.get((order["id"], SERIAL_FIELD), "")
        for what, one, other in (("subject and title", ticket["subject"], order["title"]),
                                 ("street and serial", ticket["street"], street)):  # fmt: skip
            if one != other:
                violations.append(
                    f"Ticket {ticket['id']} and work order {order['id']} differ in {what}: {one!r}, {other!r}."
                )
    return checked, violations
