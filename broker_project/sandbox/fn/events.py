"""The 33 events of webhooks v3."""

from __future__ import annotations

LIFECYCLE = [
    "created",
    "routed",
    "requested",
    "declined",
    "undeclined",
    "task_completed",
    "task_incomplete",
    "provider_upload",
    "message_posted",
    "custom_field_value_updated",
    "schedule_updated",
    "tag_added",
    "tag_removed",
]
STATUS = [
    "draft",
    "routed",
    "published",
    "confirmed",
    "assigned",
    "assigned_cancelled",
    "at_risk",
    "delayed",
    "on_my_way",
    "checked_in",
    "checked_out",
    "work_done",
    "approved",
    "paid",
    "cancelled",
    "deleted",
    "postponed",
]
OTHER = ["problem_reported", "problem_resolved", "part_updated"]

NAMES = [f"workorder.{name}" for name in (*LIFECYCLE, *(f"status.{name}" for name in STATUS), *OTHER)]


def describe(name: str) -> dict[str, str]:
    """The row of ``GET /events`` for a full name."""
    label = name.removeprefix("workorder.").replace("status.", "status: ").replace("_", " ").capitalize()
    return {"name": name, "label": label, "description": f"{label} (work order)", "model": "WorkOrder"}
