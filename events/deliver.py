"""The worker: claim due lanes, do the calls on a thread pool, settle the results in batches.

Threads touch no database; the loop that owns the database makes no HTTP call. A worker that dies loses nothing: its
lanes come due again when the lease ends, and what it may have created is looked up before it is created again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from broker_project.lib.errors import BrokerError, OutcomeUnknown
from broker_project.lib.ids import new_id
from broker_project.lib.log_context import about
from connectors.tracing import Span, parse
from mappings.jsonnet import Sandbox

from . import inbound, outbound, remote
from .calls import Calls
from .health import told_by
from .lanes import any_due, claim, renew
from .nudge import nudge
from .outcome import CannotTell, Link, Outcome, failed
from .relocate import misplaced, relocate
from .settle import give_back, settle
from .states import State
from .steps import Notebook, traces_of
from .work import Work, load

T = TypeVar("T")
logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.03
"""A claim costs about the same for one delivery and for thirty, so small ones keep this distance."""
PLENTY = 32
RENEW_AFTER = 0.3
"""Part of the lease after which it is prolonged."""
OUTAGE_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between tries while the database is away."""
SHARE = 0.75
"""Part of the threads that one connector may have, so that a dead target never holds them all."""


@cache
def scripts() -> Sandbox:
    """The script sandbox of this process."""
    return Sandbox()


@cache
def call_pool(threads: int) -> ThreadPoolExecutor:
    """The threads of this process that make calls; they stay from one run to the next."""
    return ThreadPoolExecutor(threads, thread_name_prefix="deliver")


def perform(work: Work) -> Outcome:
    """Do one delivery; every failure becomes an outcome. Runs in a thread, without a database."""
    delivery = work.delivery
    ids = about(event_id=delivery.event_id, delivery_id=delivery.id, connector_id=work.target.id)
    with ids, Span("deliver", kind="consumer", parent=parse(delivery.event.traceparent)) as span:
        outcome = _perform(work)
        if span.is_recorded:
            _tell(span, work, outcome)
    return outcome


def _tell(span: Span, work: Work, outcome: Outcome) -> None:
    delivery = work.delivery
    span.tell(
        broker__event_id=str(delivery.event_id),
        broker__delivery_id=str(delivery.id),
        broker__connector_id=work.target.id,
        broker__direction=delivery.direction,
        broker__action=delivery.action,
        broker__attempt=work.attempt,
        broker__outcome=outcome.state.value,
        broker__code=outcome.code,
    )
    if outcome.state not in (State.SUCCEEDED, State.SKIPPED):
        span.failed(outcome.code)


def _perform(work: Work) -> Outcome:
    notes = Notebook()
    caller = remote.caller_for(work.target)
    try:
        client = remote.external(work.target, caller)
        if work.inbound:
            field_nation = remote.field_nation(work.target, caller)
            outcome = inbound.perform(work, client, field_nation, scripts(), notes)
        else:
            outcome = outbound.perform(work, client, scripts(), notes, lambda: remote.field_nation(work.target, caller))
        told = told_by(None, work.target, caller.exchanges)
    except Exception as error:  # the worker boundary: what is not of the family is a bug, and is parked
        if not isinstance(error, BrokerError):
            logger.exception("Delivery %s failed inside the broker.", work.delivery.id)
        notes.traces.extend(traces_of(error))
        outcome = _failed(work, error, notes)
        told = told_by(error, work.target, caller.exchanges)
    return replace(
        outcome,
        verdict=told.verdict,
        retry_after=told.retry_after,
        external_calls=told.external_calls,
        exchanges=tuple(caller.exchanges),
        details={**notes.details(), **outcome.details},
    )


def is_trouble(outcome: Outcome) -> bool:
    """Whether the external system as a whole should be left alone for a while."""
    return outcome.verdict in ("down", "auth") or bool(outcome.retry_after)


def _failed(work: Work, error: Exception, notes: Notebook) -> Outcome:
    outcome = failed(error, attempt=work.attempt, max_attempts=work.target.max_attempts)
    progress = notes.progress
    external_id = progress.external_id if progress else work.external_id
    work_order_id = work.work_order_id or notes.facts.get("work_order_id")
    outcome = replace(
        outcome,
        external_id=external_id,
        work_order_id=work_order_id,
        done_operations=progress.done if progress else 0,
        forget=work.interrupted or bool(progress and progress.wrote),
        cause=getattr(error, "sentence", ""),
    )
    if external_id and work_order_id:
        return replace(outcome, link=Link.STORE)
    certain = isinstance(error, BrokerError) and not isinstance(error, (OutcomeUnknown, CannotTell))
    if certain and not work.create_unsettled:
        return replace(outcome, link=Link.RELEASE)
    return outcome


