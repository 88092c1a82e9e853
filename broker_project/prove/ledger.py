"""What the prover did and was promised: one entry per 2xx answer, kept in the order in which a record's came."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Promise:
    """An event that the broker has accepted. ``key`` is what makes a repeat the same: the Idempotency-Key or the
    webhook delivery; empty for triggers. ``occurred_at`` is Unix seconds, the event's own time."""

    record: int
    work_order: int
    serial: int
    text: str
    event_id: str
    key: str
    door: str
    event: str
    occurred_at: float
    duplicate: bool


@dataclass
class Ledger:
    """Filled by several threads; read when they are done."""

    promises: list[Promise] = field(default_factory=list)
    changes: Counter[int] = field(default_factory=Counter)
    """Changes made at the simulators themselves, by record."""
    tickets: dict[int, int] = field(default_factory=dict)
    """Ticket at the two-way desk of a record that was born there."""
    work_orders: dict[int, int] = field(default_factory=dict)
    """Work order of a record that began in Field Nation."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """Requests that had to be repeated because no answer, or a 5xx, came, by door."""
    refused: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def promise(self, promise: Promise) -> None:
        with self._lock:
            self.promises.append(promise)

    def change(self, record: int) -> None:
        with self._lock:
            self.changes[record] += 1

    def no_answer(self, door: str) -> None:
        with self._lock:
            self.unanswered[door] += 1

    def refusal(self, sentence: str) -> None:
        with self._lock:
            self.refused.append(sentence)
