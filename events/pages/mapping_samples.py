"""What the preview runs on: a built-in event, a real one, a record read before, or pasted JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from django.utils.timesince import timesince

from connectors.models import Connector, DiscoveredFields
from connectors.platforms.rest.paths import pick
from events.models import Event
from events.normalise import normalise_work_order, with_correlation
from mappings.inputs import inbound_input, outbound_input
from mappings.models import RecordLink
from synclog.models import ApiCall, SyncLog

from .base import Problem, Refused
from .mapping_rows import INBOUND, OUTBOUND, unstorable

MAX_SAMPLE: Final = 256 * 1024
"""Characters of a pasted sample."""
LOOKED_AT: Final = 2000
"""Newest events, and logs, among which those of one company or connector are looked for."""
OFFERED: Final = 20
RECORDS: Final = 5
BUILT_IN: Final[Mapping[str, Any]] = {
    "event_type": "FN_WO_ASSIGNED",
    "event_timestamp": "2026-06-28T19:05:41Z",
    "workorder": {
        "id": 9000001,
        "title": "Swap failed edge switch",
        "description": {"html": "<p>Replace the switch in rack 4 and test the uplink.</p>"},
        "status": {"id": 3, "name": "assigned", "display_name": "Assigned"},
        "types_of_work": [{"id": 62, "name": "Networking", "isPrimary": True}],
        "client": {"id": 21, "name": "Example Retail"},
        "project": {"id": 880, "name": "Store refresh"},
        "company": {"id": 9, "name": "Example Co"},
        "manager": {"id": 4120, "first_name": "Mara", "last_name": "Lind"},
        "assignee": {"user": {"id": 70311, "first_name": "Rui", "last_name": "Okafor", "phone": "555-0142"}},
        "location": {
            "mode": "custom",
            "address1": "12 Main Street",
            "city": "Denver",
            "state": "CO",
            "zip": "80202",
            "country": "US",
        },
        "contacts": {"results": [{"id": 1, "name": "Kim Ode", "phone": "555-0177", "email": "kim@example.test"}]},
        "schedule": {
            "service_window": {
                "mode": "between",
                "start": {"utc": "2026-07-02 14:00:00"},
                "end": {"utc": "2026-07-02 18:00:00"},
            },
            "time_zone": {"name": "America/Denver"},
        },
        "pay": {
            "type": "hourly",
            "base": {"amount": 65.0, "units": 4},
            "amount": 65.0,
            "total": 260.0,
            "expenses": {"sum": 18.5, "results": [{"id": 5, "category": {"label": "Parking"}, "amount": 18.5}]},
        },
        "time_logs": {"hours": 3.5, "results": []},
        "custom_fields": [{"id": 611, "name": "Ticket number", "value": "INC-20418"}],
        "closing_notes": "",
    },
    "correlation_id": None,
}  # fmt: skip
NOT_THERE: Final = "This sample is not there any more. Choose another one."


def choices(request: HttpRequest, connector: Connector) -> dict[str, list[dict[str, str]]]:
    """The samples offered, by direction, the best one first. Real data only for who may see it."""
    outbound = [{"value": "built_in", "label": "Built-in sample: Assigned, work order 9000001"}]
    if request.user.has_perm("events.view_event"):
        outbound = [*_recent_events(connector), *outbound]
    inbound = [{"value": "examples", "label": "Example values of the discovered fields"}]
    if request.user.has_perm("synclog.view_synclog"):
        inbound = [*_records_read(connector), *inbound]
    paste = {"value": "pasted", "label": "Pasted JSON"}
    return {OUTBOUND: [*outbound, paste], INBOUND: [*inbound, paste]}


def recent_record_ids(connector: Connector) -> list[str]:
    """External ids of linked records, the last changed first."""
    links = RecordLink.objects.filter(connector=connector, external_id__isnull=False).order_by("-id")
    return [str(id) for id in links.values_list("external_id", flat=True)[:RECORDS]]


def chosen(request: HttpRequest, connector: Connector, direction: str, posted: Any) -> dict[str, Any]:
    """The mapping input of the posted sample ``{"value", "text"}``. Raises Refused, at ``sample``."""
    value = posted.get("value") if isinstance(posted, Mapping) else None
    name, _, id = value.partition(":") if isinstance(value, str) else ("", "", "")
    find = (_OUTBOUND if direction == OUTBOUND else _INBOUND).get(name)
    if find is None:
        raise _refused(NOT_THERE)
    found = find(request, connector, id, posted)
    return found if direction == INBOUND else _as_event(connector, found)


# --- Outbound ---------------------------------------------------------------------------------------------------------


def _recent_events(connector: Connector) -> list[dict[str, str]]:
    newest = Event.objects.order_by("-received_at").values("pk")[:LOOKED_AT]
    found = Event.objects.filter(pk__in=newest, company_id=connector.company_id, kind=Event.Kind.WORK_ORDER)
    rows = found.order_by("-received_at").values_list("pk", "event_type", "work_order_id", "received_at")[:OFFERED]
    return [
        {"value": f"event:{pk}", "label": f"{event_type} of work order {work_order_id}, {_ago(received_at)}"}
        for pk, event_type, work_order_id, received_at in rows
    ]


def _event(request: HttpRequest, connector: Connector, id: str, posted: Mapping[str, Any]) -> dict[str, Any]:
    event = None
    if request.user.has_perm("events.view_event") and (key := _uuid(id)):
        event = Event.objects.filter(pk=key, company_id=connector.company_id, kind=Event.Kind.WORK_ORDER).first()
    if event is None:
        raise _refused(NOT_THERE)
    return dict(event.payload)


def _pasted_event(request: HttpRequest, connector: Connector, id: str, posted: Mapping[str, Any]) -> dict[str, Any]:
    """A whole event, or only its work order."""
    found = _pasted(posted)
    return found if isinstance(found.get("workorder"), dict) else {"event_type": "", "workorder": found}


def _as_event(connector: Connector, payload: dict[str, Any]) -> dict[str, Any]:
    work_order = payload["workorder"] if isinstance(payload.get("workorder"), dict) else {}
    id = work_order.get("id")
    linked = None
    if isinstance(id, int) and not isinstance(id, bool) and 0 < id < 2**63:
        links = RecordLink.objects.filter(connector=connector, work_order_id=id)
        linked = links.values_list("external_id", flat=True).first()
    return outbound_input(with_correlation({**payload, "workorder": normalise_work_order(work_order)}, linked))


# --- Inbound ----------------------------------------------------------------------------------------------------------


def _records_read(connector: Connector) -> list[dict[str, str]]:
    """Records of which the whole answer was kept as evidence."""
    newest = SyncLog.objects.filter(connector=connector).order_by("-created_at").values("pk")[:LOOKED_AT]
    calls = ApiCall.objects.filter(log__in=newest, purpose="read record", status=200).order_by("-id")[:OFFERED]
    found: list[dict[str, str]] = []
    for call in calls.select_related("log").defer("log__details", "request_headers", "response_headers"):
        if _record(call, connector) is not None and len(found) < RECORDS:
            label = f"Record {call.log.external_id}, read {_ago(call.started_at)}"
            found.append({"value": f"call:{call.pk}", "label": label})
    return found


def _record(call: ApiCall, connector: Connector) -> dict[str, Any] | None:
    """The record in an answer; None when the evidence was cut or holds none."""
    try:
        found = pick(json.loads(call.response_body), str(connector.settings.get("record_root") or ""))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _call(request: HttpRequest, connector: Connector, id: str, posted: Mapping[str, Any]) -> dict[str, Any]:
    call = None
    if request.user.has_perm("synclog.view_synclog") and id.isdecimal():
        call = ApiCall.objects.filter(pk=int(id[:18]), log__connector=connector, purpose="read record").first()
    record = _record(call, connector) if call else None
    if record is None:
        raise _refused(NOT_THERE)
    return inbound_input(record)


def _examples(request: HttpRequest, connector: Connector, id: str, posted: Mapping[str, Any]) -> dict[str, Any]:
    """A record made of the examples that the fields were described with."""
    described = DiscoveredFields.objects.filter(connector=connector, side="external", record_kind="").first()
    record: dict[str, Any] = {}
    for field in described.fields if described else []:
        choices = field.get("choices") or ()
        first = choices[0] if choices else None
        value = field.get("sample")
        if value in (None, "") and first is not None:
            value = first[0] if isinstance(first, list | tuple) else first
        place = record
        *above, last = str(field.get("path", "")).split(".")
        for name in above:
            inner = place.setdefault(name, {})
            place = inner if isinstance(inner, dict) else {}
        place[last] = value
    return inbound_input(record)


def _pasted_record(request: HttpRequest, connector: Connector, id: str, posted: Mapping[str, Any]) -> dict[str, Any]:
    return inbound_input(_pasted(posted))


def _pasted(posted: Mapping[str, Any]) -> dict[str, Any]:
    text = posted.get("text")
    if not isinstance(text, str) or not text.strip():
        raise _refused("Paste the JSON of an event or a record.")
    if len(text) > MAX_SAMPLE:
        raise _refused(f"The sample is longer than {MAX_SAMPLE // 1024} KiB. Shorten it.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        raise _refused(f"The sample is no JSON{place}.") from None
    if not isinstance(found, dict):
        raise _refused("The sample must be one JSON object: { … }.")
    for sentence in unstorable(found):
        raise _refused(sentence)
    return found


def _built_in(request: HttpRequest, connector: Connector, id: str, posted: Mapping[str, Any]) -> dict[str, Any]:
    return dict(BUILT_IN)


Find = Callable[[HttpRequest, Connector, str, Mapping[str, Any]], dict[str, Any]]
_OUTBOUND: Final[Mapping[str, Find]] = {"built_in": _built_in, "event": _event, "pasted": _pasted_event}
_INBOUND: Final[Mapping[str, Find]] = {"examples": _examples, "call": _call, "pasted": _pasted_record}


def _refused(sentence: str) -> Refused:
    return Refused([Problem("sample", sentence)])


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _ago(moment: Any) -> str:
    return f"{timesince(moment, timezone.now(), depth=1)} ago"
