"""What stands on top of every page of a connector: how it is, at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince

from broker_project.lib.errors import Misconfigured
from broker_project.lib.pages import Banner, to_list
from connectors.models import Connector
from connectors.registry import platform

LOOKED_AT = 5_000
"""How many of the newest logs are looked through for the last success and the last failure."""
COUNTED = 1_000
"""Waiting or dead deliveries are counted up to here."""

WELL = Banner("Active", "good", "Deliveries are sent as they come.")
MARKS: Mapping[str, str] = {"good": "is-good", "success": "is-good", "warning": "is-held", "danger": "is-bad"}


@dataclass(frozen=True)
class Last:
    """The last success or failure."""

    at: datetime
    subject: str
    sentence: str
    address: str

    @property
    def ago(self) -> str:
        seconds = (timezone.now() - self.at).total_seconds()
        return "just now" if seconds < 60 else f"{timesince(self.at)} ago"


@dataclass(frozen=True)
class Count:
    """Deliveries that need a person. ``address`` "" for who may not see them."""

    text: str
    label: str
    is_bad: bool
    address: str


def header(request: HttpRequest, connector: Connector, banner: Banner | None) -> Mapping[str, Any]:
    """What header.html shows; at most three queries, and one for a paused connector, whatever the tables hold."""
    told = banner or WELL
    shown: dict[str, Any] = {
        "name": connector.name,
        "company": connector.company,
        "platform": _platform(connector),
        "status": told,
        "mark": MARKS.get(told.kind, ""),
        "counts": _counts(request, connector),
        "version": None,
        "is_stale": connector.is_stale,
        "draft": _draft(request, connector),
        "sees_logs": request.user.has_perm("synclog.view_synclog"),
        "looked_at": f"{LOOKED_AT:,}",
    }
    if shown["sees_logs"]:
        shown |= _lasts(connector)
    if request.user.has_perm("events.view_configversion"):
        shown["version"] = (
            connector.versions.filter(number=connector.version).only("number", "created_at", "user").first()
        )
        shown["history"] = reverse("admin:connectors_connector_versions", args=[connector.pk])
    return shown


def _draft(request: HttpRequest, connector: Connector) -> str:
    """Where the wizard goes on with a connector that nothing has gone through yet; "" for any other."""
    if connector.status != Connector.Status.PAUSED or not request.user.has_perm("connectors.add_connector"):
        return ""
    if connector.deliveries.exists():
        return ""
    return reverse("admin:connectors_connector_draft", args=[connector.pk])


def _platform(connector: Connector) -> str:
    try:
        return platform(connector.platform).label
    except Misconfigured:
        return f"{connector.platform} (unknown)"


# The inner SELECT keeps the order of the index and ends early; without its LIMIT a connector that never fails would
# have all of its logs read.
_LAST = """
(SELECT * FROM (
    SELECT id, created_at, outcome, sentence, work_order_id, external_id FROM synclog_synclog
    WHERE connector_id = %(connector)s ORDER BY created_at DESC LIMIT %(most)s
) AS newest WHERE outcome = ANY(%({outcomes})s) LIMIT 1)
"""


def _lasts(connector: Connector) -> dict[str, Last | None]:
    """The last success and the last failure among the newest logs."""
    both = f"{_LAST.format(outcomes='good')} UNION ALL {_LAST.format(outcomes='bad')}"
    outcomes = {"good": ["succeeded"], "bad": ["dead", "waiting", "retrying", "refused"]}
    with connection.cursor() as cursor:
        cursor.execute(both, {"connector": connector.pk, "most": LOOKED_AT, **outcomes})
        rows = cursor.fetchall()
    found: dict[str, Last | None] = {"success": None, "failure": None}
    for id, at, outcome, sentence, work_order_id, external_id in rows:
        name = "success" if outcome == "succeeded" else "failure"
        address = reverse("admin:synclog_synclog_change", args=[id])
        found[name] = Last(at, subject(work_order_id, external_id), sentence, address)
    return found


def subject(work_order_id: int | None, external_id: str) -> str:
    """What a log is about; "" when about no record."""
    parts = [f"work order {work_order_id}" if work_order_id else "", f"record {external_id}" if external_id else ""]
    return ", ".join(part for part in parts if part)


# The states stand in the text, so that the partial indexes of the table are used whatever the plan knows.
_COUNTS = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM events_delivery
                              WHERE connector_id = %(connector)s AND state = 'waiting' LIMIT %(most)s) AS w),
       (SELECT count(*) FROM (SELECT 1 FROM events_delivery
                              WHERE connector_id = %(connector)s AND state = 'dead' LIMIT %(most)s) AS d)
"""


def _counts(request: HttpRequest, connector: Connector) -> list[Count]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"connector": connector.pk, "most": COUNTED})
        waiting, dead = cursor.fetchone()
    may_see = request.user.has_perm("events.view_delivery")

    def count(number: int, label: str, state: str) -> Count:
        filters = {"connector__id__exact": connector.pk, "state__exact": state}
        text = f"{number:,}" if number < COUNTED else f"{COUNTED:,} or more"
        return Count(text, label, number > 0, to_list("events.delivery", filters) if may_see else "")

    return [count(waiting, "waiting for a person", "waiting"), count(dead, "given up", "dead")]
