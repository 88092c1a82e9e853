"""A complete work order as the REST API gives it: every member present, unset ones 0, "" or []."""

from __future__ import annotations

import secrets
from html import unescape
from html.parser import HTMLParser
from typing import Any

from .lookups import COMPANY, CUSTOM_FIELDS, MANAGERS
from .moments import BY_STATE, DEFAULT_ZONE, UNSET, TimeZone, moment, zone_object

WorkOrder = dict[str, Any]

STATUS_IDS = {
    "Draft": 1,
    "Published": 2,
    "Assigned": 3,
    "Work Done": 4,
    "Approved": 5,
    "Paid": 6,
    "Cancelled": 7,
    "Routed": 9,
    "Deleted": 10,  # this and the next are not documented
    "Postponed": 11,
}
FOLDERS = ("Documents", "Misc")
MILESTONES = ("created", "published", "routed", "assigned", "workdone", "approved", "paid", "canceled")


def version_mark() -> str:
    """A ``correlation_id``: 40 hex digits that change with every write."""
    return secrets.token_hex(20)


def listing(results: list[Any]) -> dict[str, Any]:
    """The object around lists inside a work order; they come as one page."""
    count = len(results)
    return {
        "metadata": {"total": count, "page": 1, "pages": 1, "per_page": max(count, 25)},
        "results": results,
        "actions": [],
        "correlation_id": version_mark(),
    }


