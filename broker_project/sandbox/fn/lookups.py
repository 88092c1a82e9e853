"""What an account is configured with: ids that a broker's settings must name. All fictitious."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

COMPANY: Row = {"id": 318, "name": "Sandbox Field Services"}
API_USER_ID = 5011
MANAGERS: list[Row] = [
    {"id": API_USER_ID, "first_name": "Api", "last_name": "User", "email": "api.user@example.test"},
    {"id": 5020, "first_name": "Mona", "last_name": "Ager", "email": "mona.ager@example.test"},
]
MANAGER_ID = 5020
PROVIDERS: list[Row] = [
    {"id": 70311, "first_name": "Rui", "last_name": "Okafor", "phone": "6125550101"},
    {"id": 70312, "first_name": "Ada", "last_name": "Lindqvist", "phone": "6125550102"},
    {"id": 70313, "first_name": "Ben", "last_name": "Castillo", "phone": "6125550103"},
]
TYPES_OF_WORK: list[Row] = [
    {"id": 76, "name": "Networking"},
    {"id": 62, "name": "Desktop and laptop"},
    {"id": 90, "name": "Point of sale"},
    {"id": 111, "name": "Low voltage cabling"},
]
SERVICE_TYPES: dict[int, list[Row]] = {
    76: [{"id": "switch", "name": "Switch"}, {"id": "router", "name": "Router"}],
    62: [{"id": "repair", "name": "Repair"}],
    90: [{"id": "install", "name": "Installation"}],
    111: [{"id": "cat6", "name": "Category 6"}],
}
TEMPLATES: list[Row] = [{"id": 41, "name": "Standard site visit"}, {"id": 42, "name": "Emergency visit"}]
PROJECTS: list[Row] = [{"id": 801, "name": "Switch refresh"}]
CLIENTS: list[Row] = [{"id": 901, "name": "Example Retail"}]
LOCATIONS: list[Row] = [
    {
        "id": 301,
        "name": "Warehouse",
        "address1": "12 Dock Street",
        "address2": "",
        "city": "Duluth",
        "state": "MN",
        "zip": "55802",
        "country": "US",
    }
]
TAGS: list[Row] = [{"id": 21, "label": "Urgent"}, {"id": 22, "label": "Parts needed"}]
NETWORKS: list[Row] = [{"id": 11, "name": "Preferred providers"}]
INCOMPLETE_REASONS: list[Row] = [{"id": 1, "name": "Deliverable missing"}, {"id": 2, "name": "Work not finished"}]
PROBLEM_TYPES = {1: "Running late", 2: "Site not ready", 3: "Scope changed", 4: "Other"}
EXPENSE_CATEGORIES = {1: "Parts", 2: "Travel", 3: "Shipping", 4: "Other"}

_NO_FLAGS: list[str] = []
CUSTOM_FIELDS: list[Row] = [
    {"id": 611, "name": "Ticket number", "type": "text", "role": "buyer", "flags": ["internal_id"], "options": []},
    {"id": 612, "name": "Priority", "type": "predefined", "role": "buyer", "flags": _NO_FLAGS,
     "options": ["Low", "Normal", "High", "Urgent"]},
    {"id": 613, "name": "Purchase amount", "type": "numeric", "role": "buyer", "flags": _NO_FLAGS, "options": []},
    {"id": 614, "name": "Ready on", "type": "date", "role": "buyer", "flags": _NO_FLAGS, "options": []},
    {"id": 702, "name": "Serial installed", "type": "text", "role": "assigned_provider",
     "flags": ["required_during_checkin"], "options": []},
]  # fmt: skip


def named(rows: list[Row], number: object) -> Row | None:
    """The row with this id, None when there is none."""
    return next((row for row in rows if row["id"] == number), None)


def user(number: int) -> Row | None:
    """A manager or provider."""
    return named([*MANAGERS, *PROVIDERS], number)
