"""Log lines as JSON: one object a line, with the ids of what it is about, and no token of an address."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from broker_project.lib.log_context import about, add, present
from broker_project.lib.log_json import JsonLines
from events import deliver, inbound, outbound
from events.models import Delivery, Event
from tests.flows.conftest import World, event

EVENT, DELIVERY = UUID(int=1), UUID(int=2)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a handler with this formatter writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_has_time_level_logger_and_message(written: io.StringIO) -> None:
    logging.getLogger("a.b").warning("Two\nlines of %s", "text")
    (line,) = lines(written)
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "WARNING", "logger": "a.b", "message": "Two\nlines of text"}


def test_lines_carry_the_ids_of_what_the_thread_is_busy_with(written: io.StringIO) -> None:
    log = logging.getLogger("a")
    with about(event_id=EVENT):
        with about(delivery_id=DELIVERY, connector_id=7):
            log.warning("both")
            with ThreadPoolExecutor(1) as pool:
                pool.submit(log.warning, "elsewhere").result()
            log.warning("given", extra={"delivery_id": UUID(int=3)})
        add(connector_id=8)
        log.warning("added")
    log.warning("neither")
    assert dict(present()) == {}
    ids = [{name: line.get(name) for name in ("event_id", "delivery_id", "connector_id")} for line in lines(written)]
    none = {"event_id": None, "delivery_id": None, "connector_id": None}
    whole = {"event_id": str(EVENT), "delivery_id": str(DELIVERY), "connector_id": 7}
    assert ids == [
        whole, none, {**whole, "delivery_id": str(UUID(int=3))}, {**none, "event_id": str(EVENT), "connector_id": 8},
        none,
    ]  # fmt: skip


def test_no_member_of_a_line_holds_a_token(written: io.StringIO) -> None:
    try:
        raise ValueError("GET /integrations/trigger/a-token?access_token=another")
    except ValueError:
        logging.getLogger("a").error(
            "at /integrations/trigger/a-token?x=1\n/v1/broker/inbound?client_token=third",
            exc_info=True,
            stack_info=True,
        )
    (line,) = lines(written)
    assert line["message"] == "at /integrations/trigger/[redacted]?x=1\n/v1/broker/inbound?client_token=[redacted]"
    assert "access_token=[redacted]" in line["exception"]
    assert "Traceback" in line["exception"]
    assert "test_no_member_of_a_line_holds_a_token" in line["stack"]
    assert not [token for token in ("a-token", "another", "third") if f"{token}\\n" in written.getvalue()]
    assert "a-token" not in line["exception"]


@pytest.mark.parametrize("side", [outbound, inbound])
def test_what_is_logged_during_a_delivery_tells_which(
    world: World, written: io.StringIO, monkeypatch: pytest.MonkeyPatch, side: Any
) -> None:
    """A bug, and a line of a library far below."""

    def broken(*_: object) -> None:
        logging.getLogger("some.library").warning("far below")
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(sys.modules[side.__name__], "perform", broken)
    monkeypatch.setattr(getattr(deliver, side.__name__.rpartition(".")[2]), "perform", broken)
    if side is outbound:
        world.post(event())
    else:
        world.trigger(7)
    assert world.deliver() == 1
    delivery = Delivery.objects.get()
    about_it = {
        "event_id": str(Event.objects.get().pk), "delivery_id": str(delivery.pk), "connector_id": world.connector.pk,
    }  # fmt: skip
    told = [line for line in lines(written) if line["logger"] in ("some.library", "events.deliver")]
    assert [line["message"] for line in told] == ["far below", f"Delivery {delivery.pk} failed inside the broker."]
    assert [{name: line.get(name) for name in about_it} for line in told] == [about_it, about_it]
    assert dict(present()) == {}


def test_a_request_that_the_database_does_not_take_tells_whose_trigger_it_was(
    world: World, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    from events import api

    def away(*_: object, **__: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(api, "accept_trigger", away)
    assert world.trigger(7).status_code == 503
    told = [line for line in lines(written) if line["logger"] == "events.api"]
    assert [(line["message"], line["connector_id"]) for line in told] == [
        ("A request was answered 503: away", world.connector.pk)
    ]
    assert dict(present()) == {}
