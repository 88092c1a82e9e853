"""Everything one delivery needs, read from the database in bulk, so that the threads that do the calls need none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from broker_project.lib.errors import BrokerError, MappingError
from connectors.fieldnation.client import Credentials
from connectors.models import Connector
from mappings.agreement import Agreement
from mappings.engine import Plan, compile_plan, parse_rows
from mappings.merge import Side

from . import linking, states, versions
from .begun import Begun, read
from .lanes import Head
from .linking import KnownLink, OpenCreate
from .models import Delivery
from .versions import Config, TriggerConfig

SETTLING = timedelta(seconds=60)
"""How long an event may be held back for a create on the other side that may be its own cause."""
HOP_SPAN = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Target:
    """One connector as the worker uses it: address and credentials as they are now, options of the version that the
    delivery runs with. The repr holds no credential."""

    id: int
    name: str
    platform: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    outbound_create: bool
    write_back_field: str
    max_attempts: int
    conflict_policy: str
    hop_limit: int
    company_id: int
    company: str
    field_nation: Credentials | None = field(repr=False)
    keep_bodies: bool = True
    problem: BrokerError | None = None
    """Why the connector cannot be used at all, such as a credential that cannot be decrypted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """One claimed delivery. ``may_create``: this delivery holds the claim on the link, so nobody else can create.
    ``create_unsettled``: an earlier attempt under that claim may have created the record already.
    ``opposite_waits``: a delivery of the other direction stands behind this one in the lane. ``stopped``: an earlier
    action of the same event was given up, and it says that this one is not run then."""

    lane_id: int
    claim_id: UUID
    delivery: Begun
    attempt: int
    interrupted: bool
    target: Target
    config: Config
    link: KnownLink | None = None
    may_create: bool = False
    create_unsettled: bool = False
    opposite_waits: bool = False
    creates: Sequence[OpenCreate] = ()
    hops_spent: bool = False
    stopped: bool = False
    correlation: str = ""
    external_id: str = ""
    work_order_id: int | None = None

    @property
    def trigger(self) -> TriggerConfig | None:
        return self.config.triggers.get(self.delivery.trigger_id) if self.delivery.trigger_id else None

    @property
    def trigger_gone(self) -> bool:
        """Whether what the delivery should do was removed from the configuration."""
        if self.inbound or self.trigger is not None:
            return False
        return bool(self.delivery.trigger_id) or self.delivery.action != "update"

    @property
    def script(self) -> str:
        return self.trigger.script if self.trigger else ""

    @property
    def target_object(self) -> str:
        return self.trigger.target_object if self.trigger else ""

    @property
    def plan(self) -> Plan:
        """The compiled mappings; equal ones share a plan. Raises MappingError when they cannot be compiled."""
        return compiled(
            self.config.rows_for(self.delivery.direction, self.target_object, self.delivery.event.event_type)
        )

    @property
    def reverse(self) -> Plan | None:
        """The mappings of the other direction, None when there are none that can run."""
        rows = self.config.rows.get(("outbound" if self.inbound else "inbound", ""))
        if not rows:
            return None
        try:
            return compiled(rows)
        except MappingError:
            return None

    @property
    def policies(self) -> Mapping[str, str]:
        return self.config.policies.get(self.delivery.direction, {})

    @property
    def modes(self) -> Mapping[str, str]:
        """The write mode by target, where it is not "always"; none for a note, which is always new."""
        return {} if self.target_object else self.config.modes.get(self.delivery.direction, {})

    @property
    def inbound(self) -> bool:
        return self.delivery.direction == Delivery.Direction.INBOUND

    @property
    def linked(self) -> bool:
        return linking.is_complete(self.link)

    @property
    def agreement(self) -> Agreement:
        link = self.link
        return Agreement(link.sent, link.remote, link.seen) if link else Agreement()

    @property
    def choices(self) -> Mapping[str, Side]:
        """What a person decided about fields that both sides changed."""
        conflict: Mapping[str, Any] = self.delivery.conflict or {}
        choices: Mapping[str, Side] = conflict.get("choices", {})
        return choices

    @property
    def claimed_at(self) -> datetime | None:
        return self.link.claimed_at if self.link else None

    @property
    def written_back(self) -> bool:
        return bool(self.link and self.link.written_back_at)

    @property
    def occurred_at(self) -> datetime | None:
        """When the event happened; a sender's clock that is ahead counts no further than our own."""
        event = self.delivery.event
        return min(event.occurred_at, event.received_at) if event.occurred_at else None

    @property
    def is_stale(self) -> bool:
        """Whether a newer event of the work order was applied already."""
        applied, occurred = self.link.applied_at if self.link else None, self.occurred_at
        if self.inbound or applied is None or occurred is None:
            return False
        # Field Nation tells whole seconds, other senders may tell less
        return occurred.replace(microsecond=0) < applied.replace(microsecond=0)

    @property
    def inbound_at(self) -> datetime | None:
        return self.link.inbound_at if self.link else None

    @property
    def open_creates(self) -> Mapping[str, int]:
        """Work orders for which a record is being created, by the mark on it."""
        return {create.correlation: create.work_order_id for create in self.creates if create.work_order_id}

    @property
    def adopted_external_id(self) -> str:
        """The external record from which this work order was created, when that answer is not in yet."""
        if self.linked or self.inbound:
            return ""
        marks = _marks_of(self.delivery.event.payload)
        return next((c.external_id for c in self.creates if c.external_id and c.correlation in marks), "")

    @property
    def counterpart_pending(self) -> bool:
        """An unlinked record that a create running on the other side may just have made."""
        if self.linked:
            return False
        received = self.delivery.event.received_at
        others = (c for c in self.creates if bool(c.work_order_id) == self.inbound)
        return any(received - SETTLING < create.since < received for create in others)


