"""What the benchmark sends, and how it is mapped."""

from __future__ import annotations

import itertools
import json
from typing import Any

RECORDS = 2000
MAPPINGS: list[dict[str, Any]] = [
    {"action": "sync", "source": "title", "target": "subject", "default": "(no title)"},
    {"action": "sync", "source": "id", "target": "work_order"},
    {"action": "sync", "source": "assignee.user.first_name", "target": "technician.first"},
    {"action": "sync", "source": "assignee.user.last_name", "target": "technician.last"},
    {"action": "sync", "source": "pay.amount", "target": "amount"},
    {"action": "set_static", "target": "origin", "value": "Field work"},
    {"action": "array_map", "source": "status.name", "target": "stage", "default": "Open",
     "mappings": [{"compare": "assigned", "value": "Scheduled"}, {"compare": "work_done", "value": "Ready"}]},
    {"action": "range_map", "source": "pay.amount", "target": "tier", "default": "Large",
     "ranges": [{"compare": 150, "value": "Small"}, {"compare": 600, "value": "Medium"}]},
    {"action": "date_convert", "source": "schedule.service_window.start.utc", "target": "visit",
     "input_format": "YYYY-MM-DD HH:mm:ss", "output_format": "DD MMM YYYY, h:mm A", "timezone_in": "UTC",
     "timezone_out": "America/Denver"},
    {"action": "concat", "target": "reference",
     "parts": [{"type": "static", "value": "WO-"}, {"type": "field", "value": "id"}]},
]  # fmt: skip


class Workload:
    """Events with a serial, over RECORDS work orders in turn. The serial is in the title, which is mapped: an update
    that changes nothing would not be sent."""

    def __init__(self, first: int = 1) -> None:
        from broker_project.demo import sample_event  # not above: it needs Django set up

        self._serials = itertools.count(first)
        self._sample = sample_event

    def _event(self) -> tuple[int, dict[str, Any]]:
        serial = next(self._serials)
        event = self._sample()
        event["event_id"] = f"bench-{serial}"
        event["workorder"] |= {"id": serial % RECORDS + 1, "title": f"Swap failed edge switch, serial {serial}"}
        return serial, event

    def single(self) -> tuple[int, bytes]:
        """The serial and the body of one event."""
        serial, event = self._event()
        return serial, json.dumps(event).encode()

    def list_of(self, count: int) -> bytes:
        """The body of a list of ``count`` events."""
        return json.dumps([self._event()[1] for _ in range(count)]).encode()
