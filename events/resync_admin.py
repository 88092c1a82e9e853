"""Pages that begin a resync or a catch-up, under the address of the list of jobs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from broker_project.lib.errors import InvalidRecord
from broker_project.lib.pages import ActForm, DetailPage, to_change
from connectors.models import Company, Connector

from . import catch_up, jobs, resync_request
from .delivery_acts import CHANGE_DELIVERY
from .models import Job

RECORDS, WORK_ORDERS, LIST = "records", "work_orders", "list"
IDS_LENGTH = resync_request.MOST_IDS * (resync_request.LONGEST_ID + 2)

RESYNC_QUESTION = (
    "Everything asked for is brought across as it is now: records of the external system to Field Nation, work orders "
    "to the external system. You can watch and stop it on its page."
)
CATCH_UP_QUESTION = (
    "After a downtime: Field Nation's delivery log is read, and the webhooks that never arrived are asked for again. "
    "What had arrived is left alone. You can watch and stop it on its page."
)


def _pace(**more: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label="At most per minute",
        min_value=1,
        max_value=100_000,
        widget=UnfoldAdminIntegerFieldWidget(),
        **more,
    )


class ResyncForm(ActForm):
    connector = forms.ModelChoiceField(
        queryset=Connector.objects.select_related("company")
        .filter(company__is_active=True)
        .exclude(status=Connector.Status.DISABLED)
        .order_by("name"),
        widget=UnfoldAdminSelectWidget(),
        help_text="A disabled connector is not offered.",
    )
    what = forms.ChoiceField(
        label="What",
        choices=[
            (WORK_ORDERS, "These work orders, to the external system"),
            (LIST, "A list of Field Nation, to the external system"),
            (RECORDS, "These external records, to Field Nation"),
        ],
        initial=WORK_ORDERS,
        widget=UnfoldAdminRadioSelectWidget(),
    )
    ids = forms.CharField(
        required=False,
        max_length=IDS_LENGTH,
        widget=UnfoldAdminTextareaWidget({"rows": 8, "spellcheck": "false"}),
        help_text=f"Of the work orders or external records, one a line, at most {resync_request.MOST_IDS:,}.",
    )
    which = forms.ChoiceField(
        label="List",
        required=False,
        choices=list(resync_request.LISTS.items()),
        widget=UnfoldAdminSelectWidget(),
        help_text="Only for a list of Field Nation.",
    )
    status = forms.CharField(
        required=False,
        max_length=60,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Only work orders of the list with this status, such as work_done. Empty: all of the list.",
    )
    per_minute = _pace(required=False, initial=60, help_text="So that no side is overrun. Empty: as fast as it goes.")
    force = forms.BooleanField(
        label="Also what has not changed",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Off: what the other side holds already is not written again.",
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        try:
            values["parameters"] = self._parameters(values)
        except InvalidRecord as error:
            self.add_error("which" if values.get("what") == LIST else "ids", error.sentence)
        return values

    def _parameters(self, values: dict[str, Any]) -> dict[str, Any]:
        force = bool(values.get("force"))
        if values.get("what") == LIST:
            which, status = values.get("which") or "", values.get("status") or ""
            return resync_request.list_parameters(which, status=status, force=force)
        ids = (values.get("ids") or "").splitlines()
        if values.get("what") == RECORDS:
            return resync_request.record_parameters(ids, force=force)
        return resync_request.work_order_parameters(ids, force=force)


class CatchUpForm(ActForm):
    since = forms.DateTimeField(
        required=False,
        widget=UnfoldAdminTextInputWidget({"type": "datetime-local"}),
        help_text="How far back the log is read. Empty: to before the first gap, where a page of the log is without "
        "failures. Field Nation keeps about two weeks.",
    )
    per_minute = _pace(
        initial=catch_up.PER_MINUTE,
        help_text="Field Nation takes 100 calls a minute from all who use these credentials.",
    )

    def clean(self) -> dict[str, Any]:
        running = Job.objects.filter(kind=Job.Kind.CATCH_UP, company=self.subject, state=Job.State.RUNNING)
        if running.exists():
            raise forms.ValidationError("A catch-up of this company runs already. Watch it in the list of jobs.")
        return super().clean() or self.cleaned_data


class StartPages(DetailPage):
    """What JobAdmin offers besides the jobs: pages that begin one."""

    actions_list = ("resync",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.catch_up_view)
        return [path("catch-up/<int:company_id>/", view, name=self._url_name("catch_up")), *super().get_urls()]

    def has_start_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm(CHANGE_DELIVERY)

    @action(description="Resync", url_path="resync", permissions=["start"], icon="sync")  # type: ignore[untyped-decorator]
    def resync(self, request: HttpRequest) -> HttpResponse:
        """Ask what to bring across on GET, begin it on POST."""
        form = ResyncForm(request.POST if request.method == "POST" else None, subject=None)
        if form.is_valid():
            values = form.cleaned_data
            kind = Job.Kind.RESYNC_RECORDS if values["what"] == RECORDS else Job.Kind.RESYNC_WORK_ORDERS
            ids = values["parameters"].get("ids")
            return self._begin(
                request,
                kind,
                connector=values["connector"],
                parameters=values["parameters"],
                per_minute=values["per_minute"],
                total=len(ids) if ids else None,
            )
        back = reverse("admin:events_job_changelist")
        return self.ask(request, title="Resync", question=RESYNC_QUESTION, form=form, back=back)

    def catch_up_view(self, request: HttpRequest, company_id: int) -> HttpResponse:
        """Ask how far back on GET, begin it on POST."""
        if not self.has_start_permission(request):
            raise PermissionDenied
        company = get_object_or_404(Company, pk=company_id, is_active=True)
        form = CatchUpForm(request.POST if request.method == "POST" else None, subject=company)
        if form.is_valid():
            return self._begin(
                request,
                Job.Kind.CATCH_UP,
                company=company,
                parameters=catch_up.parameters(since=form.cleaned_data["since"]),
                per_minute=form.cleaned_data["per_minute"],
            )
        return self.ask(
            request,
            title="Catch up on webhooks",
            question=CATCH_UP_QUESTION,
            subject=str(company),
            form=form,
            back=reverse("admin:connectors_company_change", args=[company.pk]),
        )

    def _begin(self, request: HttpRequest, kind: Job.Kind, **asked: Any) -> HttpResponse:
        job = jobs.start(kind, user=request.user.get_username(), **asked)
        LogEntry.objects.log_actions(
            user_id=str(request.user.pk),
            queryset=Job.objects.filter(pk=job.pk),
            action_flag=ADDITION,
            change_message="Started.",
            single_object=True,
        )
        may_see = self.has_view_permission(request)
        name: Any = to_change("events.job", job.pk, kind.label) if may_see else kind.label
        self.message_user(request, format_html("The job has begun: {}.", name), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:events_job_changelist" if may_see else "admin:index"))
