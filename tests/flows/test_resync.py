"""A resync brings what was asked for across as it is now, once, whatever happened to its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.utils import timezone

from broker_project.lib.errors import InvalidRecord
from connectors.models import Connector
from events import jobs, resync
from events.models import Delivery, Event, Job
from events.resync_request import list_parameters, record_parameters, work_order_parameters
from mappings.models import RecordLink
from synclog.models import SyncLog

from .conftest import World


def step(job: Job) -> None:
    """The next step, however long it should wait."""
    Job.objects.filter(pk=job.pk).update(next_step_at=timezone.now())
    assert jobs.run_due(seconds=0) == 1
    job.refresh_from_db()


def run(job: Job) -> Job:
    while job.state == Job.State.RUNNING:
        step(job)
    return job


def start(world: World, parameters: dict[str, Any], *, records: bool = False, **more: Any) -> Job:
    kind = Job.Kind.RESYNC_RECORDS if records else Job.Kind.RESYNC_WORK_ORDERS
    return jobs.start(kind, user="olga", connector=world.connector, parameters=parameters, **more)


def orders(world: World, count: int, **facts: Any) -> list[int]:
    return [world.field_nation.act("create", title=f"Order {n}", **facts)["id"] for n in range(1, count + 1)]


def subjects(world: World) -> list[str]:
    return sorted(ticket["subject"] for ticket in world.help_desk.tickets())


def test_work_orders_are_created_in_the_external_system_and_then_updated(world: World) -> None:
    first, second = orders(world, 2)
    job = run(start(world, work_order_parameters([first, second]), total=2))
    assert (job.state, job.done, job.left_alone) == ("finished", 2, 0)
    assert job.sentence.startswith("Finished. Queued: 2. Left alone, since they were not found or wait already: 0.")
    events = Event.objects.order_by("work_order_id")
    assert [(e.work_order_id, e.door, e.event_type, e.received_name) for e in events] == [
        (id, "operator", "", "resync") for id in (first, second)
    ]
    assert events[0].trace == {"job": str(job.pk), "user": "olga"}
    assert [(d.action, d.trigger, d.lane_key, d.forced) for d in Delivery.objects.order_by("seq")] == [
        ("update", None, f"wo:{id}", False) for id in (first, second)
    ]
    world.deliver()
    assert subjects(world) == ["Order 1", "Order 2"]
    assert RecordLink.objects.filter(external_id__isnull=False).count() == 2

    world.field_nation.act("update", first, fields={"title": "Order 1, changed"})
    run(start(world, work_order_parameters([first])))
    world.deliver()
    assert subjects(world) == ["Order 1, changed", "Order 2"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"succeeded"}


def test_what_has_not_changed_is_written_only_when_it_is_forced(world: World) -> None:
    [order] = orders(world, 1)
    run(start(world, work_order_parameters([order])))
    world.deliver()
    [number] = [ticket["id"] for ticket in world.help_desk.tickets()]
    path = f"/api/tickets/{number}"

    before = len(world.calls("PATCH", path))
    run(start(world, work_order_parameters([order])))
    world.deliver()
    assert len(world.calls("PATCH", path)) == before
    assert Delivery.objects.order_by("-seq").values_list("state", flat=True)[0] == "skipped"

    run(start(world, work_order_parameters([order], force=True)))
    world.deliver()
    assert len(world.calls("PATCH", path)) == before + 1
    assert Delivery.objects.order_by("-seq").values_list("state", "forced")[0] == ("succeeded", True)


def test_a_work_order_that_is_not_there_is_left_alone_and_the_log_says_so(world: World) -> None:
    [order] = orders(world, 1)
    job = run(start(world, work_order_parameters([order, 99])))
    assert (job.done, job.left_alone) == (1, 1)
    log = SyncLog.objects.get(code="resync_unread")
    assert (log.work_order_id, log.outcome) == (99, "skipped")
    assert log.sentence.startswith("Nothing was sent: work order 99 could not be taken into the resync. Field Nation")


def test_a_step_that_is_done_twice_queues_nothing_twice(world: World) -> None:
    ids = orders(world, 3)
    job = start(world, work_order_parameters(ids))
    resync.work_orders(job)  # a worker that died before it could say how far it came
    run(job)
    assert Counter(Delivery.objects.values_list("work_order_id", flat=True)) == dict.fromkeys(ids, 1)
    assert (job.done, job.left_alone) == (0, 3)


def test_it_goes_on_where_field_nation_asked_for_a_pause(world: World) -> None:
    ids = orders(world, 4)
    read = "/api/rest/v2/workorders/*"
    rules: list[dict[str, Any]] = [
        {"path": read, "delay": 0.001, "times": 2},
        {"path": read, "status": 429, "headers": {"Retry-After": "90"}, "times": 1},
    ]
    assert requests.post(f"{world.field_nation_url}/control/faults", json=rules, timeout=5).ok
    job = start(world, work_order_parameters(ids))
    step(job)
    assert (job.state, job.done) == ("running", 2)
    assert job.next_step_at is not None
    assert (job.next_step_at - timezone.now()).total_seconds() > 80
    run(job)
    assert (job.state, job.done, job.left_alone) == ("finished", 4, 0)


@pytest.mark.parametrize(("page", "reads"), [(2, 10), (100, 2), (3, 10)])
def test_a_list_is_brought_across_page_by_page(
    world: World, monkeypatch: pytest.MonkeyPatch, page: int, reads: int
) -> None:
    monkeypatch.setattr(resync, "LIST_PAGE", page)
    monkeypatch.setattr(resync, "READS_PER_STEP", reads)
    published = orders(world, 5, publish=True)
    drafts = orders(world, 2)
    job = run(start(world, list_parameters("workorders_published_routed")))
    assert Counter(Delivery.objects.values_list("work_order_id", flat=True)) == dict.fromkeys(published, 1)
    assert (job.state, job.done, job.total) == ("finished", 5, 5)
    job = run(start(world, list_parameters("workorders_all", status="Draft")))
    assert set(Delivery.objects.exclude(work_order_id__in=published).values_list("work_order_id", flat=True)) == set(
        drafts
    )
    assert (job.done, job.total) == (2, None)


def test_what_leaves_the_list_meanwhile_makes_it_miss_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resync, "LIST_PAGE", 2)
    ids = orders(world, 6, publish=True)
    job = start(world, list_parameters("workorders_published_routed"))
    step(job)
    assert set(Delivery.objects.values_list("work_order_id", flat=True)) == set(ids[4:])
    world.field_nation.act("back_to_draft", ids[0])
    world.field_nation.act("back_to_draft", ids[5])
    run(job)
    assert Counter(Delivery.objects.values_list("work_order_id", flat=True)) == dict.fromkeys(ids[1:], 1)


def test_an_empty_list_is_soon_done(world: World) -> None:
    job = run(start(world, list_parameters("workorders_approved")))
    assert (job.state, job.done, job.left_alone, job.total) == ("finished", 0, 0, 0)


def test_external_records_are_read_and_brought_to_field_nation(world: World) -> None:
    numbers = [world.person_creates_ticket(subject=f"Ticket {n}") for n in (1, 2, 3)]
    job = run(start(world, record_parameters(str(number) for number in numbers), records=True, total=3))
    assert (job.state, job.done, job.left_alone) == ("finished", 3, 0)
    assert set(Event.objects.values_list("kind", "door")) == {("trigger", "operator")}
    world.deliver()
    assert sorted(order["title"] for order in world.field_nation.work_orders()) == ["Ticket 1", "Ticket 2", "Ticket 3"]


def test_a_record_whose_trigger_waits_already_is_merged_and_forced(world: World) -> None:
    number = world.person_creates_ticket()
    world.trigger(number)
    job = run(start(world, record_parameters([str(number), "4711"], force=True), records=True))
    assert (job.done, job.left_alone) == (1, 1)
    assert list(Delivery.objects.order_by("seq").values_list("external_id", "forced")) == [
        (str(number), True),
        ("4711", True),
    ]


def test_many_records_go_in_chunks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [str(number) for number in range(1, 251)]
    job = start(world, record_parameters(ids), records=True)
    step(job)
    assert (job.state, job.done, job.cursor) == ("running", 100, {"at": 100})
    run(job)
    assert (job.done, Delivery.objects.count()) == (250, 250)
    assert list(Delivery.objects.order_by("seq").values_list("external_id", flat=True)) == ids


def test_a_paused_connector_keeps_them_and_a_disabled_one_refuses(world: World) -> None:
    [order] = orders(world, 1)
    Connector.objects.update(status=Connector.Status.PAUSED)
    run(start(world, work_order_parameters([order])))
    assert world.deliver() == 0
    assert Delivery.objects.get().sentence == (
        "It is kept and waits: Help Desk is paused. Resume the connector to send it."
    )
    Connector.objects.update(status=Connector.Status.ACTIVE)
    assert world.deliver() == 1
    assert subjects(world) == ["Order 1"]
    Connector.objects.update(status=Connector.Status.DISABLED)
    for parameters, records in ((work_order_parameters([order]), False), (record_parameters(["1"]), True)):
        job = run(start(world, parameters, records=records))
        assert (job.state, Delivery.objects.count()) == ("failed", 1)
        assert job.sentence.startswith("Failed: The connector is disabled, so nothing can be sent to it. Enable it.")


def test_what_is_asked_for_is_checked() -> None:
    assert record_parameters([" a ", "", "b", "a"]) == {"ids": ["a", "b"], "force": False}
    assert work_order_parameters(["7", 8, "7 "], force=True) == {"ids": [7, 8], "force": True}
    assert list_parameters("workorders_all", status=" Work Done ")["status"] == "work_done"
    refusals: list[tuple[Callable[[], object], str]] = [
        (lambda: record_parameters(["", " "]), "at least one id"),
        (lambda: record_parameters(map(str, range(10_001))), "10001 ids; one resync takes 10000"),
        (lambda: record_parameters(["x" * 256]), "at most 255 characters"),
        (lambda: work_order_parameters(["7", "INC-1"]), "INC-1 is no work order id"),
        (lambda: work_order_parameters(["0"]), "0 is no work order id"),
        (lambda: list_parameters("workorders_mine"), "no list workorders_mine"),
    ]
    for refused, part in refusals:
        with pytest.raises(InvalidRecord, match=part):
            refused()
