"""``python -m tests.benchmarks.many_rows --logs N --deliveries M``: how quick pages and ingestion are with many rows.

A whole broker runs in a temporary folder. Ingestion is measured with empty tables, the rows are loaded, each page is
asked for over HTTP in turn, ingestion is measured again, and once more while old logs are pruned. ``--json`` gives one
object, ``--plans FILE`` writes how PostgreSQL plans what the pages ask. With ``--folder`` the installation stays, and
the next run asks the rows that are there already.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import requests

from tests.benchmarks.installation import Installation
from tests.benchmarks.measure import PER_LIST, lists, spending, warm_up
from tests.benchmarks.workload import Workload

WORD = "only-for-this-run"
ROUNDS = 5
PRUNED = 1_000_000
ASKED = 20
"""Times each page is asked for, with other values where it has some."""


class Pages:
    """A browser of the admin, signed in."""

    def __init__(self, address: str) -> None:
        from django.contrib.auth.models import User

        User.objects.filter(username="bench").delete()
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


def measure_pages(address: str, addresses: Mapping[str, list[str]]) -> Iterator[tuple[str, float, float]]:
    """The name of each page with the median and the 95th percentile of its milliseconds."""
    from . import many_rows_load

    pages = Pages(address)
    for name, paths in addresses.items():
        pages.ms(paths[0])
        times = [pages.ms(path) for path in paths]
        many_rows_load.say(f"{name}: {max(times):.0f} ms at most")
        yield name, median(times), quantiles(times, n=20, method="inclusive")[-1]


def ingestion(broker: Installation, load: Workload, count: int) -> dict[str, float]:
    """Medians of some rounds: events that go through a second, from the post of a list to the call, and CPU seconds
    for 1,000 of them."""
    rates, costs = [], []
    for _ in range(ROUNDS):
        before, bodies = broker.delivered(), lists(load, count // PER_LIST)
        with spending(broker, events=count) as spent:
            broker.post(bodies, connections=4)
            broker.wait_for(before + count)
        rates.append(count / spent.seconds)
        costs.append(sum(spent.broker.values()))
    return {"per_s": round(median(rates), 1), "cpu_s_per_1000": round(median(costs), 3)}


def pruning(broker: Installation, load: Workload, *, logs: int, events: int) -> dict[str, Any]:
    """The oldest logs go, as beat would have them go, while events come in."""
    from events import retention
    from synclog.retention_models import Retention

    from . import many_rows_load

    gone = min(PRUNED, logs // 10)
    keep = round(many_rows_load.DAYS * (1 - gone / logs))
    Retention.objects.filter(kind=Retention.Kind.LOGS).update(keep_days=keep, next_at=None)
    removed, began = [0], time.monotonic()

    def work() -> None:
        while removed[0] < gone and (now := retention.prune(seconds=8.0).get("logs", 0)):
            removed[0] += now
            Retention.objects.filter(kind=Retention.Kind.LOGS).update(next_at=None)

    pruner = threading.Thread(target=work)
    pruner.start()
    meanwhile = ingestion(broker, load, events)
    pruner.join()
    return {"pruned": removed[0], "pruned_per_s": round(removed[0] / (time.monotonic() - began), 1), **meanwhile}


def measure(broker: Installation, *, logs: int, deliveries: int, events: int, plans: Path | None) -> dict[str, Any]:
    """All figures. ``events`` are sent in each round, before and after the rows are loaded."""
    from connectors.models import Connector
    from events.models import Delivery, Event
    from synclog.models import SyncLog
    from synclog.retention_models import Retention

    from . import many_rows_load, many_rows_plans

    Retention.objects.update(keep_days=None)  # nothing is pruned but what is measured
    load = Workload(first=Event.objects.count() + 1)
    warm_up(broker, load)
    connectors = list(Connector.objects.filter(company__name=many_rows_load.COMPANY).values_list("pk", flat=True))
    figures: dict[str, Any] = {}
    if not connectors:
        figures["ingestion_empty"] = ingestion(broker, load, events)
        began = time.monotonic()
        connectors = many_rows_load.fill(logs=logs, deliveries=deliveries)
        figures["load_seconds"] = round(time.monotonic() - began, 1)
    figures |= {"logs": SyncLog.objects.count(), "deliveries": Delivery.objects.count()}
    newest = Delivery.objects.filter(connector_id__in=connectors).order_by("-seq").values_list("pk", flat=True)
    addresses = page_addresses(connectors, list(newest[: 3 * ASKED : 3]))
    pages = list(measure_pages(f"http://127.0.0.1:{broker._port}", addresses))
    figures["page_p50_ms"] = {name: round(ms, 1) for name, ms, _ in pages}
    figures["page_p95_ms"] = {name: round(ms, 1) for name, _, ms in pages}
    if plans:
        plans.write_text(many_rows_plans.markdown(addresses, figures))
    figures["ingestion_full"] = ingestion(broker, load, events)
    figures["ingestion_pruning"] = pruning(broker, load, logs=logs, events=events)
    return figures


def table(figures: dict[str, Any]) -> str:
    half = figures["page_p50_ms"]
    rows = [(f"p50, p95 ms: {name}", f"{half[name]:,.1f}  {ms:,.1f}") for name, ms in figures["page_p95_ms"].items()]
    for when, words in (("empty", "empty tables"), ("full", "full tables"), ("pruning", "while logs are pruned")):
        if told := figures.get(f"ingestion_{when}"):
            rows.append((f"events a second end to end, {words}", f"{told['per_s']:,.0f}"))
            rows.append((f"CPU seconds for 1,000 of them, {words}", f"{told['cpu_s_per_1000']:.3f}"))
    rows.append(("logs pruned a second meanwhile", f"{figures['ingestion_pruning']['pruned_per_s']:,.0f}"))
    width = max(len(text) for text, _ in rows)
    head = f"{figures['logs']:,} logs, {figures['deliveries']:,} deliveries\n"
    return head + "".join(f"{text:<{width}}  {value:>14}\n" for text, value in rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.many_rows", description=__doc__)
    parser.add_argument("--logs", type=int, default=1_000_000)
    parser.add_argument("--deliveries", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=10_000, help="sent in each round of ingestion")
    parser.add_argument("--folder", type=Path, help="where the installation stays (default: a temporary folder)")
    parser.add_argument("--plans", type=Path, metavar="FILE", help="write the plans of the pages' statements here")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="broker-many-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with Installation(folder.resolve()) as broker:
            figures = measure(
                broker,
                logs=options.logs, deliveries=options.deliveries, events=options.events, plans=options.plans,
            )  # fmt: skip
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(json.dumps(figures) + "\n" if options.json else table(figures))


if __name__ == "__main__":
    main()
