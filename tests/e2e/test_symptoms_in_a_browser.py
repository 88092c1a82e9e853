"""A person sees that something is wrong, and finds the sentence, the cause and the place where it is mended.

Each symptom is brought about in the sandbox; an operator then reads the page where they would look, follows its link to
the error's page and from there to the symptom's, opens each link to the fix, and asks the troubleshooter as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from events.models import Delivery
from events.troubleshoot.errors import ERRORS
from events.troubleshoot.symptoms import SYMPTOMS
from tests.flows.conftest import World, world
from tests.troubleshoot.conftest import worker

from .symptom_scenarios import PAGES, SCENARIOS, Scenario
from .test_troubleshooter import find_out

__all__ = ["worker", "world"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("worker")]


@pytest.fixture(scope="module")
def window(chrome: Browser) -> Iterator[BrowserContext]:
    """One for all, so that styles and scripts are fetched once."""
    context = chrome.new_context()
    yield context
    context.close()


@dataclass(frozen=True)
class Operator:
    """Olga at her browser."""

    page: Page
    server: str
    world: World

    def opens(self, address: str) -> None:
        self.page.goto(f"{self.server}{address}", wait_until="domcontentloaded")

    def follows(self, name: str, *, within: Page | Locator | None = None) -> None:
        (within or self.page).get_by_role("link", name=name, exact=True).first.click()

    def address(self, label: str) -> str:
        connector = self.world.connector
        return PAGES[label][0].format(connector=connector.pk, company=connector.company_id)


@pytest.fixture
def olga(window: BrowserContext, transactional_db: Any, live_server: Any, world: World) -> Iterator[Operator]:
    client = Client()
    client.force_login(User.objects.create_superuser("olga", "", None))
    window.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = window.new_page()
    page.set_default_timeout(15_000)
    yield Operator(page, live_server.url, world)
    page.close()


def test_every_symptom_is_brought_about() -> None:
    assert {scenario.slug for scenario in SCENARIOS} == set(SYMPTOMS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_symptom_leads_to_its_sentence_and_its_fix(olga: Operator, scenario: Scenario) -> None:
    term = scenario.cause(olga.world)

    looks(olga, scenario, term)
    reads_what_the_error_means(olga, scenario)
    olga.follows(SYMPTOMS[scenario.slug].title)
    reads_the_symptom(olga, scenario)
    for label in scenario.fixes:
        opens_the_fix(olga, label)
    asks(olga, scenario, term)
    fix = failing(olga, scenario).get_by_role("link", name=scenario.fix, exact=True)
    expect(fix).to_be_visible()


def looks(olga: Operator, scenario: Scenario, term: object) -> None:
    """Read what is told where a person looks first, and go from there to the error's page."""
    error = ERRORS[scenario.code].title
    if scenario.looks.startswith("logs"):
        olga.opens(reverse("admin:synclog_synclog_changelist"))
        row = olga.page.locator("tr[data-log]", has=olga.page.get_by_role("link", name=scenario.code, exact=True)).first
        expect(row).to_contain_text(scenario.told)
        if scenario.looks == "logs":
            olga.follows(scenario.code, within=row)
            return
        olga.follows("Event", within=row)
        olga.follows("Why did it not sync?")
        olga.follows(error, within=failing(olga, scenario))
        return
    if scenario.looks in ("trigger url", "overview"):
        olga.opens(olga.address("Trigger URL" if scenario.looks == "trigger url" else "Overview"))
        expect(olga.page.get_by_text(scenario.told).first).to_be_visible()
        asks(olga, scenario, term)
        olga.follows(error, within=failing(olga, scenario))
        return
    newest = Delivery.objects.order_by("-seq")
    delivery = newest.filter(reason=scenario.code).first() or newest[0]
    olga.opens(reverse("admin:events_delivery_change", args=[delivery.pk]))
    if scenario.looks == "mapped rows":
        olga.page.get_by_text(re.compile("Mapped, field by field")).click()
    expect(olga.page.get_by_text(scenario.told).first).to_be_visible()
    if scenario.looks == "delivery":
        olga.follows("What this means")
        return
    olga.follows("Why did it not sync?")
    olga.follows(error, within=failing(olga, scenario))


def reads_what_the_error_means(olga: Operator, scenario: Scenario) -> None:
    entry = ERRORS[scenario.code]
    expect(olga.page).to_have_title(re.compile(f"^{re.escape(entry.title)} "))
    about = olga.page.locator(".broker-why-about")
    expect(about).to_contain_text(f"{scenario.code} at Help Desk")
    expect(about).to_contain_text(entry.meaning)


def reads_the_symptom(olga: Operator, scenario: Scenario) -> None:
    """Its title, the first step, the links to the fix, and the way back to the error."""
    title = SYMPTOMS[scenario.slug].title
    expect(olga.page).to_have_title(re.compile(f"^{re.escape(title)} "))
    first = olga.page.locator(".broker-panel", has_text="look at this, in order")
    expect(first.get_by_role("heading")).to_have_text(f"{title} at Help Desk: look at this, in order")
    expect(first.locator("ol > li").first).to_contain_text(scenario.step)
    fixes = first.locator(".broker-why-links a")
    expect(fixes).to_have_text(list(scenario.fixes))
    for number, label in enumerate(scenario.fixes):
        expect(fixes.nth(number)).to_have_attribute("href", olga.address(label))
    expect(olga.page.get_by_role("link", name=ERRORS[scenario.code].title, exact=True)).to_be_visible()


def opens_the_fix(olga: Operator, label: str) -> None:
    """With the operator's own session; the page is not drawn, which would take most of the run."""
    answer = olga.page.request.get(f"{olga.server}{olga.address(label)}", max_redirects=0)
    assert answer.status == 200, label
    found = re.search(r"<title>\s*(.*?) \| Integration Broker\s*</title>", answer.text(), re.DOTALL)
    assert found is not None, label
    assert unescape(found[1]) == PAGES[label][1]


def asks(olga: Operator, scenario: Scenario, term: object) -> None:
    """The troubleshooter names the check that fails first, or what is amiss although it is in step."""
    olga.opens(reverse("admin:troubleshooter"))
    find_out(olga.page, term)
    if scenario.press:
        olga.page.get_by_role("button", name=scenario.press).click()
    first = olga.page.locator(".broker-why-checks > li.is-first")
    if scenario.aside:
        expect(first).to_have_count(0)
    elif not scenario.press:
        expect(first.locator(".broker-why-question")).to_have_text(scenario.check)
    expect(failing(olga, scenario)).to_contain_text(scenario.says)


def failing(olga: Operator, scenario: Scenario) -> Locator:
    """Where the failing check is told with its links: on top, or in its place in the list."""
    page = olga.page
    asked = page.locator(".broker-why-checks > li", has=page.get_by_text(scenario.check, exact=True))
    expect(asked.locator(".broker-mark")).to_have_text("no")
    if scenario.aside:
        return asked
    return page.get_by_role("status")
