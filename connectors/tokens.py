"""Access tokens, kept in the memory of each process: a token is never written to disk or to the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from broker_project.lib.digest import digest


class MemoryTokens:
    """A TokenStore for one set of credentials."""

    def __init__(self) -> None:
        self._token: str | None = None
        self._until = 0.0

    def get(self) -> str | None:
        return self._token if time.monotonic() < self._until else None

    def put(self, token: str, expires_in: float) -> None:
        self._token, self._until = token, time.monotonic() + expires_in

    def drop(self) -> None:
        self._token = None


_stores: dict[str, MemoryTokens] = {}
_lock = threading.Lock()


def tokens_for(owner: str, credentials: Mapping[str, Any]) -> MemoryTokens:
    """The store of ``owner`` ("company:1") under these credentials; changed credentials get a new, empty store."""
    key = f"{owner}:{digest(repr(sorted(credentials.items())))}"
    with _lock:
        return _stores.setdefault(key, MemoryTokens())
