"""The Trigger URL page: both addresses, a new token, how to call it, what was called, and "sync this record now".

The token is in no page; it is in the answers to "reveal" and "renew", and each of them is in the audit.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.timezone import localtime

from broker_project.lib.errors import Misconfigured
from connectors.models import Connector
from connectors.platforms.trigger import ID_KEYS, MAX_ID_LENGTH, MAX_IDS
from connectors.registry import platform
from events import refused_calls
from events.delivery_acts import CHANGE_DELIVERY
from events.models import Event
from events.triggered import accept_trigger
from synclog import log_audit

from .base import ConnectorPage, PageAct, Problem, Refused
from .transfer_page import note
from .trigger_calls import Outcome, calls, outcomes_of

HIDDEN = "••••••••"
"""Stands for the token where it is not shown."""
SAMPLE_ID = "1001"


class TriggerUrlPage(ConnectorPage):
    name = "trigger"
    label = "Trigger URL"
    template = "broker/connector/trigger_url.html"
    scripts = ("broker/trigger_url.js",)

    def context(self, request: HttpRequest, connector: Connector) -> Mapping[str, Any]:
        may_change = request.user.has_perm("connectors.change_connector")
        return {
            "may_change": may_change,
            "may_sync": request.user.has_perm(CHANGE_DELIVERY),
            "platform_label": _platform_label(connector),
            "id_keys": ID_KEYS,
            "most_ids": MAX_IDS,
            "rate_limit": connector.trigger_rate_limit or "it has no limit now",
            "state": {
                "addresses": _addresses(HIDDEN),
                "isShown": False,
                "oldToken": _old_token(connector),
                "calls": _listed(request, connector),
                "refused": _refused(connector),
            },
        }

    def acts(self) -> Mapping[str, PageAct]:
        return {
            "reveal": PageAct(reveal),
            "renew": PageAct(renew),
            "end-old": PageAct(end_old),
            "calls": PageAct(again, permission="connectors.view_connector"),
            "sync": PageAct(sync, permission=CHANGE_DELIVERY),
            "follow": PageAct(follow, permission=CHANGE_DELIVERY),
        }


def reveal(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """The addresses with their token, in this one answer."""
    log_audit.record(request, "Revealed the trigger URL with its token.", model=Connector, obj=connector)
    return _shown(connector)


def renew(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Make a new token; the old one works for 24 hours more."""
    locked = _locked(connector)
    locked.renew_trigger_token()
    locked.save(update_fields=Connector.TOKEN_FIELDS)
    note(request, connector, "Renewed the trigger token; the old one works for 24 hours more.")
    return {**_shown(locked), "oldToken": _old_token(locked)}


def end_old(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    locked = _locked(connector)
    if locked.takes_previous_token:
        locked.end_previous_token()
        locked.save(update_fields=Connector.TOKEN_FIELDS)
        note(request, connector, "Ended the old trigger token.")
    return {"oldToken": _old_token(locked)}


def again(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    return {"calls": _listed(request, connector), "refused": _refused(connector)}


def sync(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Trigger one record as its system would; ``event`` is what to follow."""
    external_id = data.get("external_id")
    if not isinstance(external_id, str) or not external_id.strip():
        raise Refused([Problem("external_id", "Enter the id of the record.")])
    external_id = external_id.strip()
    if len(external_id) > MAX_ID_LENGTH or not external_id.isprintable():
        raise Refused([Problem("external_id", f"An id has at most {MAX_ID_LENGTH} characters, on one line.")])
    if connector.status == Connector.Status.DISABLED:
        raise Refused([Problem("external_id", "The connector is disabled. Resume it, then sync the record.")])
    user = request.user.get_username()
    [answer] = accept_trigger(connector, [external_id], trace={"user": user}, door=Event.Door.OPERATOR)
    note(request, connector, f"Asked to sync record {external_id} now.")
    event = answer.duplicate_of or answer.id
    return {"event": str(event), **_told(request, connector, outcomes_of(connector, [event])[event])}


def follow(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """How far a trigger of this connector is."""
    try:
        id = UUID(str(data.get("event")))
    except ValueError:
        raise Refused([Problem("external_id", "This is no event. Load the page again.")]) from None
    if not Event.objects.filter(pk=id, connector=connector).exists():
        raise Refused([Problem("external_id", "The event is not there any more. Look into the Logs.")])
    return _told(request, connector, outcomes_of(connector, [id])[id])


def _told(request: HttpRequest, connector: Connector, outcome: Outcome) -> dict[str, Any]:
    address = ""
    if outcome.delivery and request.user.has_perm("events.view_delivery"):
        address = reverse("admin:events_delivery_change", args=[outcome.delivery])
    held = connector.status != Connector.Status.ACTIVE
    return {
        "label": outcome.label,
        "mark": outcome.mark,
        "sentence": outcome.sentence,
        "isOver": outcome.is_over or held,
        "address": address,
    }


def _locked(connector: Connector) -> Connector:
    """The connector as it is now; two who renew at once do it one after the other."""
    return Connector.objects.select_for_update(no_key=True).get(pk=connector.pk)


def _platform_label(connector: Connector) -> str:
    try:
        return platform(connector.platform).label
    except Misconfigured:
        return connector.platform


def _shown(connector: Connector) -> dict[str, Any]:
    return {"addresses": _addresses(connector.trigger_token), "isShown": True}


def _addresses(token: str) -> dict[str, str]:
    """Both forms of the URL and a curl line for each."""
    path = f"{settings.PUBLIC_URL}{reverse('trigger', args=['token'])}".removesuffix("token") + token
    query = f"{settings.PUBLIC_URL}{reverse('trigger-compatible')}?client_token={token}&external_id="
    body = json.dumps({"external_id": SAMPLE_ID})
    header = shlex.quote("Content-Type: application/json")
    return {
        "path": path,
        "query": query,
        "curl": f"curl -X POST {shlex.quote(path)} -H {header} -d {shlex.quote(body)}",
        "curlQuery": f"curl -X POST {shlex.quote(query + SAMPLE_ID)}",
    }


def _old_token(connector: Connector) -> dict[str, str] | None:
    """Until when the old token works; None when it does not."""
    until = connector.previous_token_until
    if until is None or not connector.takes_previous_token:
        return None
    minutes = max(1, round((until - timezone.now()).total_seconds() / 60))
    hours, rest = divmod(minutes, 60)
    left = f"{hours} h {rest} min" if hours else f"{rest} min"
    return {"until": localize(localtime(until)), "left": left}


def _refused(connector: Connector) -> list[str]:
    return [refused_calls.told(one) for one in refused_calls.of_connector(connector)]


def _listed(request: HttpRequest, connector: Connector) -> list[dict[str, Any]]:
    return [{**asdict(call), "at": localize(localtime(call.at))} for call in calls(request, connector)]
