"""What the present thread is busy with, so that every line it logs can say which event, delivery and connector."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import Final
from uuid import UUID

Id = UUID | int | str
IDS: Final = ("event_id", "delivery_id", "connector_id")
_present: ContextVar[Mapping[str, Id]] = ContextVar("log_context", default={})  # noqa: B039 - never written to


class about:
    """Context manager: lines logged within carry these ids, and those that were set around it."""

    __slots__ = ("_ids", "_token")

    def __init__(self, **ids: Id) -> None:
        self._ids = ids

    def __enter__(self) -> None:
        around = _present.get()
        self._token: Token[Mapping[str, Id]] = _present.set({**around, **self._ids} if around else self._ids)

    def __exit__(self, *_: object) -> None:
        _present.reset(self._token)


def add(**ids: Id) -> None:
    """From now on until the end of the ``about`` around, lines carry these ids too."""
    _present.set({**_present.get(), **ids})


def present() -> Mapping[str, Id]:
    """The ids that a line logged now would carry."""
    return _present.get()
