"""The parts of a timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from broker_project.lib.pages import Section


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened, or is planned. ``kind`` colours it: default, info, success, warning or danger.

    ``facts`` are pairs of a name and what to show, ``parts`` what can be opened below.
    """

    title: str
    at: datetime | None = None
    kind: str = "default"
    label: str = ""
    sentence: str = ""
    facts: Sequence[tuple[str, Any]] = ()
    parts: Sequence[Section] = ()
    is_planned: bool = False


@dataclass(frozen=True)
class Folded(Section):
    """A part that is opened by a click; ``is_open`` from the start."""

    template: ClassVar[str] = "broker/logs/folded.html"
    content: Section
    is_open: bool = False


@dataclass(frozen=True)
class Timeline(Section):
    """All entries, oldest first; ``links`` are (address, text, icon) above them, ``more`` leads to what is left out."""

    template: ClassVar[str] = "broker/logs/timeline.html"
    entries: Sequence[Entry]
    links: Sequence[tuple[str, str, str]] = ()
    more: str = ""
