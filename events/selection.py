"""Which waiting and dead deliveries are meant: the filter of a list or a group of the desk, as plain values.

The cause of a delivery is its sentence without what differs from record to record, so that a thousand failures of one
kind are one line. It is worked out by PostgreSQL alone: the desk, the list and a job mean the same rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from django.db.models import CharField, F, Func, QuerySet, Value
from django.db.models.functions import MD5

from .models import Delivery
from .states import State

ATTENTION: Final = (State.DEAD, State.WAITING)

QUERY_NAMES: Final[Mapping[str, str]] = {
    "state__exact": "state",
    "connector__id__exact": "connector_id",
    "direction__exact": "direction",
    "reason": "reason",
    "cause": "cause",
}
"""Parameters of the list's address, by name of ours."""

NO_REASON: Final = "-"
"""Stands for an empty reason where an empty text means any."""

_NO_FILTER: Final = frozenset({"p", "o", "e", "all", "_popup", "_to_field", "_changelist_filters"})
"""Parameters that leave the rows of the list as they are."""

_DIFFERS: Final = (
    (r"“[^”]*”|\"[^\"]*\"|(?<![[:alnum:]])'[^']+'(?![[:alnum:]])", "“…”"),  # what is quoted
    (r"[[:alnum:]_./:@#?=&%-]*[0-9]([[:alnum:]_./:@#?=&%-]*[[:alnum:]_/])?", "…"),  # numbers, ids, addresses
    (r"“…”(, “…”)+", "“…”"),  # a list of quoted names
)


class _Replace(Func):
    function = "regexp_replace"
    output_field = CharField()


def normalised() -> Func | F:
    """The sentence of a delivery without numbers, ids and quoted text, as a database expression."""
    found: Func | F = F("sentence")
    for pattern, instead in _DIFFERS:
        found = _Replace(found, Value(pattern), Value(instead), Value("g"))
    return found


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is empty does not matter. ``cause`` is the digest of a normalised sentence."""

    state: str = ""
    connector_id: int | None = None
    direction: str = ""
    reason: str = ""
    cause: str = ""

    @classmethod
    def of_query(cls, query: Mapping[str, str]) -> Self | None:
        """The filter of the list's address; None when it filters by something else, such as a search."""
        values = {name: value for name, value in query.items() if name not in _NO_FILTER and value}
        if not values.keys() <= QUERY_NAMES.keys():
            return None
        mine: dict[str, Any] = {QUERY_NAMES[name]: value for name, value in values.items()}
        if "connector_id" in mine:
            if not mine["connector_id"].isdigit():
                return None
            mine["connector_id"] = int(mine["connector_id"])
        return cls(**mine)

    def query(self) -> dict[str, str]:
        """The parameters of the list's address that show these deliveries."""
        values = {name: getattr(self, field) for name, field in QUERY_NAMES.items()}
        return {name: str(value) for name, value in values.items() if value}

    def plain(self) -> dict[str, Any]:
        """As a job keeps it: ``Selection(**plain)`` is the same again."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value}

    def rows(self) -> QuerySet[Delivery]:
        """The waiting and dead deliveries that are meant, in no order."""
        states = [state for state in ATTENTION if self.state in ("", state)]
        rows = Delivery.objects.filter(state__in=states)
        for name in ("connector_id", "direction", "reason"):
            if value := getattr(self, name):
                rows = rows.filter(**{name: "" if value == NO_REASON else value})
        return with_cause(rows, self.cause) if self.cause else rows

    def next_ids(self, *, after_seq: int, up_to_seq: int, limit: int) -> Sequence[tuple[Any, int]]:
        """Ids with their place in the order received, oldest first: what came first is sent first."""
        found: list[tuple[Any, int]] = []
        for state in ATTENTION:  # one at a time, each in the order of the partial index
            rows = self.rows().filter(state=state, seq__gt=after_seq, seq__lte=up_to_seq).order_by("seq")
            found.extend(rows.values_list("pk", "seq")[:limit])
        return sorted(found, key=lambda row: row[1])[:limit]


def with_cause(rows: QuerySet[Delivery], cause: str) -> QuerySet[Delivery]:
    """Those whose normalised sentence has this digest."""
    return rows.alias(cause_digest=MD5(normalised())).filter(cause_digest=cause)
