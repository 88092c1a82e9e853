"""Resync: bring a list of external records, or of work orders, across as they are now. Steps of two kinds of job.

Records go through the trigger door: they are read when their turn comes. Work orders are read here, since an event
holds one as it was; each makes an update without an event trigger, which runs the connector's main mappings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from broker_project.lib.digest import digest
from broker_project.lib.errors import BrokerError, Misconfigured, NotFound, RateLimited, Retryable
from connectors.access import caller, open_field_nation
from connectors.fieldnation.client import FieldNation
from connectors.models import Connector
from synclog.models import SyncLog
from synclog.rollup_write import Tally
from synclog.write import write

from .catalogue import GENERAL_UPDATE, resolve
from .job_step import Step, items_per_step
from .lanes import open_lanes
from .models import Delivery, Event, Job
from .normalise import from_webhook
from .nudge import nudge
from .payload import PayloadError, parse_event, parse_work_order_id
from .resync_request import status_of
from .sentences import explain
from .triggered import accept_trigger

READS_PER_STEP = 10
LIST_PAGE = 100
RECEIVED_NAME = "resync"


def records(job: Job) -> Step:
    """Trigger the next records. Done again, it is merged into the triggers that still wait."""
    connector = _connector(job)
    ids: Sequence[str] = job.parameters["ids"]
    at: int = job.cursor.get("at", 0)
    batch = ids[at : at + items_per_step(job)]
    with transaction.atomic():
        accepted = accept_trigger(connector, batch, trace=_trace(job), door=Event.Door.OPERATOR) if batch else []
        if job.parameters.get("force"):
            events = [answer.duplicate_of or answer.id for answer in accepted]
            Delivery.objects.filter(event_id__in=events, connector=connector).update(forced=True)
    done = sum(answer.deliveries for answer in accepted)
    made = Step(done=done, left_alone=len(batch) - done, cursor={"at": at + len(batch)})
    return _said(job, replace(made, finished=at + len(batch) >= len(ids)))


def work_orders(job: Job) -> Step:
    """Read the next work orders and queue an update of each. Done again, it queues none twice."""
    connector = _connector(job)
    credentials = connector.company.credentials()
    client = open_field_nation(
        company_id=connector.company_id, credentials=credentials, through=caller(credentials=credentials)
    )
    if "ids" in job.parameters:
        return _of_ids(job, connector, client)
    return _of_list(job, connector, client)


def _of_ids(job: Job, connector: Connector, client: FieldNation) -> Step:
    ids: Sequence[int] = job.parameters["ids"]
    at: int = job.cursor.get("at", 0)
    taken = _take(job, connector, client, ids[at : at + _limit(job)])
    return _said(job, replace(taken.step({"at": at + taken.count}), finished=at + taken.count >= len(ids)))


def _of_list(job: Job, connector: Connector, client: FieldNation) -> Step:
    """The list by creation, from its last page to the first: what leaves the list meanwhile moves others to pages that
    are still to come, so none is missed, and what is met twice is queued once."""
    cursor = dict(job.cursor)
    if not cursor:
        first = _page(job, client, 1)
        if not job.parameters.get("status"):
            Job.objects.filter(pk=job.pk).update(total=first.total)
        cursor = {"page": first.pages, "ids": first.ids if first.pages == 1 else None}
    if cursor["ids"] is None:
        cursor["ids"] = _page(job, client, cursor["page"]).ids
    taken = _take(job, connector, client, cursor["ids"][: _limit(job)])
    rest = cursor["ids"][taken.count :]
    if rest:
        return _said(job, taken.step({"page": cursor["page"], "ids": rest}))
    onward = taken.step({"page": cursor["page"] - 1, "ids": None})
    return _said(job, replace(onward, finished=cursor["page"] <= 1))


@dataclass(frozen=True)
class _Listed:
    ids: Sequence[int]
    pages: int
    total: int


def _page(job: Job, client: FieldNation, number: int) -> _Listed:
    """A page of the job's list, oldest first, without those of another status: Field Nation cannot filter by it."""
    page = client.list(
        which=job.parameters["list"], columns=("id", "status"), page=number, per_page=LIST_PAGE, order="asc"
    )
    wanted = job.parameters.get("status")
    rows = [row for row in page.results if not wanted or status_of(row) == wanted]
    return _Listed([parse_work_order_id(row.get("id"), field="id") for row in rows], max(1, page.pages), page.total)


