"""What a resync is asked for: records, work orders or a list of them, checked and as plain values for a job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from broker_project.lib.errors import InvalidRecord

from .normalise import normalise_work_order
from .payload import PayloadError, parse_work_order_id

MOST_IDS = 10_000
LONGEST_ID = 255
LISTS: Mapping[str, str] = {
    "workorders_all": "All",
    "workorders_in_flight": "In flight",
    "workorders_draft": "Draft",
    "workorders_published_routed": "Published or routed",
    "workorders_assigned": "Assigned",
    "workorders_problem": "With a problem",
    "workorders_work_done": "Work done",
    "workorders_approved": "Approved",
}
"""Lists of Field Nation by the names of its API."""


def record_parameters(ids: Iterable[str], *, force: bool = False) -> dict[str, Any]:
    """The parameters of a job over external records. ``force``: written even when nothing has changed.

    Raises InvalidRecord for ids that cannot be taken.
    """
    return {"ids": _unique(ids), "force": force}


def work_order_parameters(ids: Iterable[str | int], *, force: bool = False) -> dict[str, Any]:
    """The parameters of a job over these work orders. Raises InvalidRecord for ids that cannot be taken."""
    numbers = []
    for text in _unique(str(id) for id in ids):
        try:
            numbers.append(parse_work_order_id(text, field="ids"))
        except PayloadError:
            raise InvalidRecord(f"{text[:40]} is no work order id. Give numbers, one a line.") from None
    return {"ids": numbers, "force": force}


def list_parameters(which: str, *, status: str = "", force: bool = False) -> dict[str, Any]:
    """The parameters of a job over a list of Field Nation; ``status`` such as work_done leaves others out."""
    if which not in LISTS:
        raise InvalidRecord(f"Field Nation has no list {which}.")
    return {"list": which, "status": _status_name(status), "force": force}


def status_of(row: Mapping[str, Any]) -> str:
    """The status of a work order in the documented form, such as work_done."""
    status = normalise_work_order(dict(row)).get("status")
    return str(status.get("name") or "") if isinstance(status, dict) else ""


def _status_name(text: str) -> str:
    """A status as people or the API write it, in the documented form."""
    return status_of({"status": {"name": text}}) if text.strip() else ""


def _unique(ids: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(text for id in ids if (text := id.strip())))
    if not found:
        raise InvalidRecord("Give at least one id, one a line.")
    if len(found) > MOST_IDS:
        raise InvalidRecord(f"These are {len(found)} ids; one resync takes {MOST_IDS}. Start several.")
    if long := next((id for id in found if len(id) > LONGEST_ID or "\0" in id), None):
        raise InvalidRecord(f"{long[:40]!r} cannot be an id. Give ids of at most {LONGEST_ID} characters, one a line.")
    return found
