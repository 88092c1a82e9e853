"""Alerts in the admin: what is open, since when, what to do, who was told; and a button that says "I am at it"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter

from broker_project.lib.errors import BrokerError
from broker_project.lib.pages import (
    Act,
    Banner,
    DetailPage,
    PrunableList,
    ReadOnly,
    Section,
    Table,
    display,
    label,
    link,
    moment,
    to_change,
    to_list,
)
from synclog.alert_models import Alert, AlertChannel, AlertMessage, WebhookCheck

from . import channels, watch, webhook_checks
from .cards import COLOURS, failing_channels
from .kinds import Kind

MESSAGE_COLOURS = {"Not sent yet": "warning", "Sent": "success", "Given up": "danger"}


class StateFilter(DropdownFilter):  # type: ignore[misc]
    title = "state"
    parameter_name = "stands"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("on", "Not recovered"), *Alert.State.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        if self.value() == "on":
            return queryset.filter(recovered_at__isnull=True)
        return queryset.filter(state=self.value()) if self.value() else queryset


@admin.register(Alert)
class AlertAdmin(ReadOnly, PrunableList, DetailPage):
    list_display = ("state_label", "sentence_cell", "connector", "age", "last_seen_cell")
    list_display_links = ("sentence_cell",)
    list_select_related = ("connector",)
    list_filter = (StateFilter, ("kind", ChoicesDropdownFilter), ("connector", RelatedDropdownFilter))
    list_filter_submit = True
    list_before_template = "broker/alerts/above_list.html"
    ordering = (F("recovered_at").desc(nulls_first=True), F("acknowledged_at").asc(nulls_first=True), "-since")
    sortable_by = ()
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "advice",
                    "place",
                    "example_cell",
                    ("connector", "kind"),
                    ("code", "count_cell"),
                    ("since", "last_seen_at"),
                    ("acknowledged_at", "acknowledged_by"),
                    ("recovered_at", "told_at"),
                )
            },
        ),
    )
    acts = (
        Act(
            name="acknowledge",
            label="Acknowledge",
            permission="synclog.change_alert",
            question="Others see that you are at it, and no reminder is sent until it ends. Acknowledge it?",
            icon="check",
            offered=lambda alert: alert.state == Alert.State.OPEN,
        ),
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        found = {"channels_fail": failing_channels(request.user), "nobody": _nobody_is_told()}
        return super().changelist_view(request, {**found, **(extra_context or {})})

    def banner(self, alert: Alert) -> Banner:
        state = alert.get_state_display()
        return Banner(state, COLOURS[state], alert.sentence)

    def sections(self, request: HttpRequest, alert: Alert) -> Sequence[Section]:
        notes = [(moment(datetime.fromisoformat(note["at"])), note["said"]) for note in reversed(alert.timeline)]
        sent = alert.messages.select_related("channel").order_by("-pk")[:50]
        return [
            Table(title="What happened", headers=("Time", "What"), rows=notes),
            messages_table(list(sent), with_channel=True, empty="Nobody was told."),
        ]

    def acknowledge(self, request: HttpRequest, alert: Alert, form: Any) -> None:
        if watch.acknowledge(alert, user=request.user.get_username()):
            self.log_change(request, alert, "Acknowledged.")
            self.message_user(request, "Acknowledged: no reminder is sent until it ends.", messages.SUCCESS)
        else:
            self.message_user(request, "It is not open any more; nothing was changed.", messages.WARNING)

    @display(description="state", label=COLOURS)
    def state_label(self, alert: Alert) -> str:
        return alert.get_state_display()

    @display(description="what is wrong")
    def sentence_cell(self, alert: Alert) -> SafeString:
        advice = format_html('<span class="broker-sub">{}</span>', alert.advice) if not alert.recovered_at else ""
        return format_html('<span class="broker-sentence">{}{}</span>', alert.sentence, advice)

    @display(description="since")
    def age(self, alert: Alert) -> SafeString:
        lasted = timesince(alert.since, alert.recovered_at, depth=1)
        return format_html('{}<span class="broker-sub">{}</span>', lasted, moment(alert.since))

    @display(description="last seen")
    def last_seen_cell(self, alert: Alert) -> SafeString:
        return moment(alert.last_seen_at)

    @display(description="how many")
    def count_cell(self, alert: Alert) -> str:
        return f"{alert.count:,}{' or more' if alert.is_capped else ''}"

    @display(description="example")
    def example_cell(self, alert: Alert) -> Any:
        if alert.example_delivery:
            return to_change("events.delivery", alert.example_delivery, alert.example or "The newest delivery")
        return alert.example or "-"

    @display(description="where")
    def place(self, alert: Alert) -> SafeString:
        address, text = where(alert)
        return link(address, text)


def where(alert: Alert) -> tuple[str, str]:
    """The page on which the alert's cause is dealt with, and its name."""
    of = {"connector__id__exact": alert.connector_id}
    waiting = {**of, "state__exact": "waiting", "reason": alert.code}
    if alert.kind == Kind.DEAD_LETTER:
        return reverse("admin:events_delivery_dead_letters"), "Dead letters"
    if alert.kind == Kind.AUTH_FAILURE and alert.connector_id:
        return reverse("admin:connectors_connector_change", args=[alert.connector_id]), "The connector"
    if alert.kind in (Kind.FAILED_OPERATION, Kind.LOOP_SUSPECTED):
        return to_list("events.delivery", waiting), "The deliveries that wait"
    if alert.kind == Kind.LANE_BLOCKED:
        return to_list("events.lane", of), "Blocked lanes"
    if alert.kind == Kind.QUEUE_AGE:
        return to_list("events.lane", {**of, "stand": "any"}), "The connector's lanes"
    if alert.kind == Kind.BREAKER_OPEN:
        return reverse("admin:connectors_connectorstate_change", args=[alert.connector_id]), "The connector's state"
    if alert.kind in (Kind.ERROR_RATE, Kind.NO_EVENTS):
        return to_list("synclog.synclog", of), "The connector's integration logs"
    if alert.kind == Kind.WEBHOOK_INACTIVE:
        return to_list("synclog.webhookcheck", {}), "Webhook checks"
    return reverse("admin:index"), "The workers on the dashboard"


