"""Lanes and states under every order of arrivals, attempts, crashes and acts of people, on a real PostgreSQL."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from connectors.models import Company, Connector
from events import lanes, replay
from events.lanes import open_lanes
from events.models import Delivery, Event, EventTrigger, Lane
from events.outcome import Outcome
from events.pairs import Settled
from events.settle import give_back, settle
from events.states import ALLOWED_FROM, FINAL, OPEN, State
from events.work import Work, load
from synclog.models import SyncLog

RECORDS = (1, 2, 3)
ENDS = [
    Outcome(state=State.SUCCEEDED, code="updated", sentence="Done."),
    Outcome(state=State.SKIPPED, code="no_change", sentence="Nothing to do."),
    Outcome(state=State.RETRYING, code="unavailable", sentence="Later.", wait_seconds=60.0),
    Outcome(state=State.RETRYING, code="postponed", sentence="Soon.", wait_seconds=0.0, counted=False),
    Outcome(state=State.DEAD, code="validation", sentence="Never."),
    Outcome(state=State.WAITING, code="waiting_bug", sentence="A person."),
    Outcome(state=State.PENDING, code="held_auth", sentence="Held.", counted=False),
]
index = st.integers(0, 50)


class Lines(RuleBasedStateMachine):
    """The workers are played by hand: a claim, then an end in any order, or a crash that lets the lease run out."""

    @initialize()
    def begin(self) -> None:
        company = Company.objects.create(name=str(uuid.uuid4()))
        self.connector = Connector.objects.create(company=company, name="Desk", platform="rest")
        self.trigger = EventTrigger.objects.create(connector=self.connector, event_type="FN_WO_DONE")
        self.works: list[Work] = []
        self.crashed: list[Work] = []
        self.abandoned: set[uuid.UUID] = set()
        self.accepted = 0
        self.ended: dict[uuid.UUID, str] = {}
        self.order: dict[str, list[int]] = {}

    def teardown(self) -> None:
        if hasattr(self, "connector"):
            Connector.objects.filter(pk=self.connector.pk).update(status="disabled")

    # --- what comes in ------------------------------------------------------------

    @rule(record=st.sampled_from(RECORDS), count=st.integers(1, 3))
    def events_arrive(self, record: int, count: int) -> None:
        with transaction.atomic():
            events = [
                Event.objects.create(
                    kind="work_order", door="api", company=self.connector.company, event_type="FN_WO_DONE",
                    received_name="", work_order_id=record, payload={"workorder": {"id": record}},
                )
                for _ in range(count)
            ]  # fmt: skip
            open_lanes([(self.connector.pk, f"wo:{record}")])
            Delivery.objects.bulk_create(
                Delivery(
                    event=event, connector=self.connector, trigger=self.trigger, direction="outbound", action="update",
                    lane_key=f"wo:{record}", work_order_id=record,
                )
                for event in events
            )  # fmt: skip
        self.accepted += count

    # --- workers ------------------------------------------------------------

    @rule(free=st.integers(1, 3))
    def a_worker_claims(self, free: int) -> None:
        claim_id = uuid.uuid4()
        with transaction.atomic():
            heads = lanes.claim(free=free, share=99, running={}, claim_id=claim_id, lease_seconds=60)
            self.works += load([head for head in heads if head.connector_id == self.connector.pk], claim_id=claim_id)

    @rule(which=index, end=st.sampled_from(ENDS))
    def an_attempt_ends(self, which: int, end: Outcome) -> None:
        if self.works:
            work = self.works.pop(which % len(self.works))
            self._settle(work, end)
            if end.state is State.SUCCEEDED:
                done = self.order.setdefault(work.delivery.lane_key, [])
                done.append(work.delivery.seq)

    @rule(which=index)
    def a_worker_gives_back_what_it_has_not_begun(self, which: int) -> None:
        unbegun = [work for work in self.works if not work.interrupted]
        if unbegun:
            work = unbegun[which % len(unbegun)]
            self.works.remove(work)
            give_back([work])
            after = Delivery.objects.get(pk=work.delivery.id)
            assert (after.state, after.attempts) == (State.PENDING, work.attempt - 1)

    @rule(which=index)
    def a_worker_dies(self, which: int) -> None:
        if self.works:
            work = self.works.pop(which % len(self.works))
            Lane.objects.filter(pk=work.lane_id, claim=work.claim_id).update(due_at="2020-01-01T00:00:00Z")
            self.crashed.append(work)
            self.abandoned.add(work.delivery.id)

    @rule(which=index, end=st.sampled_from(ENDS))
    def a_worker_that_lost_its_lease_ends_late(self, which: int, end: Outcome) -> None:
        if not self.crashed:
            return
        work = self.crashed.pop(which % len(self.crashed))
        lane = Lane.objects.filter(pk=work.lane_id).first()
        held = lane is not None and lane.claim == work.claim_id
        before = Delivery.objects.get(pk=work.delivery.id)
        self._settle(work, end)
        after = Delivery.objects.get(pk=work.delivery.id)
        if not held:
            assert (after.state, after.attempts) == (before.state, before.attempts)
            assert SyncLog.objects.filter(delivery_id=after.pk, details__late=True).exists()

    def _settle(self, work: Work, end: Outcome) -> None:
        settle([Settled(work, end)])

    @rule()
    def time_passes(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE events_lane SET due_at = now() - interval '1 s' WHERE connector_id = %s AND due_at > now() "
                "AND claim IS NULL",
                [self.connector.pk],
            )

    # --- people ------------------------------------------------------------

    def _some(self, which: int, *states: State) -> list[uuid.UUID]:
        rows = self.deliveries().filter(state__in=states).order_by("seq").values_list("pk", flat=True)
        found = list(rows)
        return [found[which % len(found)]] if found else []

    @rule(which=index)
    def a_person_retries(self, which: int) -> None:
        ids = self._some(which, State.WAITING, State.DEAD)
        assert replay.retry(ids, user="ops") == set(ids)

    @rule(which=index)
    def a_person_discards(self, which: int) -> None:
        ids = self._some(which, State.WAITING, State.DEAD)
        assert replay.discard(ids, user="ops", reason="test") == set(ids)

    @rule(record=st.sampled_from(RECORDS), on=st.booleans())
    def a_person_holds_or_releases_a_lane(self, record: int, on: bool) -> None:
        key = f"wo:{record}"
        if on:
            lanes.hold(self.connector.pk, key, user="ops")
        else:
            lanes.unhold(self.connector.pk, key)

    # --- what must hold at any moment ------------------------------------------------------------

    def deliveries(self) -> Any:
        return Delivery.objects.filter(connector=self.connector)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.deliveries().count() == self.accepted

    @invariant()
    def every_open_delivery_stands_in_a_lane(self) -> None:
        keys = set(self.deliveries().filter(state__in=OPEN).values_list("lane_key", flat=True))
        assert keys <= set(Lane.objects.filter(connector=self.connector).values_list("key", flat=True))

    @invariant()
    def one_at_a_time_and_only_the_head(self) -> None:
        running = self.deliveries().filter(state=State.IN_FLIGHT)
        # What a dead worker left behind still counts as under way until its turn comes again; a person may have put an
        # older delivery in front of it meanwhile.
        left_behind = running.exclude(pk__in=[work.delivery.id for work in self.works])
        assert set(left_behind.values_list("pk", flat=True)) <= self.abandoned
        at_work = running.filter(pk__in=[work.delivery.id for work in self.works])
        assert all(row["n"] == 1 for row in at_work.values("lane_key").annotate(n=Count("id")))
        for delivery in at_work:
            older = self.deliveries().filter(lane_key=delivery.lane_key, seq__lt=delivery.seq, state__in=OPEN)
            # a person may have put an older one back in front of a running one
            assert not older.exclude(reason__startswith="operator_").exists()

    @invariant()
    def a_lane_that_is_due_has_something_to_do(self) -> None:
        for lane in Lane.objects.filter(connector=self.connector, claim=None):
            head = self.deliveries().filter(lane_key=lane.key, state__in=OPEN).order_by("seq").first()
            if lane.held_by or (head and head.state == State.WAITING):
                assert lane.due_at is None
            elif head and head.state == State.PENDING:
                assert lane.due_at is not None

    @invariant()
    def what_ended_stays_ended_unless_a_person_or_a_success_moves_it(self) -> None:
        for delivery in self.deliveries().filter(state__in=[State.SUCCEEDED, State.SKIPPED, State.SUPERSEDED]):
            before = self.ended.setdefault(delivery.pk, delivery.state)
            assert delivery.state == before
            assert delivery.finished_at is not None

    @invariant()
    def every_end_is_explained(self) -> None:
        for delivery in self.deliveries().exclude(state__in=[State.PENDING, State.IN_FLIGHT]):
            assert delivery.sentence
            assert SyncLog.objects.filter(delivery_id=delivery.pk).exists()


@pytest.mark.django_db
def test_lanes_and_states_hold_in_every_order() -> None:
    run_state_machine_as_test(Lines, settings=settings(max_examples=40, stateful_step_count=25, deadline=None))


def test_the_table_of_states_has_no_way_out_of_an_end_but_a_persons_retry_of_a_dead_letter() -> None:
    assert set(ALLOWED_FROM) == set(State)
    ways_out = {to: [start for start in starts if start in FINAL] for to, starts in ALLOWED_FROM.items()}
    assert {to: starts for to, starts in ways_out.items() if starts} == {
        State.SKIPPED: [State.DEAD],
        State.SUPERSEDED: [State.DEAD],
        State.PENDING: [State.DEAD],
    }
