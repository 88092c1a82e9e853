"""Starts the broker's processes on one machine, watches them, and stops every one of them at the end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any

from broker_project.lib.errors import Misconfigured

WEB_LOG = Path(__file__).resolve().parent.parent / "docs" / "granian-logging.json"
"""Lets the web server write its lines as JSON."""
STOP_SECONDS = 30.0
"""How long a process may take to finish what it is doing."""
RESTARTS_PER_MINUTE = 5
TAIL_LINES = 8
_PR_SET_PDEATHSIG = 1


class Stopped(Exception):
    """Ctrl-C or a termination signal."""


@dataclass(frozen=True)
class Process:
    """One process to run: a name for people and its command line. One that ``outlives`` the others stops after them,
    since they call it."""

    name: str
    argv: Sequence[str]
    outlives: bool = False


@dataclass
class _Running:
    process: Process
    popen: subprocess.Popen[bytes]
    starts: list[float] = field(default_factory=list)


def _end_with_parent() -> None:
    """In the child: end when the parent is killed, so that nothing is left behind (Linux only)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Runs processes with their output in log files, starts one again when it dies, stops all at the end.

    Use it as a context manager; ``say`` gets one sentence at a time.
    """

    def __init__(self, *, logs: Path, say: Callable[[str], object]) -> None:
        self._logs = logs
        self._say = say
        self._running: list[_Running] = []
        self._files: list[IO[bytes]] = []

    def __enter__(self) -> Supervisor:
        self._logs.mkdir(parents=True, exist_ok=True)
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, _stop_now)
        return self

    def __exit__(self, *_: Any) -> None:
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)  # a second Ctrl-C must not leave processes behind
        self._stop_all()
        for file in self._files:
            file.close()

    def start(self, process: Process) -> None:
        self._running.append(_Running(process, self._open(process), [time.monotonic()]))

    def pid(self, name: str) -> int:
        """Process id of the running process ``name``."""
        return next(entry.popen.pid for entry in self._running if entry.process.name == name)

    def watch(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Keep the processes running until ``until()`` says so. Raises Misconfigured when one keeps dying."""
        while not until():
            self.check()
            time.sleep(0.2)

    def check(self) -> None:
        """Start again what died. Raises Misconfigured when a process dies again and again."""
        for entry in self._running:
            code = entry.popen.poll()
            if code is None:
                continue
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            now = time.monotonic()
            entry.starts = [start for start in entry.starts if now - start < 60]
            if len(entry.starts) >= RESTARTS_PER_MINUTE:
                raise Misconfigured(
                    f"The {entry.process.name} process {how}, {len(entry.starts)} times within a minute. Everything is "
                    f"stopped. Its output is in {self.log_path(entry.process)}; the last lines:",
                    detail=self.tail(entry.process),
                )
            self._say(f"The {entry.process.name} process {how}; it is started again.")
            entry.starts.append(now)
            entry.popen = self._open(entry.process)

    def wait_for(self, url: str, *, process: str, seconds: float = 60.0) -> None:
        """Wait until ``url`` answers. Raises Misconfigured when it does not in time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with (
                contextlib.suppress(urllib.error.URLError, OSError),
                urllib.request.urlopen(url, timeout=2),  # noqa: S310 - our own loopback address
            ):
                return
            self.check()
            time.sleep(0.1)
        entry = next(entry for entry in self._running if entry.process.name == process)
        raise Misconfigured(
            f"The {process} process did not answer within {seconds:.0f} seconds. Its output is in "
            f"{self.log_path(entry.process)}; the last lines:",
            detail=self.tail(entry.process),
        )

    def log_path(self, process: Process) -> Path:
        return self._logs / f"{process.name}.log"

    def tail(self, process: Process) -> str:
        lines = self.log_path(process).read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])

    def _open(self, process: Process) -> subprocess.Popen[bytes]:
        file = self.log_path(process).open("ab")
        self._files.append(file)
        return subprocess.Popen(
            list(process.argv),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=dict(os.environ),
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the others in order
            preexec_fn=_end_with_parent,  # no threads run at this point
        )

    def _stop_all(self) -> None:
        alive = [entry for entry in self._running if entry.popen.poll() is None]
        for outlives in (False, True):
            self._stop([entry for entry in alive if entry.process.outlives is outlives])

    def _stop(self, alive: Sequence[_Running]) -> None:
        for entry in reversed(alive):
            entry.popen.send_signal(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        for entry in alive:
            try:
                entry.popen.wait(timeout=max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"The {entry.process.name} process did not stop in time and is ended.")
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(entry.popen.pid, signal.SIGKILL)
                entry.popen.wait()


def _stop_now(number: int, frame: FrameType | None) -> None:
    raise Stopped


def free_port(port: int, *, option: str) -> None:
    """Raises Misconfigured when ``port`` on this machine is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise Misconfigured(
                f"Port {port} cannot be used ({getattr(error, 'strerror', None) or error}). Choose another with "
                f"{option} {port + 1 if port < 65535 else 8000}, or end the program that uses it."
            ) from error


def broker_processes(port: int, *, host: str = "127.0.0.1") -> list[Process]:
    """Web, worker and beat."""
    in_json = os.environ.get("LOG_FORMAT") == "json"
    celery = [sys.executable, "-m", "celery", "-A", "broker_project", *(["--quiet"] if in_json else [])]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    workers = os.environ.get("BROKER_WORKERS", "2")
    # More threads share one commit (see events.group_commit); beyond 16 it costs as much in switching as it saves.
    web = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port),
        "--workers", os.environ.get("BROKER_WEB_WORKERS", "2"), "--blocking-threads", "16", "--no-ws",
        "--respawn-failed-workers", "--workers-kill-timeout", "10",
        *(["--log-config", str(WEB_LOG)] if in_json else []), "broker_project.wsgi:application",
    ]  # fmt: skip
    return [
        Process("web", web),
        Process("worker", [*celery, "worker", "--loglevel", "INFO", "--concurrency", workers, *quiet]),
        Process("beat", [*celery, "beat", "--loglevel", "INFO", "--pidfile", ""]),
    ]


def sandbox_process(field_nation_port: int, help_desk_port: int, *, data: Path) -> Process:
    """The simulated Field Nation and Help Desk."""
    ports = ["--fieldnation-port", str(field_nation_port), "--helpdesk-port", str(help_desk_port)]
    argv = [sys.executable, "-m", "broker_project.sandbox", *ports, "--data-dir", str(data)]
    return Process("sandbox", argv, outlives=True)