def messages_table(rows: Sequence[AlertMessage], *, with_channel: bool, empty: str) -> Table:
    """Messages with how they went."""
    headers = ("Time", *(["Channel"] if with_channel else []), "Message", "State", "Tries", "Last failure")
    cells = [
        (
            moment(message.created_at),
            *([to_change("synclog.alertchannel", message.channel_id, message.channel.name)] if with_channel else []),
            to_change("synclog.alertmessage", message.pk, _name(message, short=with_channel)),
            label(message.get_state_display(), MESSAGE_COLOURS[message.get_state_display()]),
            message.attempts,
            message.error or "-",
        )
        for message in rows
    ]
    return Table(title="Messages", headers=headers, rows=cells, empty=empty)


def _name(message: AlertMessage, *, short: bool) -> str | SafeString:
    """On the page of its alert only what it is about; elsewhere the whole subject."""
    if short:
        return message.get_about_display()
    return format_html('<span class="broker-sentence">{}</span>', message.subject)


def _nobody_is_told() -> str:
    """Said above the list when no channel that is on could reach anybody."""
    kinds = set(AlertChannel.objects.filter(is_on=True).values_list("kind", flat=True))
    if not kinds:
        return "No channel is on, so nobody is told of alerts. Set one up."
    if kinds == {AlertChannel.Kind.EMAIL} and not channels.is_email_set_up():
        return channels.NO_EMAIL
    return ""


@admin.register(WebhookCheck)
class WebhookCheckAdmin(ReadOnly, DetailPage):
    list_display = ("company", "state_label", "sentence", "checked_at")
    list_select_related = ("company",)
    ordering = ("company__name",)
    sortable_by = ()
    fields = ("company", "checked_at", "webhook_list")
    acts = (Act(name="check_now", label="Check now", permission="connectors.change_company", icon="refresh"),)

    def banner(self, check: WebhookCheck) -> Banner:
        kinds = {True: ("Active", "success"), False: ("Not active", "danger"), None: ("Not known", "default")}
        return Banner(*kinds[check.is_active], check.sentence)

    def check_now(self, request: HttpRequest, check: WebhookCheck, form: Any) -> None:
        try:
            found = webhook_checks.check(check.company)
        except BrokerError as error:
            self.message_user(request, error.sentence, messages.ERROR)
            return
        self.log_change(request, check, "Checked the webhooks.")
        self.message_user(request, found.sentence, messages.SUCCESS if found.is_active else messages.WARNING)

    @display(description="state", label={"Active": "success", "Not active": "danger", "Not known": "info"})
    def state_label(self, check: WebhookCheck) -> str:
        return {True: "Active", False: "Not active", None: "Not known"}[check.is_active]

    @display(description="webhooks that lead here")
    def webhook_list(self, check: WebhookCheck) -> str:
        return ", ".join(f"{row['id']} ({row['status']})" for row in check.webhooks) or "none"
