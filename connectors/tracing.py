"""Which call belongs to which delivery, and to whose request: W3C Trace Context, and OpenTelemetry where it is wanted.

While OTEL_EXPORTER_OTLP_ENDPOINT is not set nothing is recorded: the ``traceparent`` that came with an event goes out
with the calls that it leads to, and that is all. Spans hold ids and outcomes; never an address's path, a payload or a
sentence, which may quote one.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
from collections.abc import Mapping
from contextvars import ContextVar, Token
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from opentelemetry.trace import Span as RecordedSpan

    from .trace_export import Exporter

logger = logging.getLogger(__name__)

HEADER: Final = "traceparent"
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_present: ContextVar[str] = ContextVar("traceparent", default="")

Value = str | int | bool


def parse(header: str) -> str:
    """The header's value in the form of version 00; empty when it is not valid."""
    found = _FORM.fullmatch(header.strip())
    if found is None:
        return ""
    form, trace_id, span_id, flags, more = found.groups()
    if form == "ff" or (form == "00" and more) or trace_id == "0" * 32 or span_id == "0" * 16:
        return ""
    return f"00-{trace_id}-{span_id}-{flags}"


def carried() -> dict[str, str]:
    """What to keep with an event that is accepted now, so that its deliveries belong to the same trace."""
    present = _present.get()
    return {HEADER: present} if present else {}


class Span:
    """Something that takes time; a context manager. What begins within belongs to it.

    ``kind`` is server, consumer or client. ``parent`` is a traceparent; without one it belongs to the span around it.
    """

    __slots__ = ("_kind", "_name", "_parent", "_recorded", "_token")
    _token: Token[str]

    def __init__(self, name: str, *, kind: str, parent: str = "") -> None:
        self._name, self._kind, self._parent = name, kind, parent
        self._recorded: RecordedSpan | None = None

    def __enter__(self) -> Span:
        parent = self._parent or _present.get()
        exporter = _exporter()
        if exporter is not None:
            self._recorded, parent = exporter.begin(self._name, self._kind, parent, {})
        self._token = _present.set(parent)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _present.reset(self._token)
        if self._recorded is not None:
            if kind is not None:
                self.failed(kind.__name__)
            self._recorded.end()

    @property
    def is_recorded(self) -> bool:
        """Whether anybody will see what is told."""
        return self._recorded is not None and self._recorded.is_recording()

    def tell(self, **attributes: Value) -> None:
        """Add attributes; ``__`` in a name stands for a dot."""
        if self._recorded is not None:
            self._recorded.set_attributes({name.replace("__", "."): value for name, value in attributes.items()})

    def failed(self, code: str) -> None:
        """Mark it as failed; ``code`` is a reason code or the name of an error class."""
        if self._recorded is not None:
            _failed(self._recorded, code)


class Outgoing:
    """One call to another system, from ``begin_call`` to ``end``."""

    __slots__ = ("_recorded", "_traceparent")

    def __init__(self, traceparent: str, recorded: RecordedSpan | None) -> None:
        self._traceparent, self._recorded = traceparent, recorded

    def headers(self, given: Mapping[str, str] | None) -> Mapping[str, str] | None:
        """The headers of the call, ours among them unless the caller gave one."""
        if not self._traceparent or any(name.lower() == HEADER for name in given or ()):
            return given
        return {**(given or {}), HEADER: self._traceparent}

    def end(self, *, status: int | None, error: str) -> None:
        """``status`` of the answer, None when there was none; ``error`` is the class of what was raised."""
        if self._recorded is None:
            return
        if status is not None:
            self._recorded.set_attribute("http.response.status_code", status)
        if error or (status or 0) >= 400:
            _failed(self._recorded, error or str(status))
        self._recorded.end()


_NOTHING: Final = Outgoing("", None)


def begin_call(method: str, url: str, purpose: str) -> Outgoing:
    """Begin a call that belongs to the present span; call ``end`` on it whatever happens."""
    present = _present.get()
    exporter = _exporter()
    if exporter is None:
        return Outgoing(present, None) if present else _NOTHING
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    attributes: dict[str, Value] = {"http.request.method": method, "server.address": host, "broker.purpose": purpose}
    recorded, traceparent = exporter.begin(method, "client", present, attributes)
    return Outgoing(traceparent, recorded)


# --- recording ----------------------------------------------------------------------------------------------------


@cache
def _exporter() -> Exporter | None:
    """The process's own, made at its first span; None when nothing is exported."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return None
    try:
        from .trace_export import Exporter  # an extra: everything else works without it
    except ImportError:
        logger.warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but no traces are exported: install opentelemetry-sdk and "
            "opentelemetry-exporter-otlp-proto-http."
        )
        return None
    return Exporter()


os.register_at_fork(after_in_child=_exporter.cache_clear)  # the thread that exports is not in the child


@atexit.register
def end() -> None:
    """Export what is not exported yet. Call it where a process ends without its exit functions."""
    exporter = _exporter() if _exporter.cache_info().currsize else None
    if exporter is not None:
        exporter.end()


def _failed(recorded: RecordedSpan, code: str) -> None:
    from .trace_export import mark_failed

    mark_failed(recorded, code)
