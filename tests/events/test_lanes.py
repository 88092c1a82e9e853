"""A person holds a record back, and lets it go on."""

from __future__ import annotations

import pytest
from django.db import transaction

from connectors.models import Connector
from events import lanes
from events.models import Delivery, Lane
from events.states import State

from . import queued

pytestmark = pytest.mark.django_db


def lane(of: Connector, key: str = "wo:1") -> Lane:
    return Lane.objects.get(connector=of, key=key)


def test_a_held_record_waits_and_the_others_go_on() -> None:
    connector = queued.connector(waiting=3)
    assert lanes.hold(connector.pk, "wo:2", user="olga")
    held = lane(connector, "wo:2")
    assert (held.held_by, held.due_at) == ("olga", None)
    assert held.held_at is not None
    assert {head.lane_id for head in queued.claim()} == {lane(connector, "wo:1").pk, lane(connector, "wo:3").pk}
    assert not lanes.any_due()


def test_who_held_it_first_stays() -> None:
    connector = queued.connector(waiting=1)
    assert lanes.hold(connector.pk, "wo:1", user="olga")
    assert not lanes.hold(connector.pk, "wo:1", user="pavel")
    assert lane(connector).held_by == "olga"


def test_a_record_that_is_let_go_is_due_again() -> None:
    connector = queued.connector(waiting=1)
    lanes.hold(connector.pk, "wo:1", user="olga")
    assert lanes.unhold(connector.pk, "wo:1")
    assert (lane(connector).held_by, lane(connector).held_at) == ("", None)
    assert lanes.any_due()
    assert len(queued.claim()) == 1
    assert not lanes.unhold(connector.pk, "wo:1")


def test_a_record_whose_head_waits_for_a_person_is_not_due_when_it_is_let_go() -> None:
    connector = queued.connector(waiting=1)
    lanes.hold(connector.pk, "wo:1", user="olga")
    Delivery.objects.update(state=State.WAITING)
    lanes.unhold(connector.pk, "wo:1")
    assert lane(connector).due_at is None


def test_a_hold_does_not_break_off_what_a_worker_does_and_holds_afterwards() -> None:
    connector = queued.connector(waiting=1)
    heads = queued.claim()
    before = lane(connector)
    assert lanes.hold(connector.pk, "wo:1", user="olga")
    assert (lane(connector).claim, lane(connector).due_at) == (before.claim, before.due_at)
    assert before.claim is not None
    with transaction.atomic():
        assert lanes.lock_held([before.pk], claim_ids=[before.claim]) == {before.pk}
    queued.give_back(heads)
    assert (lane(connector).claim, lane(connector).due_at) == (None, None)
    assert queued.claim() == []


def test_a_held_record_whose_worker_died_is_not_taken_up_before_it_is_let_go() -> None:
    connector = queued.connector(waiting=1)
    queued.claim()
    lanes.hold(connector.pk, "wo:1", user="olga")
    Lane.objects.update(due_at="2026-01-01T00:00:00Z")
    assert queued.claim() == []
    assert not lanes.any_due()
    lanes.unhold(connector.pk, "wo:1")
    assert len(queued.claim()) == 1


def test_letting_go_leaves_a_lane_to_the_worker_that_has_it() -> None:
    connector = queued.connector(waiting=1)
    queued.claim()
    lanes.hold(connector.pk, "wo:1", user="olga")
    before = lane(connector)
    lanes.unhold(connector.pk, "wo:1")
    assert (lane(connector).claim, lane(connector).due_at) == (before.claim, before.due_at)
    assert queued.claim() == []


def test_an_empty_held_lane_stays_for_what_comes_later_and_goes_when_it_is_let_go() -> None:
    connector = queued.connector()
    lanes.hold(connector.pk, "wo:1", user="olga")
    lanes.reopen([(connector.pk, "wo:1")])
    assert lane(connector).held_by == "olga"
    lanes.unhold(connector.pk, "wo:1")
    assert not Lane.objects.exists()


def test_deliveries_that_come_while_it_is_held_wait_too() -> None:
    connector = queued.connector()
    lanes.hold(connector.pk, "wo:1", user="olga")
    other = queued.connector("Other", waiting=1).deliveries.get()
    new = Delivery(
        event=other.event, connector=connector, direction="outbound", action="update", lane_key="wo:1", work_order_id=1
    )
    lanes.open_lanes([(connector.pk, "wo:1")])
    Delivery.objects.bulk_create([new])
    assert {head.delivery_id for head in queued.claim()} == {other.pk}
    lanes.unhold(connector.pk, "wo:1")
    assert {head.delivery_id for head in queued.claim()} == {new.pk}


def test_a_retry_by_a_person_respects_the_hold() -> None:
    connector = queued.connector(waiting=1)
    lanes.hold(connector.pk, "wo:1", user="olga")
    lanes.reopen([(connector.pk, "wo:1")])
    assert lane(connector).due_at is None
    assert queued.claim() == []
