"""Companies and connectors in the admin: write-only secrets, declared settings, tests of connections, acts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from broker_project.lib.digest import digest
from connectors.models import Company, Connector
from events.states import State

from . import world
from .conftest import staff

pytestmark = pytest.mark.django_db


def change(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def act(row: Any, name: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_act", args=[row.pk, name])


def add_rest() -> str:
    return f"{reverse('admin:connectors_connector_add')}?platform=rest"


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


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


class Remote(BaseHTTPRequestHandler):
    """Field Nation's sign-in and list, and a ticket system, in one."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer({"access_token": "token-1", "expires_in": 60} if world.SECRETS[1] in body else None)

    def do_GET(self) -> None:
        self.answer({"metadata": {"total": 3, "pages": 1}, "results": [{"id": 1}]})

    def answer(self, body: Any) -> None:
        content = json.dumps(body or {"error": "invalid_grant"}).encode()
        self.send_response(200 if body else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def remote() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Remote)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


# Companies


def test_saving_a_company_keeps_the_secrets_that_were_left_empty(browser: Client) -> None:
    company = world.company()

    browser.post(change(company), {**filled(browser.get(change(company))), "name": "Renamed"})

    company.refresh_from_db()
    assert company.name == "Renamed"
    assert (company.client_secret, company.password) == world.SECRETS[:2]
    assert (company.webhook_secret, company.previous_webhook_secret) == world.SECRETS[2:4]


def test_typed_secrets_replace_the_kept_ones_and_are_named_in_the_history_only(browser: Client) -> None:
    company = world.company()
    data = {**filled(browser.get(change(company))), "password_0": "new-password-7f", "client_secret_1": "on"}

    answer = browser.post(change(company), data, follow=True)

    company.refresh_from_db()
    assert (company.password, company.client_secret) == ("new-password-7f", "")
    assert "new-password-7f" not in answer.content.decode()
    message = LogEntry.objects.get().change_message
    assert "Password" in message
    assert "Client secret" in message
    assert "new-password-7f" not in message


def test_kept_credentials_of_a_company_are_not_taken_to_another_environment(browser: Client) -> None:
    company = world.company()
    moved = {**filled(browser.get(change(company))), "environment": "production"}

    refused = errors(browser.post(change(company), moved))
    company.refresh_from_db()
    kept = (company.environment, company.password)
    browser.post(change(company), {**moved, "password_0": "production-7f", "client_secret_1": "on"})
    company.refresh_from_db()

    again = AGAIN.format("api.fieldnation.com")
    assert refused == {"client_secret": [again], "password": [again]}
    assert kept == ("sandbox", world.SECRETS[1])
    assert (company.environment, company.password, company.client_secret) == ("production", "production-7f", "")
    assert company.webhook_secret == world.SECRETS[2]


def test_a_new_webhook_secret_leaves_the_old_one_valid_for_a_day(browser: Client) -> None:
    company = world.company()

    browser.post(change(company), {**filled(browser.get(change(company))), "webhook_secret_0": "newest-secret-8f"})

    company.refresh_from_db()
    assert company.webhook_secrets() == ["newest-secret-8f", world.SECRETS[2]]
    assert company.previous_secret_until is not None
    assert 86_000 < (company.previous_secret_until - timezone.now()).total_seconds() <= 86_400


def test_clearing_the_webhook_secret_refuses_at_once(browser: Client) -> None:
    company = world.company()

    browser.post(change(company), {**filled(browser.get(change(company))), "webhook_secret_1": "on"})

    company.refresh_from_db()
    assert company.webhook_secrets() == []


def test_a_secret_cannot_be_typed_and_cleared_at_once(browser: Client) -> None:
    company = world.company()
    data = {**filled(browser.get(change(company))), "password_0": "typed-secret-9f", "password_1": "on"}

    answer = browser.post(change(company), data)

    assert errors(answer) == {"password": ["Either type a new value or clear the kept one, not both."]}
    assert "typed-secret-9f" not in answer.content.decode()
    company.refresh_from_db()
    assert company.password == world.SECRETS[1]


