"""Why nothing of a connector is sent right now, said to a person. Pure: the caller brings the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .breaker import Position


@dataclass(frozen=True, kw_only=True)
class Condition:
    """``label`` in a word or two; ``kind`` is its colour: success, warning or danger; ``sentence`` says what to do."""

    label: str
    kind: str
    sentence: str


WELL = Condition(label="Well", kind="success", sentence="Deliveries are sent as they come.")


def condition(
    *,
    breaker: str,
    failure: str,
    next_probe_at: datetime | None,
    blocked_until: datetime | None,
    held_at: datetime | None,
    held_sentence: str,
    now: datetime,
) -> Condition:
    """What the state of a connector means: the most lasting cause first."""
    if held_at:
        return Condition(
            label="Held",
            kind="danger",
            sentence=f"Held since {_moment(held_at)}, until a person resumes it. {held_sentence}",
        )
    if breaker == Position.OPEN:
        probe = f" The next delivery is tried at {_moment(next_probe_at)}." if next_probe_at else ""
        return Condition(
            label="Does not answer",
            kind="danger",
            sentence=f"The system failed several times in a row, so deliveries wait.{probe} Last failure: {failure}",
        )
    if breaker == Position.HALF_OPEN:
        sentence = f"One delivery is being tried; the others wait for how it ends. Last failure: {failure}"
        return Condition(label="On trial", kind="warning", sentence=sentence)
    if blocked_until and blocked_until > now:
        sentence = f"The system asked us to wait until {_moment(blocked_until)}. Deliveries go on by themselves then."
        return Condition(label="Asked to wait", kind="warning", sentence=sentence)
    return WELL


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"
