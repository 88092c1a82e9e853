"""One sandbox for the tests that do it no harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mappings.jsonnet import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    shared = Sandbox()
    yield shared
    shared.close()
