"""A person on the Field Mappings page: adds a row of each action, sees its result, is refused, saves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from .running import RunningDemo, signed_in

pytestmark = pytest.mark.browser


@pytest.fixture
def page(demo: RunningDemo, chrome: Browser) -> Iterator[Page]:
    opened = signed_in(chrome, demo, viewport={"width": 1440, "height": 1000})
    opened.goto(f"{demo.broker}/admin/connectors/connector/")
    opened.locator("#result_list tbody tr", has_text="Help Desk").get_by_role("link").first.click()
    tabs = opened.get_by_role("navigation", name="Pages of this connector")
    tabs.get_by_role("link", name="Field Mappings").click()
    opened.get_by_label("Sample", exact=True).select_option("built_in")
    yield opened
    opened.context.close()


def add(page: Page, action: str, target: str, source: str = "") -> Locator:
    """A new row with its ends filled in."""
    page.get_by_role("button", name="Add mapping").click()
    row = page.locator(".mapping").last
    row.get_by_label("Action").select_option(action)
    for name, path in (("Source field", source), ("Target field", target)):
        if path:
            row.get_by_role("combobox", name=name).fill(path)
            page.keyboard.press("Escape")
    return row


def gives(row: Locator, result: str) -> None:
    expect(row.locator(".mapping-value-shown.is-result")).to_have_text(result)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_a_row_of_each_action_shows_its_result_and_is_saved(page: Page) -> None:
    row = add(page, "sync", "x_title")
    source = row.get_by_role("combobox", name="Source field")
    source.fill("Titl")  # by the keyboard alone
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(source).to_have_value("title")
    gives(row, '"Swap failed edge switch"')

    row = add(page, "set_static", "x_static")
    row.get_by_label("Type of Value").select_option("number")
    row.get_by_label("Value", exact=True).fill("7.5")
    gives(row, "7.5")

    row = add(page, "array_map", "x_list", "status.name")
    row.get_by_role("button", name="Add entry").click()
    row.get_by_label("Compare", exact=True).fill("assigned")
    row.get_by_label("Result", exact=True).fill("Planned")
    gives(row, '"Planned"')

    row = add(page, "range_map", "x_band", "pay.amount")
    for limit, result in (("100", "Large"), ("20", "Small")):
        row.get_by_role("button", name="Add band").click()
        row.get_by_label("Limit", exact=True).last.fill(limit)
        row.get_by_label("Result", exact=True).last.fill(result)
    expect(row.get_by_text("The bands are not in ascending order.")).to_be_visible()
    row.get_by_role("button", name="Sort the bands").click()
    gives(row, '"Large"')

    row = add(page, "date_convert", "x_date", "schedule.service_window.start.utc")
    row.get_by_label("Format of the source").fill("YYYY-MM-DD HH:mm:ss")
    row.get_by_label("Format of the target").fill("DD MMM YYYY, h:mm A")
    row.get_by_label("Time zone of the target").fill("America/Denver")
    gives(row, '"02 Jul 2026, 8:00 AM"')
    expect(row.get_by_text("Example: 2026-03-04 05:06:07 → 03 Mar 2026, 10:06 PM")).to_be_visible()

    row = add(page, "concat", "x_text")
    row.get_by_role("button", name="Add text").click()
    row.get_by_label("Text of part 1").fill("WO-")
    row.get_by_role("button", name="Add field").click()
    row.get_by_role("combobox", name="Field of the part").fill("id")
    page.keyboard.press("Escape")
    gives(row, '"WO-9000001"')

    row = add(page, "custom", "x_script")
    row.get_by_label("Script (JSONNET)").fill("std.length($.input.title)")
    gives(row, "23")

    serious = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert serious == []
    save(page)
    expect(page.get_by_text(re.compile(r"^Saved as version \d+: 7 added\.$"))).to_be_visible()
    page.reload()
    expect(page.locator(".mapping-path.is-target", has_text="x_script")).to_be_visible()


def test_a_bad_row_is_refused_at_its_place_and_can_be_mended(page: Page) -> None:
    add(page, "sync", "subject", "title")
    row = add(page, "date_convert", "y_date", "schedule.service_window.start.utc")
    row.get_by_label("Format of the source").fill("YYYY-MM-DD HH:mm:ss")
    row.get_by_label("Format of the target").fill("Q")
    save(page)
    told = page.get_by_role("alert")
    expect(told.get_by_text("Not saved: 2 things are wrong.")).to_be_visible()
    expect(told.get_by_text("Another row fills subject already. Keep one of them.")).to_be_visible()
    expect(page.locator(".mapping-open:focus")).to_contain_text("subject")
    told.get_by_role("button", name=re.compile("y_date")).click()
    expect(row.locator(".mapping-open")).to_be_focused()
    page.get_by_role("button", name="Discard changes").click()
    expect(page.get_by_text("No unsaved changes")).to_be_visible()


def test_rows_are_ordered_duplicated_and_limited_to_events(page: Page) -> None:
    first = page.locator(".mapping").first.locator(".mapping-path.is-target")
    name = first.inner_text()
    page.get_by_role("button", name=f"Move down: {name}").click()
    expect(page.locator(".mapping").nth(1).locator(".mapping-path.is-target")).to_have_text(name)
    expect(page.get_by_role("button", name=f"Move down: {name}")).to_be_focused()
    row = page.locator(".mapping").nth(1)
    row.locator(".mapping-open").click()
    row.get_by_text("More: events, conflicts").click()
    row.get_by_label("Approved").check()
    expect(row.get_by_text("It does not run for FN_WO_ASSIGNED.")).to_be_visible()
    row.get_by_role("button", name="Duplicate").click()
    copy = page.locator(".mapping").nth(2)
    expect(copy.get_by_text("1 event", exact=True)).to_be_visible()
    copy.get_by_role("button", name="Switch off").click()
    save(page)
    expect(page.get_by_text(re.compile(r"^Saved as version \d+: 1 added, 1 changed"))).to_be_visible()


def test_rows_written_for_field_nation_s_broker_paste_in(page: Page) -> None:
    rows = [{"action": "ACTION_TYPE_SET_STATIC", "target": "z_origin", "value": "Field work"},
            {"action": "sync", "source": "title", "target": "subject", "default": "(no title)"}]  # fmt: skip
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("textbox", name="Mappings as JSON").fill(json.dumps(rows))
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text(re.compile(r"^1 rows are added, 1 with the same target are replaced"))).to_be_visible()
    page.get_by_role("button", name="Put on the page").click()
    gives(page.locator(".mapping", has_text="z_origin"), '"Field work"')
    page.get_by_role("button", name="Export", exact=True).click()
    exported = page.get_by_role("textbox", name="Mappings as JSON").input_value()
    assert {"action": "set_static", "target": "z_origin", "value": "Field work"} in json.loads(exported)


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 390), ("dark", 1440)])
def test_the_page_fits_and_reads_well(demo: RunningDemo, chrome: Browser, scheme: str, width: int) -> None:
    page = signed_in(chrome, demo, color_scheme=scheme, viewport={"width": width, "height": 900})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{demo.broker}/admin/connectors/connector/1/mappings/")
    for place in range(4):
        page.locator(".mapping-open").nth(place).click()
    expect(page.locator(".mapping-value-shown.is-result").first).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth") <= 0
    serious = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert serious == []
    assert wrong == []
    page.context.close()
