"""Records spans with OpenTelemetry and exports them over OTLP/HTTP. Imported only where that is wanted."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from broker_project.lib.version import version

Value = str | int | bool
KINDS = {"server": SpanKind.SERVER, "consumer": SpanKind.CONSUMER, "client": SpanKind.CLIENT}
LAST_SECONDS = 3.0
"""How long the end of a process waits for a receiver that does not answer."""


class Exporter:
    """One a process: its thread exports what has ended, every few seconds. Settings are the OTEL_ variables."""

    def __init__(self) -> None:
        name = os.environ.get("OTEL_SERVICE_NAME") or "integration-broker"
        resource = Resource.create({"service.name": name, "service.version": version()})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("integration-broker")

    def begin(self, name: str, kind: str, parent: str, attributes: Mapping[str, Value]) -> tuple[Span, str]:
        """A span that has begun, and its traceparent; ``parent`` is a valid traceparent or empty."""
        context = Context()
        if parent:
            _, trace_id, span_id, flags = parent.split("-")
            told = SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))
            context = set_span_in_context(NonRecordingSpan(told), context)
        span = self._tracer.start_span(name, context=context, kind=KINDS[kind], attributes=attributes)
        own = span.get_span_context()
        return span, f"00-{own.trace_id:032x}-{own.span_id:016x}-{int(own.trace_flags):02x}"

    def end(self) -> None:
        """Export what is left, for some seconds at most."""
        last = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(LAST_SECONDS)


def mark_failed(span: Span, code: str) -> None:
    """``code`` is a reason code, the name of an error class, or a status."""
    span.set_attribute("error.type", code)
    span.set_status(StatusCode.ERROR)
