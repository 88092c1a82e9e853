"""The pages of connectors, mappings and triggers publish what they change: one request is one version.

Connectors and mappings know nothing of versions, which belong to the flow above them, so their pages are registered
anew here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from broker_project.lib.pages import Banner
from connectors.admin import ConnectorAdmin
from connectors.condition import WELL
from connectors.models import Connector, ConnectorState
from mappings.admin import FieldMappingAdmin
from mappings.models import FieldMapping

from . import pressure, versions
from .models import ConfigVersion

GO_WITH_CONNECTOR = (ConfigVersion, ConnectorState)
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


@admin.register(Connector)
class PublishingConnectorAdmin(Publishing, ConnectorAdmin):
    acts = tuple(replace(act, offered=_is_stopped) if act.name == "resume" else act for act in ConnectorAdmin.acts)

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
        """Nobody deletes a version or a state by hand, yet they go with their connector."""
        shown, counts, needed, protected = super().get_deleted_objects(objs, request)
        return shown, counts, needed - {model._meta.verbose_name for model in GO_WITH_CONNECTOR}, protected


@admin.register(FieldMapping)
class PublishingFieldMappingAdmin(Publishing, FieldMappingAdmin):
    pass
