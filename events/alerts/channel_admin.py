"""Alert channels and their messages in the admin. What is secret is written and never shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from broker_project.lib.pages import (
    Act,
    Banner,
    DetailPage,
    PrunableList,
    ReadOnly,
    Section,
    Table,
    copyable,
    display,
    moment,
    pretty,
    to_change,
)
from synclog.alert_models import AlertChannel, AlertMessage

from . import channels, outbox, signing
from .alert_admin import MESSAGE_COLOURS, messages_table
from .forms import ChannelForm

CHANGE_CHANNEL = "synclog.change_alertchannel"
Kind = AlertChannel.Kind
FIXED = "typeof kind === 'undefined'"
"""On the page of a channel its kind is fixed, and only its own fields are there."""
FIELDS = {
    Kind.EMAIL: ("addresses", "to_connector_addresses"),
    Kind.WEBHOOK: ("url", "secret"),
    Kind.SLACK: ("url",),
}


@admin.register(AlertChannel)
class AlertChannelAdmin(DetailPage):
    form = ChannelForm
    list_display = ("name", "kind", "condition_label", "condition_sentence", "connector", "last_sent_at")
    list_select_related = ("connector",)
    list_filter = (("kind", ChoicesDropdownFilter), ("connector", RelatedDropdownFilter), "is_on")
    ordering = ("name",)
    sortable_by = ()
    conditional_fields = {
        "addresses": f"{FIXED} || kind == 'email'",
        "to_connector_addresses": f"{FIXED} || kind == 'email'",
        "url": f"{FIXED} || kind == 'webhook' || kind == 'slack'",
        "secret": f"{FIXED} || kind == 'webhook'",
    }
    acts = (
        Act(
            name="send_test",
            label="Send a test message",
            permission=CHANGE_CHANNEL,
            icon="send",
            offered=lambda channel: bool(channel.is_on),
        ),
        Act(
            name="renew_secret",
            label="Renew the secret",
            permission=CHANGE_CHANNEL,
            question="From now on messages are signed with a new secret, also those that wait. It is shown once, on "
            "the next page; give it to the receiver. Renew the secret?",
            icon="autorenew",
            dangerous=True,
            offered=lambda channel: channel.kind == Kind.WEBHOOK,
        ),
    )

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get_fieldsets(self, request: HttpRequest, obj: AlertChannel | None = None) -> Any:
        if obj is None:
            return [
                (
                    None,
                    {"fields": ("name", "kind", "addresses", "to_connector_addresses", "url", "secret", "connector")},
                )
            ]
        shows = obj.kind == Kind.EMAIL or self.has_change_permission(request, obj)  # a read-only field shows its value
        own = FIELDS[Kind(obj.kind)] if shows else ()
        return [(None, {"fields": ("name", "kind", "is_on", *self._shown_host(obj), *own, "connector")})]

    def get_readonly_fields(self, request: HttpRequest, obj: AlertChannel | None = None) -> tuple[str, ...]:
        return ("kind", "host") if obj else ()

    def save_model(self, request: HttpRequest, obj: AlertChannel, form: Any, change: bool) -> None:
        if obj.kind == Kind.WEBHOOK and not obj.secret:
            obj.secret = request.fresh_secret = signing.new_secret()  # type: ignore[attr-defined]
        obj.next_attempt_at = None  # what was corrected is tried at once
        super().save_model(request, obj, form, change)
        if not obj.is_on:
            outbox.drop_pending(obj)

    def response_add(self, request: HttpRequest, obj: AlertChannel, post_url_continue: Any = None) -> HttpResponse:
        if hasattr(request, "fresh_secret"):
            return self._show_secret(request, obj, request.fresh_secret)
        response: HttpResponse = super().response_add(request, obj, post_url_continue)
        return response

    def banner(self, channel: AlertChannel) -> Banner:
        return condition(channel)

    def sections(self, request: HttpRequest, channel: AlertChannel) -> Sequence[Section]:
        rows = list(channel.messages.order_by("-pk")[:20])
        table: Table = messages_table(rows, with_channel=False, empty="It has sent nothing yet.")
        return [table]

    def send_test(self, request: HttpRequest, channel: AlertChannel, form: Any) -> None:
        message = outbox.send_test(channel, user=request.user.get_username())
        self.log_change(request, channel, "Sent a test message.")
        if message.state == AlertMessage.State.SENT:
            self.message_user(request, "The test message was sent and taken.", messages.SUCCESS)
        else:
            self.message_user(request, message.error, messages.ERROR)

    def renew_secret(self, request: HttpRequest, channel: AlertChannel, form: Any) -> HttpResponse:
        channel.secret = signing.new_secret()
        channel.save(update_fields=["secret"])
        self.log_change(request, channel, "Renewed the signing secret.")
        return self._show_secret(request, channel, channel.secret)

    def _show_secret(self, request: HttpRequest, channel: AlertChannel, secret: str) -> HttpResponse:
        # Written into this one answer, never into a message, a session or a log.
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Signing secret of {channel}",
            "secret": copyable(secret),
            "back": self._address("change", channel),
        }
        return TemplateResponse(request, "broker/alerts/secret.html", context)

    def _shown_host(self, channel: AlertChannel) -> tuple[str, ...]:
        return ("host",) if channel.host else ()

    @display(
        description="condition", label={"Works": "success", "Off": "default", "Fails": "danger", "Untried": "info"}
    )
    def condition_label(self, channel: AlertChannel) -> str:
        return condition(channel).label

    @display(description="what it means")
    def condition_sentence(self, channel: AlertChannel) -> SafeString:
        return format_html('<span class="broker-sentence">{}</span>', condition(channel).sentence)


def condition(channel: AlertChannel) -> Banner:
    """Whether messages get through."""
    if not channel.is_on:
        return Banner("Off", "default", "It gets no messages.")
    if channel.failing_since:
        again = f" It is tried again at {channel.next_attempt_at:%H:%M:%S} UTC." if channel.next_attempt_at else ""
        since = f"{channel.failing_since:%Y-%m-%d %H:%M} UTC"
        return Banner("Fails", "danger", f"Since {since}: {channel.failure}{again} Its messages wait in order.")
    if channel.kind == Kind.EMAIL and not channels.is_email_set_up():
        return Banner("Fails", "danger", channels.NO_EMAIL)
    if channel.last_sent_at:
        return Banner(
            "Works", "success", f"The last message went through at {channel.last_sent_at:%Y-%m-%d %H:%M} UTC."
        )
    return Banner("Untried", "info", "It has sent nothing yet. Send a test message.")


@admin.register(AlertMessage)
class AlertMessageAdmin(ReadOnly, PrunableList, DetailPage):
    list_display = ("created_at", "state_label", "about", "channel", "subject_cell", "attempts", "error")
    list_display_links = ("created_at",)
    list_select_related = ("channel",)
    list_filter = (("state", ChoicesDropdownFilter), ("channel", RelatedDropdownFilter))
    ordering = ("-id",)
    sortable_by = ()
    fields = (
        ("channel", "about"),
        ("created_at", "sent_at"),
        ("attempts", "webhook_id"),
        "to",
        "whole_text",
        "whole_payload",
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = changelist.result_list.defer("text", "payload")
        return changelist

    def banner(self, message: AlertMessage) -> Banner:
        state = message.get_state_display()
        return Banner(state, MESSAGE_COLOURS[state], message.error or message.subject)

    def sections(self, request: HttpRequest, message: AlertMessage) -> Sequence[Section]:
        rows = [
            (to_change("synclog.alert", alert.pk, alert.sentence), alert.get_state_display(), moment(alert.since))
            for alert in message.alerts.order_by("pk")[:50]
        ]
        return [Table(title="Alerts", headers=("Alert", "State", "Since"), rows=rows, empty="None: it was a test.")]

    @display(description="state", label=MESSAGE_COLOURS)
    def state_label(self, message: AlertMessage) -> str:
        return message.get_state_display()

    @display(description="subject")
    def subject_cell(self, message: AlertMessage) -> SafeString:
        return format_html('<span class="broker-sentence">{}</span>', message.subject)

    @display(description="recipients")
    def to(self, message: AlertMessage) -> str:
        return ", ".join(message.recipients) or "-"

    @display(description="text")
    def whole_text(self, message: AlertMessage) -> Any:
        return pretty(message.text)

    @display(description="as machines get it")
    def whole_payload(self, message: AlertMessage) -> Any:
        return pretty(message.payload)
