"""The dashboard in a browser: an empty installation, a healthy one and a burning one, in both themes and widths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, FloatRect, Page, expect

from connectors.models import Connector
from synclog.rollup_write import Tally
from tests.admin import world
from tests.synclog import course

from . import states
from .own_server import LOOKS, opened

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PICTURES = os.environ.get("DASHBOARD_PICTURES", "")
"""A folder for pictures to look at; none are made without it."""
DRAWN = "() => [...document.querySelectorAll('canvas[data-chart]')].every((canvas) => Chart.getChart(canvas))"
PAGE_FITS = "() => document.documentElement.scrollWidth <= window.innerWidth"


@pytest.fixture
def page(chrome: Browser, live_server: Any) -> Iterator[Page]:
    page = opened(chrome, live_server)
    yield page
    page.context.close()


def look(page: Page, name: str) -> None:
    """In both themes and widths the page fits its width and every chart is drawn."""
    for theme, width in LOOKS:
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        page.reload()
        page.wait_for_function(DRAWN)
        if PICTURES:
            clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": 1500}
            page.screenshot(path=Path(PICTURES) / f"{name}-{theme}-{width}.png", full_page=True, clip=clip)
        assert page.evaluate(PAGE_FITS), f"{name} is wider than {width} pixels ({theme})"


def tile(page: Page, name: str) -> Any:
    return page.locator(f"[data-tile={name}] strong")


def test_an_empty_installation_looks_right(page: Page) -> None:
    look(page, "empty")
    expect(tile(page, "rate")).to_have_text("0 / min")
    expect(tile(page, "success")).to_have_text("-")
    expect(tile(page, "queue")).to_have_text("0")


def test_a_healthy_installation_looks_right(page: Page) -> None:
    owner = world.company("Sandbox company")
    made = [world.connector(owner, name).pk for name in ("Help Desk", "Ledger", "Depot")]
    course.week(made, timezone.now())
    look(page, "healthy")
    page.get_by_role("link", name="7 d").click()
    page.wait_for_function(DRAWN)
    look(page, "healthy-week")


def test_a_burning_installation_says_what_is_wrong(page: Page) -> None:
    states.everything()
    ids = list(Connector.objects.order_by("pk").values_list("pk", flat=True))
    course.week(ids, timezone.now(), failing=ids[:2])
    look(page, "burning")


def test_choosing_a_connector_and_a_direction_changes_the_figures(page: Page) -> None:
    owner = world.company("Sandbox company")
    first, second = (world.connector(owner, name) for name in ("Help Desk", "Ledger"))
    tally = Tally()
    for connector, direction, times in ((first, "outbound", 60), (first, "inbound", 30), (second, "outbound", 6)):
        for _ in range(times):
            tally.outcome((connector.pk, owner.pk, direction), "succeeded")
    tally.write()
    notes = page.locator("[data-tile=success] p")

    page.reload()
    expect(notes).to_contain_text("96 arrived")
    page.get_by_label("Connector", exact=True).select_option("Help Desk")
    expect(notes).to_contain_text("90 arrived")
    page.get_by_label("Direction", exact=True).select_option("Inbound")
    expect(notes).to_contain_text("30 arrived")


def test_it_brings_itself_up_to_date(page: Page) -> None:
    page.clock.install()
    page.reload()
    expect(tile(page, "errors")).to_have_text("-")
    tally = Tally()
    tally.outcome((1, 1, "outbound"), "dead", failed_as="validation")
    tally.write()
    page.clock.fast_forward(int(timedelta(seconds=31).total_seconds() * 1000))
    expect(tile(page, "errors")).to_have_text("100 %")
    expect(page.get_by_role("link", name="1 failed attempt")).to_be_visible()
