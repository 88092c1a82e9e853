"""Short forms for calls to the fake server."""

from __future__ import annotations

from typing import Any

from connectors.http import Caller, Response

from .fake_server import FakeServer

HOST = "127.0.0.1"


def caller(**more: Any) -> Caller:
    return Caller(**{"allow_private": True, "timeout": (2.0, 0.4), "total": 5.0, **more})


def get(server: FakeServer, with_caller: Caller | None = None, **more: Any) -> Response:
    return (with_caller or caller()).request("GET", f"{server.url}/tickets", purpose="list", **more)


def post(server: FakeServer, with_caller: Caller | None = None, **more: Any) -> Response:
    return (with_caller or caller()).request("POST", f"{server.url}/tickets", purpose="create", json={}, **more)
