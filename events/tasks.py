"""Celery tasks: each makes one domain call, takes no payload and is safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.db import close_old_connections

from synclog import refused

from . import deliver as delivery
from . import jobs, retention, shutdown
from .alerts import lookout
from .lanes import any_due
from .nudge import nudge, nudge_jobs


@shared_task(name="events.tasks.deliver")
def deliver() -> None:
    """There is work: deliver what is due. A run is bounded; what is left is taken up by another one at once."""
    close_old_connections()
    delivery.deliver_due(seconds=20.0, stop=shutdown.is_requested)
    if any_due():
        nudge()


@shared_task(name="events.tasks.sweep")
def sweep() -> None:
    """Wake the workers when a retry came due, a lease ran out or a hint was lost."""
    close_old_connections()
    if any_due():
        nudge()


@shared_task(name="events.tasks.run_jobs")
def run_jobs() -> None:
    """Do steps of due jobs for a moment only, so that deliveries get their turn; what is left is taken up at once."""
    close_old_connections()
    jobs.run_due(seconds=2.0)
    if jobs.any_due():
        nudge_jobs()


@shared_task(name="events.tasks.watch")
def watch() -> None:
    """Evaluate the alert rules, send what people are to be told, and look after webhooks once an hour."""
    close_old_connections()
    lookout.go_round()


@shared_task(name="events.tasks.prune")
def prune() -> None:
    """Remove what is older than the rules of retention allow, for a few seconds; the next run goes on from there."""
    close_old_connections()
    retention.prune(seconds=8.0)
    refused.prune()
