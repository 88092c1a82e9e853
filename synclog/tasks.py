"""Celery tasks: each makes one domain call, takes no payload and is safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.db import close_old_connections

from . import rollup_compact


@shared_task(name="synclog.tasks.compact")
def compact() -> None:
    """Make old figures coarser, and take a sample of the queue."""
    close_old_connections()
    rollup_compact.compact()
