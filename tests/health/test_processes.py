"""Real processes: signs of life from start to end, and output that is JSON line by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from broker_project import processes
from broker_project.lib.version import version
from events.models import Delivery, Event
from synclog.worker_models import Worker
from tests.flows.conftest import event
from tests.processes import conftest as started
from tests.processes.conftest import Installation, installation, wait_until

__all__ = ["installation"]

ROOT = Path(__file__).resolve().parents[2]


def lines(installation: Installation, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (installation.folder / f"{name}.log").read_text().splitlines()]


def stop(installation: Installation, name: str) -> None:
    popen = installation.running.pop(name)
    popen.terminate()
    assert popen.wait(60) == 0, installation.output(name)


def alive(kind: str) -> Any:
    return lambda: Worker.objects.filter(kind=kind).exists()


def test_worker_and_beat_are_ready_while_they_run_and_gone_when_they_end(installation: Installation) -> None:
    installation.environment["BROKER_WORKERS"] = "1"
    installation.start("web")
    answer = requests.get(f"{installation.url}/health/ready", timeout=30)
    assert (answer.status_code, answer.json()["checks"]["worker"]["ok"]) == (503, False)
    installation.start("worker", "beat")
    wait_until(alive("worker"), f"the worker tells of itself\n{installation.output('worker')}")
    wait_until(alive("beat"), f"beat tells of itself\n{installation.output('beat')}")
    wait_until(lambda: requests.get(f"{installation.url}/health/ready", timeout=30).ok, "ready")
    worker = Worker.objects.get(kind="worker")
    assert (worker.pid, worker.version) == (installation.running["worker"].pid, version())
    assert worker.concurrency >= 1
    assert Worker.objects.get(kind="beat").pid == installation.running["beat"].pid
    stop(installation, "worker")
    assert list(Worker.objects.values_list("kind", flat=True)) == ["beat"]
    stop(installation, "beat")
    assert not Worker.objects.exists()


def test_every_line_of_a_worker_is_json_and_a_line_about_a_delivery_says_which(
    installation: Installation,
) -> None:
    installation.environment |= {"LOG_FORMAT": "json", "BROKER_WORKERS": "1"}
    installation.start("web")
    sent = installation.post(event())
    Event.objects.update(payload="no object at all")  # what no door takes: a bug, as the worker sees it
    installation.start("worker")
    wait_until(lambda: Delivery.objects.filter(reason="waiting_bug").exists(), "the bug is met", seconds=60)
    stop(installation, "worker")
    told = lines(installation, "worker")
    messages = [line["message"] for line in told]
    assert "worker: Warm shutdown (MainProcess)" in messages
    assert any(message.endswith(" ready.") for message in messages)
    (bug,) = [line for line in told if line["logger"] == "events.deliver"]
    delivery = Delivery.objects.get()
    assert {name: bug[name] for name in ("level", "event_id", "delivery_id", "connector_id")} == {
        "level": "ERROR", "event_id": sent["id"], "delivery_id": str(delivery.pk),
        "connector_id": delivery.connector_id,
    }  # fmt: skip
    assert "Traceback" in bug["exception"]


def test_every_line_of_web_and_beat_is_json(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the README says to start them for that; refused requests among the lines."""
    installation.environment |= {"LOG_FORMAT": "json", "GRANIAN_LOG_CONFIG": str(ROOT / "docs/granian-logging.json")}
    commands = processes.broker_processes(installation.port)
    (beat,) = [process for process in commands if process.name == "beat"]
    beat = processes.Process("beat", [*beat.argv[:5], "--quiet", *beat.argv[5:]])
    monkeypatch.setattr(started, "broker_processes", lambda port: [commands[0], beat])
    installation.start("web", "beat")
    assert requests.get(f"{installation.url}/integrations/trigger/a-token-of-the-test", timeout=30).status_code == 401
    wait_until(lambda: Worker.objects.filter(kind="beat").exists(), f"beat runs\n{installation.output('beat')}")
    stop(installation, "beat")
    stop(installation, "web")
    told = lines(installation, "web")
    assert {"_granian", "django.request"} <= {line["logger"] for line in told}
    assert "a-token-of-the-test" not in installation.output("web")
    lines(installation, "beat")  # none, or each is JSON
