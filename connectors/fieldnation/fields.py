"""Catalogue of work order fields, for pickers, help texts and the check of mapping targets. Pure data.

``required`` follows the fields which must be mapped before an inbound mapping set is saved; the API itself insists on
the title only, and on location, pay and schedule before publishing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .statuses import STATUSES

Kind = Literal["text", "html", "number", "money", "boolean", "date", "datetime", "id", "choice", "list", "custom"]


@dataclass(frozen=True)
class Field:
    """``path`` is dotted, in the work order. ``readable``: can be the source of an outbound mapping; ``writable``: can
    be the target of an inbound one. ``also`` are other target names with the same meaning."""

    path: str
    label: str
    kind: Kind = "text"
    readable: bool = True
    writable: bool = False
    required: bool = False
    also: tuple[str, ...] = ()
    note: str = ""


def _both(path: str, label: str, kind: Kind = "text", *also: str, required: bool = False, note: str = "") -> Field:
    return Field(path, label, kind, writable=True, required=required, also=also, note=note)


def _target(path: str, label: str, kind: Kind = "text", *also: str, note: str = "") -> Field:
    return Field(path, label, kind, readable=False, writable=True, also=also, note=note)


FIELDS: tuple[Field, ...] = (
    Field("id", "Work order id", "id", note="Given by Field Nation."),
    _both("title", "Title", required=True),
    _both("description", "Description", "html", "description.html", required=True, note="Plain text becomes HTML."),
    _both("confidential", "Confidential notes", "html", "confidential.html", note="Shown to the assigned provider."),
    _both("incident_id", "Incident id", note="Free text; when not mapped, a new work order gets the broker's mark."),
    _both("types_of_work", "Type of work", "id", "type_of_work", "type_of_work.id", "type_of_work_id", required=True,
          note="Number of the type of work, or a list of them with the primary one first."),
    _both("client.id", "Client", "id", "client", "client_id"),
    _both("project.id", "Project", "id", "project", "project_id"),
    _both("template.id", "Template", "id", "template", "template_id"),
    _both("manager.id", "Site manager", "id", "manager", "manager_id", required=True, note="Default: the API user."),
    _both("team.id", "Team", "id", "team", "team_id"),
    _both("service_contract.id", "Service contract", "id", "service_contract", "service_contract_id"),
    _both("require_ontime", "Require on time", "boolean"),
    _both("allow_counter_offers", "Allow counter offers", "boolean"),
    _both("require_gps", "Require GPS", "boolean"),
    _both("printable", "Printable", "boolean"),
    _both("location.mode", "Location mode", "choice", note="custom (an address), location (a saved one) or remote."),
    _both("location.address1", "Address", required=True),
    _both("location.address2", "Address, second line"),
    _both("location.city", "City", required=True),
    _both("location.state", "State", required=True, note="Two letters."),
    _both("location.zip", "ZIP code", required=True, note="Five digits in the US."),
    _both("location.country", "Country", required=True, note="Two letters, such as US."),
    _both("location.type.id", "Location type", "id", "location.type", "location.type_id", note="1 = Commercial."),
    _both("location.display_name", "Location name"),
    _both("location.saved_location.id", "Saved location", "id", "location.saved_location",
          "location.saved_location_id"),
    _both("schedule.service_window.mode", "Schedule mode", "choice", "schedule.mode",
          note="exact (the start matters), between (any time inside) or hours (daily hours over a span)."),
    _both("schedule.service_window.start.utc", "Start", "datetime", "schedule.start", "schedule.start.utc",
          "schedule.service_window.start", required=True,
          note="UTC, YYYY-MM-DD HH:mm:ss; ISO 8601 with an offset too."),
    _both("schedule.service_window.end.utc", "End", "datetime", "schedule.end", "schedule.end.utc",
          "schedule.service_window.end", note="As the start; may be left out."),
    _both("schedule.service_window.start.local.date", "Start date, local", "date", "schedule.start.local.date",
          note="Together with the local time, in the time zone of the work order."),
    _both("schedule.service_window.start.local.time", "Start time, local", "text", "schedule.start.local.time"),
    _both("schedule.service_window.end.local.date", "End date, local", "date", "schedule.end.local.date"),
    _both("schedule.service_window.end.local.time", "End time, local", "text", "schedule.end.local.time"),
    _both("schedule.time_zone.id", "Time zone id", "id", "schedule.time_zone_id"),
    _both("schedule.time_zone.name", "Time zone", note="IANA name. As a target it only tells how to read local times."),
    _both("pay.type", "Pay type", "choice", required=True, note="fixed, hourly, device or blended."),
    _both("pay.base.amount", "Pay amount", "money", "pay.amount", required=True,
          note="Total when fixed, else per hour or device. Not changeable after Work Done."),
    _both("pay.base.units", "Pay units", "number", "pay.units", note="Most hours or devices; 1 when fixed."),
    _both("pay.additional.amount", "Additional pay amount", "money", note="Blended only."),
    _both("pay.additional.units", "Additional pay units", "number", note="Blended only."),
    _both("custom_fields", "Custom fields", "custom", note="By id or by name, such as custom_fields.611."),
    _both("contacts", "Contacts", "list", "contacts.results", note="Each with name, role, phone, ext, email, notes."),
    _target("contact.name", "Site contact name"),
    _target("contact.role", "Site contact role"),
    _target("contact.phone", "Site contact phone"),
    _target("contact.ext", "Site contact phone extension"),
    _target("contact.email", "Site contact e-mail"),
    _target("contact.notes", "Site contact notes"),
    _both("tags", "Tags", "list", "tags.results", note="Ids of company tags; they are added, never removed."),
    _target("message", "Message", "text", "messages", "message.message", "message.text",
            note="Adds a message, hidden from providers (INTERNAL) unless message.type says otherwise."),
    _target("message.type", "Message type", "choice", note="INTERNAL, ASSIGNEDTECH, STAFF_NOTE …"),
    _target("message.to.id", "Message recipient", "id", "message.to", note="For SPECIFICTECH."),
    _both("status.name", "Status", "choice", "status", "status_id", "status.id",
          note="As a target it is an intention (publish, draft, route, assign, approve, cancel), carried out only when "
          "the present status allows it."),
    _both("assignee.user.id", "Provider to assign", "id", "assignee.id", note="Used by the move to Assigned."),
    _target("route.technician.id", "Provider to route to", "id", "technician.id", note="Used by the move to Routed."),
    _target("cancel_reason", "Cancel reason", note="Needed to cancel."),
    _target("incomplete.reason", "Reason to send back", note="Needed from Work Done back to Assigned."),
    _target("incomplete.reason_id", "Reason id to send back", "id"),
    Field("status.id", "Status id", "number", note="Compare the name; the ids differ between documents."),
    Field("status.display_name", "Status as shown"),
    Field("status.sub_status", "Sub-status"),
    Field("assignee.user.first_name", "Provider's first name"),
    Field("assignee.user.last_name", "Provider's last name"),
    Field("assignee.user.phone", "Provider's phone", note="Only once assigned."),
    Field("closing_notes", "Closing notes", note="Written by the provider."),
    Field("time_logs.hours", "Hours worked", "number"),
    Field("time_logs.results", "Time logs", "list"),
    Field("pay.total", "Total pay", "money"),
    Field("pay.reported_hours", "Reported hours", "number"),
    Field("pay.expenses.sum", "Expenses, sum", "money"),
    Field("pay.expenses.results", "Expenses", "list"),
    Field("company.name", "Company"),
    Field("client.name", "Client name"),
    Field("project.name", "Project name"),
    Field("template.name", "Template name"),
    Field("manager.first_name", "Manager's first name"),
    Field("manager.last_name", "Manager's last name"),
    Field("eta", "ETA"),
    Field("tasks.results", "Tasks", "list"),
    Field("attachments.results", "Attachments", "list"),
    Field("problems.results", "Problems", "list"),
    Field("shipments.results", "Shipments", "list"),
    Field("signatures.results", "Signatures", "list"),
    Field("milestones", "Milestones", note="Times of created, published, routed, assigned, workdone, approved, paid."),
    Field("href", "Page in Field Nation"),
)  # fmt: skip

READABLE: tuple[Field, ...] = tuple(field for field in FIELDS if field.readable)
WRITABLE: tuple[Field, ...] = tuple(field for field in FIELDS if field.writable)
REQUIRED: tuple[str, ...] = tuple(field.path for field in FIELDS if field.required)

TARGETS: Mapping[str, Field] = {name: field for field in WRITABLE for name in (field.path, *field.also)}
"""Every accepted target name, aliases included. Below ``custom_fields`` any id or name may follow."""

CHOICES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "status.name": tuple((status.name, status.label) for status in STATUSES),
    "location.mode": (("custom", "An address"), ("location", "A saved location"), ("remote", "Remote")),
    "schedule.service_window.mode": (
        ("exact", "Exact start"),
        ("between", "Any time inside"),
        ("hours", "Daily hours over a span"),
    ),
    "pay.type": (("fixed", "Fixed"), ("hourly", "Hourly"), ("device", "Per device"), ("blended", "Blended")),
    "message.type": (
        ("INTERNAL", "Internal"),
        ("ASSIGNEDTECH", "To the assigned provider"),
        ("REQUESTEDTECHS", "To the providers who requested it"),
        ("SPECIFICTECH", "To one provider"),
        ("ROUTEDTECHS", "To the providers it was routed to"),
        ("STAFF_NOTE", "Staff note"),
    ),
}
"""Values by path, with their labels; statuses as mappings compare them."""

DOCUMENTED_NAMES: Mapping[str, str] = {
    "pay.amount": "pay.base.amount",
    "pay.expense.results": "pay.expenses.results",
    "description": "description.html",
    "completion_notes": "closing_notes",
    "contact.name": "contacts.results[0].name",
    "contacts[0].email": "contacts.results[0].email",
    "location.company.name": "client.name",
    "schedule.start": "schedule.service_window.start",
    "schedule.end": "schedule.service_window.end",
}
"""Paths of the published mapping examples, and where the API's work order really has the value."""

