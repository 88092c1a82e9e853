"""``manage.py rotate_keys``: every stored credential goes to the active key, and nothing else changes."""

from __future__ import annotations

import base64
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from broker_project.lib.sealed import reseal
from connectors.models import Company, Connector

pytestmark = pytest.mark.django_db


def key(letter: bytes) -> str:
    return base64.b64encode(letter * 32).decode()


OLD, NEW = f"old:{key(b'a')}", f"new:{key(b'b')}"
SEALED = {
    "connectors_company": ("client_secret", "password", "webhook_secret", "previous_webhook_secret"),
    "connectors_connector": ("secrets", "trigger_token"),
}


def keys_in_use() -> dict[str, int]:
    """How many stored values each key id sealed; "" counts the empty ones."""
    found: dict[str, int] = {}
    with connection.cursor() as cursor:
        for table, columns in SEALED.items():
            cursor.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 - the names stand above
            for value in (value for row in cursor.fetchall() for value in row):
                key_id = value.split(":")[1] if value else ""
                found[key_id] = found.get(key_id, 0) + 1
    return found


def rotate() -> str:
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue()


@pytest.fixture
def sealed_with_old(db: Any) -> Connector:
    with override_settings(ENCRYPTION_KEYS=OLD):
        company = Company.objects.create(name="Acme", client_secret="alpha", password="beta", webhook_secret="gamma")
        return Connector.objects.create(company=company, name="Desk", platform="rest", secrets={"api_key": "delta"})


def test_everything_is_sealed_with_the_first_key_and_opens_without_the_old_one(sealed_with_old: Connector) -> None:
    token = sealed_with_old.trigger_token
    with override_settings(ENCRYPTION_KEYS=f"{NEW},{OLD}"):
        assert rotate().splitlines() == [
            "companies: 3 values sealed with the active key.",
            "connectors: 2 values sealed with the active key.",
            "alert channels: 0 values sealed with the active key.",
        ]
    assert keys_in_use() == {"new": 5, "": 1}
    with override_settings(ENCRYPTION_KEYS=NEW):
        connector = Connector.objects.select_related("company").get()
        assert connector.secrets == {"api_key": "delta"}
        assert connector.trigger_token == token
        company = connector.company
        assert (company.client_secret, company.password, company.webhook_secret) == ("alpha", "beta", "gamma")
        assert company.previous_webhook_secret == ""


def test_a_second_run_changes_nothing(sealed_with_old: Connector) -> None:
    with override_settings(ENCRYPTION_KEYS=f"{NEW},{OLD}"):
        rotate()
        before = Connector.objects.values_list("secrets", "updated_at").get()
        assert rotate().count(": 0 values") == 3
        assert Connector.objects.values_list("secrets", "updated_at").get() == before


def test_values_that_do_not_open_are_named_and_the_others_go_on(sealed_with_old: Connector) -> None:
    with override_settings(ENCRYPTION_KEYS=f"other:{key(b'c')}"):
        Company.objects.create(name="Beta", password="epsilon")
    with override_settings(ENCRYPTION_KEYS=OLD):
        Company.objects.filter(name="Beta").update(webhook_secret="zeta")
    with override_settings(ENCRYPTION_KEYS=f"{NEW},{OLD}"), pytest.raises(CommandError) as caught:
        rotate()
    company = Company.objects.get(name="Beta")
    assert str(caught.value).splitlines() == [
        "These values could not be opened and stay as they are:",
        f"connectors.Company {company.pk}, password: A stored credential was encrypted with key 'other', which "
        "BROKER_ENCRYPTION_KEYS does not hold. Add that key back to the list.",
    ]
    assert keys_in_use() == {"new": 6, "other": 1, "": 3}


def test_all_rows_are_reached_in_small_batches() -> None:
    with override_settings(ENCRYPTION_KEYS=OLD):
        Company.objects.bulk_create(Company(name=f"Company {number}", password="word") for number in range(7))
    with override_settings(ENCRYPTION_KEYS=f"{NEW},{OLD}"):
        assert reseal(Company, batch=3).changed == 7
    assert keys_in_use() == {"new": 7, "": 21}
