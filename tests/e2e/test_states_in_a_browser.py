"""Each state that needs a person is found from the overview, says what to do, and is ended by a button.

The states are made in the database and shown by a server of the suite's own; what leads to them is tested elsewhere.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from events import jobs
from events.models import Delivery, Event, Job, Lane

from . import states
from .own_server import LOOKS, opened

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def made(chrome: Browser, transactional_db: Any) -> dict[str, Any]:
    return states.everything()


def card(page: Page, title: str) -> None:
    page.locator("a.broker-card", has_text=title).click()


def press(page: Page, name: str) -> None:
    """A button, by its words; an icon's name may stand before them."""
    page.locator("a, button").filter(has_text=re.compile(rf"\b{name}\s*$")).first.click()


def answer(page: Page, name: str) -> None:
    page.locator("form.broker-confirm button").filter(has_text=re.compile(rf"\b{name}\s*$")).click()


def open_row(page: Page, text: str) -> None:
    page.locator("#result_list tbody tr", has_text=text).first.get_by_role("link").first.click()


def test_dead_letters_of_one_cause_are_retried_together(
    made: dict[str, Any], chrome: Browser, live_server: Any
) -> None:
    page = opened(chrome, live_server)
    card(page, "Dead letters")
    cause = page.locator(".broker-cause", has_text="12").first
    expect(cause.get_by_text("Help Desk refused the values of record …: “…” is unknown.")).to_be_visible()
    expect(cause.get_by_text("Correct the field mapping, or edit the payload of one, then retry.")).to_be_visible()
    cause.get_by_role("link", name="Retry all").click()
    page.get_by_label("At most per minute").fill("600")
    answer(page, "Retry all")
    page.get_by_role("link", name="Retry deliveries (12)").click()
    jobs.run_due(seconds=60)
    page.reload()
    expect(page.get_by_text("Finished. Retried: 12.")).to_be_visible()
    expect(page.get_by_text("12 of 12")).to_be_visible()
    assert Delivery.objects.filter(reason="operator_retry", state="pending").count() == 12
    page.context.close()


def test_a_payload_is_corrected_and_sent_again(made: dict[str, Any], chrome: Browser, live_server: Any) -> None:
    page = opened(chrome, live_server)
    card(page, "Dead letters")
    page.locator(".broker-cause", has_text="validation").get_by_role("link", name="work order 7012").click()
    press(page, "Edit payload and retry")
    field = page.get_by_label("Payload")
    field.fill(field.input_value().replace("Replace the router", "Replace the switch"))
    answer(page, "Edit payload and retry")
    said = "olga changed the payload (workorder.title) and asked for another attempt."
    expect(page.get_by_text(said).first).to_be_visible()
    copy = Event.objects.get(door="operator")
    assert copy.payload["workorder"]["title"] == "Replace the switch"
    page.context.close()


def test_a_conflict_is_decided_field_by_field(made: dict[str, Any], chrome: Browser, live_server: Any) -> None:
    page = opened(chrome, live_server)
    card(page, "Conflict to decide")
    open_row(page, "work order 5001")
    expect(page.get_by_role("cell", name="Bring a ladder.")).to_be_visible()
    expect(page.get_by_role("cell", name="Gate code is at the desk.")).to_be_visible()
    press(page, "Decide")
    page.get_by_label("Field Nation: assigned").check()
    page.get_by_label("Help Desk: Gate code is at the desk.").check()
    answer(page, "Decide")
    expect(page.get_by_text("Decided: 1 delivery.")).to_be_visible()
    made["conflict"].refresh_from_db()
    assert made["conflict"].conflict["choices"] == {"status": "field_nation", "notes": "external"}
    page.context.close()


def test_a_write_of_unknown_outcome_asks_what_happened(made: dict[str, Any], chrome: Browser, live_server: Any) -> None:
    page = opened(chrome, live_server)
    card(page, "Write of unknown outcome")
    open_row(page, "work order 5002")
    expect(page.get_by_text("no answer came, so the record may exist").first).to_be_visible()
    press(page, "It was created: link it")
    page.get_by_label("External id").fill("TCK-500")
    answer(page, "It was created: link it")
    expect(page.get_by_text("Linked and retried: 1 delivery.")).to_be_visible()
    page.context.close()


