"""The troubleshooter, the error pages and the symptoms in the admin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotAllowed
from django.http.request import QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from broker_project.lib.pages.lists import MAX_BIGINT
from connectors.models import Connector
from events import catalogue
from events.sentences import explain

from . import live, shown
from .counts import now_with
from .diagnosis import diagnose
from .entry import KINDS, Entry
from .errors import ERRORS, help_link
from .facts import Facts, Live
from .gather import Found, gather
from .places import Link, links
from .subject import LONGEST, TRIGGER, Asked
from .symptoms import SECTIONS, SYMPTOMS

PERMISSIONS: Final = ("events.view_delivery", "synclog.view_synclog")
ACTS: Final[Mapping[str, str]] = {"test": "connectors.change_connector", "webhooks": "connectors.change_company"}
"""What can be asked of the systems, with the permission that the same button needs on its own page."""
EVENTS: Final = (
    *((event.constant, f"{event.name} ({event.constant})") for event in catalogue.EVENTS),
    (TRIGGER, "Call of the trigger URL"),
)


class TroubleshootPages:
    """For an admin of the events app: serves the pages under its address."""

    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("troubleshooter/", view(self.troubleshooter_view), name="troubleshooter"),
            path("troubleshooter/errors/", view(self.errors_view), name="troubleshooter_errors"),
            path("troubleshooter/errors/<slug:code>/", view(self.error_view), name="troubleshooter_error"),
            path("troubleshooter/symptoms/", view(self.symptoms_view), name="troubleshooter_symptoms"),
            path("troubleshooter/symptoms/<slug:slug>/", view(self.symptom_view), name="troubleshooter_symptom"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def troubleshooter_view(self, request: HttpRequest) -> HttpResponse:
        """Answer on GET; on POST ask the systems too, and answer with what they said. Nothing is changed by either."""
        _check_permission(request)
        if request.method not in ("GET", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        given = request.POST if request.method == "POST" else request.GET
        asked = _asked(given)
        found = gather(asked) if asked.term else Found(facts=())
        facts = list(found.facts)
        if request.method == "POST":
            act, target = given.get("act", ""), _number(given.get("at", ""))
            if act not in ACTS or not any(one.connector.pk == target for one in facts):
                return HttpResponseBadRequest("Ask again: load the page and press the button there.")
            if not request.user.has_perm(ACTS[act]):
                raise PermissionDenied
            facts = _asked_live(facts, act, target)
        names = {one.connector.pk: one.connector.name for one in facts}
        return self._page(
            request,
            "index",
            title="Why did it not sync?",
            asked=asked,
            cards=[shown.card(diagnose(one), request.user) for one in facts],
            history=shown.history(found, names),
            left_out=found.left_out,
            alone=explain("no_connector", company=found.alone) if found.alone else "",
            alone_help=help_link("no_connector"),
            connectors=Connector.objects.select_related("company").order_by("name", "pk"),
            events=EVENTS,
            sections=SECTIONS if not asked.term else (),
        )

    def errors_view(self, request: HttpRequest) -> HttpResponse:
        """All error pages by kind."""
        _check_permission(request)
        groups = [
            (title, [(one.title, one.code, help_link(one.code)) for one in ERRORS.values() if one.kind == kind])
            for kind, title in KINDS.items()
        ]
        return self._page(request, "errors", title="What errors mean", groups=groups)

    def error_view(self, request: HttpRequest, code: str) -> HttpResponse:
        """What one code means, for the connector in the address where one is named."""
        _check_permission(request)
        entry = ERRORS.get(code)
        if entry is None:
            raise Http404("There is no page for this code.")
        connector = _connector(request.GET)
        return self._page(
            request,
            "error",
            title=entry.title,
            entry=entry,
            kind=KINDS[entry.kind],
            connector=connector,
            places=links(entry.places, user=request.user, connector=connector),
            symptoms=[SYMPTOMS[slug] for slug in entry.symptoms],
            now=now_with(code, connector_id=connector.pk if connector else None) if entry.is_state else None,
            logs=_logs_link(entry, connector),
        )

    def symptoms_view(self, request: HttpRequest) -> HttpResponse:
        """All symptoms."""
        _check_permission(request)
        return self._page(request, "symptoms", title="What do you see?", sections=SECTIONS)

    def symptom_view(self, request: HttpRequest, slug: str) -> HttpResponse:
        """What to look at, in order, and the errors that it mostly is."""
        _check_permission(request)
        symptom = SYMPTOMS.get(slug)
        if symptom is None:
            raise Http404("There is no such symptom.")
        connector = _connector(request.GET)
        key = connector.pk if connector else None
        return self._page(
            request,
            "symptom",
            title=symptom.title,
            symptom=symptom,
            connector=connector,
            places=links(symptom.places, user=request.user, connector=connector),
            errors=[(ERRORS[code], help_link(code, key)) for code in symptom.codes],
            asked=Asked(term=""),
            connectors=(),
        )

    def _page(self, request: HttpRequest, template: str, *, title: str, **context: Any) -> HttpResponse:
        site = self.admin_site.each_context(request)
        part = "ask" if template == "index" else "errors" if template.startswith("error") else "symptoms"
        return TemplateResponse(
            request, f"broker/troubleshoot/{template}.html", {**site, "title": title, "part": part, **context}
        )


def _check_permission(request: HttpRequest) -> None:
    if not all(request.user.has_perm(permission) for permission in PERMISSIONS):
        raise PermissionDenied


def _asked(given: QueryDict) -> Asked:
    """What is not understood counts as not asked."""
    event_type = given.get("event", "")
    return Asked(
        term=given.get("q", "").replace("\0", "").strip()[:LONGEST],
        connector_id=_number(given.get("connector", "")),
        event_type=event_type if event_type in dict(EVENTS) else "",
    )


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) <= MAX_BIGINT else None


def _connector(given: QueryDict) -> Connector | None:
    key = _number(given.get("connector", ""))
    return Connector.objects.select_related("company").filter(pk=key).first() if key is not None else None


def _asked_live(facts: list[Facts], act: str, target: int | None) -> list[Facts]:
    """The facts with what the systems of one connector say now."""

    def said(one: Facts) -> Live:
        connector = one.connector
        return live.ask_webhooks(connector.company) if act == "webhooks" else live.test_connection(connector)

    return [replace(one, live=said(one)) if one.connector.pk == target else one for one in facts]


def _logs_link(entry: Entry, connector: Connector | None) -> Link:
    query = f"?code={entry.code}" + (f"&connector={connector.pk}" if connector else "")
    return Link("Integration logs with this code", reverse("admin:synclog_synclog_changelist") + query)
