"""All checks in the documented order, and the one sentence that stands on top. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from events.states import State

from . import arrival, mapping, queue, record, routing, target
from .arrival import moment
from .facts import Facts
from .record import delivery_evidence
from .verdict import Check, CheckFunction, Evidence, Verdict

GROUPS: Final[Sequence[tuple[str, Sequence[CheckFunction]]]] = (
    ("Did it come in?", arrival.CHECKS),
    ("Is it meant for this connector?", routing.CHECKS),
    ("Does its turn come?", queue.CHECKS),
    ("Which record is it about?", record.CHECKS),
    ("Can it be mapped?", mapping.CHECKS),
    ("Does the other side take it?", target.CHECKS),
)


@dataclass(frozen=True)
class Group:
    title: str
    checks: Sequence[Check]


@dataclass(frozen=True)
class Headline:
    """``kind`` is success, warning or danger; ``check`` is the failing one, None when nothing fails."""

    kind: str
    sentence: str
    todo: str = ""
    check: Check | None = None
    evidence: Sequence[Evidence] = ()


@dataclass(frozen=True)
class Diagnosis:
    """Everything the page shows about one connector."""

    facts: Facts
    headline: Headline
    groups: Sequence[Group]

    @property
    def failing(self) -> Check | None:
        return self.headline.check


def diagnose(facts: Facts) -> Diagnosis:
    """Walk all checks; no query, no clock."""
    groups = [Group(title, [check(facts) for check in checks]) for title, checks in GROUPS]
    checks = [check for group in groups for check in group.checks]
    return Diagnosis(facts, _headline(facts, checks), groups)


def _headline(facts: Facts, checks: Sequence[Check]) -> Headline:
    failing = next((check for check in checks if check.fails and check.decides), None)
    delivery = facts.delivery
    if delivery is not None and facts.ended_well:
        later = next((check for check in checks if check.fails and _is_present(check, facts)), None)
        todo = f"What comes later will wait or be left out, though: {later.sentence}" if later else ""
        at = moment(delivery.finished_at)
        sentence = f"It is in step since {at}: {delivery.sentence}"
        proof = [delivery_evidence(delivery)]
        return Headline("success", sentence, todo, evidence=proof)
    if failing is not None:
        kind = "warning" if facts.is_open and delivery and delivery.state != State.WAITING else "danger"
        return Headline(kind, failing.sentence, failing.todo, failing, _with_delivery(failing.evidence, facts))
    if delivery is not None and delivery.state in (State.PENDING, State.RETRYING, State.IN_FLIGHT):
        said = "A worker is at it now." if delivery.state == State.IN_FLIGHT else "Nothing holds it up: its turn comes."
        return Headline("info", said, "Load this page again in a moment.", evidence=[delivery_evidence(delivery)])
    if facts.decision is not None:
        said = f"The newest log about it says: {facts.sentence}"
        return Headline("info", said, "Look at the integration logs of this record.")
    doubtful = next((check for check in checks if check.verdict is Verdict.UNKNOWN and check.todo), None)
    return Headline(
        "info",
        "No check failed, and none proves that it arrived.",
        doubtful.todo if doubtful else "Look at the integration logs of this record.",
        evidence=[],
    )


def _with_delivery(evidence: Sequence[Evidence], facts: Facts) -> Sequence[Evidence]:
    """The delivery can always be opened from the top."""
    if facts.delivery is None or any(one.name == "delivery" for one in evidence):
        return evidence
    return (*evidence, delivery_evidence(facts.delivery))


_PRESENT: Final = (routing.ACTIVE, queue.WORKS, queue.HELD, queue.BREAKER)


def _is_present(check: Check, facts: Facts) -> bool:
    """Whether a no holds back what comes later, although this event is done with."""
    return check.question in _PRESENT
