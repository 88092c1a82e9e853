"""What is stored about the chosen events and deliveries: decisions, attempts, calls, lanes. Each a query or two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Q

from events import blocked
from events.models import Delivery, Lane
from synclog.models import ApiCall, SyncLog

from .choose import Record

MOST_REPEATS: Final = 1_000
MOST_CALLS: Final = 200


@dataclass(frozen=True)
class Standing:
    """A lane and what stands first in it."""

    lane: Lane
    head: Delivery | None
    length: int


def lane_key(delivery: Delivery | None, record: Record) -> str:
    """The lane in which this delivery, or the next one of the record, stands."""
    if delivery is not None:
        return delivery.lane_key
    if record.work_orders:
        return f"wo:{min(record.work_orders)}"
    return f"ext:{min(record.externals, default='')}"


def decisions(event_ids: Collection[UUID]) -> tuple[dict[tuple[UUID, int | None], SyncLog], Counter[UUID]]:
    """By event and connector (None: for all) why it made no delivery; and how often each event came again."""
    logs = SyncLog.objects.filter(event_id__in=event_ids, delivery_id=None)
    made = {
        (log.event_id, log.connector_id): log
        for log in logs.exclude(code__in=("duplicate", "event_edited")).order_by("created_at")
        if log.event_id is not None
    }
    repeats = logs.filter(code="duplicate").values_list("event_id", flat=True)[:MOST_REPEATS]
    return made, Counter(id for id in repeats if id is not None)


def last_logs(records: Collection[Record]) -> dict[int, SyncLog]:
    """By connector the newest log about the record, for those of which no event is stored."""
    wanted = Q(pk__in=[])
    for record in records:
        about = Q(work_order_id__in=record.work_orders) | Q(external_id__in=record.externals)
        wanted |= about & Q(connector_id=record.connector_id)
    newest = SyncLog.objects.filter(wanted).order_by("connector_id", "-created_at", "-pk").distinct("connector_id")
    return {log.connector_id: log for log in newest if log.connector_id is not None}


def attempts(delivery_ids: Sequence[UUID]) -> dict[UUID, SyncLog]:
    """The newest log of each delivery that tells of an attempt."""
    logs = SyncLog.objects.filter(delivery_id__in=delivery_ids, attempt__gt=0)
    newest = logs.order_by("delivery_id", "-created_at", "-pk").distinct("delivery_id")
    return {log.delivery_id: log for log in newest if log.delivery_id is not None}


def calls(log_ids: Sequence[UUID]) -> dict[UUID, list[ApiCall]]:
    """The calls of these logs, the last first, without headers and bodies."""
    rows = ApiCall.objects.filter(log_id__in=log_ids).order_by("-pk").defer(
        "request_headers", "request_body", "response_headers", "response_body"
    )  # fmt: skip
    found: dict[UUID, list[ApiCall]] = {}
    for call in rows[:MOST_CALLS]:
        found.setdefault(call.log_id, []).append(call)
    return found


def lines(keys: Mapping[int, str]) -> dict[int, Standing]:
    """By connector the lane with this key; four queries for any number."""
    wanted = Q(pk__in=[])
    for connector_id, key in keys.items():
        wanted |= Q(connector_id=connector_id, key=key)
    lanes = list(Lane.objects.filter(wanted))
    standing = blocked.lines(lanes)
    return {
        lane.connector_id: Standing(lane, standing[lane.pk].head, standing[lane.pk].length)
        if lane.pk in standing
        else Standing(lane, None, 0)
        for lane in lanes
    }
