"""Signs of life: written, removed at the end, pruned, shown; through an outage of the database."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.utils import timezone

from broker_project.lib.version import version
from events import heartbeat
from events.heartbeat import Heartbeat, Process, tell, workers_table
from synclog.worker_models import Worker

WORKER = Process(kind="worker", concurrency=2, busy=lambda: 1, host="one.example.test", pid=41)


def worker(name: str, *, seconds_ago: float = 0, kind: str = "worker", runs: str = "") -> Worker:
    now = timezone.now()
    return Worker.objects.create(
        name=name, kind=kind, host="one.example.test", pid=7, version=runs or version(), concurrency=2, busy=1,
        started_at=now - timedelta(hours=1), seen_at=now - timedelta(seconds=seconds_ago),
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_sign_of_life_makes_the_row_or_renews_it() -> None:
    tell(WORKER)
    first = Worker.objects.get()
    assert (first.name, first.kind, first.host, first.pid) == ("worker one.example.test:41", "worker", WORKER.host, 41)
    assert (first.version, first.concurrency, first.busy) == (version(), 2, 1)
    assert first.started_at == WORKER.started_at
    tell(WORKER)
    second = Worker.objects.get()
    assert second.seen_at > first.seen_at


@pytest.mark.django_db(transaction=True)
def test_what_was_not_heard_of_for_a_day_is_removed_by_the_next_sign_of_life() -> None:
    worker("old", seconds_ago=86_400 + 60)
    worker("kept", seconds_ago=86_400 - 60)
    tell(WORKER)
    assert set(Worker.objects.values_list("name", flat=True)) == {"kept", WORKER.name}


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_goes_on_until_it_is_stopped_and_then_the_row_is_gone() -> None:
    told: list[int] = []
    enough = threading.Event()

    def busy() -> int:
        told.append(1)
        if len(told) == 3:
            enough.set()
        return 0

    beating = Heartbeat(Process(kind="beat", busy=busy), seconds=0.01)
    beating.start()
    assert enough.wait(30)
    assert Worker.objects.get().kind == "beat"
    beating.stop()
    assert not Worker.objects.exists()
    count = len(told)
    assert count >= 3
    assert not beating._thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_it_outlives_an_outage_of_the_database_and_complains_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures, back = [OperationalError("away"), OperationalError("away"), ValueError("a bug")], threading.Event()

    def telling(process: Process) -> None:
        if failures:
            raise failures.pop(0)
        tell(process)
        back.set()

    monkeypatch.setattr(heartbeat, "tell", telling)
    beating = Heartbeat(WORKER, seconds=0.01)
    beating.start()
    assert back.wait(30)
    assert Worker.objects.filter(name=WORKER.name).exists()
    beating.stop()
    lines = [record.message for record in caplog.records if record.name == "events.heartbeat"]
    assert lines == [
        "The heartbeat could not be written (OperationalError); it is tried again.",
        "The heartbeat failed inside the broker.",
    ]


# --- the table ----------------------------------------------------------------------------------------------------


@pytest.fixture
def viewer(db: None) -> User:
    user = User.objects.create_user("viewer")
    user.user_permissions.add(Permission.objects.get(codename="view_worker"))
    return User.objects.get(pk=user.pk)


def rows(user: User) -> list[list[str]]:
    table = workers_table(user)
    assert table is not None
    return [[str(cell) for cell in row] for row in table.rows]


def test_the_table_names_what_is_missing_first(viewer: User) -> None:
    worker("a", seconds_ago=5)
    worker("b", seconds_ago=61)
    found = rows(viewer)
    assert [row[0] for row in found] == [
        "Beat", "Worker on one.example.test, process 7", "Worker on one.example.test, process 7",
    ]  # fmt: skip
    assert found[0][5] == "Beat does not run, so retries and lost hints are not taken up. Start it, once: celery beat."
    assert [("Missing" in row[1], "Alive" in row[1]) for row in found] == [(True, False), (True, False), (False, True)]
    assert found[2][2:4] == [version(), "1 of 2 busy"]


def test_a_worker_of_another_version_is_marked(viewer: User) -> None:
    worker("a", runs="0.0.9")
    worker("b", kind="beat")
    assert [("0.0.9, the web server " + version() in row[2], row[2] == version()) for row in rows(viewer)] == [
        (True, False), (False, True),
    ]  # fmt: skip


def test_who_may_not_see_workers_gets_no_table(viewer: User) -> None:
    assert workers_table(User.objects.create_user("nobody")) is None


def test_the_table_costs_one_query(viewer: User, django_assert_num_queries: object) -> None:
    viewer.has_perm("synclog.view_worker")  # asked once a request
    for number in range(30):
        worker(f"w{number}")
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert len(rows(viewer)) == 31
