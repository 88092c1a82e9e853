"""Location, schedule and pay of a work order: which shapes count, which are dropped, which values are refused."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from . import lookups
from .moments import BY_ID, PATTERN, read_moment, zone_object
from .shapes import WorkOrder, blank_location, zone_of

LOCATION_MODES = ("custom", "location", "remote")
ADDRESS = ("address1", "address2", "city", "state", "zip", "country", "display_name")
WINDOW_MODES = ("exact", "hours", "between")
PLAIN_MEMBERS: dict[str, type] = {"schedule_note": str, "schedule_option": str, "require_ontime": bool}
PAY_TYPES = ("fixed", "hourly", "device", "blended", "")
SHORTEST_WINDOW = timedelta(minutes=45)


class BadValue(Exception):
    """A value that is refused with 400; ``pointer`` is a JSON pointer into the body."""

    def __init__(self, pointer: str, sentence: str) -> None:
        super().__init__(sentence)
        self.pointer = pointer
        self.sentence = sentence


def write_location(order: WorkOrder, value: Any) -> list[str]:
    """Write an address, a saved location or "remote"; answers the dropped paths. Without ``mode`` all is dropped."""
    if not isinstance(value, dict) or value.get("mode") not in LOCATION_MODES:
        return ["location"]
    location, dropped = order["location"], []
    state_before = location["state"]
    if value["mode"] == "remote":
        location |= blank_location()
    if value["mode"] == "location":
        _use_saved(location, value.get("saved_location"))
    for name, given in value.items():
        if name in ADDRESS and isinstance(given, str) and value["mode"] == "custom":
            location[name] = _country(given) if name == "country" else given
        elif name == "type" and isinstance(given, dict) and type(given.get("id")) is int:
            location["type"] = {"id": given["id"], "name": "Commercial" if given["id"] == 1 else ""}
        elif name not in ("mode", "saved_location", "save_location"):
            dropped.append(f"location.{name}")
    location["mode"] = value["mode"]
    if location["state"] != state_before:  # the zone follows the place, until a schedule names another
        order["schedule"]["time_zone"] = zone_object(BY_ID[8])
    return dropped


def _use_saved(location: dict[str, Any], saved: Any) -> None:
    row = lookups.named(lookups.LOCATIONS, saved.get("id") if isinstance(saved, dict) else None)
    if row is None:
        raise BadValue("/location/saved_location/id", "There is no such saved location in this account.")
    location |= {name: row[name] for name in ADDRESS if name in row}
    location["saved_location"] = {"id": row["id"], "name": row["name"]}


def _country(text: str) -> str:
    if not re.fullmatch("[A-Z]{2}", text):
        raise BadValue("/location/country", "country must be a code of two capital letters, such as US.")
    return text


def write_schedule(order: WorkOrder, value: Any) -> list[str]:
    """Write a service window and its companions; answers the dropped paths. Raises BadValue for impossible windows."""
    if not isinstance(value, dict):
        return ["schedule"]
    schedule, dropped = order["schedule"], []
    zone = BY_ID.get(value["time_zone"].get("id")) if isinstance(value.get("time_zone"), dict) else None
    if zone is not None:
        schedule["time_zone"] = zone_object(zone)
    for name, given in value.items():
        if name == "service_window":
            dropped += _write_window(order, given)
        elif isinstance(given, PLAIN_MEMBERS.get(name, ())):
            schedule[name] = given
        elif name != "time_zone" or zone is None:
            dropped.append(f"schedule.{name}")
    return dropped


def _write_window(order: WorkOrder, given: Any) -> list[str]:
    path = "schedule.service_window"
    if not isinstance(given, dict) or given.get("mode") not in WINDOW_MODES:
        return [path]
    zone = zone_of(order)
    start = read_moment(given.get("start"), zone)
    if start is None:
        return [f"{path}.start"]
    end = read_moment(given.get("end"), zone)
    if end is None and (given["mode"] != "exact" or given.get("end") is not None):
        return [f"{path}.end"]
    end = end or start
    length = datetime.strptime(end["utc"], PATTERN) - datetime.strptime(start["utc"], PATTERN)  # noqa: DTZ007 - both UTC
    if length < timedelta(0):
        raise BadValue("/schedule/service_window/end", "The service window ends before it starts.")
    if given["mode"] != "exact" and length < SHORTEST_WINDOW:
        raise BadValue("/schedule/service_window", "A service window must be at least 45 minutes long.")
    order["schedule"]["service_window"] = {"mode": given["mode"], "start": start, "end": end}
    return [f"{path}.{name}" for name in given if name not in ("mode", "start", "end")]


def write_pay(order: WorkOrder, value: Any) -> list[str]:
    """Write type and rates; answers the dropped paths. Raises BadValue for negative amounts."""
    if not isinstance(value, dict):
        return ["pay"]
    pay, dropped = order["pay"], []
    for name, given in value.items():
        if name == "type" and given in PAY_TYPES:
            pay["type"] = given
        elif name in ("base", "additional") and isinstance(given, dict):
            dropped += _write_rate(pay[name], name, given)
        elif name == "hours" and _is_number(given):
            pay["hours"] = given
        else:
            dropped.append(f"pay.{name}")
    return dropped


def _write_rate(rate: dict[str, Any], name: str, given: dict[str, Any]) -> list[str]:
    dropped = []
    for member, amount in given.items():
        if member not in ("amount", "units") or not _is_number(amount):
            dropped.append(f"pay.{name}.{member}")
        elif amount < 0:
            raise BadValue(f"/pay/{name}/{member}", f"{member} must not be negative.")
        else:
            rate[member] = amount
    return dropped


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
