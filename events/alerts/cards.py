"""Open alerts and the webhooks at Field Nation, for the dashboard."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import F

from broker_project.lib.pages import Banner, Table, label, moment, to_change, to_list
from synclog.alert_models import Alert, AlertChannel, WebhookCheck

SHOWN = 20
COLOURS = {"Open": "danger", "Acknowledged": "warning", "Recovered": "success"}
STATES = {True: ("Active", "success"), False: ("Not active", "danger"), None: ("Not known", "warning")}

User = AbstractBaseUser | AnonymousUser


def open_alerts(user: User) -> Table | None:
    """Alerts that are open or acknowledged, open ones first; None for who may not see them. One query."""
    if not _may_see(user, "alert"):
        return None
    alerts = Alert.objects.filter(recovered_at__isnull=True).order_by(
        F("acknowledged_at").asc(nulls_first=True), "-since"
    )
    rows = [
        (
            label(alert.get_state_display(), COLOURS[alert.get_state_display()]),
            to_change("synclog.alert", alert.pk, alert.sentence),
            alert.advice,
            moment(alert.since),
        )
        for alert in alerts[: SHOWN + 1]
    ]
    return Table(
        title="Open alerts",
        headers=("State", "What is wrong", "What to do", "Since"),
        rows=rows[:SHOWN],
        empty="None. The rules found nothing wrong.",
        more=to_list("synclog.alert", {}) if len(rows) > SHOWN else "",
    )


def failing_channels(user: User) -> Banner | None:
    """Said when alerts do not reach people; None when all channels work. One query."""
    if not _may_see(user, "alertchannel"):
        return None
    failing = list(AlertChannel.objects.filter(is_on=True, failing_since__isnull=False).order_by("failing_since"))
    if not failing:
        return None
    first = failing[0]
    others = len(failing) - 1
    more = f" {others} other channel{'s fail' if others > 1 else ' fails'} too." if others else ""
    sentence = f"“{first.name}” could not send since {first.failing_since:%Y-%m-%d %H:%M} UTC: {first.failure}{more}"
    return Banner("Not sent", "danger", sentence)


def webhooks_table(user: User) -> Table | None:
    """What Field Nation said of each company's webhooks, those that are not active first; None for who may not see
    it, or when nothing was asked yet. One query."""
    if not _may_see(user, "webhookcheck"):
        return None
    checks = WebhookCheck.objects.select_related("company").only("is_active", "sentence", "checked_at", "company__name")
    found = list(checks.order_by(F("is_active").asc(nulls_first=True), "company__name")[: SHOWN + 1])
    if not found:
        return None
    rows = [
        (
            to_change("synclog.webhookcheck", check.pk, check.company.name),
            label(*STATES[check.is_active]),
            check.sentence,
            moment(check.checked_at),
        )
        for check in found[:SHOWN]
    ]
    return Table(
        title="Webhooks at Field Nation",
        headers=("Company", "State", "", "Asked"),
        rows=rows,
        more=to_list("synclog.webhookcheck", {}) if len(found) > SHOWN else "",
    )


def _may_see(user: User, model: str) -> bool:
    return any(user.has_perm(f"synclog.{act}_{model}") for act in ("view", "change"))  # type: ignore[union-attr]