def _marks_of(payload: Mapping[str, Any]) -> set[str]:
    """Where a work order that was made from an external record carries the mark."""
    work_order = payload.get("workorder")
    found = work_order if isinstance(work_order, dict) else {}
    internal = found.get("custom_fields")
    internal = internal.get("internal") if isinstance(internal, dict) else None
    value = internal.get("value") if isinstance(internal, dict) else None
    return {str(mark).strip() for mark in (found.get("incident_id"), value) if mark}


def correlation_of(delivery: Begun, target: Target) -> str:
    """The mark to write on a record created for this delivery: its counterpart, told apart from other connectors'.

    It is stored with the claim, so a connector that is renamed meanwhile still finds what it created.
    """
    if delivery.direction == Delivery.Direction.OUTBOUND:
        return f"FN-{delivery.work_order_id}"
    return f"{target.name[:60]} {delivery.external_id}"[:100]


@lru_cache(maxsize=512)
def compiled(rows: str) -> Plan:
    """The plan of mapping rows in their JSON form. Raises MappingError when they cannot be compiled."""
    return compile_plan(parse_rows(json.loads(rows)))


def load(heads: Sequence[Head], *, claim_id: UUID) -> list[Work]:
    """Start the attempts of claimed heads and read what they need: a fixed number of queries for any number."""
    connectors = _connectors({head.connector_id for head in heads})
    present = versions.current(list(connectors))
    begun = states.begin(
        [head.delivery_id for head in heads], versions=[present[head.connector_id].number for head in heads]
    )
    deliveries = read(begun)
    configs = _configs(deliveries.values(), present)
    targets = {ran: target(connectors[ran[0]], config) for ran, config in configs.items()}
    creators = {
        linking.key_of(delivery): correlation_of(delivery, targets[_ran(delivery)])
        for delivery in deliveries.values()
        if _may_create(delivery, configs[_ran(delivery)])
    }
    links = linking.claimed_links(list(deliveries.values()), creators)
    creates = linking.open_creates(connectors)
    stopped = _stopped(deliveries.values(), configs)
    opposite = _opposite_waits([d for d in deliveries.values() if _has_both(present[d.connector_id])])
    works = []
    for head in heads:
        if head.delivery_id not in begun:
            continue
        delivery = deliveries[head.delivery_id]
        link, fresh = links.get(linking.key_of(delivery), (None, False))
        attempt, interrupted = begun[delivery.id]
        claimed = link is not None and link.claimed_by == delivery.id
        chosen = targets[_ran(delivery)]
        works.append(
            Work(
                lane_id=head.lane_id,
                claim_id=claim_id,
                delivery=delivery,
                attempt=attempt,
                interrupted=interrupted,
                target=chosen,
                config=configs[_ran(delivery)],
                link=link,
                may_create=claimed,
                create_unsettled=claimed and not fresh and not (delivery.create_again and attempt == 1),
                opposite_waits=delivery.id in opposite,
                creates=creates.get(delivery.connector_id, ()),
                hops_spent=_hops_spent(delivery, link, chosen),
                stopped=delivery.id in stopped,
                correlation=(link.correlation_id if link else "") or correlation_of(delivery, chosen),
                external_id=((link.external_id if link else "") or delivery.external_id) or "",
                work_order_id=delivery.work_order_id or (link.work_order_id if link else None),
            )
        )
    return works


