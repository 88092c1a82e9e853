from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connectors.fieldnation.client import Credentials, FieldNation
from connectors.http import Caller
from connectors.tokens import MemoryTokens

from .fake_fieldnation import FakeFieldNation


@pytest.fixture
def fake() -> Iterator[FakeFieldNation]:
    with FakeFieldNation() as server:
        yield server


@pytest.fixture
def credentials(fake: FakeFieldNation) -> Credentials:
    return Credentials(
        api_base=fake.url,
        client_id="client-1",
        client_secret="made-up-client-secret",
        username="api.user@example.test",
        password="made-up-password",
    )


@pytest.fixture
def tokens() -> MemoryTokens:
    return MemoryTokens()


@pytest.fixture
def caller() -> Caller:
    return Caller(allow_private=True)


@pytest.fixture
def client(credentials: Credentials, caller: Caller, tokens: MemoryTokens) -> FieldNation:
    return FieldNation(credentials, caller, tokens)


@pytest.fixture
def open_client(credentials: Credentials, tokens: MemoryTokens) -> Callable[[], FieldNation]:
    """Another client of the same account, as another thread has it."""
    return lambda: FieldNation(credentials, Caller(allow_private=True), tokens)
