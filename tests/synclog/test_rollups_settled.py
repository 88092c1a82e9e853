"""What of a settled batch is counted: calls always, outcomes where they became the delivery's state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from django.utils import timezone

from connectors.http import Exchange
from events import figures
from events.outcome import Outcome, postponed
from events.pairs import Settled
from events.states import State
from synclog import rollups
from synclog.rollups import EXTERNAL, FIELD_NATION, Totals

pytestmark = pytest.mark.django_db

RECEIVED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
HELP_DESK, BASE = "https://help.example.test/tickets/1", "https://api.example.test"


@dataclass
class Batch:
    """Results of one connector; ``counted`` says what the figures made of them."""

    results: list[Settled]

    def counted(self, *, moved: bool = True) -> Totals:
        ids = {result.work.delivery.id for result in self.results}
        figures.count(self.results, moved=ids if moved else set())
        return rollups.totals(timezone.now() - timedelta(minutes=1))


def call(url: str = HELP_DESK, status: int | None = 200, ms: float = 40.0) -> Exchange:
    return Exchange(
        method="PUT", url=url, purpose="", started_at=RECEIVED + timedelta(seconds=2), duration_ms=ms, status=status
    )


def settled(state: State, *calls: Exchange, code: str = "", outcome: Outcome | None = None) -> Settled:
    delivery = SimpleNamespace(id=uuid4(), direction="outbound", event=SimpleNamespace(received_at=RECEIVED))
    target = SimpleNamespace(id=7, company_id=1, field_nation=SimpleNamespace(api_base=BASE))
    work = cast("Any", SimpleNamespace(delivery=delivery, target=target))
    return Settled(work, outcome or Outcome(state=state, code=code, sentence="", exchanges=calls))


def test_a_success_counts_its_latency_from_the_receipt_to_the_end_of_its_last_call() -> None:
    found = Batch([settled(State.SUCCEEDED, call(ms=500.0), call(ms=40.0))]).counted()
    assert (found.succeeded, found.latency.count) == (1, 1)
    assert found.latency.total_ms == pytest.approx(2_040.0, abs=0.01)
    assert found.errors == {}


def test_calls_are_told_apart_by_system_and_a_call_fails_from_400_on_or_without_an_answer() -> None:
    made = [call(status=399), call(status=400), call(status=None), call(f"{BASE}/workorders/1", status=503)]
    found = Batch([settled(State.RETRYING, *made, code="unavailable")]).counted()
    assert (found.calls[EXTERNAL].count, found.calls[EXTERNAL].failed) == (3, 2)
    assert (found.calls[FIELD_NATION].count, found.calls[FIELD_NATION].failed) == (1, 1)
    assert (found.latency.count, found.errors) == (0, {"unavailable": 1})


def test_a_worker_that_lost_its_lease_made_calls_and_decided_nothing() -> None:
    found = Batch([settled(State.SUCCEEDED, call()), settled(State.DEAD, call(), code="validation")]).counted(
        moved=False
    )
    assert (found.attempts, found.latency.count, found.errors) == (0, 0, {})
    assert found.call_count == 2


def test_what_is_put_off_was_no_attempt() -> None:
    found = Batch([settled(State.RETRYING, outcome=postponed("Put off for a moment."))]).counted()
    assert (found.attempts, found.errors) == (0, {})


def test_what_a_held_connector_gives_back_is_a_failure_that_waits() -> None:
    held = Outcome(state=State.PENDING, code="held_auth", sentence="", counted=False)
    found = Batch([settled(State.PENDING, outcome=held)]).counted()
    assert (found.waiting, found.errors) == (1, {"held_auth": 1})


def test_a_clock_that_is_behind_makes_no_negative_latency() -> None:
    early = Exchange(
        method="PUT", url=HELP_DESK, purpose="", started_at=RECEIVED - timedelta(seconds=9), duration_ms=1.0, status=200
    )
    assert Batch([settled(State.SUCCEEDED, early)]).counted().latency.total_ms == 0.0
