"""``python -m tests.benchmarks``: how fast this machine accepts and delivers events. ``--json`` gives one object.

Everything is real: web, two worker processes and beat as ``manage.py up`` starts them, the embedded PostgreSQL with its
default durability, ten mappings an event, one HTTP call a delivery to a target that answers at once. The load generator
and the target run on the same machine and take their share of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

SINGLES = 4000
LISTS = 100
PER_LIST = 100
RECORDS = 2000
CONNECTIONS = 50

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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Bench:
    """One installation in a temporary folder, with the sink as its only connector's target."""

    def __init__(self, folder: Path, *, delay: float) -> None:
        self._folder = folder
        self._delay = delay
        self._port = free_port()
        self._sink_port = free_port()
        self._serial = 0

    def __enter__(self) -> Bench:
        from broker_project.lib import embedded_postgres
        from broker_project.start import provide_keys

        os.environ["BROKER_DATA_DIR"] = str(self._folder)
        os.environ["BROKER_ALLOW_PRIVATE_ADDRESSES"] = "1"
        os.environ["DJANGO_SETTINGS_MODULE"] = "broker_project.settings"
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        provide_keys(self._folder)
        for name in ("static", "messages", "messages-control"):
            (self._folder / name).mkdir(exist_ok=True)
        self._postgres = embedded_postgres.start(self._folder / "postgres")
        os.environ["DATABASE_URL"] = self._postgres.url
        import django

        django.setup()
        from broker_project.processes import Supervisor, broker_processes
        from broker_project.schema import migrate

        migrate(lambda _: None)
        self._configure()
        self._sink = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.sink", str(self._sink_port), str(self._delay)]
        )
        self._supervisor = Supervisor(logs=self._folder / "logs", say=lambda text: sys.stderr.write(text + "\n"))
        self._supervisor.__enter__()
        for process in broker_processes(self._port):
            self._supervisor.start(process)
        self._supervisor.wait_for(f"http://127.0.0.1:{self._port}/admin/login/", process="web")
        self.run(singles=200)  # warm up: connections, compiled mappings
        return self

    def __exit__(self, *error: object) -> None:
        self._supervisor.__exit__(*error)
        self._sink.terminate()
        self._sink.wait()
        from django.db import connection

        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # only PostgreSQL's wrapper has it
        self._postgres.stop()

    def _configure(self) -> None:
        from connectors.models import Company, Connector
        from events.models import EventSource, EventTrigger
        from mappings.engine import NO_DEFAULT, parse_rows
        from mappings.models import FieldMapping, RecordLink

        company = Company.objects.create(name="Bench", environment="custom", custom_api_base="http://127.0.0.1:9")
        self._connector = Connector.objects.create(
            company=company,
            name="Sink",
            platform="rest",
            settings={
                "base_url": f"http://127.0.0.1:{self._sink_port}", "record_path": "/records/{id}",
                "update_method": "PUT", "auth": "none",
            },
        )  # fmt: skip
        EventTrigger.objects.create(connector=self._connector, event_type="FN_WO_SCHEDULE_UPDATED")
        FieldMapping.objects.bulk_create(
            FieldMapping(
                connector=self._connector, direction="outbound", position=position, action=row.action,
                source=row.source, target=row.target, options=dict(row.options),
                has_default=row.default is not NO_DEFAULT,
                default=None if row.default is NO_DEFAULT else row.default,
            )
            for position, row in enumerate(parse_rows(MAPPINGS))
        )  # fmt: skip
        RecordLink.objects.bulk_create(
            RecordLink(connector=self._connector, work_order_id=record, external_id=str(record))
            for record in range(1, RECORDS + 1)
        )
        source = EventSource(company=company, name="Load")
        self._key = source.renew_key()
        source.save()

    def _event(self) -> dict[str, Any]:
        from broker_project import demo

        self._serial += 1
        sample = demo.sample_event()
        sample["event_id"] = f"bench-{self._serial}"
        sample["workorder"]["id"] = self._serial % RECORDS + 1
        return sample

    def hold(self, held: bool) -> None:
        """Pause or resume the connector: while it is paused, accepting is measured alone."""
        type(self._connector).objects.filter(pk=self._connector.pk).update(status="paused" if held else "active")

    def run(self, *, singles: int = 0, lists: int = 0, per_list: int = 0) -> tuple[float, float]:
        """Post events; return the seconds until the last was accepted and until the last was delivered (0: held)."""
        bodies = [json.dumps(self._event()).encode() for _ in range(singles)]
        bodies += [json.dumps([self._event() for _ in range(per_list)]).encode() for _ in range(lists)]
        from tests.benchmarks.load import post_all

        before, began = self.delivered(), time.perf_counter()
        connections = CONNECTIONS if singles else 4
        accepted = post_all(port=self._port, key=self._key, bodies=bodies, connections=connections)
        if type(self._connector).objects.get(pk=self._connector.pk).status == "paused":
            return accepted, 0.0
        self.wait_for(before + singles + lists * per_list)
        return accepted, time.perf_counter() - began

    def delivered(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._sink_port}/count", timeout=10) as answer:
            return int(answer.read())

    def wait_for(self, count: int, *, seconds: float = 300.0) -> None:
        until = time.monotonic() + seconds
        while self.delivered() < count:
            self._supervisor.check()
            if time.monotonic() > until:
                raise RuntimeError(f"Only {self.delivered()} of {count} deliveries arrived in {seconds:.0f} seconds.")
            time.sleep(0.02)

    def drain(self) -> tuple[int, float]:
        """Let what was held go; return how many deliveries that were and the seconds they took."""
        from events.models import Delivery

        waiting = Delivery.objects.filter(finished_at=None).count()
        before, began = self.delivered(), time.perf_counter()
        self.hold(False)
        self.wait_for(before + waiting)
        return waiting, time.perf_counter() - began


