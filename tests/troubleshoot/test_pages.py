"""Who may open the pages, what they show, and what the buttons ask of the systems."""

from __future__ import annotations

import html
from typing import Any

import pytest
import requests
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events.models import Delivery
from events.states import State
from events.troubleshoot import counts
from events.troubleshoot.errors import ERRORS, help_link
from events.troubleshoot.symptoms import SYMPTOMS
from tests.admin import world as small
from tests.admin.conftest import staff
from tests.flows.conftest import World, event

from .asking import ask, ask_live
from .cases import ORDER, synced

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("worker")]

ADDRESS = "admin:troubleshooter"
SEES = ("events.view_delivery", "synclog.view_synclog")
PAGES = [
    (ADDRESS, []),
    ("admin:troubleshooter_errors", []),
    ("admin:troubleshooter_error", ["validation"]),
    ("admin:troubleshooter_symptoms", []),
    ("admin:troubleshooter_symptom", ["nothing-syncs"]),
]


@pytest.mark.parametrize(("route", "args"), PAGES)
def test_both_permissions_are_needed(route: str, args: list[str]) -> None:
    address = reverse(route, args=args)
    assert staff(*SEES).get(address).status_code == 200
    for one in SEES:
        assert staff(one).get(address).status_code == 403
    assert Client().get(address).status_code == 302


def test_without_an_id_the_symptoms_are_offered(browser: Client) -> None:
    text = browser.get(reverse(ADDRESS)).content.decode()
    for slug in SYMPTOMS:
        assert reverse("admin:troubleshooter_symptom", args=[slug]) in text


@pytest.mark.parametrize("query", [{"connector": "x"}, {"event": "FN_WO_NONE"}, {"connector": "9" * 40}])
def test_what_is_not_understood_counts_as_not_asked(browser: Client, query: dict[str, str]) -> None:
    small.connector(small.company())
    response = browser.get(reverse(ADDRESS), {"q": "1001\0", **query})
    assert response.status_code == 200
    assert [card.facts.name for card in response.context["cards"]] == ["Help Desk"]


def test_without_any_connector_it_says_so(browser: Client) -> None:
    assert "There is no connector yet" in browser.get(reverse(ADDRESS), {"q": "1"}).content.decode()


def test_what_came_in_is_listed_with_what_became_of_it(browser: Client) -> None:
    to = small.connector(small.company())
    made = small.delivery(to, State.DEAD)
    other = small.event(to.company, 1001, event_type="FN_WO_DONE")
    response = browser.get(reverse(ADDRESS), {"q": "1001"})
    newest, oldest = response.context["history"].rows
    assert (newest[1], newest[2]) == ("FN_WO_DONE", "It made no delivery.")
    assert f"?q={other.pk}" in newest[3]
    assert "Dead letter" in oldest[2]
    assert reverse("admin:events_delivery_change", args=[made.pk]) in oldest[2]


def test_links_lead_only_where_the_person_may_go() -> None:
    to = small.connector(small.company())
    small.delivery(to, State.DEAD, reason="validation", sentence="Refused.")
    narrow, wide = (
        staff(*permissions).get(reverse(ADDRESS), {"q": "1001"}).content.decode()
        for permissions in (SEES, (*SEES, "connectors.view_connector", "events.view_event"))
    )
    settings = reverse("admin:connectors_connector_change", args=[to.pk])
    event_page = reverse("admin:events_event_change", args=[Delivery.objects.get().event_id])
    assert (settings in narrow, settings in wide) == (False, True)
    assert (event_page in narrow, event_page in wide) == (False, True)


def test_what_was_stored_is_shown_as_text(browser: Client) -> None:
    to = small.connector(small.company(), "<b>Desk</b>")
    small.delivery(to, State.DEAD, reason="validation", sentence="Given up: <script>alert(1)</script> is wrong.")
    text = browser.get(reverse(ADDRESS), {"q": "1001"}).content.decode()
    assert "<script>alert(1)" not in text
    assert "<b>Desk</b>" not in text
    assert "Given up: <script>alert(1)</script> is wrong." in html.unescape(text)


def test_no_page_shows_a_secret(browser: Client) -> None:
    small.everything()
    for term in (1001, 1003, "TCK-9"):
        text = browser.get(reverse(ADDRESS), {"q": term}).content.decode()
        assert not [secret for secret in small.SECRETS if secret in text]


