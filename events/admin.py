"""Events, triggers, sources and deliveries: what came in, what is ticked, what has to be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from broker_project.lib import errors
from broker_project.lib.pages import (
    Act,
    ActForm,
    Banner,
    DetailPage,
    ExactSearch,
    FieldedForm,
    PrunableList,
    ReadOnly,
    RowForm,
    Section,
    Table,
    Text,
    copyable,
    listing,
    to_change,
)
from synclog.admin import call_table, logs_table
from synclog.models import ApiCall, SyncLog

from . import catalogue, replay
from .models import Delivery, Event, EventSource, EventTrigger, Lane
from .outcome import RULES
from .report import sentence_of
from .states import State

STATE_COLOURS: dict[str, str] = {
    State.PENDING.label: "info",
    State.IN_FLIGHT.label: "info",
    State.RETRYING.label: "warning",
    State.WAITING.label: "warning",
    State.SUCCEEDED.label: "success",
    State.SKIPPED.label: "default",
    State.SUPERSEDED.label: "default",
    State.DEAD.label: "danger",
}

EVENT_CHOICES = [(event.constant, event.name) for event in catalogue.EVENTS]

CHANGE_DELIVERY = "events.change_delivery"
"""The right to retry and discard."""


def event_name(constant: str) -> str:
    """The event's name in the catalogue; the constant itself when it has none."""
    return dict(EVENT_CHOICES).get(constant, constant)


@admin.register(EventSource)
class EventSourceAdmin(DetailPage):
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
        response = TemplateResponse(request, "broker/key.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @display(description="state", label={"active": "success", "off": "warning", "revoked": "danger"})
    def state_label(self, source: EventSource) -> str:
        if source.revoked_at:
            return "revoked"
        return "active" if source.is_active else "off"


class EventTriggerForm(FieldedForm):
    """A ticked event; a position that is taken is told at the position."""

    class Meta:
        model = EventTrigger
        exclude = ()  # noqa: DJ006 - the admin's fieldsets name the fields

    def field_of(self, sentence: str) -> str:
        return "position" if "position" in sentence else ""


class TriggerRowForm(RowForm, EventTriggerForm):
    """A trigger edited in the list."""

    class Meta(EventTriggerForm.Meta):
        pass


@admin.register(EventTrigger)
class EventTriggerAdmin(ModelAdmin):  # type: ignore[misc]
    form = EventTriggerForm
    list_display = ("event_label", "connector", "action", "target_object", "has_filter", "position", "is_enabled")
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
    fieldsets = (
        (None, {"fields": ("connector", "event_type", "is_enabled", "position")}),
        ("Action", {"fields": ("action", "target_object", "script")}),
        ("Filter", {"fields": ("filters",)}),
    )

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{**kwargs, "form": TriggerRowForm})

    @display(description="event", ordering="event_type")
    def event_label(self, trigger: EventTrigger) -> str:
        return trigger.get_event_type_display()

    @display(description="filter", boolean=True)
    def has_filter(self, trigger: EventTrigger) -> bool:
        return bool(trigger.filters)


class EventTypeFilter(DropdownFilter):  # type: ignore[misc]
    title = "event"
    parameter_name = "event_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return EVENT_CHOICES

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(event_type=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(ReadOnly, ExactSearch, PrunableList, DetailPage):
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
            None,
            {
                "fields": (
                    "id",
                    "kind",
                    "door",
                    "company",
                    "connector",
                    "source",
                    "received_name",
                    "work_order_id",
                    "external_id",
                    "occurred_at",
                    "received_at",
                )
            },
        ),
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = changelist.result_list.defer("payload", "trace")
        return changelist

    def banner(self, event: Event) -> Banner:
        if event.kind == Event.Kind.TRIGGER:
            return Banner("External trigger", "info", f"Record {event.external_id} was to be read and synced.")
        try:
            known = catalogue.by_constant(event.event_type)
        except catalogue.UnknownEvent:
            return Banner("No broker event", "warning", f"{event.received_name} is not an event of the catalogue.")
        note = f" {known.note}" if known.note else ""
        return Banner(known.constant, "info", f"{known.name}: {known.meaning} Fires {known.fires}.{note}")

    def sections(self, request: HttpRequest, event: Event) -> Sequence[Section]:
        deliveries = event.deliveries.select_related("connector").order_by("seq")
        decisions = SyncLog.objects.filter(event_id=event.pk, delivery_id=None)
        return [
            Table(
                title="Deliveries",
                headers=("Delivery", "Connector", "State", "What became of it", "Attempts"),
                rows=[
                    (
                        to_change("events.delivery", delivery.pk, f"{delivery.get_direction_display()} {delivery.action}"),
                        delivery.connector,
                        delivery.get_state_display(),
                        sentence_of(delivery),
                        delivery.attempts,
                    )
                    for delivery in deliveries
                ],
                empty="It made no delivery.",
            ),
            logs_table(decisions, title="Decisions to do nothing", q=event.pk),
            Text(title="Payload", text=listing(event.payload)),
            Text(title="How it arrived", text=listing(event.trace)),
        ]

    @display(description="event")
    def event_label(self, event: Event) -> str:
        if event.kind == Event.Kind.TRIGGER:
            return "External trigger"
        return event_name(event.event_type) if event.event_type else event.received_name


