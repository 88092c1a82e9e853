"""Group commit: what arrives at the same moment is stored in one transaction, by one of the threads that wait for it.

The first thread that finds nobody storing stores everything that waits, its own included; the others sleep until
theirs is committed. Nobody waits for more to come: a batch is what came while the one before it was being stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError, connection

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Store = Callable[[Sequence[Item]], Sequence[Answer]]


class _Ticket(Generic[Item, Answer]):
    """One item and what became of it. ``called`` is open when the thread that waits is to go on."""

    __slots__ = ("_answer", "_error", "called", "is_done", "item")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.called = threading.Lock()
        self.called.acquire()
        self.is_done = False
        self._error: BaseException | None = None

    def settle(self, answer: Answer) -> None:
        self._answer, self.is_done = answer, True

    def fail(self, error: BaseException) -> None:
        self._error, self.is_done = error, True

    def result(self) -> Answer:
        if self._error is not None:
            raise self._error
        return self._answer


class Group(Generic[Item, Answer]):
    """Those who may share a transaction. Make it once a process; ``submit`` is called from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Ticket[Item, Answer]] = []
        self._is_led = False

    def submit(self, item: Item, store: Store[Item, Answer]) -> Answer:
        """The answer of ``store`` for ``item``, after its commit; raises what storing this item raised.

        ``store`` gets items of several callers and may be the one that another of them passed, so it must not depend
        on who calls. It runs in one transaction of its own. When it fails for anything but a database that does not
        answer, it is called again for each item alone, so that one bad item fails alone.
        """
        ticket: _Ticket[Item, Answer] = _Ticket(item)
        with self._lock:
            self._waiting.append(ticket)
            follows, self._is_led = self._is_led, True
        if follows:
            if not connection.in_atomic_block:
                connection.close()  # back to the pool: followers that kept one could starve the thread that stores
            ticket.called.acquire()
        if not ticket.is_done:  # nobody leads, or the last leader called us to
            self._lead(store)
        return ticket.result()

    def _lead(self, store: Store[Item, Answer]) -> None:
        """Store all that waits, then call the first of those that came meanwhile to lead next."""
        with self._lock:
            batch, self._waiting = self._waiting, []
        try:
            _store(batch, store)
        finally:
            with self._lock:
                heir = self._waiting[0] if self._waiting else None
                self._is_led = heir is not None
            if heir:
                heir.called.release()  # before the answers, so that the database is not idle meanwhile
            for ticket in batch:
                if not ticket.is_done:
                    ticket.fail(RuntimeError("The thread that stored this batch was ended."))
                ticket.called.release()


def _store(batch: Sequence[_Ticket[Item, Answer]], store: Store[Item, Answer]) -> None:
    try:
        answers = store([ticket.item for ticket in batch])
    except (OperationalError, InterfaceError) as error:  # alone it would be no better, and take as long for each
        for ticket in batch:
            own = type(error)(*error.args)  # one for each thread, since raising writes to it
            own.__cause__ = error
            ticket.fail(own)
    except Exception as error:  # the boundary between the senders of a batch
        if len(batch) == 1:
            batch[0].fail(error)
            return
        for ticket in batch:
            _store([ticket], store)
    else:
        for ticket, answer in zip(batch, answers, strict=True):
            ticket.settle(answer)