def test_the_number_of_queries_of_the_page_is_fixed(browser: Client) -> None:
    owner = small.company()
    small.delivery(small.connector(owner), State.DEAD)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            browser.get(reverse(ADDRESS), {"q": "1001"})
        return len(seen)

    one = queries()
    for number in range(4):
        small.delivery(small.connector(owner, f"System {number}"), State.DEAD)
    assert queries() == one


# --- asking the systems -----------------------------------------------------------------------------------------------


def test_the_credentials_are_tested_on_request_only(world: World, browser: Client) -> None:
    world.connector.secrets = {"api_key": "wrong-key-of-the-test"}
    world.connector.save()
    assert ask(browser, ORDER).verdict("Are the credentials valid?") == "cannot tell"
    assert world.calls("GET", "/api/metadata") == []

    answer = ask_live(browser, ORDER, "test", world.connector.pk)

    assert answer.verdict("Are the credentials valid?") == "no"
    assert "refused the credentials (401)" in answer.check("Are the credentials valid?").sentence
    assert len(world.calls("GET", "/api/metadata")) == 1
    assert "wrong-key-of-the-test" not in answer.text


def test_good_credentials_are_told_for_both_sides(world: World, browser: Client) -> None:
    check = ask_live(browser, ORDER, "test", world.connector.pk).check("Are the credentials valid?")
    assert check.verdict.value == "yes"
    assert [one.name for one in check.evidence] == ["tested just now"] * 2
    assert "Signed in to" in check.evidence[1].value


def webhook_at_field_nation(
    world: World, status: str, *, field_nation: str = "", broker: str = "http://127.0.0.1:8000"
) -> None:
    company, field_nation = world.demo.company, field_nation or world.field_nation_url
    token = requests.post(
        f"{field_nation}/authentication/api/oauth/token",
        json={
            "grant_type": "password", "client_id": company.client_id, "client_secret": company.client_secret,
            "username": company.username, "password": company.password,
        },
        timeout=5,
    ).json()["access_token"]  # fmt: skip
    answer = requests.post(
        f"{field_nation}/api/v1/webhooks",
        json={
            "url": f"{broker}/webhooks/fieldnation/{company.webhook_key}/", "method": "post",
            "status": status, "events": ["workorder.status.assigned"], "secret": company.webhook_secret,
        },
        headers={"Authorization": f"Bearer {token}"},
        timeout=5,
    )  # fmt: skip
    assert answer.ok, answer.text


@pytest.mark.parametrize(
    ("status", "verdict", "says"),
    [
        ("active", "yes", "is active"),
        ("inactive", "no", "is not active in Field Nation (it is inactive)"),
        ("", "no", "has no webhook with this company's address"),
    ],
)
def test_field_nation_is_asked_about_its_webhook(
    world: World, browser: Client, status: str, verdict: str, says: str
) -> None:
    if status:
        webhook_at_field_nation(world, status)
    answer = ask_live(browser, 555, "webhooks", world.connector.pk)
    check = answer.check("Does Field Nation's webhook bring this event?")
    assert (check.verdict.value, check.code) == (verdict, "" if verdict == "yes" else "webhook_off")
    assert says in check.sentence
    assert answer.code == ("not_received" if verdict == "yes" else "webhook_off")


def test_a_webhook_question_that_is_refused_is_told(world: World, browser: Client) -> None:
    world.demo.company.password = "wrong-password-of-the-test"
    world.demo.company.save()
    answer = ask_live(browser, 555, "webhooks", world.connector.pk)
    check = answer.check("Does Field Nation's webhook bring this event?")
    assert check.verdict.value == "cannot tell"
    assert check.sentence
    assert "wrong-password-of-the-test" not in answer.text


@pytest.mark.parametrize("act", ["test", "webhooks"])
def test_a_reader_may_not_ask_the_systems(world: World, act: str) -> None:
    reader = staff(*SEES)
    assert 'name="act"' not in reader.get(reverse(ADDRESS), {"q": ORDER}).content.decode()
    asked = {"q": ORDER, "act": act, "at": world.connector.pk}
    assert reader.post(reverse(ADDRESS), asked).status_code == 403
    assert world.calls("GET", "/api/metadata") == []


