from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from .running import RunningDemo, browser, chromium, running_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    if chromium() is None:
        if os.environ.get("BROKER_REQUIRE_SERVICES"):
            pytest.fail("Chromium is not installed, and services are required here.")
        pytest.skip("Chromium is not installed")
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="module")
def chrome(demo: RunningDemo) -> Iterator[Browser]:
    with browser() as started:
        yield started
