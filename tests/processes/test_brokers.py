"""The same promises with Redis and with RabbitMQ as the Celery broker, and while the broker is down."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection

from broker_project.prove.gate import Gate
from events.models import Delivery
from tests.flows.conftest import event

from .conftest import Installation, installed, wait_until
from .test_kill import RECORDS, ROUNDS, check_all_arrived_once_and_in_order, post_all

SERVICES = {
    "redis": (6379, "redis://127.0.0.1:{port}/9"),
    "rabbitmq": (5672, "amqp://guest:guest@127.0.0.1:{port}//"),
}

pytestmark = pytest.mark.services


def need(name: str) -> None:
    """Skip without the service; where services are required, a missing one fails."""
    port = SERVICES[name][0]
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return
    if os.environ.get("BROKER_REQUIRE_SERVICES"):
        pytest.fail(f"{name} does not answer on 127.0.0.1:{port}, and services are required here.")
    pytest.skip(f"{name} does not answer on 127.0.0.1:{port}")


@pytest.fixture(params=list(SERVICES))
def gate_and_url(request: pytest.FixtureRequest) -> Iterator[tuple[Gate, str]]:
    need(request.param)
    port, url = SERVICES[request.param]
    gate = Gate(("127.0.0.1", port))
    yield gate, url.format(port=gate.port)
    gate.shut()


@pytest.fixture
def gated(
    transactional_db: None, tmp_path: Path, gate_and_url: tuple[Gate, str]
) -> Iterator[tuple[Installation, Gate]]:
    gate, url = gate_and_url
    with installed(tmp_path, celery_broker=url) as installation:
        yield installation, gate
        gate.open()
        with Connection(url) as connection:
            connection.default_channel.queue_delete(  # type: ignore[attr-defined]  # the stub lacks it
                installation.environment["BROKER_QUEUE"]
            )


def test_a_killed_worker_loses_doubles_and_reorders_nothing(gated: tuple[Installation, Gate]) -> None:
    installation, gate = gated
    gate.open()
    installation.fault(method="*", path="/api/tickets*", times=None, delay=0.02)
    installation.start("web", "beat", "worker")
    post_all(installation)
    wait_until(lambda: len(installation.recorder.writes) >= 150, f"150 writes\n{installation.output('worker')}")
    installation.kill("worker")
    assert Delivery.objects.filter(finished_at=None).exists()
    installation.start("worker")
    wait_until(installation.settled(RECORDS * ROUNDS), f"all settled\n{installation.output('worker')}")
    check_all_arrived_once_and_in_order(installation)


def test_events_are_accepted_while_the_broker_is_down_and_delivered_when_it_is_back(
    gated: tuple[Installation, Gate],
) -> None:
    installation, gate = gated
    installation.start("web", "beat", "worker")
    for number in range(1, 21):
        assert installation.post(event(id=number))["deliveries"] == 1
    time.sleep(1)
    assert Delivery.objects.filter(state="pending").count() == 20
    gate.open()
    wait_until(installation.settled(20), f"20 settled\n{installation.output('worker')}")

    gate.shut()
    for number in range(21, 41):
        assert installation.post(event(id=number))["deliveries"] == 1
    gate.open()
    wait_until(installation.settled(40), f"40 settled\n{installation.output('worker')}\n{installation.output('beat')}")
    assert len(installation.help_desk.tickets()) == 40
