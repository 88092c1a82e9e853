"""The Help Desk's ticket: its fields as data, strict validation, and changes that are counted and remembered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .store import Document, Store

FIRST_TICKET = 1001
STATUSES = ("New", "Open", "Scheduled", "In progress", "Resolved", "Closed")
PRIORITIES = ("Low", "Normal", "High", "Urgent")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True)
class Field:
    """One field of a ticket or note. ``kind`` is a JSON type, or ``date-time`` (2026-07-01T14:00:00Z)."""

    name: str
    label: str
    kind: str = "string"
    help: str = ""
    default: Any = ""
    choices: tuple[str, ...] = ()
    max_length: int = 255
    required: bool = False
    read_only: bool = False

    def problem(self, value: Any) -> str:
        """What is wrong with a value, as a sentence; empty when nothing is."""
        if self.kind == "number":
            return "" if _is_number(value) else "Must be a number."
        if not isinstance(value, str):
            return "Must be a text."
        if self.choices and value not in self.choices:
            return f"Must be one of {', '.join(self.choices)}."
        if len(value) > self.max_length:
            return f"Must not be longer than {self.max_length} characters."
        if self.required and not value.strip():
            return "Must not be empty."
        if self.kind == "date-time" and value and not _is_timestamp(value):
            return "Must be a date and time with zone, such as 2026-07-01T14:00:00Z, or empty."
        return ""


TICKET_FIELDS = (
    Field("id", "Number", "integer", read_only=True),
    Field("subject", "Subject", required=True),
    Field("description", "Description", max_length=32_000),
    Field("status", "Status", default="New", choices=STATUSES),
    Field("priority", "Priority", default="Normal", choices=PRIORITIES),
    Field("technician", "Technician", help="Name of the person who does the work."),
    Field("scheduled_start", "Scheduled start", "date-time", help="With zone; empty when not scheduled."),
    Field("amount", "Amount", "number", default=0, help="Agreed price in USD."),
    Field("work_order_id", "Work order", help="Number of the Field Nation work order, as text."),
    Field("correlation", "Correlation", help="Free for integrations; searchable."),
    Field("requester", "Requester"),
    Field("street", "Street"),
    Field("city", "City"),
    Field("state", "State"),
    Field("zip", "ZIP code"),
    Field("country", "Country"),
    Field("created_at", "Created", "date-time", read_only=True),
    Field("updated_at", "Last change", "date-time", read_only=True),
    Field("version", "Version", "integer", read_only=True, help="Counts changes of fields, from 1."),
)
NOTE_FIELDS = (
    Field("id", "Number", "integer", read_only=True),
    Field("ticket_id", "Ticket", "integer", read_only=True),
    Field("text", "Text", max_length=32_000, required=True),
    Field("author", "Author"),
    Field("correlation", "Correlation", help="Free for integrations."),
    Field("created_at", "Created", "date-time", read_only=True),
)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_timestamp(value: str) -> bool:
    if not TIMESTAMP.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def problems(values: Mapping[str, Any], fields: tuple[Field, ...], *, complete: bool) -> dict[str, str]:
    """Problems by field name; empty when ``values`` can be stored. ``complete`` asks for the required fields too."""
    known = {field.name: field for field in fields}
    found: dict[str, str] = {}
    for name, value in values.items():
        if name not in known:
            found[name] = "Unknown field."
        elif known[name].read_only:
            found[name] = "Read-only field."
        elif text := known[name].problem(value):
            found[name] = text
    if complete:
        found.update({f.name: "Required field." for f in fields if f.required and f.name not in values})
    return found


def now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Tickets:
    """Tickets and notes in the store; call inside a transaction, with values that ``problems`` has passed.

    Beside each ticket the store keeps the last change (who, when, which fields) and the last trigger call for the page.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, values: Mapping[str, Any], *, by: str) -> Document:
        now = now_text()
        number = self._store.next_number("ticket", first=FIRST_TICKET)
        ticket = {field.name: values.get(field.name, field.default) for field in TICKET_FIELDS}
        ticket |= {"id": number, "created_at": now, "updated_at": now, "version": 1}
        self._keep({"ticket": ticket, "change": {"at": now, "by": by, "fields": {"id": ["", number]}}})
        return ticket

    def change(self, number: int, values: Mapping[str, Any], *, by: str) -> tuple[Document, bool]:
        """Set some fields; answers the ticket and whether anything differed. The version counts only differences."""
        row = self.row(number)
        ticket: Document = row["ticket"]
        differing = {name: [ticket[name], value] for name, value in values.items() if ticket[name] != value}
        if differing:
            ticket |= {name: new for name, (_, new) in differing.items()}
            ticket |= {"updated_at": now_text(), "version": ticket["version"] + 1}
            self._keep({**row, "change": {"at": ticket["updated_at"], "by": by, "fields": differing}})
        return ticket, bool(differing)

    def add_note(self, number: int, values: Mapping[str, Any], *, by: str) -> Document:
        row = self.row(number)
        now = now_text()
        note_number = self._store.next_number("note")
        note = {field.name: values.get(field.name, field.default) for field in NOTE_FIELDS}
        note |= {"id": note_number, "ticket_id": number, "created_at": now}
        self._store.put("note", note_number, note, key=str(number))
        row["ticket"]["updated_at"] = now
        self._keep({**row, "change": {"at": now, "by": by, "fields": {"notes": ["", note["text"]]}}})
        return note

    def set_trigger(self, number: int, result: str) -> None:
        """Remember what became of the last trigger call, without moving the ticket up in the list."""
        row = self.row(number)
        self._store.put("trigger", number, {"at": now_text(), "result": result, "version": row["ticket"]["version"]})

    def row(self, number: int) -> Document:
        """The ticket with what the page shows beside it. Raises KeyError."""
        row = self._store.get("ticket", number)
        if row is None:
            raise KeyError(number)
        return row

    def notes(self, number: int) -> list[Document]:
        return self._store.filed("note", str(number))

    def with_correlation(self, correlation: str) -> list[Document]:
        return [row["ticket"] for row in self._store.filed("ticket", correlation)]

    def newest(self, *, limit: int, offset: int = 0) -> list[Document]:
        return [row["ticket"] for row in self._store.newest("ticket", limit=limit, offset=offset)]

    def shown(self, *, limit: int) -> list[Document]:
        """Latest change first: the ticket, its last change, notes and trigger result."""
        return [
            {
                **row,
                "notes": self.notes(row["ticket"]["id"]),
                "trigger": self._store.get("trigger", row["ticket"]["id"]),
            }
            for row in self._store.newest("ticket", limit=limit)
        ]

    def _keep(self, row: Document) -> None:
        self._store.put("ticket", row["ticket"]["id"], row, key=row["ticket"]["correlation"])
