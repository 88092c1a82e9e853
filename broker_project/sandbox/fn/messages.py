"""Messages of a work order: plain text, newest first, replies inside the message they answer."""

from __future__ import annotations

from typing import Any

from broker_project.sandbox.store import Document

from . import lookups
from .moments import moment, now_utc
from .orders import Missing, NotAllowed, Orders, user_name
from .parts import BadValue
from .shapes import WorkOrder, listing, zone_of

TYPES = (
    "INTERNAL",
    "ASSIGNEDTECH",
    "REQUESTEDTECHS",
    "SPECIFICTECH",
    "FROMTECH",
    "REPLY",
    "TECHTOMANAGER",
    "ROUTEDTECHS",
    "REPLYTOTHREAD",
    "STAFF_NOTE",
)
DEFAULT_TYPE = "INTERNAL"  # which type Field Nation takes when none is sent is not documented
NUMBERS_FROM = 90_001


class Messages:
    """Read and add messages. Call inside a transaction."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def page(self, number: int) -> dict[str, Any]:
        """What the API answers for all message calls. Raises Missing."""
        self._orders.get(number)
        threads: dict[str, Document] = {}
        for message in self._orders.messages(number):
            shown = {**message, "replies": []}
            parent = threads.get(message["parent_id"])
            if parent is None:
                threads[message["msg_id"]] = shown
            else:
                parent["replies"].append(shown)
        return listing(list(threads.values())[::-1])

    def add(self, number: int, body: dict[str, Any], *, user_id: int, parent_id: str = "") -> None:
        """Add a message, or a reply to ``parent_id``. Raises Missing, BadValue."""
        order = self._orders.get(number)
        text, kind = body.get("message"), body.get("type", "REPLY" if parent_id else DEFAULT_TYPE)
        if not isinstance(text, str) or not text.strip():
            raise BadValue("/message", "message is required and must be a text.")
        if kind not in TYPES:
            raise BadValue("/type", f"type must be one of {', '.join(TYPES)}.")
        if kind == "SPECIFICTECH" and not isinstance(body.get("to"), dict):
            raise BadValue("/to", "A message to a specific provider needs to.id.")
        if parent_id:
            parent_id = self._thread(number, parent_id)
        self._keep(order, text, kind, user_id=user_id, parent_id=parent_id, to=body.get("to"))
        self._orders.save(order, user_id=user_id, changed=["messages"])
        self._orders.tell(order, "message_posted", user_id=user_id)

    def _thread(self, number: int, message_id: str) -> str:
        """The first message of the thread that holds ``message_id``."""
        found = next((row for row in self._orders.messages(number) if row["msg_id"] == message_id), None)
        if found is None:
            raise Missing(f"Work order {number} has no message {message_id}.")
        return str(found["parent_id"] or found["msg_id"])

    def _keep(self, order: WorkOrder, text: str, kind: str, *, user_id: int, parent_id: str, to: Any) -> None:
        number = self._orders.store.next_number("message", first=NUMBERS_FROM)
        is_provider = lookups.named(lookups.PROVIDERS, user_id) is not None
        message = {
            "msg_id": str(number),
            "parent_id": parent_id,
            "from": {"id": user_id, "name": user_name(user_id), "role": "provider" if is_provider else "buyer"},
            "to": to if isinstance(to, dict) else {"id": 0, "name": ""},
            "role": "provider" if is_provider else "buyer",
            "type": kind,
            "message": text,
            "created": moment(now_utc(), zone_of(order)),
            "read": False,
        }
        self._orders.store.put("message", number, message, key=str(order["id"]))
        counts = order["messages"]["metadata"]
        counts |= {"total": counts["total"] + 1, "unread": counts["unread"] + 1}


class Problems:
    """Problems reported on a work order; not on a Draft."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def report(self, number: int, body: dict[str, Any], *, user_id: int) -> WorkOrder:
        order = self._orders.get(number)
        if order["status"]["name"] == "Draft":
            raise NotAllowed("No problem can be reported on a Draft.")
        kind = body["type"].get("id") if isinstance(body.get("type"), dict) else None
        if kind not in lookups.PROBLEM_TYPES:
            raise BadValue("/type/id", f"type.id must be one of {', '.join(map(str, lookups.PROBLEM_TYPES))}.")
        problem = {
            "id": self._orders.store.next_number("problem"),
            "type": {"id": kind, "name": lookups.PROBLEM_TYPES[kind]},
            "comments": str(body.get("comments", "")),
            "author": {"id": user_id, "name": user_name(user_id)},
            "created": moment(now_utc(), zone_of(order)),
            "resolved": False,
        }
        order["problems"] = listing([*order["problems"]["results"], problem])
        self._orders.save(order, user_id=user_id, changed=["problems"])
        self._orders.tell(order, "problem_reported", user_id=user_id)
        return order

    def resolve(self, number: int, problem_id: int, *, resolved: bool, user_id: int) -> WorkOrder:
        """Close a problem, or open it again."""
        order = self._orders.get(number)
        problem = lookups.named(order["problems"]["results"], problem_id)
        if problem is None:
            raise Missing(f"Work order {number} has no problem {problem_id}.")
        if problem["resolved"] != resolved:
            problem["resolved"] = resolved
            self._orders.save(order, user_id=user_id, changed=["problems"])
            self._orders.tell(order, "problem_resolved" if resolved else "problem_reported", user_id=user_id)
        return order
