"""Test again, for a record of the external system: both sides are read, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from connectors.models import Connector
from events.models import Delivery
from mappings.models import FieldMapping, RecordLink
from synclog.models import SyncLog
from tests.flows.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def olga() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


def again(olga: Client, delivery: Delivery) -> Any:
    answer = olga.post(reverse("admin:events_delivery_act", args=[delivery.pk, "test_again"]))
    assert answer.status_code == 200
    return answer


def table(answer: Any, title: str) -> list[list[Any]]:
    return [list(row) for section in answer.context["sections"] if section.title == title for row in section.rows]


def sent(answer: Any) -> list[str]:
    """What would be sent, without the host and the query."""
    titles = [section.title for section in answer.context["sections"] if section.title.startswith("Would be sent")]
    return [title.removeprefix("Would be sent: ").split("?")[0].replace("http://127.0.0.1", "") for title in titles]


def everything_stored() -> list[Any]:
    return [list(rows.order_by("pk").values()) for rows in (Delivery.objects, SyncLog.objects, RecordLink.objects)]


def synced(world: World, **fields: Any) -> tuple[int, Delivery]:
    ticket = world.person_creates_ticket(**fields)
    world.trigger(ticket)
    world.deliver()
    return ticket, Delivery.objects.get(direction="inbound")


def test_what_a_new_work_order_would_get_is_shown_and_none_is_made(world: World, olga: Client) -> None:
    world.fault("field_nation", method="POST", path="/api/rest/v2/workorders", times=1, status=422, body={})
    ticket, delivery = synced(world, subject="Printer jams")
    assert delivery.state == "dead"
    before = everything_stored()

    answer = again(olga, delivery)

    banner = answer.context["banner"]
    assert (banner.label, banner.sentence.split(". ")[0]) == ("Would pass", "A work order would be created")
    assert answer.context["lead"].endswith("The systems were only read, and nothing was stored.")
    assert ["title", "-", "Printer jams", "is filled"] in table(answer, "What the work order gets")
    assert [row[3] for row in table(answer, "Mapped, field by field") if row[0] == "subject"] == ["Printer jams"]
    assert sent(answer)[0].endswith("/api/rest/v2/workorders")
    assert sent(answer)[0].startswith("POST ")
    reads = [row[0] for row in table(answer, "Read for this")]
    assert any(call.startswith("GET ") and call.endswith(f"/api/tickets/{ticket}") for call in reads)
    assert world.field_nation.work_orders() == []
    assert everything_stored() == before


def test_what_would_change_in_the_work_order_stands_beside_what_it_is(world: World, olga: Client) -> None:
    ticket, delivery = synced(world, subject="Printer jams")
    world.person_changes_ticket(ticket, subject="Printer is on fire")
    before, patched = everything_stored(), len(world.calls("PATCH", f"/api/tickets/{ticket}"))
    [order] = world.field_nation.work_orders()

    answer = again(olga, delivery)

    number = order["id"]
    assert f"Work order {number} would be updated" in answer.context["banner"].sentence
    assert table(answer, f"What would change in work order {number}") == [
        ["title", "Printer jams", "Printer is on fire", "changes"]
    ]
    assert [call.split("/api/")[1] for call in sent(answer)] == [f"rest/v2/workorders/{number}"]
    assert world.field_nation.work_orders() == [order]
    assert len(world.calls("PATCH", f"/api/tickets/{ticket}")) == patched
    assert everything_stored() == before


def test_nothing_new_is_said_so(world: World, olga: Client) -> None:
    _, delivery = synced(world)
    answer = again(olga, delivery)
    [order] = world.field_nation.work_orders()
    assert answer.context["banner"].sentence == (
        f"Nothing would be written: work order {order['id']} already holds these values. Nothing would be sent."
    )
    assert sent(answer) == []


def test_the_present_mapping_decides(world: World, olga: Client) -> None:
    _, delivery = synced(world, subject="Printer jams")
    row = FieldMapping.objects.get(direction="inbound", target="title")
    row.action, row.options = "custom", {"script": "'Urgent: ' + $.input.subject"}
    row.save()
    [order] = world.field_nation.work_orders()
    [told] = table(again(olga, delivery), f"What would change in work order {order['id']}")
    assert told == ["title", "Printer jams", "Urgent: Printer jams", "changes"]


def test_the_id_that_would_be_written_back_is_not(world: World, olga: Client) -> None:
    ticket, delivery = synced(world)
    Connector.objects.update(write_back_field="reference")
    RecordLink.objects.update(written_back_at=None)
    patched = len(world.calls("PATCH", f"/api/tickets/{ticket}"))

    answer = again(olga, delivery)

    assert "Its id would be written into reference" in answer.context["banner"].sentence
    assert len(sent(answer)) == 1
    assert sent(answer)[0].endswith(f"/api/tickets/{ticket}")
    assert len(world.calls("PATCH", f"/api/tickets/{ticket}")) == patched


def test_a_record_that_is_gone_would_fail_again(world: World, olga: Client) -> None:
    ticket, delivery = synced(world)
    world.fault("help_desk", method="GET", path=f"/api/tickets/{ticket}", times=1, status=404)
    banner = again(olga, delivery).context["banner"]
    assert banner.label == "Would fail"
    assert banner.sentence.startswith("127.0.0.1 does not know this record or address (404)")


def test_no_secret_is_on_the_page(world: World, olga: Client) -> None:
    ticket, delivery = synced(world)
    world.person_changes_ticket(ticket, subject="Printer is on fire")
    text = again(olga, delivery).content.decode()
    assert "access_token=[redacted]" in text
    company = world.connector.company
    secrets = [
        *world.connector.secrets.values(),
        company.client_secret,
        company.password,
        world.connector.trigger_token,
    ]
    assert [secret for secret in secrets if secret and secret in text] == []
