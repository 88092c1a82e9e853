"""What an operator reads about the state of a connector."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connectors.models import ConnectorState

from . import world
from .conftest import staff

pytestmark = pytest.mark.django_db

LIST = reverse("admin:connectors_connectorstate_changelist")


def state(name: str, **more: object) -> ConnectorState:
    return ConnectorState.objects.create(connector=world.connector(world.company(name), name), **more)


def test_the_list_says_what_stands_in_the_way_of_each(browser: Client) -> None:
    state("Held Desk", held_at=timezone.now(), held_sentence="The key was refused.")
    state("Dead Desk", breaker="open", failure="No answer came.", failures=5)
    text = browser.get(LIST).content.decode()
    assert "until a person resumes it. The key was refused." in text
    assert "Last failure: No answer came." in text


def test_the_page_shows_the_sentence_and_links_to_the_connector(browser: Client) -> None:
    row = state("Dead Desk", breaker="open", failure="No answer came.", failing_key="wo:77")
    page = browser.get(reverse("admin:connectors_connectorstate_change", args=[row.pk])).content.decode()
    assert "The system failed several times in a row, so deliveries wait." in page
    assert "wo:77" in page
    assert reverse("admin:connectors_connector_change", args=[row.connector_id]) in page


def test_nobody_writes_it_by_hand(browser: Client) -> None:
    row = state("Dead Desk", breaker="open")
    address = reverse("admin:connectors_connectorstate_change", args=[row.pk])
    assert browser.post(address, {"breaker": "closed"}).status_code == 403
    assert browser.get(reverse("admin:connectors_connectorstate_add")).status_code == 403
    assert ConnectorState.objects.get().breaker == "open"


def test_who_may_not_see_it_does_not() -> None:
    row = state("Dead Desk")
    page = reverse("admin:connectors_connectorstate_change", args=[row.pk])
    nobody = staff()
    assert [nobody.get(address).status_code for address in (LIST, page)] == [403, 403]
    seeing = staff("connectors.view_connectorstate")
    assert [seeing.get(address).status_code for address in (LIST, page)] == [200, 200]


def test_the_list_costs_the_same_for_1_row_and_for_20(browser: Client) -> None:
    state("First")
    browser.get(LIST)
    with CaptureQueriesContext(connection) as one:
        browser.get(LIST)
    for number in range(19):
        state(f"System {number}")
    with CaptureQueriesContext(connection) as many:
        browser.get(LIST)
    assert len(many) == len(one)


@pytest.mark.parametrize(
    "why",
    [
        {"held_at": timezone.now(), "held_code": "authentication", "held_sentence": "The key was refused."},
        {"breaker": "open", "failure": "No answer came.", "failures": 5, "openings": 2},
    ],
)
def test_a_person_resumes_what_is_held_or_does_not_answer(browser: Client, why: dict[str, object]) -> None:
    row = state("Help Desk", **why)
    page = reverse("admin:connectors_connector_change", args=[row.connector_id])
    resume = reverse("admin:connectors_connector_act", args=[row.connector_id, "resume"])
    shown = browser.get(page).content.decode()
    assert row.condition.sentence in shown
    assert resume in shown

    browser.post(resume)
    row.refresh_from_db()
    assert row.held_at is None
    assert row.breaker != "open" or (row.next_probe_at is not None and row.next_probe_at <= timezone.now())


def test_a_connector_that_is_well_has_nothing_to_resume(browser: Client) -> None:
    row = state("Help Desk")
    page = browser.get(reverse("admin:connectors_connector_change", args=[row.connector_id])).content.decode()
    assert reverse("admin:connectors_connector_act", args=[row.connector_id, "resume"]) not in page
