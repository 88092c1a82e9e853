"""The probes: what is well, what is not, each named; and how they are asked."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError, connection, connections
from django.test import Client
from django.utils import timezone

from broker_project import health
from broker_project.lib import own_connection
from broker_project.prove.gate import Gate
from events.heartbeat import Process, tell
from synclog.worker_models import Worker
from tests.processes.test_brokers import SERVICES, need

WELL = {
    "database": {"ok": True, "sentence": "The database answers."},
    "migrations": {"ok": True, "sentence": "All migrations are applied."},
    "broker": {"ok": True, "sentence": "Celery's broker answers."},
    "worker": {"ok": True, "sentence": "A worker is alive."},
}
UNKNOWN = {"ok": False, "sentence": "Not known, because the database does not answer."}


@pytest.fixture(autouse=True)
def messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of Celery's messages."""
    folder = tmp_path / "messages"
    folder.mkdir()
    monkeypatch.setattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {"data_folder_in": str(folder)})
    return folder


@pytest.fixture
def a_worker(transactional_db: None) -> Process:
    process = Process(kind="worker")
    tell(process)
    return process


def ask(path: str = "/health/ready", **headers: str) -> tuple[int, Any]:
    answer = Client().get(path, headers=headers or None)
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Type"] == "application/json"
    return answer.status_code, json.loads(answer.content)


def checks() -> dict[str, Any]:
    """The checks of an installation that is not ready."""
    status, body = ask()
    assert (status, body["status"]) == (503, "failed")
    found: dict[str, Any] = body["checks"]
    return found


def test_live_answers_without_a_database() -> None:
    """The test has no access to the database: a query would fail it."""
    assert ask("/health/live") == (200, {"status": "ok"})


def test_ready_when_all_is_well(a_worker: Process) -> None:
    assert ask() == (200, {"status": "ok", "checks": WELL})
    tell(Process(kind="worker", pid=2))
    health._last = None
    assert ask()[1]["checks"]["worker"]["sentence"] == "2 workers are alive."


def test_not_ready_without_a_worker_that_was_heard_of_within_a_minute(a_worker: Process) -> None:
    Worker.objects.update(seen_at=timezone.now() - timedelta(seconds=61))
    tell(Process(kind="beat"))
    sentence = "No worker was heard of for a minute. Events are kept; nothing is delivered until one runs."
    assert checks() == {**WELL, "worker": {"ok": False, "sentence": sentence}}


def test_not_ready_while_migrations_are_missing(a_worker: Process) -> None:
    app_label, name = sorted(health.newest_migrations())[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT applied FROM django_migrations WHERE app = %s AND name = %s", [app_label, name])
        applied = cursor.fetchone()[0]
        cursor.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", [app_label, name])
        try:
            found = checks()
        finally:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, %s)", [app_label, name, applied]
            )
    assert found["migrations"]["sentence"] == "Migrations are missing in 1 apps. Run: manage.py migrate."
    assert [name for name, check in found.items() if not check["ok"]] == ["migrations", "worker"]


