"""What every page that begins a job does: note who began it, and tell with a link to it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.http import HttpRequest
from django.utils.html import format_html

from broker_project.lib.pages import to_change

from .models import Job


def told(request: HttpRequest, job: Job, *, title: str) -> None:
    """Write the history row of ``job`` and say ``title`` as a message, with a link for those who may see it."""
    LogEntry.objects.log_actions(
        user_id=str(request.user.pk),
        queryset=Job.objects.filter(pk=job.pk),
        action_flag=ADDITION,
        change_message="Started.",
        single_object=True,
    )
    name: Any = title
    if request.user.has_perm("events.view_job") or request.user.has_perm("events.change_job"):
        name = to_change("events.job", job.pk, title)
    messages.success(request, format_html("The job has begun: {}.", name))
