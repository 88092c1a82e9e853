"""A whole broker in a temporary folder, as ``manage.py up`` starts it, with the sink as its connector's target."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.benchmarks import load, resources

CONNECTIONS = 50


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Installation:
    """Web, worker, beat and the embedded PostgreSQL with its default durability. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._sink_port = free_port()

    def __enter__(self) -> Installation:
        self._prepare()
        from broker_project.processes import Supervisor, broker_processes

        self._configure()
        self._sink = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.sink", str(self._sink_port)])
        self._supervisor = Supervisor(logs=self._folder / "logs", say=lambda text: sys.stderr.write(text + "\n"))
        self._supervisor.__enter__()
        for process in broker_processes(self._port):
            self._supervisor.start(process)
        self._supervisor.wait_for(f"http://127.0.0.1:{self._port}/admin/login/", process="web")
        return self

    def __exit__(self, *error: object) -> None:
        self._supervisor.__exit__(*error)
        self._sink.terminate()
        self._sink.wait()
        from django.db import connection

        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # only PostgreSQL's wrapper has it
        self._postgres.stop()

    def _prepare(self) -> None:
        """Environment, database and Django, before anything of ours is imported that needs them."""
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
        from broker_project.schema import migrate

        migrate(lambda _: None)

    def _configure(self) -> None:
        from connectors.models import Company, Connector
        from events.models import EventSource, EventTrigger
        from mappings.engine import NO_DEFAULT, parse_rows
        from mappings.models import FieldMapping, RecordLink
        from tests.benchmarks.workload import MAPPINGS, RECORDS

        settings = {
            "base_url": f"http://127.0.0.1:{self._sink_port}", "record_path": "/records/{id}",
            "update_method": "PUT", "auth": "none",
        }  # fmt: skip
        if Connector.objects.filter(name="Sink").exists():
            self._take_over(settings)
            return
        company = Company.objects.create(name="Bench", environment="custom", custom_api_base="http://127.0.0.1:9")
        self._connector = Connector.objects.create(company=company, name="Sink", platform="rest", settings=settings)
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

    def _take_over(self, settings: dict[str, str]) -> None:
        """Go on with what an earlier run left in the folder: another sink, another key."""
        from connectors.models import Connector
        from events import versions
        from events.models import EventSource

        self._connector = Connector.objects.get(name="Sink")
        self._connector.settings = settings
        self._connector.save()
        versions.publish(self._connector.pk, user="bench")
        source = EventSource.objects.get(company_id=self._connector.company_id)
        self._key = source.renew_key()
        source.save()

    # --- what a measurement does -------------------------------------------------------------------------------------

    def hold(self, held: bool) -> None:
        """Pause or resume the connector: while it is paused, accepting is measured alone."""
        type(self._connector).objects.filter(pk=self._connector.pk).update(status="paused" if held else "active")

    def post(self, bodies: Iterable[bytes], *, connections: int = CONNECTIONS) -> float:
        """Post as fast as the answers come; return the seconds it took."""
        requests = [load.request(body, key=self._key) for body in bodies]
        return load.post_all(port=self._port, requests=requests, connections=connections)

    def post_paced(self, bodies: Sequence[bytes], *, per_second: float) -> list[float]:
        """Post evenly in time; return the monotonic time of each 202."""
        requests = [load.request(body, key=self._key) for body in bodies]
        return load.post_paced(port=self._port, requests=requests, per_second=per_second, connections=10)

    def waiting(self) -> int:
        """Deliveries that are not finished."""
        from events.models import Delivery

        return Delivery.objects.filter(finished_at=None).count()

    def pages(self) -> tuple[int, int]:
        """Pages that the broker's statements have looked at so far, and the log rows they have written.

        PostgreSQL counts both about once a second, so a rate of one by the other is exact where each alone is not.
        """
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT (SELECT sum(hits) + sum(reads) FROM pg_stat_io WHERE backend_type = 'client backend'),
                       (SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'synclog_synclog')
                """
            )
            looked_at, logs = cursor.fetchone()
            return int(looked_at), int(logs)

    # --- the sink ----------------------------------------------------------------------------------------------------

    def _ask_sink(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._sink_port}{path}", timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    def delivered(self) -> int:
        return int(self._ask_sink("/count"))

    def sink_delay(self, seconds: float) -> None:
        """From now on the sink answers after so many seconds."""
        self._ask_sink(f"/delay?seconds={seconds}")

    def arrivals(self, first: int) -> list[tuple[int, float]]:
        """Serial and monotonic time of every call after the first ``first`` ones, in the order of arrival."""
        lines = self._ask_sink(f"/arrivals?from={first}").splitlines()
        return [(int(serial), float(moment)) for serial, _, moment in (line.partition(" ") for line in lines)]

    def wait_for(self, count: int, *, stalled_seconds: float = 60.0) -> None:
        """Until the sink has got ``count`` calls. Raises RuntimeError when none comes for ``stalled_seconds``."""
        last, seen = time.monotonic(), 0
        while (arrived := self.delivered()) < count:
            self._supervisor.check()
            if arrived > seen:
                last, seen = time.monotonic(), arrived
            elif time.monotonic() - last > stalled_seconds:
                raise RuntimeError(f"Only {arrived} of {count} calls came, and none for {stalled_seconds:.0f} seconds.")
            time.sleep(0.02)

    # --- what it costs -----------------------------------------------------------------------------------------------

    def _parts(self) -> dict[str, int]:
        """The first process of each part of the broker."""
        parts = {name: self._supervisor.pid(name) for name in ("web", "worker", "beat")}
        return {**parts, "postgres": self._postgres.pid or 0}

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds so far of the broker's parts, and of the ``load`` and the ``sink``, which are not its own."""
        return resources.cpu_seconds({**self._parts(), "sink": self._sink.pid}) | {"load": time.process_time()}

    def rss_mb(self) -> dict[str, float]:
        return resources.rss_mb(self._parts())
