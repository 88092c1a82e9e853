"""The parent's side of one child process: start it, ask it, end it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from .frames import REPLY_HEADER, Answer
from .limits import Limits

_START = "import sys; sys.path[:] = {path!r}; from mappings.jsonnet.evaluate import main; main()"
_READ_BYTES = 64 * 1024
_ANSWERS = frozenset(Answer)
# Of standard error the first part has the traces, the last part says why a process died.
_KEPT_BEYOND_TRACES_BYTES = 16 * 1024
_LAST_WORDS_BYTES = 4 * 1024
_GO_DIED = re.compile(rb"^(?:fatal error|FATAL ERROR|runtime/cgo|runtime): .*", re.MULTILINE)
_MEMORY_SPENT = (b"out of memory", b"cannot allocate memory", b"pthread_create failed", b"allocation error occurred")


class End(Enum):
    """Why a child process gave no answer."""

    TIME = "time"
    CPU = "cpu"
    MEMORY = "memory"
    STACK = "stack"
    DIED = "died"
    GARBLED = "garbled"


class ChildEnded(Exception):
    """No answer, and the child is of no more use. ``detail`` says what the process left behind."""

    def __init__(self, end: End, *, detail: str = "", stderr: bytes = b"") -> None:
        super().__init__(end.value)
        self.end, self.detail, self.stderr = end, detail, stderr


@dataclass(frozen=True)
class Reply:
    """``stderr`` is what was written there while the script ran, cut; ``last`` says that the child ends now."""

    answer: Answer
    body: bytes
    stderr: bytes
    last: bool


class Child:
    """One process. Used by one thread at a time; after any exception from ``ask`` it must be ended."""

    def __init__(self, limits: Limits) -> None:
        """Raises OSError when no process can be started, ChildEnded when it does not become ready."""
        self._limits = limits
        path = [entry or os.getcwd() for entry in sys.path]
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", "-B", "-c", _START.format(path=path)),
                json.dumps(dataclasses.asdict(limits)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_go_settings(limits),
            process_group=0,  # a Ctrl-C in the terminal is for the parent, which may want to finish its work
        )
        self._pipes = [p for p in (self._process.stdin, self._process.stdout, self._process.stderr) if p]
        self._in, self._out, self._err = (pipe.fileno() for pipe in self._pipes)
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)
        self._words = _Words(limits)
        try:
            if self._receive(time.monotonic() + limits.start_seconds).answer is not Answer.READY:
                raise ChildEnded(End.GARBLED)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: bytes) -> Reply:
        """The answer to one request (frames.pack_request). Raises ChildEnded."""
        deadline = time.monotonic() + self._limits.wall_seconds
        self._words = _Words(self._limits)
        self._send(request, deadline)
        return self._receive(deadline)

    def kill(self) -> None:
        """Make the thread in ``ask`` end with ChildEnded. The only method that another thread may call."""
        self._process.kill()

    def end(self) -> None:
        """Kill the process, if it still runs, and collect it."""
        self.kill()
        self._process.wait()
        self._close_pipes()

    def disown(self) -> None:
        """For a forked copy of the parent: close our copies of the pipes, and leave the process to its real parent."""
        self._close_pipes()
        self._process.returncode = 0  # not ours to wait for

    def _close_pipes(self) -> None:
        for pipe in self._pipes:
            pipe.close()

    def _send(self, request: bytes, deadline: float) -> None:
        rest = memoryview(request)
        try:
            while rest:
                with contextlib.suppress(BlockingIOError):
                    rest = rest[os.write(self._in, rest) :]
                    continue
                self._ready(deadline, (self._in, select.POLLOUT))
        except BrokenPipeError:
            raise self._died() from None

    def _receive(self, deadline: float) -> Reply:
        content = bytearray()
        while not (reply := self._reply(content)):
            for pipe in self._ready(deadline, (self._out, select.POLLIN), (self._err, select.POLLIN)):
                some = os.read(pipe, _READ_BYTES)
                if not some:
                    raise self._died()
                if pipe == self._out:
                    content += some
                else:
                    self._words.add(some)
        return reply

    def _reply(self, content: bytearray) -> Reply | None:
        """The reply in ``content``, None while it is incomplete."""
        if len(content) < REPLY_HEADER.size:
            return None
        code, last, size = REPLY_HEADER.unpack_from(content)
        end = REPLY_HEADER.size + size
        if code not in _ANSWERS or size > self._limits.output_bytes + _READ_BYTES or len(content) > end:
            raise ChildEnded(End.GARBLED, detail=repr(bytes(content[:80])), stderr=self._words.kept)
        if len(content) < end:
            return None
        for some in self._waiting_words():  # written before the reply, so already there
            self._words.add(some)
        return Reply(Answer(code), bytes(content[REPLY_HEADER.size :]), self._words.kept, bool(last))

    def _ready(self, deadline: float, *wanted: tuple[int, int]) -> list[int]:
        poll = select.poll()
        for pipe, events in wanted:
            poll.register(pipe, events)
        rest_ms = (deadline - time.monotonic()) * 1000
        ready = [pipe for pipe, _ in poll.poll(rest_ms)] if rest_ms > 0 else []
        if not ready:
            raise ChildEnded(End.TIME, stderr=self._words.kept)
        return ready

    def _waiting_words(self) -> Iterator[bytes]:
        with contextlib.suppress(BlockingIOError):
            while some := os.read(self._err, _READ_BYTES):
                yield some

    def _died(self) -> ChildEnded:
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:  # it closed its pipes and lives on
            return ChildEnded(End.GARBLED, stderr=self._words.kept)
        for some in self._waiting_words():
            self._words.add(some)
        kept, last_words = self._words.kept, self._words.last
        if found := _GO_DIED.search(kept):
            kept = kept[: found.start()]
        found = found or _GO_DIED.search(last_words)
        last_words = found[0] if found else last_words
        end = End.DIED
        if code == -signal.SIGXCPU:
            end = End.CPU
        elif any(mark in last_words for mark in _MEMORY_SPENT):
            end = End.MEMORY
        elif b"stack exceeds" in last_words:
            end = End.STACK
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        detail = f"{how} {last_words.decode('utf-8', 'replace')}".strip()
        return ChildEnded(end, detail=detail, stderr=kept)


class _Words:
    """What came on standard error during one run: the beginning, as far as traces may go, and the end."""

    def __init__(self, limits: Limits) -> None:
        self._room = limits.trace_bytes + _KEPT_BEYOND_TRACES_BYTES
        self._kept = bytearray()
        self.last = b""

    def add(self, some: bytes) -> None:
        self._kept += some[: self._room - len(self._kept)]
        self.last = (self.last + some)[-_LAST_WORDS_BYTES:]

    @property
    def kept(self) -> bytes:
        return bytes(self._kept)


def _go_settings(limits: Limits) -> dict[str, str]:
    """The child's whole environment: collect garbage seldom until memory runs short, and die without a long dump."""
    return {"GOGC": "800", "GOMEMLIMIT": str(limits.memory_bytes // 4 * 3), "GOTRACEBACK": "none"}
