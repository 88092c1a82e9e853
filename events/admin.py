"""Events, triggers, sources: what came in, what is ticked, who may send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)

from broker_project.lib.pages import (
    JSON_FIELDS,
    Act,
    Audited,
    Banner,
    DetailPage,
    ExactSearch,
    FactsLast,
    FieldedForm,
    PrunableList,
    ReadOnly,
    RowForm,
    Section,
    Table,
    Text,
    copyable,
    display,
    label,
    link,
    listing,
    to_change,
)
from synclog.evidence import logs_table
from synclog.models import SyncLog

from . import catalogue, job_admin, lane_admin, refused_calls, version_admin  # noqa: F401 - all but the first register their pages
from .alerts import alert_admin, channel_admin, rule_admin  # noqa: F401 - they register their pages
from .delivery_admin import STATE_COLOURS
from .going import waiting_for
from .models import Event, EventSource, EventTrigger
from .publishing_admin import Publishing
from .report import sentence_of
from .troubleshoot.pages import TroubleshootPages
from .troubleshoot.places import asking

DUPLICATE = SyncLog.Outcome.DUPLICATE
PAYLOAD_REMOVED = "It was removed: it is older than the installation keeps payloads."
EVENT_CHOICES = [(event.constant, event.name) for event in catalogue.EVENTS]


def event_name(constant: str) -> str:
    """The event's name in the catalogue; the constant itself when it has none."""
    return dict(EVENT_CHOICES).get(constant, constant)


@admin.register(EventSource)
class EventSourceAdmin(DetailPage):
    none_yet = "An event source is a key with which another program posts to /events/."
    list_display = ("name", "company", "key_hint", "state_label", "rate_limit", "created_at", "revoked_at")
    list_select_related = ("company",)
    list_filter = (("company", RelatedDropdownFilter), "is_active")
    search_fields = ("name", "key_hint")
    ordering = ("name",)
    readonly_fields = ("key_hint", "created_at", "revoked_at")
    acts = (
        Act(
            name="renew_key",
            label="Renew key",
            permission="events.change_eventsource",
            question="The present key is refused at once. The new one is shown once, on the next page. Renew the key?",
            icon="autorenew",
            dangerous=True,
        ),
        Act(
            name="revoke",
            label="Revoke",
            permission="events.change_eventsource",
            question="The key is refused from now on. Revoke it?",
            icon="block",
            dangerous=True,
            offered=lambda source: source.revoked_at is None,
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: EventSource | None = None) -> Any:
        named = ("company", "name", "is_active", "rate_limit")
        return [(None, {"fields": (*named, *self.readonly_fields) if obj else named})]

    def has_delete_permission(self, request: HttpRequest, obj: EventSource | None = None) -> bool:
        if obj and obj.company.events.exists():
            return False  # events name their source; revoke it instead
        return bool(super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def save_model(self, request: HttpRequest, obj: EventSource, form: Any, change: bool) -> None:
        if not change:
            request.fresh_key = obj.renew_key()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: EventSource, post_url_continue: Any = None) -> HttpResponse:
        return self._show_key(request, obj, request.fresh_key)  # type: ignore[attr-defined]

    def renew_key(self, request: HttpRequest, source: EventSource, form: Any) -> HttpResponse:
        key = source.renew_key()
        source.is_active, source.revoked_at = True, None
        source.save(update_fields=["key_hash", "key_hint", "is_active", "revoked_at"])
        self.log_change(request, source, "Renewed the key.")
        return self._show_key(request, source, key)

    def revoke(self, request: HttpRequest, source: EventSource, form: Any) -> None:
        source.is_active, source.revoked_at = False, timezone.now()
        source.save(update_fields=["is_active", "revoked_at"])
        self.log_change(request, source, "Revoked the key.")
        self.message_user(request, "The key is revoked.", messages.SUCCESS)

    def _show_key(self, request: HttpRequest, source: EventSource, key: str) -> HttpResponse:
        # Written into this one answer, never into a message, a session or a log.
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Key of {source}",
            "key": copyable(key),
            "back": self._address("change", source),
        }
        return TemplateResponse(request, "broker/key.html", context)

    @display(description="state", label={"active": "success", "off": "warning", "revoked": "danger"})
    def state_label(self, source: EventSource) -> str:
        if source.revoked_at:
            return "revoked"
        return "active" if source.is_active else "off"


class EventTriggerForm(FieldedForm):
    """A ticked event; a position that is taken is told at the position."""

    class Meta:
        model = EventTrigger
        exclude = ()

    def field_of(self, sentence: str) -> str:
        return "position" if "position" in sentence else ""


class TriggerRowForm(RowForm, EventTriggerForm):
    """A trigger edited in the list."""

    class Meta(EventTriggerForm.Meta):
        pass


