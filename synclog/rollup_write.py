"""Counts what a batch did and writes it down, in the transaction that did it: figures are exact after a crash."""

from __future__ import annotations

from typing import Final

from django.db import connection

from broker_project.lib import fast_json

from .histogram import BUCKETS, bucket_of
from .rollup_models import Rollup
from .rollup_read import COUNTS

Where = tuple[int | None, int | None, str]
"""Connector id, company id and direction."""
_Key = tuple[Where, str, str]
"""Where, kind and name."""

DELIVERIES: Final = Rollup.Kind.DELIVERIES.value
CALLS: Final = Rollup.Kind.CALLS.value
ERRORS: Final = Rollup.Kind.ERRORS.value


class Tally:
    """Figures of one batch; ``write`` stores them. It is in the workers' way, so it makes little ado."""

    def __init__(self) -> None:
        self._counts: dict[_Key, dict[str, int]] = {}
        self._times: dict[_Key, tuple[list[int], list[float]]] = {}

    def received(self, where: Where, count: int) -> None:
        """Events that came in for this connector alone, each with its delivery or its reason for none."""
        self._add((where, DELIVERIES, ""), "received", count)

    def duplicates(self, where: Where, count: int) -> None:
        """Events that came in again, or that one before them makes needless."""
        self._add((where, DELIVERIES, ""), "duplicates", count)

    def routed(self, where: Where, count: int) -> None:
        """Events that this connector got a delivery for."""
        self._add((where, DELIVERIES, ""), "routed", count)

    def outcome(self, where: Where, outcome: str, *, failed_as: str = "") -> None:
        """One attempt that ended so; ``failed_as`` is the class of its error, if it failed."""
        self._add((where, DELIVERIES, ""), outcome, 1)
        if failed_as:
            self._add((where, ERRORS, failed_as), "count", 1)

    def latency(self, where: Where, milliseconds: float) -> None:
        """How long a delivery took that succeeded, from the receipt of its event."""
        self._time((where, DELIVERIES, ""), milliseconds)

    def call(self, where: Where, system: str, milliseconds: float, *, failed: bool) -> None:
        """One API call to ``system``: rollups.EXTERNAL or FIELD_NATION."""
        key = (where, CALLS, system)
        self._add(key, "count", 1)
        self._time(key, milliseconds)
        if failed:
            self._add(key, "failed", 1)

    def _add(self, key: _Key, name: str, count: int) -> None:
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = {}
        counts[name] = counts.get(name, 0) + count

    def _time(self, key: _Key, milliseconds: float) -> None:
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = ([0] * BUCKETS, [0.0])
            self._counts.setdefault(key, {})
        times[0][bucket_of(milliseconds)] += 1
        times[1][0] += milliseconds

    def write(self) -> None:
        """Store it, inside the caller's transaction: one statement, none when nothing was counted."""
        if not self._counts:
            return
        rows = []
        for key, counts in self._counts.items():
            histogram, total = self._times.get(key, ((), (0.0,)))
            (connector_id, company_id, direction), kind, name = key
            row = {"connector_id": connector_id, "company_id": company_id, "direction": direction, "kind": kind}
            rows.append({**row, "name": name, **_NOTHING, **counts, "histogram": histogram, "total_ms": total[0]})
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [fast_json.dumps(rows)])


_NOTHING: Final = dict.fromkeys(COUNTS, 0)
_WRITE = f"""
INSERT INTO synclog_rollup (at, span, connector_id, company_id, direction, kind, name, {", ".join(COUNTS)}, total_ms,
                            histogram)
SELECT statement_timestamp(), 0, r.* FROM jsonb_to_recordset(%s::jsonb) AS r(
    connector_id bigint, company_id bigint, direction text, kind text, name text,
    {", ".join(f"{name} bigint" for name in COUNTS)}, total_ms float8, histogram bigint[])
"""  # noqa: S608 - constants only
