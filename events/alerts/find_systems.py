"""What is wrong around deliveries: credentials, systems, error rates, silence, workers, webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from django.utils.timezone import localdate

from connectors import expiry
from connectors.models import Company, Connector, ConnectorState
from synclog import rollups
from synclog.alert_models import AlertRule, WebhookCheck
from synclog.worker_models import Worker

from .findings import Finding, Look
from .kinds import KINDS, Kind
from .rules import Rules

Names = Mapping[int, Connector]


def find(look: Look, rules: Rules, names: Names, now: datetime, *, alone: bool = False) -> None:
    """Add what states, rollups, heartbeats and webhook checks tell; the queries depend on the rules alone.

    ``alone``: the caller knows that no worker gave a sign of life for long enough.
    """
    states = [state for state in _states() if state.connector_id in names]
    look.findings += _refused(states, names)
    look.findings += _down(states, rules, names, now)
    look.findings += _failing(rules, names, now)
    look.findings += _silent(rules, names, now)
    look.findings += _expiring(rules, names, localdate(now))
    if rules.of(Kind.WORKER_MISSING).is_on:
        look.findings += _workers(rules.of(Kind.WORKER_MISSING), now, alone=alone)
    if rules.of(Kind.WEBHOOK_INACTIVE).is_on:
        look.findings += _webhooks()


def _states() -> Iterable[ConnectorState]:
    held, closed = ConnectorState.objects.filter(held_at__isnull=False), ConnectorState.Breaker.CLOSED
    return held | ConnectorState.objects.exclude(breaker=closed)


def _refused(states: Iterable[ConnectorState], names: Names) -> Iterator[Finding]:
    for state in states:
        if state.held_at:
            yield Finding(
                kind=Kind.AUTH_FAILURE,
                connector_id=state.connector_id,
                code=state.held_code,
                sentence=f"{names[state.connector_id].name} is held: nothing is sent until a person resumes it.",
                advice=KINDS[Kind.AUTH_FAILURE].advice,
                example=state.held_sentence,
                since=state.held_at,
            )


def _down(states: Iterable[ConnectorState], rules: Rules, names: Names, now: datetime) -> Iterator[Finding]:
    for state in states:
        minutes = rules.of(Kind.BREAKER_OPEN, state.connector_id).minutes or 0
        since = state.opened_at or now
        if state.breaker != ConnectorState.Breaker.CLOSED and now - since >= timedelta(minutes=minutes):
            yield Finding(
                kind=Kind.BREAKER_OPEN,
                connector_id=state.connector_id,
                sentence=f"{names[state.connector_id].name} does not answer; deliveries wait until it does.",
                advice=KINDS[Kind.BREAKER_OPEN].advice,
                example=state.failure,
                since=since,
            )


def _failing(rules: Rules, names: Names, now: datetime) -> Iterator[Finding]:
    figures = {
        minutes: rollups.by_connector(now - timedelta(minutes=minutes))
        for minutes in sorted({rule.minutes or 0 for rule in rules.own(Kind.ERROR_RATE) if rule.is_on})
    }
    for id, connector in names.items():
        rule = rules.of(Kind.ERROR_RATE, id)
        totals = figures.get(rule.minutes or 0, {}).get(id)
        if not rule.is_on or totals is None or totals.attempts < (rule.minimum or 1):
            continue
        share = (totals.error_rate or 0.0) * 100
        if share <= (rule.limit or 0.0):
            continue
        errors = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in [*totals.errors.items()][:3])
        yield Finding(
            kind=Kind.ERROR_RATE,
            connector_id=id,
            count=totals.failures,
            sentence=f"{share:.0f} % of {totals.attempts:,} attempts of {connector.name} failed within "
            f"{rule.minutes} minutes; {rule.limit:g} % are allowed.",
            advice=KINDS[Kind.ERROR_RATE].advice,
            example=f"Most frequent: {errors}." if errors else "",
        )


def _silent(rules: Rules, names: Names, now: datetime) -> Iterator[Finding]:
    on = [rule for rule in rules.own(Kind.NO_EVENTS) if rule.is_on]
    heard = {
        hours: rollups.by_connector(now - timedelta(hours=hours)) for hours in sorted({rule.limit or 24 for rule in on})
    }
    for id, connector in names.items():
        rule = rules.of(Kind.NO_EVENTS, id)
        if not rule.is_on or connector.status != Connector.Status.ACTIVE:
            continue
        hours = rule.limit or 24
        totals = heard[hours].get(id)
        if (totals is None or not totals.received) and connector.created_at < now - timedelta(hours=hours):
            yield Finding(
                kind=Kind.NO_EVENTS,
                connector_id=id,
                sentence=f"No event came for {connector.name} within the last {hours:g} hours.",
                advice=KINDS[Kind.NO_EVENTS].advice,
            )


def _expiring(rules: Rules, names: Names, today: date) -> Iterator[Finding]:
    """Of what is in use; a company goes by the installation's rule. The day itself is still good."""
    for id, connector in names.items():
        last, rule = connector.credentials_expire_on, rules.of(Kind.CREDENTIALS_EXPIRING, id)
        in_use = connector.status != Connector.Status.DISABLED and connector.company.is_active
        if last and in_use and expiry.is_near(last, today, days=rule.limit or 0):
            yield _near(last, today, connector.name, connector_id=id)
    rule = rules.of(Kind.CREDENTIALS_EXPIRING)
    if not rule.is_on:
        return
    for company in Company.objects.filter(is_active=True, credentials_expire_on__isnull=False).order_by("pk"):
        last = company.credentials_expire_on
        if last and expiry.is_near(last, today, days=rule.limit or 0):
            yield _near(last, today, f"{company.name} at Field Nation", place=f"company {company.pk}")


