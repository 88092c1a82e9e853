"""The list of the Integration Logs: filters, search, pages by key, following live."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from broker_project.lib.ids import new_id
from connectors.models import Connector
from synclog import log_find
from synclog.log_filter import LogFilter
from synclog.log_find import Key, find, split
from synclog.models import SyncLog
from tests.admin import world
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db

START = datetime(2026, 7, 2, 14, 0, tzinfo=UTC)
LIST = "admin:synclog_synclog_changelist"
TAIL = "admin:synclog_synclog_tail"


@pytest.fixture
def browser(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


def write(to: Connector | None, sentence: str, minute: float = 0, **more: Any) -> SyncLog:
    values = {"direction": "outbound", "outcome": "succeeded", "code": "updated", **more}
    return SyncLog.objects.create(
        connector=to, sentence=sentence, created_at=START + timedelta(minutes=minute), **values
    )


def sentences(browser: Client, query: str = "") -> list[str]:
    return [row.log.sentence for row in browser.get(reverse(LIST) + query).context["rows"]]


IDS = {"event_id": new_id(), "delivery_id": new_id()}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "EDCBA"),
        ("?connector={other}", "E"),
        ("?connector__id__exact={other}", "E"),
        ("?direction=inbound", "DB"),
        ("?direction=outbound", "ECA"),
        ("?outcome=dead", "CB"),
        ("?outcome=succeeded", "EDA"),
        ("?outcome=dead&connector={to}", "CB"),
        ("?outcome=dead&connector={other}", ""),
        ("?code=timeout", "C"),
        ("?event_type=FN_WO_DONE", "DA"),
        ("?work_order=11", "DC"),
        ("?external=T-1", "B"),
        ("?correlation=FN-7", "A"),
        ("?correlation=Help+Desk+9", "E"),
        ("?correlation=FN-other", "D"),
        ("?correlation=FN-8", ""),
        ("?since=2026-07-02T14:02:00", "EDC"),
        ("?until=2026-07-02T14:02:00", "BA"),
        ("?since=2026-07-02T14:01:00%2B00:00&until=2026-07-02T14:03:00%2B00:00", "CB"),
        ("?q=11", "DC"),
        ("?q=T-1", "B"),
        ("?q=FN-7", "A"),
        ("?q=Help+Desk+9", "E"),
        ("?q=FN-8", ""),
        ("?q={event}", "E"),
        ("?q={delivery}", "D"),
        ("?q=11&outcome=dead", "C"),
        ("?q=T-", ""),
        ("?q=99999999999999999999999", ""),
        ("?q=%00&connector=x&outcome=strange&since=yesterday&work_order=-1&before=x", "EDCBA"),
    ],
)
def test_each_filter_and_the_search(browser: Client, to: Connector, query: str, expected: str) -> None:
    other = world.connector(to.company, "Other")
    write(to, "A", 0, event_type="FN_WO_DONE", correlation_id="FN-7", work_order_id=7)
    write(to, "B", 1, direction="inbound", outcome="dead", external_id="T-1")
    write(to, "C", 2, outcome="dead", code="timeout", work_order_id=11)
    write(
        to,
        "D",
        3,
        direction="inbound",
        event_type="FN_WO_DONE",
        work_order_id=11,
        delivery_id=IDS["delivery_id"],
        correlation_id="FN-other",
    )
    write(other, "E", 4, event_id=IDS["event_id"], correlation_id="Help Desk 9")
    words = {"to": to.pk, "other": other.pk, "event": IDS["event_id"], "delivery": IDS["delivery_id"]}

    assert "".join(sentences(browser, query.format(**words))) == expected


def test_every_pair_of_filters_finds_what_both_find(to: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever condition leads the walk: the answer is that of a plain query, piece by piece too."""
    monkeypatch.setattr(log_find, "LOOKED_AT", 3)
    other = world.connector(to.company, "Other")
    for number in range(60):
        write(
            (to, other)[number % 2],
            str(number),
            number // 3,
            outcome=("succeeded", "dead", "skipped")[number % 3],
            code=("updated", "timeout")[number % 4 == 1],
            direction=("outbound", "inbound")[number % 5 == 0],
            event_type=("FN_WO_DONE", "FN_WO_ASSIGNED")[number % 7 == 0],
            work_order_id=number % 6 or None,
            external_id=f"T-{number % 4}",
        )
    columns: dict[str, Any] = {
        "connector": to.pk, "outcome": "dead", "code": "timeout", "direction": "inbound", "event_type": "FN_WO_DONE",
        "work_order": 3, "external": "T-1",
    }  # fmt: skip
    names = {"work_order": "work_order_id", "external": "external_id"}
    for one, two in product(columns, columns):
        asked = LogFilter(**{one: columns[one], two: columns[two]})
        wanted = SyncLog.objects.filter(**{names.get(name, name): columns[name] for name in (one, two)})
        found, before, rounds = [], None, 0
        while rounds < 100:
            page = find(asked, before=before, limit=4, look=3)
            found += [log.pk for log in page.logs]
            rounds += 1
            if page.older is None:
                break
            before = page.older
        assert found == list(wanted.order_by("-created_at", "-pk").values_list("pk", flat=True)), (one, two)