def test_a_custom_environment_needs_its_address(browser: Client) -> None:
    add = reverse("admin:connectors_company_add")
    data = {**filled(browser.get(add)), "name": "Test Co", "environment": "custom"}

    assert errors(browser.post(add, data)) == {
        "custom_api_base": ["The environment “Custom address” needs the address of its API."]
    }
    assert not Company.objects.exists()

    browser.post(add, {**data, "custom_api_base": "https://api.example.test", "password_0": "first-password-1e"})
    assert (Company.objects.get().api_base, Company.objects.get().password) == (
        "https://api.example.test", "first-password-1e",
    )  # fmt: skip


def test_the_webhook_address_is_absolute(browser: Client) -> None:
    company = world.company()

    text = browser.get(change(company)).content.decode()

    assert f'value="{settings.PUBLIC_URL}/webhooks/fieldnation/{company.webhook_key}/"' in text


def test_a_company_with_connectors_cannot_be_deleted(browser: Client) -> None:
    company = world.connector(world.company()).company

    assert (
        browser.post(reverse("admin:connectors_company_delete", args=[company.pk]), {"post": "yes"}).status_code == 403
    )
    assert Company.objects.count() == 1


def test_the_connection_of_a_company_is_tested(browser: Client, remote: str) -> None:
    company = world.company(environment="custom", custom_api_base=remote)

    assert told(browser.post(act(company, "test_connection"), follow=True)) == [
        f"Signed in to {remote} as api@example.test; 3 work orders are visible."
    ]
    company.password = "wrong-password-2e"
    company.save()
    (sentence,) = told(browser.post(act(company, "test_connection"), follow=True))
    assert sentence.startswith("Field Nation refused the sign-in:")
    assert "wrong-password-2e" not in sentence


# Connectors


def test_the_platform_is_chosen_first(browser: Client) -> None:
    add = reverse("admin:connectors_connector_add")

    text = browser.get(add).content.decode()
    assert 'href="?platform=rest"' in text
    assert "setting_base_url" not in text
    assert 'href="?platform=rest"' in browser.get(f"{add}?platform=unknown").content.decode()
    assert "setting_base_url" in browser.get(add_rest()).content.decode()
    browser.post(add, {"name": "Nothing"})
    assert not Connector.objects.exists()


def test_a_connector_is_added_with_the_settings_of_its_platform(browser: Client) -> None:
    company = world.company()
    data = {
        **filled(browser.get(add_rest())),
        "company": company.pk,
        "name": "Help Desk",
        "setting_base_url": "https://help.example.test/api",
        "setting_record_path": "/tickets/{id}",
        "setting_username": "broker",
        "setting_password_0": "first-secret-3e",
        "setting_headers": "X-Team: field\nX-Area: north",
        "outbound_create": "on",
    }

    browser.post(add_rest(), data)

    made = Connector.objects.get()
    assert (made.platform, made.name, made.company, made.status, made.outbound_create) == (
        "rest", "Help Desk", company, "active", True,
    )  # fmt: skip
    assert made.secrets == {"password": "first-secret-3e"}
    assert made.settings["base_url"] == "https://help.example.test/api"
    assert made.settings["headers"].splitlines() == ["X-Team: field", "X-Area: north"]
    assert "password" not in made.settings
    assert made.trigger_token_hash == digest(made.trigger_token)


def test_problems_of_the_platform_stand_at_the_field(browser: Client) -> None:
    data = {
        **filled(browser.get(add_rest())),
        "company": world.company().pk,
        "name": "Help Desk",
        "setting_base_url": "ftp://help.example.test",
        "setting_record_path": "/tickets",
        "setting_username": "broker",
        "setting_password_0": "first-secret-3e",
        "setting_secret_headers_0": "X-Key: second-secret-5e",
    }

    answer = browser.post(add_rest(), data)

    assert errors(answer) == {
        "setting_base_url": ["The address must begin with https:// (or http://) and name a host."],
        "setting_record_path": ["The path needs {id} where the record's id stands, or name an id parameter."],
        "setting_update_path": ["The path needs {id} where the record's id stands, or name an id parameter."],
    }
    assert "first-secret-3e" not in answer.content.decode()
    assert "second-secret-5e" not in answer.content.decode()
    assert not Connector.objects.exists()


