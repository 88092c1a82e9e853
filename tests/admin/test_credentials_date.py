"""“Credentials valid until”: entered beside the credentials, audited, and not forgotten when they are changed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from synclog.log_audit import changes

from . import world
from .test_connection_pages import change, filled, told

pytestmark = pytest.mark.django_db

PAST = timezone.localdate() - timedelta(days=3)
WARNING = (
    f"You changed the credentials, and “Credentials valid until” says {PAST}, which has passed. Enter until when the "
    "new ones are valid, or empty it."
)


@pytest.fixture(params=["connector", "company"])
def row(request: pytest.FixtureRequest, db: Any) -> Any:
    owner = world.company()
    return owner if request.param == "company" else world.connector(owner)


def secret_of(row: Any) -> str:
    return "password_0" if row._meta.model_name == "company" else "setting_password_0"


def save(browser: Client, row: Any, **given: str) -> list[str]:
    """Save the form with these inputs; what the next page warns of."""
    answer = browser.post(change(row), {**filled(browser.get(change(row))), **given}, follow=True)
    assert answer.redirect_chain, answer.context["adminform"].form.errors
    row.refresh_from_db()
    return [sentence for sentence in told(answer) if sentence.startswith("You changed the credentials")]


def test_the_date_is_saved_and_the_audit_says_what_it_was(browser: Client, row: Any) -> None:
    save(browser, row, credentials_expire_on="2031-05-06")
    assert row.credentials_expire_on == date(2031, 5, 6)
    save(browser, row, credentials_expire_on="2032-05-06")
    save(browser, row, credentials_expire_on="")
    assert row.credentials_expire_on is None
    entries = LogEntry.objects.order_by("pk")
    assert [entry.user.get_username() for entry in entries] == ["olga"] * 3
    assert [changes(entry) for entry in entries] == [
        {"credentials_expire_on": pair}
        for pair in (("-", "2031-05-06"), ("2031-05-06", "2032-05-06"), ("2032-05-06", "-"))
    ]


def test_the_field_stands_after_the_last_secret(browser: Client, row: Any) -> None:
    page = browser.get(change(row)).content.decode()
    last = "password" if row._meta.model_name == "company" else "setting_secret_headers"
    after = {"company": "api_user_id", "connector": "setting_fields_path"}[row._meta.model_name]
    places = [page.index(f'id="id_{name}') for name in (f"{last}_0", "credentials_expire_on", after)]
    assert places == sorted(places)
    assert "You are told 14 days before" in page


def test_new_credentials_beside_a_past_date_are_warned_of(browser: Client, row: Any) -> None:
    row.credentials_expire_on = PAST
    row.save()
    assert save(browser, row, **{secret_of(row): "new-word-1"}) == [WARNING]
    assert save(browser, row) == []
    assert save(browser, row, **{secret_of(row): "new-word-2", "credentials_expire_on": "2031-05-06"}) == []
    assert save(browser, row, **{secret_of(row): "new-word-3"}) == []  # the date has not passed
    row.credentials_expire_on = timezone.localdate()
    row.save()
    assert save(browser, row, **{secret_of(row): "new-word-4"}) == []


def test_a_new_webhook_secret_is_no_credential_that_expires(browser: Client) -> None:
    owner = world.company(credentials_expire_on=PAST)
    assert save(browser, owner, webhook_secret_0="another-webhook-secret") == []