def test_a_blocked_lane_is_skipped_held_and_released(made: dict[str, Any], chrome: Browser, live_server: Any) -> None:
    page = opened(chrome, live_server)
    card(page, "Blocked lanes")
    expect(page.locator("#result_list tbody tr")).to_have_count(4)
    open_row(page, "work order 5003")
    expect(page.get_by_text("Help Desk answered 503").first).to_be_visible()
    press(page, "Skip the first")
    page.get_by_label("Reason").fill("Entered by hand")
    answer(page, "Skip the first")
    expect(page.get_by_text("Skipped the first delivery.")).to_be_visible()
    expect(page.get_by_text("It waits for its turn.").first).to_be_visible()
    press(page, "Hold")
    answer(page, "Hold")
    expect(page.get_by_text("olga holds it back. Release it to send what stands in line.")).to_be_visible()
    press(page, "Release")
    answer(page, "Release")
    expect(page.get_by_text("Released the lane.")).to_be_visible()
    lane = Lane.objects.get(key="wo:5003")
    assert (lane.held_by, lane.due_at is None) == ("", False)
    page.context.close()


def test_systems_that_are_left_alone_say_why(made: dict[str, Any], chrome: Browser, live_server: Any) -> None:
    page = opened(chrome, live_server)
    expect(page.get_by_text("Customer Records refused the user name or password (401).")).to_be_visible()
    expect(page.get_by_text("Last failure: Ledger did not answer within 25 seconds.")).to_be_visible()
    card(page, "Open circuit breaker")
    expect(page.get_by_text("The next delivery is tried at").first).to_be_visible()
    page.goto(f"{live_server.url}/admin/")
    card(page, "Connector paused or disabled")
    open_row(page, "Depot")
    expect(page.get_by_text("Events are kept and wait. Resume the connector to send them.")).to_be_visible()
    page.context.close()


def test_a_job_is_stopped_and_goes_on(made: dict[str, Any], chrome: Browser, live_server: Any) -> None:
    page = opened(chrome, live_server)
    page.goto(f"{live_server.url}{reverse('admin:events_job_changelist')}")
    expect(page.get_by_text("652 of 2,000")).to_be_visible()
    open_row(page, "Retry deliveries")
    press(page, "Stop")
    answer(page, "Stop")
    expect(page.get_by_text("Stopped by olga. Continue it to do the rest.")).to_be_visible()
    press(page, "Continue")
    answer(page, "Continue")
    expect(page.get_by_text("Continued by olga.")).to_be_visible()
    assert Job.objects.get().state == "running"
    page.context.close()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_page_of_these_states_fits_the_window(
    made: dict[str, Any], chrome: Browser, live_server: Any, scheme: str, width: int
) -> None:
    page = opened(chrome, live_server, color_scheme=scheme, viewport={"width": width, "height": 900})
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(f"{page.url}: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    for address in addresses(made):
        shown = page.goto(f"{live_server.url}{address}")
        page.wait_for_load_state("networkidle")
        assert shown is not None
        assert shown.status == 200, address
        too_wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        lists = page.evaluate(
            "[...document.querySelectorAll('#result_list, .broker-confirm, .broker-cause')]"
            ".filter(part => part.getBoundingClientRect().right > window.innerWidth).length"
        )
        assert (address, too_wide <= 0, lists) == (address, True, 0)
    assert wrong == []
    page.context.close()


def addresses(made: dict[str, Any]) -> list[str]:
    lane, dead = made["desk"].lanes.get(key="wo:5003"), Delivery.objects.filter(state="dead").order_by("seq")[0]
    pages = {"lane": [lane], "job": [made["job"]], "delivery": [made["conflict"], made["unknown"], dead]}
    acts = {
        "delivery": [(dead, "edit_payload"), (dead, "note"), (dead, "retry"), (made["conflict"], "decide")],
        "lane": [(lane, "skip_head"), (lane, "hold")],
    }
    return [
        reverse("admin:index"),
        reverse("admin:events_delivery_dead_letters"),
        *(reverse(f"admin:events_{name}_changelist") for name in pages),
        *(reverse(f"admin:events_{name}_change", args=[row.pk]) for name, rows in pages.items() for row in rows),
        *(reverse(f"admin:events_{name}_act", args=[row.pk, act]) for name, rows in acts.items() for row, act in rows),
    ]