def test_secrets_of_a_connector_are_kept_replaced_and_cleared(browser: Client) -> None:
    connector = world.connector(world.company())
    page = browser.get(change(connector))
    assert page.content.decode().count("set, leave empty to keep") == 2

    browser.post(change(connector), filled(page))
    connector.refresh_from_db()
    assert connector.secrets == {"password": world.SECRETS[4], "secret_headers": f"X-Key: {world.SECRETS[5]}"}

    browser.post(
        change(connector), {**filled(page), "setting_password_0": "newer-4e", "setting_secret_headers_1": "on"}
    )
    connector.refresh_from_db()
    assert connector.secrets == {"password": "newer-4e"}


AGAIN = (
    "The address leads to another host now, {}. Enter this again, or remove it: the kept value was given for the host "
    "before."
)


@pytest.mark.parametrize("address", ["https://desk.example.test/api", "https://help.example.test:8443/api"])
def test_a_kept_secret_of_a_connector_is_not_taken_to_another_host(browser: Client, address: str) -> None:
    connector = world.connector(world.company())
    moved = {**filled(browser.get(change(connector))), "setting_base_url": address}

    again = AGAIN.format(address.split("/")[2])
    refused = errors(browser.post(change(connector), moved))
    connector.refresh_from_db()
    kept = (connector.settings["base_url"], connector.secrets.keys())
    browser.post(change(connector), {**moved, "setting_password_0": "desk-4e", "setting_secret_headers_1": "on"})
    connector.refresh_from_db()

    assert refused == {"setting_password": [again], "setting_secret_headers": [again]}
    assert kept == ("https://help.example.test/api", {"password", "secret_headers"})
    assert (connector.settings["base_url"], connector.secrets) == (address, {"password": "desk-4e"})


def test_a_secret_that_is_out_of_use_goes_when_the_host_changes(browser: Client) -> None:
    connector = world.connector(world.company())
    data = {**filled(browser.get(change(connector))), "setting_auth": "none", "setting_secret_headers_1": "on"}

    browser.post(change(connector), {**data, "setting_base_url": "https://desk.example.test/api"})

    connector.refresh_from_db()
    assert connector.settings["base_url"] == "https://desk.example.test/api"
    assert connector.secrets == {}


def test_another_path_scheme_or_case_keeps_the_secrets(browser: Client) -> None:
    connector = world.connector(world.company())
    data = {**filled(browser.get(change(connector))), "setting_base_url": "http://HELP.example.test/api/v2"}

    browser.post(change(connector), data)

    connector.refresh_from_db()
    assert connector.settings["base_url"] == "http://HELP.example.test/api/v2"
    assert connector.secrets.keys() == {"password", "secret_headers"}


def test_the_name_must_be_free_in_the_company(browser: Client) -> None:
    first = world.connector(world.company())
    second = world.connector(first.company, "Other")

    answer = browser.post(change(second), {**filled(browser.get(change(second))), "name": "Help Desk"})

    assert errors(answer) == {"name": ["Connector with this Company and Name already exists."]}
    second.refresh_from_db()
    assert second.name == "Other"


