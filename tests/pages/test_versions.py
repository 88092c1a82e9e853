"""The History page: what each version changed, any two compared, the whole text, the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connectors.models import Connector
from events import versions
from events.models import ConfigVersion, EventTrigger
from mappings.models import FieldMapping
from tests.admin import world
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


@pytest.fixture
def to(db: Any) -> Connector:
    """Three versions: the first; a mapping with another source; an event more."""
    made = world.connector(world.company())
    mapping = FieldMapping.objects.create(connector=made, direction="outbound", source="title", target="subject")
    versions.publish(made.pk, user="rui", comment="Set up")
    FieldMapping.objects.filter(pk=mapping.pk).update(source="description")
    versions.publish(made.pk, user="sam")
    EventTrigger.objects.create(connector=made, event_type="FN_WO_ASSIGNED")
    versions.publish(made.pk)
    return Connector.objects.get(pk=made.pk)


def page(to: Connector, query: str = "") -> str:
    return reverse("admin:connectors_connector_versions", args=[to.pk]) + query


def post(browser: Client, to: Connector, act: str, **data: Any) -> Any:
    return browser.post(f"{page(to)}{act}/", json.dumps(data), content_type="application/json")


SOURCE = "Outbound mapping title → subject: source was title, is description."
TRIGGER = "Event trigger FN_WO_ASSIGNED → Update Record added."


def test_each_version_says_who_and_what_changed(browser: Client, to: Connector) -> None:
    shown = browser.get(page(to)).context["versions"]

    assert [(row["number"], row["user"], row["comment"], row["first"]) for row in shown] == [
        (3, "outside the admin", "", [TRIGGER]),
        (2, "sam", "", [SOURCE]),
        (1, "rui", "Set up", []),
    ]
    assert [(row["is_present"], row["is_start"]) for row in shown] == [(True, False), (False, False), (False, True)]


def test_a_change_that_is_not_published_is_told(browser: Client, to: Connector) -> None:
    FieldMapping.objects.all().delete()

    context = browser.get(page(to)).context

    assert context["is_stale"] is True
    assert [row["is_present"] for row in context["versions"]] == [False, False, False]


def test_older_versions_follow_page_by_page(browser: Client, to: Connector) -> None:
    for number in range(20):
        FieldMapping.objects.update(label=str(number))
        versions.publish(to.pk)

    first = browser.get(page(to)).context
    second = browser.get(page(to, f"?before={first['older']}")).context

    assert [row["number"] for row in first["versions"]] == list(range(23, 8, -1))
    assert [row["number"] for row in second["versions"]] == list(range(8, 0, -1))
    assert second["older"] == 0
    assert first["versions"][-1]["count"] == 1  # compared with a version of the next page
    assert browser.get(page(to, "?before=strange")).status_code == 200


def test_any_two_versions_are_compared(browser: Client, to: Connector) -> None:
    assert post(browser, to, "compare", old=1, new=3).json() == {"changes": [TRIGGER, SOURCE], "more": 0}
    assert post(browser, to, "compare", old=2, new=1).json()["changes"] == [
        "Outbound mapping description → subject: source was description, is title."
    ]
    assert post(browser, to, "compare", old=2, new=2).json()["changes"] == []


def test_the_whole_text_holds_no_secret(browser: Client, to: Connector) -> None:
    text = post(browser, to, "snapshot", number=3).json()["text"]

    assert json.loads(text)["mappings"][0]["target"] == "subject"
    assert [secret for secret in (*world.SECRETS, to.trigger_token) if secret in text] == []


@pytest.mark.parametrize("number", [0, -1, 99, "1", None, True, 2**40, [1]])
def test_a_version_that_is_not_there_is_refused(browser: Client, to: Connector, number: Any) -> None:
    for act in ("snapshot", "ask", "roll-back"):
        answer = post(browser, to, act, number=number, version=3)
        assert (answer.status_code, answer.json()["problems"][0]["at"]) == (422, "number")
    assert ConfigVersion.objects.filter(connector=to).count() == 3


def test_a_version_of_another_connector_is_not_there(browser: Client, to: Connector) -> None:
    other = world.connector(to.company, "Other")

    assert post(browser, other, "snapshot", number=3).status_code == 422


def test_the_way_back_says_first_what_it_changes(browser: Client, to: Connector) -> None:
    asked = post(browser, to, "ask", number=1).json()

    assert asked["changes"] == [
        "Event trigger FN_WO_ASSIGNED → Update Record removed.",
        "Outbound mapping description → subject: source was description, is title.",
    ]
    assert ConfigVersion.objects.filter(connector=to).count() == 3

    assert post(browser, to, "roll-back", number=1, version=3).json() == {"version": 4}

    assert versions.take(to.pk) == ConfigVersion.objects.get(connector=to, number=1).snapshot
    made = ConfigVersion.objects.get(connector=to, number=4)
    assert (made.user, made.comment) == ("olga", "As version 1")
    assert LogEntry.objects.get().change_message == "Rolled back to version 1; it is version 4 now."
    assert "equal to version 1" in browser.get(page(to)).content.decode()


def test_the_name_stays_whatever_the_version_said(browser: Client, to: Connector) -> None:
    Connector.objects.filter(pk=to.pk).update(name="Renamed")

    assert not [change for change in post(browser, to, "ask", number=1).json()["changes"] if "Renamed" in change]


def test_two_people_at_once_do_not_overwrite_each_other(browser: Client, to: Connector) -> None:
    FieldMapping.objects.update(label="by another")
    versions.publish(to.pk, user="sam")

    answer = post(browser, to, "roll-back", number=1, version=3)

    assert answer.status_code == 422
    assert answer.json()["problems"][0]["sentence"].startswith("sam saved version 4 after you opened this page.")
    assert FieldMapping.objects.get().label == "by another"
    assert not LogEntry.objects.exists()


def test_a_reader_looks_and_goes_nowhere(to: Connector) -> None:
    reader = staff("connectors.view_connector", "events.view_configversion")

    assert "Roll back" not in reader.get(page(to)).content.decode()
    assert post(reader, to, "compare", old=1, new=2).status_code == 200
    assert post(reader, to, "ask", number=1).status_code == 403
    assert post(reader, to, "roll-back", number=1, version=3).status_code == 403
    assert ConfigVersion.objects.filter(connector=to).count() == 3
    stranger = staff("connectors.view_connector")
    assert stranger.get(page(to)).status_code == 403
    assert post(stranger, to, "snapshot", number=1).status_code == 403


def test_the_page_costs_the_same_for_few_versions_and_for_many(browser: Client, to: Connector) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            browser.get(page(to))
        return len(found)

    queries()
    before = queries()
    for number in range(12):
        FieldMapping.objects.update(label=str(number))
        versions.publish(to.pk)

    assert queries() == before
