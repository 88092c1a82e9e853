"""One trace from the sender's request through the delivery to the call, whether or not anything is recorded."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import pytest

import connectors
from connectors import tracing
from events.models import Delivery, Event
from synclog.models import ApiCall
from tests.flows.conftest import World, event

from .otlp import Got, Receiver

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
SERVER, CLIENT, CONSUMER = 2, 3, 5


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        (PARENT, PARENT),
        (f" {PARENT} ", PARENT),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", PARENT),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"00-{TRACE}-{SPAN}-01-more", ""),
        (f"ff-{TRACE}-{SPAN}-01", ""),
        (f"00-{'0' * 32}-{SPAN}-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (PARENT.upper(), ""),
        ("00-abc\r\nX-Injected: 1", ""),
        ("", ""),
    ],
)
def test_only_a_valid_traceparent_is_taken(header: str, taken: str) -> None:
    assert tracing.parse(header) == taken


# --- without an exporter ------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _new_provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    tracing._exporter.cache_clear()
    yield
    tracing.end()
    tracing._exporter.cache_clear()


def sent_headers() -> list[str | None]:
    """The traceparent of each call to the Help Desk."""
    return [
        {name.lower(): value for name, value in call.request_headers.items()}.get("traceparent")
        for call in ApiCall.objects.order_by("pk")
    ]


def test_what_the_sender_names_goes_out_with_the_calls(world: World) -> None:
    assert world.post(event(), traceparent=PARENT).status_code == 202
    assert Event.objects.get().trace["traceparent"] == PARENT
    assert world.deliver() == 1
    assert set(sent_headers()) == {PARENT}


def test_a_trigger_carries_it_too_and_its_neighbour_gets_none_of_it(world: World) -> None:
    number = world.person_creates_ticket()
    other = world.person_creates_ticket()
    world.http.post(
        f"/integrations/trigger/{world.connector.trigger_token}", {"external_id": number},
        content_type="application/json", headers={"traceparent": PARENT},
    )  # fmt: skip
    world.trigger(other)
    assert world.deliver() == 2
    with_it = ApiCall.objects.filter(log__external_id=str(number))
    without = ApiCall.objects.filter(log__external_id=str(other))
    assert {call.request_headers.get("traceparent") for call in with_it} == {PARENT}
    assert {call.request_headers.get("traceparent") for call in without} == {None}
    assert with_it.count() >= 1
    assert without.count() >= 1


@pytest.mark.parametrize("header", ["", "nonsense", f"00-{'0' * 32}-{SPAN}-01"])
def test_without_a_valid_one_nothing_is_added(world: World, header: str) -> None:
    world.post(event(), traceparent=header)
    assert "traceparent" not in Event.objects.get().trace
    assert world.deliver() == 1
    assert set(sent_headers()) == {None}


def test_missing_packages_are_named_and_nothing_else_changes(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "connectors.trace_export", raising=False)
    monkeypatch.delattr(connectors, "trace_export", raising=False)
    with caplog.at_level(logging.WARNING):
        world.post(event(), traceparent=PARENT)
        assert world.deliver() == 1
    assert set(sent_headers()) == {PARENT}
    assert [record.message for record in caplog.records if record.name == "connectors.tracing"] == [
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but no traces are exported: install opentelemetry-sdk and "
        "opentelemetry-exporter-otlp-proto-http."
    ]


# --- with one -----------------------------------------------------------------------------------------------------


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        yield receiver


def only(spans: list[Got]) -> Got:
    assert len(spans) == 1, spans
    return spans[0]


def test_accept_delivery_and_call_are_one_trace(world: World, receiver: Receiver) -> None:
    world.post(event(), traceparent=PARENT)
    assert world.deliver() == 1
    tracing.end()
    accepted, delivered = only(receiver.named("accept EventsView")), only(receiver.named("deliver"))
    calls = [span for span in receiver.spans if span.kind == CLIENT]
    assert {span.trace for span in receiver.spans} == {TRACE}
    assert {span.service for span in receiver.spans} == {"integration-broker"}
    assert (accepted.kind, accepted.parent) == (SERVER, SPAN)
    assert accepted.attributes == {"http.request.method": "POST", "http.response.status_code": 202}
    assert (delivered.kind, delivered.parent, delivered.is_error) == (CONSUMER, accepted.id, False)
    delivery = Delivery.objects.get()
    assert delivered.attributes == {
        "broker.event_id": str(delivery.event_id), "broker.delivery_id": str(delivery.pk),
        "broker.connector_id": world.connector.pk, "broker.direction": "outbound", "broker.action": "update",
        "broker.attempt": 1, "broker.outcome": "succeeded", "broker.code": "created",
    }  # fmt: skip
    assert len(calls) == ApiCall.objects.count() >= 1
    assert {call.parent for call in calls} == {delivered.id}
    assert sent_headers() == [f"00-{TRACE}-{call.id}-01" for call in calls]


def test_a_failed_delivery_and_its_call_are_marked(world: World, receiver: Receiver) -> None:
    world.fault("help_desk", method="*", path="/api/tickets*", status=503)
    world.post(event())
    assert world.deliver() >= 1
    tracing.end()
    failed = receiver.named("deliver")[0]
    assert failed.is_error
    assert failed.attributes["broker.outcome"] == "retrying"
    assert failed.attributes["error.type"] == Delivery.objects.get().reason
    call = next(span for span in receiver.spans if span.parent == failed.id)
    assert (call.is_error, call.attributes["http.response.status_code"]) == (True, 503)
    assert call.trace == failed.trace != TRACE


def test_what_the_sender_does_not_sample_is_not_exported(world: World, receiver: Receiver) -> None:
    world.post(event(), traceparent=f"00-{TRACE}-{SPAN}-00")
    assert world.deliver() == 1
    tracing.end()
    assert receiver.spans == []
    assert {header and header[:36] for header in sent_headers()} == {f"00-{TRACE}-"}
    assert {header and header[-3:] for header in sent_headers()} == {"-00"}


def test_spans_hold_no_payload_no_path_and_no_secret(world: World, receiver: Receiver) -> None:
    world.post(event(title="A title that nobody else has"))
    number = world.person_creates_ticket(subject="A subject of its own")
    world.trigger(number)
    assert world.deliver() == 2
    tracing.end()
    assert len(receiver.spans) >= 5
    words = ["A title that nobody else has", "A subject of its own", "/api/", world.demo.source_key,
             world.connector.trigger_token]  # fmt: skip
    words += [str(value) for value in world.connector.secrets.values()]
    assert [word for word in words if word.encode() in receiver.raw] == []
    allowed = {"http.request.method", "http.response.status_code", "server.address", "error.type"}
    names = {name for span in receiver.spans for name in span.attributes}
    assert {name for name in names if not name.startswith("broker.")} <= allowed


def test_a_stored_one_that_is_damaged_harms_no_delivery(world: World, receiver: Receiver) -> None:
    world.post(event())
    Event.objects.update(trace={"traceparent": "00-damaged\r\nX-Injected: 1"})
    assert world.deliver() == 1
    assert Delivery.objects.get().state == "succeeded"
    tracing.end()
    assert only(receiver.named("deliver")).parent == ""
    assert not any("damaged" in (header or "") for header in sent_headers())


def test_a_receiver_that_is_away_disturbs_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert world.post(event()).status_code == 202
    assert world.deliver() == 1
    assert Delivery.objects.get().state == "succeeded"
