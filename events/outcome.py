"""What a piece of work ended in, and the one table from error to what happens next."""

from __future__ import annotations

import random
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Literal

from django.conf import settings

from broker_project.lib import errors
from connectors import retry
from connectors.http import Exchange
from mappings.agreement import Agreement

from .sentences import explain
from .states import State

POSTPONED_SECONDS = 2.0


Verdict = Literal["ok", "down", "auth", "neutral"]


class Link(Enum):
    """What to do with the claimed or known link after the work."""

    KEEP = "keep"
    STORE = "store"
    RELEASE = "release"


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What a success says about the link: what both sides agree on now, and what was written.

    ``applied_at`` is the time of the event that was applied, ``inbound`` that the work order was written, ``wrote``
    that anything was.
    """

    agreement: Agreement
    applied_at: datetime | None = None
    inbound: bool = False
    wrote: bool = False


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
    synced: Synced | None = None
    forget: bool = False
    """A write may have happened that nobody can vouch for: what was agreed on is not known any more."""
    conflict: Sequence[Mapping[str, Any]] = ()
    verdict: Verdict = "neutral"
    """What the attempt tells about the external system as a whole."""
    retry_after: float | None = None
    external_calls: int = 0
    cause: str = ""
    """The failure alone, without what follows from it for this delivery."""
    details: Mapping[str, Any] = field(default_factory=dict)
    exchanges: Sequence[Exchange] = ()


@dataclass(frozen=True)
class Rule:
    """``state`` is where the delivery goes; RETRYING becomes DEAD when the attempts are used up, PENDING gives the
    attempt back: the connector as a whole is held."""

    state: State
    code: str = ""


RULES: dict[type[Exception], Rule] = {
    errors.Retryable: Rule(State.RETRYING),
    errors.OutcomeUnknown: Rule(State.RETRYING),
    errors.Rejected: Rule(State.DEAD),
    errors.AuthFailed: Rule(State.PENDING, "held_auth"),
    errors.Forbidden: Rule(State.WAITING, "waiting_auth"),
    errors.NeedsOperator: Rule(State.WAITING, "waiting_configuration"),
    errors.MappingError: Rule(State.DEAD),
    Exception: Rule(State.WAITING, "waiting_bug"),
}


class CannotTell(errors.BrokerError):
    """A write that must not be repeated may have happened, and nobody but a person can find out."""

    code = "outcome_unknown"


class NeedsDecision(errors.BrokerError):
    """Both sides changed a field and a person is to decide. ``fields`` are the fields with what each side says."""

    code = "conflict"

    def __init__(self, sentence: str, *, fields: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(sentence)
        self.fields = fields


class LoopSuspected(errors.BrokerError):
    """The record goes back and forth between the two systems; writing it once more would not end that."""

    code = "loop"


RULES[CannotTell] = Rule(State.WAITING, "waiting_outcome_unknown")
RULES[NeedsDecision] = Rule(State.WAITING, "waiting_conflict")
RULES[LoopSuspected] = Rule(State.WAITING, "waiting_loop")


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
        wait = retry.delay(
            attempt + 1,
            retry_after=getattr(error, "retry_after", None),
            jitter=random.random(),  # noqa: S311
            factor=settings.RETRY_FACTOR,
        )
        sentence = explain("retry_planned", cause=cause, attempt=attempt, attempts=max_attempts, seconds=round(wait))
        return Outcome(state=State.RETRYING, code=code, sentence=sentence, wait_seconds=wait, details=details)
    if rule.state is State.DEAD:
        return Outcome(state=State.DEAD, code=code, sentence=explain("dead", cause=cause), details=details)
    if rule.state is State.PENDING:
        sentence = explain(rule.code, cause=cause)
        return Outcome(state=State.PENDING, code=rule.code, sentence=sentence, counted=False, details=details)
    conflict = error.fields if isinstance(error, NeedsDecision) else ()
    sentence = explain(rule.code, cause=cause)
    return Outcome(state=State.WAITING, code=rule.code, sentence=sentence, conflict=conflict, details=details)


def postponed(sentence: str) -> Outcome:
    """Not an attempt: the record may be the work of a create that is just running on the other side."""
    return Outcome(
        state=State.RETRYING, code="postponed", sentence=sentence, wait_seconds=POSTPONED_SECONDS, counted=False,
        link=Link.RELEASE,
    )  # fmt: skip


def adopted(*, work_order_id: int | None, external_id: str) -> Outcome:
    """The two records belong together, as the mark on one shows: link them, and come back in the lane of the pair."""
    sentence = explain("adopted", work_order=work_order_id, target=external_id)
    return Outcome(
        state=State.RETRYING, code="adopted", sentence=sentence, wait_seconds=0.0, counted=False, link=Link.STORE,
        work_order_id=work_order_id, external_id=external_id,
    )  # fmt: skip


def removed(sentence: str) -> Outcome:
    """What was to be done is not in the configuration any more."""
    return Outcome(state=State.SKIPPED, code="trigger_gone", sentence=sentence, link=Link.RELEASE)


def stopped(sentence: str) -> Outcome:
    """An earlier action of the same event failed for good and says that the later ones are not run then."""
    return Outcome(state=State.SKIPPED, code="stopped", sentence=sentence, link=Link.RELEASE)
