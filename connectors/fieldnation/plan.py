"""The plan of calls that turns mapped values into a work order. Pure: nothing is called here.

``plan_update`` holds only what differs from the work order as it is; an empty plan is the answer "no change", which
ends echoes. Planning again on the result of an applied plan gives an empty plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from broker_project.lib.errors import InvalidRecord

from .parts.contacts import Contact, contact_steps, contacts_body, read_contacts, read_tags, tag_steps
from .parts.core import Core, core_body, core_steps, read_core
from .parts.custom_fields import CustomValue, custom_field_steps, custom_fields_body, read_custom_fields
from .parts.location import Location, location_body, location_steps, read_location
from .parts.mapped import Mapped
from .parts.messages import Message, message_steps, read_messages
from .parts.moves import Move, move_steps, read_move
from .parts.pay import Pay, pay_body, pay_steps, read_pay
from .parts.schedule import Window, read_schedule, schedule_body, schedule_steps
from .parts.values import found_id, text_of
from .steps import Check, Step


@dataclass(frozen=True)
class Wanted:
    """The mapped values, read and checked; None and empty mean "not mapped"."""

    core: Core
    location: Location | None
    schedule: Window | None
    pay: Pay | None
    custom_fields: tuple[CustomValue, ...]
    incident_id: str | None
    contacts: tuple[Contact, ...]
    tags: tuple[int, ...]
    messages: tuple[Message, ...]
    move: Move | None


@dataclass(frozen=True)
class Plan:
    """Calls in order. ``work_order_id`` is None for a create; its later steps then say ``{id}`` and are a forecast,
    since what the create left out is known only afterwards.

    ``notes`` say what was deliberately not planned, ``marker`` is the incident id to look for when a create was lost.
    """

    wanted: Wanted
    work_order_id: int | None
    current: Mapping[str, Any]
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    marker: str = ""

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to do: no change."""
        return not self.steps


def plan_create(fields: Mapping[str, Any], *, marker: str) -> Plan:
    """The calls that create a work order from the inbound mappings' nested output.

    ``marker`` becomes the incident id unless one is mapped. Raises InvalidRecord, also when there is no title.
    """
    wanted = read_wanted(fields)
    if not wanted.incident_id:
        wanted = replace(wanted, incident_id=marker)
    if wanted.core.title is None:
        raise InvalidRecord("A work order needs a title: map or set “title”.")
    body = _create_body(wanted)
    checks = tuple(Check(name, "set", "") for name in body)
    create = Step("POST", "/workorders", "create a work order", body=body, check=checks)
    expected = {**body, "status": {"name": "Draft"}}
    steps, notes = _changes(wanted, expected, is_forecast=True)
    placed = tuple(replace(step, path=f"/workorders/{{id}}{step.path}") for step in steps)
    return Plan(wanted, None, expected, (create, *placed), tuple(notes), wanted.incident_id or "")


def plan_update(fields: Mapping[str, Any], current: Mapping[str, Any]) -> Plan:
    """The calls that bring the work order ``current``, as the API reads it, to the mapped values; empty when it holds
    them. Messages are compared when ``current`` was read with them. Raises InvalidRecord."""
    return plan_changes(read_wanted(fields), current)


def plan_changes(wanted: Wanted, current: Mapping[str, Any]) -> Plan:
    """As ``plan_update``, from values that were read before."""
    work_order_id = found_id(current.get("id")) or found_id(current.get("work_order_id"))
    if work_order_id is None:
        raise InvalidRecord("The work order to be updated has no id.")
    steps, notes = _changes(wanted, current)
    placed = tuple(replace(step, path=f"/workorders/{work_order_id}{step.path}") for step in steps)
    return Plan(wanted, work_order_id, current, placed, tuple(notes), wanted.incident_id or "")


def wants_messages(fields: Mapping[str, Any]) -> bool:
    """True when the values add a message, so that the work order is best read with its messages."""
    return bool(read_wanted(fields).messages)


def read_wanted(fields: Mapping[str, Any]) -> Wanted:
    """Read the nested mapped values. Raises InvalidRecord naming what is unknown, read-only or ill-formed."""
    mapped = Mapped(fields)
    incident = mapped.take("incident_id")
    wanted = Wanted(
        core=read_core(mapped),
        location=read_location(mapped),
        schedule=read_schedule(mapped),
        pay=read_pay(mapped),
        custom_fields=read_custom_fields(mapped),
        incident_id=None if incident is None else text_of(incident, "incident_id"),
        contacts=read_contacts(mapped),
        tags=read_tags(mapped),
        messages=read_messages(mapped),
        move=read_move(mapped),
    )
    mapped.refuse_the_rest()
    return wanted


def _create_body(wanted: Wanted) -> dict[str, Any]:
    body = core_body(wanted.core)
    parts: dict[str, Any] = {
        "location": location_body(wanted.location) if wanted.location else None,
        "schedule": schedule_body(wanted.schedule) if wanted.schedule else None,
        "pay": pay_body(wanted.pay) if wanted.pay else None,
        "custom_fields": custom_fields_body(wanted.custom_fields),
        "contacts": contacts_body(wanted.contacts),
        "incident_id": wanted.incident_id,
    }
    return body | {name: part for name, part in parts.items() if part}


def _changes(wanted: Wanted, current: Mapping[str, Any], *, is_forecast: bool = False) -> tuple[list[Step], list[str]]:
    """Steps with paths below the work order, fields first and the status last: publishing needs the fields."""
    steps = core_steps(wanted.core, current)
    notes: list[str] = []
    if wanted.location:
        steps += location_steps(wanted.location, current)
    if wanted.schedule:
        steps += schedule_steps(wanted.schedule, current)
    if wanted.pay:
        pay, pay_notes = pay_steps(wanted.pay, current)
        steps, notes = steps + pay, notes + pay_notes
    steps += custom_field_steps(wanted.custom_fields, current, skip_unknown_names=is_forecast)
    steps += _incident_steps(wanted.incident_id, current)
    steps += contact_steps(wanted.contacts, current)
    steps += tag_steps(wanted.tags, current)
    steps += message_steps(wanted.messages, current)
    if wanted.move:
        moves, move_notes = move_steps(wanted.move, current)
        steps, notes = steps + moves, notes + move_notes
    return steps, notes


def _incident_steps(wanted: str | None, current: Mapping[str, Any]) -> list[Step]:
    present = text_of(current.get("incident_id"), "incident_id")
    if wanted is None or wanted == present:
        return []
    check = (Check("incident_id", wanted, present),)
    if not wanted:
        return [Step("DELETE", "/incident", "clear the incident id", check=check)]
    return [Step("PUT", "/incident", "set the incident id", body={"incident_id": wanted}, check=check)]
