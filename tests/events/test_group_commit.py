"""Events that arrive at one moment are stored together; each sender still gets its own answer and its own failure.

Real threads, real PostgreSQL. A lock on the company's row stops the first commit, so that the others gather meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import DataError, OperationalError, connection

from connectors.models import Company, Connector
from events.accept import Accepted, Incoming, _groups, accept_event
from events.group_commit import Group
from events.models import Delivery, Event, EventTrigger
from synclog.models import SyncLog
from tests.processes.conftest import database_url, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Senders:
    """Threads that each bring one event, begun while nothing can be committed for the company."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._threads: list[threading.Thread] = []
        self.answers: dict[str, Accepted | Exception] = {}

    def send(self, name: str, event: Incoming) -> None:
        """Start a sender; the first leads and is stopped at its commit, the others gather."""
        thread = threading.Thread(target=self._send, args=(name, event))
        self._threads.append(thread)
        thread.start()
        others = len(self._threads) - 1
        wait_until(lambda: self._waiting() == others if others else commit_is_blocked(), f"{name} waits")

    def finish(self) -> None:
        for thread in self._threads:
            thread.join(timeout=60)
            assert not thread.is_alive()

    def _send(self, name: str, event: Incoming) -> None:
        try:
            Company.objects.get(pk=self._company.pk)  # as a door does, and takes a connection from the pool for it
            self.answers[name] = accept_event(event, company=self._company, door=Event.Door.API)
        except Exception as error:
            self.answers[name] = error
        finally:
            connection.close()

    def _waiting(self) -> int:
        return len(_groups[self._company.pk, Event.Door.API, None]._waiting)


@pytest.fixture
def company() -> Iterator[Company]:
    made = Company.objects.create(name="Northwind", environment="custom", custom_api_base="http://127.0.0.1:9")
    connector = Connector.objects.create(company=made, name="Desk", platform="rest", status="paused")
    EventTrigger.objects.create(connector=connector, event_type="FN_WO_ASSIGNED")
    yield made
    _groups.clear()


@pytest.fixture
def senders(company: Company) -> Senders:
    return Senders(company)


@contextmanager
def no_commit_for(company: Company) -> Iterator[psycopg.Connection[Any]]:
    """While the block runs, a transaction that stores an event of the company waits at its end."""
    with psycopg.connect(database_url()) as holder:
        holder.execute("SELECT 1 FROM connectors_company WHERE id = %s FOR UPDATE", [company.pk])
        yield holder


def commit_is_blocked() -> bool:
    return bool(blocked_backends())


def blocked_backends() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return [row[0] for row in cursor.fetchall()]


def incoming(work_order: int, *, key: str | None = None, **payload: Any) -> Incoming:
    return Incoming(
        event_type="FN_WO_ASSIGNED",
        received_name="FN_WO_ASSIGNED",
        work_order_id=work_order,
        occurred_at=datetime(2026, 6, 28, 19, 5, 41, tzinfo=UTC),
        payload={"workorder": {"id": work_order}, **payload},
        dedupe_key=key or f"key-{work_order}",
    )


def transactions() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM events_event")
        return int(cursor.fetchone()[0])


def test_what_arrives_while_a_commit_runs_is_stored_in_the_next_one_together(
    company: Company, senders: Senders
) -> None:
    with no_commit_for(company):
        for number in range(1, 7):
            senders.send(f"sender {number}", incoming(number))
        assert not Event.objects.exists()
        assert senders.answers == {}
    senders.finish()
    stored = {event.work_order_id: event.pk for event in Event.objects.all()}
    assert senders.answers == {f"sender {number}": Accepted(stored[number], None, 1) for number in range(1, 7)}
    assert transactions() == 2
    assert sorted(Delivery.objects.values_list("work_order_id", "lane_key", "event_id")) == [
        (number, f"wo:{number}", stored[number]) for number in range(1, 7)
    ]


