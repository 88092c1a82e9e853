"""The form of an error page: what a code means, why it comes, what to do, where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["failure", "waits", "nothing", "delay", "refused", "system"]

KINDS: Final[dict[Kind, str]] = {
    "failure": "It failed",
    "waits": "It waits for a person",
    "nothing": "There was nothing to do",
    "delay": "It is put off",
    "refused": "It was refused at the door",
    "system": "The way is not free",
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """``causes`` and ``fixes`` are whole sentences, the likeliest first.

    ``places`` are names of places.py, ``symptoms`` slugs of symptoms.py. ``is_state``: deliveries carry this code while
    it lasts, so they can be counted.
    """

    code: str
    kind: Kind
    title: str
    meaning: str
    causes: tuple[str, ...]
    fixes: tuple[str, ...]
    places: tuple[str, ...]
    symptoms: tuple[str, ...] = ()
    is_state: bool = False
