"""Can the mappings make what the target needs? Rows, required fields, scripts, values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from events.states import State

from .facts import Facts
from .places import page_of
from .record import delivery_evidence
from .verdict import Check, Evidence, no, unknown, yes

MAPPED: Final = "Are there mappings for it?"
COMPLETE: Final = "Are all required fields filled?"
GAVE: Final = "Did mappings and scripts run?"
VALUES: Final = "Did every field get its own value?"
NAMED: Final = 8
_NOTHING: Final = {
    "nothing_mapped": "Add outbound mappings whose sources are in the event, or defaults; then resync.",
    "nothing_sent": "Let the script return fields or operations for this event; then resync.",
    "script_skipped": "Change the script if this event is meant to be sent; then resync.",
    "resync_unread": "Correct the cause, then start the resync again.",
}


def _target_object(facts: Facts) -> str:
    delivery = facts.delivery
    if delivery is None or facts.inbound:
        return ""
    return next((trigger.target_object for trigger in facts.triggers if trigger.pk == delivery.trigger_id), "")


def _is_script(facts: Facts) -> bool:
    return facts.delivery is not None and facts.delivery.action == "script"


def mapped(facts: Facts) -> Check:
    direction = "inbound" if facts.inbound else "outbound"
    kind = _target_object(facts)
    rows = [row for row in facts.rows if row.is_enabled and row.direction == direction and row.target_object == kind]
    what = f"{direction} mappings" + (f" for “{kind}”" if kind else "")
    if rows:
        return yes(MAPPED, f"{len(rows)} {what} are on.")
    if _is_script(facts):
        return yes(MAPPED, "None are needed: a Custom Script makes the fields.")
    return no(
        MAPPED,
        f"{facts.name} has no {what} that are on, so there is nothing to write.",
        todo="Add rows on the Field Mappings page; the suggestions there are a beginning.",
        code="nothing_mapped",
        places=("mappings",),
        decides=not facts.ended_well,
    )


def complete(facts: Facts) -> Check:
    if facts.required is None:
        return unknown(
            COMPLETE,
            "The fields of the target were never read, so it is not known which are required.",
            todo="Press Refresh fields on the connector's page.",
            places=("settings",),
        )
    if _target_object(facts):
        return unknown(COMPLETE, "Required fields are known for the main record only.")
    if not facts.required:
        return yes(COMPLETE, "A row fills each field that is known to be required.")
    names = ", ".join(facts.required[:NAMED])
    needs = "Field Nation wants before it publishes a new work order" if facts.inbound else "a new record needs"
    return no(
        COMPLETE,
        f"No row fills what {needs}: {names}.",
        todo="Map these fields, or give them a value with Set Static.",
        code="validation",
        places=("mappings",),
        decides=facts.reason == "validation" and any(name in facts.sentence for name in facts.required),
    )


def gave(facts: Facts) -> Check:
    delivery, reason = facts.delivery, facts.reason
    if reason in _NOTHING:
        told = (delivery_evidence(delivery),) if delivery else ()
        unread = reason == "resync_unread"
        places = ("company", "jobs") if unread else ("mappings", "triggers", "jobs")
        return no(GAVE, facts.sentence, *told, *log_evidence(facts), todo=_NOTHING[reason], code=reason, places=places)
    if delivery is None:
        return unknown(GAVE, "It made no delivery, so nothing was mapped.")
    if reason == "transformation":
        details = facts.attempt.details if facts.attempt else {}
        where = [Evidence(name, str(details[name])) for name in ("target", "line") if details.get(name)]
        return no(
            GAVE,
            delivery.sentence,
            *where,
            *log_evidence(facts),
            todo="Correct the row or the script on the Field Mappings page, try it there on a sample, then retry.",
            code="transformation",
            places=("mappings", "triggers"),
        )
    if delivery.attempts == 0 and delivery.state in (State.PENDING, State.RETRYING):
        return unknown(GAVE, "It has not begun yet.")
    return yes(GAVE, "They ran without an error.", *log_evidence(facts))


def log_evidence(facts: Facts) -> tuple[Evidence, ...]:
    if facts.attempt is None:
        return ()
    text = f"attempt {facts.attempt.attempt}, mapping and calls"
    return (Evidence("log", text, page_of("synclog_synclog", facts.attempt.pk)),)


def values(facts: Facts) -> Check:
    """What was left empty or filled by a default: the usual reason for "only some fields"."""
    rows = facts.attempt.details.get("mapped") if facts.attempt else None
    if not isinstance(rows, list) or not rows:
        return unknown(VALUES, "No mapping is logged for it.")
    odd = [told for row in rows if isinstance(row, dict) and (told := _odd(row))[0]]
    if not odd:
        return yes(VALUES, f"All {len(rows)} rows found a value.", *log_evidence(facts))
    return no(
        VALUES,
        f"{len(odd)} of {len(rows)} rows found no value of their own.",
        *[Evidence(name, text) for name, text in odd[:NAMED]],
        *log_evidence(facts),
        todo="Compare the path of each with the payload, and the entries of its list with the real value.",
        code="some_fields",
        places=("mappings",),
        decides=False,
    )


def _odd(row: Mapping[str, Any]) -> tuple[str, str]:
    """The target and what is odd about its value; ("", "") when nothing is."""
    told = str(row.get("warning") or "")
    if row.get("left_out"):
        told = told or "nothing to write: its source was empty"
    elif row.get("default_used"):
        told = told or "the default was used"
    return (str(row.get("target") or "?"), told) if told else ("", "")


CHECKS = (mapped, complete, gave, values)
