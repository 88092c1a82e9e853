"""An installation in which every state that needs a person is there once, or a few times."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from connectors.models import Connector, ConnectorState
from events import jobs, lanes
from events.models import Delivery, EventTrigger, Job
from events.payload import parse_event
from events.states import State
from tests.admin import world

CONFLICT = {
    "fields": [
        {"target": "status", "base": "open", "field_nation": "assigned", "external": "on hold"},
        {"target": "notes", "base": None, "field_nation": "Bring a ladder.", "external": "Gate code is at the desk."},
    ]
}


def everything() -> dict[str, Any]:
    """By name the rows that a test wants to open."""
    owner = world.company("Sandbox company")
    desk = world.connector(owner, "Help Desk")
    trigger = EventTrigger.objects.create(connector=desk, event_type="FN_WO_ASSIGNED")
    _dead_letters(desk, trigger)
    _systems(owner)
    conflict = world.delivery(
        desk, State.WAITING, work_order_id=5001, trigger=trigger, reason="waiting_conflict", conflict=CONFLICT,
        sentence="Waits for you: status and notes were changed on both sides. Decide which value they get.",
    )  # fmt: skip
    unknown = world.delivery(
        desk, State.WAITING, work_order_id=5002, trigger=trigger, reason="waiting_outcome_unknown",
        sentence="Waits for you: A create was sent to Help Desk and no answer came, so the record may exist.",
    )  # fmt: skip
    retrying = world.delivery(
        desk, State.RETRYING, work_order_id=5003, trigger=trigger, reason="unavailable",
        next_attempt_at=timezone.now() + timedelta(minutes=10),
        sentence="Attempt 3 of 8 failed: Help Desk answered 503. The next one follows 600 seconds later.",
    )  # fmt: skip
    world.delivery(desk, State.PENDING, work_order_id=5003, attempts=0)
    Delivery.objects.filter(pk=retrying.pk).update(created_at=timezone.now() - timedelta(hours=3))
    retrying.connector.lanes.filter(key="wo:5003").update(due_at=retrying.next_attempt_at)
    world.delivery(desk, State.PENDING, work_order_id=5004, attempts=0)
    lanes.hold(desk.pk, "wo:5004", user="olga")
    return {"desk": desk, "conflict": conflict, "unknown": unknown, "retrying": retrying, "job": _job(desk)}


def _dead_letters(desk: Connector, trigger: EventTrigger) -> None:
    for number in range(1, 13):
        sentence = f"Given up: Help Desk refused the values of record TCK-{number}: “site” is unknown. Retry the "
        sentence += "delivery when that is done, or discard it."
        dead = world.delivery(
            desk, State.DEAD, work_order_id=7000 + number, trigger=trigger, reason="validation", sentence=sentence,
            event=world.event(desk.company, 7000 + number, payload=_payload(7000 + number)),
        )  # fmt: skip
        world.call(world.log(dead, code="validation", outcome="dead", sentence=sentence))
    gone = "Given up: Help Desk does not know record TCK-90. Retry the delivery when that is done, or discard it."
    world.delivery(desk, State.DEAD, work_order_id=7090, trigger=trigger, reason="not_found", sentence=gone)


def _payload(number: int) -> dict[str, Any]:
    event = {
        "event_type": "FN_WO_ASSIGNED",
        "event_timestamp": "2026-06-28T19:05:41Z",
        "workorder": {"id": number, "title": "Replace the router", "status": {"name": "assigned"}},
    }
    return parse_event(event, size=None).payload


def _systems(owner: Any) -> None:
    now = timezone.now()
    paused = world.connector(owner, "Depot", status=Connector.Status.PAUSED)
    world.delivery(paused, State.PENDING, work_order_id=6001, attempts=0)
    failure = "Ledger did not answer within 25 seconds."
    ConnectorState.objects.create(
        connector=world.connector(owner, "Ledger"), breaker=ConnectorState.Breaker.OPEN, failures=5, failure=failure,
        opened_at=now, next_probe_at=now + timedelta(minutes=2),
    )  # fmt: skip
    refused = "Customer Records refused the user name or password (401). Correct them, then resume the connector."
    ConnectorState.objects.create(
        connector=world.connector(owner, "Customer Records"), held_at=now, held_code="authentication",
        held_sentence=refused,
    )  # fmt: skip


def _job(desk: Connector) -> Job:
    parameters = {"selection": {"state": "dead"}, "up_to_seq": 0, "version": "current"}
    job = jobs.start(Job.Kind.RETRY, user="olga", parameters=parameters, connector=desk, per_minute=60, total=2000)
    said = "Retried so far: 640. Left alone, since they had moved on or need a decision: 12."
    Job.objects.filter(pk=job.pk).update(done=640, left_alone=12, sentence=said, next_step_at=None)
    return job
