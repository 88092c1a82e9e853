"""The audit in the admin: one list of who did what, with before and after; and how an act is written into it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter

from broker_project.lib.pages import (
    DetailPage,
    ExactFilter,
    PrunableList,
    ReadOnly,
    Section,
    Table,
    display,
    link,
    listing,
    to_change,
)

from .audit_models import AuditEntry
from .models import SyncLog

NEAR: Final = timedelta(seconds=30)
"""An act's row in the log and its row in the audit are written this close to each other."""

KINDS: Final[Mapping[str, tuple[str, Q]]] = {
    "changed": ("Changed", Q(action_flag=CHANGE, change_message__startswith="[")),
    "added": ("Added or begun", Q(action_flag=ADDITION)),
    "deleted": ("Deleted", Q(action_flag=DELETION)),
    "retried": (
        "Retried",
        Q(change_message__startswith="Retried")
        | Q(change_message__startswith="Payload changed")
        | Q(change_message__startswith="Linked and retried"),
    ),
    "discarded": (
        "Discarded or skipped",
        Q(change_message__startswith="Discarded") | Q(change_message__startswith="Skipped"),
    ),
    "exported": ("Exported", Q(change_message__startswith="Exported")),
    "revealed": (
        "Revealed or renewed a secret",
        Q(change_message__startswith="Revealed") | Q(change_message__startswith="Renewed"),
    ),
    "rights": ("Users and rights", Q(content_type__app_label="auth")),
}


def record(request: HttpRequest, message: str, *, model: type[Model], obj: Model | None = None) -> None:
    """Write an act into the audit: a whole sentence about ``obj``, or about the rows of ``model`` as such."""
    AuditEntry.objects.create(
        user_id=int(str(request.user.pk)),
        content_type=ContentType.objects.get_for_model(model),
        object_id=str(obj.pk) if obj else None,
        object_repr=str(obj if obj else model._meta.verbose_name_plural)[:200],
        action_flag=CHANGE,
        change_message=message,
    )


class KindFilter(DropdownFilter):  # type: ignore[misc]
    title = "kind of act"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, label) for kind, (label, _) in KINDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        kind = KINDS.get(self.value() or "")
        return queryset.filter(kind[1]) if kind else queryset


class ObjectFilter(ExactFilter):
    title = "id of the object"
    parameter_name = "object_id"


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, PrunableList, DetailPage):
    list_display = ("action_time", "user", "what", "about", "kind_of_object")
    list_display_links = ("action_time",)
    list_select_related = ("user", "content_type")
    list_filter = (
        ("user", RelatedDropdownFilter),
        KindFilter,
        ("content_type", RelatedDropdownFilter),
        ObjectFilter,
        ("action_time", RangeDateTimeFilter),
    )
    list_filter_submit = True
    ordering = ("-id",)
    sortable_by = ()
    fieldsets = ((None, {"fields": (("action_time", "user"), "what", ("about", "kind_of_object"))}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        rows: QuerySet[AuditEntry] = super().get_queryset(request)
        return rows.select_related("user", "content_type")

    def sections(self, request: HttpRequest, entry: AuditEntry) -> Sequence[Section]:
        rows = [(name, *values) for name, values in changes(entry).items()]
        note = _note(entry)
        if note is not None:
            before = note.details.get("before") or {}
            rows += [(name, listing(value) if value != "" else "-", "") for name, value in before.items()]
            rows.append(("what was done", "", to_change("synclog.synclog", note.pk, note.sentence)))
        return [
            Table(
                title="Before and after",
                headers=("Field", "Before", "After"),
                rows=rows,
                empty="Nothing more is known than what stands above. The configuration versions of a connector hold "
                "what its settings, triggers and mappings were.",
            )
        ]

    @display(description="what")
    def what(self, entry: AuditEntry) -> str:
        return entry.get_change_message() or entry.get_action_flag_display()

    @display(description="about")
    def about(self, entry: AuditEntry) -> SafeString | str:
        kind = entry.content_type
        if kind is None or entry.object_id is None or entry.action_flag == DELETION:
            return entry.object_repr
        try:
            address = reverse(f"admin:{kind.app_label}_{kind.model}_change", args=[entry.object_id])
        except NoReverseMatch:
            return entry.object_repr
        return link(address, entry.object_repr or entry.object_id)

    @display(description="kind of object")
    def kind_of_object(self, entry: AuditEntry) -> str:
        return entry.content_type.name if entry.content_type else "-"


def changes(entry: LogEntry) -> dict[str, tuple[str, str]]:
    """By field what it was and what it became; "changed" for a secret. Empty when the entry does not say."""
    try:
        parts = json.loads(entry.change_message) if entry.change_message.startswith("[") else []
    except ValueError:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for part in parts:
        if isinstance(part, dict):
            for act in part.values():
                values = act.get("values") if isinstance(act, dict) else None
                found |= {name: (str(pair[0]), str(pair[1])) for name, pair in (values or {}).items()}
    return found


def _note(entry: AuditEntry) -> SyncLog | None:
    """The log's row of an act on a delivery, which keeps the state before."""
    if entry.content_type is None or entry.content_type.model != "delivery" or not entry.object_id:
        return None
    near = (entry.action_time - NEAR, entry.action_time + NEAR)
    rows = SyncLog.objects.filter(
        delivery_id=entry.object_id, user=entry.user.get_username(), created_at__range=near, outcome="note"
    )
    return min(rows, key=lambda log: abs(log.created_at - entry.action_time), default=None)
