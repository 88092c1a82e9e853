"""The plans that are checked in: nothing that a page asks reads a growing table from end to end."""

from __future__ import annotations

import re
from pathlib import Path

PLANS = Path(__file__).parents[2] / "docs" / "query-plans.md"
ROWS = re.compile(r"Seq Scan on (?:synclog_synclog|synclog_apicall|events_event|events_delivery)\b")
PAGES = ("Log list", "Log list, connector", "Log list, search of an id", "Delivery page", "Dashboard, 7 d")


def test_no_page_reads_logs_calls_events_or_deliveries_from_end_to_end() -> None:
    text = PLANS.read_text()
    rows, deliveries = (
        int(number.replace(",", "")) for number in re.findall(r"([\d,]{7,}) (?:log rows|deliveries)", text)
    )
    assert rows >= 10_000_000 and deliveries >= 1_000_000
    assert ROWS.findall(text) == []
    assert text.count("Execution Time") >= 20


def test_every_kind_of_page_answered_within_300_ms() -> None:
    found = dict(re.findall(r"^## (.+): p95 ([\d,]+) ms$", PLANS.read_text(), re.MULTILINE))
    assert set(PAGES) <= set(found)
    assert max(int(ms.replace(",", "")) for ms in found.values()) < 300
