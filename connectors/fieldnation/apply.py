"""Carry a plan out: its calls in order, one read at the end, and what Field Nation did not keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from broker_project.lib.errors import BrokerError, InvalidRecord, NotFound, OutcomeUnknown

from .client import FieldNation
from .parts.messages import holds
from .parts.values import found_id
from .plan import Plan, plan_changes
from .steps import Check, Step

# Field Nation may print these in its own way (a geocoded street, cleaned HTML); only an empty one was dropped.
_FREE_TEXT = ("description", "confidential", "location.address1", "location.address2", "location.city")
# Losing one of these without an error is a failure: the work order cannot be carried out as wanted.
_ESSENTIAL = ("title", "description", "types_of_work", "location.", "schedule.", "pay.")


@dataclass(frozen=True)
class Applied:
    """``work_order`` as read afterwards. ``unapplied`` are sentences on what is not as wanted; ``changed`` is False
    when no writing call was made."""

    work_order_id: int
    work_order: Mapping[str, Any]
    unapplied: tuple[str, ...]
    changed: bool


def apply(plan: Plan, client: FieldNation) -> Applied:
    """Make the plan's calls and verify the result by planning again on the work order read afterwards.

    Every error raised once the work order is known carries its id (``work_order_id_of``), so that the link is kept and
    the next attempt goes on as an update. Raises InvalidRecord, too, when an essential member was silently dropped.
    After OutcomeUnknown from an update: read, plan and apply again; only a create must be looked up first.
    """
    if plan.work_order_id is None:
        work_order_id, snapshot = _create(plan, client)
        with _about(work_order_id):
            rest = plan_changes(plan.wanted, snapshot or client.read(work_order_id))
            return _carry_out(rest, work_order_id, client, created=True)
    with _about(plan.work_order_id):
        if plan.is_empty:
            return Applied(plan.work_order_id, plan.current, plan.notes, changed=False)
        return _carry_out(plan, plan.work_order_id, client, created=False)


def work_order_id_of(error: BrokerError) -> int | None:
    """The work order that existed when ``error`` was raised by ``apply``; None when none is known."""
    number = getattr(error, "work_order_id", None)
    return number if isinstance(number, int) else None


def _create(plan: Plan, client: FieldNation) -> tuple[int, dict[str, Any] | None]:
    """Id of the new work order, and the answer when it holds the whole of it."""
    answer = client.create(plan.steps[0].body or {})
    work_order_id = found_id(answer.get("id")) or found_id(answer.get("work_order_id"))
    if work_order_id is None:
        raise OutcomeUnknown(
            "Field Nation took the new work order but did not name its id. Look it up by the incident id "
            f"“{plan.marker}” before creating it again."
        )
    return work_order_id, answer if "status" in answer and answer.get("id") else None


def _carry_out(plan: Plan, work_order_id: int, client: FieldNation, *, created: bool) -> Applied:
    made = _perform(plan.steps, work_order_id, client)
    if not created and not made:
        return Applied(work_order_id, plan.current, plan.notes, changed=False)
    try:
        work_order: Mapping[str, Any] = client.read(work_order_id)
    except NotFound:
        if not any(_cancels(step, work_order_id) for step in made):
            raise
        # A cancelled work order may be gone from view; that is what was wanted.
        return Applied(work_order_id, {**plan.current, "status": {"name": "Cancelled"}}, plan.notes, changed=True)
    left = [check for step in plan_changes(plan.wanted, work_order).steps if not step.message for check in step.check]
    before = {} if created else {check.path: check.found for step in plan.steps for check in step.check}
    unapplied = (*plan.notes, *(_sentence(check) for check in left))
    dropped = [check for check in left if _is_dropped(check, before) and check.path.startswith(_ESSENTIAL)]
    if dropped:
        raise InvalidRecord(
            f"Field Nation accepted work order {work_order_id} but dropped a part without saying so. "
            + " ".join(_sentence(check) for check in dropped)
            + " Check the values and the rights of the API user.",
            detail=" ".join(unapplied),
        )
    return Applied(work_order_id, work_order, unapplied, changed=True)


def _perform(steps: Sequence[Step], work_order_id: int, client: FieldNation) -> list[Step]:
    made = []
    for step in steps:
        if step.message and holds(client.messages(work_order_id), step.message):
            # An earlier attempt, or an echo, has already said this.
            continue
        client.send(step.method, step.path, purpose=_full(step, work_order_id), body=step.body, params=step.params)
        made.append(step)
    return made


def _full(step: Step, work_order_id: int) -> str:
    return f"{step.purpose} (work order {work_order_id})"


def _cancels(step: Step, work_order_id: int) -> bool:
    return step.method == "DELETE" and step.path == f"/workorders/{work_order_id}"


def _is_dropped(check: Check, before: Mapping[str, str]) -> bool:
    if check.found in ("", "0"):
        return True
    return check.path not in _FREE_TEXT and check.found == before.get(check.path)


def _sentence(check: Check) -> str:
    found = f"is “{check.found[:100]}”" if check.found else "is empty"
    return f"{check.path} should be “{check.wanted[:100]}” but {found} after the update."


@contextmanager
def _about(work_order_id: int) -> Iterator[None]:
    try:
        yield
    except BrokerError as error:
        vars(error)["work_order_id"] = work_order_id
        raise
