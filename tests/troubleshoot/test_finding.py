"""From what a person types to the record, for every connector that it may concern, in a fixed number of queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from broker_project.lib.ids import new_id
from connectors.models import Company, Connector
from events.models import Delivery, Event, EventTrigger
from events.states import State
from events.troubleshoot.diagnosis import diagnose
from events.troubleshoot.gather import MOST_CONNECTORS, gather
from events.troubleshoot.subject import TRIGGER, Asked
from mappings.models import FieldMapping, RecordLink
from tests.admin import world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("worker")]


@pytest.fixture
def owner(db: Any) -> Company:
    return world.company()


@pytest.fixture
def desk(owner: Company) -> Connector:
    return world.connector(owner)


def link(to: Connector, **more: Any) -> RecordLink:
    given = {"work_order_id": 1001, "external_id": "TCK-1", "correlation_id": "FN-1001"}
    return RecordLink.objects.create(connector=to, **{**given, **more})


def trigger_call(to: Connector, external_id: str) -> Event:
    return world.event(
        to.company, kind="trigger", door="trigger", event_type="", received_name="", work_order_id=None,
        external_id=external_id, connector=to, payload={"external_id": external_id},
    )  # fmt: skip


def only(term: object, **more: Any) -> Any:
    (facts,) = gather(Asked(term=str(term), **more)).facts
    return facts


# --- what was typed ---------------------------------------------------------------------------------------------------


def test_all_ids_of_one_delivery_lead_to_it(desk: Connector) -> None:
    link(desk)
    made = world.delivery(desk, State.DEAD, external_id="TCK-1", reason="validation")
    for term in (1001, "TCK-1", "FN-1001", made.pk, made.event_id):
        found = only(term)
        assert found.delivery == made, term
        assert (found.work_order_id, found.external_id, found.link.external_id) == (1001, "TCK-1", "TCK-1"), term


def test_the_mark_of_an_inbound_create_leads_to_the_record(desk: Connector) -> None:
    made = world.delivery(desk, State.RETRYING, work_order_id=None, external_id="TCK-9", lane_key="ext:TCK-9",
                          direction="inbound", action="sync", event=trigger_call(desk, "TCK-9"))  # fmt: skip
    assert only("Help Desk TCK-9").delivery == made


def test_a_correlation_id_that_only_the_log_knows(desk: Connector) -> None:
    made = world.delivery(desk, State.DEAD, external_id="TCK-1")
    world.log(made, correlation_id="Old name TCK-1")
    assert only("Old name TCK-1").delivery == made


@pytest.mark.parametrize("term", ["0", "9" * 30, "x" * 255, "' OR 1=1 --", "%", "00000000-0000-0000-0000-000000000000"])
def test_what_nothing_is_known_of_is_said_to_have_not_come_in(desk: Connector, term: str) -> None:
    found = only(term)
    assert (found.event, found.delivery, found.link) == (None, None, None)
    failing = diagnose(found).failing
    assert failing is not None
    assert failing.code == "not_received"


def test_a_record_of_the_same_id_at_another_connector_is_another_record(owner: Company, desk: Connector) -> None:
    depot = world.connector(owner, "Depot")
    link(desk, work_order_id=1, external_id="77")
    link(depot, work_order_id=2, external_id="78")
    world.delivery(depot, State.DEAD, work_order_id=2, external_id="78")
    assert only("77").connector == desk
    assert only("77").delivery is None


def test_the_link_of_one_connector_does_not_lead_another_to_its_record(owner: Company, desk: Connector) -> None:
    depot = world.connector(owner, "Depot")
    link(desk)
    event = world.event(owner, 1001)
    call = trigger_call(depot, "TCK-1")  # Depot's own TCK-1 has nothing to do with work order 1001
    found = {facts.name: facts for facts in gather(Asked(term="1001")).facts}
    assert {name: facts.event for name, facts in found.items()} == {"Help Desk": event, "Depot": event}
    assert call != event


# --- which event is looked at -----------------------------------------------------------------------------------------


def test_what_blocks_the_record_comes_before_what_stands_behind_it(desk: Connector) -> None:
    head = world.delivery(desk, State.WAITING, reason="waiting_auth")
    world.delivery(desk, State.PENDING)
    assert only(1001).delivery == head


def test_a_dead_letter_comes_before_a_newer_success(desk: Connector) -> None:
    dead = world.delivery(desk, State.DEAD)
    world.delivery(desk, State.SUCCEEDED)
    assert only(1001).delivery == dead


def test_else_the_newest_event_is_looked_at_with_its_worst_delivery(desk: Connector) -> None:
    world.delivery(desk, State.SUCCEEDED)
    newest = world.event(desk.company, 1001)
    skipped = world.delivery(desk, State.SKIPPED, event=newest, reason="not_linked")
    world.delivery(desk, State.SUCCEEDED, event=newest)
    assert only(1001).event == newest
    assert only(1001).delivery == skipped


def test_the_event_that_is_asked_for_is_looked_at(desk: Connector) -> None:
    world.delivery(desk, State.DEAD)
    done = world.delivery(desk, State.SUCCEEDED, event=world.event(desk.company, 1001, event_type="FN_WO_DONE"))
    assert only(1001, event_type="FN_WO_DONE").delivery == done
    assert only(1001, event_type="FN_WO_CANCELLED").event is None
    assert only(1001, event_type=TRIGGER).inbound


def test_an_event_that_was_named_is_looked_at_whatever_else_there_is(desk: Connector) -> None:
    world.delivery(desk, State.DEAD)
    other = world.event(desk.company, 1001)
    assert only(other.pk).event == other
    assert only(other.pk).delivery is None


# --- which connectors -------------------------------------------------------------------------------------------------


def test_every_connector_of_the_company_is_looked_at_and_no_other(owner: Company, desk: Connector) -> None:
    world.connector(world.company("Other Co"), "Elsewhere")
    world.connector(owner, "Depot")
    world.delivery(desk, State.DEAD)
    assert [facts.name for facts in gather(Asked(term="1001")).facts] == ["Help Desk", "Depot"]
    assert only(1001, connector_id=desk.pk).name == "Help Desk"


def test_many_connectors_are_cut_and_said_so(owner: Company) -> None:
    for number in range(MOST_CONNECTORS + 2):
        last = world.connector(owner, f"System {number:02}")
    world.delivery(last, State.DEAD)
    found = gather(Asked(term="1001"))
    assert (len(found.facts), found.left_out) == (MOST_CONNECTORS, 2)
    assert found.facts[0].connector == last


def test_a_credential_that_cannot_be_opened_is_a_finding_and_no_failure(desk: Connector) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE connectors_connector SET secrets = 'v1:lost:AAAA' WHERE id = %s", [desk.pk])
    link(desk)
    FieldMapping.objects.create(connector=desk, direction="outbound", source="title", target="subject")
    world.delivery(desk, State.PENDING)
    failing = diagnose(only(1001)).failing
    assert failing is not None
    assert "'lost', which BROKER_ENCRYPTION_KEYS does not hold" in failing.sentence


# --- what it costs ----------------------------------------------------------------------------------------------------

QUERIES = 26
"""Of ``gather`` for a record that everything is known of."""


def furnish(to: Connector, deliveries: int) -> None:
    link(to)
    EventTrigger.objects.create(connector=to, event_type="FN_WO_ASSIGNED")
    FieldMapping.objects.create(connector=to, direction="outbound", source="title", target="subject")
    for _ in range(deliveries):
        made = world.delivery(to, State.WAITING, external_id="TCK-1", superseded_by=new_id())
        world.call(world.log(made))


def queries(term: object) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        gather(Asked(term=str(term)))
    return len(seen)


def test_the_number_of_queries_is_fixed(owner: Company, desk: Connector) -> None:
    furnish(desk, 1)
    assert queries(1001) == QUERIES
    for number in range(5):
        furnish(world.connector(owner, f"System {number}"), 4)
    assert queries(1001) == QUERIES
    assert queries("TCK-1") <= QUERIES + 1
    assert queries(Delivery.objects.first().pk) <= QUERIES + 1  # type: ignore[union-attr]


def test_the_checks_need_no_query(desk: Connector) -> None:
    furnish(desk, 3)
    found = gather(Asked(term="1001"))
    with CaptureQueriesContext(connection) as seen:
        for facts in found.facts:
            diagnose(facts)
    assert len(seen) == 0