def test_of_two_equal_events_in_a_batch_the_second_is_a_duplicate_of_the_first(
    company: Company, senders: Senders
) -> None:
    with no_commit_for(company):
        senders.send("other", incoming(1))
        senders.send("first", incoming(2, key="same"))
        senders.send("second", incoming(2, key="same"))
    senders.finish()
    event = Event.objects.get(work_order_id=2)
    assert senders.answers["first"] == Accepted(event.pk, None, 1)
    assert senders.answers["second"] == Accepted(event.pk, event.pk, 0)
    assert Delivery.objects.filter(work_order_id=2).count() == 1
    assert SyncLog.objects.get().code == "duplicate"


def test_events_of_one_record_keep_the_order_of_the_batch(company: Company, senders: Senders) -> None:
    with no_commit_for(company):
        senders.send("lead", incoming(1))
        for number in range(5, 0, -1):
            senders.send(f"sender {number}", incoming(7, key=f"key-7-{number}", number=number))
    senders.finish()
    line = Delivery.objects.filter(lane_key="wo:7").order_by("seq").select_related("event")
    assert [delivery.event.payload["number"] for delivery in line] == [5, 4, 3, 2, 1]


def test_an_event_that_cannot_be_stored_fails_alone(company: Company, senders: Senders) -> None:
    with no_commit_for(company):
        senders.send("lead", incoming(1))
        senders.send("good", incoming(2))
        senders.send("bad", incoming(3, title="\x00"))  # which jsonb does not take; the doors refuse it earlier
        senders.send("good too", incoming(4))
    senders.finish()
    assert isinstance(senders.answers["bad"], DataError)
    assert set(Event.objects.values_list("work_order_id", flat=True)) == {1, 2, 4}
    taken = [senders.answers[name] for name in ("lead", "good", "good too")]
    assert [answer.deliveries for answer in taken if isinstance(answer, Accepted)] == [1, 1, 1]


def test_a_lost_database_fails_those_it_hit_and_the_next_are_stored(company: Company, senders: Senders) -> None:
    with no_commit_for(company) as holder:
        senders.send("hit", incoming(1))
        senders.send("next", incoming(2))
        [pid] = blocked_backends()
        holder.execute("SELECT pg_terminate_backend(%s)", [pid])
    senders.finish()
    assert isinstance(senders.answers["hit"], OperationalError)
    assert [event.work_order_id for event in Event.objects.all()] == [2]
    assert isinstance(senders.answers["next"], Accepted)


def test_those_who_wait_keep_no_connection_from_the_others(company: Company, senders: Senders) -> None:
    """Three times as many as the pool has: if each kept one, the rest would never be served."""
    many = 3 * int(connection.settings_dict["OPTIONS"]["pool"]["max_size"])
    with no_commit_for(company):
        for number in range(1, many + 1):
            senders.send(f"sender {number}", incoming(number))
    senders.finish()
    assert Event.objects.count() == many
    assert transactions() == 2


def test_a_failed_leader_leaves_nobody_waiting() -> None:
    group: Group[int, int] = Group()
    entered, go_on = threading.Event(), threading.Event()
    results: dict[int, int | BaseException] = {}

    def ended(items: Sequence[int]) -> list[int]:
        entered.set()
        go_on.wait()
        raise SystemExit

    def doubled(items: Sequence[int]) -> list[int]:
        return [2 * item for item in items]

    def submit(item: int, store: Callable[[Sequence[int]], Sequence[int]]) -> None:
        try:
            results[item] = group.submit(item, store)
        except BaseException as error:
            results[item] = error

    threads = [threading.Thread(target=submit, args=(1, ended))]
    threads[0].start()
    entered.wait()
    for item in (2, 3):
        threads.append(threading.Thread(target=submit, args=(item, doubled)))
        threads[-1].start()
    wait_until(lambda: len(group._waiting) == 2, "both wait")
    go_on.set()
    for thread in threads:
        thread.join()
    assert isinstance(results.pop(1), SystemExit)
    assert results == {2: 4, 3: 6}