def test_pages_go_older_and_newer_without_losing_a_row(
    browser: Client, to: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "__kwdefaults__", {**(find.__kwdefaults__ or {}), "limit": 3})
    for number in range(8):
        write(to, str(number), number // 4)  # four at the same time: the key tells them apart
    first = browser.get(reverse(LIST)).context
    second = browser.get(reverse(LIST) + first["older"]).context
    third = browser.get(reverse(LIST) + second["older"]).context

    pages = [[row.log.sentence for row in context["rows"]] for context in (first, second, third)]
    assert sorted(sentence for found in pages for sentence in found) == list("01234567")
    assert [len(found) for found in pages] == [3, 3, 2]
    assert (first["newer"], third["older"]) == ("", "")
    assert sentences(browser, third["newer"]) == pages[1]
    assert sentences(browser, second["newer"]) == pages[0]


def test_search_pages_too_and_names_no_row_twice(to: Connector) -> None:
    for number in range(7):
        write(to, str(number), number // 3, work_order_id=5, external_id="5", correlation_id="5")  # found three times
    asked = LogFilter(search="5")
    first = find(asked, limit=3)
    second = find(asked, before=first.older, limit=3)
    third = find(asked, before=second.older, limit=3)

    everything = [log.sentence for page in (first, second, third) for log in page.logs]
    assert sorted(everything) == list("0123456")
    assert (third.older, [log.pk for log in find(asked, after=second.newer, limit=3).logs]) == (
        None, [log.pk for log in first.logs],
    )  # fmt: skip


def test_the_address_of_a_filter_is_that_filter_again() -> None:
    asked = LogFilter(
        connector=3, direction="inbound", outcome="dead", code="timeout", event_type="FN_WO_DONE", work_order=7,
        external="a b&c", correlation="FN-7", since=START, until=START + timedelta(hours=1), search="x",
    )  # fmt: skip
    again = LogFilter.of(QueryDict(asked.query(before="k").removeprefix("?")))

    assert again == asked
    assert parse_qs(asked.query(before="k").removeprefix("?"))["before"] == ["k"]
    assert (LogFilter().query(), LogFilter().is_empty, asked.is_empty) == ("", True, False)


@pytest.mark.parametrize(
    ("columns", "leading"),
    [
        ({}, set()),
        ({"direction": "outbound"}, set()),
        ({"direction": "inbound"}, {"direction"}),
        ({"outcome": "succeeded", "connector_id": 1}, {"connector_id"}),
        ({"outcome": "dead", "connector_id": 1}, {"connector_id", "outcome"}),
        ({"outcome": "dead", "code": "timeout"}, {"outcome"}),
        ({"code": "timeout", "connector_id": 1}, {"code"}),
        ({"external_id": "T", "outcome": "dead"}, {"external_id"}),
        ({"correlation_id": "FN-7", "connector_id": 1}, {"correlation_id"}),
        ({"correlation_id": "Help Desk 9", "connector_id": 1}, {"correlation_id"}),
        ({"correlation_id": "FN-other", "connector_id": 1}, {"connector_id"}),
    ],
)
def test_the_most_telling_condition_leads(columns: dict[str, Any], leading: set[str]) -> None:
    walked, others = split(columns)
    assert (set(walked), set(others)) == (leading, set(columns) - leading)


INDEXES: list[tuple[dict[str, Any], str]] = [
    ({}, "synclog_time"),
    ({"connector": 1}, "synclog_connector"),
    ({"direction": "inbound"}, "synclog_inbound"),
    ({"code": "timeout"}, "synclog_code"),
    ({"event_type": "FN_WO_DONE"}, "synclog_event_type"),
    ({"outcome": "dead"}, "synclog_notable"),
    ({"connector": 1, "outcome": "dead"}, "synclog_notable_of"),
    ({"work_order": 7}, "synclog_work_order"),
    ({"external": "T-7"}, "synclog_external"),
    ({"correlation": "FN-7"}, "synclog_work_order"),
    ({"correlation": "Help Desk 7"}, "synclog_correlation"),
]


def test_each_filter_is_a_walk_along_its_index(to: Connector) -> None:
    SyncLog.objects.bulk_create(
        SyncLog(
            connector_id=number % 300, direction=("outbound", "inbound")[number % 9 == 0],
            outcome=("succeeded", "dead")[number % 50 == 1], code=("updated", "timeout")[number % 90 == 0],
            event_type=("FN_WO_ASSIGNED", "FN_WO_DONE")[number % 70 == 0], work_order_id=number % 400,
            external_id=f"T-{number % 400}",
            correlation_id=(f"FN-{number % 400}", f"Help Desk {number}")[number % 9 == 0],
            sentence="Sent.", created_at=START + timedelta(seconds=number),
        )
        for number in range(4000)
    )  # fmt: skip
    used = {}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE synclog_synclog")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    for values, _ in INDEXES:
        leading, others = split(LogFilter(**values).columns())
        assert others == {}
        rows = SyncLog.objects.filter(*(log_find.condition(name, value) for name, value in leading.items()))
        plan = rows.order_by("-created_at", "-pk")[:51].explain()
        used[str(values)] = re.findall(r"using (\w+)", plan) + re.findall(r"Seq Scan", plan)

    assert used == {str(values): [index] for values, index in INDEXES}


@pytest.mark.parametrize(
    "text", ["", "x", "2026-07-02T14:00_1", "2026-07-02T14:00:00_01a22cd2-6bd3-7586-a933-8bdc22d61c74"]
)
def test_what_is_no_key_counts_as_none(text: str) -> None:
    assert Key.parse(text) is None


def test_the_list_costs_the_same_for_one_log_and_for_many(browser: Client, to: Connector) -> None:
    def queries(query: str) -> int:
        with CaptureQueriesContext(connection) as found:
            browser.get(reverse(LIST) + query)
        return len(found)

    asked = ("", "?outcome=dead", f"?outcome=succeeded&connector={to.pk}", "?q=5")
    write(to, "One.", 0, work_order_id=5)
    queries("")
    before = [queries(query) for query in asked]
    for number in range(60):
        write(world.connector(to.company, f"C{number}"), "Many.", number, outcome="dead", work_order_id=5)

    assert [queries(query) for query in asked] == before
    assert max(before) <= 9


def test_nothing_is_counted_and_the_plan_is_made_for_the_value(browser: Client, to: Connector) -> None:
    write(to, "One.")
    with CaptureQueriesContext(connection) as found:
        browser.get(reverse(LIST) + "?outcome=dead")
    statements = [entry["sql"] for entry in found]
    assert [sql for sql in statements if "COUNT(" in sql.upper()] == []
    assert [sql for sql in statements if "force_custom_plan" in sql] != []


def test_the_tail_gives_the_newest_rows_of_the_filter(browser: Client, to: Connector) -> None:
    write(to, "Old <b>one</b>.", 0)
    shown = browser.get(reverse(TAIL)).content.decode()
    assert "Old &lt;b&gt;one&lt;/b&gt;." in shown
    newer = write(to, "Newer.", 1, outcome="dead")
    # began before the row above, was committed after it
    late = write(to, "Late.", 0.5, outcome="dead")

    rows = browser.get(reverse(TAIL) + "?outcome=dead").content.decode()

    assert re.findall(r'data-log="(.+?)"', rows) == [str(newer.pk), str(late.pk)]
    assert "<html" not in rows


def test_logs_are_for_those_who_may_see_logs(to: Connector) -> None:
    for name in (LIST, TAIL):
        assert staff().get(reverse(name)).status_code == 403
        User.objects.all().delete()
        assert staff("synclog.view_synclog").get(reverse(name)).status_code == 200
        User.objects.all().delete()
    assert Client().get(reverse(TAIL)).status_code == 302
