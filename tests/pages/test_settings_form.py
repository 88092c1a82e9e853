"""The settings form: fieldsets, what applies, defaults that stay out, notification addresses."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from connectors.models import Connector
from tests.admin import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


@pytest.fixture
def connector(db: Any) -> Connector:
    return world.connector(world.company())


def page(connector: Connector) -> str:
    return reverse("admin:connectors_connector_change", args=[connector.pk])


def filled(response: Any) -> dict[str, Any]:
    """What a browser sends when the form is saved as it is."""
    form = response.context["adminform"].form
    values: dict[str, Any] = {}
    for name, field in form.fields.items():
        value = form[name].value()
        if isinstance(value, bool):
            values |= {name: "on"} if value else {}
        elif not hasattr(field.widget, "widgets"):
            values[name] = "" if value is None else value
    return values


def save(browser: Client, connector: Connector, **changes: str) -> dict[str, list[str]]:
    """Save the form with these changes; its errors by field."""
    answer = browser.post(page(connector), {**filled(browser.get(page(connector))), **changes})
    connector.refresh_from_db()
    return dict(answer.context["adminform"].form.errors) if answer.status_code == 200 else {}


def test_saving_for_the_first_time_adds_no_defaults_and_makes_no_version(browser: Client, connector: Connector) -> None:
    connector.settings["headers"] = {"X-Team": "field"}
    connector.save()
    before = dict(connector.settings)
    save(browser, connector)
    number = connector.version

    assert save(browser, connector) == {}

    assert connector.settings == before
    assert connector.version == number


def test_a_default_that_was_stored_stays_and_a_changed_one_is_stored(browser: Client, connector: Connector) -> None:
    connector.settings["update_method"] = "PATCH"
    connector.save()

    save(browser, connector, setting_create_method="PUT")

    assert (connector.settings["update_method"], connector.settings["create_method"]) == ("PATCH", "PUT")
    assert "new_id_path" not in connector.settings


def test_what_does_not_apply_is_neither_checked_nor_stored(browser: Client, connector: Connector) -> None:
    assert save(browser, connector, setting_token_url="nonsense", setting_auth="none") == {}

    assert connector.settings["auth"] == "none"
    assert {"token_url", "username"}.isdisjoint(connector.settings)
    assert connector.secrets["password"] == world.SECRETS[4]
    assert save(browser, connector, setting_token_url="nonsense", setting_auth="oauth2").keys() >= {"setting_token_url"}


def test_settings_of_another_authentication_are_hidden(browser: Client, connector: Connector) -> None:
    answer = browser.get(page(connector))
    text = answer.content.decode()

    assert "setting_auth == 'api_key'" in html.unescape(text)
    groups = [f"REST API: {name}" for name in ("Address and sign-in", "Records", "Find a record again", "Notes")]
    headings = [*groups, "Outbound Create", "Conflicts", "Limits", "Notification"]
    shown = [fieldset.name for fieldset in answer.context["adminform"] if fieldset.name in headings]
    assert shown == headings
    assert "Notification Email Addresses" in text


def test_notification_addresses_are_checked_one_by_one(browser: Client, connector: Connector) -> None:
    wrong = "desk@example.test\nnobody\n\nalso not"

    assert save(browser, connector, notification_emails=wrong) == {
        "notification_emails": [
            "This is no e-mail address: nobody, also not. Write one a line, such as desk@example.test."
        ]
    }
    assert connector.notification_emails == ""
    many = "\n".join(f"desk{number}@example.test" for number in range(21))
    assert "At most 20" in save(browser, connector, notification_emails=many)["notification_emails"][0]

    save(browser, connector, notification_emails=" desk@example.test \n\ndesk@example.test\nops@example.test")
    assert connector.notification_emails == "desk@example.test\nops@example.test"
