"""Configuration versions in the admin: one request is one version, with the name of who saved it; the way back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connectors.models import Connector, ConnectorState
from events import versions
from events.models import ConfigVersion, EventTrigger
from mappings.models import FieldMapping

from . import world
from .conftest import staff
from .test_configuration_pages import mapping_form, rows_form, trigger_form
from .test_connection_pages import act, add_rest, change, errors, filled, told

pytestmark = pytest.mark.django_db

LIST = "admin:events_configversion_changelist"


@pytest.fixture
def to(db: Any) -> Connector:
    """A connector with a trigger and two mappings, published."""
    made = world.connector(world.company())
    EventTrigger.objects.create(connector=made, event_type="FN_WO_ASSIGNED", position=7)
    FieldMapping.objects.create(connector=made, direction="outbound", source="title", target="subject")
    FieldMapping.objects.create(connector=made, direction="outbound", source="id", target="number", position=1)
    versions.publish(made.pk)
    return Connector.objects.get(pk=made.pk)


def made(of: Connector) -> list[tuple[int, str]]:
    """The versions after the first one, with their users."""
    return list(
        ConfigVersion.objects.filter(connector=of, number__gt=1).order_by("number").values_list("number", "user")
    )


def change_of(of: Connector, number: int) -> list[str]:
    taken = dict(ConfigVersion.objects.filter(connector=of).values_list("number", "snapshot"))
    return versions.difference(taken[number - 1], taken[number])


def page(name: str, *key: Any) -> str:
    return reverse(f"admin:{name}", args=key)


# What makes a version


def test_saving_a_connector_makes_a_version(browser: Client, to: Connector) -> None:
    data = {**filled(browser.get(change(to))), "hop_limit": 20, "setting_base_url": "https://help.example.test/api/v2"}

    browser.post(change(to), data)

    assert made(to) == [(2, "olga")]
    assert change_of(to, 2)[0] == "Changes per record and hour was 60, is 20."
    (setting,) = [sentence for sentence in change_of(to, 2) if "base_url" in sentence]
    assert setting == "Setting base_url was https://help.example.test/api, is https://help.example.test/api/v2."


def test_a_new_connector_has_a_version_at_once(browser: Client) -> None:
    data = {
        **filled(browser.get(add_rest())), "company": world.company().pk, "name": "New",
        "setting_base_url": "https://help.example.test", "setting_record_path": "/t/{id}",
        "setting_auth": "bearer", "setting_bearer_token_0": "typed-secret",
    }  # fmt: skip

    browser.post(add_rest(), data)

    connector = Connector.objects.get()
    assert (connector.version, connector.is_stale) == (1, False)
    version = ConfigVersion.objects.get()
    assert version.user == "olga"
    assert "typed-secret" not in str(version.snapshot)


def test_acts_that_change_no_configuration_make_none(browser: Client, to: Connector) -> None:
    for name in ("pause", "resume", "disable"):
        browser.post(act(to, name))

    assert made(to) == []
    to.refresh_from_db()
    assert (to.status, to.version, to.is_stale) == ("disabled", 1, False)


def test_a_new_secret_makes_no_version(browser: Client, to: Connector) -> None:
    versions_before = ConfigVersion.objects.count()
    browser.post(change(to), filled(browser.get(change(to))))  # the form fills in the settings' defaults
    numbers = made(to)

    browser.post(change(to), {**filled(browser.get(change(to))), "setting_password_0": "new-secret-9f"})

    to.refresh_from_db()
    assert to.secrets["password"] == "new-secret-9f"
    assert made(to) == numbers
    assert versions_before == 1


def test_adding_changing_and_removing_a_trigger_makes_a_version_each(browser: Client, to: Connector) -> None:
    browser.post(page("events_eventtrigger_add"), trigger_form(to))
    added = EventTrigger.objects.latest("pk")
    browser.post(page("events_eventtrigger_change", added.pk), trigger_form(to, delivery_mode="newest"))
    browser.post(page("events_eventtrigger_delete", added.pk), {"post": "yes"})

    assert made(to) == [(2, "olga"), (3, "olga"), (4, "olga")]
    title = "Event trigger FN_WO_ASSIGNED → Update Record"
    assert [change_of(to, number) for number in (2, 3, 4)] == [
        [f"{title} added."],
        [f"{title}: delivery mode was each event, is newest state only."],
        [f"{title} removed."],
    ]


def test_a_mapping_with_its_own_conflict_rule_makes_a_version(browser: Client, to: Connector) -> None:
    browser.post(page("mappings_fieldmapping_add"), mapping_form(to, target="body", conflict_policy="manual"))

    assert FieldMapping.objects.get(target="body").conflict_policy == "manual"
    assert made(to) == [(2, "olga")]
    assert change_of(to, 2) == ["Outbound mapping title → body added."]


def test_all_rows_of_a_list_are_one_version(browser: Client, to: Connector) -> None:
    rows = list(FieldMapping.objects.order_by("position"))

    browser.post(page("mappings_fieldmapping_changelist"), rows_form(rows, position_0=5, is_enabled_1=None))

    assert made(to) == [(2, "olga")]
    assert change_of(to, 2) == [
        "Outbound mapping title → subject: position was 0, is 5.",
        "Outbound mapping id → number: on was yes, is no.",
    ]


def test_deleting_the_selected_is_one_version(browser: Client, to: Connector) -> None:
    keys = list(FieldMapping.objects.values_list("pk", flat=True))
    data = {"action": "delete_selected", "_selected_action": keys, "post": "yes"}

    browser.post(page("mappings_fieldmapping_changelist"), data)

    assert not FieldMapping.objects.exists()
    assert made(to) == [(2, "olga")]


def test_a_refused_form_makes_none(browser: Client, to: Connector) -> None:
    browser.post(page("mappings_fieldmapping_add"), mapping_form(to, target="a..b"))
    browser.post(page("events_eventtrigger_add"), trigger_form(to, action="script"))

    assert made(to) == []


def test_what_was_changed_elsewhere_does_not_get_the_users_name(browser: Client, to: Connector) -> None:
    FieldMapping.objects.filter(target="number").update(source="elsewhere")

    browser.post(page("events_eventtrigger_add"), trigger_form(to))

    assert made(to) == [(2, ""), (3, "olga")]


def test_a_connector_is_deleted_with_its_rows_and_versions(browser: Client, to: Connector) -> None:
    ConnectorState.objects.create(connector=to)

    browser.post(page("connectors_connector_delete", to.pk), {"post": "yes"})

    assert not Connector.objects.exists()
    assert not ConfigVersion.objects.exists()


# The connector's page


def test_the_connectors_page_names_its_version(browser: Client, to: Connector) -> None:
    text = browser.get(change(to)).content.decode()
    assert ">version 1</a>" in text
    assert reverse("admin:connectors_connector_versions", args=[to.pk]) in text
    assert "changed since" not in text

    FieldMapping.objects.all().delete()

    assert "changed since" in browser.get(change(to)).content.decode()
    versions.publish(to.pk, user="rui")
    assert " by rui" in browser.get(change(to)).content.decode()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"burst": 5}, {"burst": ["A burst needs the calls per minute too. Enter them, or leave this empty."]}),
        (
            {"requests_per_minute": 0},
            {"requests_per_minute": ["Enter 1 or more: with 0 nothing would ever be sent."]},
        ),
        ({"max_concurrent": 0}, {"max_concurrent": ["Enter 1 or more: with 0 nothing would ever be sent."]}),
        ({"hop_limit": 0}, {"hop_limit": ["Enter 1 or more: with 0 nothing would ever be sent."]}),
    ],
)
def test_limits_that_cannot_work_are_refused(
    browser: Client, to: Connector, given: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    answer = browser.post(change(to), {**filled(browser.get(change(to))), **given})

    assert errors(answer) == expected
    assert made(to) == []


def test_limits_are_saved(browser: Client, to: Connector) -> None:
    limits = {"requests_per_minute": 120, "burst": 10, "max_concurrent": 4, "conflict_policy": "field_nation"}

    browser.post(change(to), {**filled(browser.get(change(to))), **limits})

    assert Connector.objects.values(*limits).get() == limits


# Versions


def history(to: Connector) -> list[ConfigVersion]:
    """Three versions: the first; a renamed source; a trigger more."""
    FieldMapping.objects.filter(target="number").update(source="custom_fields.number")
    versions.publish(to.pk, user="rui")
    EventTrigger.objects.create(connector=to, event_type="FN_WO_DONE")
    EventTrigger.objects.create(connector=to, event_type="FN_WO_DELETED")
    versions.publish(to.pk)
    return list(ConfigVersion.objects.filter(connector=to).order_by("number"))


def test_the_list_says_what_changed_first(browser: Client, to: Connector) -> None:
    history(to)

    text = browser.get(reverse(LIST)).content.decode()

    assert "Outbound mapping id → number: source was id, is custom_fields.number." in text
    assert "Event trigger FN_WO_DONE → Update Record added. And 1 more." in text
    assert "first version" in text
    assert "outside the admin" in text


def test_the_list_costs_the_same_for_1_version_and_for_many(browser: Client, to: Connector) -> None:
    browser.get(reverse(LIST))
    with CaptureQueriesContext(connection) as one:
        browser.get(reverse(LIST))
    for number in range(12):
        other = world.connector(to.company, f"Desk {number}")
        versions.publish(other.pk)
        FieldMapping.objects.create(connector=other, direction="outbound", source="title", target="subject")
        versions.publish(other.pk)
    with CaptureQueriesContext(connection) as many:
        shown = browser.get(reverse(LIST)).context["cl"].result_list

    assert (len(shown), len(many)) == (25, len(one))


def test_a_version_shows_its_differences_and_itself(browser: Client, to: Connector) -> None:
    first, second, third = history(to)

    text = browser.get(change(second)).content.decode()
    assert "Outbound mapping id → number: source was id, is custom_fields.number." in text
    assert "Event trigger FN_WO_DONE" not in text
    assert f"{to} runs with version 3 now." in text
    assert "This is the first version." in browser.get(change(first)).content.decode()
    assert f"{to} runs with this version." in browser.get(change(third)).content.decode()
    for version in (first, second, third):
        shown = browser.get(change(version)).content.decode()
        assert [secret for secret in (*world.SECRETS, to.trigger_token) if secret in shown] == []


def test_a_roll_back_asks_first_and_leaves_a_trace(browser: Client, to: Connector) -> None:
    first, *_ = history(to)
    back = act(first, "roll_back")

    assert "Roll back?" in browser.get(back).content.decode()
    assert made(to) == [(2, "rui"), (3, "")]
    answer = browser.post(back, follow=True)

    last = ConfigVersion.objects.get(connector=to, number=4)
    assert (last.digest, last.user, last.comment) == (first.digest, "olga", "As version 1")
    assert versions.take(to.pk) == first.snapshot
    assert answer.redirect_chain == [(change(last), 302)]
    assert told(answer) == ["Help Desk runs with version 4 now, equal to version 1."]
    entry = LogEntry.objects.get()
    assert (entry.content_type.model, entry.object_id) == ("connector", str(to.pk))  # type: ignore[union-attr]
    assert entry.change_message == "Rolled back to version 1; it is version 4 now."


def test_the_present_version_offers_no_roll_back(browser: Client, to: Connector) -> None:
    first = ConfigVersion.objects.get(connector=to)

    assert act(first, "roll_back") not in browser.get(change(first)).content.decode()
    assert "does not apply any more" in told(browser.post(act(first, "roll_back"), follow=True))[0]
    FieldMapping.objects.all().delete()
    assert act(first, "roll_back") in browser.get(change(first)).content.decode()


def test_a_roll_back_that_cannot_be_is_told_on_its_page(browser: Client, to: Connector) -> None:
    first, *_ = history(to)
    Connector.objects.filter(pk=to.pk).update(platform="other")

    text = browser.post(act(first, "roll_back")).content.decode()

    assert "Nothing was changed: that version was made for the platform rest" in text
    assert FieldMapping.objects.filter(source="custom_fields.number").exists()


def test_a_reader_sees_versions_and_changes_nothing(to: Connector) -> None:
    first, *_ = history(to)
    reader = staff("events.view_configversion")

    shown = reader.get(change(first))
    assert shown.status_code == 200
    assert act(first, "roll_back") not in shown.content.decode()
    assert reader.post(act(first, "roll_back")).status_code == 403
    for name in ("add", "delete"):
        key = [] if name == "add" else [first.pk]
        assert reader.post(page(f"events_configversion_{name}", *key), {"post": "yes"}).status_code == 403
    assert reader.post(change(first), {"comment": "x"}).status_code == 403
    assert made(to) == [(2, "rui"), (3, "")]


def test_nobody_changes_or_deletes_a_version(browser: Client, to: Connector) -> None:
    first = ConfigVersion.objects.get(connector=to)

    assert browser.post(change(first), {"comment": "x"}).status_code == 403
    assert browser.post(page("events_configversion_delete", first.pk), {"post": "yes"}).status_code == 403

    assert ConfigVersion.objects.get() == first
