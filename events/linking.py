"""The links of a batch of deliveries: which are known, who may create, what is being created right now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from . import binary
from .begun import Begun
from .models import Delivery

Key = tuple[int, str, str]


def key_of(delivery: Begun) -> Key:
    """The side of the link that the delivery knows: connector, "ext" or "wo", id."""
    if delivery.direction == Delivery.Direction.INBOUND:
        return (delivery.connector_id, "ext", delivery.external_id)
    return (delivery.connector_id, "wo", str(delivery.work_order_id))


class KnownLink(NamedTuple):
    """A link as the worker sees it; the names are those of ``RecordLink``."""

    sent: Mapping[str, Any] | None
    remote: Mapping[str, Any] | None
    seen: Mapping[str, Any] | None
    connector_id: int
    work_order_id: int | None
    external_id: str | None
    correlation_id: str
    claimed_by: UUID | None
    claimed_at: datetime | None
    written_back_at: datetime | None
    applied_at: datetime | None
    inbound_at: datetime | None
    hops: int
    hops_since: datetime | None


def is_complete(link: KnownLink | None) -> bool:
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
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT connector_id, correlation_id, work_order_id, COALESCE(external_id, ''), claimed_at
            FROM mappings_recordlink
            WHERE connector_id = ANY(%b::bigint[]) AND claimed_at IS NOT NULL
              AND (work_order_id IS NULL OR external_id IS NULL)
            """,
            [list(connector_ids)],
        )
        for connector_id, *create in cursor.fetchall():
            found[connector_id].append(OpenCreate(*create))
    return found


def claimed_links(deliveries: Sequence[Begun], creators: Mapping[Key, str]) -> dict[Key, tuple[KnownLink, bool]]:
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


def _claim(deliveries: Sequence[Begun], creators: Mapping[Key, str], *, column: str, cast: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO mappings_recordlink AS l
                (connector_id, {column}, correlation_id, claimed_by, claimed_at, created_at, updated_at)
            SELECT c.connector_id, c.record, c.correlation, c.delivery, statement_timestamp(),
                   statement_timestamp(), statement_timestamp()
            FROM unnest(%b::bigint[], %b::{cast}[], %b::text[], %b::uuid[])
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


_COLUMNS = ", ".join(f"l.{name}" for name in KnownLink._fields)
_LINKS = f"""
SELECT {_COLUMNS}
FROM unnest(%b::bigint[], %b::bigint[]) AS k(connector_id, record)
JOIN mappings_recordlink AS l ON l.connector_id = k.connector_id AND l.work_order_id = k.record
UNION ALL
SELECT {_COLUMNS}
FROM unnest(%b::bigint[], %b::text[]) AS k(connector_id, record)
JOIN mappings_recordlink AS l ON l.connector_id = k.connector_id AND l.external_id = k.record
"""  # noqa: S608 - constants only
# One statement text for any number, so that it is planned once.


def _links(deliveries: Sequence[Begun]) -> dict[Key, KnownLink]:
    wanted = {key_of(delivery) for delivery in deliveries}
    orders = [(connector, int(record)) for connector, side, record in wanted if side == "wo"]
    records = [(connector, record) for connector, side, record in wanted if side == "ext"]
    columns = [[pair[place] for pair in pairs] for pairs in (orders, records) for place in (0, 1)]
    found: dict[Key, KnownLink] = {}
    for link in map(KnownLink._make, binary.rows(_LINKS, columns)):
        for key in ((link.connector_id, "wo", str(link.work_order_id)), (link.connector_id, "ext", link.external_id)):
            if key in wanted:
                found[key] = link
    return found
