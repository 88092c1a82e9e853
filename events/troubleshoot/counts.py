"""How many deliveries carry a code right now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import connection

from broker_project.lib.pages import to_list
from events.states import OPEN

LOOKED_AT: Final = 5_000
"""Newest deliveries of each group that are looked through: given up, waiting, and open."""


@dataclass(frozen=True)
class Now:
    """``is_capped``: there are more deliveries than were looked through."""

    count: int
    is_capped: bool
    address: str

    @property
    def text(self) -> str:
        number = f"{self.count:,}" if self.count else "No"
        more = f" among the newest {LOOKED_AT:,}" if self.is_capped else ""
        return f"{number} {'delivery' if self.count == 1 else 'deliveries'} now{more}"


# Each part ends early in the order of a partial index. The states stand in the text, so that the plan can use it.
_COUNT: Final = f"""
WITH seen AS (
    (SELECT connector_id, reason FROM events_delivery WHERE state = 'dead' ORDER BY seq DESC LIMIT %(most)s)
    UNION ALL
    (SELECT connector_id, reason FROM events_delivery WHERE state = 'waiting' ORDER BY seq DESC LIMIT %(most)s)
    UNION ALL
    (SELECT connector_id, reason FROM (
        SELECT connector_id, reason, state FROM events_delivery
        WHERE state IN ({", ".join(repr(state.value) for state in OPEN)}) LIMIT %(most)s
    ) AS open WHERE state <> 'waiting')
)
SELECT count(*) FILTER (WHERE reason = %(code)s AND (%(connector)s::bigint IS NULL OR connector_id = %(connector)s)),
       count(*) >= %(most)s
FROM seen
"""  # noqa: S608 - the states are constants


def now_with(code: str, *, connector_id: int | None = None) -> Now:
    """Unfinished and given-up deliveries with this reason; one query that reads a bounded number of rows."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"most": LOOKED_AT, "code": code, "connector": connector_id})
        count, is_capped = cursor.fetchone()
    filters = {"reason": code, **({"connector__id__exact": connector_id} if connector_id is not None else {})}
    return Now(count, is_capped, to_list("events.delivery", filters))
