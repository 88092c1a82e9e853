"""Jobs and the drain in the admin: how far, who, how long; stop and go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from broker_project.lib.pages import (
    Act,
    Banner,
    PrunableList,
    ReadOnly,
    Section,
    Table,
    display,
)

from . import jobs
from .job_words import in_words
from .models import Drain, Job
from .resync_admin import StartPages

CHANGE_JOB = "events.change_job"

STATE_COLOURS: dict[str, str] = {
    Job.State.RUNNING.label: "info",
    Job.State.STOPPED.label: "warning",
    Job.State.FINISHED.label: "success",
    Job.State.FAILED.label: "danger",
}


@admin.register(Job)
class JobAdmin(ReadOnly, PrunableList, StartPages):
    none_yet = "A resync, catching up on webhooks and a retry of many dead letters are jobs."
    list_display = ("kind", "state_label", "progress", "sentence_cell", "user", "created_at", "took")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("connector", RelatedDropdownFilter),
    )
    list_filter_submit = True
    ordering = ("-created_at",)
    sortable_by = ()
    acts = (
        Act(
            name="stop",
            label="Stop",
            permission=CHANGE_JOB,
            question="What is under way is finished; nothing more is begun. It can go on later. Stop it?",
            icon="stop_circle",
            offered=lambda job: job.state == Job.State.RUNNING,
        ),
        Act(
            name="go_on",
            label="Continue",
            permission=CHANGE_JOB,
            question="It goes on where it was. Continue it?",
            icon="play_arrow",
            offered=lambda job: job.state in (Job.State.STOPPED, Job.State.FAILED),
        ),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("kind", "progress"),
                    ("company", "connector"),
                    ("total", "per_minute"),
                    ("done", "left_alone"),
                    ("user", "took"),
                    ("created_at", "finished_at"),
                    ("next_step_at", "id"),
                )
            },
        ),
    )

    def banner(self, job: Job) -> Banner:
        state = job.get_state_display()
        return Banner(state, STATE_COLOURS[state], job.sentence or "It has not begun yet.")

    def sections(self, request: HttpRequest, job: Job) -> Sequence[Section]:
        rows = in_words(job)
        return [Table(title="What was asked for", headers=("What", "Value"), rows=rows, empty="Nothing in particular.")]

    def stop(self, request: HttpRequest, job: Job, form: Any) -> None:
        self._told(request, job, "Stopped.", changed=jobs.stop(job, user=request.user.get_username()))

    def go_on(self, request: HttpRequest, job: Job, form: Any) -> None:
        self._told(request, job, "Continued.", changed=jobs.resume(job, user=request.user.get_username()))

    def _told(self, request: HttpRequest, job: Job, said: str, *, changed: bool) -> None:
        if changed:
            self.log_change(request, job, said)
            self.message_user(request, said, messages.SUCCESS)
        else:
            self.message_user(request, "It ended meanwhile; nothing was changed.", messages.WARNING)

    @display(description="state", label=STATE_COLOURS)
    def state_label(self, job: Job) -> str:
        return job.get_state_display()

    @display(description="progress")
    def progress(self, job: Job) -> SafeString:
        handled = job.done + job.left_alone
        if not job.total:
            return format_html("{}", f"{handled:,}")
        return format_html(
            '<progress class="broker-progress" value="{}" max="{}"></progress><span class="broker-sub">{}</span>',
            handled,
            job.total,
            f"{handled:,} of {job.total:,}",
        )

    @display(description="how it stands")
    def sentence_cell(self, job: Job) -> SafeString:
        return format_html('<span class="broker-sentence">{}</span>', job.sentence or "It has not begun yet.")

    @display(description="took")
    def took(self, job: Job) -> str:
        ended = job.finished_at or timezone.now()
        if (ended - job.created_at).total_seconds() < 60:
            return "less than a minute"
        return timesince(job.created_at, ended)


@admin.register(Drain)
class DrainAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """The one row while workers finish and begin nothing."""

    list_display = ("since",)
    fields = ("since",)
