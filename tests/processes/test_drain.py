"""A deploy interrupts nothing: drain, a worker that is asked to stop, a rolling restart. Real processes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from broker_project.lib.ids import new_id
from broker_project.processes import broker_processes
from events import draining
from events.models import Delivery, Drain, Lane
from tests.flows.conftest import event

from .conftest import Installation, wait_until
from .test_kill import RECORDS, ROUNDS, check_all_arrived_once_and_in_order, post_all

ALL = RECORDS * ROUNDS
READY = " ready."
POOLS = ("prefork", "solo", "threads")


def start_worker(installation: Installation, name: str, *, pool: str = "prefork") -> None:
    """A worker process of its own, whose log and place in ``running`` have this name; waits until it is ready."""
    log_file = installation.folder / f"{name}.log"
    before = log_file.read_text().count(READY) if log_file.exists() else 0
    worker = next(process for process in broker_processes(installation.port) if process.name == "worker")
    argv = [*worker.argv, "--pool", pool, "--hostname", f"{name}@%h"]
    with log_file.open("ab") as log:
        installation.running[name] = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=installation.environment, start_new_session=True
        )
    # before that a signal would end it as any program, without its own farewell
    wait_until(lambda: log_file.read_text().count(READY) > before, f"{name} is ready\n{installation.output(name)}")


def ask_to_stop(installation: Installation, name: str) -> int:
    """SIGTERM, as a deploy sends it; the exit code."""
    popen = installation.running.pop(name)
    popen.send_signal(signal.SIGTERM)
    try:
        return popen.wait(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()
        pytest.fail(f"{name} did not end when it was asked to\n{installation.output(name)}")


def manage(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def writes(installation: Installation) -> int:
    return len(installation.recorder.writes)


def slow(installation: Installation, seconds: float = 0.02) -> None:
    installation.fault(method="*", path="/api/tickets*", times=None, delay=seconds)


def settled_deliveries() -> int:
    return Delivery.objects.filter(finished_at__isnull=False).count()


def test_drain_under_load_leaves_nothing_under_way_and_afterwards_all_arrives_in_order(
    installation: Installation,
) -> None:
    slow(installation, 0.3)
    installation.start("web", "beat")
    start_worker(installation, "worker")
    start_worker(installation, "worker-2")
    post_all(installation)
    wait_until(lambda: writes(installation) >= 60, f"60 writes\n{installation.output('worker')}")

    said = manage("drain", "--seconds", "60")
    assert said.startswith("Records under way: ")
    assert said.endswith("Nothing is under way. The workers begin nothing until you run: manage.py drain --end\n")
    assert not Lane.objects.filter(claim__isnull=False).exists()
    assert not Delivery.objects.filter(state="in_flight").exists()
    done, written = settled_deliveries(), writes(installation)
    assert done < ALL

    installation.post(event(id=1, title="Record 1 round 5", event_id="1-5"))  # the doors stay open
    time.sleep(3)  # longer than the sweep's distance: nobody begins anything
    assert (settled_deliveries(), writes(installation)) == (done, written)
    assert "A drain is on since " in manage("drain", "--status")

    assert manage("drain", "--end") == "The workers go on.\n"
    wait_until(installation.settled(ALL), f"all settled\n{installation.output('worker')}")
    check_all_arrived_once_and_in_order(installation)


@pytest.mark.parametrize("pool", POOLS)
def test_a_worker_that_is_asked_to_stop_finishes_what_it_began_and_begins_nothing(
    installation: Installation, pool: str
) -> None:
    slow(installation, 0.3)
    installation.start("web", "beat")
    post_all(installation)
    start_worker(installation, "worker", pool=pool)
    wait_until(lambda: writes(installation) >= 20, f"20 writes\n{installation.output('worker')}")
    assert ask_to_stop(installation, "worker") == 0, installation.output("worker")
    assert not Lane.objects.filter(claim__isnull=False).exists()
    assert not Delivery.objects.filter(state="in_flight").exists()
    # a pump claims for twenty seconds, in which it does all of them
    assert settled_deliveries() < ALL


def test_what_a_stopped_worker_left_is_done_by_the_next_one(installation: Installation) -> None:
    slow(installation, 0.1)
    installation.start("web", "beat")
    post_all(installation)
    for least in (20, 100):
        start_worker(installation, "worker")
        wait_until(lambda least=least: writes(installation) >= least, f"{least} writes")  # type: ignore[misc]
        ask_to_stop(installation, "worker")
    start_worker(installation, "worker")
    wait_until(installation.settled(ALL), f"all settled\n{installation.output('worker')}")
    check_all_arrived_once_and_in_order(installation)
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


@dataclass
class Sender:
    """Posts the events of ``post_all`` in small lists, each round when it is let go; what got no answer is sent again,
    as a sender does."""

    installation: Installation
    gates: list[threading.Event] = field(default_factory=lambda: [threading.Event() for _ in range(ROUNDS)])

    def run(self) -> None:
        for number, gate in enumerate(self.gates, start=1):
            assert gate.wait(120)
            for start in range(1, RECORDS + 1, 10):
                records = range(start, start + 10)
                self._post([event(id=r, title=f"Record {r} round {number}", event_id=f"{r}-{number}") for r in records])
                time.sleep(0.05)

    def _post(self, events: list[Any]) -> None:
        while True:
            try:
                assert self.installation.post(events)["accepted"] == len(events)
                return
            except requests.RequestException:
                time.sleep(0.1)


def test_a_rolling_restart_of_web_and_workers_loses_and_doubles_nothing(installation: Installation) -> None:
    slow(installation, 0.2)
    installation.start("web", "beat")
    start_worker(installation, "worker")
    start_worker(installation, "worker-2")
    sender = Sender(installation)
    thread = threading.Thread(target=sender.run, daemon=True)
    thread.start()
    for number, name in enumerate(("worker", "web", "worker-2", "web", "worker")):
        sender.gates[number].set()
        wait_until(lambda least=number * RECORDS: Delivery.objects.count() > least, "a part of the round is in")  # type: ignore[misc]
        wait_until(lambda: Lane.objects.filter(claim__isnull=False).exists(), "workers are busy")
        code = ask_to_stop(installation, name)
        if name == "web":
            assert Delivery.objects.count() < (number + 1) * RECORDS
            installation.start("web")
        else:
            assert code == 0, installation.output(name)
            start_worker(installation, name)
        wait_until(lambda all=(number + 1) * RECORDS: Delivery.objects.count() == all, "the round is in")  # type: ignore[misc]
    thread.join(timeout=60)
    wait_until(installation.settled(ALL), f"all settled\n{installation.output('worker')}")
    check_all_arrived_once_and_in_order(installation)
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


# --- the command, without processes ---------------------------------------------------------------------------------


def busy_lane(connector_id: int, key: str, *, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_lane (connector_id, key, claim, due_at)
            VALUES (%s, %s, %s, clock_timestamp() + make_interval(secs => %s))
            """,
            [connector_id, key, new_id(), seconds],
        )


