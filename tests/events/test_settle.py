"""What the database refuses is parked alone; a lost race for a link loses no pair."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from broker_project.lib.ids import new_id
from connectors.models import Connector
from events import lanes
from events.models import Delivery
from events.outcome import Link, Outcome
from events.pairs import Settled
from events.settle import settle
from events.states import State
from events.work import Work, load
from mappings.models import RecordLink
from synclog.models import SyncLog

from . import queued

DONE = Outcome(state=State.SUCCEEDED, code="updated", sentence="Done.")


def begun(connector: Connector) -> list[Work]:
    claim_id = new_id()
    with transaction.atomic():
        heads = lanes.claim(free=9, share=9, running={}, claim_id=claim_id, lease_seconds=60)
        works = load(heads, claim_id=claim_id)
    return sorted(works, key=lambda work: work.work_order_id or 0)


@pytest.mark.django_db(transaction=True)
def test_what_the_database_refuses_is_parked_and_its_neighbours_are_stored() -> None:
    first, second, third = begun(queued.connector(waiting=3))
    refused = Outcome(state=State.SUCCEEDED, code="updated", sentence="A text with \0 in it.")
    settle([Settled(first, DONE), Settled(second, refused), Settled(third, DONE)])
    found = list(Delivery.objects.order_by("work_order_id").values_list("state", "reason"))
    assert found == [("succeeded", "updated"), ("waiting", "waiting_bug"), ("succeeded", "updated")]
    log = SyncLog.objects.get(delivery_id=second.delivery.id)
    assert "0x00" in log.details["traceback"]


@pytest.mark.django_db(transaction=True)
def test_a_claim_made_between_two_statements_does_not_keep_the_pair_out() -> None:
    """Another worker claims the work order's side while the settling one completes the link."""
    connector = queued.connector(waiting=1)
    [work] = begun(connector)
    claimed, settled = threading.Event(), threading.Event()

    def other_worker() -> None:
        with transaction.atomic():
            RecordLink.objects.create(connector=connector, work_order_id=77, claimed_by=new_id())
            claimed.set()
            settled.wait(0.5)  # the insert of the pair waits for this transaction
        connection.close()

    thread = threading.Thread(target=other_worker)
    thread.start()
    claimed.wait(5)
    settle([Settled(work, Outcome(**{**vars(DONE), "link": Link.STORE, "work_order_id": 77, "external_id": "T-1"}))])
    settled.set()
    thread.join()
    assert list(RecordLink.objects.values_list("work_order_id", "external_id")) == [(77, "T-1")]
