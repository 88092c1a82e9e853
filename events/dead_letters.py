"""The dead-letter desk: dead and waiting deliveries, grouped by what caused them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Max, Min
from django.db.models.functions import MD5

from .models import Delivery
from .selection import ATTENTION, NO_REASON, Selection, normalised
from .states import State

READ: Final = 5_000
"""Newest deliveries of each of the two states that are read; more are not grouped."""

ADVICE: Final[Mapping[str, str]] = {
    "validation": "The system refused the values. Correct the field mapping, or edit the payload of one, then retry.",
    "rejected": "The system refused the record. Look at the last call of the example, correct the cause, then retry.",
    "not_found": "The record does not exist there. Correct its record link, or discard.",
    "conflict": "The record is in a state that forbids the change. Change it there, then retry.",
    "transformation": "A mapping or script failed. Correct it on the Field Mappings page, then retry.",
    "rate_limited": "The system asked for fewer calls. Lower the connector's calls per minute, then retry at a pace.",
    "unavailable": "The system did not serve the call. Retry when it is up again.",
    "not_sent": "The system was not reached. Check its address and the network, then retry.",
    "outcome_unknown": "A write may have happened. Look in the other system, then decide on each delivery's page.",
    "waiting_outcome_unknown": "A write may have happened. Look in the other system, then decide on each delivery's "
    "page.",
    "waiting_auth": "Credentials or rights were refused. Correct them, test the connection, then retry.",
    "waiting_configuration": "A setting is missing or cannot work. Correct it on the connector's page, then retry.",
    "waiting_conflict": "Both sides changed a field. Open each delivery and choose a side for its fields.",
    "waiting_loop": "The record went back and forth between the systems. Find out which rule changes it, then retry.",
    "waiting_bug": "The broker itself failed. Report the traceback in the log of the example, then retry.",
}
OTHERWISE: Final = "Look at the example, correct the cause, then retry or discard."


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Deliveries that failed alike. ``sentence`` is said without numbers, ids and quoted text."""

    selection: Selection
    connector: str
    state: str
    reason: str
    sentence: str
    count: int
    oldest: datetime
    newest: datetime
    example: Delivery | None

    @property
    def reason_words(self) -> str:
        return self.reason.replace("_", " ")

    @property
    def advice(self) -> str:
        return ADVICE.get(self.reason, OTHERWISE)

    @property
    def can_retry(self) -> bool:
        """Whether a retry of all could do anything: what needs a decision is decided one by one."""
        return self.reason not in ("waiting_outcome_unknown", "waiting_conflict")


@dataclass(frozen=True)
class Desk:
    """``is_capped``: there are more than were read."""

    causes: list[Cause]
    is_capped: bool


def desk(*, connector_id: int | None = None) -> Desk:
    """The causes, the most frequent first; three queries, however many there are."""
    rows = [row for state in ATTENTION for row in _grouped(state, connector_id)]
    found = Delivery.objects.filter(seq__in=[row["newest_seq"] for row in rows], state__in=ATTENTION)
    examples = {delivery.seq: delivery for delivery in found.defer("note", "conflict")}
    rows.sort(key=lambda row: (-row["count"], -row["newest_seq"]))
    read = Counter[str]()
    for row in rows:
        read[row["state"]] += row["count"]
    causes = [_cause(row, examples.get(row["newest_seq"])) for row in rows]
    return Desk(causes, is_capped=any(count >= READ for count in read.values()))


def _grouped(state: State, connector_id: int | None) -> Iterable[dict[str, Any]]:
    newest = Delivery.objects.filter(state=state).order_by("-seq")  # in the order of the partial index
    if connector_id:
        newest = newest.filter(connector_id=connector_id)
    rows: Any = Delivery.objects.filter(pk__in=newest.values("pk")[:READ]).order_by()
    found: Iterable[dict[str, Any]] = rows.values(
        "connector_id", "connector__name", "state", "reason", said=normalised()
    ).annotate(
        count=Count("pk"),
        oldest=Min("created_at"),
        newest=Max("created_at"),
        newest_seq=Max("seq"),
        cause=MD5("said"),
    )
    return found


def _cause(row: Mapping[str, Any], example: Delivery | None) -> Cause:
    return Cause(
        selection=Selection(
            state=row["state"],
            connector_id=row["connector_id"],
            reason=row["reason"] or NO_REASON,
            cause=row["cause"],
        ),
        connector=row["connector__name"],
        state=State(row["state"]).label,
        reason=row["reason"],
        sentence=row["said"],
        count=row["count"],
        oldest=row["oldest"],
        newest=row["newest"],
        example=example,
    )
