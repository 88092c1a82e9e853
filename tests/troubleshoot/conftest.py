"""The world of the flows, an operator's browser, and a worker that is alive."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from synclog.worker_models import Worker
from tests.admin.conftest import browser, operator
from tests.flows.conftest import world

__all__ = ["browser", "operator", "worker", "world"]


@pytest.fixture
def worker(db: Any) -> Worker:
    """The heartbeat of one worker."""
    now = timezone.now()
    return Worker.objects.create(
        name="worker on test, process 1", kind=Worker.Kind.WORKER, host="test", pid=1, version="0", started_at=now,
        seen_at=now, concurrency=2,
    )  # fmt: skip
