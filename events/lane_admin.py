"""Blocked lanes: records whose deliveries do not go on by themselves, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

from broker_project.lib.pages import (
    Act,
    ActForm,
    Banner,
    DetailPage,
    PrunableList,
    ReadOnly,
    Section,
    Table,
    display,
    label,
    moment,
    to_change,
)

from . import blocked, lanes, replay
from .delivery_acts import CHANGE_DELIVERY
from .delivery_admin import STATE_COLOURS, reasons
from .delivery_forms import ReasonForm
from .models import Delivery, Lane
from .report import sentence_of

LINE = 100
"""Deliveries of a lane that its page shows."""
GONE = "The first delivery is another one by now; nothing was changed. Look at the lane again."


class StandFilter(DropdownFilter):  # type: ignore[misc]
    """Shows blocked lanes unless another choice is made."""

    title = "stand"
    parameter_name = "stand"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waits", "Waits for a person"), ("retries", "Will be retried"), ("held", "Held"), ("any", "All lanes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Lane]) -> QuerySet[Lane]:
        if self.value() == "any":
            return queryset
        wanted = {"waits": blocked.WAITS, "retries": blocked.RETRIES, "held": blocked.HELD}
        return queryset.filter(wanted.get(self.value() or "", blocked.BLOCKED))


class HeadReasonFilter(DropdownFilter):  # type: ignore[misc]
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return reasons()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Lane]) -> QuerySet[Lane]:
        return blocked.with_reason(queryset, self.value()) if self.value() else queryset


class HeadForm(ActForm):
    """Names the delivery that the person saw at the head, so that no other one is meant."""

    head = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, subject: Lane, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        found = head_of(subject)
        self.fields["head"].initial = found.pk if found else None

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("head") != self.fields["head"].initial:
            raise forms.ValidationError(GONE)
        return values


class SkipForm(ReasonForm, HeadForm):
    pass


def head_of(lane: Lane) -> Delivery | None:
    return blocked.in_line(lane).first()


def can_retry_head(lane: Lane) -> bool:
    head = head_of(lane)
    return head is not None and replay.can_retry_now(head)


def can_skip_head(lane: Lane) -> bool:
    head = head_of(lane)
    return head is not None and (replay.is_attention(head) or replay.can_skip(head))


@admin.register(Lane)
class LaneAdmin(ReadOnly, PrunableList, DetailPage):
    none_yet = "Nothing is queued: every delivery is finished."
    list_display = ("record", "stand", "sentence_cell", "connector", "age", "length")
    list_select_related = ("connector__company", "connector__state")
    list_filter = (StandFilter, ("connector", RelatedDropdownFilter), HeadReasonFilter)
    list_filter_submit = True
    ordering = ("id",)
    sortable_by = ()
    fields = (("key", "connector"), ("due_at", "is_claimed"), ("held_by", "held_at"))
    readonly_fields = ("is_claimed",)
    acts = (
        Act(
            name="retry_head",
            label="Retry the first now",
            permission=CHANGE_DELIVERY,
            question="The first delivery in line gets all its attempts again and is sent now. Retry it?",
            icon="replay",
            form=HeadForm,
            offered=can_retry_head,
        ),
        Act(
            name="skip_head",
            label="Skip the first",
            permission=CHANGE_DELIVERY,
            question="The first delivery in line is not sent, and the next one is. Skip it?",
            icon="skip_next",
            dangerous=True,
            form=SkipForm,
            offered=can_skip_head,
        ),
        Act(
            name="hold",
            label="Hold",
            permission=CHANGE_DELIVERY,
            question="Nothing is sent for this record until somebody releases it; what comes in waits in line. What a "
            "worker does now is finished. Hold it?",
            icon="front_hand",
            offered=lambda lane: not lane.held_by,
        ),
        Act(
            name="release",
            label="Release",
            permission=CHANGE_DELIVERY,
            question="What stands in line is sent, in the order received. Release it?",
            icon="play_arrow",
            offered=lambda lane: bool(lane.held_by),
        ),
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        found = blocked.lines(changelist.result_list)
        for lane in changelist.result_list:
            lane.line = found.get(lane.pk)
        changelist.title = "Lanes, the longest standing first"
        return changelist

    def banner(self, lane: Lane) -> Banner:
        if lane.held_by:
            return Banner("Held", "warning", f"{lane.held_by} holds it back. Release it to send what stands in line.")
        head = head_of(lane)
        if head is None:
            return Banner("Empty", "default", "Nothing stands in line.")
        state = head.get_state_display()
        return Banner(state, STATE_COLOURS[state], sentence_of(head))

    def sections(self, request: HttpRequest, lane: Lane) -> Sequence[Section]:
        rows = list(blocked.in_line(lane)[: LINE + 1])
        more = f", the first {LINE}" if len(rows) > LINE else ""
        return [
            Table(
                title=f"In line{more}",
                headers=("Place", "Delivery", "State", "What happened", "Attempts", "Since"),
                rows=[_row(place, delivery) for place, delivery in enumerate(rows[:LINE], 1)],
                empty="Nothing stands in line.",
            )
        ]

    def retry_head(self, request: HttpRequest, lane: Lane, form: Any) -> HttpResponse:
        head, user = form.cleaned_data["head"], request.user.get_username()
        moved = replay.retry([head], user=user, also_planned=True)
        return self._told(request, lane, "Retried the first delivery.", moved=bool(moved))

    def skip_head(self, request: HttpRequest, lane: Lane, form: Any) -> HttpResponse:
        head, reason = form.cleaned_data["head"], form.cleaned_data["reason"]
        moved = replay.skip(head, user=request.user.get_username(), reason=reason)
        return self._told(request, lane, "Skipped the first delivery.", moved=bool(moved))

    def hold(self, request: HttpRequest, lane: Lane, form: Any) -> HttpResponse:
        held = lanes.hold(lane.connector_id, lane.key, user=request.user.get_username())
        return self._told(request, lane, "Held the lane.", moved=held)

    def release(self, request: HttpRequest, lane: Lane, form: Any) -> HttpResponse:
        released = lanes.unhold(lane.connector_id, lane.key)
        return self._told(request, lane, "Released the lane.", moved=released)

    def _told(self, request: HttpRequest, lane: Lane, said: str, *, moved: bool) -> HttpResponse:
        """Tell and write down; an empty lane has no page any more."""
        if moved:
            self.log_change(request, lane, said)
            self.message_user(request, said, messages.SUCCESS)
        else:
            self.message_user(request, "It has moved on by itself; nothing was changed.", messages.WARNING)
        stands = Lane.objects.filter(pk=lane.pk).exists()
        return HttpResponseRedirect(
            self._address("change", lane) if stands else reverse("admin:events_lane_changelist")
        )

    @display(description="record")
    def record(self, lane: Lane) -> SafeString:
        line = lane.line  # type: ignore[attr-defined]
        return format_html('<span class="broker-time">{}</span>', line.head.subject if line else lane.key)

    @display(description="stand", label={"Held": "warning", **STATE_COLOURS})
    def stand(self, lane: Lane) -> str:
        if lane.held_by:
            return "Held"
        line = lane.line  # type: ignore[attr-defined]
        return line.head.get_state_display() if line else "-"

    @display(description="why")
    def sentence_cell(self, lane: Lane) -> SafeString:
        line = lane.line  # type: ignore[attr-defined]
        said = f"{lane.held_by} holds it back." if lane.held_by else sentence_of(line.head) if line else "-"
        return format_html('<span class="broker-sentence">{}</span>', said)

    @display(description="stands since")
    def age(self, lane: Lane) -> SafeString | str:
        line = lane.line  # type: ignore[attr-defined]
        since = line.since if line else lane.held_at
        if since is None:
            return "-"
        return format_html('{}<span class="broker-sub">{}</span>', timesince(since, depth=1), moment(since))

    @display(description="in line")
    def length(self, lane: Lane) -> int:
        line = lane.line  # type: ignore[attr-defined]
        return line.length if line else 0

    @display(description="a worker is at it")
    def is_claimed(self, lane: Lane) -> str:
        return "yes" if lane.claim else "no"


def _row(place: int, delivery: Delivery) -> tuple[Any, ...]:
    state = delivery.get_state_display()
    return (
        place,
        to_change("events.delivery", delivery.pk, f"{delivery.get_direction_display()} {delivery.action}"),
        label(state, STATE_COLOURS[state]),
        sentence_of(delivery),
        delivery.attempts,
        moment(delivery.created_at),
    )