@admin.register(EventTrigger)
class EventTriggerAdmin(Audited, Publishing, ModelAdmin):  # type: ignore[misc]
    none_yet = "They are ticked on the Event Triggers page of a connector."
    form = EventTriggerForm
    list_display = ("event_label", "connector", "action", "target_object", "filter_label", "position", "is_enabled")
    list_editable = ("position", "is_enabled")
    list_select_related = ("connector",)
    list_filter = (
        ("connector", RelatedDropdownFilter),
        ("event_type", ChoicesDropdownFilter),
        ("action", ChoicesDropdownFilter),
        "is_enabled",
    )
    search_fields = ("event_type", "connector__name")
    ordering = ("connector", "event_type", "position")
    sortable_by = ()
    formfield_overrides = JSON_FIELDS
    fieldsets = (
        (None, {"fields": ("connector", "event_type", "is_enabled", "position")}),
        ("Action", {"fields": ("action", "delivery_mode", "target_object", "script")}),
        ("Filter", {"fields": ("filters",)}),
    )

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{**kwargs, "form": TriggerRowForm})

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Also how many deliveries wait for them; those that are over stay, and go on naming their trigger."""
        shown, counts, needed, protected = super().get_deleted_objects(objs, request)
        waiting = waiting_for(objs)
        if waiting.count:
            counts["deliveries that wait for it and are skipped then"] = str(waiting)
        return shown, counts, needed, protected

    @display(description="event", ordering="event_type")
    def event_label(self, trigger: EventTrigger) -> str:
        return trigger.get_event_type_display()

    @display(description="filter")
    def filter_label(self, trigger: EventTrigger) -> str:
        conditions = len(trigger.filters.get("conditions") or ())
        if not conditions:
            return "all work orders"
        return "1 condition" if conditions == 1 else f"{conditions} conditions"


class EventTypeFilter(DropdownFilter):  # type: ignore[misc]
    title = "event"
    parameter_name = "event_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return EVENT_CHOICES

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(event_type=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(TroubleshootPages, FactsLast, ReadOnly, ExactSearch, PrunableList, DetailPage):
    none_yet = "Webhooks of Field Nation, posts to /events/ and calls of trigger URLs stand here once they are taken."
    list_display = ("received_at", "event_label", "work_order_id", "external_id", "company", "door", "id")
    list_display_links = ("received_at",)
    list_select_related = ("company", "connector")
    list_filter = (
        ("company", RelatedDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("door", ChoicesDropdownFilter),
        EventTypeFilter,
        ("received_at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    ordering = ("-received_at",)
    sortable_by = ()
    search_numbers = ("work_order_id",)
    search_texts = ("external_id",)
    search_ids = ("pk",)
    search_help_text = "Work order id, external id or event id"
    fieldsets = (
        (
            "All fields of this event",
            {
                "classes": ("collapse",),
                "fields": (
                    ("received_at", "occurred_at"),
                    ("company", "connector"),
                    ("kind", "door"),
                    ("received_name", "source"),
                    ("work_order_id", "external_id"),
                    "id",
                ),
            },
        ),
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = changelist.result_list.defer("payload", "trace")
        return changelist

    def banner(self, event: Event) -> Banner:
        kind, tone, said = _meaning(event)
        return Banner(kind, tone, format_html("{} {}", said, link(asking(event.pk), "Why did it not sync?")))

    def sections(self, request: HttpRequest, event: Event) -> Sequence[Section]:
        deliveries = event.deliveries.select_related("connector__company", "connector__state").order_by("seq")
        logs = SyncLog.objects.filter(event_id=event.pk, delivery_id=None)
        told = (
            logs_table(logs.exclude(outcome=DUPLICATE), title="Decisions to do nothing", q=event.pk),
            logs_table(
                logs.filter(outcome=DUPLICATE), title="Came again: repeats of this event", q=event.pk, outcome=DUPLICATE
            ),
        )
        return [
            Table(
                title="Deliveries",
                headers=("Delivery", "Connector", "State", "What became of it", "Attempts"),
                rows=[
                    (
                        to_change(
                            "events.delivery", delivery.pk, f"{delivery.get_direction_display()} {delivery.action}"
                        ),
                        delivery.connector,
                        label(delivery.get_state_display(), STATE_COLOURS[delivery.get_state_display()]),
                        sentence_of(delivery),
                        delivery.attempts,
                    )
                    for delivery in deliveries
                ],
                empty="It made no delivery.",
            ),
            *(table for table in told if table.rows),
            Text(title="Payload", text=listing(event.payload) if event.payload else PAYLOAD_REMOVED),
            Text(title="How it arrived", text=listing(event.trace)),
        ]

    @display(description="event")
    def event_label(self, event: Event) -> str:
        if event.kind == Event.Kind.TRIGGER:
            return "External trigger"
        return event_name(event.event_type) if event.event_type else event.received_name


def _meaning(event: Event) -> tuple[str, str, str]:
    """What came, how serious that is, and a sentence about it."""
    if event.kind == Event.Kind.TRIGGER:
        return "External trigger", "info", f"Record {event.external_id} was to be read and synced."
    try:
        known = catalogue.by_constant(event.event_type)
    except catalogue.UnknownEvent:
        return "No broker event", "warning", f"{event.received_name} is not an event of the catalogue."
    note = f" {known.note}" if known.note else ""
    return known.constant, "info", f"{known.name}: {known.meaning} Fires {known.fires}.{note}"
