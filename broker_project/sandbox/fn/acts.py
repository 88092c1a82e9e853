"""What people do in Field Nation's own screens: the buyer's manager and the provider. Driven by control calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from . import lookups
from .lists import Attachments, Collections
from .messages import Messages, Problems
from .moments import PATTERN
from .orders import NotAllowed, Orders
from .parts import BadValue
from .shapes import WorkOrder
from .status import Moves

Act = Callable[[WorkOrder, dict[str, Any]], None]
MANAGER = lookups.MANAGER_ID
FIRST_PROVIDER = lookups.PROVIDERS[0]["id"]
SAMPLE_LOCATION = {
    "mode": "custom",
    "address1": "88 Mill Road",
    "city": "Duluth",
    "state": "MN",
    "zip": "55802",
    "country": "US",
    "type": {"id": 1},
}
SAMPLE_PAY = {"type": "hourly", "base": {"amount": 65, "units": 3}}


class Acts:
    """``perform`` runs one act by name. All raise Missing, NotAllowed and BadValue; call inside a transaction."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._moves = Moves(orders)
        self._lists = Collections(orders)
        self._messages = Messages(orders)
        self._problems = Problems(orders)
        self._attachments = Attachments(orders)
        self.acts: dict[str, Act] = {
            "publish": lambda order, facts: self._moves.publish(order, user_id=MANAGER),
            "back_to_draft": lambda order, facts: self._moves.back_to_draft(order, user_id=MANAGER),
            "route": lambda order, facts: self._moves.route(order, [_provider(facts)], user_id=MANAGER),
            "request": lambda order, facts: self._respond(order, facts, "requests", "requested"),
            "decline": lambda order, facts: self._respond(order, facts, "declines", "declined"),
            "undecline": self._undecline,
            "assign": lambda order, facts: self._moves.assign(order, _provider(facts), user_id=MANAGER),
            "unassign": lambda order, facts: self._moves.unassign(order, _assigned(order), user_id=MANAGER),
            **{name: self._reporter(label, event) for name, label, event in REPORTS},
            "check_in": self._check_in,
            "delayed": self._delayed,
            "complete_task": self._complete_task,
            "work_done": self._work_done,
            "incomplete": lambda order, facts: self._moves.incomplete(order, user_id=MANAGER),
            "approve": lambda order, facts: self._moves.approve(order, user_id=MANAGER),
            "pay": lambda order, facts: self._moves.pay(order, user_id=MANAGER),
            "postpone": lambda order, facts: self._moves.postpone(order, user_id=MANAGER),
            "cancel": lambda order, facts: self._moves.cancel(order, user_id=MANAGER),
            "message": self._message,
            "schedule": self._schedule,
            "custom_field": self._custom_field,
            "update": self._update,
            "expense": self._expense,
            "upload": self._upload,
            "report_problem": self._report_problem,
            "resolve_problem": self._resolve_problem,
        }

    def perform(self, name: str, number: int, facts: dict[str, Any]) -> WorkOrder:
        """Run an act on a work order and answer it as it then is."""
        if name not in self.acts:
            raise BadValue("/action", f"action must be one of create, {', '.join(self.acts)}.")
        self.acts[name](self._orders.get(number), facts)
        return self._orders.get(number)

    def create(self, facts: dict[str, Any], *, site: str) -> WorkOrder:
        """A manager's new work order, ready to publish unless ``fields`` says otherwise; published with ``publish``."""
        start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
        body = {
            "title": facts.get("title") or "Swap failed edge switch",
            "types_of_work": [{"id": 76, "isPrimary": True}],
            "location": SAMPLE_LOCATION,
            "schedule": {"service_window": {"mode": "exact", "start": {"utc": start.strftime(PATTERN)}}},
            "pay": SAMPLE_PAY,
            **facts.get("fields", {}),
        }
        order, _ = self._orders.create(body, user_id=MANAGER, site=site)
        if facts.get("publish"):
            self._moves.publish(order, user_id=MANAGER)
        return order

    def _respond(self, order: WorkOrder, facts: dict[str, Any], place: str, event: str) -> None:
        if order["status"]["name"] not in ("Published", "Routed"):
            raise NotAllowed(f"Work order {order['id']} is not offered: it is {order['status']['name']}.")
        provider = _provider(facts)
        order[place]["results"].append({"id": len(order[place]["results"]) + 1, "user": {"id": provider}})
        self._orders.save(order, user_id=provider, changed=[place])
        self._orders.tell(order, event, user_id=provider, provider_id=provider)

    def _undecline(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        provider = _provider(facts)
        left = [row for row in order["declines"]["results"] if row["user"]["id"] != provider]
        if len(left) == len(order["declines"]["results"]):
            raise NotAllowed(f"Provider {provider} has not declined work order {order['id']}.")
        order["declines"]["results"] = left
        self._orders.save(order, user_id=provider, changed=["declines"])
        self._orders.tell(order, "undeclined", user_id=provider, provider_id=provider)

    def _reporter(self, label: str, event: str) -> Act:
        return lambda order, facts: self._moves.report(order, label, event, user_id=_assigned(order))

    def _check_in(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        """A check-in also completes the task of that name, as documented."""
        self._moves.report(order, "Checked in", "checked_in", user_id=_assigned(order))
        for task in order["tasks"]["results"]:
            if task["label"].lower() in ("check in", "check-in") and task["status"] != "complete":
                self._lists.set_task(order, task["id"], complete=True, user_id=_assigned(order))

    def _delayed(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        """A delay also posts a message, as documented."""
        self._moves.report(order, "Delayed", "delayed", user_id=_assigned(order))
        text = {"message": facts.get("message") or "I am running late.", "type": "FROMTECH"}
        self._messages.add(order["id"], text, user_id=_assigned(order))

    def _complete_task(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        left = [task["id"] for task in order["tasks"]["results"] if task["status"] != "complete"]
        if "task_id" not in facts and not left:
            raise NotAllowed(f"Work order {order['id']} has no open task.")
        self._lists.set_task(order, facts.get("task_id", left[0] if left else 0), complete=True, user_id=_actor(order))

    def _work_done(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        notes = str(facts.get("closing_notes") or "")
        self._moves.work_done(order, closing_notes=notes, user_id=_assigned(order))

    def _message(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        """From the assigned provider, unless ``from`` is "manager"."""
        is_manager = facts.get("from") == "manager" or not order["assignee"]["user"]["id"]
        body = {"message": facts.get("message"), "type": "ASSIGNEDTECH" if is_manager else "FROMTECH"}
        self._messages.add(order["id"], body, user_id=MANAGER if is_manager else _assigned(order))

    def _schedule(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        """``start`` and ``end`` as UTC texts; without them the visit moves one day on."""
        window = order["schedule"]["service_window"]
        start, end = facts.get("start"), facts.get("end")
        if not start:
            if not window["start"]["utc"]:
                raise BadValue("/start", "start is required: the work order has no schedule yet.")
            start, end = _day_later(window["start"]["utc"]), _day_later(window["end"]["utc"])
        mode = "between" if end and end != start else "exact"
        body = {"service_window": {"mode": mode, "start": {"utc": start}, "end": {"utc": end or start}}}
        self._update(order, {"fields": {"schedule": body}})

    def _custom_field(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        row = {"id": facts.get("id"), "value": facts.get("value")}
        self._update(order, {"fields": {"custom_fields": {"results": [{"results": [row]}]}}}, user_id=_actor(order))

    def _update(self, order: WorkOrder, facts: dict[str, Any], *, user_id: int = MANAGER) -> None:
        """``fields`` as in the API's update call; nothing is dropped silently here."""
        fields = facts.get("fields")
        if not isinstance(fields, dict) or not fields:
            raise BadValue("/fields", "fields is required: an object as in the API's update call.")
        _, dropped = self._orders.update(order["id"], fields, user_id=user_id)
        if dropped:
            raise BadValue("/fields", f"These members have the wrong name or shape: {', '.join(dropped)}.")

    def _expense(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        body = {
            "category": facts.get("category", 1),
            "description": str(facts.get("description") or "Parts"),
            "amount": str(facts.get("amount", "12.50")),
        }
        self._lists.add(order["id"], "expenses", body, user_id=_actor(order))

    def _upload(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        name, folder = str(facts.get("name") or "photo.jpg"), order["attachments"]["results"][0]["id"]
        self._attachments.upload(order["id"], folder, file_name=name, size=1024, notes="", user_id=_assigned(order))

    def _report_problem(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        body = {"type": {"id": facts.get("type_id", 4)}, "comments": facts.get("comments", "")}
        self._problems.report(order["id"], body, user_id=_actor(order))

    def _resolve_problem(self, order: WorkOrder, facts: dict[str, Any]) -> None:
        open_ids = [problem["id"] for problem in order["problems"]["results"] if not problem["resolved"]]
        if "problem_id" not in facts and not open_ids:
            raise NotAllowed(f"Work order {order['id']} has no open problem.")
        problem_id = facts.get("problem_id", open_ids[0] if open_ids else 0)
        self._problems.resolve(order["id"], problem_id, resolved=True, user_id=MANAGER)


# act, sub-status shown, status event
REPORTS = (
    ("confirm", "Confirmed", "confirmed"),
    ("on_my_way", "On my way", "on_my_way"),
    ("check_out", "Checked out", "checked_out"),
    ("at_risk", "At risk", "at_risk"),
)


def _provider(facts: dict[str, Any]) -> int:
    number = facts.get("provider_id", FIRST_PROVIDER)
    if type(number) is not int:
        raise BadValue("/provider_id", "provider_id must be a number.")
    return number


def _assigned(order: WorkOrder) -> int:
    number: int = order["assignee"]["user"]["id"]
    if not number:
        raise NotAllowed(f"Nobody is assigned to work order {order['id']}.")
    return number


def _actor(order: WorkOrder) -> int:
    """The assigned provider, else the manager."""
    return order["assignee"]["user"]["id"] or MANAGER


def _day_later(utc: str) -> str:
    moment = datetime.strptime(utc, PATTERN).replace(tzinfo=UTC)
    return (moment + timedelta(days=1)).strftime(PATTERN)
