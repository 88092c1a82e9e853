"""The Logs page of a connector: newest first, filters, exact search, page by page by key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connectors.models import Connector
from events.pages import logs
from synclog.models import SyncLog
from tests.admin import world
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db

START = datetime(2026, 7, 2, 14, 0, tzinfo=UTC)


@pytest.fixture
def browser(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


def page(to: Connector, query: str = "") -> str:
    return reverse("admin:connectors_connector_logs", args=[to.pk]) + query


def write(to: Connector, sentence: str, minute: float, **more: Any) -> SyncLog:
    values = {"direction": "outbound", "outcome": "succeeded", "code": "x", **more}
    return SyncLog.objects.create(
        connector=to, sentence=sentence, created_at=START + timedelta(minutes=minute), **values
    )


def sentences(browser: Client, to: Connector, query: str = "") -> list[str]:
    return [row["sentence"] for row in browser.get(page(to, query)).context["rows"]]


def test_the_newest_come_first_and_only_of_this_connector(browser: Client, to: Connector) -> None:
    for minute in range(3):
        write(to, f"Log {minute}.", minute)
    write(world.connector(to.company, "Other"), "Of another.", 9)

    assert sentences(browser, to) == ["Log 2.", "Log 1.", "Log 0."]


def test_a_row_tells_event_record_outcome_and_duration(browser: Client, to: Connector) -> None:
    log = write(
        to, "Given up: <b>no</b>.", 0, outcome="dead", event_type="FN_WO_ASSIGNED", work_order_id=11, external_id="T-1",
        duration_ms=41.6,
    )  # fmt: skip

    text = " ".join(browser.get(page(to)).content.decode().split())

    for part in ("Assigned · work order 11, record T-1 · 42 ms in calls", "Given up: &lt;b&gt;no&lt;/b&gt;."):
        assert part in text
    assert reverse("admin:synclog_synclog_change", args=[log.pk]) in text
    assert '<span class="broker-mark is-bad">Dead letter</span>' in text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?outcome=dead", ["C", "A"]),
        ("?direction=inbound", ["D", "C"]),
        ("?outcome=dead&direction=inbound", ["C"]),
        ("?q=11", ["B", "A"]),
        ("?q=T-1", ["C"]),
        ("?q=T-", []),
        ("?q=+11+&outcome=dead", ["A"]),
        ("?q=99999999999999999999999", []),
        ("?q=%00", ["D", "C", "B", "A"]),
        ("?outcome=strange&direction=x&before=x&after=2026_1", ["D", "C", "B", "A"]),
        ("?before=2026-07-02T14:00_00000000-0000-0000-0000-000000000000", ["D", "C", "B", "A"]),
    ],
)
def test_filters_and_search(browser: Client, to: Connector, query: str, expected: list[str]) -> None:
    write(to, "A", 0, outcome="dead", work_order_id=11)
    write(to, "B", 1, external_id="11")
    write(to, "C", 2, outcome="dead", direction="inbound", external_id="T-1")
    write(to, "D", 3, direction="inbound")

    assert sentences(browser, to, query) == expected


def test_pages_go_older_and_newer_without_losing_a_row(
    browser: Client, to: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "PER_PAGE", 3)
    for number in range(8):
        write(to, str(number), number // 4)  # four at the same time: the key tells them apart
    first = browser.get(page(to)).context
    second = browser.get(page(to, first["older"])).context
    third = browser.get(page(to, second["older"])).context

    pages = [[row["sentence"] for row in context["rows"]] for context in (first, second, third)]
    assert sorted(sentence for found in pages for sentence in found) == list("01234567")
    assert [len(found) for found in pages] == [3, 3, 2]
    assert (first["newer"], third["older"]) == ("", "")
    assert sentences(browser, to, third["newer"]) == pages[1]
    assert sentences(browser, to, second["newer"]) == pages[0]


def test_a_rare_outcome_is_looked_for_piece_by_piece(
    browser: Client, to: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LOOKED_AT", 4)
    write(to, "Rare.", 0, outcome="dead")
    for number in range(1, 10):
        write(to, "Sent.", number)

    found, looks = [], 0
    query = "?outcome=dead"
    while query and looks < 10:
        context = browser.get(page(to, query)).context
        found += [row["sentence"] for row in context["rows"]]
        assert context["stopped"] == bool(context["older"])
        query, looks = context["older"], looks + 1

    assert (found, looks) == (["Rare."], 3)


def test_the_page_costs_the_same_for_one_log_and_for_many(browser: Client, to: Connector) -> None:
    def queries(query: str) -> int:
        with CaptureQueriesContext(connection) as found:
            browser.get(page(to, query))
        return len(found)

    write(to, "One.", 0, outcome="dead")
    queries("")
    before = [queries(query) for query in ("", "?outcome=dead")]
    for number in range(60):
        write(to, "Many.", number, outcome="dead", work_order_id=number)

    assert [queries(query) for query in ("", "?outcome=dead")] == before


def test_logs_are_for_those_who_may_see_logs(to: Connector) -> None:
    assert staff("connectors.view_connector").get(page(to)).status_code == 403
    assert staff("connectors.view_connector", "synclog.view_synclog").get(page(to)).status_code == 200
