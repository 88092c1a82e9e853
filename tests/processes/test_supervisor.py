"""The processes of ``up`` and ``demo``: who is called by others stops after them; what the demo takes for arrived."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_project.demo_run import _arrived
from broker_project.processes import Process, Supervisor
from events.models import Delivery
from events.states import State

CALLED = """
import pathlib, signal, sys, time
def end(*_):
    pathlib.Path(sys.argv[1], "called-ended").touch()
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path(sys.argv[1], "called-runs").touch()
time.sleep(60)
"""
CALLER = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
def end(*_):
    time.sleep(0.5)  # a last call takes its time
    (folder / ("too-late" if (folder / "called-ended").exists() else "answered")).touch()
    sys.exit()
signal.signal(signal.SIGTERM, end)
(folder / "caller-runs").touch()
time.sleep(60)
"""


@pytest.fixture
def own_signals() -> Iterator[None]:
    kept = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for name, handler in kept.items():
        signal.signal(name, handler)


@pytest.mark.usefixtures("own_signals")
def test_who_is_called_stops_after_those_who_call(tmp_path: Path) -> None:
    with Supervisor(logs=tmp_path / "logs", say=print) as supervisor:
        supervisor.start(Process("called", [sys.executable, "-c", CALLED, str(tmp_path)], outlives=True))
        supervisor.start(Process("caller", [sys.executable, "-c", CALLER, str(tmp_path)]))
        until = time.monotonic() + 30
        while not {"called-runs", "caller-runs"} <= {path.name for path in tmp_path.iterdir()}:
            assert time.monotonic() < until
            time.sleep(0.02)

    assert {path.name for path in tmp_path.iterdir()} == {
        "logs",
        "called-runs",
        "caller-runs",
        "answered",
        "called-ended",
    }


@pytest.mark.parametrize(
    ("state", "reason", "arrived"),
    [
        (State.SUCCEEDED, "", True),
        (State.SKIPPED, "no_change", True),
        (State.SKIPPED, "not_ticked", False),
        (State.DEAD, "validation", False),
        (State.RETRYING, "no_change", False),
    ],
)
def test_what_the_demo_takes_for_arrived(state: State, reason: str, arrived: bool) -> None:
    assert _arrived(Delivery(state=state, reason=reason)) is arrived