def _near(last: date, today: date, whose: str, *, connector_id: int | None = None, place: str = "") -> Finding:
    """``mark`` grows once when the day has passed, so that people are reminded then."""
    return Finding(
        kind=Kind.CREDENTIALS_EXPIRING,
        connector_id=connector_id,
        place=place,
        mark=int(expiry.days_left(last, today) < 0),
        sentence=f"The credentials of {whose} {expiry.told(last, today)}.",
        advice=KINDS[Kind.CREDENTIALS_EXPIRING].advice,
    )


def _workers(rule: AlertRule, now: datetime, *, alone: bool) -> Iterator[Finding]:
    """A worker that stops in order takes its row along, so a row that grows old is one that died.

    One that began to live afterwards stands in for one that died: a supervisor started it again.
    """
    silent_after = now - timedelta(minutes=rule.minutes or 1)
    workers = list(Worker.objects.filter(kind=Worker.Kind.WORKER).order_by("seen_at", "name"))
    silent = [worker for worker in workers if worker.seen_at < silent_after]
    living = sorted(worker.started_at for worker in workers if worker.seen_at >= silent_after)
    if not living and (workers or alone):
        last = f" The last sign of life came at {workers[-1].seen_at:%Y-%m-%d %H:%M} UTC." if workers else ""
        since = workers[-1].seen_at if workers else None
        yield _missing(f"No worker is alive, so nothing is sent; events are kept.{last}", len(silent), since)
        return
    missing = _not_replaced(silent, living)
    if missing:
        one = len(missing) == 1
        names = ", ".join(worker.name for worker in missing[:3]) + (" and others" if len(missing) > 3 else "")
        said = f"{names} {'gives' if one else 'give'} no sign of life since {missing[0].seen_at:%Y-%m-%d %H:%M} UTC."
        yield _missing(
            f"{'A worker is' if one else f'{len(missing)} workers are'} missing: {said}",
            len(missing),
            missing[0].seen_at,
        )


def _not_replaced(silent: Sequence[Worker], living: Sequence[datetime]) -> list[Worker]:
    """Those for which no other one started after their last sign of life. Both are sorted by time."""
    missing, starts = [], list(living)
    for worker in silent:
        after = next((start for start in starts if start > worker.seen_at), None)
        if after is None:
            missing.append(worker)
        else:
            starts.remove(after)
    return missing


def _missing(sentence: str, count: int, since: datetime | None) -> Finding:
    advice = KINDS[Kind.WORKER_MISSING].advice
    return Finding(kind=Kind.WORKER_MISSING, sentence=sentence, advice=advice, count=max(count, 1), since=since)


def _webhooks() -> Iterator[Finding]:
    checks = WebhookCheck.objects.filter(is_active=False, company__is_active=True).select_related("company")
    for check in checks:
        yield Finding(
            kind=Kind.WEBHOOK_INACTIVE,
            place=f"company {check.company_id}",
            sentence=f"No event comes by webhook for {check.company.name}: {check.sentence}",
            advice=KINDS[Kind.WEBHOOK_INACTIVE].advice,
        )
