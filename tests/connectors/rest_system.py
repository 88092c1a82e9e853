"""Opens a REST connector against the fake server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.http import Caller
from connectors.platforms.contract import Client
from connectors.platforms.rest import PLATFORM

from .contract_suite import MemoryTokens
from .fake_server import FakeServer

BASE = {"base_url": "https://help.example.test/api", "record_path": "/tickets/{id}", "auth": "none"}


def open_at(
    server: FakeServer, *, secrets: Mapping[str, str] | None = None, store: MemoryTokens | None = None, **more: Any
) -> Client:
    settings = {**BASE, "base_url": server.url, **more}
    caller = Caller(allow_private=True, timeout=(2.0, 1.0), total=5.0)
    return PLATFORM.open(settings, secrets or {}, caller, store or MemoryTokens())