def test_when_time_is_up_the_command_says_what_is_still_under_way(installation: Installation) -> None:
    target = installation.sample.connector
    busy_lane(target.pk, "wo:7", seconds=60)
    busy_lane(target.pk, "wo:8", seconds=60)
    busy_lane(target.pk, "wo:9", seconds=-1)  # its worker died: nobody is at it
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("drain", "--seconds", "0.3", stdout=out)
    assert caught.value.returncode == 1
    assert str(caught.value).startswith("Time is up. Records under way: 2 (Help Desk: 2). ")
    assert str(caught.value).endswith("Still at work: wo:7 of Help Desk, wo:8 of Help Desk.")
    assert out.getvalue() == "Records under way: 2 (Help Desk: 2). Waiting for at most 0 s.\n"
    assert Drain.objects.exists()
    assert manage("drain", "--status").endswith("Records under way: 2 (Help Desk: 2).\n")
    Lane.objects.all().delete()
    assert manage("drain") == (
        "A drain is on already.\nNothing is under way. The workers begin nothing until you run: manage.py drain --end\n"
    )
    assert manage("drain", "--end") == "The workers go on.\n"
    assert manage("drain", "--end") == "No drain is on; the workers go on as before.\n"
    assert manage("drain", "--status") == "No drain is on.\nNothing is under way.\n"


def test_a_claim_that_began_before_the_drain_is_waited_for(installation: Installation) -> None:
    """Its transaction is open when the drain begins, so nobody sees yet what it took."""
    target = installation.sample.connector
    claimed, commit = threading.Event(), threading.Event()

    def claim() -> None:
        with transaction.atomic():
            busy_lane(target.pk, "wo:7", seconds=60)
            claimed.set()
            commit.wait(30)
        connection.close()

    thread = threading.Thread(target=claim)
    thread.start()
    assert claimed.wait(30)
    assert draining.begin()
    try:
        left = draining.wait(0.5, say=lambda *_: None)
        assert (left.count, left.is_certain) == (0, False)
        with pytest.raises(CommandError, match="hides whether something is still under way"):
            call_command("drain", "--seconds", "0.1", stdout=io.StringIO())
    finally:
        commit.set()
        thread.join()
    left = draining.wait(1, say=lambda *_: None)
    assert (left.count, left.is_certain, left.named) == (1, True, ("wo:7 of Help Desk",))
