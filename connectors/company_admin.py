"""Companies: the Field Nation accounts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db import models
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from broker_project.lib.errors import BrokerError
from broker_project.lib.pages import Act, DetailPage, copyable, display, link, to_list

from .access import caller, open_field_nation
from .forms import VALID_UNTIL, CompanyForm, keeps_past_date
from .models import Company
from .platforms.contract import TestResult

Fieldsets = list[tuple[str | None, dict[str, Any]]]


def absolute(name: str, *args: Any) -> str:
    """The public address of one of our own pages."""
    return f"{settings.PUBLIC_URL}{reverse(name, args=args)}"


def told(admin_page: DetailPage, request: HttpRequest, result: TestResult) -> None:
    """Say how a test of a connection ended."""
    admin_page.message_user(request, result.sentence, messages.SUCCESS if result.ok else messages.ERROR)


def warn_of_past_date(admin_page: DetailPage, request: HttpRequest, form: Any) -> None:
    """After new credentials were saved beside the date on which the old ones ran out."""
    if keeps_past_date(form):
        said = (
            f"You changed the credentials, and “Credentials valid until” says {form.cleaned_data[VALID_UNTIL]}, which "
            "has passed. Enter until when the new ones are valid, or empty it."
        )
        admin_page.message_user(request, said, messages.WARNING)


@admin.register(Company)
class CompanyAdmin(DetailPage):
    none_yet = "A company is a Field Nation account. Begin with one, then connect a system."
    form = CompanyForm
    list_display = ("name", "environment", "username", "is_active", "connector_count")
    list_filter = (("environment", ChoicesDropdownFilter), "is_active")
    search_fields = ("name",)
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    readonly_fields = ("webhook_address", "created_at")
    acts = (
        Act(
            name="test_connection",
            label="Test connection",
            permission="connectors.change_company",
            icon="network_check",
        ),
        Act(
            name="catch_up",
            label="Catch up on webhooks",
            permission="events.change_delivery",
            icon="history",
            offered=lambda company: bool(company.is_active),
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Company]:
        rows: QuerySet[Company] = super().get_queryset(request)
        return rows.annotate(connectors_in_all=Count("connectors")).order_by("name")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}  # a company is deleted on its own page, where it is known whether that can be

    def get_fieldsets(self, request: HttpRequest, obj: Company | None = None) -> Fieldsets:
        writes = self.has_change_permission(request, obj) if obj else True
        sign_in = ["grant_type", "token_encoding", "client_id", "username"]
        webhooks = ["webhook_address"] if obj else []
        if writes:  # read-only fields would show what they hold
            sign_in = ["grant_type", "token_encoding", "client_id", "client_secret", "username", "password"]
            webhooks.append("webhook_secret")
        named: Fieldsets = [
            (None, {"fields": ["name", "is_active"]}),
            ("Field Nation API", {"fields": ["environment", "custom_api_base", *sign_in, VALID_UNTIL, "api_user_id"]}),
        ]
        return [*named, ("Webhooks", {"fields": webhooks})] if webhooks else named

    def has_delete_permission(self, request: HttpRequest, obj: Company | None = None) -> bool:
        if obj and (obj.connectors.exists() or Company.objects.filter(pk=obj.pk, events__isnull=False).exists()):
            return False  # what happened stays explained; switch the company off instead
        return bool(super().has_delete_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: Company, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        warn_of_past_date(self, request, form)

    @display(description="connectors", ordering="connectors_in_all")
    def connector_count(self, company: Any) -> SafeString:
        return link(to_list("connectors.connector", {"company__id__exact": company.pk}), company.connectors_in_all)

    @display(description="webhook address")
    def webhook_address(self, company: Company) -> SafeString:
        address = copyable(absolute("fieldnation-webhook", company.webhook_key))
        hint = "Enter it as the notification address of the webhook in Field Nation."
        return format_html('{}<div class="leading-relaxed mt-2 text-xs">{}</div>', address, hint)

    def test_connection(self, request: HttpRequest, company: Company, form: Any) -> None:
        credentials = company.credentials()
        through = caller(credentials=credentials)
        try:
            client = open_field_nation(company_id=company.pk, credentials=credentials, through=through)
            result = client.test()
        except BrokerError as error:
            result = TestResult.failed(error)
        told(self, request, result)

    def catch_up(self, request: HttpRequest, company: Company, form: Any) -> HttpResponse:
        """To the page that asks how far back; jobs belong to the layer above, so it is known by its name only."""
        return HttpResponseRedirect(reverse("admin:events_job_catch_up", args=[company.pk]))
