"""How the admin looks: names, colours, and the sidebar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

FORMAT_MODULE_PATH = "broker_project.formats"
LOGIN_REDIRECT_URL = "admin:index"


def _may_see(app: str, model: str) -> Callable[[HttpRequest], bool]:
    def allowed(request: HttpRequest) -> bool:
        return any(request.user.has_perm(f"{app}.{act}_{model}") for act in ("view", "change"))

    return allowed


def _item(title: str, icon: str, app: str, model: str, page: str = "changelist") -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_{page}"),
        "permission": _may_see(app, model),
    }


def _is_at_the_deliveries(request: HttpRequest) -> bool:
    """The desk stands below the list's address and has an item of its own."""
    return "/events/delivery/" in request.path and "/dead-letters/" not in request.path


def _is_at_the_troubleshooter(request: HttpRequest) -> bool:
    return "/troubleshooter/" in request.path


def _is_at_the_events(request: HttpRequest) -> bool:
    """The troubleshooter's pages stand below the events' address."""
    return "/events/event/" in request.path and not _is_at_the_troubleshooter(request)


def _may_ask_why(request: HttpRequest) -> bool:
    return request.user.has_perm("events.view_delivery") and request.user.has_perm("synclog.view_synclog")


def _static(path: str) -> Callable[[HttpRequest], str]:
    def address(request: HttpRequest) -> str:
        return static(path)

    return address


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Integration Broker",
    "SITE_HEADER": "Integration Broker",
    "SITE_SUBHEADER": "Field Nation, both ways",
    "SITE_URL": None,
    "SITE_SYMBOL": "sync_alt",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _static("broker/icon.svg")}],
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [_static("broker/admin.css")],
    "SCRIPTS": [_static("broker/landmark.js")],
    "COLORS": {
        "primary": {
            "50": "oklch(97.7% .013 236.62)",
            "100": "oklch(95.1% .026 236.824)",
            "200": "oklch(90.1% .058 230.902)",
            "300": "oklch(82.8% .111 230.318)",
            "400": "oklch(74.6% .16 232.661)",
            "500": "oklch(64% .169 237.323)",
            "600": "oklch(54% .158 241.966)",
            "700": "oklch(47% .134 242.749)",
            "800": "oklch(41% .11 240.79)",
            "900": "oklch(35.1% .09 240.876)",
            "950": "oklch(25.3% .066 243.157)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            {"items": [{"title": "Overview", "icon": "monitoring", "link": reverse_lazy("admin:index")}]},
            {
                "title": "Connections",
                "items": [
                    _item("Companies", "domain", "connectors", "company"),
                    _item("Connectors", "cable", "connectors", "connector"),
                    _item("Connector States", "monitor_heart", "connectors", "connectorstate"),
                ],
            },
            {
                "title": "Configuration",
                "items": [
                    _item("Event Triggers", "bolt", "events", "eventtrigger"),
                    _item("Field Mappings", "swap_horiz", "mappings", "fieldmapping"),
                    _item("Record Links", "link", "mappings", "recordlink"),
                    _item("Event Sources", "key", "events", "eventsource"),
                    _item("Versions", "history", "events", "configversion"),
                    _item("Alert Rules", "rule", "synclog", "alertrule"),
                    _item("Alert Channels", "campaign", "synclog", "alertchannel"),
                ],
            },
            {
                "title": "Activity",
                "items": [
                    {
                        "title": "Troubleshooter",
                        "icon": "troubleshoot",
                        "link": reverse_lazy("admin:troubleshooter"),
                        "permission": _may_ask_why,
                        "active": _is_at_the_troubleshooter,
                    },
                    _item("Alerts", "notifications_active", "synclog", "alert"),
                    _item("Integration Logs", "receipt_long", "synclog", "synclog"),
                    {**_item("Deliveries", "local_shipping", "events", "delivery"), "active": _is_at_the_deliveries},
                    _item("Dead Letters", "mark_email_unread", "events", "delivery", "dead_letters"),
                    _item("Blocked Lanes", "block", "events", "lane"),
                    _item("Jobs", "pending_actions", "events", "job"),
                    {**_item("Events", "inbox", "events", "event"), "active": _is_at_the_events},
                    _item("Refused Calls", "front_hand", "synclog", "refusedcalls"),
                ],
            },
            {
                "title": "System",
                "items": [
                    _item("Users", "person", "auth", "user"),
                    _item("Groups", "group", "auth", "group"),
                    _item("Workers", "memory", "synclog", "worker"),
                    _item("Audit", "policy", "synclog", "auditentry"),
                    _item("Retention", "auto_delete", "synclog", "retention"),
                    _item("Webhook Checks", "webhook", "synclog", "webhookcheck"),
                    _item("Periodic Tasks", "schedule", "django_celery_beat", "periodictask"),
                ],
            },
        ],
    },
}
