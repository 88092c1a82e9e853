"""When each event came last for a company, and how often in the last days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import timezone
from django.utils.timesince import timesince

DAYS: Final = 7
LOOKED_AT: Final = 10_000
"""Events of the installation that are looked at, newest first. The table has no index by company and type, which every
accepted event would pay for; the index by time and this bound keep the query quick, whatever came in."""


@dataclass(frozen=True)
class Came:
    """``at_least``: there were more events in these days than were looked at."""

    last: datetime
    times: int
    at_least: bool = False

    @property
    def ago(self) -> str:
        """How long ago the last one came, in words."""
        now = timezone.now()
        return "just now" if now - self.last < timedelta(minutes=1) else f"{timesince(self.last, now)} ago"


def traffic(company_id: int, *, now: datetime) -> dict[str, Came]:
    """By constant; an event that did not come in these days is left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH newest AS MATERIALIZED (
                SELECT company_id, kind, event_type, received_at FROM events_event
                WHERE received_at > %(since)s ORDER BY received_at DESC LIMIT %(most)s
            )
            SELECT event_type, max(received_at), count(*), (SELECT count(*) FROM newest) >= %(most)s
            FROM newest WHERE company_id = %(company)s AND kind = 'work_order' GROUP BY event_type
            """,
            {"since": now - timedelta(days=DAYS), "most": LOOKED_AT, "company": company_id},
        )
        return {constant: Came(last, times, cut) for constant, last, times, cut in cursor.fetchall()}
