"""The links of a batch of deliveries: which are known, who may create, what is being created right now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Q

from mappings.models import RecordLink

from .models import Delivery

Key = tuple[int, str, str]


def key_of(delivery: Delivery) -> Key:
    """The side of the link that the delivery knows: connector, "ext" or "wo", id."""
    if delivery.direction == Delivery.Direction.INBOUND:
        return (delivery.connector_id, "ext", delivery.external_id)
    return (delivery.connector_id, "wo", str(delivery.work_order_id))


def is_complete(link: RecordLink | None) -> bool:
    return link is not None and link.work_order_id is not None and bool(link.external_id)


@dataclass(frozen=True)
class OpenCreate:
    """A create under way, or of unknown outcome: its mark, the side that is known, and since when."""

    correlation: str
    work_order_id: int | None
    external_id: str
    since: datetime


def open_creates(connector_ids: Iterable[int]) -> Mapping[int, Sequence[OpenCreate]]:
    """By connector; answered by the partial index on claimed links."""
    found: dict[int, list[OpenCreate]] = defaultdict(list)
    incomplete = Q(work_order_id__isnull=True) | Q(external_id__isnull=True)
    rows = RecordLink.objects.filter(incomplete, connector_id__in=connector_ids, claimed_at__isnull=False)
    for link in rows.only("connector_id", "correlation_id", "work_order_id", "external_id", "claimed_at"):
        if link.claimed_at is not None:  # the query says so; the type checker cannot see it
            create = OpenCreate(link.correlation_id, link.work_order_id, link.external_id or "", link.claimed_at)
            found[link.connector_id].append(create)
    return found


def claimed_links(deliveries: Sequence[Delivery], creators: Mapping[Key, str]) -> dict[Key, tuple[RecordLink, bool]]:
    """The links of the deliveries, each with whether its claim was made just now.

    ``creators`` are the deliveries that may create, by key, with the mark to write on the new record. They claim an
    incomplete link before any call. The claim is committed with the start of the attempt, so a second create is
    impossible; what is left of a claim after a crash says "look before you create".
    """
    found = _links(deliveries)
    mine = [d for d in deliveries if key_of(d) in creators and not is_complete(found.get(key_of(d)))]
    if not mine:
        return {key: (link, False) for key, link in found.items()}
    existing = {key for key, link in found.items() if link.claimed_by is not None}
    for column, cast in (("work_order_id", "bigint"), ("external_id", "text")):
        side = [d for d in mine if (d.direction == Delivery.Direction.INBOUND) == (column == "external_id")]
        if side:
            _claim(side, creators, column=column, cast=cast)
    return {key: (link, key not in existing) for key, link in _links(deliveries).items()}


def _claim(deliveries: Sequence[Delivery], creators: Mapping[Key, str], *, column: str, cast: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO mappings_recordlink AS l
                (connector_id, {column}, correlation_id, claimed_by, claimed_at, created_at, updated_at)
            SELECT c.connector_id, c.record, c.correlation, c.delivery, statement_timestamp(),
                   statement_timestamp(), statement_timestamp()
            FROM unnest(%s::bigint[], %s::{cast}[], %s::text[], %s::uuid[])
                 AS c(connector_id, record, correlation, delivery)
            ON CONFLICT (connector_id, {column}) DO UPDATE
                SET claimed_by = EXCLUDED.claimed_by,
                    claimed_at = COALESCE(l.claimed_at, EXCLUDED.claimed_at)
                WHERE l.work_order_id IS NULL OR l.external_id IS NULL
            """,  # noqa: S608 - the two column names and casts are constants
            [
                [d.connector_id for d in deliveries],
                [getattr(d, column) for d in deliveries],
                [creators[key_of(d)] for d in deliveries],
                [d.id for d in deliveries],
            ],
        )


def _links(deliveries: Sequence[Delivery]) -> dict[Key, RecordLink]:
    wanted = {key_of(delivery) for delivery in deliveries}
    rows = RecordLink.objects.filter(connector_id__in={key[0] for key in wanted}).filter(
        Q(work_order_id__in=[int(key[2]) for key in wanted if key[1] == "wo"])
        | Q(external_id__in=[key[2] for key in wanted if key[1] == "ext"])
    )
    found: dict[Key, RecordLink] = {}
    for link in rows:
        for key in ((link.connector_id, "wo", str(link.work_order_id)), (link.connector_id, "ext", link.external_id)):
            if key in wanted:
                found[key] = link
    return found
