"""What mappings, filters and scripts read: the event payload in the shape that the published examples expect.

The documented examples read ``$.input.workorder.title`` as well as ``title``, and some names that the REST API spells
otherwise. So the work order's members also stand at the top, and the documented names are there as real members:
a script's direct access would not find anything less.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def outbound_input(payload: Json) -> Json:
    """The input for mappings of a Field Nation event: ``payload`` plus the work order's members lifted to the top.

    Payload members win over lifted ones. ``payload`` and everything in it stay as they are; the result shares the parts
    that needed no change, so treat it as read-only.
    """
    work_order = payload.get("workorder")
    if not isinstance(work_order, dict):
        return payload
    work_order = with_documented_names(work_order)
    # The work order's own correlation_id is an internal hash of Field Nation, never the linked record's id.
    lifted = {**work_order, "correlation_id": None, **payload, "workorder": work_order}
    description = work_order.get("description")
    if isinstance(description, dict) and "description" not in payload:
        # Published mappings take the text; the rich form stays at workorder.description.html.
        lifted["description"] = description.get("html")
    return lifted


def inbound_input(record: Json) -> Json:
    """The input for mappings of an external record: the record itself. Treat it as read-only."""
    return record


def with_documented_names(work_order: Json) -> Json:
    """A copy of ``work_order`` that also has the names of the published examples; those that have a value are kept."""
    copy = dict(work_order)
    if copy.get("completion_notes") is None and "closing_notes" in copy:
        copy["completion_notes"] = copy["closing_notes"]
    if isinstance(pay := copy.get("pay"), dict):
        copy["pay"] = _pay(pay)
    if isinstance(assignee := copy.get("assignee"), dict) and isinstance(user := assignee.get("user"), dict):
        copy["assignee"] = {**assignee, "user": _named(user)}
    _add_contacts(copy)
    _add_location_company(copy)
    return copy


def _pay(pay: Json) -> Json:
    """``amount`` from ``base.amount``, ``expense`` from ``expenses``, and a ``category.name`` for each expense."""
    copy = dict(pay)
    base, expenses = pay.get("base"), pay.get("expenses")
    if copy.get("amount") is None and isinstance(base, dict) and "amount" in base:
        copy["amount"] = base["amount"]
    if isinstance(expenses, dict):
        rows = expenses.get("results")
        if isinstance(rows, list):
            expenses = {**expenses, "results": [_expense(row) for row in rows]}
        copy["expenses"] = expenses
        if copy.get("expense") is None:
            copy["expense"] = expenses
    return copy


def _expense(row: Any) -> Any:
    category = row.get("category") if isinstance(row, dict) else None
    if not isinstance(category, dict) or category.get("name") is not None or "label" not in category:
        return row
    return {**row, "category": {**category, "name": category["label"]}}


def _named(user: Json) -> Json:
    name = " ".join(part for part in (user.get("first_name"), user.get("last_name")) if isinstance(part, str) and part)
    return {**user, "name": name} if name and user.get("name") is None else user


def _add_contacts(copy: Json) -> None:
    """``contacts`` as the plain list that ``contacts[0].email`` needs, ``contact`` as its first element."""
    contacts = copy.get("contacts")
    if isinstance(contacts, dict) and isinstance(contacts.get("results"), list):
        contacts = copy["contacts"] = contacts["results"]
    if isinstance(contacts, list) and contacts and copy.get("contact") is None:
        copy["contact"] = contacts[0]


def _add_location_company(copy: Json) -> None:
    """``location.company.name``: the client's name, else the company's; the API's location has none."""
    location = copy.get("location")
    owner = next((o for o in (copy.get("client"), copy.get("company")) if isinstance(o, dict) and o.get("name")), None)
    if owner is not None and (location is None or (isinstance(location, dict) and location.get("company") is None)):
        copy["location"] = {**(location or {}), "company": {"name": owner["name"]}}
