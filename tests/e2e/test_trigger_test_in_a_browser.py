"""A filter made by clicking, tried on what came in; a test run without sending, then for real and followed."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from .running import RunningDemo, signed_in

pytestmark = pytest.mark.browser

EVENT = "FN_WO_SCHEDULE_UPDATED"


def opened(page: Page, demo: RunningDemo) -> Locator:
    """The row of the event on the page of the demo's connector, its set-up open."""
    page.goto(f"{demo.broker}/admin/connectors/connector/")
    page.locator("#result_list tbody a").first.click()
    page.locator(".broker-tabs").get_by_role("link", name="Event Triggers").click()
    row = page.locator(".event-row", has=page.locator(f"#tick-{EVENT}"))
    row.locator(".event-opener").click()
    return row


def condition(row: Locator, number: int, *, field: str, op: str, value: str = "") -> None:
    row.get_by_role("button", name="Add a condition").click()
    row.get_by_label(f"Field of condition {number}", exact=True).fill(field)
    row.get_by_label(f"Field of condition {number}", exact=True).blur()
    row.get_by_label(f"Comparison of condition {number}", exact=True).select_option(op)
    if value:
        row.get_by_label(f"Value of condition {number}", exact=True).fill(value)


def no_serious_finding(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], node["html"]) for one in serious for node in one["nodes"]] == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_a_filter_is_built_and_judged_as_it_is_typed(
    demo: RunningDemo, chrome: Browser, scheme: str, width: int
) -> None:
    page = signed_in(chrome, demo, color_scheme=scheme, viewport={"width": width, "height": 900})
    row = opened(page, demo)
    row.get_by_role("button", name="Add a filter").click()
    condition(row, 1, field="status.name", op="changed")
    row.get_by_label("To, condition 1").fill("approved")
    result = row.locator(".filter-result")
    expect(result).to_have_text(re.compile(r"Would have matched 0 of the last \d+ events\."))
    condition(row, 2, field="id", op="greater", value="5")
    row.get_by_label("Send when").select_option("any")
    expect(result).to_have_text(re.compile(r"Would have matched [1-9]\d* of the last \d+ events\."))
    row.locator(".filter-examples summary").click()
    expect(row.get_by_text("id is 4410027; asked for: greater 5.").first).to_be_visible()
    row.get_by_label("Field of condition 1", exact=True).fill("")
    expect(row.get_by_text("Condition 1: A path is missing.")).to_be_visible()
    row.get_by_role("button", name="Remove condition 1").click()
    expect(row.get_by_label("Field of condition 1", exact=True)).to_be_focused()
    row.get_by_role("button", name="Show as JSON").click()
    json = row.get_by_label("The filter as JSON")
    expect(json).to_have_value(re.compile(r'"match": "any".*"field": "id".*"value": 5\n', re.DOTALL))
    json.fill('{"conditions": [')
    expect(row.get_by_text("This is not valid JSON yet.")).to_be_visible()
    json.fill('{"conditions": [{"field": "title", "op": "contains", "value": "switch"}]}')
    row.get_by_role("button", name="Show as conditions").click()
    expect(row.get_by_label("Value of condition 1", exact=True)).to_have_value("switch")
    expect(row.locator(".filter-summary")).to_have_text("title contains switch")
    no_serious_finding(page)
    assert page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth") <= 0
    page.context.close()


def test_a_test_shows_everything_then_is_sent_for_real(demo: RunningDemo, chrome: Browser) -> None:
    page = signed_in(chrome, demo, viewport={"width": 390, "height": 900})
    row = opened(page, demo)
    row.get_by_role("button", name="Test", exact=True).click()
    row.get_by_label("Pasted JSON").check()
    row.get_by_label("Event or work order as JSON").fill('{"id": 990017, "title": "Hang a sign", "status": {}}')
    row.get_by_role("button", name="Run the test").click()
    result = row.locator(".test-result")
    expect(result.get_by_text("1 request would be sent.")).to_be_visible()
    expect(result.locator(".test-request pre")).to_contain_text('"subject": "Hang a sign"')
    expect(result.get_by_text("A new record would be created.")).to_be_visible()
    no_serious_finding(page)
    assert page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth") <= 0
    result.get_by_role("button", name="Send it for real").click()
    result.get_by_role("button", name="Send now").click()
    expect(result.get_by_text("Succeeded")).to_be_visible(timeout=30_000)
    expect(result.get_by_text(re.compile(r"Record \d+ was created\."))).to_be_visible()
    row.get_by_role("button", name="Run the test").click()
    expect(result.get_by_text("No request would be sent.")).to_be_visible()
    expect(result.get_by_role("row", name=re.compile("subject.*same", re.DOTALL))).to_be_visible()
    row.get_by_label("Newest state only").check()
    expect(result.get_by_text("Something was changed since").first).to_be_visible()
    expect(result.get_by_role("button", name="Send it for real")).to_be_hidden()
    page.context.close()
