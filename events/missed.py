"""Which webhook deliveries never arrived, told from pages of Field Nation's delivery log. Pure.

The log has one row per attempt, newest first. A delivery failed when its newest attempt did. Where an event tells a
state, one repeat of the newest failed delivery of a work order carries all of it; where each event is an act of its
own (a message, a file), every failed delivery is wanted. Which is newer is told by the first attempts: the last ones
are hours of retries later, and in any order.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from connectors.fieldnation.webhook_logs import Attempt, LogPage

from .catalogue import from_webhook

MOST = 5000
"""Failed deliveries that one job takes up; they are kept in its cursor."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A delivery whose newest attempt, ``delivery_id``, failed; ``begun_at`` is its earliest attempt seen so far.

    ``state`` names what newer deliveries of the same name carry too, "" when nothing does. ``is_here``: we have it, or
    asked for it, already. ``is_young``: it failed so lately that Field Nation still repeats it by itself.
    """

    delivery_id: str
    state: str
    begun_at: datetime
    is_here: bool
    is_young: bool


@dataclass(frozen=True, kw_only=True)
class Missed:
    """What the pages read so far say, by delivery: the id without the attempt."""

    failed: Mapping[str, Failed] = field(default_factory=dict)
    arrived: frozenset[str] = frozenset()

    @property
    def is_full(self) -> bool:
        return sum(not one.is_here and not one.is_young for one in self.failed.values()) >= MOST

    @property
    def young(self) -> Sequence[str]:
        return [delivery for delivery, one in self.failed.items() if one.is_young]

    def plain(self) -> dict[str, Any]:
        """For a job's cursor; ``of`` reads it."""
        rows = [
            [delivery, one.delivery_id, one.state, one.begun_at.isoformat(), one.is_here, one.is_young]
            for delivery, one in self.failed.items()
        ]
        return {"failed": rows, "arrived": sorted(self.arrived)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Missed:
        failed = {
            delivery: Failed(
                delivery_id=id, state=state, begun_at=datetime.fromisoformat(begun), is_here=is_here, is_young=is_young
            )
            for delivery, id, state, begun, is_here, is_young in plain["failed"]
        }
        return cls(failed=failed, arrived=frozenset(plain["arrived"]))


@dataclass(frozen=True)
class Decision:
    """``wanted`` are delivery ids, oldest first, to be asked for again; ``left_alone`` is how many need not be."""

    wanted: Sequence[str]
    left_alone: int


def undecided(page: LogPage, missed: Missed, *, since: datetime | None = None) -> Sequence[Attempt]:
    """The newest failed attempts on this page, none before ``since``, of deliveries that are not known yet."""
    seen = {*missed.failed, *missed.arrived}
    found = []
    for attempt in page.attempts:
        is_recent = since is None or attempt.created_at is None or attempt.created_at >= since
        if attempt.delivery not in seen and not attempt.is_good and is_recent:
            found.append(attempt)
        seen.add(attempt.delivery)
    return found


def with_page(
    missed: Missed, page: LogPage, *, here: Container[str], young_after: datetime, since: datetime | None = None
) -> Missed:
    """``missed`` after one more page. ``here`` holds the deliveries that we have, or asked for, already."""
    failed = dict(missed.failed)
    for attempt in undecided(page, missed, since=since):
        failed[attempt.delivery] = Failed(
            delivery_id=attempt.delivery_id,
            state=_state(attempt),
            begun_at=attempt.created_at or _LONG_AGO,
            is_here=attempt.delivery in here,
            is_young=attempt.is_repeated and (attempt.created_at or _LONG_AGO) > young_after,
        )
    for attempt in page.attempts:
        one = failed.get(attempt.delivery)
        if one and attempt.created_at and attempt.created_at < one.begun_at:
            failed[attempt.delivery] = replace(one, begun_at=attempt.created_at)
    # a later attempt that arrived: the failed ones before it are on this page or on a later one
    arrived = {attempt.delivery for attempt in page.attempts if attempt.is_good and attempt.number > 1}
    return Missed(failed=failed, arrived=missed.arrived | arrived)


def decide(missed: Missed, *, watched: Collection[str] | None = None) -> Decision:
    """What to ask for, once the log is read. With ``watched``, others that need nothing are not counted."""
    final = {delivery: one for delivery, one in missed.failed.items() if not one.is_young}
    newest: dict[str, str] = {}
    oldest_first = list(final)[::-1]  # of two at the same moment the one that stands first in the log is the newer one
    oldest_first.sort(key=lambda delivery: final[delivery].begun_at)
    for delivery in oldest_first:
        newest[final[delivery].state or delivery] = delivery
    wanted = [delivery for delivery in newest.values() if not final[delivery].is_here]
    counted = final if watched is None else final.keys() & set(watched)
    wanted.sort(key=lambda delivery: final[delivery].begun_at)
    return Decision([final[delivery].delivery_id for delivery in wanted], len(set(counted) - set(wanted)))


def _state(attempt: Attempt) -> str:
    """What a newer delivery carries too: this kind of event of this work order; "" when nothing does."""
    event = from_webhook(attempt.event_name)
    if event is None or not event.mergeable or attempt.work_order_id is None:
        return ""
    return f"{attempt.work_order_id} {attempt.event_name}"


def reaches_back(page: LogPage, *, since: datetime | None, gap_seen: bool) -> bool:
    """Whether no older page is needed: it goes back to ``since``, or to before the gap, where nothing failed.

    Single failures lie scattered over a log, so one good row does not end the gap; a whole page of good ones does.
    """
    if page.is_last:
        return True
    if since is not None:
        return any(attempt.created_at and attempt.created_at < since for attempt in page.attempts)
    return gap_seen and all(attempt.is_good for attempt in page.attempts)