@pytest.mark.parametrize("change", [{"act": "delete"}, {"at": "999"}, {"at": ""}, {"q": ""}])
def test_a_button_that_is_not_there_does_nothing(world: World, browser: Client, change: dict[str, str]) -> None:
    asked = {"q": ORDER, "act": "test", "at": world.connector.pk, **change}
    assert browser.post(reverse(ADDRESS), asked).status_code == 400
    assert world.calls("GET", "/api/metadata") == []


def test_asking_changes_nothing(world: World, browser: Client) -> None:
    synced(world)
    before = list(Delivery.objects.values())
    ask_live(browser, ORDER, "test", world.connector.pk)
    assert list(Delivery.objects.values()) == before
    assert not LogEntry.objects.exists()


def test_a_forged_request_is_refused(world: World, operator: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator)
    asked = {"q": ORDER, "act": "test", "at": world.connector.pk}
    assert strict.post(reverse(ADDRESS), asked).status_code == 403


# --- error pages and symptoms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_page_opens(browser: Client, code: str) -> None:
    assert browser.get(help_link(code)).status_code == 200


@pytest.mark.parametrize("slug", SYMPTOMS)
def test_every_symptom_opens_and_leads_to_its_errors(browser: Client, slug: str) -> None:
    response = browser.get(reverse("admin:troubleshooter_symptom", args=[slug]))
    text = response.content.decode()
    for code in SYMPTOMS[slug].codes:
        assert help_link(code) in text
    assert ('name="q"' in text) is SYMPTOMS[slug].asks


@pytest.mark.parametrize(
    ("route", "key"), [("admin:troubleshooter_error", "none"), ("admin:troubleshooter_symptom", "none")]
)
def test_an_unknown_page_is_not_found(browser: Client, route: str, key: str) -> None:
    assert browser.get(reverse(route, args=[key])).status_code == 404


def test_the_error_page_counts_what_carries_the_code_now(browser: Client) -> None:
    owner = small.company()
    desk, depot = small.connector(owner), small.connector(owner, "Depot")
    for to in (desk, desk, depot):
        small.delivery(to, State.DEAD, reason="validation")
    small.delivery(desk, State.WAITING, reason="waiting_auth")
    small.delivery(desk, State.RETRYING, reason="unavailable")
    small.delivery(desk, State.SUCCEEDED, reason="validation")  # done with
    told = {
        (code, to and to.name): browser.get(help_link(code, to.pk if to else None)).context["now"]
        for code in ("validation", "waiting_auth", "unavailable", "not_found")
        for to in (None, desk)
    }
    assert {key: now.text for key, now in told.items()} == {
        ("validation", None): "3 deliveries now",
        ("validation", "Help Desk"): "2 deliveries now",
        ("waiting_auth", None): "1 delivery now",
        ("waiting_auth", "Help Desk"): "1 delivery now",
        ("unavailable", None): "1 delivery now",
        ("unavailable", "Help Desk"): "1 delivery now",
        ("not_found", None): "No deliveries now",
        ("not_found", "Help Desk"): "No deliveries now",
    }
    listed = browser.get(told["waiting_auth", "Help Desk"].address)
    assert listed.context["cl"].result_count == 1


def test_the_count_is_capped_and_says_so(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "LOOKED_AT", 2)
    to = small.connector(small.company())
    for _ in range(3):
        small.delivery(to, State.DEAD, reason="validation")
    now = browser.get(help_link("validation")).context["now"]
    assert (now.count, now.text) == (2, "2 deliveries now among the newest 2")


def test_the_links_of_an_error_page_are_those_of_the_connector(browser: Client) -> None:
    to = small.connector(small.company())
    text = browser.get(help_link("validation", to.pk)).content.decode()
    assert reverse("admin:connectors_connector_mappings", args=[to.pk]) in text
    assert "at Help Desk" in text
    plain = browser.get(help_link("validation")).content.decode()
    assert reverse("admin:mappings_fieldmapping_changelist") in plain


def test_a_second_look_at_the_same_event(world: World, browser: Client) -> None:
    id = world.post(event()).json()["id"]
    assert ask(browser, id).sentence == "Nothing holds it up: its turn comes."
    world.deliver()
    assert ask(browser, id).card.label == "In step"
