"""How a work order moves: there is no status write, each move is an action with its own conditions."""

from __future__ import annotations

from typing import Any

from . import lookups
from .moments import moment, now_utc
from .orders import NotAllowed, Orders
from .parts import BadValue
from .shapes import STATUS_IDS, WorkOrder, blank_provider, listing, zone_of

MILESTONE_OF = {
    "Published": "published",
    "Routed": "routed",
    "Assigned": "assigned",
    "Work Done": "workdone",
    "Approved": "approved",
    "Paid": "paid",
    "Cancelled": "canceled",
    "Deleted": "canceled",
}
OPEN = ("Draft", "Published", "Routed")


class Moves:
    """Each method moves one work order, saves it and announces what happened. All raise NotAllowed or BadValue."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def publish(self, order: WorkOrder, *, user_id: int) -> None:
        self._require(order, "publish", "Draft")
        _require_complete(order)
        self._move(order, "Published", user_id=user_id)

    def back_to_draft(self, order: WorkOrder, *, user_id: int) -> None:
        self._require(order, "take back", "Published", "Routed")
        order["routes"] = listing([])
        self._move(order, "Draft", user_id=user_id)

    def route(self, order: WorkOrder, provider_ids: list[int], *, user_id: int) -> None:
        self._require(order, "route", *OPEN)
        _require_complete(order)
        rows = order["routes"]["results"] + [_provider(number) for number in provider_ids]
        order["routes"] = listing(list({row["id"]: row for row in rows}.values()))
        self._orders.save(order, user_id=user_id, changed=["routes"])
        for number in provider_ids:
            self._orders.tell(order, "routed", user_id=user_id, provider_id=number)
        if order["status"]["name"] != "Routed":
            self._move(order, "Routed", user_id=user_id)

    def unroute(self, order: WorkOrder, provider_id: int, *, user_id: int) -> None:
        self._require(order, "un-route", "Routed")
        left = [row for row in order["routes"]["results"] if row["id"] != provider_id]
        if len(left) == len(order["routes"]["results"]):
            raise BadValue("/technician/id", f"The work order is not routed to provider {provider_id}.")
        order["routes"] = listing(left)
        if left:
            self._orders.save(order, user_id=user_id, changed=["routes"])
        else:
            self._move(order, _market_status(order), user_id=user_id)

    def assign(self, order: WorkOrder, provider_id: int, *, user_id: int) -> None:
        self._require(order, "assign", *OPEN, "Assigned")
        _require_complete(order)
        order["assignee"] = {"user": _provider(provider_id)}
        order["status"] |= {"sub_status": "", "confirmed": False}
        self._move(order, "Assigned", user_id=user_id)

    def unassign(self, order: WorkOrder, provider_id: int, *, user_id: int) -> None:
        self._require(order, "unassign", "Assigned")
        if order["assignee"]["user"]["id"] != provider_id:
            raise BadValue("/user/id", f"Provider {provider_id} is not assigned to this work order.")
        order["assignee"] = {"user": blank_provider()}
        self._move(order, _market_status(order), user_id=user_id, also="status.assigned_cancelled")

    def report(self, order: WorkOrder, display: str, event: str, *, user_id: int) -> None:
        """A sub-status of Assigned, such as "Checked in"."""
        self._require(order, "report on", "Assigned")
        status = order["status"]
        status |= {"sub_status": display, "display": display}
        if display == "Confirmed":
            status["confirmed"] = True
        self._orders.save(order, user_id=user_id, changed=["status"])
        self._orders.tell(order, f"status.{event}", user_id=user_id, previous_status_id=status["id"])

    def work_done(self, order: WorkOrder, *, closing_notes: str, user_id: int) -> None:
        self._require(order, "complete", "Assigned")
        if closing_notes:
            order["closing_notes"] = closing_notes
        self._move(order, "Work Done", user_id=user_id)

    def incomplete(self, order: WorkOrder, *, user_id: int) -> None:
        self._require(order, "mark incomplete", "Work Done")
        self._move(order, "Assigned", user_id=user_id)

    def approve(self, order: WorkOrder, *, user_id: int) -> None:
        self._require(order, "approve", "Work Done")
        self._move(order, "Approved", user_id=user_id)

    def pay(self, order: WorkOrder, *, user_id: int) -> None:
        self._require(order, "pay", "Approved")
        self._move(order, "Paid", user_id=user_id)

    def postpone(self, order: WorkOrder, *, user_id: int) -> None:
        self._require(order, "postpone", *OPEN, "Assigned")
        self._move(order, "Postponed", user_id=user_id)

    def cancel(self, order: WorkOrder, *, user_id: int) -> None:
        """A Draft becomes Deleted, the others Cancelled. Which of the two Field Nation chooses is not documented."""
        self._require(order, "cancel", *OPEN, "Assigned", "Postponed")
        self._move(order, "Deleted" if order["status"]["name"] == "Draft" else "Cancelled", user_id=user_id)

    def _require(self, order: WorkOrder, verb: str, *allowed: str) -> None:
        name = order["status"]["name"]
        if name not in allowed:
            listed = ", ".join(allowed)
            raise NotAllowed(f"Cannot {verb} work order {order['id']}: it is {name}; it must be one of {listed}.")

    def _move(self, order: WorkOrder, name: str, *, user_id: int, also: str = "") -> None:
        """``also`` is a second status event, told before that of the new status."""
        status: dict[str, Any] = order["status"]
        previous = status["id"]
        status |= {
            "id": STATUS_IDS[name],
            "name": name,
            "display": name,
            "is_routed": name == "Routed",
            "sub_status": "",
        }
        if name in OPEN:
            status["confirmed"] = False
        if name in MILESTONE_OF:
            order["milestones"][MILESTONE_OF[name]] = moment(now_utc(), zone_of(order))
        self._orders.save(order, user_id=user_id, changed=["status"])
        for event in (also, f"status.{name.lower().replace(' ', '_')}"):
            if event:
                self._orders.tell(order, event, user_id=user_id, previous_status_id=previous)


def _market_status(order: WorkOrder) -> str:
    """Where a work order falls back to: Published if it ever was, else Draft."""
    return "Published" if order["milestones"]["published"]["utc"] else "Draft"


def _require_complete(order: WorkOrder) -> None:
    missing = [
        name
        for name, is_set in (
            ("location", order["location"]["mode"]),
            ("pay", order["pay"]["type"]),
            ("schedule", order["schedule"]["service_window"]["start"]["utc"]),
        )
        if not is_set
    ]
    if missing:
        raise NotAllowed(f"The work order cannot be offered yet: set its {', '.join(missing)} first.")


def _provider(number: int) -> dict[str, Any]:
    row = lookups.named(lookups.PROVIDERS, number)
    if row is None:
        known = ", ".join(str(row["id"]) for row in lookups.PROVIDERS)
        raise BadValue("/user/id", f"There is no provider {number}; this sandbox knows {known}.")
    return {**row}
