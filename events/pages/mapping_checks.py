"""What forbids saving the rows of a connector, and what is only doubtful about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from broker_project.lib.errors import MappingError
from mappings.engine import validate

from . import mapping_advice as advice
from .mapping_advice import Known
from .mapping_rows import INBOUND, OUTBOUND, PageRow, sets_of


@dataclass(frozen=True)
class Finding:
    """``at`` is the key of a row, or a set: ``outbound.``, ``outbound.note``, ``inbound.``; empty: the whole page."""

    at: str
    sentence: str
    severity: Literal["error", "warning"] = "error"


class ScriptChecker(Protocol):
    def check(self, script: str, *, name: str) -> None:
        """Parse ``script``. Raises MappingError."""


@dataclass(frozen=True)
class Facts:
    """What the checks know about the connector. ``known`` is by direction and target object."""

    known: Mapping[tuple[str, str], Known]
    outbound_create: bool = False
    has_scripts: bool = False
    """A ticked trigger runs a script, which may fill fields too."""
    notes: Sequence[str] = ()
    """Names of the ticked events that make a note."""


NOTHING = Known({}, {})
NOTE = "note"


def check(rows: Sequence[PageRow], facts: Facts, scripts: ScriptChecker) -> list[Finding]:
    """Everything that is wrong or doubtful, the errors first."""
    found = []
    for (direction, target_object), members in sets_of(rows).items():
        known = facts.known.get((direction, target_object), NOTHING)
        found += _set_findings(members)
        found += [finding for row in members for finding in _script_findings(row, scripts)]
        found += [Finding(one.key, one.sentence, "warning") for one in advice.advise(members, known)]
        if direction == INBOUND and target_object:
            sentence = "An inbound row always fills the work order; it takes no target object."
            found += [Finding(row.key, sentence) for row in members]
    found += _required(rows, facts)
    if facts.notes and not any(row.is_enabled and row.target_object == NOTE for row in rows):
        make = "makes a note" if len(facts.notes) == 1 else "make notes"
        sentence = f"{', '.join(facts.notes)} {make}, and the list Outbound: Note has no row, so no note is sent."
        found.append(Finding("", f"{sentence} Add a row there, or untick the action under Event Triggers.", "warning"))
    outbound, inbound = ([row for row in rows if row.direction == side] for side in (OUTBOUND, INBOUND))
    found += [Finding(one.key, one.sentence, "warning") for one in advice.contradictions(outbound, inbound)]
    return sorted(dict.fromkeys(found), key=lambda finding: finding.severity)


def _set_findings(members: Sequence[PageRow]) -> list[Finding]:
    """Of one direction and object. A row that is off may fill the target of another."""
    on = [row for row in members if row.is_enabled]
    off = [row for row in members if not row.is_enabled]
    findings = []
    for group in (on, *([row] for row in off)):
        for problem in validate([row.row() for row in group]):
            findings.append(Finding(group[problem.index].key, problem.sentence, problem.severity))
    return findings


def _script_findings(row: PageRow, scripts: ScriptChecker) -> list[Finding]:
    script = row.options.get("script")
    if row.action != "custom" or not isinstance(script, str) or not script.strip():
        return []
    try:
        scripts.check(script, name=row.label or row.target or "of this row")
    except MappingError as error:
        return [Finding(row.key, error.sentence)]
    return []


def _required(rows: Sequence[PageRow], facts: Facts) -> list[Finding]:
    """Fields that a new record needs. What a script fills cannot be seen here, so beside one it is only advice."""
    main = [row for row in rows if row.direction == OUTBOUND and not row.target_object and row.is_enabled]
    found = []
    if main:
        missing = advice.required_missing(main, facts.known.get((OUTBOUND, ""), NOTHING).targets)
        severity: Literal["error", "warning"] = (
            "error" if facts.outbound_create and not facts.has_scripts else "warning"
        )
        found += [
            Finding(
                f"{OUTBOUND}.",
                f"{field['label']} ({field['path']}) is required in the external system and no outbound row fills it. "
                "Add a row; Set Static will do.",
                severity,
            )
            for field in missing
        ]
    inbound = [row for row in rows if row.direction == INBOUND and row.is_enabled]
    if inbound and (paths := advice.inbound_missing(inbound)):
        sentence = f"A new work order needs these too before it can be published: {', '.join(paths)}."
        found.append(Finding(f"{INBOUND}.", f"{sentence} No inbound row fills them.", "warning"))
    return found
