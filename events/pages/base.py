"""A page of a connector: a tab with its own address, and the acts that its script posts as JSON.

Every page shares the header and the tabs. A page subclasses ``ConnectorPage``; ``ConnectorPages`` serves them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from broker_project.lib.errors import BrokerError
from connectors.models import Connector

MAX_BODY = 2 * 1024 * 1024
"""Bytes of one JSON request."""


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a page from being saved. ``at`` names the place as the page's script knows it."""

    at: str
    sentence: str


class Refused(Exception):
    """What was posted cannot be taken; nothing was stored."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.sentence for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class PageAct:
    """What a page's script may post. ``do`` gets the request, the connector and the parsed JSON object, and gives
    what is answered as JSON. It runs in a transaction unless ``calls`` says that it talks to other systems."""

    do: Callable[[HttpRequest, Connector, dict[str, Any]], Mapping[str, Any]]
    permission: str = "connectors.change_connector"
    calls: bool = False


class ConnectorPage:
    """One tab. ``name`` is the last part of its address, ``template`` extends broker/connector/page.html."""

    name: str
    label: str
    template: str
    permission: str = "connectors.view_connector"
    scripts: tuple[str, ...] = ()
    """Static files of the page, loaded before Alpine starts."""

    def context(self, request: HttpRequest, connector: Connector) -> Mapping[str, Any]:
        """What the template needs. A value named ``state`` is given to the script as JSON."""
        return {}

    def acts(self) -> Mapping[str, PageAct]:
        """By the name in the address."""
        return {}


@dataclass(frozen=True)
class Tab:
    label: str
    address: str
    is_open: bool


class ConnectorPages:
    """For the admin of connectors: serves the ``pages`` and gives their tabs to the change form."""

    pages: tuple[ConnectorPage, ...] = ()
    opts: Any
    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        served = [
            path(f"<path:object_id>/{page.name}/", self._view(page), name=f"connectors_connector_{page.name}")
            for page in self.pages
        ]
        acts = [
            path(
                f"<path:object_id>/{page.name}/<slug:act>/",
                self._act_view(page),
                name=f"connectors_connector_{page.name}_act",
            )
            for page in self.pages
        ]
        return [*served, *acts, *super().get_urls()]  # type: ignore[misc]

    def tabs(self, request: HttpRequest, connector: Connector, *, opened: str = "settings") -> list[Tab]:
        """The tabs that this person may open; the first is the change form."""
        form = reverse("admin:connectors_connector_change", args=[connector.pk])
        others = [
            Tab(
                page.label, reverse(f"admin:connectors_connector_{page.name}", args=[connector.pk]), page.name == opened
            )
            for page in self.pages
            if request.user.has_perm(page.permission)
        ]
        return [Tab("Settings", form, opened == "settings"), *others]

    def _view(self, page: ConnectorPage) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            if not request.user.has_perm(page.permission):
                raise PermissionDenied
            if request.method != "GET":
                return HttpResponseNotAllowed(["GET"])
            connector = _found(object_id)
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": connector.name,
                "subtitle": page.label,
                "original": connector,  # for the breadcrumbs
                "connector": connector,
                "page": page,
                "above": self.above(request, connector, opened=page.name),
                **page.context(request, connector),
            }
            return TemplateResponse(request, page.template, context)

        return self.admin_site.admin_view(view)  # type: ignore[no-any-return]

    def _act_view(self, page: ConnectorPage) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, object_id: str, act: str) -> HttpResponse:
            known = page.acts().get(act)
            if known is None:
                raise Http404
            if not (request.user.has_perm(page.permission) and request.user.has_perm(known.permission)):
                return JsonResponse(
                    {"error": "You may not do this. Ask an administrator for the permission."}, status=403
                )
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            return _answer(request, known, _found(object_id))

        return self.admin_site.admin_view(view)  # type: ignore[no-any-return]

    def above(self, request: HttpRequest, connector: Connector, *, opened: str = "settings") -> Mapping[str, Any]:
        """What stands above every page of the connector."""
        return {"tabs": self.tabs(request, connector, opened=opened)}


def _found(object_id: str) -> Connector:
    connector = None
    if object_id.isdigit():
        connector = Connector.objects.select_related("company", "state").filter(pk=object_id[:18]).first()
    if connector is None:
        raise Http404("There is no such connector.")
    return connector


def _answer(request: HttpRequest, act: PageAct, connector: Connector) -> JsonResponse:
    """Do it. What is refused is answered 422 with ``problems`` or one ``error``; nothing is stored then."""
    try:
        data = _data(request)
        if act.calls:
            return JsonResponse(dict(act.do(request, connector, data)))
        with transaction.atomic():
            return JsonResponse(dict(act.do(request, connector, data)))
    except Refused as refused:
        problems = [{"at": problem.at, "sentence": problem.sentence} for problem in refused.problems]
        return JsonResponse({"problems": problems}, status=422)
    except BrokerError as error:
        return JsonResponse({"error": error.sentence}, status=422)


def _data(request: HttpRequest) -> dict[str, Any]:
    try:
        body = request.body
    except RequestDataTooBig:
        body = b" " * (MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise Refused([Problem("", f"This is more than {MAX_BODY // 1024 // 1024} MiB. Send less at once.")])
    try:
        data = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Refused([Problem("", "The request is no JSON. Load the page again.")]) from None
    if not isinstance(data, dict):
        raise Refused([Problem("", "The request must be a JSON object. Load the page again.")])
    return data
