from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from .fake_server import FakeServer, TicketSystem, serving


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as running:
        yield running


@pytest.fixture
def tickets(server: FakeServer) -> TicketSystem:
    return TicketSystem(server)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is bound, so that nobody else takes it, and not listened on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
