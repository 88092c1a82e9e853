"""The browser, the demo, and the person who sits before either."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from .running import RunningDemo, browser, chromium, running_demo


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    if chromium() is None:
        if os.environ.get("BROKER_REQUIRE_SERVICES"):
            pytest.fail("Chromium is not installed, and services are required here.")
        pytest.skip("Chromium is not installed")
    # Playwright keeps an event loop in this thread, and Django would refuse the database beside it.
    with pytest.MonkeyPatch.context() as patched, browser() as started:
        patched.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield started


@pytest.fixture(scope="module")
def demo(chrome: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running
