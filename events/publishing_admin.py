"""The pages of connectors, mappings and triggers publish what they change: one request is one version.

Connectors and mappings know nothing of versions, which belong to the flow above them, so their pages are registered
anew here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from connectors.admin import ConnectorAdmin
from connectors.models import Connector, ConnectorState
from mappings.admin import FieldMappingAdmin
from mappings.models import FieldMapping

from . import versions
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


@admin.register(Connector)
class PublishingConnectorAdmin(Publishing, ConnectorAdmin):
    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Nobody deletes a version or a state by hand, yet they go with their connector."""
        shown, counts, needed, protected = super().get_deleted_objects(objs, request)
        return shown, counts, needed - {model._meta.verbose_name for model in GO_WITH_CONNECTOR}, protected


@admin.register(FieldMapping)
class PublishingFieldMappingAdmin(Publishing, FieldMappingAdmin):
    pass
