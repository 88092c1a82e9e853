"""Connectors: the external systems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from broker_project.lib.errors import BrokerError, Misconfigured
from broker_project.lib.pages import Act, Banner, DetailPage, display, link, pretty, to_list

from .access import caller, open_external
from .company_admin import Fieldsets, told, warn_of_past_date
from .connector_acts import ACTS
from .discovery import Refreshed, refresh_external, refresh_field_nation
from .forms import PREFIX, VALID_UNTIL, ConnectorForm, condition_of, form_for
from .models import Connector
from .platforms.contract import Platform, TestResult
from .registry import platform, platforms

SYNC: Fieldsets = [
    ("Outbound Create", {"fields": ["outbound_create", "write_back_field"]}),
    ("Conflicts", {"fields": ["conflict_policy", "hop_limit"]}),
    ("Limits", {"fields": ["max_attempts", "requests_per_minute", "burst", "max_concurrent", "trigger_rate_limit"]}),
    ("Notification", {"fields": ["notification_emails"]}),
    ("Evidence", {"fields": ["keep_bodies"]}),
]
STATUS_COLOURS = {"Active": "success", "Paused": "warning", "Disabled": "danger"}


def platform_or_none(slug: str) -> Platform | None:
    try:
        return platform(slug)
    except Misconfigured:
        return None


@admin.register(Connector)
class ConnectorAdmin(DetailPage):
    none_yet = "A connector is one external system, such as a help desk."
    form = ConnectorForm
    list_display = ("name", "company", "platform_label", "status_label", "outbound_create")
    list_filter = (("company", RelatedDropdownFilter), ("status", ChoicesDropdownFilter))
    list_select_related = ("company",)
    search_fields = ("name", "company__name")
    readonly_fields = (
        "platform_label",
        "shown_settings",
    )
    acts: tuple[Act, ...] = ACTS

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
        fieldsets: Fieldsets = [(None, {"fields": general})]
        if _is_view_only(self, request, obj):
            fieldsets.append(("Connection", {"fields": ["shown_settings", VALID_UNTIL]}))
        elif kind:
            fieldsets += _groups(kind)
        return [*fieldsets, *SYNC]

    @property
    def conditional_fields(self) -> dict[str, str]:
        """For unfold: when to show a setting that applies with certain choices only."""
        return {
            PREFIX + setting.name: condition_of(setting)
            for known in platforms()
            for setting in known.settings
            if setting.shown_when
        }

    def save_model(self, request: HttpRequest, obj: Connector, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        warn_of_past_date(self, request, form)

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
            result = TestResult.failed(error)
        told(self, request, result)

    def refresh_fields(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        self._refreshed(request, connector, refresh_external)

    def refresh_custom_fields(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        self._refreshed(request, connector, refresh_field_nation)

    def _refreshed(self, request: HttpRequest, connector: Connector, refresh: Callable[[Connector], Refreshed]) -> None:
        try:
            found = refresh(connector)
        except BrokerError as error:
            self.message_user(request, f"{error.sentence} The fields known so far are kept.", messages.ERROR)
            return
        self.log_change(request, connector, f"Refreshed the {found.what}s: {found.sentence}")
        self.message_user(request, found.sentence, messages.SUCCESS)

    def pause(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        self._set_status(request, connector, Connector.Status.PAUSED)

    def resume(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        self._set_status(request, connector, Connector.Status.ACTIVE)

    def disable(self, request: HttpRequest, connector: Connector, form: Any) -> None:
        self._set_status(request, connector, Connector.Status.DISABLED)

    def _set_status(self, request: HttpRequest, connector: Connector, status: Connector.Status) -> None:
        connector.status = status
        connector.save(update_fields=["status", "updated_at"])
        self.log_change(request, connector, f"Set the status to {status.label}.")
        self.message_user(request, f"The connector is now {status.label.lower()}.", messages.SUCCESS)


def attention_by_connector() -> dict[tuple[int, str], int]:
    """Numbers of waiting and dead deliveries by connector id and state; one query, over a partial index."""
    rows = Connector.objects.filter(deliveries__state__in=["waiting", "dead"])
    counts = rows.order_by().values_list("pk", "deliveries__state").annotate(Count("deliveries"))
    return {(key, state): count for key, state, count in counts}


def _groups(kind: Platform) -> Fieldsets:
    """The platform's settings under their headings, in the order declared; until when the credentials are valid
    stands after the last secret."""
    groups: dict[str, list[str]] = {}
    for setting in kind.settings:
        groups.setdefault(setting.group, []).append(PREFIX + setting.name)
    last = next((setting for setting in reversed(kind.settings) if setting.secret), kind.settings[-1])
    names = groups[last.group]
    names.insert(names.index(PREFIX + last.name) + 1, VALID_UNTIL)
    return [(f"{kind.label}: {name}" if name else kind.label, {"fields": names}) for name, names in groups.items()]


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
