"""What the checks weigh: everything that is known about one event (or its absence) for one connector. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.fieldnation.webhook_logs import Hook
from connectors.models import Connector, ConnectorState
from connectors.platforms.contract import TestResult
from events.models import Delivery, Event, EventTrigger, Lane
from events.states import OPEN, State
from mappings.models import FieldMapping, RecordLink
from synclog.alert_models import WebhookCheck
from synclog.models import ApiCall, SyncLog
from synclog.refused import Refused


@dataclass(frozen=True, kw_only=True)
class Workers:
    """What the heartbeats say. ``last_seen`` None: none was ever seen."""

    alive: int
    last_seen: datetime | None


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """When something came last for the company, among the newest events of the last days."""

    webhook: datetime | None = None
    api: datetime | None = None
    this_event: datetime | None = None
    trigger: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Live:
    """What was asked of the two systems just now; None where nothing was asked."""

    external: TestResult | None = None
    field_nation: TestResult | None = None
    hooks: Sequence[Hook] | None = None
    hooks_problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """About one connector. Related rows that a check reads (company, connector) are loaded.

    ``event`` None: no event is stored. ``decision`` is the log that says why the event made no delivery here; without
    an event it is the newest log about the record.
    ``attempt`` is the newest log of the delivery, ``calls`` its calls. ``head`` stands first in the lane, in which
    ``length`` deliveries stand. ``earlier`` is the payload of the work order's event before. ``required`` are the
    paths of required fields that nothing fills, None when the fields were never discovered. ``refused`` are counts of
    the last day at the doors that it could have come through, nobody's last; ``refusals`` have a log each.
    """

    now: datetime
    term: str
    work_order_id: int | None = None
    external_id: str = ""
    event_type: str = ""
    inbound: bool = False
    connector: Connector
    state: ConnectorState | None = None
    sealed_problem: str = ""
    event: Event | None = None
    earlier: Mapping[str, Any] | None = None
    decision: SyncLog | None = None
    delivery: Delivery | None = None
    repeats: int = 0
    attempt: SyncLog | None = None
    calls: Sequence[ApiCall] = ()
    link: RecordLink | None = None
    lane: Lane | None = None
    head: Delivery | None = None
    length: int = 0
    by: Delivery | None = None
    success: Delivery | None = None
    triggers: Sequence[EventTrigger] = ()
    rows: Sequence[FieldMapping] = ()
    required: Sequence[str] | None = None
    draining_since: datetime | None = None
    workers: Workers | None = None
    arrivals: Arrivals = field(default_factory=Arrivals)
    webhook_check: WebhookCheck | None = None
    refusals: Sequence[SyncLog] = ()
    refused: Sequence[Refused] = ()
    live: Live = field(default_factory=Live)

    @property
    def turned_away(self) -> Refused | None:
        """The last refused call that names this company or connector; not those that name none."""
        return next((one for one in self.refused if not one.is_nobodys), None)

    @property
    def name(self) -> str:
        return self.connector.name

    @property
    def subject(self) -> str:
        if self.work_order_id is not None:
            return f"work order {self.work_order_id}"
        return f"record {self.external_id}" if self.external_id else self.term

    @property
    def reason(self) -> str:
        """The code of what the event came to here: of its delivery, else of the decision to make none."""
        if self.delivery is not None:
            return self.delivery.reason
        return self.decision.code if self.decision is not None else ""

    @property
    def sentence(self) -> str:
        """What the event came to here, said by whoever wrote it."""
        if self.delivery is not None:
            return self.delivery.sentence
        return self.decision.sentence if self.decision is not None else ""

    @property
    def is_over(self) -> bool:
        """Whether the delivery does not run any more by itself: what holds the queue now did not stop it."""
        return self.delivery is not None and self.delivery.state not in (State.PENDING, State.RETRYING)

    @property
    def is_open(self) -> bool:
        return self.delivery is not None and self.delivery.state in OPEN

    @property
    def ended_well(self) -> bool:
        delivery = self.delivery
        if delivery is None:
            return False
        return delivery.state == State.SUCCEEDED or (delivery.state == State.SKIPPED and delivery.reason in WELL)

    @property
    def event_name(self) -> str:
        if self.event is not None:
            return self.event.event_type or self.event.received_name or "the trigger"
        return self.event_type or ("a trigger" if self.inbound else "an event")


WELL = frozenset({"no_change"})
"""Reasons of skipped deliveries after which both sides are in step."""