def test_not_ready_while_the_database_is_away(a_worker: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    real = connections.create_connection

    def nowhere(alias: str) -> Any:
        wrapper = real(alias)
        options = {**wrapper.settings_dict["OPTIONS"], "host": "127.0.0.1"}
        there = {"HOST": "127.0.0.1", "PORT": "1", "PASSWORD": "hidden-word", "OPTIONS": options}
        wrapper.settings_dict = {**wrapper.settings_dict, **there}
        return wrapper

    monkeypatch.setattr(connections, "create_connection", nowhere)
    found = checks()
    assert found["database"] == {"ok": False, "sentence": "The database does not answer (OperationalError)."}
    assert (found["migrations"], found["worker"], found["broker"]) == (UNKNOWN, UNKNOWN, WELL["broker"])
    assert "hidden-word" not in json.dumps(found)


def test_not_ready_while_celerys_broker_is_away(a_worker: Process, messages: Path) -> None:
    messages.rmdir()
    sentence = "Celery's broker does not answer (OSError). Deliveries go on with less speed."
    assert checks() == {**WELL, "broker": {"ok": False, "sentence": sentence}}


def test_a_broker_that_refuses_is_named_without_its_password(
    a_worker: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "redis://:hidden-word@127.0.0.1:1/0"
    use_broker(monkeypatch, address)
    found = checks()
    assert found["broker"]["ok"] is False
    assert found["broker"]["sentence"].startswith("Celery's broker does not answer (")
    assert "hidden-word" not in json.dumps(found)


def test_a_check_that_hangs_is_given_up_and_not_begun_again(a_worker: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, let_go = [], threading.Event()

    def hang() -> dict[str, health.Check]:
        begun.append(1)
        let_go.wait(60)
        return {"broker": health.Check(True, "at last")}

    monkeypatch.setattr(health, "_broker", hang)
    monkeypatch.setattr(health, "LIMIT_SECONDS", 0.5)
    try:
        for _ in range(3):
            health._last = None
            assert checks()["broker"] == {"ok": False, "sentence": "No answer within 0.5 seconds."}
        assert len(begun) == 1
    finally:
        let_go.set()
    health._Limited._running["broker"]._thread.join(30)
    health._last = None
    monkeypatch.setattr(health, "LIMIT_SECONDS", 60.0)
    assert ask()[1]["checks"]["broker"]["sentence"] == "at last"
    assert len(begun) == 2


def test_asked_again_at_once_it_tells_what_it_knows(a_worker: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = health.run

    def run(seconds: float) -> dict[str, health.Check]:
        made.append(1)
        return real(seconds)

    monkeypatch.setattr(health, "run", run)
    monkeypatch.setattr(health, "KEPT_SECONDS", 3600.0)
    assert [ask()[0] for _ in range(3)] == [200, 200, 200]
    assert len(made) == 1
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    ask()
    assert len(made) == 2


def test_the_probes_take_any_host_and_no_tls(a_worker: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["broker.example.test"])
    monkeypatch.setattr(settings, "SECURE_SSL_REDIRECT", True)
    assert ask(host="10.0.0.7:8000")[0] == 200
    assert Client().get("/health/live", headers={"host": "10.0.0.7"}).status_code == 200
    assert Client().get("/admin/login/", headers={"host": "broker.example.test"}).status_code == 301


def test_the_log_tells_each_change_once_however_often_it_is_asked(
    a_worker: Process, messages: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    caplog.set_level(logging.INFO)

    def told() -> list[tuple[str, str, str]]:
        caplog.clear()
        for _ in range(3):
            ask()
        return [(record.levelname, record.name, record.getMessage()) for record in caplog.records]

    assert told() == []
    messages.rmdir()
    sentence = "Celery's broker does not answer (OSError). Deliveries go on with less speed."
    assert told() == [("ERROR", "broker_project.health", f"Not ready: {sentence}")]
    assert told() == []
    messages.mkdir()
    assert told() == [("INFO", "broker_project.health", "Ready again.")]
    assert told() == []


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_the_probes_only_read(path: str) -> None:
    assert Client().post(path).status_code == 405


def test_a_connection_of_its_own_is_no_part_of_the_pool_and_limits_statements(transactional_db: None) -> None:
    with own_connection.own_connection(statement_seconds=1) as own, own.cursor() as cursor:
        assert own.pool is None  # type: ignore[attr-defined]
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("1s",)
        with pytest.raises(OperationalError, match="statement timeout"):
            cursor.execute("SELECT pg_sleep(30)")
    assert own.connection is None


def test_the_dashboards_table_tells_how_the_services_are_and_waits_for_none(
    a_worker: Process, messages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "DASHBOARD_SECONDS", 60.0)
    viewer = User.objects.create_superuser("viewer")

    def told() -> list[list[str]]:
        table = health.services_table(viewer)
        assert table is not None
        assert [row[0] for row in table.rows] == ["Database", "Migrations", "Celery's broker"]
        return [[word for word in ("Well", "Slow", "Trouble") if word in str(row[1])] for row in table.rows]

    assert told() == [["Well"], ["Well"], ["Well"]]
    messages.rmdir()
    assert told() == [["Well"], ["Well"], ["Trouble"]]
    let_go = threading.Event()
    monkeypatch.setattr(health, "_broker", lambda: let_go.wait(60) and {})
    monkeypatch.setattr(health, "DASHBOARD_SECONDS", 0.5)
    assert told()[2] == ["Slow"]
    let_go.set()
    health._Limited._running["broker"]._thread.join(30)
    assert health.services_table(User.objects.create_user("nobody")) is None


@pytest.mark.parametrize("address", ["redis://127.0.0.1:{port}/0", "amqp://guest:guest@127.0.0.1:{port}//"])
def test_a_broker_that_takes_the_connection_and_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use_broker(monkeypatch, address.format(port=silent.getsockname()[1]))
        monkeypatch.setattr(health, "_database", lambda: {})
        limited = health._Limited.start("broker", health._broker)
        found = limited.result(time.monotonic() + 60.0)  # the client's own limits come first
    assert found is not None
    assert not found["broker"].is_ok
    assert not limited._thread.is_alive()


@pytest.mark.services
@pytest.mark.parametrize("name", list(SERVICES))
def test_redis_and_rabbitmq_are_seen_to_come_and_go(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    need(name)
    port, url = SERVICES[name]
    gate = Gate(("127.0.0.1", port))
    try:
        use_broker(monkeypatch, url.format(port=gate.port))
        found = []
        for turn in (gate.open, gate.shut, gate.open):
            turn()
            found.append(health._broker()["broker"].is_ok)
        assert found == [True, False, True]
    finally:
        gate.shut()


def use_broker(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Let this be the address of Celery's broker, with the options that it gets in production."""
    limits = {"socket_timeout": 5, "socket_connect_timeout": 2} if address.startswith("redis") else {}
    monkeypatch.setattr(settings, "CELERY_BROKER_URL", address)
    monkeypatch.setattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", limits)
