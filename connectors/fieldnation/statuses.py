"""Work order statuses: names, ids and what moves a work order there (Field Nation REST API v2, status). Pure data.

Map on the name; the ids are information, and those of Work Done, Approved and Paid are unconfirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from broker_project.lib.errors import InvalidRecord


@dataclass(frozen=True)
class Status:
    """``name`` as mappings compare it, ``label`` as Field Nation shows it; ``id`` None where unknown.

    ``moved_from`` lists the statuses from which the API can move a work order here; empty: only the provider or Field
    Nation itself does, as ``note`` says.
    """

    name: str
    label: str
    id: int | None
    id_is_confirmed: bool
    moved_from: tuple[str, ...] = ()
    note: str = ""


STATUSES: tuple[Status, ...] = (
    Status("draft", "Draft", 1, True, ("published", "routed"), "Takes the work order back from the market."),
    Status("published", "Published", 2, True, ("draft",), "Needs a location, pay and a schedule."),
    Status("routed", "Routed", 9, True, ("draft", "published"), "Needs the provider's id in route.technician.id."),
    Status(
        "assigned",
        "Assigned",
        3,
        True,
        ("draft", "published", "routed", "work_done"),
        "Needs the provider's id in assignee.user.id; back from Work Done it needs incomplete.reason and "
        "incomplete.reason_id instead.",
    ),
    Status("work_done", "Work Done", 4, False, (), "The provider marks the work as done."),
    Status("approved", "Approved", 5, False, ("work_done",), "Approving releases the pay."),
    Status("paid", "Paid", 6, False, (), "Field Nation pays after approval."),
    Status(
        "cancelled",
        "Cancelled",
        7,
        True,
        ("draft", "published", "routed", "assigned"),
        "Needs cancel_reason; once assigned a fee may apply.",
    ),
    Status(
        "deleted", "Deleted", None, False, ("draft", "published", "routed", "assigned"), "The same call as Cancelled."
    ),
    Status("postponed", "Postponed", None, False, (), "Field Nation's API has no call for it."),
)

SUB_STATUSES: tuple[str, ...] = (
    "confirmed",
    "on_my_way",
    "checked_in",
    "checked_out",
    "at_risk",
    "delayed",
    "on_hold",
    "eta_set",
)
"""Parts of Assigned which only the provider or Field Nation sets."""

_BY_NAME: Mapping[str, Status] = {status.name: status for status in STATUSES}
_BY_ID: Mapping[int, Status] = {status.id: status for status in STATUSES if status.id is not None}
_OTHER_WORDS: Mapping[str, str] = {
    "publish": "published",
    "route": "routed",
    "assign": "assigned",
    "approve": "approved",
    "cancel": "cancelled",
    "canceled": "cancelled",
    "delete": "deleted",
    "done": "work_done",
    "workdone": "work_done",
}


def plain_name(text: str) -> str:
    """A status name as mappings compare it: lower case, blanks and hyphens as underscores."""
    return "_".join(text.lower().replace("-", " ").replace("_", " ").split())


def status_wanted(value: object) -> Status:
    """The status meant by a mapped value: a name in any spelling, an action word, or an id as number or text.

    Raises InvalidRecord naming the nearest known statuses.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = plain_name(str(value))
    known = _BY_NAME.get(_OTHER_WORDS.get(text, text))
    if known is None and text.isascii() and text.isdigit():
        known = _BY_ID.get(int(text))
    if known is not None:
        return known
    if text in SUB_STATUSES:
        return Status(text, text.replace("_", " ").capitalize(), None, False, (), "The provider reports it.")
    names = [*_BY_NAME, *_OTHER_WORDS]
    near = get_close_matches(text, names, n=3) or list(_BY_NAME)
    raise InvalidRecord(f"Field Nation has no status “{value}”. Use one of: {', '.join(near)}.")


def status_of(work_order: Mapping[str, Any]) -> str:
    """Plain name of a work order's status; "" when it names none."""
    status = work_order.get("status")
    if not isinstance(status, Mapping):
        return ""
    name = plain_name(str(status.get("name") or ""))
    name = _OTHER_WORDS.get(name, name)
    # A published work order that is routed may keep its name and only carry the flag.
    return "routed" if name == "published" and status.get("is_routed") is True else name
