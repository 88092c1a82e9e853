"""Which webhook deliveries never arrived, told from pages of Field Nation's delivery log. Pure.

The log has one row per attempt, newest first. A delivery failed when its newest attempt did. Where an event tells a
state, one repeat of the newest failed delivery of a work order carries all of it; where each event is an act of its
own (a message, a file), every failed delivery is wanted.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.fieldnation.webhook_logs import Attempt, LogPage

from .catalogue import from_webhook

MOST = 5000
"""Failed deliveries that one job takes up; they are kept in its cursor."""


@dataclass(frozen=True, kw_only=True)
class Missed:
    """What the pages read so far say. ``wanted`` are delivery ids, newest first, to be asked for again; ``known`` are
    deliveries that are decided, without their attempt; ``stands_for`` says which states those that are wanted or here
    already carry.
    ``young`` failed so lately that Field Nation still repeats them by itself, since ``young_since``."""

    wanted: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    stands_for: frozenset[str] = frozenset()
    left_alone: int = 0
    young: int = 0
    young_since: datetime | None = None

    @property
    def is_full(self) -> bool:
        return len(self.wanted) >= MOST


def undecided(page: LogPage, missed: Missed) -> Sequence[Attempt]:
    """The newest failed attempts on this page of deliveries about which nothing is known yet."""
    seen = set(missed.known)
    found = []
    for attempt in page.attempts:
        if attempt.delivery not in seen and not attempt.is_good:
            found.append(attempt)
        seen.add(attempt.delivery)
    return found


def with_page(missed: Missed, page: LogPage, *, here: Container[str], young_after: datetime) -> Missed:
    """``missed`` after one more page. ``here`` holds the deliveries that we have, or asked for, already."""
    for attempt in undecided(page, missed):
        missed = _with_failed(missed, attempt, here=here, young_after=young_after)
    # a later attempt that arrived: the failed ones before it are on this page or on a later one
    arrived = {attempt.delivery for attempt in page.attempts if attempt.is_good and attempt.number > 1}
    return replace(missed, known=missed.known | arrived)


def _with_failed(missed: Missed, attempt: Attempt, *, here: Container[str], young_after: datetime) -> Missed:
    missed = replace(missed, known=missed.known | {attempt.delivery})
    state = _state(attempt)
    states = missed.stands_for | {state} if state else missed.stands_for
    if attempt.delivery in here:
        return replace(missed, left_alone=missed.left_alone + 1, stands_for=states)
    if attempt.is_repeated and attempt.created_at and attempt.created_at > young_after:
        since = min(attempt.created_at, missed.young_since or attempt.created_at)
        return replace(missed, young=missed.young + 1, young_since=since)
    if state in missed.stands_for:
        return replace(missed, left_alone=missed.left_alone + 1)
    return replace(missed, wanted=(*missed.wanted, attempt.delivery_id), stands_for=states)


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


def within(page: LogPage, since: datetime | None) -> LogPage:
    """The page without what is older than ``since``."""
    if since is None:
        return page
    recent = [attempt for attempt in page.attempts if attempt.created_at is None or attempt.created_at >= since]
    return LogPage(recent, is_last=page.is_last)