NOT_WRITABLE: Mapping[str, str] = {
    "id": "Field Nation gives the id",
    "work_order_id": "Field Nation gives the id",
    "correlation_id": "it is Field Nation's own version mark; use incident_id or a custom field",
    "external_id": "Field Nation has no such field; use incident_id or a custom field",
    "integration": "Field Nation's own connectors set it",
    "integrations": "Field Nation's own connectors set it",
    "closing_notes": "the provider writes it",
    "completion_notes": "it is Field Nation's closing_notes, which the provider writes",
    "priority": "Field Nation has no such field; use a custom field",
    "instructions": "Field Nation has no such field; use description",
    "time_estimate": "Field Nation has no such field; use pay.units or a custom field",
    "location.company.name": "Field Nation has no such field; use client.id",
    "assignee.user": "only assignee.user.id can be mapped; names come from the provider's profile",
    "time_logs": "the provider logs the time",
    "eta": "the provider sets it",
    "milestones": "Field Nation keeps these times",
    "href": "Field Nation gives the address",
    "company": "it is the account itself",
    "status.sub_status": "the provider reports it",
    "status.display_name": "map status.name",
    "pay.rate": "it is called pay.base.amount",
    "pay.max_units": "it is called pay.base.units",
    "pay.total": "Field Nation computes it",
    "pay.reported_hours": "the provider reports them",
    "pay.expense": "expenses cannot be written by a mapping",
    "pay.expenses": "expenses cannot be written by a mapping",
    "location.address": "map location.address1, location.city and so on",
    "tasks": "tasks cannot be written by a mapping",
    "shipments": "shipments cannot be written by a mapping",
    "attachments": "files cannot be written by a mapping",
    "problems": "problems cannot be written by a mapping",
    "signatures": "the provider collects them",
    "client.name": "map client.id",
    "project.name": "map project.id",
    "template.name": "map template.id",
    "manager.first_name": "map manager.id",
    "manager.last_name": "map manager.id",
}
"""Why a target cannot be written, by path; a path also stands for everything below it."""
