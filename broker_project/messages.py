"""Celery's file transport, made safe for several processes: a message appears whole or not at all.

Kombu's own writes a message into a file that readers already see, so a reader can meet it half written and the worker
ends. Here it is written aside and moved into place. Used only while CELERY_BROKER_URL is not set.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from queue import Empty
from time import sleep, time_ns
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps, loads

ASIDE = ".aside"
BIND_TRIES = 20


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # kombu names it twice
        folder = Path(self.data_folder_out)
        name = f"{time_ns():020d}_{uuid.uuid4()}.{queue}.msg"
        aside = folder / f"{name}{ASIDE}"
        aside.write_text(dumps(payload))
        aside.replace(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        folder = Path(self.data_folder_in)
        try:
            names = sorted(os.listdir(folder))
        except OSError:  # the folder is away for now: the worker must outlive that
            raise Empty from None
        for name in names:
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = folder / f"{name}.{os.getpid()}{ASIDE}"
            try:
                (folder / name).rename(taken)
            except FileNotFoundError:
                continue  # another worker was faster
            text = taken.read_text()
            taken.unlink()
            return loads(text)
        raise Empty

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        """Two processes that start at once can meet the exchange's file just made and still empty: look again."""
        for attempt in range(BIND_TRIES):
            with contextlib.suppress(ValueError):
                super()._queue_bind(exchange, routing_key, pattern, queue)
                return
            sleep(0.05 * attempt)

    def get_table(self, exchange: str) -> Any:
        for _ in range(BIND_TRIES):
            with contextlib.suppress(ValueError):
                return super().get_table(exchange)
        return []


class Transport(filesystem.Transport):
    Channel = Channel


def use() -> None:
    """Let ``filesystem://`` mean this transport."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
