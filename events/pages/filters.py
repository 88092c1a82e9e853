"""Acts of the filter builder: the fields to choose from, and what a filter would have done with recent events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse

from broker_project.lib.errors import MappingError
from connectors.models import Connector, DiscoveredFields
from events import catalogue
from events.earlier import before_these
from events.models import Event
from mappings.filters import Filter, parse_condition
from mappings.inputs import outbound_input

from .base import PageAct, Problem, Refused
from .filter_fields import OPERATORS, offered
from .mapping_fields import sources
from .recent_events import newest

MOST_CONDITIONS: Final = 50
MOST_VALUES: Final = 1000
"""Of one condition with a list."""
EXAMPLES: Final = 5
"""Work orders shown of those that match, and of the others."""
NOT_SEEN: Final = "No such event has come for this company lately, so there is nothing to try the filter on."


def filter_fields(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Fields with kind and suggestions, operators by kind. What came in is looked at for those who may see events."""
    side = DiscoveredFields.Side.FIELD_NATION
    discovered = DiscoveredFields.objects.filter(connector=connector, side=side, record_kind="").first()
    known = sources("outbound", discovered.fields if discovered else [], [])
    events = newest(connector.company_id) if request.user.has_perm("events.view_event") else []
    return {
        "fields": offered(known, [event.payload for event in events]),
        "operators": {kind: [{"op": op, "label": label} for op, label in ops] for kind, ops in OPERATORS.items()},
    }


def filter_preview(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Which of the last events of a type the filter lets pass. A bounded number of queries, whatever came in.

    Raises Refused with the problem of each condition; ``at`` is its place, from 0, "" for the filter as a whole.
    """
    event_type = catalogue.by_constant(str(data.get("event_type", ""))).constant
    compiled = parsed(data.get("filters"))
    events = newest(connector.company_id, event_type)
    earlier = before_these([event.pk for event in events]) if compiled.compares and events else {}
    matching: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for event in events:
        before = earlier.get(event.pk)
        matched, reason = compiled.check(
            outbound_input(event.payload), outbound_input(dict(before)) if before is not None else None
        )
        (matching if matched else others).append(_example(event, reason))
    count, total = len(matching), len(events)
    return {
        "matched": count,
        "total": total,
        "sentence": f"Would have matched {count} of the last {total} events." if total else NOT_SEEN,
        "matching": matching[:EXAMPLES],
        "others": others[:EXAMPLES],
    }


def parsed(filters: Any) -> Filter:
    """The filter as posted. Raises Refused with what is wrong, condition by condition."""
    conditions = filters.get("conditions") if isinstance(filters, dict) else None
    problems = _problems(conditions) if isinstance(conditions, list) else []
    if not problems:
        try:
            return Filter.parse(filters)
        except MappingError as error:
            problems = [Problem("", error.sentence)]
    raise Refused(problems)


def _problems(conditions: Sequence[Any]) -> list[Problem]:
    if len(conditions) > MOST_CONDITIONS:
        return [Problem("", f"There are {len(conditions)} conditions; at most {MOST_CONDITIONS} can be used.")]
    found = []
    for place, entry in enumerate(conditions):
        value = entry.get("value") if isinstance(entry, dict) else None
        if isinstance(value, list) and len(value) > MOST_VALUES:
            found.append(Problem(str(place), f"A list takes {MOST_VALUES} values at most."))
            continue
        try:
            parse_condition(entry, place + 1)
        except MappingError as error:
            found.append(Problem(str(place), error.sentence))
    return found


def _example(event: Event, reason: str) -> dict[str, Any]:
    return {
        "work_order": event.work_order_id,
        "received_at": event.received_at.isoformat(),
        "address": reverse("admin:events_event_change", args=[event.pk]),
        "reason": reason,
    }


ACTS: dict[str, PageAct] = {
    "filter_fields": PageAct(filter_fields, permission="events.view_eventtrigger"),
    "filter_preview": PageAct(filter_preview, permission="events.view_event"),
}