@dataclass
class Pump:
    """Runs deliveries until nothing is due, ``stop()`` says so, or ``seconds`` have passed.

    ``threads`` calls run at once. Returns from ``run`` only when all that was claimed is settled.
    """

    threads: int = 0
    lease_seconds: float = 0.0
    seconds: float = 30.0
    stop: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self.threads = self.threads or settings.WORKER_THREADS
        self.lease_seconds = self.lease_seconds or settings.LEASE_SECONDS
        share = max(1, int(self.threads * SHARE))
        self._calls = Calls(call_pool(self.threads), perform, share=share, ahead=settings.BATCH_SIZE)
        self._share = share
        self._renew_at = time.monotonic() + self.lease_seconds * RENEW_AFTER
        self._claim_at = 0.0
        self._called = False

    def run(self) -> int:
        """Do the work; return how many attempts were settled."""
        done = 0
        until = time.monotonic() + self.seconds
        while True:
            goes_on = time.monotonic() < until and not self.stop()
            claimed = through_outage(self._claim) if goes_on else 0
            if not goes_on:
                self._give_back(None)
            if not self._calls.works:
                # what is due within the second is waited for: the sweep would come later
                if claimed or (goes_on and through_outage(lambda: any_due(within_seconds=1.0))):
                    continue
                return done
            done += self._settle()
            self._renew()

    def _gather(self) -> None:
        """Let more come due before the next claim, unless the last one brought plenty."""
        time.sleep(max(0.0, self._claim_at - time.monotonic()))

    def _claim(self) -> int:
        self._gather()
        free = min(self._calls.room(self.threads), settings.BATCH_SIZE)
        # Little room is not worth a round trip while there will soon be more.
        if free < max(1, self.threads // 8) and self._calls.works:
            return 0
        claim_id = new_id()
        with transaction.atomic():
            heads = claim(
                free=free,
                share=self._share,
                running=self._calls.running(),
                claim_id=claim_id,
                lease_seconds=self.lease_seconds,
            )
            strays = misplaced(heads) if heads else []
            gone = {stray.lane_id for stray in strays}
            works = load([head for head in heads if head.lane_id not in gone], claim_id=claim_id) if heads else []
        for stray in strays:
            relocate(stray, claim_id=claim_id)
        self._claim_at = time.monotonic() + (GATHER_SECONDS if len(works) < PLENTY else 0.0)
        self._calls.start(works)
        self._call_others(len(works))
        return len(heads)

    def _call_others(self, claimed: int) -> None:
        """Plenty is waiting: wake one more worker process, which does the same, without waiting for the sweep."""
        if claimed >= PLENTY and not self._called:
            self._called = True
            nudge()

    def _settle(self) -> int:
        results = self._calls.finished()
        through_outage(lambda: settle(results))
        self._give_back({result.work.target.id for result in results if is_trouble(result.outcome)})
        return len(results)

    def _give_back(self, connectors: Collection[int] | None) -> None:
        """What was claimed ahead of these connectors (None: of all) goes back: they are in trouble, or we stop."""
        works = self._calls.take_back(connectors)
        through_outage(lambda: give_back(works))

    def _renew(self) -> None:
        """Keep the lanes of long calls ours: a lease runs out only when its worker is gone."""
        if time.monotonic() < self._renew_at or not self._calls.works:
            return
        self._renew_at = time.monotonic() + self.lease_seconds * RENEW_AFTER
        works = list(self._calls.works)
        through_outage(
            lambda: renew(
                [work.lane_id for work in works],
                claim_ids=[work.claim_id for work in works],
                lease_seconds=self.lease_seconds,
            )
        )


def through_outage(work: Callable[[], T]) -> T:
    """Do database work; when the database goes away, try again until it is back or patience ends.

    The results of calls already made are worth waiting for: lost, they would have to be looked up again.
    """
    for pause in OUTAGE_PAUSES:
        try:
            return work()
        except (OperationalError, InterfaceError):
            logger.warning("The database does not answer; trying again in %s seconds.", pause)
            connection.close()
            time.sleep(pause)
    return work()


@contextmanager
def _planned_by_index() -> Iterator[None]:
    """Let no statement of a run be planned to read a whole table.

    A plan is kept with its connection. One made while the tables were nearly empty reads them from end to end, and
    would go on doing so after a hundred thousand events had come, until the next ANALYZE.
    """
    through_outage(lambda: _say("SET enable_seqscan = off", "SET jit = off"))
    try:
        yield
    finally:
        with suppress(DatabaseError, InterfaceError):  # a connection that is gone took its settings with it
            _say("RESET enable_seqscan", "RESET jit")


def _say(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def deliver_due(*, seconds: float = 30.0, stop: Callable[[], bool] = lambda: False) -> int:
    """Run what is due until nothing is, at most about ``seconds``; return how many attempts were settled."""
    with _planned_by_index():
        return Pump(seconds=seconds, stop=stop).run()
