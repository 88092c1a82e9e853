"""P1, P2, P3 under kill -9: real processes, a real database, a Help Desk that records what it is told."""

from __future__ import annotations

import re
from collections import defaultdict

from django.db import connection

from events.models import Delivery, Lane
from mappings.models import RecordLink
from tests.flows.conftest import event

from .conftest import LEASE_SECONDS, Installation, wait_until

RECORDS, ROUNDS = 100, 5


def post_all(installation: Installation) -> None:
    """Five events for each of a hundred work orders, in lists; the title tells the round."""
    for number in range(1, ROUNDS + 1):
        events = [
            event(id=record, title=f"Record {record} round {number}", event_id=f"{record}-{number}")
            for record in range(1, RECORDS + 1)
        ]
        assert installation.post(events)["accepted"] == RECORDS


def check_all_arrived_once_and_in_order(installation: Installation) -> None:
    states = list(Delivery.objects.exclude(state="succeeded").values_list("state", "sentence"))
    assert states == []
    assert Delivery.objects.count() == RECORDS * ROUNDS
    tickets = installation.help_desk.tickets()
    assert len(tickets) == RECORDS
    assert len({ticket["correlation"] for ticket in tickets}) == RECORDS
    assert {ticket["subject"].split("round ")[1] for ticket in tickets} == {str(ROUNDS)}
    assert RecordLink.objects.filter(external_id__isnull=False, claimed_by=None).count() == RECORDS
    assert not Lane.objects.exists()
    rounds: dict[str, list[int]] = defaultdict(list)
    for _, _, body, status in installation.recorder.writes:
        if status < 300 and (found := re.fullmatch(r"Record (\d+) round (\d+)", body.get("subject", ""))):
            rounds[found[1]].append(int(found[2]))
    for record, seen in rounds.items():
        assert seen == sorted(seen), f"record {record} was written in the order {seen}"
        assert set(seen) == set(range(1, ROUNDS + 1)), f"record {record} never got round {set(range(1, 6)) - set(seen)}"


def test_a_killed_worker_loses_doubles_and_reorders_nothing(installation: Installation) -> None:
    installation.fault(method="*", path="/api/tickets*", times=None, delay=0.02)
    installation.start("web", "beat")
    post_all(installation)
    for arrived in (40, 200, 350):  # among the creates, and twice among the updates
        installation.start("worker")
        wait_until(
            lambda arrived=arrived: len(installation.recorder.writes) >= arrived,  # type: ignore[misc]
            f"{arrived} writes\n{installation.output('worker')}",
        )
        installation.kill("worker")
        assert Delivery.objects.filter(finished_at=None).exists()
    installation.start("worker")
    wait_until(installation.settled(RECORDS * ROUNDS), f"all settled\n{installation.output('worker')}")
    check_all_arrived_once_and_in_order(installation)


def test_a_call_longer_than_the_lease_is_not_taken_over_while_its_worker_lives(installation: Installation) -> None:
    installation.environment["BROKER_READ_TIMEOUT"] = "30"
    installation.fault(method="POST", path="/api/tickets", times=1, delay=LEASE_SECONDS * 2.5)
    installation.start("web", "beat", "worker")
    installation.post(event())
    wait_until(installation.settled(1), f"the delivery settled\n{installation.output('worker')}")
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("succeeded", 1)
    assert len(installation.recorder.writes) == 1


def test_a_restart_of_the_database_loses_nothing(installation: Installation) -> None:
    """Every connection of web and worker is cut, as a restart of PostgreSQL does, again and again."""
    installation.fault(method="*", path="/api/tickets*", times=None, delay=0.02)
    installation.start("web", "beat", "worker")
    post_all(installation)
    for arrived in (50, 150, 300):
        wait_until(lambda arrived=arrived: len(installation.recorder.writes) >= arrived, f"{arrived} writes")  # type: ignore[misc]
        cut_connections()
    wait_until(installation.settled(RECORDS * ROUNDS), f"all settled\n{installation.output('worker')}")
    check_all_arrived_once_and_in_order(installation)


def cut_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connection.pool.check()  # type: ignore[attr-defined]  # those of this process were cut too, and are no test's business
