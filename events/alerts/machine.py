"""When an alert opens, ends, and when people are told of it. Pure; brings no clock.

nothing ──found──► open ──a person──► acknowledged
                    │ ▲                   │
                    │ └─found again───┐   │ no more found
                    └──no more found──► recovered

A message about a cause is followed by another about its being open no sooner than the quiet period, whether it stays
open or comes back. Its end is told when, and only when, people know that it is open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Tell(StrEnum):
    """What people are told."""

    OPENED = "opened"
    REMINDER = "reminder"
    RECOVERED = "recovered"


OPEN, ACKNOWLEDGED, RECOVERED = "open", "acknowledged", "recovered"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a cause stands. ``told_at`` is when people were last told that it is open, ``told_mark`` how far its failures
    had come then; ``is_told``: they know that it is open, and of no end since."""

    state: str = OPEN
    told_at: datetime | None = None
    told_mark: int = 0
    is_told: bool = False

    def is_quiet(self, quiet: timedelta, now: datetime) -> bool:
        return self.told_at is not None and now < self.told_at + quiet


def found(before: Standing | None, *, mark: int, quiet: timedelta, now: datetime) -> tuple[Standing, Tell | None]:
    """The cause is there. ``before`` is how it stood, None when it is new; ``mark`` grows with each new failure."""
    standing = before or Standing()
    if standing.state == RECOVERED:
        standing = replace(standing, state=OPEN)
    if standing.state == ACKNOWLEDGED or standing.is_quiet(quiet, now):
        return standing, None
    if standing.is_told and mark <= standing.told_mark:
        return standing, None
    tell = Tell.REMINDER if standing.is_told else Tell.OPENED
    return replace(standing, told_at=now, told_mark=mark, is_told=True), tell


def gone(before: Standing) -> tuple[Standing, Tell | None]:
    """The cause is not there any more."""
    if before.state == RECOVERED:
        return before, None
    return replace(before, state=RECOVERED, is_told=False), Tell.RECOVERED if before.is_told else None


def acknowledged(before: Standing) -> Standing:
    """A person has seen it and is at it: no reminders until it ends."""
    return replace(before, state=ACKNOWLEDGED) if before.state == OPEN else before
