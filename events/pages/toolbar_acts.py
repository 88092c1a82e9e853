"""What the buttons on top of a connector's pages do: export, reset of the mappings, and the way back to the tab."""

from __future__ import annotations

import json
from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from broker_project.lib.pages import Act, DetailPage
from connectors.models import Connector
from events import versions
from events.going import deliveries_of
from mappings.models import FieldMapping

from . import transfer

ACTS: Final = (
    Act(name="export", label="Export", permission="connectors.change_connector", icon="download"),
    Act(
        name="reset_mapping",
        label="Reset mapping",
        permission="mappings.delete_fieldmapping",
        question="All field mappings of this connector are removed, in both directions. Rolling back to an earlier "
        "version on the History tab brings them back. Remove them?",
        icon="restart_alt",
        dangerous=True,
    ),
)


class ToolbarActs(DetailPage):
    """Acts of the toolbar. A request names the tab from which it came (``from``), and leads back to it."""

    def act_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        response: HttpResponse = super().act_view(request, object_id, name)
        tab, address = self._came_from(request, object_id)
        if not tab:
            return response
        if isinstance(response, TemplateResponse):
            (response.context_data or {}).update(back=address, hidden=[("from", tab)])
        elif isinstance(response, HttpResponseRedirect) and response.url == self._settings_address(object_id):
            return HttpResponseRedirect(address)
        return response

    def delete_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Says why a connector with deliveries cannot be deleted."""
        connector = self.get_object(request, object_id)
        may_delete = request.user.has_perm("connectors.delete_connector")
        number = deliveries_of(connector) if may_delete and connector is not None else None
        if number is not None and number.count:
            kept = "its delivery is" if number.count == 1 else f"its {number} deliveries are"
            self.message_user(
                request,
                f"{connector} cannot be deleted: {kept} the record of what happened. Disable it instead.",
                messages.WARNING,
            )
            _, address = self._came_from(request, object_id)
            return HttpResponseRedirect(address or self._settings_address(object_id))
        page: HttpResponse = super().delete_view(request, object_id, *args, **kwargs)
        return page

    def export(self, request: HttpRequest, connector: Connector, form: Any) -> HttpResponse:
        """The configuration as a file, without name, status and secrets."""
        content = transfer.exported(versions.take(connector.pk))
        self.log_change(request, connector, "Exported the configuration.")
        name = transfer.file_name(connector.name)
        text = json.dumps(content, indent=2, ensure_ascii=False)
        return HttpResponse(
            text + "\n",
            content_type="application/json; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )

    def reset_mapping(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        with transaction.atomic():
            rows = FieldMapping.objects.filter(connector=connector)
            list(rows.select_for_update(no_key=True).order_by("id"))
            before = versions.publish(connector.pk, comment="Before the mappings were reset")
            count, _ = rows.delete()
            number = versions.publish(connector.pk, user=request.user.get_username(), comment="Mappings reset")
            if count:
                self.log_change(request, connector, f"Removed all {count} field mappings; it is version {number} now.")
        if count:
            sentence = f"{count} field mappings were removed. Version {before} has them; roll back to bring them back."
            self.message_user(request, sentence, messages.SUCCESS)
        else:
            self.message_user(request, "There was no field mapping; nothing was changed.", messages.WARNING)

    def _came_from(self, request: HttpRequest, object_id: str) -> tuple[str, str]:
        """The tab from which the request came, with its address; only a page of this connector counts."""
        name = request.POST.get("from") or request.GET.get("from") or ""
        if name in {page.name for page in getattr(self, "pages", ())}:
            return name, reverse(f"admin:connectors_connector_{name}", args=[object_id])
        return "", ""

    def _settings_address(self, object_id: str) -> str:
        return reverse("admin:connectors_connector_change", args=[object_id])
