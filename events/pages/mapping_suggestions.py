"""Pairs fields of the two sides by their names. Pure; what it suggests is for a person to choose from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from .mapping_advice import MISMATCHES

Field = Mapping[str, Any]

ENOUGH: Final = 0.55
"""Likeness from which a pair is suggested."""
WORDS: Final = {
    "summary": "title", "subject": "title", "headline": "title", "details": "description", "body": "description",
    "state": "status", "stage": "status", "phase": "status", "price": "amount", "cost": "amount", "rate": "amount",
    "postal": "zip", "postcode": "zip", "zipcode": "zip", "street": "address", "address1": "address",
    "begin": "start", "from": "start", "until": "end", "finish": "end", "technician": "provider",
    "engineer": "provider", "town": "city", "telephone": "phone", "mobile": "phone", "mail": "email",
    "resolution": "closing", "hour": "hours", "wo": "work order", "workorder": "work order",
}  # fmt: skip
"""Words that mean the same in such systems."""
FILLERS: Final = frozenset(
    {"the", "of", "a", "name", "value", "field", "text", "utc", "base", "service", "window", "user", "scheduled", "as"}
)
FORMATS: Final = (
    (re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", re.ASCII), "YYYY-MM-DD HH:mm:ss"),
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII), "YYYY-MM-DDTHH:mm:ss[Z]"),
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[+-]\d{2}:\d{2}", re.ASCII), "YYYY-MM-DDTHH:mm:ssZ"),
    (re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII), "YYYY-MM-DD"),
)
OWN_FORMAT: Final = "YYYY-MM-DD HH:mm:ss"
"""How Field Nation writes times."""
CUSTOM: Final = "custom_fields."
"""Custom fields of a work order are targets; to read one takes a script."""
PHASES: Final = {
    "draft": "new", "created": "new", "new": "new", "received": "new",
    "published": "open", "routed": "open", "open": "open", "unassigned": "open", "active": "open",
    "assigned": "scheduled", "confirmed": "scheduled", "scheduled": "scheduled", "dispatched": "scheduled",
    "progress": "progress", "started": "progress", "working": "progress", "checked": "progress", "site": "progress",
    "done": "done", "resolved": "done", "completed": "done", "complete": "done", "fixed": "done", "solved": "done",
    "approved": "closed", "paid": "closed", "closed": "closed", "billed": "closed",
    "cancelled": "cancelled", "canceled": "cancelled", "deleted": "cancelled", "dropped": "cancelled",
    "postponed": "hold", "hold": "hold", "delayed": "hold", "pending": "hold",
}  # fmt: skip
"""How far work is, by words of a status."""
NEAREST: Final = {
    "new": ("open",), "open": ("new",), "scheduled": ("open",), "progress": ("scheduled", "open"), "done": ("closed",),
    "closed": ("done",), "cancelled": ("closed",), "hold": ("open",),
}  # fmt: skip
"""Where a system does not tell a phase apart."""


class Suggestion(NamedTuple):
    """A row with the fields that it joins; ``doubt`` says what to look at first, "" when it can be taken as it is."""

    row: dict[str, Any]
    source: Field
    target: Field
    doubt: str


def suggestions(
    field_nation_fields: Sequence[Field], external_fields: Sequence[Field], *, direction: Literal["outbound", "inbound"]
) -> list[Suggestion]:
    """What ``suggest`` finds and a row can do, each with whether a person has to look at it first."""
    both = (field_nation_fields, external_fields)
    sources, targets = (
        {field["path"]: field for field in side} for side in (both if direction == "outbound" else both[::-1])
    )
    return [
        Suggestion(fit(row, source, target), source, target, doubt(row, source, target))
        for row in suggest(*both, direction=direction)
        if not row["source"].startswith(CUSTOM)
        for source, target in [(sources[row["source"]], targets[row["target"]])]
    ]


def suggest(
    field_nation_fields: Sequence[Field],
    external_fields: Sequence[Field],
    *,
    direction: Literal["outbound", "inbound"] = "outbound",
) -> list[dict[str, Any]]:
    """Rows in the documented form, the most likely first; each target once, and each source once.

    Fields are objects with path, label, type, readonly, choices and sample, as DiscoveredFields keeps them.
    """
    if direction == "outbound":
        sources, targets = field_nation_fields, external_fields
    else:
        sources, targets = external_fields, field_nation_fields
    pairs = [
        (_likeness(source, target), source, target)
        for target in targets
        if not target.get("readonly") and target.get("type") not in ("list", "object")
        for source in sources
        if _can_become(source, target)
    ]
    pairs.sort(key=lambda pair: (-pair[0], len(pair[1]["path"]), pair[1]["path"], pair[2]["path"]))
    rows, used = [], set[tuple[str, str]]()
    for likeness, source, target in pairs:
        names = {("source", source["path"]), ("target", target["path"])}
        if likeness >= ENOUGH and not used & names:
            used |= names
            rows.append(_row(source, target, direction))
    return rows


@lru_cache(maxsize=4096)
def words_of(text: str) -> frozenset[str]:
    """The telling words of a path or label, synonyms as one: ``schedule.startDate`` → schedule, start, date."""
    apart = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    words = [word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word]
    same = " ".join(WORDS.get(word, word) for word in words).split()
    return frozenset(word for word in same if word not in FILLERS) or frozenset(same)


def _likeness(source: Field, target: Field) -> float:
    """0 to 1: the best of the names and the labels; the last step of a path tells more than the whole."""
    ours = {words_of(source["path"]), words_of(source["path"].split(".")[-1]), words_of(source.get("label") or "")}
    theirs = {words_of(target["path"]), words_of(target["path"].split(".")[-1]), words_of(target.get("label") or "")}
    best = max((_overlap(one, other) for one in ours for other in theirs if one and other), default=0.0)
    if best < 0.5:  # too little for a pair, whatever the letters say
        return 0.0
    return 0.9 * best + 0.1 * SequenceMatcher(None, source["path"].lower(), target["path"].lower()).ratio()


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def _can_become(source: Field, target: Field) -> bool:
    """Whether a copy can be right, or the two value lists can be mapped. Ids of the two sides mean different things."""
    if "id" in (source["path"], target["path"]):
        return False
    if source.get("choices") and target.get("choices"):
        return True
    return source.get("type") not in MISMATCHES.get(target.get("type") or "text", ())


def _row(source: Field, target: Field, direction: str) -> dict[str, Any]:
    ends = {"source": source["path"], "target": target["path"]}
    if pairs := _value_pairs(source, target, by_phase=direction == "outbound"):
        entries = [{"compare": ours, "value": theirs} for ours, theirs in pairs]
        return {"action": "array_map", **ends, "mappings": entries}
    if {source.get("type"), target.get("type")} <= {"date", "datetime"}:
        other = _format(target if direction == "outbound" else source)
        formats = (OWN_FORMAT, other) if direction == "outbound" else (other, OWN_FORMAT)
        if other and formats[0] != formats[1]:
            return {
                "action": "date_convert", **ends, "input_format": formats[0], "output_format": formats[1],
                "timezone_in": "UTC", "timezone_out": "UTC",
            }  # fmt: skip
    return {"action": "sync", **ends}


def _format(field: Field) -> str:
    sample = str(field.get("sample") or "")
    return next((form for pattern, form in FORMATS if pattern.fullmatch(sample)), "")


def _value_pairs(source: Field, target: Field, *, by_phase: bool) -> list[tuple[Any, Any]]:
    """Values of both lists that read alike, in the order of the source's.

    ``by_phase``: also those that tell the same phase of work. Not towards Field Nation, where a status is an act that
    may pay somebody.
    """
    theirs = [_choice(choice) for choice in target.get("choices") or ()]
    pairs = []
    for value, label in map(_choice, source.get("choices") or ()):
        alike = [
            other for other, text in theirs if words_of(str(label)) & words_of(str(text)) or str(value) == str(other)
        ]
        found = alike or (_of_phase(str(label), theirs) if by_phase else [])
        if found:
            pairs.append((value, found[0]))
    return pairs


def _of_phase(label: str, theirs: Sequence[tuple[Any, Any]]) -> list[Any]:
    """The values for the phase that a status tells, or for the nearest one."""
    phase = _phase(label)
    wanted = (phase, *NEAREST.get(phase, ()))
    return [value for each in wanted if each for value, text in theirs if _phase(str(text)) == each]


def _phase(label: str) -> str:
    return next((PHASES[word] for word in re.split(r"[^a-z]+", label.lower()) if word in PHASES), "")


def fit(row: dict[str, Any], source: Field, target: Field) -> dict[str, Any]:
    """The row, with a number for a text written as text, which strict systems ask for."""
    if row["action"] == "sync" and (source["type"], target["type"]) == ("number", "text"):
        return {"action": "concat", "target": row["target"], "parts": [{"type": "field", "value": row["source"]}]}
    return row


def doubt(row: Mapping[str, Any], source: Field, target: Field) -> str:
    """Why a person has to look at the row first; "" when it needs no look."""
    if row["action"] != "sync":
        return ""
    if target.get("choices"):
        return "takes only certain values: choose Array Map and fill its list"
    if {source["type"], target["type"]} & {"date", "datetime"}:
        return "the form of dates may differ: use Date Convert"
    if source["type"] != target["type"] and (source["type"], target["type"]) != ("number", "text"):
        return f"{source['type']} into {target['type']}: check a value"
    return ""


def _choice(choice: Any) -> tuple[Any, Any]:
    return (choice[0], choice[-1]) if isinstance(choice, list | tuple) else (choice, choice)
