"""The work orders of the simulated account: read, create, change, and tell the webhooks what happened."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker_project.sandbox.store import Document, Store
from broker_project.sandbox.tickets import now_text

from . import lookups
from .moments import now_utc
from .shapes import WorkOrder, new_work_order, settle
from .writes import LOCKED, apply

FIRST_WORK_ORDER = 4_410_027  # the one of the documented sample event


class Missing(Exception):
    """No such work order, or no such part of it; the text is a sentence."""


class NotAllowed(Exception):
    """The work order's present state forbids it; the text says why."""


@dataclass(frozen=True)
class Happening:
    """Something that webhooks tell: event name (without ``workorder.``) and extra parameters."""

    name: str
    params: dict[str, Any]


class Orders:
    """Call inside a transaction. ``announce`` gets each happening with the complete work order and who caused it.

    A row of the store is the work order and, beside it, the last change, for the page.
    """

    def __init__(self, store: Store, announce: Callable[[WorkOrder, Happening, int], None]) -> None:
        self.store = store
        self._announce = announce

    def get(self, number: int) -> WorkOrder:
        """Raises Missing."""
        order: WorkOrder = self.row(number)["work_order"]
        return order

    def row(self, number: int) -> Document:
        row = self.store.get("work_order", number)
        if row is None:
            raise Missing(f"There is no work order {number}, or this user may not see it.")
        return row

    def create(self, body: dict[str, Any], *, user_id: int, site: str) -> tuple[WorkOrder, list[str]]:
        """A Draft with the members of ``body`` that count; answers it and the dropped paths. Raises BadValue."""
        number = self.store.next_number("work_order", first=FIRST_WORK_ORDER)
        order = copy.deepcopy(new_work_order(number, created_utc=now_utc(), href=f"{site}#{number}"))
        dropped = apply(order, body)
        self.save(order, user_id=user_id, changed=["created"])
        self.tell(order, "created", user_id=user_id)
        self.tell(order, "status.draft", user_id=user_id, previous_status_id=0)
        return order, dropped

    def update(self, number: int, body: dict[str, Any], *, user_id: int) -> tuple[WorkOrder, list[str]]:
        """Write ``body`` onto a work order and tell what changed. Raises Missing, NotAllowed, BadValue."""
        before, order = self.get(number), self.unlocked(number)
        dropped = apply(order, body)
        self.save_changes(before, order, user_id=user_id)
        return order, dropped

    def unlocked(self, number: int) -> WorkOrder:
        """A work order that may be written. Raises Missing, NotAllowed."""
        order = self.get(number)
        if order["status"]["name"] in LOCKED:
            raise NotAllowed(f"Work order {number} is {order['status']['name']} and cannot be changed.")
        return order

    def save_changes(self, before: WorkOrder, order: WorkOrder, *, user_id: int) -> None:
        """Save what differs and raise the events of a changed schedule and of changed custom fields."""
        settle(order)
        changed = [
            name for name in order if name != "correlation_id" and _content(before.get(name)) != _content(order[name])
        ]
        if not changed:
            return
        self.save(order, user_id=user_id, changed=changed)
        if _content(before["schedule"]["service_window"]) != _content(order["schedule"]["service_window"]):
            self.tell(order, "schedule_updated", user_id=user_id)
        values = _custom_values(before)
        for number, value in _custom_values(order).items():
            if values.get(number) != value:
                self.tell(order, "custom_field_value_updated", user_id=user_id, custom_field_id=number)

    def save(self, order: WorkOrder, *, user_id: int, changed: list[str]) -> None:
        """Keep a work order. ``changed`` names what the page highlights; empty leaves the last change as it was."""
        settle(order)
        row = self.store.get("work_order", order["id"]) or {}
        row["work_order"] = order
        if changed:
            row["change"] = {"at": now_text(), "by": user_name(user_id), "fields": changed}
        self.store.put("work_order", order["id"], row)

    def tell(self, order: WorkOrder, name: str, *, user_id: int, **params: Any) -> None:
        """Announce one event. For ``status.*`` give ``previous_status_id``."""
        if name.startswith("status."):
            params = {"status_id": order["status"]["id"], **params}
        self._announce(order, Happening(name, params), user_id)

    def messages(self, number: int) -> list[Document]:
        """All messages of a work order, replies included, oldest first."""
        return self.store.filed("message", str(number))


def user_name(number: int) -> str:
    row = lookups.user(number)
    return f"{row['first_name']} {row['last_name']}" if row else f"User {number}"


def _custom_values(order: WorkOrder) -> dict[int, str]:
    return {field["id"]: field["value"] for group in order["custom_fields"]["results"] for field in group["results"]}


def _content(value: Any) -> Any:
    """A value without the marks that change with every write."""
    if isinstance(value, dict):
        return {name: _content(member) for name, member in value.items() if name != "correlation_id"}
    if isinstance(value, list):
        return [_content(member) for member in value]
    return value
