"""One check of the troubleshooter: a question, its answer, the evidence, and where the fix is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .facts import Facts


class Verdict(StrEnum):
    """``YES`` is always the good answer."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True)
class Evidence:
    """A fact with its name. ``address`` leads to where it stands; "" when there is no such page."""

    name: str
    value: str
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """``sentence`` answers the ``question``; ``todo`` says what to do about a no.

    ``code`` is the error page that explains it, ``places`` name where the fix is made (see places.py). ``decides``: a
    no is the reason that this event is not at its target. Without it the no is only worth knowing: it is about the
    present while the event is done with, or stops nothing by itself.
    """

    question: str
    verdict: Verdict
    sentence: str
    todo: str = ""
    code: str = ""
    places: Sequence[str] = ()
    evidence: Sequence[Evidence] = ()
    at: datetime | None = None
    decides: bool = True

    @property
    def fails(self) -> bool:
        return self.verdict is Verdict.NO


CheckFunction = Callable[[Facts], Check]


def yes(question: str, sentence: str, *evidence: Evidence, at: datetime | None = None) -> Check:
    return Check(question=question, verdict=Verdict.YES, sentence=sentence, evidence=evidence, at=at)


def unknown(question: str, sentence: str, *evidence: Evidence, todo: str = "", places: Sequence[str] = ()) -> Check:
    return Check(
        question=question, verdict=Verdict.UNKNOWN, sentence=sentence, evidence=evidence, todo=todo, places=places
    )


def no(
    question: str,
    sentence: str,
    *evidence: Evidence,
    todo: str,
    code: str = "",
    places: Sequence[str] = (),
    at: datetime | None = None,
    decides: bool = True,
) -> Check:
    return Check(
        question=question,
        verdict=Verdict.NO,
        sentence=sentence,
        todo=todo,
        code=code,
        places=places,
        evidence=evidence,
        at=at,
        decides=decides,
    )
