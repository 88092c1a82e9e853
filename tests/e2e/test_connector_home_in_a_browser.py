"""A connector's header, toolbar, Trigger URL, Logs, History and Import, by clicking."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from .running import RunningDemo, signed_in

pytestmark = pytest.mark.browser


def opened(page: Page, demo: RunningDemo, tab: str) -> Page:
    page.goto(f"{demo.broker}/admin/connectors/connector/1/{tab}/")
    return page


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_the_pages_are_accessible_and_fit_the_window(
    demo: RunningDemo, chrome: Browser, scheme: str, width: int
) -> None:
    page = signed_in(chrome, demo, color_scheme=scheme, viewport={"width": width, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
    for tab in ("trigger", "logs", "versions", "import"):
        opened(page, demo, tab)
        page.wait_for_load_state("networkidle")
        found = Axe().run(page).response["violations"]
        assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == [], tab
        assert page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth") <= 0, tab
        expect(page.get_by_role("main")).to_have_count(1)
    assert errors == []
    page.context.close()


def test_the_token_is_renewed_with_an_overlap_and_a_record_is_synced(demo: RunningDemo, chrome: Browser) -> None:
    page = opened(signed_in(chrome, demo, permissions=["clipboard-read", "clipboard-write"]), demo, "trigger")
    address = page.get_by_label("Trigger URL", exact=True)
    expect(address).to_have_value(re.compile("/integrations/trigger/•{8}$"))
    page.get_by_role("button", name="Show and copy: Trigger URL").click()
    expect(address).to_have_value(re.compile("/integrations/trigger/[\\w-]{20}"))
    old = address.input_value()
    expect(page.get_by_role("button", name="Copied: Trigger URL")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == old
    page.get_by_role("button", name="Copy: Try it from a terminal").click()
    assert old in page.evaluate("navigator.clipboard.readText()")

    page.get_by_role("button", name="Renew the token").click()
    page.get_by_role("button", name="Renew it").click()
    expect(page.get_by_text("The addresses above have the new token.")).to_be_visible()
    assert [call(old), call(address.input_value())] == [400, 400]  # taken, without a record id
    page.get_by_role("button", name="End the old one now").click()
    expect(page.get_by_text("The old token is refused from now on.")).to_be_visible()
    assert [call(old), call(address.input_value())] == [401, 400]

    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_text("No record id was found.").first).to_be_visible()

    page.get_by_label("External id").fill("1001")
    page.get_by_role("button", name="Sync now").click()
    expect(page.get_by_role("link", name="Look at it").first).to_be_visible()
    expect(page.get_by_role("button", name="Sync now")).to_be_enabled()  # it was followed to its end
    page.context.close()


def test_mappings_are_reset_from_the_menu_and_rolled_back(demo: RunningDemo, chrome: Browser, tmp_path: Path) -> None:
    page = opened(signed_in(chrome, demo), demo, "logs")
    page.locator(".broker-menu summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Reset mapping")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Reset mapping")).to_be_hidden()

    page.locator(".broker-menu summary").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    download.value.save_as(tmp_path / "export.json")
    said = page.locator(".broker-head-told")
    expect(said).to_contain_text(
        f"Settings, event triggers and field mappings are downloaded as {download.value.suggested_filename}"
    )
    expect(said).to_be_focused()
    page.locator(".broker-menu summary").click()
    page.get_by_role("link", name="Reset mapping").click()
    page.locator("form.broker-confirm button").click()
    page.wait_for_url("**/logs/")
    expect(page.get_by_text("field mappings were removed.")).to_be_visible()

    opened(page, demo, "versions")
    page.locator("#version-1").get_by_role("button", name="Roll back to this version").click()
    expect(page.get_by_text("Outbound mapping title → subject added.")).to_be_visible()
    asked = page.get_by_role("group", name="Roll back to version 1?")
    expect(asked).to_be_focused()
    expect(asked).to_be_in_viewport(ratio=0.5)
    page.keyboard.press("Escape")
    back = page.locator("#version-1").get_by_role("button", name="Roll back to this version")
    expect(back).to_be_focused()
    back.press("Enter")
    page.get_by_role("button", name="Roll back", exact=True).click()
    expect(page.get_by_text("equal to version 1.")).to_be_visible()

    file = json.loads((tmp_path / "export.json").read_text())
    file["options"]["max_attempts"] = 3
    opened(page, demo, "import")
    page.get_by_label("A file that Export made").set_input_files(
        {"name": "x.json", "mimeType": "application/json", "buffer": json.dumps(file).encode()}
    )
    expect(page.get_by_text("Tries was empty, is 3.")).to_be_visible()
    page.get_by_role("button", name="Import it").click()
    expect(page.get_by_text("Imported. The connector runs with version")).to_be_visible()
    page.context.close()


def call(address: str) -> int:
    return requests.post(address, timeout=10).status_code


def test_on_a_phone_the_tabs_say_that_there_are_more_and_show_the_open_one(demo: RunningDemo, chrome: Browser) -> None:
    page = signed_in(chrome, demo, viewport={"width": 390, "height": 844})
    tabs = page.locator(".broker-tabs")
    hint = {"goes-left": re.compile("goes-left"), "goes-right": re.compile("goes-right")}

    page.goto(f"{demo.broker}/admin/connectors/connector/1/change/")
    expect(tabs).to_have_class(hint["goes-right"])
    expect(tabs).not_to_have_class(hint["goes-left"])
    page.goto(f"{demo.broker}/admin/connectors/connector/1/versions/")
    expect(tabs).to_have_class(hint["goes-left"])
    expect(tabs).not_to_have_class(hint["goes-right"])
    expect(tabs.locator("[aria-current]")).to_be_in_viewport(ratio=1)
    page.context.close()
