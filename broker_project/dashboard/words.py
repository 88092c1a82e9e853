"""Figures as people read them. Pure."""

from __future__ import annotations

NOTHING = "-"


def count(number: float) -> str:
    return f"{number:,.0f}"


def rate(per_minute: float) -> str:
    """Whole numbers where they are large, so that a tile does not flicker behind the point."""
    return f"{per_minute:,.0f}" if per_minute >= 10 or per_minute == int(per_minute) else f"{per_minute:,.1f}"


def percent(part: float | None) -> str:
    """A part of 1. What is not all is never rounded to all, and what is not nothing never to nothing."""
    if part is None:
        return NOTHING
    if 0 < part < 0.001:
        return "< 0.1 %"
    if 0.999 < part < 1:
        return "> 99.9 %"
    return f"{part * 100:.1f} %".replace(".0 %", " %")


def duration(milliseconds: float | None) -> str:
    if milliseconds is None:
        return NOTHING
    for unit, size, limit in (("ms", 1, 1000), ("s", 1000, 60), ("min", 60_000, 60), ("h", 3_600_000, 48)):
        if milliseconds < size * limit:
            value = milliseconds / size
            return f"{value:.0f} {unit}" if unit == "ms" or value >= 10 else f"{value:.1f} {unit}"
    return f"{milliseconds / 86_400_000:.0f} d"


def plural(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
