"""The pages of a work order and of an external record."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connectors.models import Connector
from events.models import Delivery, Event
from events.record_pages import found
from events.states import State
from mappings.models import RecordLink
from synclog.models import SyncLog
from tests.admin import world as rows
from tests.admin.conftest import staff
from tests.flows.conftest import World, event

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


@pytest.fixture
def to(db: Any) -> Connector:
    return rows.connector(rows.company())


def work_order(number: int) -> str:
    return reverse("admin:events_work_order", args=[number])


def record(to: Connector, external_id: str) -> str:
    return f"{reverse('admin:events_external_record', args=[to.pk])}?id={external_id}"


def shown(answer: Any, table: str) -> list[list[str]]:
    """The texts of a table of the page."""
    return [[re.sub(r"<.*?>|\s+", " ", str(cell)).strip() for cell in row] for row in answer.context[table].rows]


def delivered(answer: Any) -> list[Any]:
    """Ids of the deliveries, as they stand."""
    return re.findall(r"/events/delivery/([0-9a-f-]{36})/change", answer.content.decode())


def test_a_work_order_shows_its_links_deliveries_and_events(browser: Client, to: Connector) -> None:
    other = rows.connector(to.company, "Ledger")
    RecordLink.objects.create(connector=to, work_order_id=7, external_id="TCK/1 ä", correlation_id="FN-7")
    RecordLink.objects.create(
        connector=other, work_order_id=7, claimed_at=timezone.now(), claimed_by=to.company.webhook_key
    )
    RecordLink.objects.create(connector=to, work_order_id=8, external_id="TCK-8")
    mine = [rows.delivery(each, State.SUCCEEDED, work_order_id=7, sentence="Sent.") for each in (to, other)]
    rows.delivery(to, State.SUCCEEDED, work_order_id=8)

    answer = browser.get(work_order(7))

    assert [(item["link"].external_id, item["state"][0]) for item in answer.context["links"]] == [
        ("TCK/1 ä", "linked"), (None, "create under way"),
    ]  # fmt: skip
    assert delivered(answer) == [str(delivery.pk) for delivery in reversed(mine)]
    assert len(shown(answer, "events")) == 2
    text = answer.content.decode()
    assert "TCK-8" not in text
    [address] = set(re.findall(r'href="([^"]*record/\d+/\?id=[^"]*)"', text))
    assert browser.get(address).context["links"][0]["link"].external_id == "TCK/1 ä"


def test_an_external_record_is_one_of_its_connector(browser: Client, to: Connector) -> None:
    other = rows.connector(to.company, "Ledger")
    RecordLink.objects.create(connector=to, work_order_id=7, external_id="T-1")
    RecordLink.objects.create(connector=other, work_order_id=8, external_id="T-1")
    mine = rows.delivery(to, State.DEAD, external_id="T-1", work_order_id=7, sentence="Given up: no subject.")
    rows.delivery(other, State.DEAD, external_id="T-1", work_order_id=8)
    rows.event(
        to.company, None, kind=Event.Kind.TRIGGER, event_type="", external_id="T-1", connector=to, door="trigger"
    )

    answer = browser.get(record(to, "T-1"))

    assert [item["link"].work_order_id for item in answer.context["links"]] == [7]
    assert delivered(answer) == [str(mine.pk)]
    assert "Given up: no subject." in answer.content.decode()
    assert [row[1] for row in shown(answer, "events")] == ["External trigger"]


def test_what_names_only_the_other_side_of_a_pair_is_shown_too(browser: Client, to: Connector) -> None:
    RecordLink.objects.create(connector=to, work_order_id=7, external_id="T-1")
    other = rows.connector(to.company, "Ledger")
    inbound = rows.event(to.company, None, kind=Event.Kind.TRIGGER, event_type="", external_id="T-1", connector=to)
    by_record = rows.delivery(to, State.DEAD, event=inbound, work_order_id=None, external_id="T-1", direction="inbound")
    by_work_order = rows.delivery(to, State.DEAD, work_order_id=7)
    rows.delivery(other, State.DEAD, work_order_id=None, external_id="T-1", event=by_work_order.event)

    for address in (work_order(7), record(to, "T-1")):
        answer = browser.get(address)
        assert delivered(answer) == [str(by_work_order.pk), str(by_record.pk)], address
    assert {row[1] for row in shown(browser.get(work_order(7)), "events")} == {"External trigger", "Assigned"}


def test_repeats_stand_with_their_original(browser: Client, world: World) -> None:
    sample = event()
    first = world.post(sample).json()
    for _ in range(3):
        assert world.post(sample).json()["duplicate_of"] == first["id"]
    number = Event.objects.get().work_order_id
    assert number is not None

    [row] = shown(browser.get(work_order(number)), "events")
    assert row[4].startswith("3 times")
    text = browser.get(reverse("admin:events_event_change", args=[first["id"]])).content.decode()
    repeats = text[text.index("Came again: repeats of this event") :]
    assert repeats.count("which was taken before.") == 3
    newest = SyncLog.objects.filter(outcome="duplicate").order_by("-created_at").first()
    assert newest is not None
    page = browser.get(reverse("admin:synclog_synclog_change", args=[newest.pk])).content.decode()
    assert reverse("admin:events_event_change", args=[first["id"]]) in page


def test_deliveries_page_by_key_and_none_is_lost(
    browser: Client, to: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "PER_PAGE", 3)
    made = [str(rows.delivery(to, State.SUCCEEDED, work_order_id=7, external_id="T").pk) for _ in range(8)]
    for address in (work_order(7), record(to, "T")):
        base, _, _ = address.partition("?")
        pages, address = [browser.get(address)], address
        while pages[-1].context["older"]:
            pages.append(browser.get(base + pages[-1].context["older"]))
        assert [id for page in pages for id in delivered(page)] == made[::-1]
        assert (pages[0].context["newer"], len(pages)) == ("", 3)
        assert delivered(browser.get(base + pages[2].context["newer"])) == delivered(pages[1])
        assert delivered(browser.get(base + pages[1].context["newer"])) == delivered(pages[0])


def test_both_sides_are_read_on_request_only(browser: Client, world: World) -> None:
    world.post(event(title="Replace the router"))
    world.deliver()
    link = RecordLink.objects.get()
    number = int(link.external_id or 0)
    reads = len(world.calls("GET", f"/api/tickets/{number}"))

    assert browser.get(work_order(link.work_order_id or 0)).context["sides"] == []
    assert len(world.calls("GET", f"/api/tickets/{number}")) == reads

    world.person_changes_ticket(number, subject="Changed by a person")
    [side] = browser.post(work_order(link.work_order_id or 0)).context["sides"]

    assert len(world.calls("GET", f"/api/tickets/{number}")) > reads
    field_nation, external = side["records"]
    assert "Changed by a person" in external["text"]
    assert external["problem"] == ""
    if field_nation["problem"]:  # the sample's work order is not one that the simulator made
        assert "4410027" in field_nation["problem"]
    assert Delivery.objects.count() == 1


def test_both_sides_of_a_pair_that_is_there_are_compared(browser: Client, world: World) -> None:
    number = world.person_creates_ticket(subject="Printer jams")
    world.trigger(number)
    world.deliver()
    link = RecordLink.objects.get()
    world.person_changes_ticket(number, subject="Printer is on fire")

    [side] = browser.post(work_order(link.work_order_id or 0)).context["sides"]

    assert [record["problem"] for record in side["records"]] == ["", ""]
    compared = {row[0]: row[1:] for row in side["table"].rows}
    assert compared["subject"] == ("Printer is on fire", "Printer jams", "differs, left alone")
    assert side["differs"] >= 1
    assert Delivery.objects.count() == 1


def test_a_system_that_is_down_is_told_as_a_sentence(browser: Client, world: World) -> None:
    world.post(event())
    world.deliver()
    link = RecordLink.objects.get()
    world.fault("help_desk", method="GET", path="/api/tickets", times=5, status=503)
    world.fault("help_desk", method="GET", path=f"/api/tickets/{link.external_id}", times=5, status=503)
    [side] = browser.post(work_order(link.work_order_id or 0)).context["sides"]
    assert "503" in side["records"][1]["problem"] or "not" in side["records"][1]["problem"]
    assert side["table"] is None


def test_sync_now_is_offered_both_ways_to_those_who_may(browser: Client, to: Connector) -> None:
    link = RecordLink.objects.create(connector=to, work_order_id=7, external_id="T-1")
    acts = [reverse("admin:mappings_recordlink_act", args=[link.pk, name]) for name in ("sync_one", "resync_one")]
    assert [address for address, _ in browser.get(work_order(7)).context["links"][0]["acts"]] == acts
    assert all(browser.get(address).status_code == 200 for address in acts)
    viewer = staff("events.view_delivery", "mappings.view_recordlink")
    assert viewer.get(work_order(7)).context["links"][0]["acts"] == []
    assert viewer.post(work_order(7)).status_code == 403


def test_the_pages_are_for_those_who_may_see_deliveries(to: Connector) -> None:
    for address in (work_order(7), record(to, "T-1")):
        assert Client().get(address).status_code == 302
        assert staff().get(address).status_code == 403
        assert Client().post(address).status_code == 302
        User.objects.all().delete()


@pytest.mark.parametrize("tail", ["?id=", "", "?id=%00"])
def test_an_address_that_names_no_record_is_not_found(browser: Client, to: Connector, tail: str) -> None:
    assert browser.get(reverse("admin:events_external_record", args=[to.pk]) + tail).status_code == 404
    assert browser.get(reverse("admin:events_external_record", args=[10**30]) + "?id=1").status_code == 404
    assert browser.get(work_order(10**30)).status_code == 404


def test_a_page_costs_the_same_for_one_delivery_and_for_many(browser: Client, to: Connector) -> None:
    RecordLink.objects.create(connector=to, work_order_id=7, external_id="T-1")

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            browser.get(work_order(7))
        return len(caught)

    rows.log(rows.delivery(to, State.SUCCEEDED, work_order_id=7), outcome="duplicate")
    queries()
    before = queries()
    for number in range(20):
        each = rows.connector(to.company, f"C{number}")
        RecordLink.objects.create(connector=each, work_order_id=7, external_id="T-1")
        log = rows.log(rows.delivery(each, State.DEAD, work_order_id=7), outcome="duplicate")
        SyncLog.objects.filter(pk=log.pk).update(created_at=timezone.now() - timedelta(minutes=number))
    assert queries() == before
