"""The dashboard: right figures for the right people, at a cost that does not grow."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from broker_project.dashboard import depth as depths
from broker_project.dashboard import words
from broker_project.dashboard.page import Dashboard
from connectors.models import Connector, ConnectorState
from events.states import State
from synclog.alert_models import WebhookCheck
from synclog.rollup_compact import compact
from synclog.rollup_models import QueueSample
from synclog.rollup_write import Tally
from tests.synclog import course

from . import world
from .conftest import staff

pytestmark = pytest.mark.django_db

INDEX = "admin:index"


def shown(browser: Client, **query: Any) -> Dashboard:
    answer = browser.get(reverse(INDEX), query)
    assert answer.status_code == 200
    found: Dashboard = answer.context["dashboard"]
    return found


def tile(browser: Client, name: str, **query: Any) -> tuple[str, list[str], str]:
    found = shown(browser, **query).figures
    assert found
    (wanted,) = [each for each in found.tiles if each.name == name]
    return wanted.value, list(wanted.notes), wanted.mark


def count(
    connector: Connector, *, outcome: str, times: int = 1, failed_as: str = "", direction: str = "outbound"
) -> None:
    tally = Tally()
    for _ in range(times):
        tally.outcome((connector.pk, connector.company_id, direction), outcome, failed_as=failed_as)
    tally.write()


@pytest.fixture
def desk(db: Any) -> Connector:
    return world.connector(world.company())


# --- what it tells -------------------------------------------------------------------------------------------------


def test_an_empty_installation_has_figures_too(browser: Client) -> None:
    assert tile(browser, "rate") == ("0 / min", ["0 events received", "0 deliveries finished"], "")
    assert tile(browser, "success")[0] == tile(browser, "latency")[0] == tile(browser, "errors")[0] == "-"
    assert tile(browser, "queue") == ("0", ["nothing is queued"], "")


def test_the_tiles_say_what_was_counted(browser: Client, desk: Connector) -> None:
    count(desk, outcome="succeeded", times=1440)
    count(desk, outcome="skipped", times=300)
    count(desk, outcome="dead", times=60, failed_as="validation")
    count(desk, outcome="retrying", times=600, failed_as="unavailable")
    tally = Tally()
    tally.latency((desk.pk, desk.company_id, "outbound"), 1_500.0)
    tally.write()

    minutes = 59 + timezone.now().second / 60
    rate = tile(browser, "rate")[0]
    assert abs(float(rate.split()[0]) - 1800 / minutes) <= 1
    assert tile(browser, "success") == ("96.7 %", ["1,440 arrived", "300 had nothing to do", "60 given up, 0 wait"], "")
    assert tile(browser, "errors") == (
        "27.5 %", ["660 of 2,400 attempts failed", "600 of them are repeated"], "is-bad"
    )  # fmt: skip
    assert tile(browser, "latency")[0] == "1.5 s"


def test_a_connector_and_a_direction_can_be_chosen(browser: Client, desk: Connector) -> None:
    other = world.connector(desk.company, "Ledger")
    count(desk, outcome="succeeded", times=5)
    count(desk, outcome="succeeded", times=7, direction="inbound")
    count(other, outcome="succeeded", times=11)

    def arrived(**query: Any) -> str:
        return tile(browser, "success", **query)[1][0]

    assert arrived() == "23 arrived"
    assert arrived(connector=desk.pk) == "12 arrived"
    assert arrived(connector=desk.pk, direction="inbound") == "7 arrived"
    assert arrived(direction="outbound", range="7d") == "16 arrived"
    assert arrived(connector="x", direction="up", range="") == "23 arrived"


@pytest.mark.parametrize(("range", "points"), [("1h", 60), ("24h", 96), ("7d", 84)])
def test_each_range_has_its_points_and_the_last_is_now(browser: Client, range: str, points: int) -> None:
    found = shown(browser, range=range)
    assert found.figures
    times = found.figures.charts["times"]
    assert len(times) == points
    assert times[0] == found.choice.since.isoformat()
    assert timezone.now() - found.choice.since <= found.choice.range.span
    for chart in found.figures.charts["tiles"]:
        assert {len(line["values"]) for line in chart["lines"]} == {points}


def test_errors_lead_to_their_logs_and_say_what_to_do(browser: Client, desk: Connector) -> None:
    count(desk, outcome="dead", failed_as="validation", times=3)
    world.log(world.delivery(desk, State.DEAD), code="validation", sentence="Given up: subject is needed.")
    world.log(world.delivery(desk, State.DEAD, work_order_id=2), code="not_found", sentence="Given up: it is gone.")

    text = browser.get(reverse(INDEX), {"connector": desk.pk}).content.decode()

    assert "Correct the field mapping" in text
    (address,) = re.findall(r'href="([^"]+)">3 failed attempts<', text)
    logs = browser.get(address.replace("&amp;", "&")).content.decode()
    assert "subject is needed" in logs
    assert "it is gone" not in logs


def test_connectors_in_trouble_come_first(browser: Client, desk: Connector) -> None:
    quiet = world.connector(desk.company, "Depot")
    broken = world.connector(desk.company, "Ledger")
    ConnectorState.objects.create(connector=broken, breaker=ConnectorState.Breaker.OPEN, failures=5)
    count(desk, outcome="dead", failed_as="validation")
    count(quiet, outcome="succeeded")

    found = shown(browser).figures
    assert found and found.connectors
    names = [re.findall(r">([^<]+)</a>", str(row[0]))[0] for row in found.connectors.rows]
    assert names == ["Ledger", "Help Desk", "Depot"]
    assert "Does not answer" in found.connectors.rows[0][1]


def test_records_that_wait_are_shown_with_why_and_how_many_stand_behind(browser: Client, desk: Connector) -> None:
    world.delivery(desk, State.WAITING, work_order_id=1, sentence="Waits for you: 401.")
    world.delivery(desk, State.PENDING, work_order_id=1)
    for number in range(2, 8):
        world.delivery(desk, State.WAITING, work_order_id=number)

    found = shown(browser).figures
    assert found and found.lanes
    assert len(found.lanes.rows) == 5
    assert found.lanes.more
    assert [str(cell) for cell in found.lanes.rows[0][3:]] == ["2 deliveries in line", "Waits for you: 401."]


# --- the queue -----------------------------------------------------------------------------------------------------


def test_the_queue_is_counted_now_with_the_age_of_the_oldest(browser: Client, desk: Connector) -> None:
    first = world.delivery(desk, State.RETRYING, work_order_id=1)
    type(first).objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(minutes=42))
    world.delivery(desk, State.PENDING, work_order_id=2, direction="inbound")
    world.delivery(desk, State.WAITING, work_order_id=3)
    world.delivery(desk, State.SUCCEEDED, work_order_id=4)

    notes = ["the oldest is 42 min old", "besides, 1 wait for a person"]
    assert tile(browser, "queue") == ("2", notes, "is-bad")
    assert tile(browser, "queue", direction="inbound")[0] == "1"
    assert tile(browser, "queue", connector=world.connector(desk.company, "Ledger").pk)[0] == "0"


def test_a_long_queue_is_told_by_the_sample_and_not_counted(desk: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depths, "CAP", 3)
    for number in range(5):
        world.delivery(desk, State.PENDING, work_order_id=number + 1)
    found = depths.depth(connector_id=None, direction="")
    assert (found.queued, found.is_least) == (3, True)

    compact()
    found = depths.depth(connector_id=desk.pk, direction="outbound")
    assert (found.queued, found.is_least) == (5, False)
    QueueSample.objects.update(at=timezone.now() - timedelta(minutes=10))
    assert depths.depth(connector_id=None, direction="").is_least


# --- for whom, at what cost ----------------------------------------------------------------------------------------


def test_who_may_see_nothing_sees_no_figure(desk: Connector) -> None:
    count(desk, outcome="dead", failed_as="validation")
    world.delivery(desk, State.WAITING)
    nobody = shown(staff())
    assert nobody.figures is None
    assert nobody.choice.connectors == []


def test_each_part_needs_its_permission(desk: Connector) -> None:
    count(desk, outcome="dead", failed_as="validation")
    world.delivery(desk, State.WAITING)
    logs_only = shown(staff("synclog.view_synclog")).figures
    assert logs_only
    assert [each.name for each in logs_only.tiles] == ["rate", "success", "latency", "errors"]
    assert (logs_only.connectors, logs_only.lanes) == (None, None)
    reader = staff(
        "synclog.view_synclog", "events.view_delivery", "events.view_lane", "connectors.view_connector"
    )  # fmt: skip
    more = shown(reader).figures
    assert more
    assert [each.name for each in more.tiles][-1] == "queue"
    assert more.connectors and more.lanes


def test_it_shows_what_field_nation_says_of_the_webhooks(browser: Client, desk: Connector) -> None:
    now = timezone.now()
    good, other = desk.company, world.company("Other Co")
    WebhookCheck.objects.create(company=good, checked_at=now, is_active=True, sentence="A webhook is active.")
    WebhookCheck.objects.create(company=other, checked_at=now, is_active=False, sentence="webhook 9 is archived.")

    (table,) = [panel for panel in shown(browser).panels if panel.title == "Webhooks at Field Nation"]
    rows = [[strip_tags(str(cell)).strip() for cell in row[:3]] for row in table.rows]  # type: ignore[attr-defined]
    assert rows == [
        [other.name, "Not active", "webhook 9 is archived."],
        [good.name, "Active", "A webhook is active."],
    ]
    assert [panel.title for panel in shown(staff("synclog.view_synclog")).panels] == []


def queries(browser: Client, **query: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(reverse(INDEX), query).status_code == 200
    return len(captured)


def test_it_costs_the_same_number_of_queries_whatever_there_is(browser: Client, desk: Connector) -> None:
    world.delivery(desk, State.WAITING, work_order_id=1, reason="waiting_auth")
    browser.get(reverse(INDEX))
    few = queries(browser)
    made = [desk.pk, *(world.connector(desk.company, f"C{number}").pk for number in range(12))]
    course.week(made, timezone.now(), failing=made[:3])
    for number in range(2, 30):
        to = Connector.objects.get(pk=made[number % len(made)])
        world.log(world.delivery(to, State.WAITING, work_order_id=number))

    assert queries(browser) == few
    assert (
        queries(browser, range="7d", connector=desk.pk, direction="inbound") == few + 1
    )  # all connectors beside the one
    assert few <= 28


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [(None, "-"), (0, "0 ms"), (999, "999 ms"), (1_500, "1.5 s"), (59_000, "59 s"), (90_000, "1.5 min"),
     (3_600_000, "1.0 h"), (172_800_000, "2 d")],
)  # fmt: skip
def test_durations_are_said_in_the_unit_that_fits(milliseconds: float | None, said: str) -> None:
    assert words.duration(milliseconds) == said


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (None, "-"),
        (0, "0 %"),
        (1, "100 %"),
        (0.99999, "> 99.9 %"),
        (0.00001, "< 0.1 %"),
        (0.5, "50 %"),
        (0.123, "12.3 %"),
    ],
)
def test_a_part_is_never_rounded_to_all_or_nothing(part: float | None, said: str) -> None:
    assert words.percent(part) == said