@dataclass
class _Taken:
    """What was done with a batch; ``count`` of its ids are dealt with."""

    count: int = 0
    left_alone: int = 0
    wait: float = 0.0
    read: dict[int, tuple[datetime, dict[str, Any]]] = field(default_factory=dict)
    logs: list[SyncLog] = field(default_factory=list)

    def step(self, cursor: Mapping[str, Any]) -> Step:
        done = self.count - self.left_alone
        return Step(done=done, left_alone=self.left_alone, cursor=cursor, wait_seconds=self.wait)


def _take(job: Job, connector: Connector, client: FieldNation, ids: Sequence[int]) -> _Taken:
    """Read these work orders, then queue them in one transaction; those before a failure that passes are kept."""
    taken = _Taken()
    for id in ids:
        try:
            taken.read[id] = _payload(id, client)
        except (NotFound, PayloadError) as error:
            taken.left_alone += 1
            taken.logs.append(_unread_log(connector, id, error))
        except Retryable as error:
            if not taken.count:
                raise
            taken.wait = (error.retry_after if isinstance(error, RateLimited) else None) or 0.0
            break
        taken.count += 1
    with transaction.atomic():
        taken.left_alone += len(taken.read) - _queue(job, connector, taken.read)
        write(taken.logs)
    return taken


def _payload(id: int, client: FieldNation) -> tuple[datetime, dict[str, Any]]:
    """The work order as an event that says "this is how it stands", and when it was read."""
    read_at = timezone.now()
    payload = from_webhook(event=resolve(GENERAL_UPDATE).event, occurred_at=read_at, work_order=client.read(id))
    return read_at, parse_event(payload, size=None).payload


def _queue(job: Job, connector: Connector, read: Mapping[int, tuple[datetime, dict[str, Any]]]) -> int:
    """Store an event and a delivery for each work order that has none of this job yet; return how many."""
    open_lanes([(connector.pk, f"wo:{id}") for id in read])
    events = {id: _event(job, connector, id, *found) for id, found in read.items()}
    keys = [event.dedupe_key for event in events.values()]
    stored = Event.objects.filter(company_id=connector.company_id, dedupe_key__in=keys)
    known = set(stored.values_list("dedupe_key", flat=True))
    fresh = [event for event in events.values() if event.dedupe_key not in known]
    held = connector.status == Connector.Status.PAUSED
    forced = bool(job.parameters.get("force"))
    deliveries = [_delivery(connector, event, held=held, forced=forced) for event in fresh]
    Event.objects.bulk_create(fresh)
    Delivery.objects.bulk_create(deliveries)
    tally, where = Tally(), (connector.pk, connector.company_id, Delivery.Direction.OUTBOUND.value)
    tally.received(where, len(fresh))
    tally.routed(where, len(fresh))
    tally.write()
    if deliveries and not held:
        nudge()
    return len(deliveries)


def _event(job: Job, connector: Connector, work_order_id: int, read_at: datetime, payload: dict[str, Any]) -> Event:
    return Event(
        kind=Event.Kind.WORK_ORDER,
        door=Event.Door.OPERATOR,
        company_id=connector.company_id,
        event_type="",
        received_name=RECEIVED_NAME,
        work_order_id=work_order_id,
        occurred_at=read_at,
        payload=payload,
        dedupe_key=digest(f"resync:{job.pk}:{work_order_id}"),
        trace=_trace(job),
    )


def _delivery(connector: Connector, event: Event, *, held: bool, forced: bool) -> Delivery:
    return Delivery(
        event=event,
        connector=connector,
        direction=Delivery.Direction.OUTBOUND,
        action="update",
        lane_key=f"wo:{event.work_order_id}",
        work_order_id=event.work_order_id,
        sentence=explain("connector_paused", connector=connector.name) if held else "",
        forced=forced,
    )


def _unread_log(connector: Connector, work_order_id: int, error: BrokerError) -> SyncLog:
    return SyncLog(
        connector=connector,
        direction=SyncLog.Direction.OUTBOUND,
        outcome=SyncLog.Outcome.SKIPPED,
        code="resync_unread",
        sentence=explain("resync_unread", work_order=work_order_id, cause=error.sentence),
        event_type=RECEIVED_NAME,
        work_order_id=work_order_id,
    )


def _said(job: Job, step: Step) -> Step:
    facts = {"done": job.done + step.done, "left": job.left_alone + step.left_alone}
    return replace(step, sentence=explain("resync_done" if step.finished else "resync_running", **facts))


def _connector(job: Job) -> Connector:
    connector = job.connector
    if connector is None or connector.status == Connector.Status.DISABLED:
        raise Misconfigured("The connector is disabled, so nothing can be sent to it. Enable it.")
    return connector


def _limit(job: Job) -> int:
    return min(READS_PER_STEP, items_per_step(job))


def _trace(job: Job) -> dict[str, Any]:
    return {"job": str(job.pk), "user": job.user}
