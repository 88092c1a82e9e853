"""One look at everything that is watched: alerts open, go on and end, and messages about it are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from connectors.models import Connector
from synclog.alert_models import Alert, AlertMessage

from . import find_deliveries, find_systems, machine, outbox, rules
from .findings import Finding, Look
from .machine import Standing, Tell
from .rules import Rules, quiet

NOTES_KEPT: Final = 100
_LOCK: Final = 0x616C6572  # "aler": two looks at once would both open what they find
KEEP_ALERTS, KEEP_MESSAGES = timedelta(days=365), timedelta(days=90)
_PRUNED_AT_ONCE = 500


def look(*, now: datetime | None = None, alone: bool = False) -> bool:
    """Evaluate all rules; False when another process is doing so. Sends nothing: see ``outbox.send_due``.

    ``alone``: no worker gave a sign of life for as long as the rule about workers says.
    """
    now = now or timezone.now()
    with transaction.atomic():
        if not _lock():
            return False
        held = rules.load()
        names = {connector.pk: connector for connector in Connector.objects.select_related("company").order_by("pk")}
        found = Look()
        find_deliveries.find(found, held, names, now)
        find_systems.find(found, held, names, now, alone=alone)
        changes = _take_in(found, held, now)
        for alert, _ in changes:
            alert.connector = names.get(alert.connector_id) if alert.connector_id else None
        outbox.write(changes)
        _prune(now)
    return True


def acknowledge(alert: Alert, *, user: str) -> bool:
    """A person is at it: no reminders until it ends. False when it is not open any more."""
    with transaction.atomic():
        row = Alert.objects.select_for_update().get(pk=alert.pk)
        after = machine.acknowledged(_standing(row))
        if after.state == row.state:
            return False
        row.state, row.acknowledged_at, row.acknowledged_by = after.state, timezone.now(), user
        _note(row, row.acknowledged_at, f"Acknowledged by {user}.")
        row.save(update_fields=["state", "acknowledged_at", "acknowledged_by", "timeline"])
    return True


def _lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _take_in(found: Look, held: Rules, now: datetime) -> list[tuple[Alert, Tell]]:
    """Bring the alerts to what was found; give those that people are to be told of."""
    findings = {one.cause: one for one in found.findings if held.of(one.kind, one.connector_id).is_on}
    # Rows are locked, so that a person who acknowledges at this moment is not overwritten.
    standing = {alert.cause: alert for alert in Alert.objects.select_for_update().filter(recovered_at__isnull=True)}
    ended = _recently_ended(findings.keys() - standing.keys(), held, now)
    before = {alert.pk: _kept(alert) for alert in (*standing.values(), *ended.values())}
    changes: list[tuple[Alert, Tell]] = []
    new: list[Alert] = []
    for cause, finding in findings.items():
        alert = standing.get(cause) or ended.get(cause) or Alert(cause=cause)
        tell = _found(alert, finding, held, now)
        if alert.pk is None:
            new.append(alert)
        if tell:
            changes.append((alert, tell))
    over = [alert for cause, alert in standing.items() if cause not in findings]
    for alert in over:
        if alert.kind in found.unsure and held.of(alert.kind, alert.connector_id).is_on:
            continue
        tell = _gone(alert, held, now)
        if tell:
            changes.append((alert, tell))
    Alert.objects.bulk_create(new)
    _store([*standing.values(), *ended.values()], before, now)
    return changes


def _recently_ended(causes: Iterable[str], held: Rules, now: datetime) -> dict[str, Alert]:
    """The last alert of each of these causes that ended within the longest quiet period: it would be the same one."""
    longest = max((quiet(rule) for rule in held.by_place.values()), default=timedelta())
    rows = Alert.objects.select_for_update().filter(
        cause__in=list(causes), recovered_at__isnull=False, told_at__gt=now - longest
    )
    found: dict[str, Alert] = {}
    for alert in rows.order_by("told_at", "pk"):
        if now < (alert.told_at or now) + quiet(held.of(alert.kind, alert.connector_id)):
            found[alert.cause] = alert
    return found


def _found(alert: Alert, finding: Finding, held: Rules, now: datetime) -> Tell | None:
    is_new, was_over = alert.pk is None, alert.state == machine.RECOVERED
    after, tell = machine.found(
        None if is_new else _standing(alert),
        mark=finding.mark,
        quiet=quiet(held.of(finding.kind, finding.connector_id)),
        now=now,
    )
    if is_new or was_over:
        alert.since = finding.since or now
        alert.recovered_at = alert.acknowledged_at = None
        alert.acknowledged_by = ""
        _note(alert, now, f"{'Came back' if was_over else 'Opened'}: {finding.sentence}")
    elif tell is Tell.REMINDER:
        _note(alert, now, f"Goes on: {finding.sentence}")
    alert.kind, alert.connector_id, alert.code = finding.kind, finding.connector_id, finding.code[:60]
    alert.sentence, alert.advice = finding.sentence[:1000], finding.advice[:1000]
    alert.example, alert.example_delivery = finding.example[:1000], finding.example_delivery
    alert.count, alert.is_capped, alert.mark = finding.count, finding.is_capped, finding.mark
    alert.last_seen_at = now
    _set(alert, after)
    return tell


def _gone(alert: Alert, held: Rules, now: datetime) -> Tell | None:
    after, tell = machine.gone(_standing(alert))
    alert.recovered_at = now
    _set(alert, after)
    if not held.of(alert.kind, alert.connector_id).is_on:
        _note(alert, now, "Ended: the rule was switched off.")
        return None
    _note(alert, now, "Recovered.")
    return tell


def _standing(alert: Alert) -> Standing:
    return Standing(state=alert.state, told_at=alert.told_at, told_mark=alert.told_mark, is_told=alert.is_told)


def _set(alert: Alert, standing: Standing) -> None:
    alert.state, alert.told_at = standing.state, standing.told_at
    alert.told_mark, alert.is_told = standing.told_mark, standing.is_told


def _note(alert: Alert, at: datetime, said: str) -> None:
    alert.timeline = [*alert.timeline, {"at": at.isoformat(), "said": said[:500]}][-NOTES_KEPT:]


_STORED = (
    "kind", "connector_id", "code", "state", "sentence", "advice", "count", "is_capped", "example", "example_delivery",
    "since", "last_seen_at", "recovered_at", "acknowledged_at", "acknowledged_by", "mark", "told_at", "told_mark",
    "is_told", "timeline",
)  # fmt: skip


def _kept(alert: Alert) -> tuple[object, ...]:
    return tuple(getattr(alert, name) for name in _STORED if name != "last_seen_at")


def _store(alerts: Sequence[Alert], before: Mapping[int, tuple[object, ...]], now: datetime) -> None:
    """Write what changed, whole, in one statement; of the others only that they were seen."""
    changed = [alert for alert in alerts if before[alert.pk] != _kept(alert)]
    seen = [alert.pk for alert in alerts if before[alert.pk] == _kept(alert) and alert.last_seen_at == now]
    if changed:  # the rows are there and locked; far cheaper than bulk_update with so many columns
        Alert.objects.bulk_create(changed, update_conflicts=True, unique_fields=["id"], update_fields=_STORED)
    if seen:
        Alert.objects.filter(pk__in=seen).update(last_seen_at=now)


def _prune(now: datetime) -> None:
    """Remove what is long over, a few rows at a time."""
    old = AlertMessage.objects.filter(created_at__lt=now - KEEP_MESSAGES).order_by("created_at")
    AlertMessage.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:_PRUNED_AT_ONCE])).delete()
    over = Alert.objects.filter(recovered_at__lt=now - KEEP_ALERTS).order_by("recovered_at")
    Alert.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:_PRUNED_AT_ONCE])).delete()
