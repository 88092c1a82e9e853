"""A small installation to look at: every kind of row once, with secrets that must never be seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from broker_project.lib.ids import new_id
from connectors.models import Company, Connector
from events.models import Delivery, Event, EventSource, EventTrigger, Lane
from events.states import State
from mappings.models import FieldMapping, RecordLink
from synclog.models import ApiCall, SyncLog

SECRETS = (
    "company-client-secret-1f",
    "company-password-2f",
    "company-webhook-secret-3f",
    "company-older-webhook-secret-4f",
    "connector-password-5f",
    "connector-header-secret-6f",
)


def company(name: str = "Example Co", **more: Any) -> Company:
    made = Company(
        name=name,
        client_id="client-1",
        client_secret=SECRETS[0],
        username="api@example.test",
        password=SECRETS[1],
        webhook_secret=SECRETS[3],
        **more,
    )
    made.change_webhook_secret(SECRETS[2])
    made.save()
    return made


def connector(owner: Company, name: str = "Help Desk", **more: Any) -> Connector:
    settings = {
        "base_url": "https://help.example.test/api",
        "auth": "basic",
        "username": "broker",
        "record_path": "/tickets/{id}",
    }
    secrets = {"password": SECRETS[4], "secret_headers": f"X-Key: {SECRETS[5]}"}
    return Connector.objects.create(
        **{"company": owner, "name": name, "platform": "rest", "settings": settings, "secrets": secrets, **more}
    )


def event(owner: Company, work_order_id: int | None = 1001, **more: Any) -> Event:
    return Event.objects.create(
        **{
            "kind": Event.Kind.WORK_ORDER,
            "door": Event.Door.API,
            "company": owner,
            "event_type": "FN_WO_ASSIGNED",
            "received_name": "FN_WO_ASSIGNED",
            "work_order_id": work_order_id,
            "payload": {"workorder": {"id": work_order_id, "title": "Replace the router"}},
            "trace": {"address": "198.51.100.7"},
            **more,
        }
    )


def delivery(to: Connector, state: State = State.WAITING, **more: Any) -> Delivery:
    """A delivery of an event in this state; its lane is there as a worker would have left it."""
    work_order_id = more.pop("work_order_id", 1001)
    about = more.pop("event", None) or event(to.company, work_order_id or 1001)
    made = Delivery.objects.create(
        **{
            "event": about,
            "connector": to,
            "direction": Delivery.Direction.OUTBOUND,
            "action": "update",
            "lane_key": f"wo:{work_order_id}",
            "work_order_id": work_order_id,
            "state": state,
            "attempts": 3,
            **more,
        }
    )
    if state in (State.PENDING, State.RETRYING, State.WAITING, State.IN_FLIGHT):
        due = None if state == State.WAITING else timezone.now()
        Lane.objects.get_or_create(connector=to, key=made.lane_key, defaults={"due_at": due})
    return made


def log(about: Delivery, **more: Any) -> SyncLog:
    return SyncLog.objects.create(
        **{
            "connector": about.connector,
            "direction": about.direction,
            "outcome": SyncLog.Outcome.WAITING,
            "code": "waiting_auth",
            "sentence": "Waits for you: the credentials were refused.",
            "event_type": "FN_WO_ASSIGNED",
            "work_order_id": about.work_order_id,
            "external_id": about.external_id,
            "event_id": about.event_id,
            "delivery_id": about.pk,
            "attempt": 3,
            "details": {
                "trigger": {"id": about.trigger_id, "event": "FN_WO_ASSIGNED", "action": "update"},
                "mapped": [
                    {"target": "subject", "action": "sync", "source": "Router", "result": "Router"},
                    {"target": "state", "action": "array_map", "source": 9, "result": "open", "default_used": True,
                     "warning": "no entry fits 9"},
                ],
                "trace": ["title is Replace the router"],
                "detail": "401 from help.example.test",
            },
            **more,
        }
    )  # fmt: skip


def call(of: SyncLog, **more: Any) -> ApiCall:
    return ApiCall.objects.create(
        **{
            "log": of,
            "purpose": "update record TCK-1",
            "method": "PATCH",
            "url": "https://help.example.test/api/tickets/TCK-1",
            "status": 401,
            "started_at": timezone.now(),
            "duration_ms": 41.6,
            "request_headers": {"Authorization": "[redacted]", "Content-Type": "application/json"},
            "request_body": '{"subject": "Replace the router"}',
            "response_headers": {"Content-Type": "application/json"},
            "response_body": '{"error": "bad credentials"}',
            **more,
        }
    )


def everything() -> dict[str, Any]:
    """One row of each kind, at least; by model name."""
    owner = company()
    to = connector(owner)
    trigger = EventTrigger.objects.create(connector=to, event_type="FN_WO_ASSIGNED")
    mapping = FieldMapping.objects.create(connector=to, direction="outbound", source="title", target="subject")
    link = RecordLink.objects.create(connector=to, work_order_id=1001, external_id="TCK-1", correlation_id="FN-1001")
    RecordLink.objects.create(connector=to, work_order_id=1002, claimed_by=new_id(), claimed_at=timezone.now())
    source = EventSource(company=owner, name="Field system")
    source.renew_key()
    source.save()
    waiting = delivery(to, State.WAITING, reason="waiting_auth", trigger=trigger, external_id="TCK-1")
    dead = delivery(to, State.DEAD, work_order_id=1003, reason="validation", sentence="Given up: subject is needed.")
    delivery(to, State.SUCCEEDED, work_order_id=1004, sentence="Record TCK-4 was updated; fields sent: 2.")
    retrying = {"next_attempt_at": timezone.now() + timedelta(seconds=30), "sentence": "Attempt 1 of 8 failed."}
    delivery(to, State.RETRYING, work_order_id=1005, **retrying)
    entry = log(waiting)
    exchange = call(entry)
    log(dead, outcome=SyncLog.Outcome.DEAD, code="validation", sentence=dead.sentence)
    log(waiting, outcome=SyncLog.Outcome.NOTE, code="operator_retry", user="olga", details={})
    trigger_event = event(
        owner, kind=Event.Kind.TRIGGER, door=Event.Door.TRIGGER, event_type="", received_name="", work_order_id=None,
        external_id="TCK-9", connector=to, payload={"external_id": "TCK-9"},
    )  # fmt: skip
    return {
        "company": owner,
        "connector": to,
        "trigger": trigger,
        "mapping": mapping,
        "link": link,
        "source": source,
        "waiting": waiting,
        "dead": dead,
        "log": entry,
        "call": exchange,
        "event": waiting.event,
        "trigger_event": trigger_event,
    }
