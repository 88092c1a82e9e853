"""The header and the toolbar on top of every page of a connector."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connectors.models import Connector, ConnectorState
from events import versions
from events.models import ConfigVersion
from events.pages import header
from events.states import State
from mappings.models import FieldMapping
from synclog.models import SyncLog
from tests.admin import world
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db

TABS = ("change", "events", "mappings", "trigger", "logs", "versions")
OUTCOMES = SyncLog.Outcome


@pytest.fixture
def browser(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


@pytest.fixture
def to(db: Any) -> Connector:
    made = world.connector(world.company())
    versions.publish(made.pk, user="rui")
    return Connector.objects.get(pk=made.pk)


def address(to: Connector, page: str, *more: str) -> str:
    return reverse(f"admin:connectors_connector_{page}", args=[to.pk, *more])


def log(to: Connector, outcome: str, sentence: str, *, ago: float = 0, **more: Any) -> SyncLog:
    made = SyncLog(connector=to, direction="outbound", outcome=outcome, code="x", sentence=sentence, **more)
    made.created_at = timezone.now() - timedelta(minutes=ago)
    made.save()
    return made


def shown(browser: Client, to: Connector, page: str = "logs") -> dict[str, Any]:
    found: dict[str, Any] = browser.get(address(to, page)).context["above"]
    return found


@pytest.mark.parametrize("page", TABS)
def test_every_tab_has_header_toolbar_and_tabs(browser: Client, to: Connector, page: str) -> None:
    text = browser.get(address(to, page)).content.decode()

    assert '<section class="broker-head' in text
    assert f'href="{address(to, "act", "pause")}?from=' in text
    assert text.count('aria-current="page">') == 1
    assert ">Import<" not in text.split('aria-label="Pages of this connector"')[1].split("</nav>")[0]


def test_the_header_tells_how_the_connector_is(browser: Client, to: Connector) -> None:
    log(to, OUTCOMES.SUCCEEDED, "Old.", ago=30, work_order_id=1)
    good = log(to, OUTCOMES.SUCCEEDED, "Record T-2 was updated.", ago=20, work_order_id=2, external_id="T-2")
    bad = log(to, OUTCOMES.RETRYING, "Attempt 1 of 8 failed.", ago=10, work_order_id=3)
    log(to, OUTCOMES.SKIPPED, "Nothing was sent.", ago=5)
    for state, number in ((State.WAITING, 1), (State.DEAD, 2), (State.DEAD, 3), (State.SUCCEEDED, 4)):
        world.delivery(to, state, work_order_id=number)
    other = world.connector(to.company, "Other")
    log(other, OUTCOMES.DEAD, "Of another connector.")
    world.delivery(other, State.DEAD, work_order_id=5)

    told = shown(browser, to)["header"]

    assert (told["success"].subject, told["success"].sentence) == ("work order 2, record T-2", good.sentence)
    assert told["failure"].sentence == bad.sentence
    assert told["failure"].address == reverse("admin:synclog_synclog_change", args=[bad.pk])
    assert [(count.text, count.label) for count in told["counts"]] == [("1", "waiting for a person"), ("2", "given up")]
    assert f"connector__id__exact={to.pk}&state__exact=dead" in told["counts"][1].address
    assert (told["version"].number, told["version"].user) == (1, "rui")
    assert (told["status"].label, told["platform"], told["company"]) == ("Active", "REST API", to.company)


@pytest.mark.parametrize(
    ("status", "state", "label"),
    [
        ("paused", {}, "Paused"),
        ("disabled", {}, "Disabled"),
        ("active", {"held_at": timezone.now(), "held_sentence": "Refused."}, "Held"),
        ("active", {"breaker": "open", "failure": "No answer."}, "Does not answer"),
        ("active", {}, "Active"),
    ],
)
def test_the_status_says_what_holds_the_connector(
    browser: Client, to: Connector, status: str, state: dict[str, Any], label: str
) -> None:
    Connector.objects.filter(pk=to.pk).update(status=status)
    if state:
        ConnectorState.objects.create(connector=to, **state)

    assert shown(browser, to)["header"]["status"].label == label


def test_a_failure_is_looked_for_among_the_newest_only(
    browser: Client, to: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header, "LOOKED_AT", 3)
    log(to, OUTCOMES.DEAD, "Long ago.", ago=9)
    for ago in (3, 2):
        log(to, OUTCOMES.SUCCEEDED, "Sent.", ago=ago)
    assert shown(browser, to)["header"]["failure"].sentence == "Long ago."

    log(to, OUTCOMES.SUCCEEDED, "Sent.", ago=1)

    assert shown(browser, to)["header"]["failure"] is None


def test_many_are_not_counted_to_the_end(browser: Client, to: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "COUNTED", 2)
    for number in range(4):
        world.delivery(to, State.DEAD, work_order_id=number + 1)

    assert shown(browser, to)["header"]["counts"][1].text == "2 or more"


def test_the_header_costs_the_same_for_one_row_and_for_many(browser: Client, to: Connector) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            browser.get(address(to, "versions"))
        return len(found)

    browser.get(address(to, "versions"))
    before = queries()
    for number in range(1, 30):
        log(to, OUTCOMES.DEAD, "Given up.", work_order_id=number)
        world.delivery(to, State.DEAD, work_order_id=number)

    assert queries() == before


def test_the_wizard_goes_on_with_what_was_not_finished(browser: Client, to: Connector) -> None:
    way = reverse("admin:connectors_connector_draft", args=[to.pk])
    assert way not in browser.get(address(to, "trigger")).content.decode()
    Connector.objects.filter(pk=to.pk).update(status="paused")
    assert way in browser.get(address(to, "trigger")).content.decode()
    assert browser.get(way).status_code == 200
    reader = staff("connectors.view_connector")
    assert way not in reader.get(address(to, "trigger")).content.decode()
    world.delivery(to)
    assert way not in browser.get(address(to, "trigger")).content.decode()


def test_who_may_see_the_connector_only_sees_no_logs_and_no_acts(to: Connector) -> None:
    log(to, OUTCOMES.DEAD, "A sentence of a log.")
    world.delivery(to, State.DEAD)
    reader = staff("connectors.view_connector")

    text = reader.get(address(to, "trigger")).content.decode()

    assert "A sentence of a log." not in text
    assert "Last failure" not in text
    assert "/act/" not in text
    assert "/import/" not in text
    assert "/delete/" not in text
    assert reverse("admin:events_delivery_changelist") + "?connector" not in text


def test_logs_alone_are_no_way_to_a_connector(to: Connector) -> None:
    assert staff("synclog.view_synclog").get(address(to, "logs")).status_code == 403


# The toolbar


def test_the_toolbar_offers_what_applies(browser: Client, to: Connector) -> None:
    def labels() -> tuple[list[str], list[str]]:
        bar = shown(browser, to)["toolbar"]
        return [tool.label for tool in bar.main], [tool.label for tool in bar.more]

    main, more = labels()
    assert (main[0], "Pause" in main, "Resume" in main) == ("Test connection", True, False)
    assert [label for label in more if label in ("Export", "Import", "Disable", "Reset mapping", "Delete")] == [
        "Export", "Import", "Disable", "Reset mapping", "Delete",
    ]  # fmt: skip
    assert "Renew trigger token" not in main + more

    Connector.objects.filter(pk=to.pk).update(status="paused")

    assert ("Pause" in labels()[0], "Resume" in labels()[0]) == (False, True)


def test_an_act_leads_back_to_the_tab_it_came_from(browser: Client, to: Connector) -> None:
    pause = address(to, "act", "pause")

    question = browser.get(f"{pause}?from=logs")
    assert question.context["back"] == address(to, "logs")
    assert '<input type="hidden" name="from" value="logs">' in question.content.decode()
    assert browser.post(pause, {"from": "logs"}).headers["Location"] == address(to, "logs")
    assert LogEntry.objects.get().change_message == "Set the status to Paused."


@pytest.mark.parametrize("strange", ["", "https://elsewhere.example.test/", "//elsewhere.example.test", "nowhere"])
def test_an_act_leads_nowhere_else(browser: Client, to: Connector, strange: str) -> None:
    answer = browser.post(address(to, "act", "pause"), {"from": strange})

    assert answer.headers["Location"] == address(to, "change")


def test_resetting_the_mappings_asks_first_and_makes_one_version(browser: Client, to: Connector) -> None:
    for target in ("subject", "body"):
        FieldMapping.objects.create(connector=to, direction="outbound", source="title", target=target)
    other = world.connector(to.company, "Other")
    FieldMapping.objects.create(connector=other, direction="outbound", source="title", target="subject")
    reset = address(to, "act", "reset_mapping")

    assert "brings them back" in browser.get(reset).content.decode()
    assert FieldMapping.objects.filter(connector=to).count() == 2
    browser.post(reset)

    assert list(FieldMapping.objects.values_list("connector_id", flat=True)) == [other.pk]
    made = ConfigVersion.objects.filter(connector=to, number__gt=1).order_by("number")
    assert [(version.user, version.comment) for version in made] == [
        ("", "Before the mappings were reset"), ("olga", "Mappings reset"),
    ]  # fmt: skip
    assert LogEntry.objects.get().change_message == "Removed all 2 field mappings; it is version 3 now."
    Connector.objects.get(pk=to.pk)
    browser.post(reset)
    assert ConfigVersion.objects.filter(connector=to).count() == 3


def test_who_may_not_delete_mappings_may_not_reset_them(to: Connector) -> None:
    FieldMapping.objects.create(connector=to, direction="outbound", source="title", target="subject")
    changer = staff("connectors.view_connector", "connectors.change_connector")

    assert changer.post(address(to, "act", "reset_mapping")).status_code == 403
    assert FieldMapping.objects.count() == 1


def test_a_connector_with_deliveries_says_why_it_stays(browser: Client, to: Connector) -> None:
    world.delivery(to, State.SUCCEEDED)

    answer = browser.post(f"{address(to, 'delete')}?from=logs", {"post": "yes"}, follow=True)

    assert answer.redirect_chain == [(address(to, "logs"), 302)]
    assert "cannot be deleted: its delivery is the record of what happened" in answer.content.decode()
    assert Connector.objects.filter(pk=to.pk).exists()


def test_a_connector_without_deliveries_is_deleted(browser: Client, to: Connector) -> None:
    browser.post(address(to, "delete"), {"post": "yes"})

    assert not Connector.objects.exists()
