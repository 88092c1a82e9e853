"""The child process: reads scripts from its standard input, evaluates them one by one, ends when the input closes.

What scripts trace, and what the evaluator says when it dies, goes to standard error, which the parent reads too.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

from . import host
from .frames import LIBRARY_FILE, REQUEST_HEADER, SCRIPT_FILE, Answer, Ask, pack_reply
from .libjsonnet import Evaluator
from .limits import Limits

# An error text can hold whatever a script put into it. Its end has the lines, so the middle is cut.
_ERROR_END_BYTES = 8 * 1024
# Enough for the pipes, the memory figures and the one zone file that a date conversion opens.
_OPEN_FILES = 16


def main() -> None:
    limits = Limits(**json.loads(sys.argv[1]))
    # Imports, and what the host program offers, have names that no script can know.
    secret = os.urandom(12).hex()
    worker = _Worker(limits, secret)
    worker.answer(Ask.RUN, b"$.util.date_convert('2026-01-31', 'YYYY-MM-DD', 'D MMM')", b"{}")  # parses the library
    _limit_process()
    worker.limit_memory()
    _write(pack_reply(Answer.READY))
    while header := _read(REQUEST_HEADER.size):
        ask, script_bytes, input_bytes = REQUEST_HEADER.unpack(header)
        script, input_json = _read(script_bytes), _read(input_bytes)
        _limit_cpu(limits)
        answer, body = worker.answer(ask, script, input_json)
        last = worker.is_worn()
        _write(pack_reply(answer, body, last=last))
        if last:
            return


class _Worker:
    def __init__(self, limits: Limits, secret: str) -> None:
        self._limits = limits
        self._input = "{}"
        self._evaluator = Evaluator(
            library=Path(__file__).with_name("library.libsonnet").read_bytes(),
            library_name=secret,
            library_file=LIBRARY_FILE,
            stack_frames=limits.stack_frames,
        )
        for name, parameters, function in (
            ("input", 0, lambda: self._input),
            ("number", 1, host.number),
            ("index", 1, host.index),
            ("date_convert", 5, host.date_convert),
            ("date_add", 2, host.date_add),
        ):
            self._evaluator.add_native(f"{secret}.{name}", parameters, function)
        # One line each (frames.PREFIX_LINES). The line end before the bracket lets a script end in a comment.
        wrap = (
            f'{{ input:: std.parseJson(std.native("{secret}.input")()), '
            f'util:: (import "{secret}")(function(name) std.native("{secret}." + name)), output: %s }}'
        )
        self._wrap_run = (wrap % "(\n%s\n)").encode()
        # Scripts were written for the C++ evaluator, which rounds halves up, -2.5 to -2; Go rounds it to -3. An
        # extended std is slow, so it is for scripts that round only.
        self._wrap_rounding = (wrap % "(function(std) (\n%s\n))(std + { round(x):: std.floor(x + 0.5) })").encode()
        # Parsed twice, never evaluated: what closes a bracket of its own cannot also close the other kind.
        self._wrap_check: tuple[bytes, ...] = tuple(
            f"local parsed = {{ input:: {{}}, util:: {{}}, output: {opened}\n%s\n{closed} }}; null".encode()
            for opened, closed in ("()", "[]")
        )
        self._memory = _Memory()
        self._memory_at_start = self._memory.resident_bytes()

    def answer(self, ask: int, script: bytes, input_json: bytes) -> tuple[Answer, bytes]:
        self._input = input_json.decode()
        wraps = self._wrap_check
        if ask == Ask.RUN:
            wraps = (self._wrap_rounding if b"round" in script else self._wrap_run,)
        try:
            for wrap in wraps:
                worked, text = self._evaluator.evaluate(SCRIPT_FILE, wrap % script)
                if not worked:
                    refused = self._evaluator.import_refused
                    return Answer.IMPORT_REFUSED if refused else Answer.ERROR, _without_middle(text)
        except MemoryError:
            return Answer.OUT_OF_MEMORY, b""
        if len(text) > self._limits.output_bytes:
            return Answer.OUTPUT_TOO_LARGE, b""
        return Answer.VALUE, text

    def is_worn(self) -> bool:
        """Whether a script has left so much memory behind that the next one should have a fresh process."""
        return self._memory.resident_bytes() - self._memory_at_start > self._limits.memory_bytes // 2

    def limit_memory(self) -> None:
        # RLIMIT_AS is of no use: the Go runtime reserves far more addresses than it uses. RLIMIT_DATA counts what is
        # writable, and the kernel says how much that is already.
        data_bytes = self._memory.data_bytes()
        if data_bytes:
            most = data_bytes + self._limits.memory_bytes
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))


class _Memory:
    """The kernel's figures for this process; 0 where there is no /proc. (``ru_maxrss`` starts with the parent's.)"""

    def __init__(self) -> None:
        path = "/proc/self/statm"
        self._file = os.open(path, os.O_RDONLY) if os.path.exists(path) else None

    def resident_bytes(self) -> int:
        return self._pages(1) * resource.getpagesize()

    def data_bytes(self) -> int:
        return self._pages(5) * resource.getpagesize()

    def _pages(self, column: int) -> int:
        return 0 if self._file is None else int(os.pread(self._file, 200, 0).split()[column])


def _without_middle(text: bytes) -> bytes:
    if len(text) <= 2 * _ERROR_END_BYTES:
        return text
    return text[:_ERROR_END_BYTES] + b" ... " + text[-_ERROR_END_BYTES:]


def _limit_process() -> None:
    for stop in (signal.SIGTERM, signal.SIGINT):  # a service that stops lets its workers finish, and they need us
        signal.signal(stop, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    # Not RLIMIT_NPROC: it counts all of the user's processes, and the Go runtime starts threads when it needs them.


def _limit_cpu(limits: Limits) -> None:
    """Also ends a script that runs on after the parent was killed."""
    seconds = int(time.process_time()) + 1 + limits.cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))


def _read(size: int) -> bytes:
    """Exactly ``size`` bytes, or nothing when the parent is gone."""
    content = b""
    while len(content) < size:
        some = os.read(0, size - len(content))
        if not some:
            return b""
        content += some
    return content


def _write(content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(1, rest) :]
