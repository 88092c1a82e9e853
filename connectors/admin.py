"""Connectors: the external systems."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from broker_project.lib.errors import BrokerError, Misconfigured
from broker_project.lib.pages import Act, Banner, DetailPage, copyable, display, link, moment, pretty, to_list

from .access import caller, open_external
from .company_admin import Fieldsets, absolute, told
from .forms import PREFIX, ConnectorForm, form_for
from .models import Connector
from .platforms.contract import Platform, TestResult
from .registry import platform, platforms

SYNC = ["outbound_create", "write_back_field", "conflict_policy", "max_attempts", *ConnectorForm.LIMITS]
STATUS_COLOURS = {"Active": "success", "Paused": "warning", "Disabled": "danger"}


def platform_or_none(slug: str) -> Platform | None:
    try:
        return platform(slug)
    except Misconfigured:
        return None


@admin.register(Connector)
class ConnectorAdmin(DetailPage):
    form = ConnectorForm
    list_display = ("name", "company", "platform_label", "status_label", "outbound_create")
    list_filter = (("company", RelatedDropdownFilter), ("status", ChoicesDropdownFilter))
    list_select_related = ("company",)
    search_fields = ("name", "company__name")
    readonly_fields = (
        "platform_label",
        "shown_settings",
        "attention",
        "configuration",
        "published",
        "trigger_url",
        "compatible_url",
    )
    acts: tuple[Act, ...] = (
        Act(
            name="test_connection",
            label="Test connection",
            permission="connectors.change_connector",
            icon="network_check",
        ),
        Act(
            name="pause",
            label="Pause",
            permission="connectors.change_connector",
            question="Events are kept from now on and wait until the connector is resumed. Pause it?",
            icon="pause",
            offered=lambda connector: connector.status == Connector.Status.ACTIVE,
        ),
        Act(
            name="resume",
            label="Resume",
            permission="connectors.change_connector",
            question="Everything that waits is sent now, in the order received. Resume the connector?",
            icon="play_arrow",
            offered=lambda connector: connector.status != Connector.Status.ACTIVE,
        ),
        Act(
            name="disable",
            label="Disable",
            permission="connectors.change_connector",
            question="Events are recorded as skipped from now on and are not sent later. What waits already is kept. "
            "Disable the connector?",
            icon="block",
            dangerous=True,
            offered=lambda connector: connector.status != Connector.Status.DISABLED,
        ),
        Act(
            name="renew_trigger_token",
            label="Renew trigger token",
            permission="connectors.change_connector",
            question="The present trigger addresses are refused at once; enter the new one in the external system. "
            "Renew the token?",
            icon="autorenew",
            dangerous=True,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connector]:
        rows: QuerySet[Connector] = super().get_queryset(request)
        return rows.order_by("name")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get_readonly_fields(self, request: HttpRequest, obj: Connector | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "company") if obj else self.readonly_fields

    def get_form(self, request: HttpRequest, obj: Connector | None = None, change: bool = False, **kwargs: Any) -> Any:
        kind = _platform_of(request, obj)
        if kind and not _is_view_only(self, request, obj):
            kwargs["form"] = form_for(kind)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Connector | None = None) -> Fieldsets:
        kind = _platform_of(request, obj)
        general = ["company", "name", "platform_label", "status"]
        fieldsets: Fieldsets = [
            (None, {"fields": [*general, "attention", "configuration", "published"] if obj else general})
        ]
        if obj and not _is_view_only(self, request, obj):
            fieldsets.append(("Trigger", {"fields": ["trigger_url", "compatible_url"]}))
        if _is_view_only(self, request, obj):
            fieldsets.append(("Connection", {"fields": ["shown_settings"]}))
        elif kind:
            fieldsets.append((f"Connection: {kind.label}", {"fields": [PREFIX + each.name for each in kind.settings]}))
        return [*fieldsets, ("Sync", {"fields": SYNC})]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request) or platform_or_none(request.GET.get("platform", "")):
            page: HttpResponse = super().add_view(request, form_url, extra_context)
            return page
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Choose the platform",
            "choices": [(known.label, f"?platform={known.slug}") for known in platforms()],
        }
        return TemplateResponse(request, "broker/choose_platform.html", context)

    def has_delete_permission(self, request: HttpRequest, obj: Connector | None = None) -> bool:
        if obj and Connector.objects.filter(pk=obj.pk, deliveries__isnull=False).exists():
            return False  # its deliveries are evidence; disable it instead
        return bool(super().has_delete_permission(request, obj))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.list_display = [*changelist.list_display, *_attention_columns(attention_by_connector())]
        return changelist

    def banner(self, connector: Connector) -> Banner | None:
        if platform_or_none(connector.platform) is None:
            return Banner("Unknown platform", "danger", f"There is no platform “{connector.platform}” in this version.")
        if connector.status == Connector.Status.PAUSED:
            return Banner("Paused", "warning", "Events are kept and wait. Resume the connector to send them.")
        if connector.status == Connector.Status.DISABLED:
            return Banner("Disabled", "danger", "Events are recorded as skipped and are not sent later.")
        return None

    @display(description="platform")
    def platform_label(self, connector: Connector) -> str:
        known = platform_or_none(connector.platform)
        return known.label if known else f"{connector.platform} (unknown)"

    @display(description="status", label=STATUS_COLOURS, ordering="status")
    def status_label(self, connector: Connector) -> str:
        return connector.get_status_display()

    @display(description="settings")
    def shown_settings(self, connector: Connector) -> SafeString:
        return pretty(connector.settings)

    @display(description="deliveries")
    def attention(self, connector: Connector) -> SafeString:
        counts = attention_by_connector(connector)
        return _links(
            [
                (f"{counts.get((connector.pk, state), 0)} {name}", "events.delivery", {"state__exact": state})
                for state, name in (("waiting", "waiting for a person"), ("dead", "given up"))
            ],
            {"connector__id__exact": connector.pk},
        )

    @display(description="configuration")
    def configuration(self, connector: Connector) -> SafeString:
        counts = Connector.objects.filter(pk=connector.pk).aggregate(
            triggers=Count("triggers", distinct=True, filter=Q(triggers__is_enabled=True)),
            mappings=Count("mappings", distinct=True, filter=Q(mappings__is_enabled=True)),
        )
        return _links(
            [
                (f"{counts['triggers']} event triggers", "events.eventtrigger", {}),
                (f"{counts['mappings']} field mappings", "mappings.fieldmapping", {}),
                ("record links", "mappings.recordlink", {}),
                ("integration logs", "synclog.synclog", {}),
            ],
            {"connector__id__exact": connector.pk},
        )

    @display(description="version")
    def published(self, connector: Connector) -> SafeString | str:
        version = connector.versions.filter(number=connector.version).values_list("created_at", "user").first()
        if version is None:
            return "None yet; it is made when the first event comes, or when something is saved."
        when, user = version
        by = f" by {user}" if user else ""
        stale = " Changed since; the next event makes a new version." if connector.is_stale else ""
        versions = link(to_list("events.configversion", {"connector__id__exact": connector.pk}), "all versions")
        said = "Version {}, published {}{}.{} · {}"
        return format_html(said, connector.version, moment(when), by, stale, versions)

    @display(description="trigger URL")
    def trigger_url(self, connector: Connector) -> SafeString:
        return copyable(absolute("trigger", connector.trigger_token))

    @display(description="the same, as Field Nation's broker has it")
    def compatible_url(self, connector: Connector) -> SafeString:
        address = absolute("trigger-compatible")
        return copyable(f"{address}?client_token={connector.trigger_token}&external_id=")

    def test_connection(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        try:
            client = open_external(
                connector_id=connector.pk,
                slug=connector.platform,
                configured=connector.settings,
                secrets=connector.secrets,
                through=caller(hide=connector.secrets),
            )
            result = client.test()
        except BrokerError as error:
            result = TestResult(ok=False, sentence=error.sentence)
        told(self, request, result)

    def pause(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        self._set_status(request, connector, Connector.Status.PAUSED)

    def resume(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        self._set_status(request, connector, Connector.Status.ACTIVE)

    def disable(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        self._set_status(request, connector, Connector.Status.DISABLED)

    def renew_trigger_token(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        connector.renew_trigger_token()
        connector.save(update_fields=["trigger_token", "trigger_token_hash", "updated_at"])
        self.log_change(request, connector, "Renewed the trigger token.")
        self.message_user(request, "The trigger has a new address, shown below. The old one is refused from now on.")

    def _set_status(self, request: HttpRequest, connector: Connector, status: Connector.Status) -> None:
        connector.status = status
        connector.save(update_fields=["status", "updated_at"])
        self.log_change(request, connector, f"Set the status to {status.label}.")
        self.message_user(request, f"The connector is now {status.label.lower()}.", messages.SUCCESS)


def attention_by_connector(connector: Connector | None = None) -> dict[tuple[int, str], int]:
    """Numbers of waiting and dead deliveries by connector id and state; one query, over a partial index."""
    rows = Connector.objects.filter(deliveries__state__in=["waiting", "dead"])
    if connector:
        rows = rows.filter(pk=connector.pk)
    counts = rows.order_by().values_list("pk", "deliveries__state").annotate(Count("deliveries"))
    return {(key, state): count for key, state, count in counts}


def _platform_of(request: HttpRequest, connector: Connector | None) -> Platform | None:
    return platform_or_none(connector.platform if connector else request.GET.get("platform", ""))


def _is_view_only(page: ConnectorAdmin, request: HttpRequest, connector: Connector | None) -> bool:
    return connector is not None and not page.has_change_permission(request, connector)


def _attention_columns(counts: dict[tuple[int, str], int]) -> list[Any]:
    """Columns with the numbers of waiting and dead deliveries, from the one query made for the whole list."""

    def cell(connector: Connector, state: str) -> Any:
        count = counts.get((connector.pk, state), 0)
        filters = {"connector__id__exact": connector.pk, "state__exact": state}
        return link(to_list("events.delivery", filters), count) if count else "0"

    @display(description="waiting")
    def waiting(connector: Connector) -> Any:
        return cell(connector, "waiting")

    @display(description="dead letters")
    def dead(connector: Connector) -> Any:
        return cell(connector, "dead")

    return [waiting, dead]


def _links(entries: list[tuple[str, str, dict[str, Any]]], filters: dict[str, Any]) -> SafeString:
    shown = [link(to_list(model, {**filters, **more}), text) for text, model, more in entries]
    return format_html(" · ".join(["{}"] * len(shown)), *shown)
