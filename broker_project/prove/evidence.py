"""What is left after a run, as plain rows: from the simulators' own stores and from the database, by plain SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .ground import DESKS, Database, Ground
from .ledger import Promise
from .targets import store_path


@dataclass(frozen=True)
class EventRow:
    """Times are Unix seconds. ``text`` is the work order's title, ``field`` the value of its custom field 611, as the
    payload says; ``delivery`` is the webhook delivery that brought it."""

    id: str
    kind: str
    work_order: int | None
    occurred_at: float
    received_at: float
    text: str = ""
    field: str = ""
    delivery: str = ""


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """One delivery. ``finished_at`` is Unix seconds, None while it is open."""

    id: str
    seq: int
    event_id: str
    connector: str
    direction: str
    action: str
    lane: str
    state: str
    reason: str = ""
    sentence: str = ""
    attempts: int = 0
    work_order: int | None = None
    external_id: str = ""
    superseded_by: str = ""
    finished_at: float | None = None


@dataclass(frozen=True)
class LogRow:
    """One row of the integration logs."""

    event_id: str
    delivery_id: str
    connector: str
    attempt: int
    sentence: str


@dataclass(frozen=True)
class LinkRow:
    """A pair, or the claim on one."""

    connector: str
    work_order: int | None
    external_id: str
    correlation: str


@dataclass(frozen=True)
class Write:
    """One write that a simulator processed, in the order of ``number``. ``ids`` are the records that it touched."""

    number: int
    method: str
    path: str
    ids: tuple[int, ...]
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Desk:
    """What a Help Desk holds. ``unheard`` are the tickets whose last call of the trigger URL was never answered 2xx."""

    tickets: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[Mapping[str, Any], ...] = ()
    writes: tuple[Write, ...] = ()
    unheard: frozenset[int] = frozenset()


@dataclass(frozen=True)
class FieldNation:
    """What Field Nation holds. ``fields`` are the custom field values by work order and field, ``webhooks_taken`` the
    deliveries that the broker answered with 2xx."""

    work_orders: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    fields: Mapping[tuple[int, int], str] = field(default_factory=dict)
    writes: tuple[Write, ...] = ()
    webhooks_taken: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Evidence:
    """All of it. ``kinds`` is the kind of each record by the work order that the prover invented for it;
    ``quiet_writes`` are the writes made after the end; ``faults_ended_at`` is Unix seconds."""

    promises: Sequence[Promise] = ()
    refused: Sequence[str] = ()
    changes: Mapping[int, int] = field(default_factory=dict)
    born: Mapping[int, int] = field(default_factory=dict)
    twins: Mapping[int, int] = field(default_factory=dict)
    kinds: Mapping[int, str] = field(default_factory=dict)
    events: Sequence[EventRow] = ()
    deliveries: Sequence[DeliveryRow] = ()
    logs: Sequence[LogRow] = ()
    links: Sequence[LinkRow] = ()
    desks: Mapping[str, Desk] = field(default_factory=dict)
    field_nation: FieldNation = field(default_factory=FieldNation)
    connectors: Sequence[str] = DESKS
    faults_ended_at: float = 0.0
    quiet_writes: int = 0


_EVENTS = """
SELECT id::text, kind, work_order_id, COALESCE(extract(epoch FROM occurred_at), 0)::float8,
       extract(epoch FROM received_at)::float8,
       COALESCE(payload #>> '{workorder,title}', ''),
       COALESCE(jsonb_path_query_first(payload, '$.workorder.custom_fields.results[*].results[*] ? (@.id == 611).value')
                #>> '{}', ''), COALESCE(trace ->> 'delivery_id', '')
FROM events_event ORDER BY received_at, id
"""
_DELIVERIES = """
SELECT d.id::text, d.seq, d.event_id::text, c.name, d.direction, d.action, d.lane_key, d.state, d.reason, d.sentence,
       d.attempts, d.work_order_id, d.external_id, COALESCE(d.superseded_by::text, ''),
       extract(epoch FROM d.finished_at)::float8
FROM events_delivery AS d JOIN connectors_connector AS c ON c.id = d.connector_id ORDER BY d.seq
"""
_LOGS = """
SELECT COALESCE(l.event_id::text, ''), COALESCE(l.delivery_id::text, ''), COALESCE(c.name, ''), l.attempt, l.sentence
FROM synclog_synclog AS l LEFT JOIN connectors_connector AS c ON c.id = l.connector_id
"""
_LINKS = """
SELECT c.name, l.work_order_id, COALESCE(l.external_id, ''), l.correlation_id
FROM mappings_recordlink AS l JOIN connectors_connector AS c ON c.id = l.connector_id
"""
_DELIVERY_COLUMNS = (
    "id", "seq", "event_id", "connector", "direction", "action", "lane", "state", "reason", "sentence", "attempts",
    "work_order", "external_id", "superseded_by", "finished_at",
)  # fmt: skip


def of_database(database: Database) -> dict[str, Any]:
    """The database's part of the evidence, by field."""
    return {
        "events": [EventRow(*row) for row in database.rows(_EVENTS)],
        "deliveries": [
            DeliveryRow(**dict(zip(_DELIVERY_COLUMNS, row, strict=True))) for row in database.rows(_DELIVERIES)
        ],
        "logs": [LogRow(*row) for row in database.rows(_LOGS)],
        "links": [LinkRow(*row) for row in database.rows(_LINKS)],
    }


def of_targets(ground: Ground) -> dict[str, Any]:
    """The simulators' part of the evidence, read from their stores."""
    folder = ground.folder / "targets"
    return {
        "desks": {name: _desk(store_path(folder, name)) for name in DESKS},
        "field_nation": _field_nation(store_path(folder, "field_nation")),
    }


def waiting_jobs(ground: Ground) -> int:
    """Webhooks and trigger calls that the simulators have not got rid of yet."""
    folder = ground.folder / "targets"
    return sum(len(_documents(store_path(folder, name), "job")) for name in ("field_nation", "two_way"))


def count_writes(ground: Ground) -> int:
    """Writes that the simulators have processed so far."""
    folder = ground.folder / "targets"
    return sum(len(_writes(store_path(folder, name))) for name in ("field_nation", *DESKS))


def _documents(path: Path, kind: str, *, numbered: bool = False) -> list[dict[str, Any]]:
    """The documents of a kind; ``numbered`` adds the number under which each is kept, as ``id``."""
    if not path.exists():
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30.0)
    try:
        rows = connection.execute("SELECT body, id FROM document WHERE kind = ? ORDER BY id", (kind,)).fetchall()
    finally:
        connection.close()
    return [{**json.loads(row[0]), **({"id": row[1]} if numbered else {})} for row in rows]


def _writes(path: Path) -> tuple[Write, ...]:
    return tuple(
        Write(row["number"], row["method"], row["path"], tuple(row["ids"]), row["body"])
        for row in _documents(path, "request")
        if row["processed"] and isinstance(row.get("body"), dict) and (row["status"] is None or row["status"] < 300)
    )


def _desk(path: Path) -> Desk:
    tickets = tuple(row["ticket"] for row in _documents(path, "ticket"))
    calls = _documents(path, "trigger", numbered=True)
    unheard = frozenset(row["id"] for row in calls if row["result"] != "sent")
    return Desk(tickets, tuple(_documents(path, "note")), _writes(path), unheard)


def _field_nation(path: Path) -> FieldNation:
    orders = {row["work_order"]["id"]: row["work_order"] for row in _documents(path, "work_order")}
    fields = {
        (number, one["id"]): one["value"]
        for number, order in orders.items()
        for group in order["custom_fields"]["results"]
        for one in group["results"]
    }
    taken = frozenset(
        row["deliveryId"].rpartition(":")[0]
        for row in _documents(path, "delivery")
        if row["deliveryStatus"].startswith("2")
    )
    return FieldNation(orders, fields, _writes(path), taken)
