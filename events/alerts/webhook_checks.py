"""Asks Field Nation once an hour whether the webhooks that bring events here are active."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from time import monotonic
from typing import Any, Final

from django.utils import timezone

from broker_project.lib.errors import BrokerError
from connectors.access import caller
from connectors.fieldnation.webhook_logs import Hook, WebhooksApi
from connectors.models import Company
from connectors.tokens import tokens_for
from events.catch_up import is_ours
from synclog.alert_models import WebhookCheck

EVERY: Final = timedelta(hours=1)


def check_due(*, seconds: float = 5.0) -> int:
    """Check companies whose turn has come, for about so long; give how many were checked."""
    until, done = monotonic() + seconds, 0
    for company in due():
        if monotonic() >= until:
            break
        check(company)
        done += 1
    return done


def due() -> Sequence[Company]:
    """Active companies with a connector that were not checked for an hour."""
    companies = Company.objects.filter(is_active=True, connectors__isnull=False).exclude(
        webhook_check__checked_at__gt=timezone.now() - EVERY
    )
    return list(companies.distinct().order_by("pk"))


def check(company: Company) -> WebhookCheck:
    """Ask now and keep the answer. When Field Nation does not tell, what it told before stays."""
    before = WebhookCheck.objects.filter(pk=company.pk).first()
    kept: dict[str, Any] = {"is_active": before.is_active, "webhooks": before.webhooks} if before else {}
    try:
        hooks = [hook for hook in _hooks(company) if is_ours(hook, company)]
        found = told(hooks, known=before.webhooks if before else [])
    except BrokerError as error:
        found = {**kept, "sentence": f"Field Nation could not be asked for the webhooks: {error.sentence}"[:500]}
    row, _ = WebhookCheck.objects.update_or_create(company=company, defaults={**found, "checked_at": timezone.now()})
    return row


def told(hooks: Sequence[Hook], *, known: Sequence[dict[str, str]]) -> dict[str, Any]:
    """What the webhooks that lead here mean; ``known`` are those of the check before. Pure.

    A company may send its events by other ways, so having no webhook is no fault, but losing one is.
    """
    rows = [{"id": hook.webhook_id, "status": hook.status} for hook in hooks]
    if any(hook.is_active for hook in hooks):
        others = [row["id"] for row in rows if row["status"] != "active"]
        more = f" Not active: {', '.join(others)}." if others else ""
        return {"is_active": True, "webhooks": rows, "sentence": f"A webhook that leads here is active.{more}"}
    if rows:
        said = ", ".join(f"webhook {row['id']} is {row['status']}" for row in rows)
        return {"is_active": False, "webhooks": rows, "sentence": f"{said}."[:500]}
    if known:
        gone = [{**row, "status": "gone"} for row in known]
        said = ", ".join(row["id"] for row in gone)
        return {"is_active": False, "webhooks": gone, "sentence": f"webhook {said} is not there any more."[:500]}
    return {"is_active": None, "webhooks": [], "sentence": "Field Nation has no webhook that leads here."}


def _hooks(company: Company) -> Sequence[Hook]:
    credentials = company.credentials()
    through = caller(credentials=credentials)
    return WebhooksApi(credentials, through, tokens_for(f"company:{company.pk}", asdict(credentials))).hooks()
