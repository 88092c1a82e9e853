"""Every page opens, holds no secret, and costs the same for 1 row and for 30."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from broker_project.admin_site import BrokerAdminSite
from broker_project.lib.ids import new_id
from broker_project.lib.pages import CappedPaginator
from connectors.models import ConnectorState
from events.lanes import hold
from events.models import Drain, EventSource, EventTrigger
from events.states import State
from mappings.models import FieldMapping, RecordLink
from synclog.models import SyncLog

from . import world
from .conftest import staff

pytestmark = pytest.mark.django_db

OURS = ("connectors", "mappings", "events", "synclog")
BIG = ("events_event", "events_delivery", "events_lane", "synclog_synclog", "synclog_apicall", "mappings_recordlink")
UNCOUNTED = ("synclog_synclog",)
"""Lists that are paged by key."""


def every_address() -> list[str]:
    addresses = [reverse("admin:index")]
    for model, page in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        addresses.append(reverse(f"{name}_changelist"))
        addresses.append(reverse(f"{name}_add"))
        for row in model._default_manager.all():
            addresses += [reverse(f"{name}_{kind}", args=[row.pk]) for kind in ("change", "history", "delete")]
            for act in getattr(page, "acts", ()):
                addresses.append(reverse(f"{name}_act", args=[row.pk, act.name]))
    return [*addresses, f"{reverse('admin:connectors_connector_add')}?platform=rest"]


def test_no_page_shows_a_secret(browser: Client) -> None:
    world.everything()
    PeriodicTask.objects.create(
        name="t", task="t", interval=IntervalSchedule.objects.create(every=2, period=IntervalSchedule.SECONDS)
    )
    opened = 0

    for address in every_address():
        response = browser.get(address, follow=True)
        assert response.status_code in (200, 403, 405), address
        text = response.content.decode()
        opened += response.status_code == 200
        assert [secret for secret in world.SECRETS if secret in text] == [], address
    assert opened > 60


def test_opening_pages_changes_nothing(browser: Client) -> None:
    world.everything()
    models = [model for model in admin.site._registry if model._meta.app_label in OURS]

    def state() -> dict[Any, Any]:
        return {model: list(model._default_manager.order_by("pk").values()) for model in models}

    before = state()
    for address in every_address():
        browser.get(address)
    assert state() == before


def test_every_model_of_ours_is_registered_on_our_site_with_help_at_its_lists() -> None:
    from django.apps import apps

    assert isinstance(admin.site._wrapped if hasattr(admin.site, "_wrapped") else admin.site, BrokerAdminSite)
    missing = [
        model for app in OURS for model in apps.get_app_config(app).get_models() if not admin.site.is_registered(model)
    ]
    assert missing == []


def rows(count: int) -> None:
    """``count`` rows on every list, each of another connector and event."""
    owner = world.company(f"Company {count}")
    for number in range(count):
        to = world.connector(world.company(f"Owner {count} {number}"), f"Connector {number}")
        EventTrigger.objects.create(connector=to, event_type="FN_WO_ASSIGNED")
        FieldMapping.objects.create(connector=to, direction="outbound", source="title", target="subject")
        RecordLink.objects.create(connector=to, work_order_id=number, external_id=f"TCK-{number}", claimed_by=new_id())
        source = EventSource(company=owner, name=f"Source {number}")
        source.renew_key()
        source.save()
        waiting = world.delivery(to, State.WAITING, work_order_id=number + 1)
        world.call(world.log(waiting))


@pytest.mark.parametrize(
    "name",
    [
        "connectors_company", "connectors_connector", "events_eventsource", "events_eventtrigger", "events_event",
        "events_delivery", "events_lane", "mappings_fieldmapping", "mappings_recordlink", "synclog_synclog",
        "synclog_apicall",
    ],
)  # fmt: skip
def test_a_list_costs_the_same_for_1_row_and_for_30(browser: Client, name: str) -> None:
    address = reverse(f"admin:{name}_changelist")
    browser.get(address)
    rows(1)
    with CaptureQueriesContext(connection) as one:
        browser.get(address)
    rows(29)
    with CaptureQueriesContext(connection) as many:
        shown = browser.get(address).context["cl"].result_list

    assert len(shown) >= 30
    assert len(many) == len(one)
    assert len(many) <= 9


def test_a_delivery_costs_the_same_for_1_log_and_for_30(browser: Client) -> None:
    delivery = world.delivery(world.connector(world.company()), State.DEAD)
    pages = [
        reverse("admin:events_delivery_change", args=[delivery.pk]),
        reverse("admin:events_event_change", args=[delivery.event_id]),
        reverse("admin:index"),
    ]
    world.call(world.log(delivery))
    for page in pages:
        browser.get(page)  # content types are cached from the first visit on
    counts = []
    for _ in range(2):
        for page in pages:
            with CaptureQueriesContext(connection) as queries:
                assert browser.get(page).status_code == 200
            counts.append(len(queries))
        for number in range(29):
            world.call(world.log(delivery))
            world.delivery(world.connector(delivery.event.company, f"C{number}{_}"), State.DEAD, event=delivery.event)
    assert counts[:3] == counts[3:]


@pytest.mark.parametrize("name", BIG)
@pytest.mark.parametrize("query", [{}, {"q": "1001"}])
def test_no_list_counts_a_whole_big_table(browser: Client, name: str, query: dict[str, str]) -> None:
    world.everything()

    with CaptureQueriesContext(connection) as queries:
        assert browser.get(reverse(f"admin:{name}_changelist"), query).status_code == 200

    counts = [entry["sql"] for entry in queries if "COUNT(" in entry["sql"]]
    assert bool(counts) == (name not in UNCOUNTED)
    assert [sql for sql in counts if not re.search(r"LIMIT 10000\) subquery$", sql)] == []
    assert [entry["sql"] for entry in queries if re.search(r"DISTINCT|DATE_TRUNC|MIN\(", entry["sql"])] == []


def test_a_capped_list_says_that_there_is_more(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CappedPaginator, "cap", 3)
    to = world.connector(world.company())
    for number in range(5):
        world.delivery(to, State.DEAD, work_order_id=number + 1)

    response = browser.get(reverse("admin:events_delivery_changelist"))

    assert response.context["cl"].result_count == 3
    assert "or more: filter the list to reach the others" in response.content.decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"outcome__exact": "dead"}, ["validation"]),
        ({"code": "operator_retry"}, ["operator_retry"]),
        ({"code": "operator"}, []),
        ({"event_type": "FN_WO_DONE"}, []),
        ({"q": "1003"}, ["validation"]),
        ({"direction__exact": "inbound"}, []),
        ({"created_at_from_0": "2999-01-01", "created_at_from_1": "00:00"}, []),
    ],
)
def test_the_logs_are_filtered(browser: Client, query: dict[str, str], expected: list[str]) -> None:
    world.everything()

    shown = browser.get(reverse("admin:synclog_synclog_changelist"), query).context["cl"].result_list

    assert [log.code for log in shown] == expected


def shown_cards(browser: Client) -> dict[str, str]:
    return {card.title: card.shown for card in browser.get(reverse("admin:index")).context["cards"]}


def test_the_overview_counts_what_needs_a_person(browser: Client) -> None:
    to = world.connector(world.company(), status="paused")
    for number, reason in enumerate(["waiting_auth", "waiting_conflict", "waiting_outcome_unknown"]):
        world.delivery(to, State.WAITING, work_order_id=number + 1, reason=reason)
    for number in range(12):
        world.log(world.delivery(to, State.DEAD, work_order_id=number + 10), sentence=f"Given up, number {number}.")
    hold(to.pk, "wo:50", user="olga")
    ConnectorState.objects.create(connector=world.connector(to.company, "Ledger"), breaker="open")
    ConnectorState.objects.create(connector=world.connector(to.company, "Depot"), held_at=timezone.now())

    assert shown_cards(browser) == {
        "Dead letters": "12",
        "Deliveries that wait for a person": "3",
        "Conflict to decide": "1",
        "Write of unknown outcome": "1",
        "Blocked lanes": "4",
        "Connector held": "1",
        "Open circuit breaker": "1",
        "Connector paused or disabled": "1",
    }
    text = browser.get(reverse("admin:index")).content.decode()
    newest = list(SyncLog.objects.order_by("-created_at").values_list("sentence", flat=True))
    assert [sentence for sentence in newest if sentence in text] == newest[:10]


def test_one_is_said_as_one_and_none_as_none(browser: Client) -> None:
    assert set(shown_cards(browser).values()) == {"0"}
    assert "Connectors that nothing is sent to now" not in browser.get(reverse("admin:index")).content.decode()
    world.delivery(world.connector(world.company()), State.DEAD)

    cards = shown_cards(browser)

    assert (cards["Dead letter"], cards["Deliveries that wait for a person"]) == ("1", "0")


def test_the_overview_counts_no_further_than_it_says(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker_project.overview.CAP", 2)
    to = world.connector(world.company())
    for number in range(3):
        world.delivery(to, State.DEAD, work_order_id=number + 1)

    assert shown_cards(browser)["Dead letters"] == "2+"


def test_every_card_leads_to_its_rows(browser: Client) -> None:
    to = world.connector(world.company())
    world.delivery(to, State.WAITING, work_order_id=1, reason="waiting_conflict")
    world.delivery(to, State.WAITING, work_order_id=2, reason="waiting_auth")

    cards = {card.title: card.address for card in browser.get(reverse("admin:index")).context["cards"]}

    for title, rows in {"Conflict to decide": [1], "Deliveries that wait for a person": [2, 1]}.items():
        shown = browser.get(cards[title]).context["cl"].result_list
        assert [delivery.work_order_id for delivery in shown] == rows, title
    assert [browser.get(address).status_code for address in cards.values()] == [200] * 8


STATES: dict[str, dict[str, Any]] = {
    "Ledger": {"breaker": "open", "failure": "It did not answer.", "failures": 5},
    "Depot": {"held_at": datetime(2026, 6, 28, tzinfo=UTC), "held_sentence": "Depot refused the password."},
    "Help Desk": {"breaker": "closed"},
}


def test_the_overview_says_which_systems_are_left_alone_and_why(browser: Client) -> None:
    owner = world.company()
    for name, values in STATES.items():
        ConnectorState.objects.create(connector=world.connector(owner, name), **values)

    rows = browser.get(reverse("admin:index")).context["held_systems"].rows

    assert [("Depot" in row[0], "Ledger" in row[0]) for row in rows] == [(True, False), (False, True)]
    assert "Depot refused the password." in rows[0][2]
    assert "It did not answer." in rows[1][2]


def test_the_overview_says_that_workers_drain(browser: Client) -> None:
    assert "manage.py drain --end" not in browser.get(reverse("admin:index")).content.decode()
    Drain.objects.create()
    assert "manage.py drain --end" in browser.get(reverse("admin:index")).content.decode()


def test_the_overview_and_the_sidebar_show_what_one_may_see(db: Any) -> None:
    world.everything()

    response = staff("mappings.view_recordlink").get(reverse("admin:index"))

    assert response.context["cards"] == []
    assert response.context["held_systems"] is None
    assert response.context["last_logs"] is None
    text = response.content.decode()
    assert reverse("admin:mappings_recordlink_changelist") in text
    assert reverse("admin:events_delivery_dead_letters") not in text
    for hidden in (
        "events_delivery",
        "events_lane",
        "events_job",
        "synclog_synclog",
        "connectors_company",
        "auth_user",
    ):
        assert reverse(f"admin:{hidden}_changelist") not in text, hidden


def test_the_desk_is_no_part_of_the_deliveries_in_the_sidebar(browser: Client) -> None:
    for page, title in (("dead_letters", "Dead Letters"), ("changelist", "Deliveries")):
        groups = browser.get(reverse(f"admin:events_delivery_{page}")).context["sidebar_navigation"]
        assert [item["title"] for group in groups for item in group["items"] if item["active"]] == [title]


def test_the_sidebar_has_its_four_groups(browser: Client) -> None:
    groups = browser.get(reverse("admin:index")).context["sidebar_navigation"]

    assert {group.get("title"): [item["title"] for item in group["items"]] for group in groups} == {
        None: ["Overview"],
        "Connections": ["Companies", "Connectors", "Connector States"],
        "Configuration": [
            "Event Triggers",
            "Field Mappings",
            "Record Links",
            "Event Sources",
            "Versions",
            "Alert Rules",
            "Alert Channels",
        ],
        "Activity": [
            "Troubleshooter",
            "Alerts",
            "Integration Logs",
            "Deliveries",
            "Dead Letters",
            "Blocked Lanes",
            "Jobs",
            "Events",
            "Refused Calls",
        ],
        "System": ["Users", "Groups", "Workers", "Audit", "Retention", "Webhook Checks", "Periodic Tasks"],
    }


@pytest.mark.parametrize("name", ["connectors_company", "connectors_connector", "events_delivery", "synclog_synclog"])
def test_a_staff_user_without_rights_sees_nothing(name: str) -> None:
    things = world.everything()
    row = {"connectors_company": "company", "connectors_connector": "connector", "events_delivery": "dead"}
    key = things[row.get(name, "log")].pk
    nobody = staff()

    assert nobody.get(reverse(f"admin:{name}_changelist")).status_code == 403
    assert nobody.get(reverse(f"admin:{name}_change", args=[key])).status_code == 403


def test_pages_ask_for_a_login(db: Any) -> None:
    delivery = world.delivery(world.connector(world.company()), State.DEAD)
    address = reverse("admin:events_delivery_act", args=[delivery.pk, "retry"])

    answer = Client().post(address)

    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("admin:login"))
    delivery.refresh_from_db()
    assert delivery.state == "dead"


def test_acts_are_protected_against_forged_requests(browser: Client) -> None:
    delivery = world.delivery(world.connector(world.company()), State.DEAD)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies

    assert strict.post(reverse("admin:events_delivery_act", args=[delivery.pk, "retry"])).status_code == 403

    delivery.refresh_from_db()
    assert delivery.state == "dead"


def test_signing_in_leads_to_the_overview(operator: User) -> None:
    operator.set_password("only-for-this-test")
    operator.save()
    browser = Client()
    page = browser.get(reverse("admin:login"))
    assert 'href="/static/broker/icon.svg"' in page.content.decode()

    answer = browser.post(reverse("admin:login"), {"username": "olga", "password": "only-for-this-test"})

    assert (answer.status_code, answer["Location"]) == (302, reverse("admin:index"))


def test_the_list_of_all_triggers_says_in_words_whether_there_is_a_filter(browser: Client, db: Any) -> None:
    to = world.connector(world.company())
    condition = {"field": "status.name", "op": "equals", "value": "assigned"}
    for position, conditions in enumerate(([], [condition], [condition] * 2)):
        filters = {"match": "all", "conditions": conditions} if conditions else {}
        EventTrigger.objects.create(
            connector=to, event_type="FN_WO_ASSIGNED", position=position, filters=filters, is_enabled=True
        )

    text = browser.get(reverse("admin:events_eventtrigger_changelist")).content.decode()

    for said in ("all work orders", "1 condition", "2 conditions"):
        assert said in text


def test_an_empty_list_says_what_would_fill_it_or_that_nothing_matches(browser: Client) -> None:
    jobs, sources = reverse("admin:events_job_changelist"), reverse("admin:events_eventsource_changelist")
    said = [browser.get(address).content.decode() for address in (jobs, f"{jobs}?state__exact=done", sources)]

    shown = [[text in page for text in ("No jobs", "A resync, catching up", "Nothing matches")] for page in said[:2]]
    assert shown == [[True, True, False], [False, False, True]]
    assert f'href="{reverse("admin:events_eventsource_add")}"' in said[2]
    assert [("yielded into" in page, "Add event source" in page) for page in said] == [
        (False, False),
        (False, False),
        (False, True),
    ]
