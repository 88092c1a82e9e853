"""What a custom script costs, through the sandbox and its pipe. ``measure()`` gives medians in milliseconds."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from mappings.jsonnet import Sandbox

EXAMPLE = """\
local u = $.util;
local lines = u.lookup_field($.input, 'pay.expenses.results', []);
local ok = std.filter(u.is_expense_approved_fn, lines);
{
  ticket: u.lookup_custom_field('611', $.input, 'none'),
  stage: u.array_map([{ cmp: 'work_done', val: 'Review' }, { cmp: 'cancelled', val: 'Dropped' }],
                     u.lookup_field($.input, 'status.name', ''), 'Open'),
  effort: u.range_map([{ cmp: 2, val: 'short' }, { cmp: 6, val: 'half day' }],
                      u.lookup_field($.input, 'time_logs.hours', 0), 'long'),
  visit_day: u.date_convert(u.lookup_field($.input, 'schedule.service_window.start.utc', ''),
                            u.date_time_format_fn_utc(), 'dddd, D MMMM YYYY', timezone_out='America/Chicago'),
  spent: u.sum_expense_field(ok, 'amount'),
  kinds: u.results_values_unique(ok, 'category.label', 'other'),
  rows: u.object_map_array(ok, { description: 'text', 'category.label': 'kind', amount: 'usd' }),
}
"""


def work_order() -> dict[str, Any]:
    """A work order of about 4 KB, in the API's shape."""
    field = {"type": "text", "role": "buyer", "flags": [], "options": []}
    return {
        "id": 20418,
        "title": "Replace the router in the back office",
        "description": {"html": "<p>Swap the unit, label both cables and upload a photo of the rack.</p>" * 4},
        "status": {"id": 5, "name": "work_done"},
        "time_logs": {"hours": 3.5, "results": [{"id": n, "hours": 1.75} for n in range(2)]},
        "schedule": {
            "service_window": {
                "mode": "exact",
                "start": {"utc": "2026-03-04 05:06:07", "local": {"date": "2026-03-03", "time": "23:06:07"}},
            }
        },
        "location": {"address1": "1 Example Street", "city": "Austin", "state": "TX", "zip": "78701", "country": "US"},
        "contacts": {
            "results": [
                {"name": "Ada Example", "email": f"ada{n}@example.test", "notes": "Ring twice."} for n in range(9)
            ]
        },
        "pay": {
            "type": "fixed",
            "base": {"amount": 120.5, "units": 1},
            "expenses": {
                "results": [
                    {
                        "id": n,
                        "description": f"Parking, day {n}",
                        "amount": "12.50",
                        "status": "denied" if n == 1 else "approved",
                        "category": {"id": 7, "label": "Parking" if n % 2 else "Travel"},
                    }
                    for n in range(4)
                ]
            },
        },
        "custom_fields": {
            "results": [
                {
                    "id": group,
                    "name": f"Group {group}",
                    "results": [
                        {"id": 600 + n, "name": f"Field {n}", **field, "value": f"INC-{n}"}
                        for n in range(group * 8 - 8, group * 8)
                    ],
                }
                for group in (1, 2)
            ]
        },
    }


def measure(*, runs: int = 300) -> dict[str, float]:
    order = work_order()
    scripts = {
        "one member": "$.input.title",
        "one look-up": "$.util.lookup_field($.input, 'status.name', '')",
        "long example": EXAMPLE,
    }
    sandbox = Sandbox()
    try:
        figures = {"first script, starting a child": _once(lambda: sandbox.run("1", {}, name="benchmark"))}
        for label, script in scripts.items():
            for _ in range(10):
                sandbox.run(script, order, name="benchmark")
            times = [_once(lambda s=script: sandbox.run(s, order, name="benchmark")) for _ in range(runs)]  # type: ignore[misc]
            figures[label] = round(statistics.median(times), 3)
        return {"input bytes": float(len(json.dumps(order))), **figures}
    finally:
        sandbox.close()


def _once(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return round((time.perf_counter() - started) * 1000, 3)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
