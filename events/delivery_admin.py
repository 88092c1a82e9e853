"""Deliveries: what has to be done, and what an operator can do about it."""

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
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RelatedDropdownFilter,
)
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from broker_project.lib import errors
from broker_project.lib.pages import (
    Act,
    ActForm,
    Banner,
    DetailPage,
    ExactSearch,
    PrunableList,
    ReadOnly,
    Section,
    display,
    to_change,
)
from synclog.evidence import call_table, logs_table
from synclog.models import ApiCall, SyncLog

from . import replay
from .models import Delivery
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

CHANGE_DELIVERY = "events.change_delivery"
"""The right to retry and discard."""


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
    list_select_related = ("connector__company",)
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
                    ("event_link", "connector"),
                    ("direction", "action"),
                    ("trigger", "reason"),
                    ("work_order_id", "external_id"),
                    ("attempts", "next_attempt_at"),
                    ("created_at", "finished_at"),
                    "id",
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

    @admin.action(description="Retry the selected deliveries", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse | None:
        question = "They get all their attempts again. Those that do not wait for a person and are no dead letters are "
        question += "left alone, and so are those that need a decision on an unknown outcome. Retry them?"
        asked = self._asked(request, queryset, title="Retry", question=question, form=ActForm)
        if isinstance(asked, HttpResponse):
            return asked
        moved = replay.retry(asked, user=request.user.get_username())
        self._done(request, moved, said="Retried", asked=len(asked))
        return None

    @admin.action(description="Discard the selected deliveries", permissions=["operate"])
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
                user_id=str(request.user.pk),
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
    def subject_cell(self, delivery: Delivery) -> SafeString:
        return format_html('<span class="broker-time">{}</span>', delivery.subject)

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
