"""Routing, and what a filter with ``changed`` is compared with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.models import Company, Connector
from events.accept import Incoming, accept_events
from events.earlier import before_these
from events.models import Delivery, Event, EventTrigger
from events.route import ConnectorFacts, TriggerFacts, compares, route
from synclog.models import SyncLog
from tests.admin import world

TO_DONE = {"conditions": [{"field": "status.name", "op": "changed", "to": "work_done"}]}
TO_DONE_TEXT = '{"conditions": [{"field": "status.name", "op": "changed", "to": "work_done"}]}'
IS_DONE_TEXT = '{"conditions": [{"field": "status.name", "op": "equals", "value": "work_done"}]}'


def facts(filters: str, status: str = "active") -> ConnectorFacts:
    return ConnectorFacts(1, "Help Desk", status, [TriggerFacts(1, "FN_WO_UPDATED", "update", filters)])


def payload(status: str, number: int = 7) -> dict[str, Any]:
    return {"workorder": {"id": number, "status": {"name": status}}}


@pytest.mark.parametrize(
    ("filters", "event_type", "status", "expected"),
    [
        (TO_DONE_TEXT, "FN_WO_UPDATED", "active", True),
        (TO_DONE_TEXT, "FN_WO_UPDATED", "paused", True),
        (TO_DONE_TEXT, "FN_WO_UPDATED", "disabled", False),
        (TO_DONE_TEXT, "FN_WO_DONE", "active", False),
        (IS_DONE_TEXT, "FN_WO_UPDATED", "active", False),
        ("", "FN_WO_UPDATED", "active", False),
    ],
)
def test_the_last_event_is_asked_for_only_by_a_ticked_filter(
    filters: str, event_type: str, status: str, expected: bool
) -> None:
    assert compares(event_type, [facts(filters, status)]) is expected


@pytest.mark.parametrize(("previous", "matched"), [("assigned", True), ("work_done", False), (None, True)])
def test_routing_compares_with_the_last_event(previous: str | None, matched: bool) -> None:
    matches, others = route(
        event_type="FN_WO_UPDATED",
        payload=payload("work_done"),
        connectors=[facts(TO_DONE_TEXT)],
        previous=payload(previous) if previous else None,
    )
    assert (len(matches), [other.code for other in others]) == ((1, []) if matched else (0, ["filtered"]))


# --- the last event of the work order -------------------------------------------------------------------------------


@pytest.fixture
def to(db: Any) -> Connector:
    made = world.connector(world.company())
    EventTrigger.objects.create(connector=made, event_type="FN_WO_UPDATED", filters=TO_DONE)
    return made


def incoming(status: str, number: int = 7, key: str | None = None, **more: Any) -> Incoming:
    return Incoming(
        **{
            "event_type": "FN_WO_UPDATED",
            "received_name": "FN_WO_UPDATED",
            "work_order_id": number,
            "occurred_at": datetime(2026, 7, 1, tzinfo=UTC),
            "payload": payload(status, number),
            "dedupe_key": key,
            **more,
        }
    )


def accept(company: Company, *events: Incoming) -> list[int]:
    """How many deliveries each event made."""
    return [answer.deliveries for answer in accept_events(events, company=company, door=Event.Door.API)]


def test_the_newest_event_stored_before_is_compared_with(to: Connector) -> None:
    assert accept(to.company, incoming("work_done")) == [1]
    assert accept(to.company, incoming("work_done")) == [0]
    assert accept(to.company, incoming("assigned")) == [0]
    assert accept(to.company, incoming("work_done")) == [1]
    told = SyncLog.objects.filter(code="filtered").order_by("created_at").values_list("sentence", flat=True)
    assert '(status.name is still "work_done"; asked for: changed to "work_done")' in told[0]


def test_events_of_the_same_batch_count_in_their_order(to: Connector) -> None:
    batch = [incoming("assigned"), incoming("work_done"), incoming("work_done"), incoming("work_done", 8)]
    assert accept(to.company, *batch) == [0, 1, 0, 1]


def test_a_repeat_in_the_batch_does_not_count(to: Connector) -> None:
    accept(to.company, incoming("assigned", key="a"), incoming("work_done", key="b"))
    repeated = [incoming("assigned", key="a"), incoming("work_done", key="c")]
    assert accept(to.company, *repeated) == [0, 0]


def test_another_company_another_kind_of_event_and_what_an_operator_made_do_not_count(to: Connector) -> None:
    other = world.company("Other Co")
    accept(to.company, incoming("assigned"))
    world.event(other, 7, event_type="FN_WO_UPDATED", payload=payload("work_done"))
    world.event(to.company, 7, event_type="", payload=payload("work_done"))
    world.event(to.company, 7, payload=payload("work_done"), trace={"edited_from": "x"})
    world.event(to.company, 7, payload=payload("work_done"), trace={"test": True})
    assert accept(to.company, incoming("work_done")) == [1]


def statements(company: Company, count: int) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        accept(company, *(incoming("assigned", 100 + number) for number in range(count)))
    return [query["sql"] for query in captured.captured_queries]


def test_one_query_a_batch_reads_the_last_events_and_none_without_such_a_filter(to: Connector) -> None:
    accept(to.company, incoming("assigned", 1))  # the configuration is published and compiled by then
    one, many = statements(to.company, 1), statements(to.company, 20)
    assert len(one) == len(many)
    assert sum("LATERAL" in sql for sql in many) == 1
    EventTrigger.objects.update(filters={})
    accept(to.company, incoming("assigned", 1))
    assert not any("LATERAL" in sql for sql in statements(to.company, 20))


def test_stored_events_are_told_what_came_before_them(to: Connector) -> None:
    first = world.event(to.company, 7, payload=payload("assigned"))
    second = world.event(to.company, 7, payload=payload("work_done"))
    world.event(to.company, 8, payload=payload("draft"))
    assert before_these([first.pk, second.pk]) == {second.pk: payload("assigned")}


def test_an_event_meant_for_one_trigger_leaves_the_others_alone(to: Connector) -> None:
    chosen = EventTrigger.objects.create(connector=to, event_type="FN_WO_UPDATED", position=1)
    world.connector(to.company, "Second")
    [answer] = accept_events([incoming("assigned")], company=to.company, door="operator", only_trigger=chosen.pk)
    assert answer.deliveries == 1
    assert Delivery.objects.get().trigger == chosen
    assert not SyncLog.objects.filter(event_id=answer.id).exists()
