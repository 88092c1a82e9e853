"""The senders: they play Field Nation, a customer's own system, managers, and people at the desk.

A record belongs to one thread, which waits for each 2xx before the record's next send, and repeats what was not
answered with the same key, as any careful sender does.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from broker_project.lib.errors import BrokerError
from broker_project.sandbox.helpdesk import API_KEY
from connectors.http import Caller, Response

from .ground import Ground
from .ledger import Ledger, Promise
from .plan import NOTE, Plan, Record, Send

THREADS = 8
PATIENCE_SECONDS = 120.0
WEBHOOK_NAMES = {
    "FN_WO_SCHEDULE_UPDATED": "workorder.schedule_updated",
    "FN_WO_DONE": "workorder.status.work_done",
    "FN_WO_ASSIGNED": "workorder.status.assigned",
    "FN_WO_PROVIDER_CHECKED_IN": "workorder.status.checked_in",
    "FN_WO_DELAYED": "workorder.status.delayed",
}
PLACE = {"description": "Born at the desk.", "city": "Duluth", "state": "MN", "zip": "55802", "country": "US"}


def serial_text(record: Record, serial: int) -> str:
    """The value by which the checker recognises one change of one record."""
    return f"R{record.number}#{serial}"


class Overdue(Exception):
    """The broker did not take a request for two minutes."""


@dataclass
class Senders:
    """Sends a plan from ``THREADS`` threads. ``stop`` ends them early."""

    ground: Ground
    doors: dict[str, Any]
    ledger: Ledger
    stop: threading.Event

    def run(self, plan: Plan) -> list[threading.Thread]:
        """Start sending; the threads end when everything was accepted."""
        began, real = time.monotonic(), time.time()
        threads = []
        for place in range(THREADS):
            mine = [send for send in plan.sends if send.record.number % THREADS == place]
            threads.append(threading.Thread(target=self._work, args=(mine, began, real), daemon=True, name="sender"))
            threads[-1].start()
        return threads

    def _work(self, sends: Sequence[Send], began: float, real: float) -> None:
        for send in sends:
            if self.stop.wait(max(0.0, began + send.at - time.monotonic())):
                return
            try:
                self._send(send, real)
            except (Overdue, BrokerError, KeyError, ValueError) as error:
                self.ledger.refusal(f"{send.door} of {serial_text(send.record, send.serial)}: {error!r}")

    def _send(self, send: Send, real: float) -> None:
        act: Callable[[Send, float], None] = {
            "post": self._post, "webhook": self._webhook, "open": self._open, "field": self._field,
            "street": self._desk_change, "subject": self._desk_change, "trigger": self._trigger,
        }[send.door]  # fmt: skip
        act(send, real)

    # Events of work orders that the prover invented

    def _post(self, send: Send, real: float) -> None:
        moment = real + send.at + send.skew
        body = {"event_type": send.event, "event_timestamp": _iso(moment), "workorder": _work_order(send)}
        key = f"prove-{serial_text(send.record, send.serial)}"
        headers = {"Authorization": f"Bearer {self.doors['key']}", "Idempotency-Key": key}
        for _ in range(send.repeats + 1):
            answer = self._until_taken(
                "post", lambda: _caller().request("POST", f"{self.ground.url('web')}/events/", purpose="event",
                                                  json=body, headers=headers)
            )  # fmt: skip
            self._promised(send, answer, key=key, occurred_at=moment)

    def _webhook(self, send: Send, real: float) -> None:
        """As Field Nation sends: signed, and a repeat is the same delivery with another attempt number."""
        moment, delivery = real + send.at + send.skew, str(uuid.uuid4())
        body = {
            "event": {"name": WEBHOOK_NAMES[send.event], "params": {"work_order_id": send.record.work_order}},
            "timestamp": _iso(moment),
            "triggered_by_user": {"id": 5020},
            "workorder": _work_order(send),
        }
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        digest = hmac.new(self.doors["webhook_secret"].encode(), raw, "sha256").hexdigest()
        for attempt in range(1, send.repeats + 2):
            headers = {
                "X-FN-Signature": f"sha256={digest}", "X-FN-Webhook-Id": "prover",
                "X-FN-Delivery-Id": f"{delivery}:{attempt}", "X-FN-Event-Trace-Id": delivery,
            }  # fmt: skip
            answer = self._until_taken(
                "webhook", lambda headers=headers: _caller().request(  # type: ignore[misc]
                    "POST", self.doors["webhook_url"], purpose="webhook", json=body, headers=headers)
            )  # fmt: skip
            self._promised(send, answer, key=delivery, occurred_at=moment)

    def _promised(self, send: Send, answer: Response, *, key: str, occurred_at: float) -> None:
        found = answer.json()
        record = send.record
        self.ledger.promise(
            Promise(
                record=record.number, work_order=record.work_order, serial=send.serial,
                text=serial_text(record, send.serial), event_id=found["id"], key=key, door=send.door,
                event=send.event, occurred_at=occurred_at, duplicate=bool(found["duplicate"]),
            )
        )  # fmt: skip

    # What people do in Field Nation and at the desk

    def _open(self, send: Send, real: float) -> None:
        record = send.record
        if record.kind == "twin":
            body = {"action": "create", "title": serial_text(record, 0)}
            made = control(self.ground, "field_nation", "/control/act", body)
            self.ledger.work_orders[record.number] = made["id"]
        else:
            text = serial_text(record, 0)
            made = control(self.ground, "two_way", "/ui/tickets", {**PLACE, "subject": text, "street": text})
            self.ledger.tickets[record.number] = made["id"]
        self.ledger.change(record.number)

    def _field(self, send: Send, real: float) -> None:
        body = {
            "action": "custom_field", "work_order_id": self.ledger.work_orders[send.record.number], "id": 611,
            "value": serial_text(send.record, send.serial),
        }  # fmt: skip
        control(self.ground, "field_nation", "/control/act", body)
        self.ledger.change(send.record.number)

    def _desk_change(self, send: Send, real: float) -> None:
        """A person changes the ticket; one that the broker has not made yet is left alone."""
        ticket = self._ticket(send.record)
        if ticket is not None:
            control(self.ground, "two_way", f"/ui/tickets/{ticket}", {send.door: serial_text(send.record, send.serial)})
            self.ledger.change(send.record.number)

    def _trigger(self, send: Send, real: float) -> None:
        """The desk calls again although nothing has changed, several times."""
        ticket = self._ticket(send.record)
        if ticket is None:
            return
        for _ in range(send.repeats + 1):
            answer = self._until_taken(
                "trigger", lambda: _caller().request("POST", self.doors["trigger_url"], purpose="trigger",
                                                     json={"external_id": str(ticket)})
            )  # fmt: skip
            for row in answer.json()["events"]:
                self.ledger.promise(
                    Promise(
                        record=send.record.number, work_order=0, serial=send.serial, text="", event_id=row["id"],
                        key="", door="trigger", event="", occurred_at=0.0, duplicate=bool(row["merged_into"]),
                    )
                )  # fmt: skip

    def _ticket(self, record: Record) -> int | None:
        if record.kind == "born":
            return self.ledger.tickets.get(record.number)
        mark = f"FN-{self.ledger.work_orders[record.number]}"
        answer = _caller().request(
            "GET", f"{self.ground.url('two_way')}/api/tickets", purpose="find", params={"correlation": mark},
            headers={"X-API-Key": API_KEY},
        )  # fmt: skip
        found = answer.json().get("results") or []
        return int(found[0]["id"]) if found else None

    def _until_taken(self, door: str, call: Callable[[], Response]) -> Response:
        """Repeat a request until it is answered 2xx. Raises ValueError when it is refused, Overdue after a while."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and not self.stop.is_set():
            try:
                answer = call()
            except BrokerError:
                answer = None
            if answer is not None and answer.status < 300:
                return answer
            if answer is not None and answer.status < 500:
                raise ValueError(f"the broker answered {answer.status}: {answer.body[:200]!r}")
            self.ledger.no_answer(door)
            self.stop.wait(0.2)
        raise Overdue("nothing was accepted for two minutes")


def control(
    ground: Ground, name: str, path: str, body: dict[str, Any], *, headers: dict[str, str] | None = None
) -> Any:
    """Ask a simulator for something that people do there. Raises ValueError when it refuses."""
    answer = _caller().request("POST", ground.url(name) + path, purpose="act", json=body, headers=headers)
    if answer.status >= 300:
        raise ValueError(f"{path} answered {answer.status}: {answer.body[:200]!r}")
    return answer.json()


def _work_order(send: Send) -> dict[str, Any]:
    record = send.record
    amount: Any = "free of charge" if record.kind == "poisonous" else 65.0 + send.serial
    return {
        "id": record.work_order,
        "title": ("Note " if send.event == NOTE else "") + serial_text(record, send.serial),
        "status": {"id": 3, "name": "assigned"},
        "pay": {"type": "hourly", "amount": amount},
    }


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _caller() -> Caller:
    return Caller(allow_private=True, timeout=(2.0, 15.0), body_limit=0)
