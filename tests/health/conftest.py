"""Nothing that one test asked a probe is told to the next."""

from __future__ import annotations

import pytest

from broker_project import health
from tests.flows.conftest import world

__all__ = ["world"]


@pytest.fixture(autouse=True)
def _probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_last", None)
    monkeypatch.setattr(health, "_was_ready", True)
    monkeypatch.setattr(health, "LIMIT_SECONDS", 60.0)  # however busy the machine is that the tests run on
