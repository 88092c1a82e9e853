"""Before something is deleted: how much it concerns, counted up to a bound; what is concerned is never loaded."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connectors.models import Connector
from events import going
from events.models import Delivery, Event, EventTrigger
from mappings.models import RecordLink

from . import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


@pytest.fixture
def trigger(to: Connector) -> EventTrigger:
    return EventTrigger.objects.create(connector=to, event_type="FN_WO_ASSIGNED")


def address(page: str, key: Any) -> str:
    return reverse(f"admin:{page}_delete", args=[key])


def deliveries(trigger: EventTrigger, number: int, state: str = "pending") -> None:
    to = trigger.connector
    event = Event.objects.create(kind="work_order", door="api", company=to.company, work_order_id=1)
    Delivery.objects.bulk_create(
        Delivery(
            event=event, connector=to, trigger=trigger, direction="outbound", action="update", state=state,
            lane_key=f"wo:{place}",
        )
        for place in range(number)
    )  # fmt: skip


def said(browser: Client, url: str) -> tuple[str, list[str]]:
    """The page, and the statements about deliveries that it cost."""
    with CaptureQueriesContext(connection) as found:
        text = browser.get(url, follow=True).content.decode()
    about = [query["sql"] for query in found.captured_queries if '"events_delivery"' in query["sql"]]
    return text, [sql for sql in about if "LIMIT 21" not in sql]


@pytest.mark.parametrize(("number", "told"), [(1, "1"), (1000, "1,000"), (1001, "more than 1,000")])
def test_the_page_of_a_trigger_says_how_many_wait_for_it(
    browser: Client, trigger: EventTrigger, number: int, told: str
) -> None:
    deliveries(trigger, number)

    text, statements = said(browser, address("events_eventtrigger", trigger.pk))

    assert f"Deliveries that wait for it and are skipped then: {told}<" in " ".join(text.split()).replace(" <", "<")
    [statement] = statements
    assert statement.startswith("SELECT COUNT(*)")
    assert "LIMIT 1001" in statement


def test_a_trigger_is_deleted_without_a_look_at_its_deliveries_which_go_on_naming_it(
    browser: Client, trigger: EventTrigger
) -> None:
    deliveries(trigger, 3, state="succeeded")

    with CaptureQueriesContext(connection) as found:
        trigger.delete()

    assert not [query["sql"] for query in found.captured_queries if "events_delivery" in query["sql"]]
    delivery = Delivery.objects.first()
    assert delivery is not None
    assert delivery.trigger_id is not None
    text = browser.get(reverse("admin:events_delivery_change", args=[delivery.pk])).content.decode()
    assert "deleted meanwhile" in text


def test_a_connector_with_many_deliveries_says_so_and_loads_none(browser: Client, trigger: EventTrigger) -> None:
    deliveries(trigger, 1001, state="succeeded")

    with CaptureQueriesContext(connection) as found:
        answer = browser.get(address("connectors_connector", trigger.connector_id))

    assert answer.status_code == 302
    statements = [query["sql"] for query in found.captured_queries if "events_delivery" in query["sql"]]
    assert [(sql[:15], "LIMIT 1001" in sql) for sql in statements] == [("SELECT COUNT(*)", True)]
    page = browser.get(answer.headers["Location"]).content.decode()
    assert "cannot be deleted: its more than 1,000 deliveries are the record of what happened." in page


def test_the_settings_page_does_not_look_for_any_delivery_but_those_that_it_counts(
    browser: Client, to: Connector
) -> None:
    with CaptureQueriesContext(connection) as found:
        text = browser.get(reverse("admin:connectors_connector_change", args=[to.pk])).content.decode()

    assert not [query["sql"] for query in found.captured_queries if 'INNER JOIN "events_delivery"' in query["sql"]]
    assert text.count(f"{address('connectors_connector', to.pk)}?from=settings") == 1


def test_what_goes_with_a_connector_is_counted_and_not_loaded(
    browser: Client, to: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(going, "COUNTED", 2)
    RecordLink.objects.bulk_create(
        RecordLink(connector=to, external_id=str(number), work_order_id=number) for number in range(5)
    )
    url = address("connectors_connector", to.pk)

    with CaptureQueriesContext(connection) as found:
        text = " ".join(browser.get(url).content.decode().split())

    assert "Record links: more than 2" in text
    statements = [query["sql"] for query in found.captured_queries if "mappings_recordlink" in query["sql"]]
    assert len(statements) == 1
    assert "LIMIT 3" in statements[0]
    browser.post(url, {"post": "yes"})
    assert not Connector.objects.exists()
    assert not RecordLink.objects.exists()
