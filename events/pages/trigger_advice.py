"""What is doubtful about a choice of events and actions, said where it stands. Nothing here forbids saving. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from events import catalogue
from events.catalogue import WorkOrderEvent

ENDS: Final = ("FN_WO_CANCELLED", "FN_WO_DELETED")
FOR_THE_PAGE: Final = {
    "nothing_ticked": "No event is ticked, so nothing is sent. Begin with the preset Minimal.",
    "no_end": "Neither Cancelled nor Deleted is ticked: external records stay open when a work order ends that way.",
    "no_note_mapping": "A ticked event brings messages or makes a note, and there is no outbound mapping for notes, so "
    "no note is sent. Add a row under Field Mappings, in the list Outbound: Note.",
}
NOTE: Final = "note"
MESSAGES: Final = frozenset(
    event.constant for event in catalogue.SECTIONS["Messages & Communication"] if "MESSAGE" in event.constant
)
NAMED: Final = 3
"""Events that a sentence names; of more it says how many."""


@dataclass(frozen=True)
class Ticked:
    """One action of a ticked event."""

    event_type: str
    action: str = "update"
    target_object: str = ""
    delivery_mode: str = "each"


@dataclass(frozen=True)
class Facts:
    """What the advice needs of the connector. ``mapped``: target objects that have outbound mapping rows; ``limited``:
    its calls per minute are limited."""

    outbound_create: bool
    limited: bool
    mapped: Collection[str]


@dataclass(frozen=True)
class Advice:
    """``event`` is the constant it is about, "" for the page as a whole."""

    event: str
    code: str
    sentence: str


def advise(ticked: Sequence[Ticked], facts: Facts) -> list[Advice]:
    """For the whole page first, then by event in page order."""
    by_event: dict[str, list[Ticked]] = {}
    for one in ticked:
        by_event.setdefault(one.event_type, []).append(one)
    found = [*_page(by_event), *_notes(ticked, facts)]
    for event in catalogue.EVENTS:
        actions = by_event.get(event.constant)
        if actions:
            found += [*_overlaps(event, by_event), *_traffic(event, actions, facts), *_actions(event, actions, facts)]
    return found


def _page(by_event: Mapping[str, object]) -> Iterator[Advice]:
    if not by_event:
        yield Advice("", "nothing_ticked", FOR_THE_PAGE["nothing_ticked"])
    elif not any(constant in by_event for constant in ENDS):
        yield Advice("", "no_end", FOR_THE_PAGE["no_end"])


def _notes(ticked: Sequence[Ticked], facts: Facts) -> Iterator[Advice]:
    """What makes a note, and messages that no script takes care of."""
    if NOTE not in facts.mapped and any(
        one.target_object == NOTE or (one.event_type in MESSAGES and one.action != "script") for one in ticked
    ):
        yield Advice("", "no_note_mapping", FOR_THE_PAGE["no_note_mapping"])


def _overlaps(event: WorkOrderEvent, by_event: Collection[str]) -> Iterator[Advice]:
    for overlap in event.overlaps:
        others = [constant for constant in overlap.others if constant in by_event]
        if catalogue.GENERAL_UPDATE in others:
            continue  # said once, at the general event
        if others:
            yield Advice(event.constant, "overlap", f"{_named(others)} ticked too. {overlap.rule}")


def _traffic(event: WorkOrderEvent, actions: Sequence[Ticked], facts: Facts) -> Iterator[Advice]:
    if event.webhook_grade == "none":
        sentence = (
            "No webhook of Field Nation brings this event. It runs only when something sends it to POST /events/."
        )
        yield Advice(event.constant, "no_webhook", sentence)
    elif event.webhook_grade == "weak":
        yield Advice(event.constant, "weak_webhook", event.webhook_note)
    if not event.high_frequency:
        return
    merging = [one for one in actions if one.action == "update"] if event.mergeable else []
    if any(one.delivery_mode == "each" for one in merging):
        sentence = "It comes often. Choose “Newest state only”, so that waiting updates of one record become one."
        yield Advice(event.constant, "often", sentence)
    elif not merging and not facts.limited:
        sentence = (
            "It comes often, and each one is sent. Add a filter, or limit the calls per minute in Settings, when the "
            "external system is slow."
        )
        yield Advice(event.constant, "often", sentence)


def _actions(event: WorkOrderEvent, actions: Sequence[Ticked], facts: Facts) -> Iterator[Advice]:
    creates_main = any(one.action == "create" and not one.target_object for one in actions)
    if creates_main and not facts.outbound_create:
        sentence = (
            "Create Record makes a record only while Outbound Create is on, and it is off: work orders without a "
            "linked record are skipped. Switch it on in Settings."
        )
        yield Advice(event.constant, "create_is_off", sentence)
    objects = dict.fromkeys(one.target_object for one in actions if one.action != "script")
    for target in objects:
        if target not in facts.mapped:
            what = f"“{target}”" if target else "the main record"
            sentence = f"There is no outbound mapping for {what}, so nothing is sent. Add one under Field Mappings."
            yield Advice(event.constant, "no_mappings", sentence)


def _named(constants: Sequence[str]) -> str:
    names = [catalogue.by_constant(constant).name for constant in constants]
    if len(names) > NAMED:
        return f"{len(names)} other events are"
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"
