"""The tokens of a date format in moment's notation: how each one reads and prints.

Field Nation connectors, Date Convert, tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONTHS = [
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
]  # fmt: skip
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class Token(NamedTuple):
    """``unit`` is what it stands for; ``loose`` and ``fixed`` are its patterns alone and next to other digits."""

    unit: str
    loose: str
    fixed: str
    read: Callable[[str], int]
    template: str
    write: Callable[[datetime], Any]


def _number(unit: str, width: int, write: Callable[[datetime], int]) -> Token:
    fixed = r"\d{1,2}" if width == 1 else r"\d{2}"
    return Token(unit, r"\d{1,2}", fixed, int, f"%0{width}d", write)


def _name(unit: str, names: list[str], write: Callable[[datetime], str]) -> Token:
    places = {name.lower(): place for place, name in enumerate(names)}
    pattern = f"(?i:{'|'.join(names)})"
    # months count from one, weekdays (as datetime does) from zero
    first = 1 if unit == "month" else 0
    return Token(unit, pattern, pattern, lambda text: places[text.lower()] + first, "%s", write)


def _same(
    unit: str, pattern: str, read: Callable[[str], int], template: str, write: Callable[[datetime], Any]
) -> Token:
    return Token(unit, pattern, pattern, read, template, write)


def _ordinal(day: int) -> str:
    suffix = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"


def _read_offset(text: str) -> int:
    """Minutes east of UTC."""
    if text == "Z":
        return 0
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    return (hours * 60 + minutes) * (-1 if text[0] == "-" else 1)


def _offset(moment: datetime, separator: str) -> str:
    minutes = int((moment.utcoffset() or timedelta()).total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}{separator}{abs(minutes) % 60:02d}"


def _read_epoch(text: str, milliseconds_in_one: int) -> int:
    """Milliseconds since 1970; digits beyond the millisecond are dropped."""
    whole, _, fraction = text.lstrip("+-").partition(".")
    thousandths = int((fraction + "000")[:3]) if milliseconds_in_one == 1000 else 0
    total = int(whole) * milliseconds_in_one + thousandths
    return -total if text[0] == "-" else total


_EPOCH_TEXT = r"[+-]?\d{1,18}(?:\.\d+)?"
_OFFSET_TEXT = r"Z|[+-]\d{2}:?\d{2}"
_ORDINAL_TEXT = r"\d{1,2}(?i:st|nd|rd|th)"
_HALF_TEXT = r"(?i:am|pm)"


def _century(text: str) -> int:
    return int(text) + (2000 if int(text) <= 68 else 1900)


def _half(moment: datetime) -> str:
    return "AM" if moment.hour < 12 else "PM"


def _hour12(moment: datetime) -> int:
    return (moment.hour + 11) % 12 + 1


def _read_half(text: str) -> int:
    return int(text.lower() == "pm")


TOKENS: dict[str, Token] = {
    "YYYY": _same("year", r"\d{4}", int, "%04d", lambda d: d.year),
    "YY": _same("year", r"\d{2}", _century, "%02d", lambda d: d.year % 100),
    "M": _number("month", 1, lambda d: d.month),
    "MM": _number("month", 2, lambda d: d.month),
    "MMM": _name("month", [name[:3] for name in MONTHS], lambda d: MONTHS[d.month - 1][:3]),
    "MMMM": _name("month", MONTHS, lambda d: MONTHS[d.month - 1]),
    "D": _number("day", 1, lambda d: d.day),
    "DD": _number("day", 2, lambda d: d.day),
    "Do": _same("day", _ORDINAL_TEXT, lambda text: int(text[:-2]), "%s", lambda d: _ordinal(d.day)),
    "ddd": _name("weekday", [name[:3] for name in WEEKDAYS], lambda d: WEEKDAYS[d.weekday()][:3]),
    "dddd": _name("weekday", WEEKDAYS, lambda d: WEEKDAYS[d.weekday()]),
    "H": _number("hour", 1, lambda d: d.hour),
    "HH": _number("hour", 2, lambda d: d.hour),
    "h": _number("hour", 1, _hour12),
    "hh": _number("hour", 2, _hour12),
    "A": _same("half", _HALF_TEXT, _read_half, "%s", _half),
    "a": _same("half", _HALF_TEXT, _read_half, "%s", lambda d: _half(d).lower()),
    "m": _number("minute", 1, lambda d: d.minute),
    "mm": _number("minute", 2, lambda d: d.minute),
    "s": _number("second", 1, lambda d: d.second),
    "ss": _number("second", 2, lambda d: d.second),
    "SSS": Token(
        "milli", r"\d{1,9}", r"\d{3}", lambda text: int((text + "00")[:3]), "%03d", lambda d: d.microsecond // 1000
    ),
    "Z": _same("offset", _OFFSET_TEXT, _read_offset, "%s", lambda d: _offset(d, ":")),
    "ZZ": _same("offset", _OFFSET_TEXT, _read_offset, "%s", lambda d: _offset(d, "")),
    "X": _same(
        "epoch", _EPOCH_TEXT, lambda t: _read_epoch(t, 1000), "%d", lambda d: (d - EPOCH) // timedelta(seconds=1)
    ),
    "x": _same(
        "epoch", _EPOCH_TEXT, lambda t: _read_epoch(t, 1), "%d", lambda d: (d - EPOCH) // timedelta(milliseconds=1)
    ),
}
