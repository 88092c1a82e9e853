"""What a settled batch adds to the figures of the dashboard."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from time import time
from uuid import UUID

from synclog.rollup_write import Tally
from synclog.rollups import EXTERNAL, FIELD_NATION

from .outcome import Outcome
from .pairs import Settled
from .states import State

OUTCOMES = {
    State.SUCCEEDED: "succeeded",
    State.SKIPPED: "skipped",
    State.PENDING: "waiting",
    State.RETRYING: "retrying",
    State.WAITING: "waiting",
    State.DEAD: "dead",
}
"""As the logs call them: what a held connector gives back waits."""
FAILED = frozenset({State.PENDING, State.RETRYING, State.WAITING, State.DEAD})


def count(results: Sequence[Settled], *, moved: Collection[UUID]) -> None:
    """Count these attempts, in the transaction that settles them. Calls were made whatever came of them; an outcome
    counts only where it became the delivery's state: those ``moved``."""
    tally = Tally()
    now = time()
    for result in results:
        work, outcome = result.work, result.outcome
        where = (work.target.id, work.target.company_id, work.delivery.direction)
        field_nation = work.target.field_nation
        base = field_nation.api_base if field_nation else ""
        for exchange in outcome.exchanges:
            status = exchange.status
            system = FIELD_NATION if base and exchange.url.startswith(base) else EXTERNAL
            tally.call(where, system, exchange.duration_ms, failed=status is None or status >= 400)
        if work.delivery.id not in moved or _is_no_attempt(outcome):
            continue
        failed_as = outcome.code if outcome.state in FAILED else ""
        tally.outcome(where, OUTCOMES[outcome.state], failed_as=failed_as)
        if outcome.state is State.SUCCEEDED:
            ended = _end_of_calls(outcome) or now
            tally.latency(where, max(0.0, (ended - work.delivery.event.received_at.timestamp()) * 1000))
    tally.write()


def _is_no_attempt(outcome: Outcome) -> bool:
    """Put off, or moved to the lane where it belongs: nothing was tried."""
    return outcome.state is State.RETRYING and not outcome.counted


def _end_of_calls(outcome: Outcome) -> float | None:
    """Unix seconds at which the last call ended; None without calls."""
    if not outcome.exchanges:
        return None
    last = outcome.exchanges[-1]
    return last.started_at.timestamp() + last.duration_ms / 1000