class _Text(HTMLParser):
    """Collects the text of rich text; paragraphs and breaks end a line."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("p", "div", "li"):
            self.parts.append("\n")


def rich_text(html: str) -> dict[str, str]:
    parser = _Text()
    parser.feed(html)
    parser.close()
    return {"html": html, "markdown": unescape("".join(parser.parts)).strip()}


def blank_custom_fields() -> dict[str, Any]:
    groups = []
    for number, name, role in ((1, "Buyer fields", "buyer"), (2, "Provider fields", "assigned_provider")):
        fields = [{**field, "value": ""} for field in CUSTOM_FIELDS if field["role"] == role]
        groups.append({"id": number, "name": name, "role": role, "results": fields})
    return {"results": groups, "internal": {"id": 0, "name": "", "value": "", "role": ""}}


def custom_field(order: WorkOrder, field_id: int) -> dict[str, Any] | None:
    """The field object inside a work order, None when there is no such field."""
    fields = (field for group in order["custom_fields"]["results"] for field in group["results"])
    return next((field for field in fields if field["id"] == field_id), None)


def zone_of(order: WorkOrder) -> TimeZone:
    """The time zone chosen for a work order, else that of its state, else UTC."""
    name = order["schedule"]["time_zone"]["name"]
    chosen = next((zone for zone in (DEFAULT_ZONE, *BY_STATE.values()) if zone.name == name), DEFAULT_ZONE)
    if chosen is DEFAULT_ZONE:
        return BY_STATE.get(str(order["location"]["state"]).upper(), DEFAULT_ZONE)
    return chosen


def settle(order: WorkOrder) -> WorkOrder:
    """Bring the members that follow from others up to date, and give the work order a new version mark."""
    status, pay, schedule = order["status"], order["pay"], order["schedule"]
    zone = zone_of(order)
    window = schedule["service_window"]
    for edge in ("start", "end"):
        window[edge] = moment(window[edge]["utc"], zone)
    schedule["time_zone"] = zone_object(zone, window["start"]["utc"])
    for part in (schedule, pay, order["location"]):
        part |= {"status_id": status["id"], "correlation_id": version_mark()}
    status["correlation_id"] = order["correlation_id"] = version_mark()
    expenses = sum(float(row["amount"]) * row["quantity"] for row in pay["expenses"]["results"])
    pay["expenses"]["sum"] = round(expenses, 2)
    pay["total"] = round(_labor(pay) + expenses, 2)
    internal = next(
        (f for g in order["custom_fields"]["results"] for f in g["results"] if "internal_id" in f["flags"]), None
    )
    if internal is not None:
        order["custom_fields"]["internal"] = {name: internal[name] for name in ("id", "name", "value", "role")}
    return order


def _labor(pay: dict[str, Any]) -> float:
    base, additional = pay["base"], pay["additional"]
    if pay["type"] == "fixed":
        return float(base["amount"])
    if pay["type"] == "blended":
        return float(base["amount"]) + float(additional["amount"]) * float(additional["units"])
    return float(base["amount"]) * float(base["units"])


def new_work_order(number: int, *, created_utc: str, href: str) -> WorkOrder:
    """A Draft in which nothing is set yet."""
    part = {"work_order_id": number, "status_id": 1, "company_id": COMPANY["id"], "correlation_id": "", "actions": []}
    return {
        "id": number,
        "work_order_id": number,
        "correlation_id": "",
        "href": href,
        "title": "",
        "description": rich_text(""),
        "confidential": rich_text(""),
        "status": blank_status(),
        "types_of_work": [],
        "type_of_work": {"id": 0, "name": ""},
        "company": COMPANY,
        "manager": MANAGERS[0],
        "client": {"id": 0, "name": ""},
        "project": {"id": 0, "name": ""},
        "template": {"id": 0, "name": ""},
        "team": {"id": 0, "name": ""},
        "service_contract": {"id": 0, "name": ""},
        "assignee": {"user": blank_provider()},
        "location": {**part, **blank_location()},
        "schedule": {**part, **blank_schedule()},
        "pay": {**part, **blank_pay()},
        "custom_fields": blank_custom_fields(),
        **{
            name: listing([])
            for name in ("contacts", "tasks", "tags", "problems", "shipments", "signatures", "qualifications")
        },
        "time_logs": {**listing([]), "hours": 0},
        "attachments": listing([blank_folder(place + 1, name) for place, name in enumerate(FOLDERS)]),
        "messages": {"metadata": {"total": 0, "unread": 0}},
        "milestones": {name: moment(created_utc if name == "created" else "", DEFAULT_ZONE) for name in MILESTONES},
        "eta": {"status": {"name": "unset"}, "start": UNSET, "end": UNSET, "notes": "", "hour_estimate": 0},
        "site_revisit": {"id": 0, "work_orders": []},
        "closing_notes": "",
        "incident_id": "",
        "service_types": [],
        "networks": listing([]),
        "equipments": [],
        "require_ontime": False,
        "allow_counter_offers": False,
        "require_gps": False,
        "printable": False,
        "ignore_template": False,
        "smart_audit_rule_id": 0,
        "integration": {"id": "", "name": ""},
        "integrations": [],
        "routes": listing([]),
        "requests": listing([]),
        "declines": listing([]),
        "actions": [],
    }


def blank_status() -> dict[str, Any]:
    return {
        "id": 1,
        "name": "Draft",
        "display": "Draft",
        "is_routed": False,
        "code": "",
        "delay": 0,
        "ncns": False,
        "sub_status": "",
        "confirmed": False,
        "correlation_id": "",
    }


def blank_provider() -> dict[str, Any]:
    return {"id": 0, "first_name": "", "last_name": "", "phone": ""}


def blank_folder(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "name": name, "type": "slot", "max_files": 0, "max_bytes": 10_485_760, "results": []}


def blank_location() -> dict[str, Any]:
    names = ("mode", "address1", "address2", "city", "state", "zip", "country", "display_name")
    return {
        **dict.fromkeys(names, ""),
        "type": {"id": 0, "name": ""},
        "saved_location": {"id": 0, "name": ""},
        "save_location": False,
        "map": {"url": ""},
        "coordinates": {"latitude": 0, "longitude": 0},
    }


def blank_schedule() -> dict[str, Any]:
    return {
        "service_window": {"mode": "", "start": UNSET, "end": UNSET},
        "time_zone": zone_object(DEFAULT_ZONE),
        "today_tomorrow": "",
        "schedule_note": "",
        "schedule_option": "",
        "require_ontime": False,
    }


def blank_pay() -> dict[str, Any]:
    return {
        "type": "",
        "base": {"amount": 0, "units": 0},
        "additional": {"amount": 0, "units": 0},
        "hours": 0,
        "reported_hours": 0,
        "total": 0,
        "expenses": {**listing([]), "sum": 0},
        "bonuses": listing([]),
        "penalties": listing([]),
        "discounts": listing([]),
        "number_of_devices": 0,
    }
