"""The form of a symptom."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """``steps`` are whole sentences in the order in which to look; ``codes`` are error pages, ``places`` names of
    places.py. ``asks``: an id of a record helps, so the troubleshooter is offered."""

    slug: str
    title: str
    steps: tuple[str, ...]
    codes: tuple[str, ...]
    places: tuple[str, ...]
    asks: bool = True
