"""Why nothing of a connector is sent, in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.condition import WELL, Condition, condition

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def of(**more: Any) -> Condition:
    well = {
        "breaker": "closed", "failure": "", "next_probe_at": None, "blocked_until": None, "held_at": None,
        "held_sentence": "", "now": NOW,
    }  # fmt: skip
    return condition(**{**well, **more})


def test_nothing_stands_in_the_way() -> None:
    assert of() == WELL
    assert of(failure="One of them got no answer.") == WELL


def test_a_hold_names_its_cause_before_anything_else() -> None:
    told = of(held_at=NOW, held_sentence="The key was refused.", breaker="open", blocked_until=NOW + timedelta(hours=1))
    assert told.label == "Held"
    assert told.sentence == "Held since 2026-03-01 12:00:00 UTC, until a person resumes it. The key was refused."


def test_an_open_breaker_says_when_it_is_tried_again() -> None:
    told = of(breaker="open", failure="No answer.", next_probe_at=NOW + timedelta(seconds=30))
    assert told.label == "Does not answer"
    assert told.sentence == (
        "The system failed several times in a row, so deliveries wait. The next delivery is tried at "
        "2026-03-01 12:00:30 UTC. Last failure: No answer."
    )


def test_a_probe_under_way_is_told() -> None:
    assert of(breaker="half_open", failure="No answer.").label == "On trial"


def test_a_wait_that_was_asked_for_is_told_until_it_is_over() -> None:
    until = NOW + timedelta(seconds=90)
    assert of(blocked_until=until).sentence == (
        "The system asked us to wait until 2026-03-01 12:01:30 UTC. Deliveries go on by themselves then."
    )
    assert of(blocked_until=NOW) == WELL
