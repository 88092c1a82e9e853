"""The demo as a person starts it, and the browser in which they look at it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, Page, sync_playwright

from .ports import free_port

ROOT = Path(__file__).resolve().parents[2]
READY = "Ctrl-C stops everything."
STOP_SECONDS = 60


@dataclass(frozen=True)
class RunningDemo:
    """Addresses of the three servers, and the admin's password."""

    broker: str
    field_nation: str
    help_desk: str
    password: str


@contextmanager
def running_demo(folder: Path) -> Iterator[RunningDemo]:
    """``manage.py demo`` with its data in ``folder``; ends with it. Raises RuntimeError when it does not start."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port), "--data-dir", str(folder)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", str(folder)), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _wait_until_ready(process)
        broker, field_nation, help_desk = (f"http://127.0.0.1:{port + step}" for step in range(3))
        yield RunningDemo(broker, field_nation, help_desk, (folder / "admin_password").read_text())
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=STOP_SECONDS)


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    said = []
    for line in process.stdout or ():
        said.append(line)
        if READY in line:
            return
    raise RuntimeError("The demo did not start:\n" + "".join(said))


def chromium() -> str | None:
    """Path of the system's Chromium."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield started
        started.close()


def signed_in(started: Browser, demo: RunningDemo, **options: Any) -> Page:
    """A page on the admin's overview; ``options`` are those of a browser context, such as ``color_scheme``."""
    page = started.new_context(**options).new_page()
    page.set_default_timeout(15_000)
    page.goto(f"{demo.broker}/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    return page


def make_a_dead_letter(demo: RunningDemo) -> int:
    """The Help Desk refuses one ticket, once. Returns the number of its work order."""
    refusal = {"error": {"message": "The requester is on hold."}}
    rule = {"method": "POST", "path": "/api/tickets", "times": 1, "status": 422, "body": refusal}
    post_json(f"{demo.help_desk}/control/faults", [rule])
    return assign_new_order(demo, "Move two access points")


def assign_new_order(demo: RunningDemo, title: str) -> int:
    """A published and assigned work order in the simulated Field Nation; its webhooks go to the broker."""
    act = f"{demo.field_nation}/control/act"
    number: int = post_json(act, {"action": "create", "title": title, "publish": True})["id"]
    post_json(act, {"action": "assign", "work_order_id": number})
    return number


def post_json(url: str, body: Any) -> Any:
    answer = requests.post(url, json=body, timeout=10)
    answer.raise_for_status()
    found = answer.json()
    return found.get("result", found) if isinstance(found, dict) else found


def wait_for_rows(page: Page, address: str, count: int = 1) -> None:
    """Open a list of the admin again and again until it has ``count`` rows. Raises RuntimeError when it never has."""
    for _ in range(60):
        page.goto(address)
        if page.locator("#result_list tbody tr").count() == count:
            return
        page.wait_for_timeout(500)
    raise RuntimeError(f"{address} did not come to show {count} rows.")
