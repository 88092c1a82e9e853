"""The broker's processes and the simulators of one run: started, killed as a crash kills them, started again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker_project.lib.errors import BrokerError, Misconfigured
from broker_project.processes import Process, broker_processes
from connectors.http import Caller

from .ground import DESKS, Ground

PROJECT = Path(__file__).resolve().parents[2]
WORKERS = ("worker-1", "worker-2")
START_SECONDS = 60.0
STOP_SECONDS = 15.0
# The program ends with the prover, even when that is killed: set in the child, kept across exec (Linux only).
_ENDS_WITH_US = (
    "import ctypes, os, sys\n"
    "try: ctypes.CDLL(None).prctl(1, 15)\n"
    "except (OSError, AttributeError): pass\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True)
class Applications:
    """What the processes load. Tests give others in order to plant a fault."""

    celery: str = "broker_project"
    wsgi: str = "broker_project.wsgi:application"


@dataclass
class Installation:
    """Use it as a context manager. Start processes from the main thread: they end when the thread that began them
    does."""

    ground: Ground
    applications: Applications = field(default_factory=Applications)
    restarts: int = 0
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def furnish(self) -> dict[str, Any]:
        """Migrate and configure; returns what ``furnish`` printed. Raises Misconfigured with its last words."""
        urls = {name: self.ground.url(name) for name in ("field_nation", *DESKS)}
        done = subprocess.run(
            [sys.executable, "-m", "broker_project.prove.furnish", json.dumps(urls)],
            cwd=PROJECT, env=self.ground.environment, capture_output=True, text=True, timeout=300,
            start_new_session=True,
        )  # fmt: skip
        if done.returncode:
            raise Misconfigured("The run's database could not be set up; the last lines:", detail=done.stderr[-2000:])
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def start(self, *names: str) -> None:
        """Start processes that are not running."""
        for process in self._processes():
            if process.name in names and not self.is_running(process.name):
                self._running[process.name] = self._open(process)

    def wait_for_web(self) -> None:
        """Raises Misconfigured when the web process never answers."""
        self.wait_for(f"{self.ground.url('web')}/admin/login/", "web")

    def wait_for(self, url: str, name: str) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(BrokerError):
                Caller(allow_private=True, timeout=(1, 5)).request("GET", url, purpose="is it up")
                return
            self.revive()
            time.sleep(0.1)
        raise Misconfigured(f"The process {name} did not answer; its last lines:", detail=self.tail(name))

    def is_running(self, name: str) -> bool:
        return name in self._running and self._running[name].poll() is None

    def kill(self, name: str) -> None:
        """kill -9 of a process and everything under it."""
        popen = self._running.pop(name, None)
        if popen is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()

    def kill_child(self, name: str) -> bool:
        """kill -9 of the process that does the work under ``name``, whose parent starts another; whether there was
        one."""
        popen = self._running.get(name)
        found = children(popen.pid) if popen is not None else []
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(found)

    def revive(self) -> None:
        """Start again what ended by itself, as a service manager does."""
        for name, popen in list(self._running.items()):
            if popen.poll() is not None:
                self.restarts += 1
                del self._running[name]
                self.start(name)

    def stop(self) -> None:
        """End everything, the broker before the simulators; what does not end in time is killed."""
        for name in ("beat", *WORKERS, "web", "revived", "targets"):
            if name in self._running:
                self._running[name].send_signal(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        for name, popen in list(self._running.items()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                popen.wait(timeout=max(0.1, until - time.monotonic()))
            self.kill(name)  # what it left behind, too

    def tail(self, name: str, lines: int = 12) -> str:
        path = self.ground.folder / "logs" / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def _processes(self) -> list[Process]:
        found = [self._targets("targets", ("storm", "healthy", "two_way"), field_nation=True)]
        found.append(self._targets("revived", ("dead",)))
        for process in broker_processes(self.ground.ports["web"]):
            argv = [self._application(word) for word in process.argv]
            if process.name == "worker":
                place = argv.index("--concurrency") + 1
                argv[place] = "1"
                found += [Process(name, [*argv, "--hostname", f"{name}@%h"]) for name in WORKERS]
            else:
                found.append(Process(process.name, argv))
        return found

    def _application(self, word: str) -> str:
        return {
            "broker_project": self.applications.celery,
            "broker_project.wsgi:application": self.applications.wsgi,
        }.get(word, word)

    def _targets(self, name: str, desks: Sequence[str], *, field_nation: bool = False) -> Process:
        ports = self.ground.ports
        argv = [sys.executable, "-m", "broker_project.prove.targets", "--data-dir", str(self.ground.folder / "targets")]
        if field_nation:
            argv += ["--field-nation", str(ports["field_nation"])]
        for desk in desks:
            argv += ["--desk", f"{desk}:{ports[desk]}"]
        return Process(name, argv)

    def _open(self, process: Process) -> subprocess.Popen[bytes]:
        with (self.ground.folder / "logs" / f"{process.name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _ENDS_WITH_US, *process.argv], cwd=PROJECT,
                env=self.ground.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip


def children(pid: int) -> list[int]:
    """Processes whose parent is ``pid``; none where the system has no /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found
