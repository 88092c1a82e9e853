"""Status moves. There is no status write: a wanted status becomes an action, if the present status allows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.statuses import STATUSES, Status, status_of, status_wanted
from connectors.fieldnation.steps import Check, Step

from .mapped import Mapped
from .values import found_id, id_of, member, text_of

_LABELS: Mapping[str, str] = {status.name: status.label for status in STATUSES}
# Where a work order is at its goal, or has been there.
_REACHED: Mapping[str, tuple[str, ...]] = {"cancelled": ("cancelled", "deleted"), "deleted": ("cancelled", "deleted")}


@dataclass(frozen=True)
class Move:
    """The wanted status with what its action may need. Ids are those of providers."""

    target: Status
    assignee_id: int | None = None
    technician_id: int | None = None
    cancel_reason: str = ""
    incomplete_reason: str = ""
    incomplete_reason_id: int | None = None


def read_move(mapped: Mapped) -> Move | None:
    """Take the status and its companions. A provider to assign (or to route to) without a status means that move.

    Raises InvalidRecord for an unknown status, for two different ones, and for cancelling without a reason.
    """
    statuses = {
        status_wanted(value).name: status_wanted(value) for _, value in mapped.each("status.name") if value != ""
    }
    assignee = _optional_id(mapped, "assignee.user.id")
    technician = _optional_id(mapped, "route.technician.id")
    cancel_reason = text_of(mapped.take("cancel_reason"), "cancel_reason")
    reason = text_of(mapped.take("incomplete.reason"), "incomplete.reason")
    reason_id = _optional_id(mapped, "incomplete.reason_id")
    if len(statuses) > 1:
        raise InvalidRecord(f"Two different statuses are mapped: {' and '.join(sorted(statuses))}. Map one.")
    if statuses:
        target = next(iter(statuses.values()))
    elif assignee or technician:
        target = status_wanted("assigned" if assignee else "routed")
    else:
        return None
    if target.name in ("cancelled", "deleted") and not cancel_reason:
        raise InvalidRecord("Cancelling a work order needs a reason: map or set cancel_reason.")
    return Move(target, assignee, technician, cancel_reason, reason, reason_id)


def move_steps(move: Move, current: Mapping[str, Any]) -> tuple[list[Step], list[str]]:
    """The action that brings ``current`` to the wanted status, or a note why it is not done. A work order that is
    already there needs neither."""
    present, target = status_of(current), move.target
    if present in _REACHED.get(target.name, (target.name,)):
        return [], _swap_note(move, current)
    if not target.moved_from:
        return [], [f"The status stays {_label(present)}: {target.label} cannot be set by the broker. {target.note}"]
    if present not in target.moved_from:
        return [], [
            f"The status stays {_label(present)}: a work order can be moved to {target.label} only from "
            f"{' or '.join(_label(name) for name in target.moved_from)}."
        ]
    step = _action(move, present)
    if step is None:
        return [], [f"The status stays {_label(present)}: {target.label} was wanted. {target.note}"]
    return [step], []


def _action(move: Move, present: str) -> Step | None:
    name = move.target.name
    check = (Check("status.name", move.target.label, _label(present)),)
    if name == "published":
        return Step("POST", "/publish", "publish the work order", check=check)
    if name == "draft":
        path = "/draft" if present == "routed" else "/publish"
        return Step("DELETE", path, "take the work order back to draft", check=check)
    if name == "approved":
        return Step("POST", "/approve", "approve the work order", check=check)
    if name in ("cancelled", "deleted"):
        reason = {"cancel_reason": move.cancel_reason}
        return Step("DELETE", "", "cancel the work order", params=reason, check=check)
    if name == "routed" and move.technician_id:
        body = {"technician": {"id": move.technician_id}}
        return Step("POST", "/route", f"route the work order to provider {move.technician_id}", body=body, check=check)
    if name == "assigned" and present == "work_done":
        return _send_back(move, check)
    if name == "assigned" and move.assignee_id:
        body = {"user": {"id": move.assignee_id}}
        return Step("POST", "/assignee", f"assign provider {move.assignee_id}", body=body, check=check)
    return None


def _send_back(move: Move, check: tuple[Check, ...]) -> Step | None:
    if not move.incomplete_reason or not move.incomplete_reason_id:
        return None
    params = {"reason": move.incomplete_reason, "reason_id": str(move.incomplete_reason_id)}
    return Step("DELETE", "/complete", "send the work back to the provider", params=params, check=check)


def _swap_note(move: Move, current: Mapping[str, Any]) -> list[str]:
    assigned = found_id(member(current, "assignee", "user", "id"))
    if move.target.name != "assigned" or move.assignee_id in (None, assigned):
        return []
    return [
        f"Provider {assigned} stays assigned: the broker does not swap providers. Unassign in Field Nation first to "
        f"assign {move.assignee_id}."
    ]


def _label(name: str) -> str:
    return _LABELS.get(name, name.replace("_", " ") or "unknown")


def _optional_id(mapped: Mapped, path: str) -> int | None:
    value = mapped.take(path)
    # 0 and "" are how an unassigned provider is written.
    return id_of(value, path) if value not in (None, "", 0, "0") else None
