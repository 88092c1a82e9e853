"""What people and machines are told of alerts. Pure but for addresses of pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from synclog.alert_models import Alert

from .kinds import KINDS
from .machine import Tell

MOST_LISTED = 20
"""Alerts that a message about several names; it counts the others."""
_HEADS: Mapping[Tell, str] = {Tell.OPENED: "Alert", Tell.REMINDER: "Goes on", Tell.RECOVERED: "Recovered"}

Change = tuple[Alert, Tell]


def subject(alert: Alert, tell: Tell) -> str:
    """One line."""
    return " ".join(f"{_HEADS[tell]}: {alert.sentence}".split())[:200]


def text(alert: Alert, tell: Tell) -> str:
    """The message for people: what, since when, an example, what to do, where."""
    if tell is Tell.RECOVERED:
        ended = f"It began at {_moment(alert.since)} and ended at {_moment(alert.recovered_at)}."
        return "\n".join([f"Recovered: {alert.sentence}", ended, f"Details: {page(alert)}"])
    lines = [alert.sentence, f"Since {_moment(alert.since)}."]
    if alert.example:
        lines.append(f"Example: {alert.example}")
    if alert.example_delivery:
        lines.append(f"Delivery: {_absolute('events_delivery_change', alert.example_delivery)}")
    return "\n".join([*lines, f"What to do: {alert.advice}", f"Details: {page(alert)}"])


def payload(alert: Alert, tell: Tell) -> dict[str, Any]:
    """The message for machines."""
    return {"type": f"alert.{tell}", "timestamp": _iso(alert.last_seen_at), "data": _data(alert)}


def subject_of(changes: Sequence[Change]) -> str:
    """One line for several at once."""
    names = sorted({alert.get_kind_display().lower() for alert, _ in changes})
    shown = ", ".join(names[:4]) + (" and others" if len(names) > 4 else "")
    return f"{len(changes)} alerts changed: {shown}"[:200]


def text_of(changes: Sequence[Change]) -> str:
    """Several at once, one line each."""
    lines = [f"{len(changes)} alerts changed at once:"]
    lines += [f"- {_HEADS[tell]}: {alert.sentence} {page(alert)}" for alert, tell in changes[:MOST_LISTED]]
    more = len(changes) - MOST_LISTED
    if more > 0:
        lines.append(f"- and {more:,} more.")
    return "\n".join([*lines, f"All open alerts: {_absolute('synclog_alert_changelist')}"])


def payload_of(changes: Sequence[Change]) -> dict[str, Any]:
    """Several at once, each whole."""
    return {
        "type": "alerts.changed",
        "timestamp": _iso(changes[0][0].last_seen_at),
        "data": {"alerts": [{"change": tell.value, **_data(alert)} for alert, tell in changes]},
    }


def page(alert: Alert) -> str:
    """The address of the alert's page."""
    return _absolute("synclog_alert_change", alert.pk)


def _data(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.pk,
        "kind": alert.kind,
        "severity": "critical" if KINDS[alert.kind].is_grave else "warning",
        "state": alert.state,
        "connector": {"id": alert.connector_id, "name": alert.connector.name} if alert.connector else None,
        "error_class": alert.code,
        "sentence": alert.sentence,
        "what_to_do": alert.advice,
        "count": alert.count,
        "count_is_capped": alert.is_capped,
        "since": _iso(alert.since),
        "last_seen_at": _iso(alert.last_seen_at),
        "recovered_at": _iso(alert.recovered_at),
        "example": alert.example,
        "example_delivery": str(alert.example_delivery) if alert.example_delivery else None,
        "url": page(alert),
    }


def _absolute(name: str, *args: Any) -> str:
    return f"{settings.PUBLIC_URL}{reverse(f'admin:{name}', args=args)}"


def _moment(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC" if when else "-"


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None
