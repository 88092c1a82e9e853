"""A new connector by clicking, from nothing to a first synced record."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from broker_project.sandbox import helpdesk

from .running import RunningDemo, signed_in

pytestmark = pytest.mark.browser


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [each["id"] for each in found if each["impact"] in ("serious", "critical")]


def test_the_wizard_leads_to_a_first_record(demo: RunningDemo, chrome: Browser) -> None:
    page = signed_in(chrome, demo, viewport={"width": 390, "height": 844})
    step = page.locator(".wizard-step")
    page.goto(f"{demo.broker}/admin/connectors/connector/")
    page.locator("a[href$='/connector/add/']").first.click()

    press(page, "Next")
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("Help Desk")
    press(page, "Next")
    expect(page.get_by_role("alert")).to_contain_text("The company has a connector of this name already.")
    page.get_by_label("Name").fill("Second desk")
    press(page, "Next")
    expect(page.get_by_role("heading", name="Where is it")).to_be_focused()
    page.get_by_label("Base URL").fill(demo.help_desk)
    page.get_by_label("Authentication").select_option(label="API key in a header")
    expect(page.get_by_label("Password")).to_have_count(0)
    page.get_by_label("API key", exact=True).fill("not-the-key")
    page.get_by_label("Fields path").fill("/openapi.json")
    press(page, "Save and test")
    expect(step).to_contain_text("It does not work yet. 127.0.0.1 refused the credentials (401)")
    press(page, "Back")
    page.get_by_label("API key", exact=True).fill(helpdesk.API_KEY)
    press(page, "Save and test")
    expect(step).to_contain_text("It works.")
    page.reload()
    expect(page.get_by_label("API key", exact=True)).to_have_value("")
    press(page, "Save and test")
    expect(step).to_contain_text("It describes 1 kind of records")
    press(page, "Next")

    expect(page.get_by_label("Record path")).to_have_value("/api/tickets/{id}")
    page.get_by_label("Record path").fill("/api/tickets")
    press(page, "Save and read the fields")
    expect(page.get_by_role("alert")).to_contain_text("The path needs {id}")
    expect(page.get_by_label("Record path")).to_be_focused()
    page.get_by_label("Record path").fill("/api/tickets/{id}")
    press(page, "Save and read the fields")
    expect(step).to_contain_text("25 fields found in /openapi.json.")
    found = page.get_by_role("group", name="What was found")
    expect(found).to_be_focused()
    expect(found).to_be_in_viewport(ratio=0.9)
    press(page, "Next")
    page.get_by_role("radio", name="Standard").check()
    press(page, "Tick these")
    subject = page.get_by_role("checkbox", name=re.compile("^Title title .* Subject subject"))
    expect(subject).to_be_checked()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    subject.uncheck()
    press(page, "Save these")
    expect(page.get_by_role("alert")).to_contain_text("Subject (subject) is required")
    subject.check()
    press(page, "Save these")
    expect(step).to_contain_text('"subject": "Swap failed edge switch"')
    press(page, "Switch on and send")
    expect(step).to_contain_text("was created.", timeout=30_000)
    expect(step).to_contain_text("The first record is in step.")
    assert serious(page) == []
    page.get_by_role("link", name="Event Triggers", exact=True).last.click()
    expect(page.get_by_role("checkbox", checked=True).first).to_be_visible()


def test_each_step_is_free_of_serious_findings_in_the_dark(demo: RunningDemo, chrome: Browser) -> None:
    page = signed_in(chrome, demo, color_scheme="dark")
    page.goto(f"{demo.broker}/admin/connectors/connector/add/")
    expect(page.get_by_label("Name")).to_be_visible()
    assert serious(page) == []
    page.get_by_label("Name").fill("Dark desk")
    press(page, "Next")
    press(page, "Save and test")
    expect(page.get_by_role("alert")).to_contain_text("Enter the base URL")
    assert serious(page) == []
    page.get_by_label("Base URL").fill(demo.help_desk)
    page.get_by_label("Authentication").select_option(label="None")
    press(page, "Save and test")
    expect(page.get_by_text("It does not work yet.")).to_be_visible()
    assert serious(page) == []
    press(page, "Go on all the same")
    expect(page.get_by_role("heading", name="Which records?")).to_be_focused()
    assert serious(page) == []


def test_the_focus_follows_also_when_a_frame_comes_late(demo: RunningDemo, chrome: Browser) -> None:
    page = signed_in(chrome, demo)
    late = "window.requestAnimationFrame = (then) => setTimeout(() => frame(then), 200)"
    page.add_init_script(f"const frame = requestAnimationFrame; {late}")
    page.goto(f"{demo.broker}/admin/connectors/connector/add/")

    press(page, "Next")
    page.get_by_label("Name").fill("Slow desk")
    press(page, "Next")

    expect(page.get_by_role("heading", name="Where is it")).to_be_focused()
