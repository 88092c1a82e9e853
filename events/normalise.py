"""From a work order as Field Nation gives it to the documented event payload.

Nothing here changes its input. Results share the parts that stay as they were, so treat both as read-only.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from .catalogue import WorkOrderEvent


def utc_text(moment: datetime) -> str:
    """An aware moment as ISO 8601 in UTC with ``Z``. Raises ValueError for one without a time zone."""
    if moment.utcoffset() is None:
        raise ValueError("a moment without a time zone cannot be told in UTC")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def normalise_work_order(work_order: dict[str, Any]) -> dict[str, Any]:
    """A work order whose status name is in the documented form and whose pay has an amount.

    ``Work Done`` becomes ``work_done`` and stays in ``status.display_name``; ``pay.amount`` is filled from
    ``pay.base.amount``. Members that are there already win; members of another shape are left alone.
    """
    normal = dict(work_order)
    if isinstance(status := work_order.get("status"), dict):
        normal["status"] = _status(status)
    if isinstance(pay := work_order.get("pay"), dict):
        normal["pay"] = _pay(pay)
    return normal


def from_webhook(
    *, event: WorkOrderEvent, occurred_at: datetime, work_order: dict[str, Any], correlation_id: str | None = None
) -> dict[str, Any]:
    """The documented payload of a webhook delivery or an API read; ``payload.parse_event`` accepts it.

    ``occurred_at`` is the aware time of the event, not of the processing. Without a correlation id the work order
    keeps the member of that name which Field Nation put there.
    """
    payload: dict[str, Any] = {
        "event_type": event.constant,
        "event_timestamp": utc_text(occurred_at),
        "workorder": normalise_work_order(work_order),
        "correlation_id": None,
    }
    return payload if correlation_id is None else with_correlation(payload, correlation_id)


def with_correlation(payload: dict[str, Any], correlation_id: str | None) -> dict[str, Any]:
    """The payload for one connector: ``correlation_id`` is the external id of its linked record, None when unlinked.

    It also replaces a ``correlation_id`` in the work order: that is an internal mark of Field Nation, which must not
    pass for an external key.
    """
    linked = {**payload, "correlation_id": correlation_id}
    work_order = payload.get("workorder")
    if isinstance(work_order, dict) and "correlation_id" in work_order:
        linked["workorder"] = {**work_order, "correlation_id": correlation_id}
    return linked


def _status(status: dict[str, Any]) -> dict[str, Any]:
    name = status.get("name")
    if not isinstance(name, str):
        return status
    normal = {**status, "name": re.sub(r"\s+", "_", name.strip().lower())}
    if normal.get("display_name") is None:
        normal["display_name"] = name
    return normal


def _pay(pay: dict[str, Any]) -> dict[str, Any]:
    base = pay.get("base")
    if pay.get("amount") is not None or not isinstance(base, dict) or base.get("amount") is None:
        return pay
    return {**pay, "amount": base["amount"]}
