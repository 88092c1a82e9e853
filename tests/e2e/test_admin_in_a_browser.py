"""A person at the demo: signs in, reads what happened, retries, pauses and resumes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from .running import RunningDemo, assign_new_order, make_a_dead_letter, signed_in, wait_for_rows

pytestmark = pytest.mark.browser

LISTS = [
    "connectors/company", "connectors/connector", "events/eventtrigger", "mappings/fieldmapping",
    "mappings/recordlink", "events/eventsource", "synclog/synclog", "events/delivery", "events/event", "auth/user",
    "auth/group", "django_celery_beat/periodictask",
]  # fmt: skip


def open_first_row(page: Page, text: str | re.Pattern[str]) -> None:
    page.locator("#result_list tbody tr", has_text=text).first.get_by_role("link").first.click()


def act(page: Page, name: str) -> None:
    """Press a button of a detail page and answer its question."""
    worded = re.compile(rf"\b{name}\s*$")  # an icon's name may stand before it
    page.locator(".broker-above .broker-acts").locator("a, button").filter(has_text=worded).click()
    page.locator("form.broker-confirm button").filter(has_text=worded).click()


def test_what_became_of_each_delivery_is_read_in_the_logs(demo: RunningDemo, chrome: Browser) -> None:
    page = signed_in(chrome, demo)
    page.get_by_role("link", name="receipt_long Integration Logs").click()
    # The sample event and the webhook of the same work order race: either may be the one that creates the record.
    open_first_row(page, re.compile(r"Record \d+ was created\."))
    expect(page.get_by_text(re.compile(r"^Record \d+ was created\.$")).first).to_be_visible()
    expect(page.get_by_text("Rui Okafor", exact=True)).to_be_visible()
    expect(page.get_by_text("POST", exact=True)).to_be_visible()
    page.context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_every_page_opens_without_an_error_and_fits_the_window(
    demo: RunningDemo, chrome: Browser, scheme: str, width: int
) -> None:
    page = signed_in(chrome, demo, color_scheme=scheme, viewport={"width": width, "height": 900})
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(f"{page.url}: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("response", lambda got: wrong.append(f"{got.url}: {got.status}") if got.status >= 400 else None)
    opened = 0
    for name in ["", *(f"{name}/" for name in LISTS)]:
        page.goto(f"{demo.broker}/admin/{name}")
        link = page.locator("#result_list tbody a").first
        addresses = [page.url] + ([link.get_attribute("href") or ""] if link.count() else [])
        for address in addresses:
            page.goto(address if address.startswith("http") else f"{demo.broker}{address}")
            page.wait_for_load_state("networkidle")
            opened += 1
            too_wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
            assert too_wide <= 0, f"{page.url} is {too_wide} px wider than the window"
    assert opened > 20
    assert wrong == []
    page.context.close()


def test_a_dead_letter_arrives_after_a_person_retries_it(demo: RunningDemo, chrome: Browser) -> None:
    number = make_a_dead_letter(demo)
    page = signed_in(chrome, demo)
    wait_for_rows(page, f"{demo.broker}/admin/events/delivery/?state__exact=dead")
    open_first_row(page, f"work order {number}")
    expect(page.get_by_text("The requester is on hold.").first).to_be_visible()
    act(page, "Retry")
    wait_for_rows(page, f"{demo.broker}/admin/events/delivery/?state__exact=succeeded&q={number}")
    page.goto(demo.help_desk)
    expect(page.get_by_text("Move two access points")).to_be_visible()
    page.context.close()


def test_a_paused_connector_keeps_events_until_it_is_resumed(demo: RunningDemo, chrome: Browser) -> None:
    page = signed_in(chrome, demo)
    page.goto(f"{demo.broker}/admin/connectors/connector/")
    open_first_row(page, "Help Desk")
    act(page, "Pause")
    number = assign_new_order(demo, "Install a camera")
    wait_for_rows(page, f"{demo.broker}/admin/events/delivery/?state__exact=pending&q={number}")
    page.goto(f"{demo.broker}/admin/connectors/connector/")
    open_first_row(page, "Help Desk")
    act(page, "Resume")
    wait_for_rows(page, f"{demo.broker}/admin/events/delivery/?state__exact=succeeded&q={number}")
    page.context.close()
