"""Until when credentials are valid, by the date that a person entered. Pure."""

from __future__ import annotations

from datetime import date
from typing import Final

NEAR_DAYS: Final = 14
"""How long before the last day people are told, unless the alert rule says otherwise."""


def days_left(last: date, today: date) -> int:
    """Whole days after today on which they are valid still; negative once they have run out."""
    return (last - today).days


def is_near(last: date | None, today: date, *, days: float = NEAR_DAYS) -> bool:
    """Whether they have run out or do so within ``days``."""
    return last is not None and days_left(last, today) <= days


def told(last: date, today: date) -> str:
    """What goes after “The credentials of …”."""
    left = days_left(last, today)
    if left < 0:
        return f"expired: {last:%Y-%m-%d} was their last day, {_days(-left)} ago"
    if left == 0:
        return f"are about to expire: today, {last:%Y-%m-%d}, is their last day"
    return f"are about to expire: {last:%Y-%m-%d} is their last day, in {_days(left)}"


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"
