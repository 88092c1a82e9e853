"""What the mapping engine costs for one event: ten native mappings on a compiled plan, and building their input."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable
from typing import Any

from mappings.engine import Plan, compile_plan, parse_rows
from mappings.filters import Filter
from mappings.inputs import outbound_input

ROWS: list[dict[str, Any]] = [
    {"action": "sync", "source": "title", "target": "subject", "default": "(no title)"},
    {"action": "sync", "source": "id", "target": "work_order_id"},
    {"action": "sync", "source": "location.city", "target": "city"},
    {"action": "sync", "source": "assignee.user.name", "target": "technician", "default": "unassigned"},
    {"action": "set_static", "target": "origin", "value": "Field work"},
    {
        "action": "array_map",
        "source": "status.name",
        "target": "status",
        "default": "Open",
        "mappings": [
            {"compare": "assigned", "value": "Scheduled"},
            {"compare": "work_done", "value": "Resolved"},
            {"compare": "approved", "value": "Closed"},
        ],
    },
    {
        "action": "range_map",
        "source": "pay.amount",
        "target": "tier",
        "default": "Large",
        "ranges": [{"compare": 150, "value": "Small"}, {"compare": 600, "value": "Medium"}],
    },
    {
        "action": "date_convert",
        "source": "schedule.service_window.start.utc",
        "target": "visit",
        "input_format": "YYYY-MM-DD HH:mm:ss",
        "output_format": "DD MMM YYYY, h:mm A",
        "timezone_out": "America/Denver",
    },
    {
        "action": "concat",
        "target": "reference",
        "parts": [{"type": "static", "value": "WO-"}, {"type": "field", "value": "id"}],
    },
    {"action": "sync", "source": "contacts[0].email", "target": "site.contact.email", "default": ""},
]

PAYLOAD: dict[str, Any] = {
    "event_type": "FN_WO_WORK_DONE",
    "event_timestamp": "2026-07-02T18:05:41Z",
    "correlation_id": "a1f0c77e",
    "workorder": {
        "id": 4410027,
        "title": "Swap failed edge switch",
        "description": {
            "html": "<p>Replace the unit, send a photo.</p>",
            "markdown": "Replace the unit, send a photo.",
        },
        "status": {"id": 4, "name": "work_done", "display_name": "Work Done"},
        "assignee": {"user": {"id": 70311, "first_name": "Rui", "last_name": "Okafor", "phone": "6125550101"}},
        "client": {"id": 12, "name": "Larch Clinics"},
        "location": {"address1": "88 Mill Road", "city": "Duluth", "state": "MN", "zip": "55802", "country": "US"},
        "schedule": {
            "service_window": {"start": {"utc": "2026-07-02 14:00:00"}, "end": {"utc": "2026-07-02 18:00:00"}}
        },
        "pay": {
            "type": "hourly",
            "base": {"amount": 65.0, "units": 3},
            "expenses": {
                "sum": 31.5,
                "results": [
                    {"id": 1, "status": "approved", "amount": 19.5, "category": {"id": 3, "label": "Parking"}},
                    {"id": 2, "status": "denied", "amount": 12, "category": {"id": 4, "label": "Parts"}},
                ],
            },
        },
        "contacts": {"results": [{"id": 9, "name": "Front desk", "email": "desk@example.test"}]},
        "closing_notes": "Unit replaced.",
    },
}

FILTER = {
    "match": "all",
    "conditions": [
        {"field": "status.name", "op": "in", "value": ["assigned", "work_done"]},
        {"field": "pay.amount", "op": "greater", "value": 50},
    ],
}


def plan() -> Plan:
    """The ten mappings, compiled."""
    return compile_plan(parse_rows(ROWS))


def measure(*, rounds: int = 9, calls: int = 2000) -> dict[str, float]:
    """Medians over ``rounds``, in microseconds a call."""
    compiled, conditions, ready = plan(), Filter.parse(FILTER), outbound_input(PAYLOAD)
    alone = {row["action"]: compile_plan(parse_rows([row])) for row in ROWS}
    figures = {
        "ten_mappings_us": _median(lambda: compiled.run(ready), rounds, calls),
        "build_input_us": _median(lambda: outbound_input(PAYLOAD), rounds, calls),
        "filter_of_two_us": _median(lambda: conditions.check(ready), rounds, calls),
        "compile_ten_us": _median(plan, rounds, max(calls // 20, 1)),
    }
    for action, one in alone.items():
        figures[f"one_{action}_us"] = _median(lambda one=one: one.run(ready), rounds, calls)  # type: ignore[misc]
    return figures


def _median(work: Callable[[], object], rounds: int, calls: int) -> float:
    return round(statistics.median(timeit.repeat(work, number=calls, repeat=rounds)) / calls * 1e6, 2)


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name:22} {figure:8.2f}")
