"""What a plan consists of: calls in order, and what must be seen afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One member that a step changes: its path, what it shall be and what it is, both as text for people.

    An answer 200 proves nothing, since Field Nation drops what it does not understand; seeing the member does.
    """

    path: str
    wanted: str
    found: str


@dataclass(frozen=True)
class Step:
    """One call. ``path`` is below the REST base; ``purpose`` an infinitive without "to"; ``params`` go in the query."""

    method: str
    path: str
    purpose: str
    body: Mapping[str, Any] | None = None
    params: Mapping[str, str] | None = None
    check: tuple[Check, ...] = ()
    message: str = ""
    """Text of the message this step posts; it is not posted again when the thread holds it."""
