"""Credentials about to expire: told once before their last day, once after it, and over when the date moves."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors import expiry
from connectors.models import Company, Connector
from events.alerts import rules, watch
from synclog.alert_models import Alert, AlertMessage, AlertRule
from tests.admin import world

pytestmark = pytest.mark.django_db

Kind = AlertRule.Kind
LAST = date(2026, 7, 31)


@pytest.fixture(autouse=True)
def _only_this(db: Any) -> None:
    AlertRule.objects.exclude(kind=Kind.CREDENTIALS_EXPIRING).update(is_on=False)


def on(day: date, *, hour: int = 12) -> datetime:
    return datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00")


def look(days_before: int, *, hour: int = 12) -> list[tuple[str, str]]:
    """All alerts after a look so many days before the last day; negative: after it."""
    watch.look(now=on(LAST - timedelta(days=days_before), hour=hour))
    return list(Alert.objects.order_by("cause").values_list("sentence", "state"))


def valid_until(row: Connector | Company, last: date | None) -> None:
    type(row).objects.filter(pk=row.pk).update(credentials_expire_on=last)


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 7, 17), "are about to expire: 2026-07-31 is their last day, in 14 days"),
        (date(2026, 7, 30), "are about to expire: 2026-07-31 is their last day, in 1 day"),
        (date(2026, 7, 31), "are about to expire: today, 2026-07-31, is their last day"),
        (date(2026, 8, 1), "expired: 2026-07-31 was their last day, 1 day ago"),
        (date(2026, 8, 10), "expired: 2026-07-31 was their last day, 10 days ago"),
    ],
)
def test_what_is_said_of_a_date(today: date, said: str) -> None:
    assert expiry.told(LAST, today) == said


def test_an_alert_opens_fourteen_days_before_the_last_day(desk: Connector) -> None:
    valid_until(desk, LAST)
    assert look(15) == []
    sentence = "The credentials of Help Desk are about to expire: 2026-07-31 is their last day, in 14 days."
    assert look(14) == [(sentence, "open")]
    alert = Alert.objects.get()
    assert (alert.kind, alert.connector, alert.cause) == (
        "credentials_expiring", desk, f"credentials_expiring:{desk.pk}:",
    )  # fmt: skip
    assert alert.advice.startswith("Get new credentials, save them")
    payload = AlertMessage.objects.get().payload
    assert (payload["data"]["severity"], payload["data"]["connector"]["name"]) == ("warning", "Help Desk")


def test_it_is_told_when_it_comes_and_once_more_when_the_day_has_passed(desk: Connector) -> None:
    valid_until(desk, LAST)
    for days in range(14, -5, -1):
        look(days)
    assert [m.about for m in AlertMessage.objects.order_by("pk")] == ["opened", "reminder"]
    assert AlertMessage.objects.latest("pk").subject == (
        "Goes on: The credentials of Help Desk expired: 2026-07-31 was their last day, 1 day ago."
    )
    assert Alert.objects.get().sentence.endswith("was their last day, 4 days ago.")


@pytest.mark.parametrize("last", [None, LAST + timedelta(days=365)])
def test_it_is_over_when_the_date_is_moved_or_emptied(desk: Connector, last: date | None) -> None:
    valid_until(desk, LAST)
    look(3)
    valid_until(desk, last)
    assert [state for _, state in look(3, hour=13)] == ["recovered"]
    assert [m.about for m in AlertMessage.objects.order_by("pk")] == ["opened", "recovered"]


def test_a_company_goes_by_the_installations_rule_and_has_an_alert_of_its_own(desk: Connector) -> None:
    valid_until(desk, LAST)
    valid_until(desk.company, LAST - timedelta(days=1))
    AlertRule.objects.create(kind=Kind.CREDENTIALS_EXPIRING, connector=desk, is_on=False, limit=14)
    assert look(0) == [
        ("The credentials of Example Co at Field Nation expired: 2026-07-30 was their last day, 1 day ago.", "open")
    ]
    assert Alert.objects.get().connector is None


def test_a_connectors_own_rule_says_how_many_days_before(desk: Connector) -> None:
    other = world.connector(desk.company, "Ledger")
    for one in (desk, other):
        valid_until(one, LAST)
    AlertRule.objects.create(kind=Kind.CREDENTIALS_EXPIRING, connector=other, limit=30)
    assert [sentence.split(" are ")[0] for sentence, _ in look(30)] == ["The credentials of Ledger"]


def test_what_is_switched_off_needs_no_credentials(desk: Connector) -> None:
    valid_until(desk, LAST)
    valid_until(desk.company, LAST)
    Connector.objects.update(status="disabled")
    Company.objects.update(is_active=False)
    assert look(1) == []
    Company.objects.update(is_active=True)
    assert [sentence.split(" are ")[0] for sentence, _ in look(1)] == ["The credentials of Example Co at Field Nation"]
    Connector.objects.update(status="paused")
    assert len(look(1)) == 2


def test_the_installation_has_the_rule_from_the_start() -> None:
    rule = AlertRule.objects.get(kind=Kind.CREDENTIALS_EXPIRING)
    assert (rule.connector, rule.is_on, rule.limit) == (None, True, 14)
    assert rules.load().of(Kind.CREDENTIALS_EXPIRING, 7) == rule


def test_a_look_costs_the_same_queries_for_any_number_of_dates(desk: Connector) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as counted:
            look(3)
        return len(counted)

    valid_until(desk, LAST)
    look(3)
    before = queries()
    for number in range(6):
        valid_until(world.connector(desk.company, f"System {number}"), LAST)
        valid_until(world.company(f"Company {number}"), LAST)
    look(3)
    assert queries() == before
