"""Deliveries: what has to be done, and what an operator can do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RelatedDropdownFilter,
)

from broker_project.lib import errors
from broker_project.lib.pages import (
    Act,
    Banner,
    ExactSearch,
    FactsLast,
    PrunableList,
    ReadOnly,
    Section,
    Table,
    Text,
    display,
    moment,
    to_change,
)

from . import replay, replay_edit, review
from .delivery_acts import ACTS, CHANGE_DELIVERY
from .desk_admin import DeskPages
from .models import Delivery
from .outcome import RULES
from .record_pages.pages import RecordPages
from .report import sentence_of
from .selection import NO_REASON, with_cause
from .states import State
from .timeline import trial
from .timeline.build import timeline

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


def reasons() -> list[tuple[str, str]]:
    """Reason codes of waiting, retrying and dead deliveries, with words for them."""
    waiting = [rule.code for rule in RULES.values() if rule.code]
    failures = [kind.code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")]
    return [(code, code.replace("_", " ")) for code in dict.fromkeys([*waiting, *failures])]


class ReasonFilter(DropdownFilter):  # type: ignore[misc]
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return reasons()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        value = self.value()
        return queryset.filter(reason="" if value == NO_REASON else value) if value else queryset


class CauseFilter(DropdownFilter):  # type: ignore[misc]
    """The cause of which the desk shows the list; not shown otherwise."""

    title = "cause"
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        cause = request.GET.get("cause")
        return [(cause, "As chosen on the desk")] if cause else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return with_cause(queryset, self.value()) if self.value() else queryset


TEST_AGAIN = Act(
    name="test_again",
    label="Test again",
    permission=CHANGE_DELIVERY,
    icon="science",
    offered=trial.can_try,
)


@admin.register(Delivery)
class DeliveryAdmin(FactsLast, ReadOnly, ExactSearch, PrunableList, RecordPages, DeskPages):
    none_yet = (
        "A delivery is made when an event comes in that a connector has ticked, or when its trigger URL is called."
    )
    list_display = (
        "subject_cell",
        "state_label",
        "sentence_cell",
        "connector",
        "attempts_cell",
        "created_at",
    )
    list_select_related = ("connector__company", "connector__state")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("connector", RelatedDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ReasonFilter,
        CauseFilter,
    )
    list_filter_submit = True
    ordering = ("-seq",)
    sortable_by = ()
    search_numbers = ("work_order_id",)
    search_texts = ("external_id",)
    search_ids = ("pk", "event_id")
    search_help_text = "Work order id, external id, delivery or event id"
    acts = (*ACTS, TEST_AGAIN)
    fieldsets = (
        (
            "All fields of this delivery",
            {
                "classes": ("collapse",),
                "fields": (
                    ("event_link", "connector"),
                    ("direction", "action"),
                    ("trigger", "reason"),
                    ("work_order_id", "external_id"),
                    ("attempts", "next_attempt_at"),
                    ("version", "asked_for"),
                    ("created_at", "finished_at"),
                    ("id", "carried_by"),
                ),
            },
        ),
    )

    def banner(self, delivery: Delivery) -> Banner:
        label = delivery.get_state_display()
        return Banner(label, STATE_COLOURS.get(label, "default"), sentence_of(delivery))

    class Media:
        css: ClassVar = {"all": ("broker/header.css", "broker/logs.css")}
        js = ("broker/timeline.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows: QuerySet[Delivery] = super().get_queryset(request)
        return rows.select_related("connector__company", "connector__state")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Delivery | None:
        """With what its page and its acts look at."""
        request_rows = self.get_queryset(request).select_related("event", "trigger")
        try:
            return request_rows.filter(pk=self.opts.pk.to_python(object_id)).first()
        except ValidationError:
            return None

    def sections(self, request: HttpRequest, delivery: Delivery) -> Sequence[Section]:
        return list(self._sections(request, delivery))

    def _sections(self, request: HttpRequest, delivery: Delivery) -> Iterator[Section]:
        if fields := review.contested(delivery.conflict):
            yield conflict_table(delivery, fields)
        if delivery.note:
            yield Text(title="Notes", text=delivery.note.rstrip("\n"))
        yield timeline(delivery, request.user)

    def test_again(self, request: HttpRequest, delivery: Delivery, form: Any) -> HttpResponse:
        """What would become of it now. Nothing is written or stored."""
        found = trial.try_again(delivery)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": delivery,
            "title": f"Test again: {delivery}",
            "lead": trial.lead(found),
            "banner": trial.verdict(found),
            "sections": list(trial.sections(delivery, found)),
            "back": self._address("change", delivery),
        }
        return TemplateResponse(request, "broker/logs/findings.html", context)

    def decide(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        moved = replay.decide(delivery.pk, form.choices, user=request.user.get_username())
        self.told(request, moved, said="Decided")

    def retry(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        user = request.user.get_username()
        self.told(request, replay.retry([delivery.pk], user=user, version=form.chosen_version), said="Retried")

    def retry_now(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        user, version = request.user.get_username(), form.chosen_version
        moved = replay.retry([delivery.pk], user=user, version=version, also_planned=True)
        self.told(request, moved, said="Retried")

    def edit_payload(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        text = form.cleaned_data["payload"]
        moved = replay_edit.edit_and_retry(delivery.pk, text, user=request.user.get_username())
        self.told(request, moved, said="Payload changed and retried")

    def it_was_created(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        moved = replay.link_and_retry(delivery.pk, user=request.user.get_username(), **form.cleaned_data)
        self.told(request, moved, said="Linked and retried")

    def it_was_not_created(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        moved = replay.create_again(delivery.pk, user=request.user.get_username())
        self.told(request, moved, said="Retried, to create again")

    def note(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        replay.add_note(delivery.pk, form.cleaned_data["text"], user=request.user.get_username())
        self.told(request, {delivery.pk}, said="Noted")

    def skip(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        user, reason = request.user.get_username(), form.cleaned_data["reason"]
        self.told(request, replay.skip(delivery.pk, user=user, reason=reason), said="Skipped")

    def discard(self, request: HttpRequest, delivery: Delivery, form: Any) -> None:
        user, reason = request.user.get_username(), form.cleaned_data["reason"]
        self.told(request, replay.discard([delivery.pk], user=user, reason=reason), said="Discarded")

    @display(description="record")
    def subject_cell(self, delivery: Delivery) -> SafeString:
        what = f"{delivery.get_direction_display()} {delivery.action}"
        return format_html(
            '<span class="broker-time">{}</span><span class="broker-sub">{}</span>', delivery.subject, what
        )

    @display(description="state", label=STATE_COLOURS)
    def state_label(self, delivery: Delivery) -> str:
        return delivery.get_state_display()

    @display(description="what happened")
    def sentence_cell(self, delivery: Delivery) -> SafeString:
        return format_html('<span class="broker-sentence">{}</span>', sentence_of(delivery))

    @display(description="attempts")
    def attempts_cell(self, delivery: Delivery) -> SafeString:
        if delivery.next_attempt_at is None:
            return format_html("{}", delivery.attempts)
        return format_html(
            '{}<span class="broker-sub">next {}</span>', delivery.attempts, moment(delivery.next_attempt_at)
        )

    @display(description="event")
    def event_link(self, delivery: Delivery) -> SafeString:
        return to_change("events.event", delivery.event_id, delivery.event)

    @display(description="asked for by a person")
    def asked_for(self, delivery: Delivery) -> str:
        return "yes: it is written even when nothing has changed" if delivery.forced else "no"

    @display(description="carried by")
    def carried_by(self, delivery: Delivery) -> SafeString | str:
        if delivery.superseded_by is None:
            return "-"
        return to_change("events.delivery", delivery.superseded_by, f"delivery {delivery.superseded_by}")


def conflict_table(delivery: Delivery, fields: Sequence[review.Contested]) -> Table:
    """What both sides say, next to each other, and what a person chose."""
    headers = ["Field", "Last agreed on", "Field Nation", delivery.connector.name]
    rows = [[field.target, field.base, field.field_nation, field.external] for field in fields]
    if chosen := (delivery.conflict or {}).get("choices"):
        headers.append("Chosen")
        for row in rows:
            row.append(review.SIDES.get(chosen.get(row[0]), "-"))
    return Table(title="Changed on both sides", headers=headers, rows=rows)
