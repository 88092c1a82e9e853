"""``python -m tests.benchmarks.many_rows --logs N --deliveries M``: how quick pages and ingestion are with many rows.

A whole broker runs in a temporary folder. Ingestion is measured with empty tables, the rows are loaded, each page is
asked for over HTTP in turn, and ingestion is measured again. ``--json`` gives one object.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import requests

from tests.benchmarks.installation import Installation
from tests.benchmarks.measure import PER_LIST, lists, spending, warm_up
from tests.benchmarks.workload import Workload

WORD = "only-for-this-run"
ASKED = 20
"""Times each page is asked for, with other values where it has some."""


class Pages:
    """A browser of the admin, signed in."""

    def __init__(self, address: str) -> None:
        from django.contrib.auth.models import User

        User.objects.create_superuser("bench", "", WORD)
        self._address = address
        self._session = requests.Session()
        self._session.trust_env = False
        form = self._session.get(f"{address}/admin/login/", timeout=60).text
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        data = {"username": "bench", "password": WORD, "csrfmiddlewaretoken": token, "next": "/admin/"}
        self._session.post(f"{address}/admin/login/", data=data, timeout=60).raise_for_status()

    def ms(self, path: str) -> float:
        """Milliseconds until the whole page is there. Raises RuntimeError when it is another page."""
        began = time.perf_counter()
        answer = self._session.get(f"{self._address}{path}", timeout=60, allow_redirects=False)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}.")
        return (time.perf_counter() - began) * 1000


def page_addresses(connectors: list[int], deliveries: list[UUID]) -> dict[str, list[str]]:
    """By name of a measurement the addresses asked for, one after the other."""
    from django.urls import reverse

    logs, index = reverse("admin:synclog_synclog_changelist"), reverse("admin:index")
    each = range(ASKED)

    def filtered(name: str, values: list[object]) -> list[str]:
        return [f"{logs}?{name}={values[number % len(values)]}" for number in each]

    orders = [1 + number * 3571 for number in each]
    return {
        "log list": [logs] * ASKED,
        "log list, connector": filtered("connector", [*connectors]),
        "log list, direction": filtered("direction", ["inbound", "outbound"]),
        "log list, outcome": filtered("outcome", ["succeeded", "skipped", "retrying", "dead", "waiting", "refused"]),
        "log list, error class": filtered("code", ["validation", "unavailable", "waiting_auth", "no_such_class"]),
        "log list, event": filtered("event_type", ["FN_WO_DONE", "FN_WO_ASSIGNED", "FN_WO_CANCELLED"]),
        "log list, work order": filtered("work_order", [*orders]),
        "log list, external id": filtered("external", [f"EXT-{order}" for order in orders]),
        "log list, correlation id": filtered("correlation", [f"FN-{order}" for order in orders]),
        "log list, time": filtered("until", [f"2026-01-{1 + day:02}T00:00:00Z" for day in range(28)]),
        "log list, connector and outcome": filtered(
            "outcome=dead&connector", [*connectors]
        ),
        "log list, search of an id": filtered("q", [*orders[:10], *deliveries[:10]]),
        "delivery page": [reverse("admin:events_delivery_change", args=[id]) for id in deliveries],
        "dashboard, 1 h": [index] * ASKED,
        "dashboard, 24 h": [f"{index}?range=24h"] * ASKED,
        "dashboard, 7 d": [f"{index}?range=7d"] * ASKED,
        "dashboard, 7 d, one connector": [f"{index}?range=7d&connector={id}" for id in connectors],
    }  # fmt: skip


def measure_pages(address: str, connectors: list[int]) -> Iterator[tuple[str, float, float]]:
    """The name of each page with the median and the 95th percentile of its milliseconds."""
    from events.models import Delivery

    from . import many_rows_load

    ids = list(
        Delivery.objects.filter(connector_id__in=connectors)
        .order_by("-seq")
        .values_list("pk", flat=True)[: 3 * ASKED : 3]
    )
    pages = Pages(address)
    for name, addresses in page_addresses(connectors, ids).items():
        pages.ms(addresses[0])
        times = [pages.ms(path) for path in addresses]
        many_rows_load.say(f"{name}: {max(times):.0f} ms at most")
        yield name, median(times), quantiles(times, n=20, method="inclusive")[-1]


def ingestion(broker: Installation, load: Workload, count: int) -> dict[str, float]:
    """Events that go through, from the post of a list to the call; CPU seconds for 1,000 of them."""
    before = broker.delivered()
    bodies = lists(load, count // PER_LIST)
    with spending(broker, events=count) as spent:
        broker.post(bodies, connections=4)
        broker.wait_for(before + count)
    return {"per_s": count / spent.seconds, "cpu_s_per_1000": sum(spent.broker.values())}


def measure(broker: Installation, *, logs: int, deliveries: int, events: int) -> dict[str, Any]:
    """All figures. ``events`` are sent before and after the rows are loaded."""
    from . import many_rows_load

    load = Workload()
    warm_up(broker, load)
    empty = ingestion(broker, load, events)
    began = time.monotonic()
    connectors = many_rows_load.fill(logs=logs, deliveries=deliveries)
    filled = time.monotonic() - began
    pages = list(measure_pages(f"http://127.0.0.1:{broker._port}", connectors))
    full = ingestion(broker, load, events)
    return {
        "logs": logs,
        "deliveries": deliveries,
        "load_seconds": round(filled, 1),
        "page_p50_ms": {name: round(ms, 1) for name, ms, _ in pages},
        "page_p95_ms": {name: round(ms, 1) for name, _, ms in pages},
        "ingestion_empty": {name: round(value, 3) for name, value in empty.items()},
        "ingestion_full": {name: round(value, 3) for name, value in full.items()},
        "ingestion_cpu_ratio": round(full["cpu_s_per_1000"] / empty["cpu_s_per_1000"], 3),
        "ingestion_rate_ratio": round(full["per_s"] / empty["per_s"], 3),
    }


def table(figures: dict[str, Any]) -> str:
    half = figures["page_p50_ms"]
    rows = [(f"p50, p95 ms: {name}", f"{half[name]:,.1f}  {ms:,.1f}") for name, ms in figures["page_p95_ms"].items()]
    for when in ("empty", "full"):
        told = figures[f"ingestion_{when}"]
        rows.append((f"events a second end to end, {when} tables", f"{told['per_s']:,.0f}"))
        rows.append((f"CPU seconds for 1,000 of them, {when} tables", f"{told['cpu_s_per_1000']:.3f}"))
    width = max(len(text) for text, _ in rows)
    head = f"{figures['logs']:,} logs, {figures['deliveries']:,} deliveries, loaded in {figures['load_seconds']} s\n"
    return head + "".join(f"{text:<{width}}  {value:>14}\n" for text, value in rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.many_rows", description=__doc__)
    parser.add_argument("--logs", type=int, default=1_000_000)
    parser.add_argument("--deliveries", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=10_000, help="sent to measure ingestion, before and after")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="broker-many-"))
    try:
        with Installation(folder) as broker:
            figures = measure(broker, logs=options.logs, deliveries=options.deliveries, events=options.events)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(json.dumps(figures) + "\n" if options.json else table(figures))


if __name__ == "__main__":
    main()
