"""Everything one delivery needs, read from the database in bulk, so that the threads that do the calls need none."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q

from broker_project.lib.errors import BrokerError
from connectors.fieldnation.client import Credentials
from connectors.models import Connector
from mappings.engine import MappingRow, Plan, compile_plan, dump_rows, parse_rows
from mappings.models import FieldMapping, RecordLink

from . import states
from .lanes import Head
from .models import Delivery

SETTLING = timedelta(seconds=60)
"""How long an event may be held back for an inbound create that may be its own cause."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One connector as the worker uses it. The repr holds no credential."""

    id: int
    name: str
    platform: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    outbound_create: bool
    write_back_field: str
    max_attempts: int
    company_id: int
    company: str
    field_nation: Credentials | None = field(repr=False)
    problem: BrokerError | None = None
    """Why the connector cannot be used at all, such as a credential that cannot be decrypted."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One claimed delivery. ``may_create``: this delivery holds the claim on the link, so nobody else can create.
    ``create_unsettled``: an earlier attempt under that claim may have created the record already."""

    lane_id: int
    claim_id: UUID
    delivery: Delivery
    attempt: int
    interrupted: bool
    target: Target
    mappings: str = "[]"
    script: str = ""
    target_object: str = ""
    work_order_id: int | None = None
    external_id: str = ""
    correlation: str = ""
    linked: bool = False
    may_create: bool = False
    create_unsettled: bool = False
    claimed_at: datetime | None = None
    written_back: bool = False
    inbound_create_pending: bool = False

    @property
    def plan(self) -> Plan:
        """The compiled mappings; equal ones share a plan. Raises MappingError when they cannot be compiled."""
        return _compiled(self.mappings)

    @property
    def inbound(self) -> bool:
        return self.delivery.direction == Delivery.Direction.INBOUND


def correlation_of(delivery: Delivery, target: Target) -> str:
    """The mark to write on a record created for this delivery: its counterpart, told apart from other connectors'.

    It is stored with the claim, so a connector that is renamed meanwhile still finds what it created.
    """
    if delivery.direction == Delivery.Direction.OUTBOUND:
        return f"FN-{delivery.work_order_id}"
    return f"{target.name[:60]} {delivery.external_id}"[:100]


@lru_cache(maxsize=512)
def _compiled(rows: str) -> Plan:
    return compile_plan(parse_rows(json.loads(rows)))


def load(heads: Sequence[Head], *, claim_id: UUID) -> list[Work]:
    """Start the attempts of claimed heads and read what they need: a fixed number of queries for any number."""
    begun = states.begin([head.delivery_id for head in heads])
    deliveries = {
        delivery.id: delivery
        for delivery in Delivery.objects.filter(id__in=list(begun)).select_related("event", "trigger")
    }
    connector_ids = {delivery.connector_id for delivery in deliveries.values()}
    targets = _targets(connector_ids)
    rows = _rows(connector_ids)
    links = _claimed_links(list(deliveries.values()), targets)
    pending = _inbound_creates(connector_ids)
    works = []
    for head in heads:
        if head.delivery_id not in begun:
            continue
        delivery = deliveries[head.delivery_id]
        attempt, interrupted = begun[head.delivery_id]
        works.append(
            _work(
                head,
                delivery,
                claim_id=claim_id,
                attempt=attempt,
                interrupted=interrupted,
                target=targets[delivery.connector_id],
                rows=rows,
                link=links.get(_link_key(delivery)),
                pending=pending.get(delivery.connector_id, ()),
            )
        )
    return works


def _work(
    head: Head,
    delivery: Delivery,
    *,
    claim_id: UUID,
    attempt: int,
    interrupted: bool,
    target: Target,
    rows: Mapping[tuple[int, str, str], str],
    link: tuple[RecordLink, bool] | None,
    pending: Sequence[datetime],
) -> Work:
    known, fresh = link or (None, False)
    trigger = delivery.trigger
    target_object = trigger.target_object if trigger else ""
    work_order_id = delivery.work_order_id or (known.work_order_id if known else None)
    external_id = (known.external_id if known else "") or delivery.external_id
    claimed = known is not None and known.claimed_by == delivery.id
    return Work(
        lane_id=head.lane_id,
        claim_id=claim_id,
        delivery=delivery,
        attempt=attempt,
        interrupted=interrupted,
        target=target,
        mappings=rows.get((delivery.connector_id, delivery.direction, target_object), "[]"),
        script=trigger.script if trigger else "",
        target_object=target_object,
        work_order_id=work_order_id,
        external_id=external_id,
        correlation=(known.correlation_id if known else "") or correlation_of(delivery, target),
        linked=_complete(known),
        may_create=claimed,
        create_unsettled=claimed and not fresh and not (delivery.create_again and attempt == 1),
        claimed_at=known.claimed_at if known else None,
        written_back=bool(known and known.written_back_at),
        inbound_create_pending=_caused_by_pending(delivery, known, pending),
    )


