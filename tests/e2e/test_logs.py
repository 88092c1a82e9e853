"""A person in the Integration Logs: filters, follows live, reads a timeline, copies a call, looks at both sides."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

from .running import RunningDemo, assign_new_order, make_a_dead_letter, signed_in, wait_for_rows

pytestmark = pytest.mark.browser

LOGS = "/admin/synclog/synclog/"


def no_serious_finding(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], node["html"]) for one in serious for node in one["nodes"]] == []


def fits(page: Page) -> None:
    assert page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth") <= 0


def box_of(part: Locator) -> FloatRect:
    box = part.bounding_box()
    assert box is not None
    return box


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_new_rows_come_in_while_one_follows_and_wait_while_one_pauses(
    demo: RunningDemo, chrome: Browser, scheme: str, width: int
) -> None:
    page = signed_in(chrome, demo, color_scheme=scheme, viewport={"width": width, "height": 900})
    page.goto(f"{demo.broker}{LOGS}")
    no_serious_finding(page)
    fits(page)
    before = set(page.locator("tr[data-log]").evaluate_all("rows => rows.map(row => row.dataset.log)"))
    page.get_by_role("button", name="Follow live").click()
    number = assign_new_order(demo, f"Hang a sign, {width}")

    row = page.locator("tr[data-log]", has_text=f"Work order {number}").first
    expect(row).to_be_visible(timeout=30_000)
    expect(page.locator("#log-told")).to_contain_text(re.compile(r"New since this page was opened: [1-9]"))
    ids = page.locator("tr[data-log]").evaluate_all("rows => rows.map(row => row.dataset.log)")
    assert len(ids) == len(set(ids))
    assert before <= set(ids)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#log-told")).to_contain_text("Paused.")
    fits(page)
    page.context.close()


def test_a_filter_is_set_shared_by_its_address_and_exported(demo: RunningDemo, chrome: Browser) -> None:
    number = make_a_dead_letter(demo)
    page = signed_in(chrome, demo)
    wait_for_rows(page, f"{demo.broker}{LOGS}?outcome=dead&work_order={number}")
    page.goto(f"{demo.broker}{LOGS}")
    page.get_by_label("Search for an id").fill(str(number))
    page.get_by_label("Outcome", exact=True).select_option("Dead letter")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("tr[data-log]")).to_have_count(1)
    assert f"q={number}" in page.url
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON lines").click()
    text = download.value.path().read_text()
    assert text.count("\n") == 1
    assert f'"work_order_id": {number}' in text
    page.goto(f"{demo.broker}/admin/synclog/auditentry/?kind=exported")
    expect(page.locator("#result_list")).to_contain_text(f"outcome dead, search {number}")
    page.context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_a_timeline_is_read_to_the_end_and_tried_again(
    demo: RunningDemo, chrome: Browser, scheme: str, width: int
) -> None:
    number = make_a_dead_letter(demo)
    page = signed_in(chrome, demo, color_scheme=scheme, viewport={"width": width, "height": 900})
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    wait_for_rows(page, f"{demo.broker}{LOGS}?outcome=dead&work_order={number}")
    page.locator("tr[data-log]").get_by_role("link", name="Timeline").click()
    fields = page.get_by_text("All fields of this delivery")
    assert box_of(page.get_by_role("heading", name="Timeline"))["y"] < box_of(fields)["y"]
    expect(page.get_by_text("Configuration version", exact=True)).to_be_hidden()
    fields.click()
    expect(page.get_by_text("Configuration version", exact=True)).to_be_visible()
    steps = page.locator(".broker-timeline > li h3")
    expect(steps).to_have_text(["Received", "Matched", "Attempt 1", "Given up"])
    page.get_by_text(re.compile(r"Mapped, field by field")).click()
    cells = page.locator(".broker-timeline").get_by_role("cell", name=re.compile(r"^(To )?subject$"))
    expect(cells.first).to_be_visible()  # on a phone a cell is named by its header too
    expect(page.locator(".broker-call-head").last).to_contain_text("422")
    page.get_by_role("button", name="Copy as curl").last.click()
    expect(page.get_by_role("button", name="Copied").last).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("# Put your own credentials in place of [redacted].\ncurl -X POST ")
    no_serious_finding(page)
    fits(page)
    page.locator(".broker-above form button").filter(has_text="Test again").click()
    expect(page.get_by_text("Nothing was sent, and nothing was stored.")).to_be_visible()
    expect(page.get_by_text("Would pass")).to_be_visible()
    fits(page)
    page.context.close()


def test_both_sides_of_a_work_order_are_looked_at(demo: RunningDemo, chrome: Browser) -> None:
    number = assign_new_order(demo, "Replace two cables")
    page = signed_in(chrome, demo, viewport={"width": 390, "height": 900})
    wait_for_rows(page, f"{demo.broker}{LOGS}?work_order={number}&code=created")
    page.locator("tr[data-log]").get_by_role("link", name=f"Work order {number}").click()
    page.get_by_role("button", name="Read both sides now").click()
    expect(page.get_by_role("heading", name=re.compile("Now, at Field Nation and Help Desk"))).to_be_visible()
    expect(page.locator(".broker-sides pre").first).to_contain_text("Replace two cables")
    expect(page.locator(".broker-sides pre").last).to_contain_text("Replace two cables")
    no_serious_finding(page)
    fits(page)
    page.get_by_role("link", name="Sync to Help Desk").click()
    page.locator("form.broker-confirm button").first.click()
    expect(page.get_by_text("Resync work order").first).to_be_visible()
    page.context.close()
