"""Run custom scripts so that a hostile one harms only itself."""

from __future__ import annotations

import json
import os
import threading
import weakref
from typing import Any

from broker_project.lib.errors import Misconfigured, Unavailable
from mappings.scripts import ScriptResult

from . import errors
from .child import Child, ChildEnded, Reply
from .errors import ErrorKind, ScriptError
from .frames import Answer, Ask, pack_request
from .limits import Limits
from .traces import read_traces


class Sandbox:
    """Evaluates scripts in a few long-lived child processes; threads may share one. A ``ScriptRunner``.

    Children start when first needed, are replaced when a script spoils them, and end with ``close()`` or with this
    process. A forked copy of this process (Celery's prefork) starts its own.
    """

    def __init__(self, *, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        self._reset()
        _sandboxes.add(self)

    def run(self, script: str, input: dict[str, Any], *, name: str) -> ScriptResult:
        """Evaluate ``script`` with ``$.input`` = ``input``; ``name`` is what errors and traces call it.

        Raises ScriptError (a MappingError) for what script and input cause, Misconfigured when the evaluator cannot
        start here, Unavailable when this machine cannot start a process now.
        """
        request = pack_request(Ask.RUN, self._script_bytes(script, name), self._input_bytes(input, name))
        reply = self._ask(request, name)
        traces = read_traces(reply.stderr, name=name, limits=self._limits)
        if reply.answer is not Answer.VALUE:
            raise errors.refused(reply.answer, reply.body, script=script, name=name, limits=self._limits, traces=traces)
        return ScriptResult(value=self._value(reply.body, name, traces), trace=traces)

    def check(self, script: str, *, name: str) -> None:
        """Parse ``script`` without running it, for the moment it is saved. Raises ScriptError with the line."""
        reply = self._ask(pack_request(Ask.CHECK, self._script_bytes(script, name), b"{}"), name)
        if reply.answer is not Answer.VALUE:
            raise errors.refused(reply.answer, reply.body, script=script, name=name, limits=self._limits)

    def close(self) -> None:
        """End all children, also those at work. The sandbox is of no more use."""
        with self._lock:
            self._closed = True
            idle = [*self._idle]
            self._idle.clear()
            busy = self._children.difference(idle)
        for child in idle:
            self._discard(child)
        for child in busy:  # its thread is waiting at its pipes, sees them close and discards it
            child.kill()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.BoundedSemaphore(self._limits.children)
        self._idle: list[Child] = []
        self._children: set[Child] = set()
        self._closed = False

    def _forget_after_fork(self) -> None:
        for child in self._children:
            child.disown()
        self._reset()

    def _script_bytes(self, script: str, name: str) -> bytes:
        content = script.encode("utf-8", "replace")
        if len(content) > self._limits.script_bytes:
            what = f"it is longer than {self._limits.script_bytes:,} bytes. Make it smaller."
            raise ScriptError(ErrorKind.LIMIT, name=name, what=what)
        if "\0" in script:
            raise ScriptError(ErrorKind.SYNTAX, name=name, what="it holds a NUL character. Remove it.")
        if not script.strip():
            raise ScriptError(ErrorKind.SYNTAX, name=name, what="it is empty. Write an expression, for example null.")
        return content

    def _input_bytes(self, input: dict[str, Any], name: str) -> bytes:
        try:
            content = json.dumps(input, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, ValueError, RecursionError) as error:
            what = "its input is not plain JSON, so it cannot be given to a script."
            raise ScriptError(ErrorKind.TYPE, name=name, what=what, detail=str(error)) from None
        if len(content) > self._limits.input_bytes:
            what = f"its input is larger than {self._limits.input_bytes:,} bytes."
            raise ScriptError(ErrorKind.LIMIT, name=name, what=what)
        return content

    def _ask(self, request: bytes, name: str) -> Reply:
        turn = self._turn
        with turn:
            child = self._take()
            try:
                reply = child.ask(request)
            except ChildEnded as ended:
                self._discard(child)
                traces = read_traces(ended.stderr, name=name, limits=self._limits)
                raise errors.ended(ended, name=name, limits=self._limits, traces=traces) from None
            except BaseException:  # an interrupt in mid-run: the answer that is still to come is nobody's
                self._discard(child)
                raise
            if reply.last:
                self._discard(child)
            else:
                self._put_back(child)
            return reply

    def _take(self) -> Child:
        while True:
            with self._lock:
                if self._closed:
                    raise RuntimeError("This sandbox is closed.")
                child = self._idle.pop() if self._idle else None
            if child is None:
                return self._start()
            if child.is_alive():
                return child
            self._discard(child)

    def _start(self) -> Child:
        try:
            child = Child(self._limits)
        except OSError as error:
            raise Unavailable("No process could be started for custom scripts.", detail=str(error)) from error
        except ChildEnded as ended:
            sentence = "Custom scripts cannot run here: the JSONNET evaluator (package gojsonnet) does not start."
            raise Misconfigured(sentence, detail=ended.detail) from ended
        with self._lock:
            self._children.add(child)
            closed = self._closed
        if closed:
            self._discard(child)
            raise RuntimeError("This sandbox is closed.")
        return child

    def _put_back(self, child: Child) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(child)
                return
        self._discard(child)

    def _discard(self, child: Child) -> None:
        with self._lock:
            self._children.discard(child)
        child.end()

    def _value(self, body: bytes, name: str, traces: tuple[str, ...]) -> Any:
        try:
            result = json.loads(body)
        except (ValueError, RecursionError) as error:
            what = "its result is nested too deeply or is no JSON."
            raise ScriptError(ErrorKind.LIMIT, name=name, what=what, detail=str(error), traces=traces) from None
        if result.keys() != {"output"}:  # `1), more: (2` would close our bracket and open its own
            raise ScriptError(ErrorKind.SYNTAX, name=name, what="its brackets are unbalanced.", traces=traces)
        return result["output"]


_sandboxes: weakref.WeakSet[Sandbox] = weakref.WeakSet()


def _forget_children() -> None:
    for sandbox in list(_sandboxes):
        sandbox._forget_after_fork()


os.register_at_fork(after_in_child=_forget_children)
