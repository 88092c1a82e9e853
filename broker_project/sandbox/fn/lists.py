"""Lists below a work order that all work alike: contacts, tasks, time logs, shipments, expenses, tags, attachments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from . import lookups
from .moments import UNSET, moment, now_utc, read_moment
from .orders import Missing, Orders
from .parts import BadValue
from .shapes import WorkOrder, blank_folder, listing, zone_of
from .writes import read_contact, read_shipment, read_task

Row = dict[str, Any]
# What a change of the row's own members leaves alone.
KEPT = {"tasks": ("status", "completed"), "expenses": ("status", "added", "approved")}


def read_expense(row: Row) -> Row:
    category = row["category"].get("id") if isinstance(row.get("category"), dict) else row.get("category")
    if category not in lookups.EXPENSE_CATEGORIES:
        raise BadValue("/category", f"category must be one of {', '.join(map(str, lookups.EXPENSE_CATEGORIES))}.")
    if not isinstance(row.get("description"), str):
        raise BadValue("/description", "description is required.")
    try:
        amount = float(row["amount"]) if isinstance(row.get("amount"), str) else None
    except ValueError:
        amount = None
    if amount is None:
        raise BadValue("/amount", 'amount is required, as a text such as "12.50".')
    label = lookups.EXPENSE_CATEGORIES[category]
    return {
        "status": "pending",
        "description": row["description"],
        "amount": amount,
        "quantity": row.get("quantity", 1),
        "category": {"id": category, "label": label, "type": "standard"},
        "added": UNSET,
        "approved": UNSET,
    }


class Collections:
    """Add, change and remove rows of a list. Call inside a transaction; all raise Missing and BadValue."""

    readers: ClassVar[dict[str, Callable[[Row], Row]]] = {
        "contacts": read_contact,
        "tasks": read_task,
        "shipments": read_shipment,
        "expenses": read_expense,
        "time_logs": lambda row: row,
    }

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def page(self, number: int, name: str) -> Row:
        return _holder(self._orders.get(number), name)

    def one(self, number: int, name: str, row_id: int) -> Row:
        row = lookups.named(self.page(number, name)["results"], row_id)
        if row is None:
            raise Missing(f"Work order {number} has no {name} {row_id}.")
        return row

    def add(self, number: int, name: str, body: Row, *, user_id: int) -> WorkOrder:
        order = self._orders.get(number)
        row = {"id": self._orders.store.next_number(name), **self._read(order, name, body)}
        if name == "expenses":
            row["added"] = moment(now_utc(), zone_of(order))
        self._replace(order, name, [*_holder(order, name)["results"], row], user_id=user_id)
        return order

    def change(self, number: int, name: str, row_id: int, body: Row, *, user_id: int) -> WorkOrder:
        order, row = self._orders.get(number), self.one(number, name, row_id)
        before = {**row, "amount": str(row["amount"])} if name == "expenses" else row
        kept = {member: row[member] for member in KEPT.get(name, ())}
        changed = {**row, **self._read(order, name, {**before, **body}), **kept}
        rows = [changed if other["id"] == row_id else other for other in _holder(order, name)["results"]]
        self._replace(order, name, rows, user_id=user_id)
        if name == "tasks" and body.get("status") in ("complete", "incomplete"):
            self.set_task(order, row_id, complete=body["status"] == "complete", user_id=user_id)
        return order

    def remove(self, number: int, name: str, row_id: int, *, user_id: int) -> WorkOrder:
        order = self._orders.get(number)
        self.one(number, name, row_id)
        rows = [row for row in _holder(order, name)["results"] if row["id"] != row_id]
        self._replace(order, name, rows, user_id=user_id)
        return order

    def set_task(self, order: WorkOrder, task_id: int, *, complete: bool, user_id: int) -> None:
        task = lookups.named(order["tasks"]["results"], task_id)
        if task is None:
            raise Missing(f"Work order {order['id']} has no task {task_id}.")
        task["status"] = "complete" if complete else "incomplete"
        task["completed"] = moment(now_utc(), zone_of(order)) if complete else UNSET
        self._orders.save(order, user_id=user_id, changed=["tasks"])
        self._orders.tell(order, "task_completed" if complete else "task_incomplete", user_id=user_id, task_id=task_id)

    def tag(self, number: int, tag_id: object, *, user_id: int) -> WorkOrder:
        order = self._orders.get(number)
        row = lookups.named(tags(self._orders), tag_id)
        if row is None:
            raise BadValue("/id", f"The company has no tag {tag_id}.")
        if lookups.named(order["tags"]["results"], tag_id) is None:
            self._replace(order, "tags", [*order["tags"]["results"], row], user_id=user_id)
            self._orders.tell(order, "tag_added", user_id=user_id)
        return order

    def untag(self, number: int, tag_id: int, *, user_id: int) -> WorkOrder:
        order = self.remove(number, "tags", tag_id, user_id=user_id)
        self._orders.tell(order, "tag_removed", user_id=user_id)
        return order

    def _read(self, order: WorkOrder, name: str, body: Row) -> Row:
        return _read_time_log(order, body) if name == "time_logs" else self.readers[name](body)

    def _replace(self, order: WorkOrder, name: str, rows: list[Row], *, user_id: int) -> None:
        _holder(order, name).update(listing(rows))
        if name == "time_logs":
            order["time_logs"]["hours"] = round(sum(row["hours"] for row in rows), 2)
            order["pay"]["reported_hours"] = order["time_logs"]["hours"]
        self._orders.save(order, user_id=user_id, changed=["pay" if name == "expenses" else name])


class Attachments:
    """Folders and what is known of the files in them; the bytes themselves are not kept."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def add_folder(self, number: int, name: object, *, user_id: int) -> Row:
        order = self._orders.get(number)
        if not isinstance(name, str) or not name:
            raise BadValue("/name", "name is required.")
        folders = order["attachments"]["results"]
        folder = blank_folder(max(row["id"] for row in folders) + 1, name)
        order["attachments"] = listing([*folders, folder])
        self._orders.save(order, user_id=user_id, changed=["attachments"])
        return folder

    def upload(self, number: int, folder_id: int, *, file_name: str, size: int, notes: str, user_id: int) -> Row:
        """``size`` in bytes. A provider's upload is announced."""
        order = self._orders.get(number)
        folder = self._folder(order, folder_id)
        if size > folder["max_bytes"]:
            raise BadValue("/file", f"The file is larger than {folder['max_bytes']} bytes.")
        file = {
            "id": self._orders.store.next_number("attachment"),
            "folder_id": folder_id,
            "file": {"name": file_name, "size_bytes": size},
            "notes": notes,
            "status": "PENDING",
            "show_before_assignment": False,
            "author": {"id": user_id},
            "created": moment(now_utc(), zone_of(order)),
        }
        folder["results"].append(file)
        self._orders.save(order, user_id=user_id, changed=["attachments"])
        if lookups.named(lookups.PROVIDERS, user_id) is not None:
            self._orders.tell(order, "provider_upload", user_id=user_id)
        return file

    def change(self, number: int, folder_id: int, file_id: int, body: Row, *, user_id: int) -> Row:
        order = self._orders.get(number)
        file = self._file(order, folder_id, file_id)
        if "status" in body and body["status"] not in ("PENDING", "APPROVED", "DENIED"):
            raise BadValue("/status", "status must be PENDING, APPROVED or DENIED.")
        file |= {name: body[name] for name in ("notes", "status", "show_before_assignment") if name in body}
        self._orders.save(order, user_id=user_id, changed=["attachments"])
        return file

    def remove(self, number: int, folder_id: int, file_id: int, *, user_id: int) -> None:
        order = self._orders.get(number)
        self._folder(order, folder_id)["results"].remove(self._file(order, folder_id, file_id))
        self._orders.save(order, user_id=user_id, changed=["attachments"])

    def _folder(self, order: WorkOrder, folder_id: int) -> Row:
        folder = lookups.named(order["attachments"]["results"], folder_id)
        if folder is None:
            raise Missing(f"Work order {order['id']} has no folder {folder_id}.")
        return folder

    def _file(self, order: WorkOrder, folder_id: int, file_id: int) -> Row:
        file = lookups.named(self._folder(order, folder_id)["results"], file_id)
        if file is None:
            raise Missing(f"Folder {folder_id} has no file {file_id}.")
        return file


def tags(orders: Orders) -> list[Row]:
    """The company's tags, those made by API included."""
    return [*lookups.TAGS, *orders.store.all("company/tags")]


def _holder(order: WorkOrder, name: str) -> Row:
    holder: Row = order["pay"]["expenses"] if name == "expenses" else order[name]
    return holder


def _read_time_log(order: WorkOrder, row: Row) -> Row:
    zone = zone_of(order)
    start, end = read_moment(row.get("in"), zone), read_moment(row.get("out"), zone)
    if start is None:
        raise BadValue("/in", 'in is required, as {"utc": "YYYY-MM-DD HH:MM:SS"}.')
    hours = row.get("hours", 0)
    return {"in": start, "out": end or UNSET, "hours": hours if isinstance(hours, int | float) else 0}