def _connectors(ids: Iterable[int]) -> dict[int, Connector]:
    return {connector.pk: connector for connector in Connector.objects.filter(id__in=ids).select_related("company")}


def _ran(delivery: Begun) -> tuple[int, int]:
    """Connector and version of the configuration that the delivery runs with."""
    return delivery.connector_id, delivery.version or 0


def _configs(deliveries: Iterable[Begun], present: Mapping[int, Config]) -> dict[tuple[int, int], Config]:
    """The configurations that the deliveries run with, by connector and number; mostly the present ones."""
    found = {(connector_id, config.number): config for connector_id, config in present.items()}
    older = {_ran(delivery) for delivery in deliveries} - found.keys()
    return {**found, **versions.of(older)} if older else found


def target(connector: Connector, config: Config) -> Target:
    """The connector as it is now, with the options of ``config``."""
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
        outbound_create=config.outbound_create,
        write_back_field=config.write_back_field,
        max_attempts=config.max_attempts or settings.MAX_ATTEMPTS,
        conflict_policy=config.conflict_policy,
        hop_limit=config.hop_limit,
        company_id=connector.company_id,
        company=connector.company.name,
        field_nation=credentials,
        keep_bodies=connector.keep_bodies,
        problem=problem,
    )


def _may_create(delivery: Begun, config: Config) -> bool:
    if delivery.direction == Delivery.Direction.INBOUND:
        return True
    trigger = config.triggers.get(delivery.trigger_id) if delivery.trigger_id else None
    if trigger is not None and trigger.target_object:
        return False
    return config.outbound_create


def _stopped(deliveries: Iterable[Begun], configs: Mapping[tuple[int, int], Config]) -> set[UUID]:
    """Which of these come after an action of the same event that was given up and says to stop then.

    No query unless an event has several actions of which one says so.
    """
    asked: list[tuple[UUID, UUID, int]] = []
    for delivery in deliveries:
        config = configs[_ran(delivery)]
        trigger = config.triggers.get(delivery.trigger_id) if delivery.trigger_id else None
        if trigger is not None:
            asked += [(delivery.id, delivery.event_id, earlier) for earlier in config.stops(trigger)]
    if not asked:
        return set()
    dead = set(
        Delivery.objects.filter(
            event_id__in={event for _, event, _ in asked},
            trigger_id__in={earlier for _, _, earlier in asked},
            state=states.State.DEAD,
        ).values_list("event_id", "trigger_id")
    )
    return {id for id, event, earlier in asked if (event, earlier) in dead}


def _has_both(config: Config) -> bool:
    return ("inbound", "") in config.rows and ("outbound", "") in config.rows


def _opposite_waits(deliveries: Sequence[Begun]) -> set[UUID]:
    """Which of these have a delivery of the other direction behind them; an index of its own answers for inbound."""
    if not deliveries:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT h.id
            FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::text[]) AS h(id, connector, lane, direction)
            WHERE (h.direction = 'outbound' AND EXISTS (
                    SELECT 1 FROM events_delivery AS d WHERE d.connector_id = h.connector AND d.lane_key = h.lane
                    AND d.direction = 'inbound' AND d.state = ANY(%s)))
               OR (h.direction = 'inbound' AND EXISTS (
                    SELECT 1 FROM events_delivery AS d WHERE d.connector_id = h.connector AND d.lane_key = h.lane
                    AND d.direction = 'outbound' AND d.state = ANY(%s)))
            """,
            [
                [d.id for d in deliveries],
                [d.connector_id for d in deliveries],
                [d.lane_key for d in deliveries],
                [d.direction for d in deliveries],
                [state.value for state in states.OPEN],
                [state.value for state in states.OPEN],
            ],
        )
        return {row[0] for row in cursor.fetchall()}


def _hops_spent(delivery: Begun, link: KnownLink | None, target: Target) -> bool:
    """Whether the record went back and forth so often within the hour that one more write would only go on with it.

    ``hops`` counts changes of direction: even after an outbound write, odd after an inbound one.
    """
    if link is None or link.hops_since is None or delivery.forced or link.hops < target.hop_limit:
        return False
    turns = link.hops % 2 != (1 if delivery.direction == Delivery.Direction.INBOUND else 0)
    return turns and timezone.now() - link.hops_since < HOP_SPAN
