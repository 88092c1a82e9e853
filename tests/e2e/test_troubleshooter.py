"""A person sees that something did not arrive, types its id, and is told why and what to do about it.

Everything is caused in the sandbox, by simulators that run as real servers; the pages come from a server of the
suite's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from events.models import Delivery
from events.report import sentence_of
from events.troubleshoot.errors import ERRORS
from events.troubleshoot.symptoms import SYMPTOMS
from tests.flows.conftest import World, world
from tests.troubleshoot.cases import CASES, ORDER, Case, synced, values_are_refused
from tests.troubleshoot.conftest import worker

from .own_server import LOOKS, opened

__all__ = ["worker", "world"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("worker")]


@pytest.fixture
def page(chrome: Browser, transactional_db: Any, live_server: Any, world: World) -> Iterator[Page]:
    opened = sign_in(chrome, live_server)
    yield opened
    opened.context.close()


def sign_in(chrome: Browser, server: Any, **options: Any) -> Page:
    """The troubleshooter, opened by an operator."""
    return opened(chrome, server, reverse("admin:troubleshooter"), **options)


def find_out(page: Page, term: object) -> None:
    page.get_by_label("Id of the record").fill(str(term))
    page.get_by_role("button", name="Find out").click()
    page.wait_for_url("**q=**")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_why_it_did_not_sync_and_what_to_do(page: Page, live_server: Any, world: World, case: Case) -> None:
    term = case.cause(world)

    find_out(page, term)

    headline = page.get_by_role("status")
    expect(headline).to_contain_text(case.says)
    expect(headline).to_contain_text("What to do:")
    expect(headline.get_by_role("link", name=case.fix, exact=True)).to_be_visible()
    expect(page.locator(".broker-why-checks > li.is-first")).to_have_count(1)

    entry = ERRORS[case.code]
    headline.get_by_role("link", name=entry.title, exact=True).click()
    expect(page.get_by_text(entry.meaning, exact=True)).to_be_visible()
    for fix in entry.fixes:
        expect(page.get_by_text(fix, exact=True).first).to_be_visible()
    page.go_back()

    if case.delivery:
        headline.get_by_role("link", name=case.fix, exact=True).wait_for()
        delivery = Delivery.objects.select_related("connector__company", "connector__state").get(pk=shown(page))
        page.goto(f"{live_server.url}{reverse('admin:events_delivery_change', args=[delivery.pk])}")
        expect(page.get_by_text(sentence_of(delivery)).first).to_be_visible()


def shown(page: Page) -> str:
    """The delivery that the checks are about, from its link on top."""
    told = page.get_by_role("status").locator("dl > div", has=page.locator("dt", has_text="delivery"))
    address = told.get_by_role("link").first.get_attribute("href")
    assert address is not None
    return address.split("/")[-3]


def test_all_is_well_and_the_proof_is_one_click_away(page: Page, world: World) -> None:
    synced(world)
    find_out(page, ORDER)
    headline = page.get_by_role("status")
    expect(headline).to_contain_text("Record 1001 was created.")
    headline.get_by_role("link").first.click()
    page.wait_for_url("**/events/delivery/*/change/")


def test_the_way_from_a_symptom_to_the_setting(page: Page, world: World) -> None:
    """No id at hand: from what one sees to the error, and from there to the list and the setting."""
    values_are_refused(world)
    page.get_by_role("link", name=SYMPTOMS["invalid-value"].title).click()
    expect(page.get_by_text("Which type and form does the target want?")).to_be_visible()
    page.get_by_role("link", name=ERRORS["validation"].title).click()
    page.get_by_role("link", name="1 delivery now").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.go_back()
    page.get_by_role("link", name="Field Mappings", exact=True).last.click()
    page.wait_for_url("**/fieldmapping/**")


def test_the_credentials_are_tested_at_the_press_of_a_button(page: Page, world: World) -> None:
    world.connector.secrets = {"api_key": "wrong-key-of-the-test"}
    world.connector.save()
    world.post({"event_type": "FN_WO_PUBLISHED", "event_timestamp": "2026-06-28T19:05:41Z", "workorder": {"id": ORDER}})
    find_out(page, ORDER)
    credentials = page.locator(".broker-why-checks > li", has_text="Are the credentials valid?")
    expect(credentials.locator(".broker-mark")).to_have_text("cannot tell")
    page.get_by_role("button", name="Test the connection").click()
    expect(credentials.locator(".broker-mark")).to_have_text("no")
    expect(credentials).to_contain_text("refused the credentials (401)")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_pages_fit_and_can_be_read(
    chrome: Browser, transactional_db: Any, live_server: Any, world: World, scheme: Any, width: int
) -> None:
    values_are_refused(world)
    page = sign_in(chrome, live_server, color_scheme=scheme, viewport={"width": width, "height": 900})
    addresses = [
        f"{reverse('admin:troubleshooter')}?q={ORDER}",
        reverse("admin:troubleshooter_errors"),
        reverse("admin:troubleshooter_error", args=["validation"]),
        reverse("admin:troubleshooter_symptoms"),
        reverse("admin:troubleshooter_symptom", args=["nothing-syncs"]),
    ]
    folder = os.environ.get("BROKER_PICTURES")
    for number, address in enumerate(addresses):
        page.goto(f"{live_server.url}{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        found = Axe().run(page, context=".broker-why")
        assert found.violations_count == 0, found.generate_report()
        if folder:
            page.screenshot(path=f"{folder}/why-{number}-{scheme}-{width}.png", full_page=True)
    page.context.close()
