"""P1, P2, P3 under kill -9: real processes, a real database, a Help Desk that records what it is told."""

from __future__ import annotations

import re
from collections import defaultdict

from events.models import Delivery, Lane
from mappings.models import RecordLink
from tests.flows.conftest import event

from .conftest import Installation, wait_until

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