def test_the_trigger_addresses_are_for_those_who_may_change(browser: Client) -> None:
    connector = world.connector(world.company())
    token = connector.trigger_token
    page = reverse("admin:connectors_connector_trigger", args=[connector.pk])
    text = browser.post(f"{page}reveal/", "{}", content_type="application/json").content.decode()
    assert f"{settings.PUBLIC_URL}/integrations/trigger/{token}" in text
    assert f"{settings.PUBLIC_URL}/v1/broker/inbound?client_token={token}" in text
    assert token not in browser.get(page).content.decode() + browser.get(change(connector)).content.decode()

    reader = staff("connectors.view_connector")
    seen = reader.get(change(connector)).content.decode()
    assert "help.example.test" in seen
    assert token not in seen + reader.get(page).content.decode()
    assert reader.post(f"{page}reveal/", "{}", content_type="application/json").status_code == 403
    assert [secret for secret in world.SECRETS if secret in seen] == []


def test_a_reader_of_a_company_sees_no_secret(db: Any) -> None:
    company = world.company()

    seen = staff("connectors.view_company").get(change(company))

    assert seen.status_code == 200
    assert "api@example.test" in seen.content.decode()
    assert [secret for secret in world.SECRETS if secret in seen.content.decode()] == []


def test_the_page_counts_what_waits(browser: Client) -> None:
    connector = world.connector(world.company())
    other = world.connector(connector.company, "Other")
    for number in range(3):
        world.delivery(connector, State.WAITING, work_order_id=number + 1)
    world.delivery(connector, State.DEAD, work_order_id=9)
    world.delivery(connector, State.SUCCEEDED, work_order_id=10)
    world.delivery(other, State.DEAD, work_order_id=11)

    text = browser.get(change(connector)).content.decode()

    assert 'aria-label="3 deliveries waiting for a person"' in text
    assert 'aria-label="1 deliveries given up"' in text


@pytest.mark.parametrize(
    ("start", "name", "end"),
    [
        ("active", "pause", "paused"), ("paused", "resume", "active"), ("disabled", "resume", "active"),
        ("active", "disable", "disabled"), ("paused", "disable", "disabled"),
    ],
)  # fmt: skip
def test_the_status_changes_on_post_only(browser: Client, start: str, name: str, end: str) -> None:
    connector = world.connector(world.company(), status=start)

    assert browser.get(act(connector, name)).status_code == 200
    connector.refresh_from_db()
    assert connector.status == start
    answer = browser.post(act(connector, name), follow=True)

    connector.refresh_from_db()
    assert connector.status == end
    assert told(answer) == [f"The connector is now {end}."]
    assert LogEntry.objects.get().change_message == f"Set the status to {end.capitalize()}."


def test_the_connection_of_a_connector_is_tested(browser: Client, remote: str) -> None:
    connector = world.connector(world.company())
    connector.settings["base_url"] = remote
    connector.save()

    assert browser.get(act(connector, "test_connection")).status_code == 405
    (sentence,) = told(browser.post(act(connector, "test_connection"), follow=True))
    assert remote in sentence
    connector.platform = "gone"
    connector.save()
    (sentence,) = told(browser.post(act(connector, "test_connection"), follow=True))
    assert sentence.startswith("There is no platform “gone” here.")


def test_a_connector_of_an_unknown_platform_can_be_looked_at(browser: Client) -> None:
    connector = world.connector(world.company(), platform="gone")

    text = browser.get(change(connector)).content.decode()

    assert "There is no platform “gone” in this version." in text
    browser.post(change(connector), {**filled(browser.get(change(connector))), "name": "Still here"})
    connector.refresh_from_db()
    assert (connector.name, connector.platform) == ("Still here", "gone")
    assert connector.secrets["password"] == world.SECRETS[4]


@pytest.mark.parametrize("name", ["test_connection", "pause", "resume", "disable"])
def test_a_reader_can_do_nothing_to_a_connector(name: str, remote: str) -> None:
    connector = world.connector(world.company())
    reader = staff("connectors.view_connector")
    before = (connector.status, connector.trigger_token)

    assert "/act/" not in reader.get(change(connector)).content.decode()
    assert reader.get(act(connector, name)).status_code == 403
    assert reader.post(act(connector, name)).status_code == 403

    connector.refresh_from_db()
    assert (connector.status, connector.trigger_token) == before
    assert not LogEntry.objects.exists()
