"""A whole installation in real processes, against the test database and a simulated Help Desk."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from django.db import connection

from broker_project import demo
from broker_project.processes import broker_processes
from broker_project.sandbox.fieldnation import FieldNationSim
from broker_project.sandbox.helpdesk import HelpDesk
from broker_project.sandbox.serve import Server
from events.models import Delivery

LEASE_SECONDS = 4


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def database_url() -> str:
    """Address of the database that this test uses."""
    config = connection.settings_dict
    host = config.get("HOST") or config["OPTIONS"].get("host", "")
    login = quote(config["USER"] or "postgres")
    if config["PASSWORD"]:
        login += f":{quote(config['PASSWORD'])}"
    if host.startswith("/"):
        return f"postgresql://{login}@/{config['NAME']}?host={quote(host, safe='')}"
    return f"postgresql://{login}@{host or '127.0.0.1'}:{config['PORT'] or 5432}/{config['NAME']}"


@dataclass
class Recorder:
    """WSGI middleware: what the Help Desk was asked to write, in the order in which it answered."""

    app: Any
    writes: list[tuple[str, str, dict[str, Any], int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method not in ("POST", "PATCH") or not path.startswith("/api/"):
            return self.app(environ, start_response)
        raw = environ["wsgi.input"].read()
        environ["wsgi.input"].seek(0)
        taken: list[str] = []

        def started(status: str, headers: Any, exc_info: Any = None) -> Any:
            taken.append(status)
            return start_response(status, headers, exc_info)

        answer = self.app(environ, started)
        with self.lock:
            self.writes.append((method, path, json.loads(raw or b"{}"), int(taken[0].split()[0])))
        return answer


@dataclass
class Installation:
    """Broker processes that can be killed and started again."""

    folder: Path
    port: int
    environment: dict[str, str]
    help_desk: HelpDesk
    field_nation: FieldNationSim
    recorder: Recorder
    help_desk_url: str
    sample: demo.Demo
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *names: str) -> None:
        for process in broker_processes(self.port):
            if process.name in names:
                with (self.folder / f"{process.name}.log").open("ab") as log:
                    self.running[process.name] = subprocess.Popen(
                        list(process.argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                        env=self.environment, start_new_session=True,
                    )  # fmt: skip
        if "web" in names:
            wait_until(lambda: self._answers(), f"the web process answers\n{self.output('web')}")

    def kill(self, name: str) -> None:
        """kill -9 of the process and its children."""
        popen = self.running.pop(name)
        os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()

    def stop(self) -> None:
        for popen in self.running.values():
            popen.terminate()
        for popen in self.running.values():
            try:
                popen.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(popen.pid, signal.SIGKILL)
                popen.wait()

    def output(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def post(self, body: Any) -> Any:
        answer = requests.post(
            f"{self.url}/events/", json=body, headers={"Authorization": f"Bearer {self.sample.source_key}"}, timeout=30
        )
        assert answer.status_code == 202, answer.text
        return answer.json()

    def fault(self, **rule: Any) -> None:
        assert requests.post(f"{self.help_desk_url}/control/faults", json=[rule], timeout=5).ok

    def settled(self, count: int) -> Callable[[], bool]:
        return lambda: Delivery.objects.filter(finished_at__isnull=False).count() == count

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/admin/login/", timeout=2).ok
        return False


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 120.0) -> None:
    """Poll until ``condition`` holds; fail with ``what`` when it never does. The bound is for a hang, not a speed."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            pytest.fail(f"Never happened: {what}")
        time.sleep(0.05)


@contextlib.contextmanager
def installed(folder: Path, *, celery_broker: str) -> Iterator[Installation]:
    """An installation with nothing started yet."""
    help_desk, field_nation = HelpDesk(), FieldNationSim()
    recorder = Recorder(help_desk.app)
    for name in ("messages", "messages-control", "static"):
        (folder / name).mkdir()
    port = free_port()
    with Server(recorder) as help_desk_url, Server(field_nation.app) as field_nation_url:
        installation = Installation(
            folder=folder,
            port=port,
            environment={
                **os.environ,
                "DATABASE_URL": database_url(),
                "BROKER_DATA_DIR": str(folder),
                "CELERY_BROKER_URL": celery_broker,
                "BROKER_QUEUE": f"test-{uuid.uuid4()}",
                "BROKER_LEASE_SECONDS": str(LEASE_SECONDS),
                "BROKER_READ_TIMEOUT": "3",
                "BROKER_PUBLIC_URL": f"http://127.0.0.1:{port}",
            },
            help_desk=help_desk,
            field_nation=field_nation,
            recorder=recorder,
            help_desk_url=help_desk_url,
            sample=demo.set_up(field_nation_url=field_nation_url, help_desk_url=help_desk_url),
        )
        try:
            yield installation
        finally:
            installation.stop()
    help_desk.close()
    field_nation.close()


@pytest.fixture
def installation(transactional_db: None, tmp_path: Path) -> Iterator[Installation]:
    """On the embedded message transport, which needs no service."""
    with installed(tmp_path, celery_broker="filesystem://") as made:
        yield made
