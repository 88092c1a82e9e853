"""Alert rules in the admin: the installation's, which are always there, and those that connectors have instead."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from broker_project.lib.pages import Banner, DetailPage, display
from synclog.alert_models import AlertRule

from . import rules
from .forms import NUMBERS, RuleForm
from .kinds import KINDS


@admin.register(AlertRule)
class AlertRuleAdmin(DetailPage):
    form = RuleForm
    list_display = ("kind_cell", "whose", "is_on", "when", "quiet_cell")
    list_select_related = ("connector",)
    list_filter = (("kind", ChoicesDropdownFilter), ("connector", RelatedDropdownFilter), "is_on")
    ordering = (F("connector__name").asc(nulls_first=True), "id")
    sortable_by = ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get_fieldsets(self, request: HttpRequest, obj: AlertRule | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": ("kind", "connector")})]
        numbers = [name for name in NUMBERS if name in KINDS[obj.kind].numbers]
        return [(None, {"fields": ("whose", "is_on", *numbers, "quiet_minutes")})]

    def get_readonly_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> tuple[str, ...]:
        return ("whose",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: AlertRule | None = None) -> bool:
        if obj is not None and obj.connector_id is None:
            return False  # the installation's rules are switched off instead
        return bool(super().has_delete_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: AlertRule, form: Any, change: bool) -> None:
        if not change:  # it begins as the installation's is
            general = rules.load().of(obj.kind)
            for name in (*NUMBERS, "is_on", "quiet_minutes"):
                setattr(obj, name, getattr(general, name))
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: AlertRule, post_url_continue: Any = None) -> HttpResponse:
        said = "The connector has a rule of its own now, as the installation's stands. Change what is to differ."
        self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(self._address("change", obj))

    def banner(self, rule: AlertRule) -> Banner:
        kind = "success" if rule.is_on else "default"
        return Banner("On" if rule.is_on else "Off", kind, f"{rule.get_kind_display()}: {KINDS[rule.kind].meaning}")

    @display(description="watches for")
    def kind_cell(self, rule: AlertRule) -> str:
        return rule.get_kind_display()

    @display(description="of")
    def whose(self, rule: AlertRule) -> str:
        if rule.connector:
            return rule.connector.name
        return "All connectors" if KINDS[rule.kind].per_connector else "The installation"

    @display(description="when")
    def when(self, rule: AlertRule) -> str:
        numbers = {name: getattr(rule, name) or 0 for name in NUMBERS}
        return KINDS[rule.kind].when.format(**numbers)

    @display(description="quiet period")
    def quiet_cell(self, rule: AlertRule) -> str:
        return f"{rule.quiet_minutes:,} minutes"
