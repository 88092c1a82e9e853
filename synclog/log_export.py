"""Logs as lines of a file: CSV for a spreadsheet, JSON lines for a program."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from .log_filter import LogFilter
from .log_find import Key, find
from .models import SyncLog

BATCH: Final = 1_000
LOOK: Final = 50_000
"""Rows looked at in one query for a condition that no index answers."""

COLUMNS: Final = (
    "created_at",
    "connector",
    "direction",
    "outcome",
    "code",
    "sentence",
    "event_type",
    "work_order_id",
    "external_id",
    "correlation_id",
    "attempt",
    "duration_ms",
    "user",
    "received_at",
    "event_id",
    "delivery_id",
    "id",
)
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a spreadsheet take a text for a formula, and run what a stranger wrote into a ticket."""


class Format(NamedTuple):
    label: str
    content_type: str


FORMATS: Final[Mapping[str, Format]] = {
    "csv": Format("CSV", "text/csv; charset=utf-8"),
    "jsonl": Format("JSON lines", "application/x-ndjson"),
}


def lines(asked: LogFilter, form: str) -> Iterator[str]:
    """The file piece by piece, newest log first; ``form`` is a key of ``FORMATS``. Holds one batch at a time."""
    if form == "csv":
        yield _csv([COLUMNS])
    write = _csv_rows if form == "csv" else _json_rows
    for logs in _batches(asked):
        yield write(logs)


def _batches(asked: LogFilter) -> Iterator[list[SyncLog]]:
    before: Key | None = None
    while True:
        found = find(asked, before=before, limit=BATCH, look=LOOK)
        if found.logs:
            yield list(found.logs)
        if found.older is None:
            return
        before = found.older


def _csv_rows(logs: Iterable[SyncLog]) -> str:
    return _csv([[_cell(value) for value in _values(log).values()] for log in logs])


def _json_rows(logs: Iterable[SyncLog]) -> str:
    return "".join(json.dumps(_values(log), ensure_ascii=False, default=_plain) + "\n" for log in logs)


def _values(log: SyncLog) -> dict[str, Any]:
    values = {name: getattr(log, name) for name in COLUMNS if name != "connector"}
    named = {"created_at": values.pop("created_at"), "connector": log.connector.name if log.connector else ""}
    return {**named, **values}


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return "" if value is None else _plain(value) if isinstance(value, datetime | UUID) else value


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
