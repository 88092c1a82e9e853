"""What an operator's acts do to deliveries, lanes, links and the log."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from broker_project.lib.errors import Conflict, InvalidRecord
from broker_project.lib.ids import new_id
from connectors.models import Connector
from events import replay
from events.models import Delivery, Lane
from events.states import State
from mappings.models import RecordLink
from synclog.models import SyncLog

from . import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


def undecided(to: Connector, **more: Any) -> Delivery:
    return world.delivery(to, State.WAITING, **{"reason": "waiting_outcome_unknown", "sentence": "May exist.", **more})


def claim(for_: Delivery, **ids: Any) -> RecordLink:
    return RecordLink.objects.create(
        connector=for_.connector, claimed_by=for_.pk, claimed_at=timezone.now(), correlation_id="FN-1001", **ids
    )


@pytest.mark.parametrize("state", [State.WAITING, State.DEAD])
def test_retry_gives_a_delivery_all_its_attempts_again(to: Connector, state: State) -> None:
    delivery = world.delivery(to, state, reason="waiting_auth", sentence="Refused.", finished_at=timezone.now())

    moved = replay.retry([delivery.pk], user="olga")

    assert moved == {delivery.pk}
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.finished_at, delivery.next_attempt_at) == (
        "pending", 0, None, None,
    )  # fmt: skip
    assert (delivery.reason, delivery.sentence) == ("operator_retry", "olga asked for another attempt.")
    lane = Lane.objects.get()
    assert lane.key == "wo:1001"
    assert lane.due_at is not None
    assert lane.due_at <= timezone.now()


def test_retry_leaves_a_log_row_that_names_the_person(to: Connector) -> None:
    delivery = world.delivery(to, State.DEAD, reason="validation", sentence="Given up.", external_id="TCK-1")

    replay.retry([delivery.pk], user="olga")

    log = SyncLog.objects.get()
    assert (log.outcome, log.code, log.user, log.sentence) == (
        "note", "operator_retry", "olga", "olga asked for another attempt.",
    )  # fmt: skip
    assert (log.connector_id, log.event_id, log.delivery_id) == (to.pk, delivery.event_id, delivery.pk)
    assert (log.work_order_id, log.external_id, log.event_type) == (1001, "TCK-1", "FN_WO_ASSIGNED")
    assert log.details == {"before": {"state": "dead", "reason": "validation", "sentence": "Given up."}}


@pytest.mark.parametrize(
    "state", [State.PENDING, State.IN_FLIGHT, State.RETRYING, State.SUCCEEDED, State.SKIPPED, State.SUPERSEDED]
)
def test_other_states_are_left_alone(to: Connector, state: State) -> None:
    delivery = world.delivery(to, state)
    lanes = list(Lane.objects.values_list("key", "claim"))

    assert replay.retry([delivery.pk], user="olga") == set()
    assert replay.discard([delivery.pk], user="olga", reason="Not needed") == set()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (state, 3)
    assert list(Lane.objects.values_list("key", "claim")) == lanes
    assert SyncLog.objects.count() == 0


def test_a_second_click_does_nothing(to: Connector) -> None:
    delivery = world.delivery(to, State.WAITING)

    assert replay.retry([delivery.pk], user="olga") == {delivery.pk}
    assert replay.retry([delivery.pk], user="olga") == set()
    assert SyncLog.objects.count() == 1


def test_a_plain_retry_leaves_an_undecided_write_alone(to: Connector) -> None:
    delivery = undecided(to)

    assert replay.retry([delivery.pk], user="olga") == set()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == ("waiting", "waiting_outcome_unknown")


def test_many_are_retried_in_chunks(to: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "CHUNK", 2)
    ids = {world.delivery(to, State.DEAD, work_order_id=number).pk for number in range(1, 6)}

    assert replay.retry(list(ids), user="olga") == ids
    assert set(Delivery.objects.filter(state="pending").values_list("pk", flat=True)) == ids
    assert Lane.objects.count() == 5


def test_a_lane_that_a_worker_holds_stays_held(to: Connector) -> None:
    held_until = timezone.now() + timedelta(seconds=60)
    dead = world.delivery(to, State.DEAD)
    world.delivery(to, State.IN_FLIGHT)
    worker = new_id()
    Lane.objects.update(claim=worker, due_at=held_until)

    replay.retry([dead.pk], user="olga")

    assert list(Lane.objects.values_list("claim", "due_at")) == [(worker, held_until)]
    dead.refresh_from_db()
    assert dead.state == "pending"


def test_discard_ends_the_delivery_with_the_reason(to: Connector) -> None:
    delivery = world.delivery(to, State.WAITING, reason="waiting_auth")

    assert replay.discard([delivery.pk], user="olga", reason="Entered by hand.") == {delivery.pk}

    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == ("skipped", "operator_discarded")
    assert delivery.sentence == "olga discarded this delivery (Entered by hand)."
    assert delivery.finished_at is not None
    assert Lane.objects.count() == 0
    log = SyncLog.objects.get()
    assert (log.outcome, log.code, log.user, log.sentence) == (
        "note", "operator_discarded", "olga", delivery.sentence,
    )  # fmt: skip


def test_the_lane_goes_on_behind_a_discarded_delivery(to: Connector) -> None:
    first = world.delivery(to, State.WAITING)
    second = world.delivery(to, State.PENDING)
    assert Lane.objects.get().due_at is None

    replay.discard([first.pk], user="olga", reason="Not needed")

    due = Lane.objects.get().due_at
    assert due is not None
    assert due <= timezone.now()
    second.refresh_from_db()
    assert second.state == "pending"


def test_it_was_created_completes_the_link_of_an_outbound_delivery(to: Connector) -> None:
    delivery = undecided(to)
    claim(delivery, work_order_id=1001)

    assert replay.link_and_retry(delivery.pk, user="olga", external_id=" TCK-7 ") == {delivery.pk}

    link = RecordLink.objects.get()
    assert (link.work_order_id, link.external_id, link.claimed_by, link.correlation_id) == (
        1001, "TCK-7", None, "FN-1001",
    )  # fmt: skip
    delivery.refresh_from_db()
    assert (delivery.state, delivery.external_id, delivery.done_operations) == ("pending", "TCK-7", 0)
    assert SyncLog.objects.get().sentence == "olga linked record TCK-7 and work order 1001."
    assert SyncLog.objects.get().code == "operator_linked"


def test_it_was_created_completes_the_link_of_an_inbound_delivery(to: Connector) -> None:
    delivery = undecided(
        to, work_order_id=None, external_id="TCK-8", lane_key="ext:TCK-8", direction="inbound", action="sync"
    )
    claim(delivery, external_id="TCK-8")

    assert replay.link_and_retry(delivery.pk, user="olga", work_order_id=2002) == {delivery.pk}

    link = RecordLink.objects.get()
    assert (link.work_order_id, link.external_id, link.claimed_by) == (2002, "TCK-8", None)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.work_order_id) == ("pending", 2002)


def test_a_dead_letter_of_unknown_outcome_can_be_decided_too(to: Connector) -> None:
    delivery = world.delivery(to, State.DEAD, reason="outcome_unknown")

    assert replay.link_and_retry(delivery.pk, user="olga", external_id="TCK-7") == {delivery.pk}


def test_a_record_that_is_linked_otherwise_is_refused_and_nothing_changes(to: Connector) -> None:
    delivery = undecided(to)
    claim(delivery, work_order_id=1001)
    RecordLink.objects.create(connector=to, work_order_id=5, external_id="TCK-7")

    with pytest.raises(Conflict, match="Work order 5 and record TCK-7 of this connector are linked already"):
        replay.link_and_retry(delivery.pk, user="olga", external_id="TCK-7")

    delivery.refresh_from_db()
    assert delivery.state == "waiting"
    assert set(RecordLink.objects.values_list("work_order_id", "external_id")) == {(1001, None), (5, "TCK-7")}
    assert SyncLog.objects.count() == 0


def test_linking_needs_the_other_id(to: Connector) -> None:
    delivery = undecided(to)

    with pytest.raises(InvalidRecord, match="Enter the id of the external record"):
        replay.link_and_retry(delivery.pk, user="olga", external_id="  ")

    delivery.refresh_from_db()
    assert delivery.state == "waiting"


def test_a_note_that_was_written_is_not_written_again(to: Connector) -> None:
    delivery = undecided(to, done_operations=1)
    RecordLink.objects.create(connector=to, work_order_id=1001, external_id="TCK-1")

    assert replay.link_and_retry(delivery.pk, user="olga") == {delivery.pk}

    delivery.refresh_from_db()
    assert (delivery.state, delivery.done_operations) == ("pending", 2)


def test_it_was_not_created_allows_one_more_create(to: Connector) -> None:
    delivery = undecided(to)
    claim(delivery, work_order_id=1001)

    assert replay.create_again(delivery.pk, user="olga") == {delivery.pk}

    delivery.refresh_from_db()
    assert (delivery.state, delivery.create_again, delivery.attempts) == ("pending", True, 0)
    assert RecordLink.objects.get().claimed_by == delivery.pk
    assert SyncLog.objects.get().code == "operator_create_again"


def test_only_an_undecided_delivery_can_be_created_again(to: Connector) -> None:
    delivery = world.delivery(to, State.WAITING, reason="waiting_auth")

    assert replay.create_again(delivery.pk, user="olga") == set()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.create_again) == ("waiting", False)


@pytest.mark.django_db(transaction=True)
def test_two_operators_at_the_same_time_move_it_once() -> None:
    delivery = world.delivery(world.connector(world.company()), State.WAITING)
    moved: list[int] = []
    start = threading.Barrier(4)

    def act(name: str) -> None:
        start.wait()
        moved.append(len(replay.retry([delivery.pk], user=name)))
        connection.close()

    threads = [threading.Thread(target=act, args=(f"operator-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(moved) == [0, 0, 0, 1]
    assert SyncLog.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_lanes_are_locked_before_deliveries() -> None:
    """As the workers do it: an act that waits for a lane holds no delivery meanwhile."""
    delivery = world.delivery(world.connector(world.company()), State.WAITING)

    def act() -> None:
        replay.retry([delivery.pk], user="olga")
        connection.close()

    thread = threading.Thread(target=act)
    with transaction.atomic():
        list(Lane.objects.select_for_update())
        thread.start()
        while not waits_for_a_lock():
            thread.join(0.01)
        assert [row.pk for row in Delivery.objects.select_for_update(nowait=True)] == [delivery.pk]
    thread.join()

    delivery.refresh_from_db()
    assert delivery.state == "pending"


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])
