"""Add rollup rows up to coarser ones and drop the oldest; keep samples of the queue. Run by beat every minute.

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
_GONE = "DELETE FROM synclog_rollup WHERE span = %s AND at < %s RETURNING *"
_ROLLED = "UPDATE synclog_rollup SET rolled = true WHERE span = %s AND at < %s AND NOT rolled AND span > 0 RETURNING *"
_COARSER = f"""
INSERT INTO synclog_rollup (at, span, {_COLUMNS})
SELECT date_bin(make_interval(secs => %s), at, timestamptz 'epoch'), %s, {_KEY}, {SUMS} FROM taken GROUP BY 1, {_KEY}
"""  # noqa: S608 - constants only, here and below
_MINUTES = f"WITH taken AS ({_GONE}) {_COARSER}"
_QUARTERS = f"""
WITH taken AS ({_ROLLED}),
     before AS (DELETE FROM synclog_rollup WHERE span = %s AND EXISTS (SELECT 1 FROM taken) RETURNING *),
     lived AS (
    INSERT INTO synclog_rollup (at, span, {_COLUMNS})
    SELECT max(at), %s, {_KEY}, {SUMS} FROM (SELECT * FROM taken UNION ALL SELECT * FROM before) AS r GROUP BY {_KEY})
{_COARSER}
"""  # noqa: S608
_TWO_HOURS = f"WITH taken AS ({_ROLLED}) {_COARSER}"


def compact(now: datetime | None = None) -> bool:
    """Add up what is complete, drop what is old; False when another run is at it."""
    now = now or timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(_MINUTES, [0, begin(now - BATCHES_FOR, 60), 60, 60])
        cursor.execute(_QUARTERS, [60, begin(now - BATCHES_FOR, 900), Rollup.LIFETIME, Rollup.LIFETIME, 900, 900])
        cursor.execute(_TWO_HOURS, [900, begin(now - BATCHES_FOR, 7200), 7200, 7200])
        Rollup.objects.filter(span=60, rolled=True, at__lt=begin(now - MINUTES_FOR, 900)).delete()
        Rollup.objects.filter(span=900, rolled=True, at__lt=begin(now - QUARTERS_FOR, 7200)).delete()
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
