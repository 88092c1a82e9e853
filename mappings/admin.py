"""Field mappings and record links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import linebreaksbr
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from broker_project.lib.errors import MappingError
from broker_project.lib.pages import JSON_FIELDS, Audited, CappedPaginator, ExactSearch, FieldedForm, RowForm, display

from .engine import validate
from .models import OPTION_HELP, FieldMapping, RecordLink
from .paths import Path


class LinkStateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "link"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("linked", "Linked"), ("claimed", "Create under way")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RecordLink]) -> QuerySet[RecordLink]:
        whole = {"work_order_id__isnull": False, "external_id__isnull": False}
        if self.value() == "linked":
            return queryset.filter(**whole)
        return queryset.exclude(**whole) if self.value() == "claimed" else queryset


class FieldMappingForm(FieldedForm):
    """A mapping row whose problems stand at the field that they are about."""

    class Meta:
        model = FieldMapping
        exclude = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "options" in self.fields:
            self.fields["options"].help_text = linebreaksbr(OPTION_HELP)

    def field_of(self, sentence: str) -> str:
        row = self.instance
        for name, parse in (("target", Path.parse_target), ("source", Path.parse)):
            try:
                parse(getattr(row, name))
            except MappingError as error:
                if error.sentence == sentence:
                    return name
        if sentence.startswith("Another row"):
            return "target"
        if row.target_object and row.direction == FieldMapping.Direction.INBOUND:
            return "target_object"
        return "action" if row.action == FieldMapping.Action.SYNC else "options"


@admin.register(FieldMapping)
class FieldMappingAdmin(Audited, ModelAdmin):  # type: ignore[misc]
    none_yet = "They are made on the Field Mappings page of a connector."
    form = FieldMappingForm
    list_display = (
        "target",
        "source",
        "action",
        "connector",
        "direction_label",
        "target_object",
        "label",
        "position",
        "is_enabled",
    )
    list_display_links = ("target",)
    list_editable = ("position", "is_enabled")
    list_select_related = ("connector",)
    list_filter = (
        ("connector", RelatedDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ("action", ChoicesDropdownFilter),
        "is_enabled",
    )
    search_fields = ("source", "target", "label")
    ordering = ("connector", "direction", "target_object", "position", "id")
    sortable_by = ()
    list_per_page = 100
    formfield_overrides = JSON_FIELDS
    fieldsets = (
        (None, {"fields": ("connector", "direction", "target_object", "position", "is_enabled", "label")}),
        ("What goes where", {"fields": ("action", "source", "target", "options")}),
        ("Default", {"fields": ("has_default", "default")}),
        ("Conflicts", {"fields": ("conflict_policy",)}),
    )

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{**kwargs, "form": RowForm})

    @display(description="direction")
    def direction_label(self, mapping: FieldMapping) -> str:
        return mapping.direction.capitalize()

    def save_model(self, request: HttpRequest, obj: FieldMapping, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        request.saved_mappings = [*getattr(request, "saved_mappings", []), obj]  # type: ignore[attr-defined]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        response = super().changelist_view(request, extra_context)
        self._warn(request, getattr(request, "saved_mappings", []))
        return response

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().changeform_view(request, *args, **kwargs)
        self._warn(request, getattr(request, "saved_mappings", []))
        return response

    def _warn(self, request: HttpRequest, saved: Iterable[FieldMapping]) -> None:
        """Say what is wrong or doubtful in the whole sets that the saved rows belong to."""
        sets = {(row.connector, row.direction, row.target_object) for row in saved if row.is_enabled}
        for connector, direction, target_object in sets:
            rows = FieldMapping.objects.filter(
                connector=connector, direction=direction, target_object=target_object, is_enabled=True
            ).order_by("position", "id")
            for problem in validate([row.row() for row in rows]):
                level = messages.ERROR if problem.severity == "error" else messages.WARNING
                self.message_user(request, f"{connector}, {direction}, {problem.target}: {problem.sentence}", level)


class RecordLinkForm(FieldedForm):
    """A link made or corrected by a person: always a whole pair."""

    class Meta:
        model = RecordLink
        fields = ("connector", "work_order_id", "external_id", "correlation_id")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name, sentence in (
            ("work_order_id", "Enter the id of the work order."),
            ("external_id", "Enter the id of the external record."),
        ):
            if not data.get(name) and name not in self.errors:
                self.add_error(name, sentence)
        return data

    def field_of(self, sentence: str) -> str:
        return "work_order_id" if sentence.startswith("This work order") else "external_id"

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        self.instance.claimed_by = self.instance.claimed_at = None  # the pair is known, nothing is under way


@admin.register(RecordLink)
class RecordLinkAdmin(ExactSearch, ModelAdmin):  # type: ignore[misc]
    none_yet = "The broker links a work order with a record when it makes one from the other."
    form = RecordLinkForm
    list_display = (
        "connector",
        "work_order_id",
        "external_id",
        "state_label",
        "correlation_id",
        "written_back_at",
        "updated_at",
    )
    list_display_links = ("work_order_id", "external_id")
    list_select_related = ("connector",)
    list_filter = (("connector", RelatedDropdownFilter), LinkStateFilter)
    search_numbers = ("work_order_id",)
    search_texts = ("external_id",)
    search_help_text = "Work order id or external id"
    ordering = ("-id",)
    sortable_by = ()
    show_full_result_count = False
    paginator = CappedPaginator
    readonly_fields = ("written_back_at", "claimed_by", "claimed_at", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("connector", "work_order_id", "external_id", "correlation_id")}),
        ("History", {"fields": readonly_fields}),
    )

    @display(description="state", label={"linked": "success", "create under way": "warning", "incomplete": "danger"})
    def state_label(self, link: RecordLink) -> str:
        if link.work_order_id and link.external_id:
            return "linked"
        return "create under way" if link.claimed_by else "incomplete"