def measure(bench: Bench, *, scale: float) -> dict[str, float]:
    """All figures, from one run on this machine. ``scale`` shrinks the number of events."""
    singles, lists = int(SINGLES * scale), max(1, int(LISTS * scale))
    bench.hold(True)
    accept_single, _ = bench.run(singles=singles)
    accept_lists, _ = bench.run(lists=lists, per_list=PER_LIST)
    drained, drain_seconds = bench.drain()
    _, single_seconds = bench.run(singles=singles)
    _, list_seconds = bench.run(lists=lists, per_list=PER_LIST)
    return {
        "accept_single_per_s": singles / accept_single,
        "accept_lists_per_s": lists * PER_LIST / accept_lists,
        "end_to_end_single_per_s": singles / single_seconds,
        "end_to_end_lists_per_s": lists * PER_LIST / list_seconds,
        "drain_per_s": drained / drain_seconds,
    }


TEXTS = {
    "accept_single_per_s": "accepted, single posts, 50 clients (delivery held)",
    "accept_lists_per_s": "accepted, lists of 100 (delivery held)",
    "end_to_end_single_per_s": "delivered end to end, single posts",
    "end_to_end_lists_per_s": "delivered end to end, lists of 100",
    "drain_per_s": "delivered from a held backlog",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the usual number of events (default 1)")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that the target takes to answer (default 0)")
    parser.add_argument("--engine", action="store_true", help="also the mapping engine and the script sandbox alone")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="broker-bench-"))
    try:
        with Bench(folder, delay=options.delay) as bench:
            figures = {name: round(value, 1) for name, value in measure(bench, scale=options.scale).items()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.engine:
        from tests.benchmarks import jsonnet, mapping

        figures |= {**mapping.measure(), **jsonnet.measure()}
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{value:>12,.1f}  {TEXTS.get(name, name)}\n")


if __name__ == "__main__":
    main()
