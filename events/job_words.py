"""What a job was asked for, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from broker_project.lib.pages import moment
from connectors.models import Connector

from . import replay
from .models import Delivery, Job
from .resync_request import LISTS
from .selection import NO_REASON
from .states import State

NAMED: Final = 20
"""Ids that are written out."""


def in_words(job: Job) -> Sequence[tuple[str, Any]]:
    """Name and value of everything that was asked for. At most one query."""
    asked = dict(job.parameters)
    found: list[tuple[str, Any]] = list(_selection(asked.pop("selection"))) if "selection" in asked else []
    found += [(label, word(asked.pop(name))) for name, (label, word) in _WORDS.items() if name in asked]
    return [*found, *((name.replace("_", " ").capitalize(), str(value)) for name, value in sorted(asked.items()))]


def _selection(chosen: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    state = chosen.get("state")
    yield "Deliveries", State(state).label if state in State.values else "Dead and waiting"
    if key := chosen.get("connector_id"):
        name = Connector.objects.filter(pk=key).values_list("name", flat=True).first()
        yield "Connector", name or f"number {key}, which was deleted"
    if direction := chosen.get("direction"):
        yield "Direction", dict(Delivery.Direction.choices).get(direction, direction)
    if reason := chosen.get("reason"):
        yield "Reason", "none" if reason == NO_REASON else str(reason).replace("_", " ")
    if chosen.get("cause"):
        yield "Cause", "only those of the one cause that was chosen on the page Dead letters"


def _ids(ids: Sequence[Any]) -> str:
    more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
    return f"{len(ids):,}: {', '.join(map(str, ids[:NAMED]))}{more}"


def _since(text: str | None) -> Any:
    return moment(datetime.fromisoformat(text)) if text else "shortly before the first gap in what came"


_WORDS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "up_to_seq": ("Until", lambda number: "what was there when it was started; what came later is left alone"),
    "version": (
        "Configuration",
        lambda version: "the version that each began with" if version == replay.OLD else "the present one",
    ),
    "reason": ("Why", str),
    "ids": ("Ids", _ids),
    "list": ("List of Field Nation", lambda name: LISTS.get(name, name)),
    "status": ("Status", lambda name: str(name).replace("_", " ") or "any"),
    "force": ("Also what has not changed", lambda forced: "yes" if forced else "no"),
    "since": ("Read the webhook log since", _since),
}
"""By parameter, in the order of the page: its name there, and its value in words."""
