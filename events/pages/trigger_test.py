"""Acts of the test of a trigger: try it without sending, then send it for real and follow it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from django.contrib.admin.models import CHANGE, LogEntry
from django.http import HttpRequest
from django.urls import reverse

from broker_project.lib.errors import MappingError
from broker_project.lib.pages import to_list
from connectors.models import Connector
from events import catalogue
from events.accept import Incoming, accept_events
from events.delivery_admin import STATE_COLOURS
from events.dry_run import Compared, Findings, Row, rehearse
from events.earlier import TEST
from events.models import Delivery, Event
from events.report import sentence_of
from events.states import FINAL, State
from events.steps import cut
from synclog.models import SyncLog

from .base import PageAct, Problem, Refused
from .trigger_trials import chosen, recent, stored, trigger_of, uuid_of

CALL_SHOWN: Final = 40_000
"""Characters of a request's body that are shown."""
NOT_SAVED: Final = "Only what is saved can be sent for real, and only while the event is ticked. Save, then test again."
GONE: Final = "This event is not there any more."


def test_samples(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    event = catalogue.by_constant(str(data.get("event_type", "")))
    return {"recent": recent(connector, event.constant)}


def test_run(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Try ``{"trigger", "source", "read"}``; see trigger_trials.py. ``can_send``: it may be sent as it is."""
    posted = data.get("trigger")
    trigger = trigger_of(connector, posted)
    event = chosen(request, connector, trigger.event_type, data.get("source"))
    found = rehearse(connector, trigger, event, read=data.get("read") is True)
    may_send = request.user.has_perm("connectors.change_connector")
    return {
        **_told(found),
        "work_order": event.work_order_id,
        "status": "" if connector.status == Connector.Status.ACTIVE else connector.get_status_display().lower(),
        "may_send": may_send,
        "can_send": may_send and stored(connector, posted) is not None,
    }


def test_send(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Accept the event for this trigger alone, as saved. Raises Refused when what is on the page is not saved."""
    trigger = stored(connector, data.get("trigger"))
    if trigger is None:
        raise Refused([Problem("", NOT_SAVED)])
    event = chosen(request, connector, trigger.event_type, data.get("source"))
    incoming = Incoming(
        event_type=event.event_type,
        received_name=event.event_type,
        work_order_id=event.work_order_id,
        occurred_at=event.occurred_at,
        payload=dict(event.payload),
        dedupe_key=None,
        trace={TEST: True, "user": request.user.get_username()},
    )
    [accepted] = accept_events([incoming], company=connector.company, door=Event.Door.OPERATOR, only_trigger=trigger.pk)
    user: Any = request.user
    LogEntry.objects.log_actions(
        user_id=user.pk,
        queryset=Connector.objects.filter(pk=connector.pk),
        action_flag=CHANGE,
        change_message=f"Sent a test of {event.event_type} for work order {event.work_order_id}: event {accepted.id}.",
        single_object=True,
    )
    return {"event": str(accepted.id)}


def test_follow(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """How the test ``event`` stands: each delivery, and why there is none. A fixed number of queries.

    ``log`` is where to read all of it: the timeline of the only delivery, else the logs of the event.
    """
    id = uuid_of(data.get("event"))
    if id is None or not Event.objects.filter(pk=id, company_id=connector.company_id).exists():
        raise Refused([Problem("", GONE)])
    deliveries = Delivery.objects.filter(event_id=id, connector=connector)
    rows = [_delivery(row) for row in deliveries.select_related("connector__company", "connector__state")]
    decisions = SyncLog.objects.filter(event_id=id, delivery_id=None, connector=connector)
    return {
        "deliveries": rows,
        "decisions": list(decisions.order_by("created_at").values_list("sentence", flat=True)),
        "ended": all(row["ended"] for row in rows),
        "log": rows[0]["address"] if len(rows) == 1 else to_list("synclog.synclog", {"q": id}),
    }


# --- what is answered -------------------------------------------------------------------------------------------------


def _told(found: Findings) -> dict[str, Any]:
    failure = found.failure
    return {
        "matched": found.matched,
        "filter": found.filter,
        "external_id": found.external_id,
        "mappings": [_row(row) for row in found.rows],
        "failure": failure.sentence if failure else "",
        "failed_target": failure.target if isinstance(failure, MappingError) else "",
        "traces": found.traces,
        "sentences": found.sentences,
        "requests": [{**asdict(one), "body": _shortened(one.body)} for one in found.requests],
        "reads": [{"method": one.method, "url": one.url, "status": one.status} for one in found.reads],
        "was_read": found.was_read,
        "difference": [_compared(one) for one in found.compared],
    }


def _row(row: Row) -> dict[str, Any]:
    step = row.step
    return {
        "target": step.target,
        "action": step.action,
        "from": row.row.source,
        "label": row.row.label,
        "source": shown(step.source),
        "result": "" if step.left_out else shown(step.result),
        "default_used": step.default_used,
        "left_out": step.left_out,
        "warning": step.warning,
    }


def _compared(one: Compared) -> dict[str, str]:
    values = {"there": one.there, "becomes": one.becomes, "mapped": one.mapped}
    return {"name": one.name, "state": one.state, **{name: shown(value) for name, value in values.items()}}


def shown(value: Any) -> str:
    """A value as JSON, cut at a limit, so that the text 5 differs from the number; "" for nothing."""
    return "" if value is None else str(cut(json.dumps(value, ensure_ascii=False, default=str)))


def _shortened(body: str) -> str:
    return body if len(body) <= CALL_SHOWN else body[:CALL_SHOWN] + "\n…"


def _delivery(delivery: Delivery) -> dict[str, Any]:
    label = delivery.get_state_display()
    return {
        "state": label,
        "kind": STATE_COLOURS.get(label, "default"),
        "sentence": sentence_of(delivery),
        "ended": delivery.state in (*FINAL, State.WAITING),
        "address": reverse("admin:events_delivery_change", args=[delivery.pk]),
    }


ACTS: dict[str, PageAct] = {
    "test_samples": PageAct(test_samples, permission="events.view_event"),
    "test_run": PageAct(test_run, permission="events.change_eventtrigger", calls=True),
    "test_send": PageAct(test_send),
    "test_follow": PageAct(test_follow, permission="events.view_delivery"),
}