def _caused_by_pending(delivery: Delivery, known: RecordLink | None, pending: Sequence[datetime]) -> bool:
    """An event of an unlinked work order that a running inbound create may just have made."""
    if delivery.direction != Delivery.Direction.OUTBOUND or (known and known.external_id):
        return False
    received = delivery.event.received_at
    return any(received - SETTLING < claimed_at < received for claimed_at in pending)


def _link_key(delivery: Delivery) -> tuple[int, str, str]:
    if delivery.direction == Delivery.Direction.INBOUND:
        return (delivery.connector_id, "ext", delivery.external_id)
    return (delivery.connector_id, "wo", str(delivery.work_order_id))


def _targets(connector_ids: Iterable[int]) -> dict[int, Target]:
    connectors = Connector.objects.filter(id__in=connector_ids).select_related("company")
    return {connector.pk: _target(connector) for connector in connectors}


def _target(connector: Connector) -> Target:
    secrets, credentials, problem = {}, None, None
    try:
        secrets, credentials = connector.secrets, connector.company.credentials()
    except BrokerError as error:
        problem = error
    return Target(
        id=connector.pk,
        name=connector.name,
        platform=connector.platform,
        settings=connector.settings,
        secrets=secrets,
        outbound_create=connector.outbound_create,
        write_back_field=connector.write_back_field,
        max_attempts=connector.max_attempts or settings.MAX_ATTEMPTS,
        company_id=connector.company_id,
        company=connector.company.name,
        field_nation=credentials,
        problem=problem,
    )


def _rows(connector_ids: Iterable[int]) -> dict[tuple[int, str, str], str]:
    """The mapping rows by connector, direction and target object, as JSON text."""
    found: dict[tuple[int, str, str], list[MappingRow]] = defaultdict(list)
    rows = FieldMapping.objects.filter(connector_id__in=connector_ids, is_enabled=True).order_by("position", "id")
    for row in rows:
        found[row.connector_id, row.direction, row.target_object].append(row.row())
    return {key: json.dumps(dump_rows(group), sort_keys=True) for key, group in found.items()}


def _inbound_creates(connector_ids: Iterable[int]) -> dict[int, list[datetime]]:
    """When inbound creates that are not settled yet were claimed, by connector."""
    found: dict[int, list[datetime]] = defaultdict(list)
    claims = RecordLink.objects.filter(
        connector_id__in=connector_ids, work_order_id__isnull=True, claimed_at__isnull=False
    )
    for connector_id, claimed_at in claims.values_list("connector_id", "claimed_at"):
        if claimed_at is not None:  # the query says so; the type checker cannot see it
            found[connector_id].append(claimed_at)
    return found


def _claimed_links(
    deliveries: Sequence[Delivery], targets: Mapping[int, Target]
) -> dict[tuple[int, str, str], tuple[RecordLink, bool]]:
    """The links of the deliveries, each with whether its claim was made just now.

    A delivery that may have to create claims the link before any call. The claim is committed with the start of the
    attempt, so a second create is impossible; what is left of a claim after a crash says "look before you create".
    """
    found = _links(deliveries)
    creators = [
        delivery
        for delivery in deliveries
        if _may_create(delivery, targets[delivery.connector_id]) and not _complete(found.get(_link_key(delivery)))
    ]
    if not creators:
        return {key: (link, False) for key, link in found.items()}
    existing = {key for key, link in found.items() if link.claimed_by is not None}
    with connection.cursor() as cursor:
        for column, cast in (("work_order_id", "bigint"), ("external_id", "text")):
            mine = [d for d in creators if (d.direction == Delivery.Direction.INBOUND) == (column == "external_id")]
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
                    [d.connector_id for d in mine],
                    [getattr(d, column) for d in mine],
                    [correlation_of(d, targets[d.connector_id]) for d in mine],
                    [d.id for d in mine],
                ],
            )
    return {key: (link, key not in existing) for key, link in _links(deliveries).items()}


def _may_create(delivery: Delivery, target: Target) -> bool:
    if delivery.direction == Delivery.Direction.INBOUND:
        return True
    if delivery.trigger is not None and delivery.trigger.target_object:
        return False
    return target.outbound_create


def _complete(link: RecordLink | None) -> bool:
    return link is not None and link.work_order_id is not None and bool(link.external_id)


def _links(deliveries: Sequence[Delivery]) -> dict[tuple[int, str, str], RecordLink]:
    wanted = {_link_key(delivery) for delivery in deliveries}
    rows = RecordLink.objects.filter(connector_id__in={key[0] for key in wanted}).filter(
        Q(work_order_id__in=[int(key[2]) for key in wanted if key[1] == "wo"])
        | Q(external_id__in=[key[2] for key in wanted if key[1] == "ext"])
    )
    found: dict[tuple[int, str, str], RecordLink] = {}
    for link in rows:
        for key in ((link.connector_id, "wo", str(link.work_order_id)), (link.connector_id, "ext", link.external_id)):
            if key in wanted:
                found[key] = link
    return found
