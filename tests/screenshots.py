"""Makes the README's pictures: ``uv run python -m tests.screenshots``. Starts a demo of its own and needs Chromium."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from .e2e.running import (
    ROOT,
    RunningDemo,
    assign_new_order,
    browser,
    make_a_dead_letter,
    post_json,
    running_demo,
    signed_in,
    wait_for_rows,
)

FOLDER = ROOT / "docs" / "screenshots"
WIDE, PHONE = 1440, 390
LIMIT = 200_000
"""Bytes a picture may have."""

# Addresses with a token in them belong to nobody's picture.
HIDE_TOKENS = """() => {
  const hide = (text) => text.replace(/(trigger\\/|client_token=|fieldnation\\/)[\\w-]+/g, "$1…");
  for (const field of document.querySelectorAll("input, code")) {
    if (field.value) field.value = hide(field.value);
    else if (!field.children.length) field.textContent = hide(field.textContent);
  }
}"""


@dataclass(frozen=True)
class Shot:
    """One picture: its file, the page, and the height in pixels that tells the story."""

    name: str
    path: str
    height: int = 760
    row: str = ""
    """Text of the row of a list to open."""


EVENTS = "/admin/connectors/connector/1/events/"
TOUR = [
    Shot("overview", "/admin/", 1100),
    Shot("company", "/admin/connectors/company/", 900, row="Sandbox company"),
    Shot("wizard", "/admin/connectors/connector/add/", 620),
    Shot("connector", "/admin/connectors/connector/", 900, row="Help Desk"),
    Shot("event-triggers", EVENTS, 1100),
    Shot("field-mappings", "/admin/connectors/connector/1/mappings/", 980),
    Shot("trigger-url", "/admin/connectors/connector/1/trigger/", 1000),
    Shot("connector-logs", "/admin/connectors/connector/1/logs/", 820),
    Shot("history", "/admin/connectors/connector/1/versions/", 820),
    Shot("logs", "/admin/synclog/synclog/", 820),
    Shot("log", "/admin/synclog/synclog/", 1300, row="Schedule updated"),
    Shot("deliveries", "/admin/events/delivery/", 820),
    Shot("timeline", "/admin/events/delivery/?state__exact=dead", 1150, row="work order"),
    Shot("troubleshooter", "/admin/events/event/troubleshooter/?q=4410029", 1000),
    Shot("dead-letters", "/admin/events/delivery/dead-letters/", 420),
]


def take(page: Page, address: str, shot: Shot, width: int) -> None:
    page.set_viewport_size({"width": width, "height": shot.height})
    page.goto(address)
    if shot.row:
        page.locator("#result_list tbody tr", has_text=shot.row).first.get_by_role("link").first.click()
    page.wait_for_load_state("networkidle")
    page.evaluate(HIDE_TOKENS)
    picture = page.screenshot(path=FOLDER / f"{shot.name}.png", animations="disabled")
    if len(picture) > LIMIT:
        raise RuntimeError(f"{shot.name}.png has {len(picture)} bytes; at most {LIMIT} are wanted.")
    print(f"{shot.name}.png  {len(picture) // 1000} kB")


def set_on_fire(demo: RunningDemo, page: Page) -> None:
    """Some records are refused, then the Help Desk goes down; waits until both were told."""
    refusal = {"error": {"message": "The site is unknown."}}
    refused = {"method": "POST", "path": "/api/tickets", "times": 4, "status": 422, "body": refusal}
    down = {"method": "*", "path": "/api/*", "times": 500, "status": 503, "body": {"error": {"message": "Down."}}}
    post_json(f"{demo.help_desk}/control/faults", [refused])
    for number in range(4):
        assign_new_order(demo, f"Replace access point {number + 1}")
    wait_for_rows(page, f"{demo.broker}/admin/events/delivery/?state__exact=dead", count=5)
    post_json(f"{demo.help_desk}/control/faults", [down])
    for number in range(8):
        assign_new_order(demo, f"Mount display {number + 1}")
    for _ in range(400):
        page.goto(f"{demo.broker}/admin/synclog/alert/")
        if page.get_by_text("deliveries wait until it does").count():
            return
        page.wait_for_timeout(500)
    raise RuntimeError("No alert tells of the open circuit breaker.")


@contextmanager
def admin(started: Browser, demo: RunningDemo, **options: Any) -> Iterator[Page]:
    page = signed_in(started, demo, **options)
    yield page
    page.context.close()


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, running_demo(Path(data)) as demo, browser() as started:
        make_a_dead_letter(demo)
        with admin(started, demo, color_scheme="light") as page:
            wait_for_rows(page, f"{demo.broker}/admin/events/delivery/?state__exact=dead")
            for shot in TOUR:
                take(page, demo.broker + shot.path, shot, WIDE)
            take(page, f"{demo.help_desk}/", Shot("help-desk", "/", 860), WIDE)
            take(page, f"{demo.field_nation}/", Shot("field-nation", "/", 700), WIDE)
        with admin(started, demo, color_scheme="dark") as page:
            take(page, f"{demo.broker}/admin/", Shot("overview-dark", "/", 820), WIDE)
            take(page, f"{demo.broker}{EVENTS}", Shot("event-triggers-dark", EVENTS, 900), WIDE)
        with admin(started, demo, color_scheme="light", device_scale_factor=2, is_mobile=True) as page:
            take(page, f"{demo.broker}/admin/", Shot("overview-phone", "/", 780), PHONE)
            take(page, f"{demo.broker}{EVENTS}", Shot("event-triggers-phone", EVENTS, 780), PHONE)
        with admin(started, demo, color_scheme="light") as page:
            set_on_fire(demo, page)
            take(page, f"{demo.broker}/admin/", Shot("overview-burning", "/", 1100), WIDE)
            take(page, f"{demo.broker}/admin/synclog/alert/", Shot("alerts", "/", 620), WIDE)
        with admin(started, demo, color_scheme="dark", device_scale_factor=2, is_mobile=True) as page:
            take(page, f"{demo.broker}/admin/", Shot("overview-burning-phone", "/", 1100), PHONE)


if __name__ == "__main__":
    main()
