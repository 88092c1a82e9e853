"""Retention: what is old goes, what is open or a dead letter stays, a few rows at a time."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connectors.models import Connector
from events import retention, tasks
from events.models import Delivery, Event
from events.states import FINAL, State
from synclog.models import ApiCall, SyncLog
from synclog.retention_models import Retention
from tests.admin import world
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db

OLD = timedelta(days=200)
GOES = [State.SUCCEEDED, State.SKIPPED, State.SUPERSEDED]
STAYS = [state for state in State if state not in GOES]


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


def old(to: Connector, state: State, work_order_id: int = 1001, age: timedelta = OLD) -> Delivery:
    """A delivery with its event, a log and a call, all of that age."""
    delivery = world.delivery(to, state, work_order_id=work_order_id)
    call = world.call(world.log(delivery))
    at = timezone.now() - age
    Event.objects.filter(pk=delivery.event_id).update(received_at=at)
    Delivery.objects.filter(pk=delivery.pk).update(created_at=at)
    SyncLog.objects.filter(pk=call.log_id).update(created_at=at)
    ApiCall.objects.filter(pk=call.pk).update(started_at=at)
    return delivery


def prune() -> dict[str, int]:
    return retention.prune(seconds=60)


def kept() -> dict[str, set[UUID | None]]:
    return {
        "deliveries": {*Delivery.objects.values_list("pk", flat=True)},
        "events": {*Event.objects.values_list("pk", flat=True)},
        "logs": set(SyncLog.objects.values_list("delivery_id", flat=True)),
        "calls": set(ApiCall.objects.values_list("log__delivery_id", flat=True)),
    }


def test_there_is_a_rule_for_each_kind_with_a_sensible_default() -> None:
    assert dict(Retention.objects.values_list("kind", "keep_days")) == {
        "bodies": 14, "payloads": 30, "logs": 90, "events": 90,
    }  # fmt: skip


def test_the_states_that_stay_are_the_open_ones_and_dead_letters() -> None:
    assert {*STAYS} == {*State} - {*FINAL} | {State.DEAD}


@pytest.mark.parametrize("state", GOES)
def test_what_is_finished_and_old_goes_with_its_evidence(to: Connector, state: State) -> None:
    old(to, state)
    assert prune() == {"bodies": 1, "events": 1, "logs": 1, "payloads": 0}
    assert kept() == {"deliveries": set(), "events": set(), "logs": set(), "calls": set()}


@pytest.mark.parametrize("state", STAYS)
def test_what_is_open_or_a_dead_letter_stays_whole(to: Connector, state: State) -> None:
    delivery = old(to, state)
    old(to, State.SUCCEEDED, work_order_id=2)
    payload, body = delivery.event.payload, ApiCall.objects.get(log__delivery_id=delivery.pk).request_body

    prune()

    assert kept() == {
        "deliveries": {delivery.pk}, "events": {delivery.event_id}, "logs": {delivery.pk}, "calls": {delivery.pk},
    }  # fmt: skip
    assert Event.objects.get().payload == payload
    assert ApiCall.objects.get().request_body == body


def test_what_is_young_stays_whole(to: Connector) -> None:
    for work_order_id, days in ((1, 1), (2, 13)):
        old(to, State.SUCCEEDED, work_order_id, timedelta(days=days))
    assert set(prune().values()) == {0}
    assert (ApiCall.objects.exclude(request_body="").count(), Event.objects.exclude(payload={}).count()) == (2, 2)


def test_each_kind_has_its_own_time(to: Connector) -> None:
    for work_order_id, days in ((1, 20), (1, 40), (1, 100)):
        old(to, State.SUCCEEDED, work_order_id, timedelta(days=days))
    old(to, State.SUCCEEDED, 1, timedelta(days=2))

    prune()

    assert Event.objects.count() == Delivery.objects.count() == SyncLog.objects.count() == 3  # of 2, 20 and 40 days
    assert Event.objects.exclude(payload={}).count() == 2
    assert ApiCall.objects.exclude(request_body="").count() == 1
    emptied = ApiCall.objects.filter(request_body="").first()
    assert emptied is not None
    assert (emptied.request_headers, emptied.response_headers, emptied.response_body) == ({}, {}, "")
    assert (emptied.status, emptied.url, emptied.duration_ms) == (401, world_url(), 41.6)


def world_url() -> str:
    return "https://help.example.test/api/tickets/TCK-1"


def test_an_event_goes_only_when_all_its_deliveries_may(to: Connector) -> None:
    done = old(to, State.SUCCEEDED)
    dead = world.delivery(world.connector(to.company, "Other"), State.DEAD, event=done.event)

    prune()

    assert kept()["deliveries"] == {done.pk, dead.pk}
    assert Event.objects.get().payload != {}


def test_the_payload_that_the_next_event_is_compared_with_stays(to: Connector) -> None:
    age = timedelta(days=40)
    first, last = (old(to, State.SUCCEEDED, 1, age - timedelta(hours=hour)) for hour in (0, 1))

    prune()

    payloads = dict(Event.objects.values_list("pk", "payload"))
    assert payloads[first.event_id] == {}
    assert payloads[last.event_id] != {}


def test_what_was_open_at_its_time_goes_once_it_is_settled(to: Connector) -> None:
    delivery = old(to, State.DEAD, 1, timedelta(days=40))
    old(to, State.SUCCEEDED, 1, timedelta(days=1))
    prune()
    assert ApiCall.objects.exclude(request_body="").count() == 2
    Delivery.objects.filter(pk=delivery.pk).update(state=State.SKIPPED)
    Retention.objects.update(next_at=None)

    found = prune()

    assert (found["bodies"], found["payloads"]) == (1, 1)
    assert Event.objects.get(pk=delivery.event_id).payload == {}


def test_nothing_is_removed_of_a_kind_that_is_kept_for_ever(to: Connector) -> None:
    Retention.objects.update(keep_days=None)
    old(to, State.SUCCEEDED)
    assert prune() == {}
    assert len(kept()["calls"]) == 1


def test_many_rows_go_page_by_page_and_a_run_ends_in_time(to: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PAGE", 4)
    for number in range(10):
        old(to, State.SUCCEEDED if number != 3 else State.DEAD, number + 1)

    counts = [retention.prune(seconds=0)["events"]]  # no time at all: one page
    assert Event.objects.count() == 7  # the first page held the dead letter
    while Retention.objects.filter(next_at=None).exists():
        counts.append(retention.prune(seconds=0).get("events", 0))

    assert counts == [3, 4, 2]
    assert kept()["events"] == {Delivery.objects.get(state="dead").event_id}
    assert Retention.objects.get(kind="events").removed == 9


def test_a_finished_pass_rests_and_the_next_finds_what_became_old(to: Connector) -> None:
    prune()
    delivery = old(to, State.SUCCEEDED)
    assert prune() == {}
    Retention.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    assert prune()["events"] == 1
    assert not Delivery.objects.filter(pk=delivery.pk).exists()


def test_a_page_takes_a_fixed_number_of_statements(to: Connector) -> None:
    def statements() -> int:
        Retention.objects.update(next_at=None)
        with CaptureQueriesContext(connection) as queries:
            prune()
        return len(queries)

    old(to, State.SUCCEEDED)
    one = statements()
    for number in range(30):
        old(to, State.SUCCEEDED, number + 1)
    assert statements() == one


@pytest.fixture
def rules(transactional_db: Any) -> None:
    """The rows of the migration, which tests that commit have emptied away."""
    days = {"bodies": 14, "payloads": 30, "logs": 90, "events": 90}
    made = [Retention(kind=kind, keep_days=number) for kind, number in days.items()]
    Retention.objects.bulk_create(made, ignore_conflicts=True)


@pytest.mark.django_db(transaction=True)
def test_the_task_prunes(rules: None, to: Connector) -> None:
    old(to, State.SUCCEEDED)
    tasks.prune()
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_work_without_waiting_for_each_other(rules: None, to: Connector) -> None:
    old(to, State.SUCCEEDED)
    found: list[dict[str, int]] = []

    def beside() -> None:
        try:
            found.append(retention.prune(seconds=5))
        finally:
            connection.close()
            close_old_connections()

    with transaction.atomic():
        list(Retention.objects.select_for_update(no_key=True))
        worker = threading.Thread(target=beside)
        worker.start()
        worker.join(timeout=30)
        assert found == [{"bodies": 0, "events": 0, "logs": 0, "payloads": 0}]
    assert Event.objects.count() == 1
    assert prune()["events"] == 1


# --- in the admin ----------------------------------------------------------------------------------------------------


def page(kind: str) -> str:
    return reverse("admin:synclog_retention_change", args=[kind])


def test_a_person_changes_the_days_and_nothing_else(db: Any) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    Retention.objects.filter(kind="logs").update(next_at=timezone.now(), removed=7, cursor={"id": "x"})
    assert "Integration logs" in client.get(reverse("admin:synclog_retention_changelist")).content.decode()

    answer = client.post(page("logs"), {"keep_days": "30"})

    assert answer.status_code == 302
    rule = Retention.objects.get(kind="logs")
    assert (rule.keep_days, rule.next_at, rule.removed, rule.cursor) == (30, None, 7, {"id": "x"})
    for wrong in ("0", "-1", "9999", "x"):
        assert client.post(page("logs"), {"keep_days": wrong}).status_code == 200
    assert client.post(page("logs"), {"keep_days": ""}).status_code == 302
    assert Retention.objects.get(kind="logs").keep_days is None
    assert client.get(reverse("admin:synclog_retention_add")).status_code == 403
    assert client.post(reverse("admin:synclog_retention_delete", args=["logs"]), {"post": "yes"}).status_code == 403


def test_the_rules_are_for_those_who_may(db: Any) -> None:
    assert staff().get(page("logs")).status_code == 403
    viewer = staff("synclog.view_retention")
    assert viewer.get(page("logs")).status_code == 200
    assert viewer.post(page("logs"), {"keep_days": "1"}).status_code == 403
    assert Retention.objects.get(kind="logs").keep_days == 90
