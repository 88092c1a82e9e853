"""The Event Triggers page, by clicking."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Dialog, Page, expect

from .running import RunningDemo, signed_in

pytestmark = pytest.mark.browser

SEVERE = ("serious", "critical")


@pytest.fixture
def page(demo: RunningDemo, chrome: Browser) -> Iterator[Page]:
    opened = signed_in(chrome, demo)
    failures: list[str] = []
    opened.on("pageerror", lambda error: failures.append(str(error)))
    show(opened, demo)
    yield opened
    opened.context.close()
    assert failures == []


def show(page: Page, demo: RunningDemo) -> None:
    page.goto(f"{demo.broker}/admin/connectors/connector/")
    page.locator("#result_list tbody tr", has_text="Help Desk").first.get_by_role("link").first.click()
    page.get_by_role("link", name="Event Triggers", exact=True).last.click()
    expect(page.get_by_text("Everything is saved.")).to_be_visible()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def severe(page: Page) -> list[tuple[str, str]]:
    """What axe finds on this page's own part."""
    found = Axe().run(page, context=".broker-page").response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SEVERE]


def test_a_preset_is_compared_applied_and_discarded(page: Page) -> None:
    page.get_by_role("button", name="Presets").click()
    standard = page.get_by_role("region", name="Preset Standard")
    expect(standard).to_contain_text("Would be ticked: 2")
    expect(standard).to_contain_text("Message added, Custom field value updated")
    expect(standard).to_contain_text("Would be unticked: 1")
    standard.get_by_role("button", name="Apply Standard").click()

    expect(page.get_by_text("6 of 35 events ticked")).to_be_visible()
    expect(standard).to_contain_text("This is the present choice")
    expect(page.get_by_text("3 events have unsaved changes.")).to_be_visible()
    expect(page.locator("#tick-FN_WO_PROVIDER_CHECKED_IN")).not_to_be_checked()

    page.get_by_role("button", name="Discard changes").click()
    expect(page.get_by_text("5 of 35 events ticked")).to_be_visible()
    expect(page.locator("#tick-FN_WO_PROVIDER_CHECKED_IN")).to_be_checked()
    expect(page.get_by_text("Everything is saved.")).to_be_visible()


def test_events_are_searched_and_ticked_by_section(page: Page) -> None:
    page.get_by_label("Search events").fill("expense line")
    expect(page.locator(".event-row:visible")).to_have_count(1)
    page.get_by_label("Search events").fill("nothing like it")
    expect(page.get_by_text("No event fits.")).to_be_visible()
    page.get_by_label("Search events").fill("")
    page.get_by_role("button", name="Select all in Financial Events").click()
    expect(page.get_by_text("8 of 35 events ticked")).to_be_visible()
    page.get_by_label("Only ticked").check()
    expect(page.locator(".event-row:visible")).to_have_count(8)
    page.get_by_role("button", name="Select none in Financial Events").click()
    expect(page.get_by_text("Everything is saved.")).to_be_visible()


def test_a_ticked_event_is_set_up_saved_and_kept_when_unticked(page: Page, demo: RunningDemo) -> None:
    page.get_by_role("checkbox", name="Work order updated", exact=True).check()
    setup = page.locator("#setup-FN_WO_UPDATED")
    expect(setup).to_contain_text("No webhook of Field Nation brings this event.")
    expect(setup).to_contain_text("Choose “Newest state only”")
    setup.get_by_label("Newest state only").check()
    expect(setup).not_to_contain_text("Choose “Newest state only”")
    setup.get_by_role("button", name="Add an action").click()
    setup.get_by_label("When it is given up").first.select_option("stop")
    setup.get_by_label("What to do").nth(1).select_option("create")
    setup.get_by_label("What to create").last.select_option("note")
    setup.get_by_role("button", name="Move action 2 up").click()
    save(page)

    told = page.get_by_text(re.compile(r"^Saved as version \d+: 2 changes\.$"))
    number = int(told.inner_text().split()[3].rstrip(":"))
    expect(page.get_by_label("How this connector is")).to_contain_text(f"version {number}, just saved")
    show(page, demo)
    opener = page.get_by_role("button", name="Set-up of Work order updated")
    expect(opener).to_contain_text("Create Record · Update Record, newest only")

    page.get_by_role("checkbox", name="Work order updated", exact=True).uncheck()
    save(page)
    expect(page.get_by_text(re.compile(r"^Saved as version \d+: 2 changes\.$"))).to_be_visible()
    show(page, demo)
    expect(opener).to_contain_text("Off, set-up kept")
    page.get_by_role("checkbox", name="Work order updated", exact=True).check()
    expect(opener).to_contain_text("Create Record · Update Record, newest only")


