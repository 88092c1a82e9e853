"""What a piece of work ended in, and the one table from error to what happens next."""

from __future__ import annotations

import random
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from broker_project.lib import errors
from connectors import retry
from connectors.http import Exchange

from .sentences import explain
from .states import State


class Link(Enum):
    """What to do with the claimed or known link after the work."""

    KEEP = "keep"
    STORE = "store"
    RELEASE = "release"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of one attempt. ``wait_seconds`` for retrying; ``counted`` False gives the attempt back."""

    state: State
    code: str
    sentence: str
    wait_seconds: float | None = None
    counted: bool = True
    link: Link = Link.KEEP
    work_order_id: int | None = None
    external_id: str = ""
    written_back: bool = False
    done_operations: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)
    exchanges: Sequence[Exchange] = ()


@dataclass(frozen=True)
class Rule:
    """``state`` is where the delivery goes; RETRYING becomes DEAD when the attempts are used up."""

    state: State
    code: str = ""


RULES: dict[type[Exception], Rule] = {
    errors.Retryable: Rule(State.RETRYING),
    errors.OutcomeUnknown: Rule(State.RETRYING),
    errors.Rejected: Rule(State.DEAD),
    errors.AuthFailed: Rule(State.WAITING, "waiting_auth"),
    errors.NeedsOperator: Rule(State.WAITING, "waiting_configuration"),
    errors.MappingError: Rule(State.DEAD),
    Exception: Rule(State.WAITING, "waiting_bug"),
}


class CannotTell(errors.BrokerError):
    """A write that must not be repeated may have happened, and nobody but a person can find out."""

    code = "outcome_unknown"


RULES[CannotTell] = Rule(State.WAITING, "waiting_outcome_unknown")


def rule_for(error: Exception) -> Rule:
    """The row of the nearest class in the error's MRO."""
    return next(RULES[kind] for kind in type(error).__mro__ if kind in RULES)


def failed(error: Exception, *, attempt: int, max_attempts: int) -> Outcome:
    """The outcome of an attempt that ended in ``error``."""
    rule = rule_for(error)
    code = getattr(error, "code", "bug")
    cause = getattr(error, "sentence", "") or f"The broker itself failed ({type(error).__name__})."
    details: dict[str, Any] = {}
    if isinstance(error, errors.BrokerError):
        if error.detail:
            details["detail"] = error.detail
        if isinstance(error, errors.MappingError):
            details |= {"target": error.target, "line": error.line}
    else:
        details["traceback"] = "".join(traceback.format_exception(error))[-8000:]
    if rule.state is State.RETRYING:
        if retry.exhausted(attempt, max_attempts):
            sentence = explain("dead_exhausted", cause=cause, attempts=attempt)
            return Outcome(state=State.DEAD, code=code, sentence=sentence, details=details)
        wait = retry.delay(attempt + 1, retry_after=getattr(error, "retry_after", None), jitter=random.random())  # noqa: S311
        sentence = explain("retry_planned", cause=cause, attempt=attempt, attempts=max_attempts, seconds=round(wait))
        return Outcome(state=State.RETRYING, code=code, sentence=sentence, wait_seconds=wait, details=details)
    if rule.state is State.DEAD:
        return Outcome(state=State.DEAD, code=code, sentence=explain("dead", cause=cause), details=details)
    return Outcome(state=State.WAITING, code=rule.code, sentence=explain(rule.code, cause=cause), details=details)


def with_evidence(outcome: Outcome, *, exchanges: Sequence[Exchange], details: Mapping[str, Any]) -> Outcome:
    """The outcome with the calls made and the mapping steps taken."""
    return replace(outcome, exchanges=tuple(exchanges), details={**details, **outcome.details})
