"""A small history in which every promise is kept, for tests that spoil one thing of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from broker_project.prove.evidence import (
    DeliveryRow,
    Desk,
    EventRow,
    Evidence,
    FieldNation,
    LinkRow,
    LogRow,
    Write,
)  # fmt: skip
from broker_project.prove.ledger import Promise

POSTED, TWIN = 700_001, 4_410_027
ENDED = 1_000.0


def delivery(seq: int, connector: str, event: str, **changes: Any) -> DeliveryRow:
    found = DeliveryRow(
        id=f"d{seq}", seq=seq, event_id=event, connector=connector, direction="outbound", action="update",
        lane=f"wo:{POSTED}", state="succeeded", reason="updated", sentence="Record 1001 was updated.", attempts=1,
        work_order=POSTED, external_id="1001", finished_at=100.0 + seq,
    )  # fmt: skip
    return replace(found, **changes)


def log(row: DeliveryRow, attempt: int = 1, sentence: str = "Done.") -> LogRow:
    return LogRow(row.event_id, row.id, row.connector, attempt, sentence)


def promise(serial: int, **changes: Any) -> Promise:
    found = Promise(
        record=1, work_order=POSTED, serial=serial, text=f"R1#{serial}", event_id=f"e{serial}", key=f"key-{serial}",
        door="post", event="FN_WO_DONE", occurred_at=10.0 + serial, duplicate=False,
    )  # fmt: skip
    return replace(found, **changes)


def kept() -> Evidence:
    """Three events of a posted work order at two desks, one note, and a pair that both sides have changed."""
    deliveries, twin_events = [], []
    for serial in (0, 1, 2):
        deliveries += [delivery(10 + serial, "storm", f"e{serial}"), delivery(20 + serial, "healthy", f"e{serial}")]
    deliveries.append(delivery(30, "storm", "n0", action="create"))
    twin_events.append(EventRow("t0", "work_order", TWIN, 20.0, 20.5, "R2#0", "R2#1", "uuid-1"))
    twin = {"lane": f"wo:{TWIN}", "work_order": TWIN, "external_id": "1001"}
    deliveries.append(delivery(40, "two_way", "t0", **twin))
    inbound = delivery(41, "two_way", "x0", direction="inbound", action="sync", **twin)
    deliveries.append(inbound)
    events = [EventRow(f"e{n}", "work_order", POSTED, 10.0 + n, 10.1 + n, f"R1#{n}") for n in (0, 1, 2)]
    events += [EventRow("n0", "work_order", POSTED, 15.0, 15.1, "Note R1#3"), *twin_events]
    events.append(EventRow("x0", "trigger", None, 0.0, 21.0))
    elsewhere = [
        LogRow(event.id, "", name, 0, "Nothing was sent: not ticked.")
        for event in events if event.kind == "work_order" for name in ("storm", "healthy", "dead", "two_way")
    ]  # fmt: skip
    writes = tuple(
        Write(n + 1, "PATCH" if n else "POST", "/api/tickets", (1001,), {"subject": f"R1#{n}"}) for n in (0, 1, 2)
    )
    ticket = {"id": 1001, "correlation": f"FN-{POSTED}", "subject": "R1#2", "requester": "", "street": ""}
    pair = {"id": 1001, "correlation": f"FN-{TWIN}", "subject": "R2#0", "requester": "R2#1", "street": "R2#2"}
    return Evidence(
        promises=[promise(0), promise(1), promise(1, duplicate=True), promise(2)],
        changes={2: 3},
        twins={2: TWIN},
        kinds={POSTED: "posted"},
        events=events,
        deliveries=deliveries,
        logs=[*elsewhere, *(log(row) for row in deliveries)],
        links=[LinkRow(name, POSTED, "1001", f"FN-{POSTED}") for name in ("storm", "healthy")]
        + [LinkRow("two_way", TWIN, "1001", f"FN-{TWIN}")],
        desks={
            "storm": Desk((ticket,), ({"ticket_id": 1001, "text": "Note R1#3"},), writes),
            "healthy": Desk((ticket,), (), writes),
            "two_way": Desk((pair,), (), (Write(1, "POST", "/api/tickets", (1001,), {"requester": "R2#1"}),)),
            "dead": Desk(),
        },
        field_nation=FieldNation(
            work_orders={TWIN: {"id": TWIN, "title": "R2#0", "incident_id": ""}},
            fields={(TWIN, 702): "R2#2"},
            writes=(Write(1, "PUT", f"/api/rest/v2/workorders/{TWIN}/custom_fields/702", (TWIN, 702),
                          {"value": "R2#2"}),),
            webhooks_taken=frozenset({"uuid-1"}),
        ),
        faults_ended_at=ENDED,
    )  # fmt: skip
