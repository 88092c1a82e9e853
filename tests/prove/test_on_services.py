"""The same storm with two workers on a PostgreSQL server, with Redis and with RabbitMQ between the processes."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from broker_project.prove.plan import make_plan
from broker_project.prove.run import Setup, run
from tests.processes.test_brokers import SERVICES, need

from .test_planted_faults import violated

pytestmark = [pytest.mark.prove, pytest.mark.services]

SERVER = os.environ.get("BROKER_TEST_SERVER", "postgresql://postgres@127.0.0.1:5432/test")


@pytest.fixture
def database_url() -> Iterator[str]:
    """A new database on the server, gone afterwards."""
    try:
        server = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        if os.environ.get("BROKER_REQUIRE_SERVICES"):
            raise
        pytest.skip("PostgreSQL does not answer on 127.0.0.1:5432")
    name = f"prove_{uuid.uuid4().hex[:12]}"
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        yield f"{SERVER.rpartition('/')[0]}/{name}"
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.mark.parametrize(("name", "seed"), [("redis", 31), ("rabbitmq", 32)])
def test_a_storm_with_two_workers_finds_nothing(name: str, seed: int, database_url: str) -> None:
    need(name)
    port, url = SERVICES[name]
    setup = Setup(database_url=database_url, celery_broker=url.format(port=port))
    result = run(make_plan(seed, events=400), setup, say=lambda sentence: None, stop=threading.Event())
    assert violated(result) == {}
    assert len(result.evidence.events) > 400
