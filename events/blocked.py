"""Lanes that do not go on by themselves: what stands at their head, and how many stand in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from synclog.models import SyncLog

from .models import Delivery, Lane
from .states import OPEN

WAITS: Final = Q(due_at__isnull=True, claim__isnull=True, held_by="")
"""The head waits for a person."""
HELD: Final = ~Q(held_by="")
RETRIES: Final = Q(claim__isnull=True, held_by="", due_at__gt=Now())
"""The head waits for its next attempt. A lane that a worker is at has its lease there instead."""
BLOCKED: Final = WAITS | HELD | RETRIES


@dataclass(frozen=True)
class Line:
    """What stands in a lane: its head and the number of deliveries, the head included. ``since``: when it was held, or
    else when the head was last tried; before the first attempt, when the head was made."""

    head: Delivery
    length: int
    since: datetime


def head_ids(lane_ids: Sequence[int]) -> dict[int, tuple[UUID, int]]:
    """By lane the delivery at its head and how many stand in it; an empty lane is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT l.id, line.ids[1], line.length FROM events_lane AS l
            CROSS JOIN LATERAL (
                SELECT array_agg(d.id ORDER BY d.seq) AS ids, count(*) AS length FROM events_delivery AS d
                WHERE d.connector_id = l.connector_id AND d.lane_key = l.key AND d.state = ANY(%s)
            ) AS line
            WHERE l.id = ANY(%s) AND line.length > 0
            """,
            [[state.value for state in OPEN], list(lane_ids)],
        )
        return {lane: (head, length) for lane, head, length in cursor.fetchall()}


def lines(lanes: Sequence[Lane]) -> Mapping[int, Line]:
    """By lane what stands in it; three queries for any number of lanes."""
    found = head_ids([lane.pk for lane in lanes])
    ids = [head for head, _ in found.values()]
    heads = Delivery.objects.select_related("connector__company", "connector__state").in_bulk(ids)
    logged = SyncLog.objects.filter(delivery_id__in=ids).values_list("delivery_id")
    tried = dict(logged.annotate(Max("created_at")).order_by())
    lined_up = {}
    for lane in lanes:
        id, length = found.get(lane.pk, (None, 0))
        if head := heads.get(id):
            lined_up[lane.pk] = Line(head, length, lane.held_at or tried.get(head.pk) or head.created_at)
    return lined_up


def in_line(lane: Lane) -> QuerySet[Delivery]:
    """The deliveries that stand in the lane, first in line first."""
    rows = Delivery.objects.filter(connector_id=lane.connector_id, lane_key=lane.key, state__in=OPEN)
    return rows.select_related("connector__company", "connector__state").order_by("seq")


def with_reason(lanes: QuerySet[Lane], reason: str) -> QuerySet[Lane]:
    """Those whose head has this reason."""
    heads = Delivery.objects.filter(
        connector_id=OuterRef("connector_id"), lane_key=OuterRef("key"), state__in=OPEN
    ).order_by("seq")
    return lanes.alias(head_reason=Subquery(heads.values("reason")[:1])).filter(head_reason=reason)