class ReasonFilter(DropdownFilter):  # type: ignore[misc]
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        waiting = [rule.code for rule in RULES.values() if rule.code]
        failures = [kind.code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")]
        return [(code, code.replace("_", " ")) for code in dict.fromkeys([*waiting, *failures])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


class DiscardForm(ActForm):
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text="Why it is not sent. It is kept in the log.",
    )


class CreatedForm(ActForm):
    """Asks for the id that the delivery does not know; for none where the records are linked already."""

    work_order_id = forms.IntegerField(min_value=1, max_value=2**63 - 1, widget=UnfoldAdminTextInputWidget())
    external_id = forms.CharField(label="External id", max_length=255, widget=UnfoldAdminTextInputWidget())

    def __init__(self, *args: Any, subject: Delivery, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        linked = replay.is_linked(subject)
        if linked or subject.work_order_id:
            del self.fields["work_order_id"]
        if linked or subject.external_id:
            del self.fields["external_id"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, ExactSearch, PrunableList, DetailPage):
    list_display = (
        "subject_cell",
        "state_label",
        "sentence_cell",
        "connector",
        "direction",
        "attempts",
        "next_attempt_at",
        "created_at",
    )
    list_select_related = ("connector",)
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("connector", RelatedDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ReasonFilter,
    )
    list_filter_submit = True
    ordering = ("-seq",)
    sortable_by = ()
    search_numbers = ("work_order_id",)
    search_texts = ("external_id",)
    search_ids = ("pk", "event_id")
    search_help_text = "Work order id, external id, delivery or event id"
    actions = ("retry_selected", "discard_selected")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id",
                    "event_link",
                    "connector",
                    "direction",
                    "action",
                    "trigger",
                    "work_order_id",
                    "external_id",
                    "reason",
                    "attempts",
                    "next_attempt_at",
                    "created_at",
                    "finished_at",
                )
            },
        ),
    )
    acts = (
        Act(
            name="retry",
            label="Retry",
            permission=CHANGE_DELIVERY,
            question="It gets all its attempts again and is sent in its turn. Retry it?",
            icon="replay",
            offered=replay.can_retry,
        ),
        Act(
            name="it_was_created",
            label="It was created: link it",
            permission=CHANGE_DELIVERY,
            question="Look for the record in the other system. If it is there, it is linked, and the delivery goes on "
            "without creating it again.",
            icon="link",
            form=CreatedForm,
            offered=replay.is_undecided,
        ),
        Act(
            name="it_was_not_created",
            label="It was not created: create it again",
            permission=CHANGE_DELIVERY,
            question="Only if you looked in the other system and the record is not there: the next attempt creates it, "
            "and would make a second one otherwise. Create it again?",
            icon="add_circle",
            dangerous=True,
            offered=replay.is_undecided,
        ),
        Act(
            name="discard",
            label="Discard",
            permission=CHANGE_DELIVERY,
            question="It is not sent, and what stands behind it for the same record goes on. Discard it?",
            icon="delete",
            dangerous=True,
            form=DiscardForm,
            offered=replay.is_attention,
        ),
    )

    def banner(self, delivery: Delivery) -> Banner:
        label = delivery.get_state_display()
        return Banner(label, STATE_COLOURS.get(label, "default"), sentence_of(delivery))

    def sections(self, request: HttpRequest, delivery: Delivery) -> Sequence[Section]:
        logs = SyncLog.objects.filter(delivery_id=delivery.pk)
        calls = ApiCall.objects.filter(log__delivery_id=delivery.pk).order_by("-id")
        return [
            logs_table(logs, title="Integration logs", q=delivery.pk),
            call_table(calls, title="API calls"),
        ]

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGE_DELIVERY)

    @action(description="Retry the selected deliveries", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse | None:
        question = "They get all their attempts again. Those that do not wait for a person and are no dead letters are "
        question += "left alone, and so are those that need a decision on an unknown outcome. Retry them?"
        asked = self._asked(request, queryset, title="Retry", question=question, form=ActForm)
        if isinstance(asked, HttpResponse):
            return asked
        moved = replay.retry(asked, user=request.user.get_username())
        self._done(request, moved, said="Retried", asked=len(asked))
        return None

    @action(description="Discard the selected deliveries", permissions=["operate"])
    def discard_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse | None:
        question = "They are not sent. Those that do not wait for a person and are no dead letters are left alone. "
        asked = self._asked(request, queryset, title="Discard", question=question, form=DiscardForm)
        if isinstance(asked, HttpResponse):
            return asked
        moved = replay.discard(asked, user=request.user.get_username(), reason=request.POST["reason"])
        self._done(request, moved, said="Discarded", asked=len(asked))
        return None

    def retry(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        self._done(request, replay.retry([delivery.pk], user=request.user.get_username()), said="Retried")

    def it_was_created(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        moved = replay.link_and_retry(delivery.pk, user=request.user.get_username(), **form.cleaned_data)
        self._done(request, moved, said="Linked and retried")

    def it_was_not_created(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        moved = replay.create_again(delivery.pk, user=request.user.get_username())
        self._done(request, moved, said="Retried, to create again")

    def discard(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        reason = form.cleaned_data["reason"]
        self._done(
            request, replay.discard([delivery.pk], user=request.user.get_username(), reason=reason), said="Discarded"
        )

    def _asked(
        self, request: HttpRequest, queryset: QuerySet[Delivery], *, title: str, question: str, form: type[ActForm]
    ) -> HttpResponse | list[UUID]:
        """The ids to act on, once the question was answered; before that the page that asks it."""
        answered = "answered" in request.POST
        bound = form(request.POST if answered else None, subject=None)
        attention = queryset.order_by().filter(state__in=[State.WAITING, State.DEAD])
        if answered and bound.is_valid():
            return list(attention.values_list("pk", flat=True))
        across = request.POST.get("select_across", "0")
        ids = request.POST.getlist(ACTION_CHECKBOX_NAME)
        hidden = [("action", request.POST.get("action", "")), ("select_across", across), ("answered", "yes")]
        return self.ask(
            request,
            title=title,
            question=question,
            subject=f"{attention.count()} of the deliveries chosen wait for a person or are dead letters.",
            form=bound,
            dangerous=form is DiscardForm,
            hidden=[*hidden, *((ACTION_CHECKBOX_NAME, id) for id in ids)],
            back=request.get_full_path(),
        )

    def _done(self, request: HttpRequest, moved: set[UUID], *, said: str, asked: int = 1) -> None:
        """Tell the person, and write down who did it."""
        if moved:
            LogEntry.objects.log_actions(
                user_id=request.user.pk,
                queryset=Delivery.objects.filter(pk__in=moved),
                action_flag=CHANGE,
                change_message=f"{said}.",
            )
        left = asked - len(moved)
        if moved:
            self.message_user(request, f"{said}: {_number(len(moved))}.", messages.SUCCESS)
        if left:
            sentence = f"Left alone: {_number(left)}, moved in the meantime or in need of a decision."
            self.message_user(request, sentence, messages.WARNING)
        if not moved and not left:
            self.message_user(request, "None of the deliveries chosen waits for a person.", messages.WARNING)

    @display(description="record")
    def subject_cell(self, delivery: Delivery) -> str:
        return delivery.subject

    @display(description="state", label=STATE_COLOURS)
    def state_label(self, delivery: Delivery) -> str:
        return delivery.get_state_display()

    @display(description="what happened")
    def sentence_cell(self, delivery: Delivery) -> SafeString:
        return format_html('<span class="broker-sentence">{}</span>', sentence_of(delivery))

    @display(description="event")
    def event_link(self, delivery: Delivery) -> SafeString:
        return to_change("events.event", delivery.event_id, delivery.event)


def _number(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count} deliveries"


@admin.register(Lane)
class LaneAdmin(ReadOnly, PrunableList, ModelAdmin):  # type: ignore[misc]
    list_display = ("key", "connector", "due_at", "is_held")
    list_select_related = ("connector",)
    list_filter = (("connector", RelatedDropdownFilter),)
    ordering = ("connector", "key")
    sortable_by = ()
    fields = ("key", "connector", "due_at", "is_held")

    @display(description="a worker is at it", boolean=True)
    def is_held(self, lane: Lane) -> bool:
        return lane.claim is not None


