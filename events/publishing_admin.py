"""The pages of connectors, mappings and triggers publish what they change: one request is one version.

Connectors and mappings know nothing of versions, which belong to the flow above them, so their pages are registered
anew here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from broker_project.lib.pages import Act, Banner
from connectors.admin import ConnectorAdmin
from connectors.condition import WELL
from connectors.models import Connector, ConnectorState, DiscoveredFields
from mappings.admin import FieldMappingAdmin
from mappings.models import FieldMapping

from . import link_admin, pressure, versions  # noqa: F401 - the first registers its page
from .going import going_with
from .models import ConfigVersion
from .pages import PAGES, toolbar_acts
from .pages.base import ConnectorPages
from .pages.header import header
from .pages.toolbar import toolbar
from .pages.transfer_page import ImportPage
from .pages.wizard import Wizard

GO_WITH_CONNECTOR = (ConfigVersion, ConnectorState, DiscoveredFields)
"""Nobody deletes these by hand, yet they go with their connector."""
View = Callable[..., HttpResponse]


class Publishing:
    """A ModelAdmin whose forms, lists and deletions make a version in the transaction that changes something.

    So a worker never reads the change before its version says who made it.
    """

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return _published(request, super().changeform_view, *args, **kwargs)  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return _published(request, super().changelist_view, *args, **kwargs)  # type: ignore[misc]

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return _published(request, super().delete_view, *args, **kwargs)  # type: ignore[misc]


def _published(request: HttpRequest, view: View, *args: Any, **kwargs: Any) -> HttpResponse:
    if request.method != "POST":
        return view(request, *args, **kwargs)
    versions.publish_stale()  # what was changed elsewhere gets a version of its own, without this user's name
    with transaction.atomic():
        response = view(request, *args, **kwargs)
        versions.publish_stale(user=request.user.get_username())
    return response


admin.site.unregister((Connector, FieldMapping))


def _is_stopped(connector: Connector) -> bool:
    state = getattr(connector, "state", None)
    held = state is not None and (state.held_at or state.breaker != ConnectorState.Breaker.CLOSED)
    return bool(held) or connector.status != Connector.Status.ACTIVE


def _acts() -> tuple[Act, ...]:
    """Those of the connector and those of the toolbar."""
    resumable = (replace(act, offered=_is_stopped) if act.name == "resume" else act for act in ConnectorAdmin.acts)
    return (*resumable, *toolbar_acts.ACTS)


@admin.register(Connector)
class PublishingConnectorAdmin(Wizard, toolbar_acts.ToolbarActs, ConnectorPages, Publishing, ConnectorAdmin):
    pages = (*PAGES, ImportPage())
    change_form_outer_before_template = "broker/connector/settings_above.html"
    acts = _acts()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        if obj is not None:
            context |= {"above": self.above(request, obj), "show_delete": False}  # the toolbar has it
        page: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return page

    def above(self, request: HttpRequest, connector: Connector, *, opened: str = "settings") -> Mapping[str, Any]:
        """The tabs with the header and the toolbar, for those who may see the connector."""
        if not self.has_view_permission(request, connector):
            raise PermissionDenied
        beside = {page.label for page in self.pages} - {page.label for page in PAGES}
        tabs = [tab for tab in super().above(request, connector, opened=opened)["tabs"] if tab.label not in beside]
        return {
            "tabs": tabs,
            "header": header(request, connector, self.banner(connector)),
            "toolbar": toolbar(request, connector, self.acts, opened=opened),
        }

    def banner(self, connector: Connector) -> Banner | None:
        state = getattr(connector, "state", None)
        if state is not None and connector.status == Connector.Status.ACTIVE and state.condition != WELL:
            return Banner(state.condition.label, state.condition.kind, state.condition.sentence)
        return super().banner(connector)

    def resume(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        """Also after a hold, and to probe at once what does not answer."""
        pressure.resume(connector.pk)
        super().resume(request, connector, form)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """By numbers, for a connector may have more than anybody wants to read, or to load."""
        [connector] = objs
        counts = {model: str(number) for model, number in going_with(connector)}
        held = [model for model in counts if model not in GO_WITH_CONNECTOR and admin.site.is_registered(model)]
        needed = {
            str(model._meta.verbose_name)
            for model in held
            if not admin.site.get_model_admin(model).has_delete_permission(request)
        }
        shown = [f"Connector: {connector}"]
        return shown, {str(model._meta.verbose_name_plural): count for model, count in counts.items()}, needed, []


@admin.register(FieldMapping)
class PublishingFieldMappingAdmin(Publishing, FieldMappingAdmin):
    pass