def test_a_script_shows_its_error_on_the_line_and_cannot_be_saved(page: Page) -> None:
    page.get_by_role("button", name="Set-up of Approved").click()
    setup = page.locator("#setup-FN_WO_APPROVED")
    setup.get_by_label("What to do").select_option("script")
    script = setup.get_by_label("Script (JSONNET)")
    script.fill("{\n  title: 'Röhre',\n  sum: 1 + ,\n}")
    expect(setup.locator(".script-lines .is-bad")).to_have_text("3")
    expect(setup.get_by_text("Script FN_WO_APPROVED, line 3:")).to_be_visible()
    expect(setup.locator(".script-colours")).to_have_text(
        "{\n  title: 'Röhre',\n  sum: 1 + ,\n}\n", use_inner_text=True
    )

    save(page)
    expect(page.get_by_role("alert").get_by_text("Script FN_WO_APPROVED, line 3:")).to_be_visible()
    expect(script).to_be_focused()

    script.fill("{ title: 'Röhre' }")
    expect(setup.get_by_text("It compiles.")).to_be_visible()
    script.press("End")
    script.press("Tab")
    expect(script).to_have_value("{ title: 'Röhre' }  ")
    script.press("Escape")
    script.press("Tab")
    expect(script).not_to_be_focused()


def test_leaving_with_unsaved_changes_is_asked_about(page: Page) -> None:
    page.get_by_role("checkbox", name="Draft", exact=True).check()
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    page.get_by_role("link", name="Overview").click()
    page.wait_for_url("**/admin/")
    assert asked == ["beforeunload"]


def test_who_saves_second_takes_over_and_keeps_the_own_changes(page: Page, demo: RunningDemo, chrome: Browser) -> None:
    other = signed_in(chrome, demo)
    show(other, demo)
    other.get_by_role("checkbox", name="Declined", exact=True).check()
    save(other)
    expect(other.get_by_text("Saved as version")).to_be_visible()
    other.context.close()

    page.get_by_role("checkbox", name="Confirmed", exact=True).check()
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("admin saved version")
    page.get_by_role("button", name="Take over the changes").click()
    expect(page.get_by_role("checkbox", name="Declined", exact=True)).to_be_checked()
    expect(page.get_by_role("checkbox", name="Confirmed", exact=True)).to_be_checked()
    save(page)
    expect(page.get_by_text(re.compile(r"^Saved as version \d+: 1 change\.$"))).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_nothing_is_off_the_phone(demo: RunningDemo, chrome: Browser, theme: str) -> None:
    page = signed_in(chrome, demo, color_scheme=theme, viewport={"width": 390, "height": 844})
    show(page, demo)
    page.get_by_role("button", name="Presets").click()
    page.get_by_role("checkbox", name="Delayed", exact=True).check()
    setup = page.locator("#setup-FN_WO_DELAYED")
    setup.get_by_role("button", name="Add an action").click()
    setup.get_by_label("What to do").last.select_option("script")
    setup.get_by_label("Script (JSONNET)").fill("// short\n{ a: 1, b: 'two', c: std.length([true]) + }")
    expect(setup.locator(".script-lines .is-bad")).to_have_count(1)

    assert severe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.context.close()
