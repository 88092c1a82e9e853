"""Make old rollup rows coarser and drop the oldest; keep samples of the queue. Run by beat every minute.

A row that a transaction commits late is found by the next run: it makes a second row of the same key, and readers add
up. So nothing depends on when this runs, and nothing is lost or counted twice when it runs twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

from .rollup_models import QueueSample, Rollup
from .rollup_read import COUNTS, SUMS, begin

BATCHES_FOR: Final = timedelta(minutes=1)
MINUTES_FOR: Final = timedelta(minutes=75)
QUARTERS_FOR: Final = timedelta(hours=26)
KEPT_FOR: Final = timedelta(days=400)
SAMPLES_FOR: Final = timedelta(days=8)
LOCK: Final = 0x726F6C6C
"""Key of the advisory lock: one run at a time."""

_KEY = "connector_id, company_id, direction, kind, name"
_COLUMNS = f"{_KEY}, {', '.join(COUNTS)}, total_ms, histogram"
_COARSER = f"""
WITH gone AS (DELETE FROM synclog_rollup WHERE span = %s AND at < %s RETURNING *)
INSERT INTO synclog_rollup (at, span, {_COLUMNS})
SELECT date_bin(make_interval(secs => %s), at, timestamptz 'epoch'), %s, {_KEY}, {SUMS} FROM gone GROUP BY 1, {_KEY}
"""  # noqa: S608 - constants only
_COARSER_AND_LIFETIME = f"""
WITH gone AS (DELETE FROM synclog_rollup WHERE span = %s AND at < %s RETURNING *),
     before AS (DELETE FROM synclog_rollup WHERE span = %s AND EXISTS (SELECT 1 FROM gone) RETURNING *),
     lived AS (
    INSERT INTO synclog_rollup (at, span, {_COLUMNS})
    SELECT max(at), %s, {_KEY}, {SUMS} FROM (SELECT * FROM gone UNION ALL SELECT * FROM before) AS r GROUP BY {_KEY})
INSERT INTO synclog_rollup (at, span, {_COLUMNS})
SELECT date_bin(make_interval(secs => %s), at, timestamptz 'epoch'), %s, {_KEY}, {SUMS} FROM gone GROUP BY 1, {_KEY}
"""  # noqa: S608


def compact(now: datetime | None = None) -> bool:
    """Bring rows and samples to the coarseness of their age; False when another run is at it."""
    now = now or timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(_COARSER, [0, begin(now - BATCHES_FOR, 60), 60, 60])
        older: list[Any] = [60, begin(now - MINUTES_FOR, 900)]
        cursor.execute(_COARSER_AND_LIFETIME, [*older, Rollup.LIFETIME, Rollup.LIFETIME, 900, 900])
        cursor.execute(_COARSER, [900, begin(now - QUARTERS_FOR, 7200), 7200, 7200])
        Rollup.objects.filter(span=7200, at__lt=now - KEPT_FOR).delete()
        _sample(cursor, now)
        _thin_samples(now)
    return True


def _sample(cursor: Any, now: datetime) -> None:
    """Count what is open, in the one place that does: pages and alerts read the sample."""
    # Deliveries belong to a layer above, so their table and states are taken from the model that the project installs.
    deliveries = apps.get_model("events", "Delivery")._meta.db_table
    cursor.execute(
        f"""
        INSERT INTO synclog_queuesample (at, connector_id, direction, queued, waiting, oldest_at)
        SELECT %s, connector_id, COALESCE(direction, ''), count(*) FILTER (WHERE state <> 'waiting'),
               count(*) FILTER (WHERE state = 'waiting'), min(created_at) FILTER (WHERE state <> 'waiting')
        FROM {deliveries} WHERE state IN ('pending', 'in_flight', 'retrying', 'waiting')
        GROUP BY GROUPING SETS ((connector_id, direction), ())
        ON CONFLICT DO NOTHING
        """,  # noqa: S608 - the name of a table
        [begin(now, 60)],
    )


def _thin_samples(now: datetime) -> None:
    """Of those older than the minute rows, the ones on the quarter of an hour stay."""
    old = QueueSample.objects.filter(at__lt=begin(now - MINUTES_FOR, 900))
    old.exclude(at__minute__in=(0, 15, 30, 45)).delete()
    old.filter(at__lt=now - SAMPLES_FOR).delete()
