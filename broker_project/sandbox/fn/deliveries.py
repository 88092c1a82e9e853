"""Sending webhooks v3: the body, the five headers, the signature, the retries and the delivery log."""

from __future__ import annotations

import hmac
import json
import time
import uuid
from dataclasses import replace
from typing import Any

from broker_project.sandbox.courier import Courier, Job, Outcome
from broker_project.sandbox.store import Document, Store
from broker_project.sandbox.tickets import now_text

from .moments import iso_with_offset
from .orders import Happening
from .shapes import WorkOrder, zone_of

ATTEMPTS = 8
NO_ANSWER = "0"  # what the log's deliveryStatus holds when no answer came is not documented


class Deliveries:
    """Queues one job per subscribed webhook; call ``announce`` inside the transaction of the change.

    ``first_wait`` is the pause in seconds before the second attempt (Field Nation: 10); it doubles each time.
    ``timeout`` is in seconds (Field Nation: 30).
    """

    def __init__(self, store: Store, *, first_wait: float, timeout: float) -> None:
        self._store = store
        waits = tuple(first_wait * 2**step for step in range(ATTEMPTS - 1))
        self.courier = Courier(store, prepare=self._prepare, settle=self._settle, waits=waits, timeout=timeout)

    def announce(self, order: WorkOrder, happening: Happening, user_id: int) -> None:
        name = f"workorder.{happening.name}"
        hooks = [hook for hook in self._store.all("webhook") if hook["status"] == "active" and name in hook["events"]]
        if not hooks:
            return
        body = {
            "event": {"name": name, "params": {"work_order_id": order["id"], **happening.params}},
            "timestamp": iso_with_offset(zone_of(order)),
            "triggered_by_user": {"id": user_id},
            "workorder": order,
        }
        text, trace = json.dumps(body, separators=(",", ":"), ensure_ascii=False), str(uuid.uuid4())
        for hook in hooks:
            self._post(hook, text, event=name, work_order_id=order["id"], trace=trace)

    def retry(self, row: Document) -> Job:
        """Queue a new delivery with the same payload. Raises KeyError when the webhook is gone."""
        hook = self._hook(row["webhookId"])
        if hook is None:
            raise KeyError(row["webhookId"])
        facts = {"event": row["eventName"], "work_order_id": row["workOrderId"], "trace": row["trace"]}
        return self._post(hook, row["body"], **facts)

    def _post(self, hook: Document, body: str, *, event: str, work_order_id: int, trace: str) -> Job:
        facts = {"event": event, "work_order_id": work_order_id, "trace": trace, "delivery": str(uuid.uuid4())}
        key = f"{hook['webhookId']} {work_order_id}"
        return self.courier.post(key=key, url=hook["url"], body=body, subject=hook["webhookId"], facts=facts)

    def _hook(self, webhook_id: str) -> Document | None:
        return next(iter(self._store.filed("webhook", webhook_id)), None)

    def _prepare(self, job: Job) -> Job | None:
        """Sign with the secret of now; a webhook that is no longer active gets nothing."""
        hook = self._hook(job.subject)
        if hook is None or hook["status"] != "active":
            return None
        digest = hmac.new(hook["secret"].encode(), job.body.encode(), "sha256").hexdigest()
        headers = {
            **hook["headers"],
            "X-FN-Signature": f"sha256={digest}",
            "X-FN-Webhook-Id": hook["webhookId"],
            "X-FN-Delivery-Id": f"{job.facts['delivery']}:{job.attempt}",
            "X-FN-Event-Trace-Id": job.facts["trace"],
            "X-FN-Request-Timestamp": str(int(time.time() * 1000)),
        }
        return replace(job, method=hook["method"].upper(), url=hook["url"], headers=headers)

    def _settle(self, job: Job, outcome: Outcome) -> None:
        number = self._store.next_number("delivery")
        row: dict[str, Any] = {
            "deliveryId": job.headers["X-FN-Delivery-Id"],
            "webhookId": job.subject,
            "workOrderId": job.facts["work_order_id"],
            "eventName": job.facts["event"],
            "deliveryStatus": NO_ANSWER if outcome.status is None else str(outcome.status),
            "deliveryAttempt": job.attempt,
            "createdAt": now_text(),
            "body": job.body,
            "trace": job.facts["trace"],
        }
        self._store.put("delivery", number, row, key=row["deliveryId"])
        # For the page: the latest attempt of a work order, found without searching the log.
        members = ("eventName", "deliveryStatus", "deliveryAttempt", "createdAt")
        self._store.put("last delivery", row["workOrderId"], {name: row[name] for name in members})
