"""From what one sees to the place where it is mended: the right error, of the right connector."""

from __future__ import annotations

import html

import pytest
from django.test import Client
from django.urls import reverse

from connectors.models import ConnectorState
from events.states import State
from events.troubleshoot import places
from events.troubleshoot.errors import help_link
from mappings.models import RecordLink
from tests.admin import world as small
from tests.flows.conftest import World, event

from .asking import ask, ask_live
from .cases import ORDER, synced

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("worker")]


@pytest.mark.parametrize(
    ("status", "code"), [(401, "authentication"), (403, "waiting_auth"), (404, "configuration"), (503, "unavailable")]
)
def test_a_failed_test_is_explained_by_what_it_failed_of(world: World, browser: Client, status: int, code: str) -> None:
    world.fault("help_desk", path="/api/metadata", times=1, status=status)
    assert ask_live(browser, ORDER, "test", world.connector.pk).check("Are the credentials valid?").code == code


def test_a_system_that_is_not_reached_is_no_matter_of_credentials(world: World, browser: Client) -> None:
    connector = world.connector
    connector.settings = {**connector.settings, "base_url": "http://127.0.0.1:9"}
    connector.save()
    check = ask_live(browser, ORDER, "test", connector.pk).check("Are the credentials valid?")
    assert (check.code, check.places) == ("not_sent", ("settings", "company"))


def test_a_hold_by_field_nation_leads_to_its_account(world: World, browser: Client) -> None:
    world.demo.company.password = "wrong-password-of-the-test"
    world.demo.company.save()
    ticket = world.person_creates_ticket()
    world.trigger(ticket)
    world.deliver()
    answer = ask(browser, ticket)
    assert (answer.code, answer.fixes[:2]) == ("held_auth", ["Settings and credentials", "Field Nation account"])


def test_the_connector_is_kept_from_the_error_to_the_symptom_and_its_links(browser: Client) -> None:
    to = small.connector(small.company())
    symptom = reverse("admin:troubleshooter_symptom", args=["refused-403"])
    assert f'href="{symptom}?connector={to.pk}"' in browser.get(help_link("waiting_auth", to.pk)).content.decode()
    assert f'href="{symptom}"' in browser.get(help_link("waiting_auth")).content.decode()

    text = browser.get(symptom, {"connector": to.pk}).content.decode()
    assert "Signed in, but calls are refused (403) at Help Desk" in text
    assert f'href="{reverse("admin:connectors_connector_change", args=[to.pk])}"' in text
    assert f'href="{reverse("admin:events_lane_changelist")}?connector__id__exact={to.pk}"' in text
    plain = browser.get(symptom).content.decode()
    assert f'href="{reverse("admin:connectors_connector_changelist")}"' in plain
    assert f'href="{reverse("admin:events_lane_changelist")}"' in plain


@pytest.mark.parametrize("name", [name for name, place in places.PLACES.items() if place.narrow])
def test_a_list_is_of_the_connector_at_hand(browser: Client, name: str) -> None:
    owner = small.company()
    desk, depot = small.connector(owner), small.connector(owner, "Depot")
    for to in (desk, depot):
        made = small.delivery(to, State.WAITING)
        small.log(made)
        RecordLink.objects.create(connector=to, work_order_id=1001)
        ConnectorState.objects.get_or_create(connector=to)
    response = browser.get(places.address(name, depot))
    assert response.status_code == 200
    shown = response.context["rows"] if name == "logs" else response.context["cl"].result_list
    of = [row.log.connector_id if name == "logs" else getattr(row, "connector_id", None) for row in shown]
    assert set(of) == {depot.pk}


def test_logs_and_events_lead_to_what_they_mean(world: World, browser: Client) -> None:
    """Also where there is no delivery, whose page would say it."""
    synced(world)
    id = world.post(event(event_type="FN_WO_PUBLISHED")).json()["id"]
    meaning, pk = help_link("not_ticked", world.connector.pk), world.connector.pk
    for address in (
        reverse("admin:synclog_synclog_changelist"), reverse("admin:connectors_connector_logs", args=[pk])
    ):  # fmt: skip
        text = html.unescape(browser.get(address).content.decode())
        assert text.count(f'href="{meaning}"') == 1
        assert text.count("/troubleshooter/errors/") == 1
    assert places.asking(id) in browser.get(reverse("admin:events_event_change", args=[id])).content.decode()
