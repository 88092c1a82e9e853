"""Writing to a work order with the body of a create or update call.

As documented and observed, what has the wrong name or shape is answered 200 and dropped; a few wrong values are
refused. ``apply`` tells what was dropped, so that the journal can show it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import lookups
from .parts import BadValue, write_location, write_pay, write_schedule
from .shapes import WorkOrder, custom_field, listing, rich_text

Dropped = list[str]
CONTACT_MEMBERS = ("name", "role", "phone", "ext", "email", "notes")
DIRECTIONS = ("to site", "from site", "to provider", "to other location")
LOCKED = ("Paid", "Cancelled", "Deleted")
PAY_LOCKED = ("Work Done", "Approved", "Paid")


def apply(order: WorkOrder, body: dict[str, Any]) -> Dropped:
    """Write the known members of ``body``; answers the paths that were dropped. Raises BadValue."""
    dropped: Dropped = []
    # The location comes first: it decides the time zone in which a schedule is read.
    for name in sorted(body, key=lambda member: member != "location"):
        writer = WRITERS.get(name)
        if writer is None:
            dropped.append(name)
        else:
            writer(order, name, body[name], dropped)
    return dropped


def _text(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
    if not isinstance(value, str):
        dropped.append(name)
    elif name == "title" and not value.strip():
        raise BadValue("/title", "The title must not be empty.")
    else:
        order[name] = value


def _rich(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
    if isinstance(value, dict) and isinstance(value.get("html"), str):
        order[name] = rich_text(value["html"])
    else:
        dropped.append(name)


def _flag(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
    if isinstance(value, bool):
        order[name] = value
    else:
        dropped.append(name)


def _number(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
    if type(value) is int:
        order[name] = value
    else:
        dropped.append(name)


def _id_of(value: Any) -> int | None:
    """The number in ``{"id": 7}``; 7.0 counts as 7."""
    number = value.get("id") if isinstance(value, dict) else None
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return number if type(number) is int else None


def _reference(
    rows: list[dict[str, Any]], *, must_exist: bool = False
) -> Callable[[WorkOrder, str, Any, Dropped], None]:
    def write(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
        number = _id_of(value)
        if number is None:
            dropped.append(name)
            return
        row = lookups.named(rows, number)
        if row is None and must_exist:
            raise BadValue(f"/{name}/id", f"There is no {name} {number} in this account.")
        order[name] = {**row} if row else {"id": number, "name": ""}

    return write


def _types_of_work(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
    items = value if name == "types_of_work" else [{**value, "isPrimary": True}] if isinstance(value, dict) else None
    if not isinstance(items, list) or not all(_id_of(item) is not None for item in items):
        dropped.append(name)
        return
    chosen = []
    for place, item in enumerate(items):
        row = lookups.named(lookups.TYPES_OF_WORK, _id_of(item))
        if row is None:
            raise BadValue(f"/{name}/{place}/id", f"There is no type of work {item['id']}.")
        chosen.append({**row, "isPrimary": bool(item.get("isPrimary", place == 0))})
    order["types_of_work"] = chosen
    primary = next((row for row in chosen if row["isPrimary"]), {"id": 0, "name": ""})
    order["type_of_work"] = {"id": primary["id"], "name": primary["name"]}


def _rows(value: Any) -> list[dict[str, Any]] | None:
    """The objects in ``{"results": [...]}``; None for any other shape."""
    rows = value.get("results") if isinstance(value, dict) else None
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None


def _replacing(read: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[WorkOrder, str, Any, Dropped], None]:
    """Lists inside a body replace what was there. Whether Field Nation merges instead is not documented."""

    def write(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
        rows = _rows(value)
        if rows is None:
            dropped.append(name)
        else:
            order[name] = listing([{"id": place + 1, **read(row)} for place, row in enumerate(rows)])

    return write


def read_contact(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] if isinstance(row.get(name), str) else "" for name in CONTACT_MEMBERS}


def read_task(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": {"id": _id_of(row.get("type")) or 0},
        "group": {"id": str((row.get("group") or {}).get("id", "")) if isinstance(row.get("group"), dict) else ""},
        "label": str(row.get("label", "")),
        "description": str(row.get("description", "")),
        "status": "incomplete",
        "completed": {"utc": "", "local": {"date": "", "time": ""}},
    }


def read_shipment(row: dict[str, Any]) -> dict[str, Any]:
    if row.get("direction") not in DIRECTIONS:
        raise BadValue("/shipments/direction", f"direction must be one of {', '.join(DIRECTIONS)}.")
    carrier: dict[str, Any] = row["carrier"] if isinstance(row.get("carrier"), dict) else {}
    return {
        "name": str(row.get("name", "")),
        "direction": row["direction"],
        "carrier": {name: str(carrier.get(name, "")) for name in ("name", "tracking", "other")},
    }


def _custom_fields(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
    groups = _rows(value)
    if groups is None:
        dropped.append(name)
        return
    for group in groups:
        fields = _rows(group)
        if fields is None:  # the flat form of the contract, which the service ignores
            dropped.append(f"{name}.results[].results")
            continue
        for field in fields:
            known = custom_field(order, field.get("id", 0))
            if known is None or not isinstance(field.get("value"), str):
                dropped.append(f"{name} {field.get('id')}")
            else:
                set_custom_value(known, field["value"])


def set_custom_value(field: dict[str, Any], value: str) -> None:
    """Set a custom field's value, always text. Raises BadValue when the field's type cannot hold it."""
    pointer = f"/custom_fields/{field['id']}/value"
    if value and field["type"] == "predefined" and value not in field["options"]:
        raise BadValue(pointer, f"{field['name']} must be one of {', '.join(field['options'])}.")
    if value and field["type"] == "numeric":
        try:
            float(value)
        except ValueError:
            raise BadValue(pointer, f"{field['name']} must be a number.") from None
    field["value"] = value


def _location(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
    dropped += write_location(order, value)


def _schedule(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
    dropped += write_schedule(order, value)


def _pay(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
    if order["status"]["name"] in PAY_LOCKED:
        raise BadValue("/pay", f"The pay of a work order that is {order['status']['name']} cannot be changed.")
    dropped += write_pay(order, value)


def _list(order: WorkOrder, name: str, value: Any, dropped: Dropped) -> None:
    if isinstance(value, list):
        order[name] = value
    else:
        dropped.append(name)


WRITERS: dict[str, Callable[[WorkOrder, str, Any, Dropped], None]] = {
    "title": _text,
    "incident_id": _text,
    "description": _rich,
    "confidential": _rich,
    "types_of_work": _types_of_work,
    "type_of_work": _types_of_work,
    "template": _reference(lookups.TEMPLATES, must_exist=True),
    "client": _reference(lookups.CLIENTS),
    "project": _reference(lookups.PROJECTS),
    "manager": _reference(lookups.MANAGERS, must_exist=True),
    "team": _reference([]),
    "service_contract": _reference([]),
    "location": _location,
    "schedule": _schedule,
    "pay": _pay,
    "contacts": _replacing(read_contact),
    "tasks": _replacing(read_task),
    "shipments": _replacing(read_shipment),
    "custom_fields": _custom_fields,
    "service_types": _list,
    "equipments": _list,
    "require_ontime": _flag,
    "allow_counter_offers": _flag,
    "require_gps": _flag,
    "printable": _flag,
    "ignore_template": _flag,
    "smart_audit_rule_id": _number,
}
