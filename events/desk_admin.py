"""The dead-letter desk in the admin: causes, and acts on all deliveries of a cause."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from broker_project.lib.pages import to_list

from .bulk_admin import BulkActs, number_of
from .dead_letters import READ, Cause, desk
from .delivery_acts import CHANGE_DELIVERY
from .delivery_forms import ReasonForm, RetryAllForm
from .selection import Selection

RETRY_ALL = (
    "They get all their attempts again and are sent in their turn, the oldest first. Those that need a decision on an "
    "unknown outcome are left alone. You can watch and stop it on its page. Retry all?"
)
DISCARD_ALL = "None of them is sent. You can watch and stop it on its page."


class DeskPages(BulkActs):
    """The desk's pages under the address of the list of deliveries."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("dead-letters/", view(self.desk_view), name="events_delivery_dead_letters"),
            path("dead-letters/retry/", view(self.retry_cause), name="events_delivery_retry_cause"),
            path("dead-letters/discard/", view(self.discard_cause), name="events_delivery_discard_cause"),
            *super().get_urls(),
        ]

    def desk_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = desk()
        may_act = request.user.has_perm(CHANGE_DELIVERY)
        context = {
            **self.admin_site.each_context(request),
            "title": "Dead letters",
            "causes": [_shown(cause, may_act=may_act) for cause in found.causes],
            "total": number_of(sum(cause.count for cause in found.causes)),
            "read": READ if found.is_capped else None,
        }
        return TemplateResponse(request, "broker/dead_letters.html", context)

    def retry_cause(self, request: HttpRequest) -> HttpResponse:
        """Ask, then begin the retry of all deliveries of a cause."""
        return self._act_on_cause(request, RetryAllForm, title="Retry all", question=RETRY_ALL)

    def discard_cause(self, request: HttpRequest) -> HttpResponse:
        return self._act_on_cause(request, ReasonForm, title="Discard all", question=DISCARD_ALL)

    def _act_on_cause(self, request: HttpRequest, form: type[Any], *, title: str, question: str) -> HttpResponse:
        if not request.user.has_perm(CHANGE_DELIVERY):
            raise PermissionDenied
        selection = Selection.of_query(request.GET.dict())
        if selection is None or not selection.cause:
            return HttpResponseBadRequest("Choose a cause on the desk.")
        bound = form(request.POST if request.method == "POST" else None, subject=None)
        if bound.is_valid():
            begin = self.discard_all if form is ReasonForm else self.retry_all
            begin(request, selection, bound)
            return HttpResponseRedirect(reverse("admin:events_delivery_dead_letters"))
        count = selection.rows().count()
        return self.ask(
            request,
            title=title,
            question=question,
            subject=f"{number_of(count)} of this cause.",
            form=bound,
            dangerous=form is ReasonForm,
            back=reverse("admin:events_delivery_dead_letters"),
        )


def _shown(cause: Cause, *, may_act: bool) -> dict[str, Any]:
    query = cause.selection.query()
    acts = {}
    if may_act:
        acts["discard"] = f"{reverse('admin:events_delivery_discard_cause')}?{urlencode(query)}"
    if may_act and cause.can_retry:
        acts["retry"] = f"{reverse('admin:events_delivery_retry_cause')}?{urlencode(query)}"
    return {"cause": cause, "list": to_list("events.delivery", query), "acts": acts}
