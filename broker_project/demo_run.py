"""Drives the demo from outside, as its users would: over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker_project import demo
from broker_project.lib.errors import Misconfigured
from broker_project.sandbox import fieldnation
from connectors.http import Caller
from events.models import Delivery
from events.report import sentence_of
from events.states import State

WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Addresses:
    """Base URLs of the demo's three servers."""

    broker: str
    field_nation: str
    help_desk: str

    @classmethod
    def around(cls, port: int) -> Addresses:
        return cls(*(f"http://127.0.0.1:{number}" for number in (port, port + 1, port + 2)))


@dataclass(frozen=True)
class Result:
    """One line of the table: what was sent, whether it arrived, after how many seconds, and the broker's sentence."""

    what: str
    ok: bool
    seconds: float
    sentence: str


def connect_sandbox(sample: demo.Demo, addresses: Addresses) -> None:
    """Tell the Help Desk the trigger URL, subscribe to Field Nation's webhooks, and make the sample work order."""
    _send(f"{addresses.help_desk}/control/settings", {"trigger_url": demo.trigger_url(sample.connector)})
    token = _send(
        f"{addresses.field_nation}{fieldnation.TOKEN_PATH}",
        {
            "grant_type": "password",
            "client_id": fieldnation.CLIENT_ID,
            "client_secret": fieldnation.CLIENT_WORD,
            "username": fieldnation.USERNAME,
            "password": fieldnation.USER_WORD,
        },
    )["access_token"]
    hooks = f"{addresses.field_nation}{fieldnation.WEBHOOKS}"
    bearer = {"Authorization": f"Bearer {token}"}
    url = demo.webhook_url(sample.company)
    known = _caller().request("GET", hooks, purpose="list webhooks", headers=bearer).json()["result"]
    if any(hook["url"] == url for hook in known):
        return
    _send(
        hooks,
        {
            "events": demo.WEBHOOK_EVENTS,
            "url": url,
            "method": "post",
            "status": "active",
            "secret": sample.company.webhook_secret,
        },
        headers=bearer,
    )
    act = f"{addresses.field_nation}/control/act"
    order = _send(act, {"action": "create", "title": "Swap failed edge switch", "publish": True})
    _send(act, {"action": "assign", "work_order_id": order["id"]})


def send_one_each_way(sample: demo.Demo, addresses: Addresses, *, check: Callable[[], None]) -> list[Result]:
    """Post the sample event, let a person create a ticket, and wait for both to arrive."""
    began = time.monotonic()
    posted = _send(
        f"{addresses.broker}/events/", demo.sample_event(), headers={"Authorization": f"Bearer {sample.source_key}"}
    )
    ticket = _send(
        f"{addresses.help_desk}/ui/tickets",
        {
            "subject": "Replace lobby display", "description": "The screen stays dark.", "street": "88 Mill Road",
            "city": "Duluth", "state": "MN", "zip": "55802", "country": "US",
        },
    )  # fmt: skip
    _send(f"{addresses.help_desk}/ui/tickets/{ticket['id']}/send", {})
    return [
        _result("Field Nation event → ticket", began, check, event_id=posted["id"]),
        _result("Ticket → work order", began, check, direction="inbound", external_id=str(ticket["id"])),
    ]


def _result(what: str, began: float, check: Callable[[], None], **which: Any) -> Result:
    deliveries = Delivery.objects.filter(**which).select_related("connector__company").order_by("-seq")
    while True:
        check()
        delivery = deliveries.first()
        seconds = time.monotonic() - began
        ended = delivery is not None and delivery.finished_at is not None
        if delivery is not None and (ended or delivery.state in (State.WAITING, State.RETRYING)):
            return Result(what, _arrived(delivery), seconds, sentence_of(delivery))
        if seconds > WAIT_SECONDS:
            sentence = sentence_of(delivery) if delivery else "Nothing arrived at the broker."
            return Result(what, False, seconds, sentence)
        time.sleep(0.05)


def _arrived(delivery: Delivery) -> bool:
    """Whether the record is as the event says; the one of an earlier demo may be so already."""
    unchanged = delivery.state == State.SKIPPED and delivery.reason == "no_change"
    return unchanged or delivery.state == State.SUCCEEDED


def _send(url: str, body: dict[str, Any], *, headers: dict[str, str] | None = None) -> Any:
    answer = _caller().request("POST", url, purpose="demo", json=body, headers=headers)
    if answer.status >= 300:
        raise Misconfigured(
            f"The demo could not go on: {url.split('?')[0]} answered {answer.status}.",
            detail=answer.body[:300].decode(errors="replace"),
        )
    found = answer.json()
    return found.get("result", found) if isinstance(found, dict) else found


def _caller() -> Caller:
    return Caller(allow_private=True)
