"""A new connector step by step: the pages below ``add/``, in place of the admin's form.

The draft is a paused connector from the second step on, so nothing of it, and no secret, is kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from connectors.admin import platform_or_none
from connectors.configuring import shown
from connectors.models import Company, Connector
from connectors.platforms.contract import Platform, Setting
from connectors.registry import platforms
from events import catalogue

from . import wizard_sample, wizard_steps
from .base import PageAct, Problem, Refused, _answer, _found
from .trigger_state import entries, known_events, presets
from .trigger_test import test_follow, test_run
from .wizard_mappings import suggested

ADD: Final = "connectors.add_connector"
CHANGE: Final = "connectors.change_connector"
COMPANIES: Final = 500
NAMES: Final = 500
"""Names of connectors that the page itself knows to be taken; the others are found when saving."""
UNFINISHED: Final = 5

BEGIN: Final = PageAct(wizard_steps.sign_in, ADD)
ACTS: Final[Mapping[str, PageAct]] = {
    "sign-in": PageAct(wizard_steps.sign_in, ADD),
    "test": PageAct(wizard_steps.test, ADD, calls=True),
    "records": PageAct(wizard_steps.records, ADD),
    "discover": PageAct(wizard_steps.discover, ADD, calls=True),
    "suggest": PageAct(suggested, "mappings.view_fieldmapping"),
    "samples": PageAct(wizard_sample.samples, ADD),
    "try-out": PageAct(test_run, "events.change_eventtrigger", calls=True),
    "send": PageAct(wizard_sample.send, CHANGE),
    "switch-on": PageAct(wizard_sample.switch_on, CHANGE),
    "follow": PageAct(test_follow, "events.view_delivery"),
}


def drafts() -> QuerySet[Connector]:
    """Connectors that nothing has gone through yet."""
    return Connector.objects.filter(status=Connector.Status.PAUSED, deliveries__isnull=True)


class Wizard:
    """For the admin of connectors."""

    opts: Any
    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("add/begin/", view(self.begin_view), name="connectors_connector_begin"),
            path("add/<int:id>/", view(self.draft_view), name="connectors_connector_draft"),
            path("add/<int:id>/<slug:act>/", view(self.draft_act_view), name="connectors_connector_draft_act"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The wizard; with ?platform=… everything on one form."""
        if platform_or_none(request.GET.get("platform", "")):
            form: HttpResponse = super().add_view(request, form_url, extra_context)  # type: ignore[misc]
            return form
        return self._page(request, None)

    def draft_view(self, request: HttpRequest, id: int) -> HttpResponse:
        connector = _found(str(id))
        if request.user.has_perm(ADD) and not drafts().filter(pk=connector.pk).exists():
            messages.info(request, f"{connector.name} is set up already. Change it here.")
            return HttpResponseRedirect(reverse("admin:connectors_connector_change", args=[connector.pk]))
        return self._page(request, connector)

    def begin_view(self, request: HttpRequest) -> HttpResponse:
        return _acted(request, BEGIN, Connector())

    def draft_act_view(self, request: HttpRequest, id: int, act: str) -> HttpResponse:
        if act not in ACTS:
            raise Http404
        known = ACTS[act]
        if not request.user.has_perm(known.permission):
            return _forbidden()
        connector = _found(str(id))
        if act != "follow":
            known = replace(known, do=_of_a_draft(known))
        return _acted(request, known, connector)

    def _page(self, request: HttpRequest, connector: Connector | None) -> HttpResponse:
        if not request.user.has_perm(ADD):
            raise PermissionDenied
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Set up {connector.name}" if connector else "Connect a system",
            "state": _state(connector),
            "one_form": [(known.label, f"?platform={known.slug}") for known in platforms()],
            "unfinished": [] if connector else list(drafts().order_by("-pk")[:UNFINISHED]),
            "has_company": Company.objects.exists(),
            "step_names": ("System", "Sign-in", "Test", "Records", "Events", "Mappings", "Sample"),
        }
        return TemplateResponse(request, "broker/connector/wizard.html", context)


def _acted(request: HttpRequest, act: PageAct, connector: Connector) -> HttpResponse:
    if not request.user.has_perm(act.permission):
        return _forbidden()
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    return _answer(request, act, connector)


def _forbidden() -> JsonResponse:
    return JsonResponse({"error": "You may not do this. Ask an administrator for the permission."}, status=403)


def _of_a_draft(act: PageAct) -> Any:
    """The act, refused when the connector is in use by now."""

    def do(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
        if not drafts().filter(pk=connector.pk).exists():
            raise Refused([Problem("", f"{connector.name} is in use already. Change it on its own pages.")])
        return act.do(request, connector, data)

    return do


def _add() -> str:
    return reverse("admin:connectors_connector_add")


# --- state ------------------------------------------------------------------------------------------------------------


def _state(connector: Connector | None) -> dict[str, Any]:
    """What the script needs; no secret is in it, only whether there is one."""
    return {
        "add": _add(),
        "platforms": [_platform(known) for known in platforms()],
        "companies": list(Company.objects.order_by("name").values("id", "name")[:COMPANIES]),
        "taken": list(Connector.objects.order_by("-pk").values_list("company_id", "name")[:NAMES]),
        "presets": presets(),
        "events": known_events(),
        "labels": {event.constant: event.name for event in catalogue.EVENTS},
        "draft": _draft(connector) if connector else None,
    }


def _platform(known: Platform) -> dict[str, Any]:
    return {
        "slug": known.slug,
        "label": known.label,
        "sign_in": [_setting(setting) for setting in wizard_steps.sign_in_settings(known)],
        "records": [_setting(setting) for setting in wizard_steps.record_settings(known)],
    }


def _setting(setting: Setting) -> dict[str, Any]:
    return {
        "name": setting.name,
        "label": setting.label,
        "help": setting.help,
        "kind": setting.kind,
        "required": setting.required,
        "secret": setting.secret,
        "default": setting.default,
        "choices": [list(choice) for choice in setting.choices],
        "shown_when": setting.shown_when,
        "group": setting.group,
    }


def _draft(connector: Connector) -> dict[str, Any]:
    known = platform_or_none(connector.platform)
    settings = known.settings if known else ()
    return {
        "id": connector.pk,
        "name": connector.name,
        "company": connector.company_id,
        "platform": connector.platform,
        "settings": {each.name: shown(each, connector.settings) for each in settings if not each.secret},
        "kept": [each.name for each in settings if each.secret and connector.secrets.get(each.name)],
        "outbound_create": connector.outbound_create,
        "version": connector.version,
        "has_records": known is not None and not known.check(connector.settings, connector.secrets),
        "triggers": entries(connector.triggers.order_by("event_type", "position", "id")),
        "mappings": connector.mappings.count(),
        "has_notes": wizard_steps.has_notes(connector),
    }
