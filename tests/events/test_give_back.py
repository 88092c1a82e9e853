"""What a worker claimed ahead and did not begin goes back as if it had never been claimed."""

from __future__ import annotations

import pytest
from django.db import transaction

from broker_project.lib.ids import new_id
from connectors.models import Connector
from events import lanes
from events.models import Delivery, Lane
from events.settle import give_back
from events.states import State
from events.work import Work, load
from mappings.models import RecordLink
from synclog.models import SyncLog

from . import queued

pytestmark = pytest.mark.django_db


def begun(lease_seconds: float = 60) -> list[Work]:
    claim_id = new_id()
    with transaction.atomic():
        heads = lanes.claim(free=100, share=100, running={}, claim_id=claim_id, lease_seconds=lease_seconds)
        return load(heads, claim_id=claim_id)


def creating(waiting: int) -> Connector:
    """A connector that creates a record for each of its waiting deliveries."""
    return queued.connector(waiting=waiting, outbound_create=True)


def test_a_delivery_given_back_is_due_with_nothing_counted_logged_or_claimed() -> None:
    creating(2)
    works = begun()
    assert [work.may_create for work in works] == [True, True]

    give_back(works)

    assert set(Delivery.objects.values_list("state", "attempts")) == {(State.PENDING.value, 0)}
    assert set(Lane.objects.values_list("claim", flat=True)) == {None}
    assert not RecordLink.objects.exists()
    assert not SyncLog.objects.exists()
    assert [(work.attempt, work.interrupted, work.create_unsettled) for work in begun()] == [(1, False, False)] * 2


def test_the_claim_on_a_create_that_may_have_happened_stays() -> None:
    creating(1)
    begun(lease_seconds=0)  # its worker dies
    Delivery.objects.update(state=State.PENDING)
    [work] = begun()
    assert work.create_unsettled

    give_back([work])

    assert RecordLink.objects.get().claimed_by == work.delivery.id
    [again] = begun()
    assert again.create_unsettled


def test_a_lane_that_another_worker_has_by_now_is_left_alone() -> None:
    creating(1)
    [late] = begun(lease_seconds=0)
    [now] = begun()

    give_back([late])

    assert Delivery.objects.values_list("state", "attempts").get() == (State.IN_FLIGHT.value, 2)
    assert Lane.objects.get().claim == now.claim_id
    assert RecordLink.objects.exists()


def test_the_token_of_a_call_that_was_not_made_is_put_back() -> None:
    connector = queued.connector(waiting=3, requests_per_minute=60, burst=5)
    queued.set_state(connector, tokens="5", refilled_at="statement_timestamp() + interval '1 hour'")
    works = begun()
    connector.state.refresh_from_db()
    assert connector.state.tokens == 2

    give_back(works)

    connector.state.refresh_from_db()
    assert connector.state.tokens == 5
