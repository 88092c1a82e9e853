"""Take what the Event Triggers page posts: check all of it, write it in place, publish one version."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import ValidationError
from django.db.models import F, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat

from broker_project.lib.errors import MappingError
from connectors.models import Connector
from events import catalogue
from events.deliver import scripts
from events.differences import difference
from events.models import ConfigVersion, EventTrigger
from events.versions import publish

from .base import Problem, Refused
from .trigger_state import FIELDS, MOST_ACTIONS, mapped_objects, target_objects

MOST_TRIGGERS: Final = MOST_ACTIONS * len(catalogue.EVENTS)
FILTER_CHARACTERS: Final = 20_000
COMMENT_CHARACTERS: Final = 200
KEY_CHARACTERS: Final = 40
UNREADABLE: Final = "The page sent something that cannot be read. Load it again."
GONE: Final = "This action is not there any more. Remove it, or load the page again."


@dataclass(frozen=True)
class Saved:
    """``changes`` are sentences; without any the number is the one that was there."""

    number: int
    changes: list[str]


def save(connector: Connector, data: Mapping[str, Any], *, user: Any) -> Saved:
    """Store the triggers as posted, in the caller's transaction. Raises Refused with every problem.

    Waits for others who are saving this connector; refuses when one of them has published since the page was loaded.
    """
    posted = _posted(data)
    comment = _comment(data)
    # Locked in the order in which an editor's statements lock them: the rows, then their connector.
    rows = EventTrigger.objects.select_for_update(no_key=True).filter(connector_id=connector.pk).order_by("id")
    stored = {row.pk: row for row in rows}
    before = _version(connector, publish(connector.pk), expected=data.get("version"))
    held = {id: _values(row) for id, row in stored.items()}
    taken = _taken(connector, posted, stored)
    _write(taken, held)
    number = publish(connector.pk, user=user.get_username(), comment=comment)
    if number == before.number:
        return Saved(number, [])
    changes = difference(before.snapshot, ConfigVersion.objects.get(connector=connector, number=number).snapshot)
    _note(connector, user, f"Event triggers saved as version {number}: {' '.join(changes)}")
    return Saved(number, changes)


def check_script(script: str, *, name: str) -> Problem | None:
    """What keeps ``script`` from being compiled; ``at`` is the line, from 1, "" where none is known."""
    try:
        scripts().check(script, name=name)
    except MappingError as error:
        return Problem(str(error.line or ""), error.sentence)
    return None


# --- what was posted --------------------------------------------------------------------------------------------------


def _posted(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    posted = data.get("triggers")
    if not isinstance(posted, list) or not all(_is_entry(entry) for entry in posted):
        raise Refused([Problem("", UNREADABLE)])
    if len(posted) > MOST_TRIGGERS:
        raise Refused([Problem("", f"There are {len(posted)} actions; at most {MOST_TRIGGERS} can be saved.")])
    ids = [entry["id"] for entry in posted if entry["id"] is not None]
    if len(ids) != len(set(ids)):
        raise Refused([Problem("", UNREADABLE)])
    return posted


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not all(name in entry for name in ("key", "id", *FIELDS)):
        return False
    texts = all(isinstance(entry[name], str) for name in FIELDS if name not in ("filters", "is_enabled"))
    number = entry["id"] is None or type(entry["id"]) is int
    return texts and number and isinstance(entry["key"], str) and type(entry["is_enabled"]) is bool


def _comment(data: Mapping[str, Any]) -> str:
    comment = data.get("comment", "")
    if not isinstance(comment, str) or len(comment) > COMMENT_CHARACTERS:
        raise Refused([Problem("comment", f"The note for the history takes {COMMENT_CHARACTERS} characters at most.")])
    return comment.strip()


def _version(connector: Connector, number: int, *, expected: Any) -> ConfigVersion:
    version = ConfigVersion.objects.get(connector=connector, number=number)
    if number != expected:
        who = f"{version.user} saved version {number}" if version.user else f"Version {number} was made"
        sentence = (
            f"{who} after you opened this page. Nothing of yours is lost: take over what changed, then save again."
        )
        raise Refused([Problem("version", sentence)])
    return version


# --- check ------------------------------------------------------------------------------------------------------------


def _taken(
    connector: Connector, posted: Sequence[Mapping[str, Any]], stored: Mapping[int, EventTrigger]
) -> list[EventTrigger]:
    """The rows as they shall be, in order of their events, positions set. Raises Refused."""
    mapped = mapped_objects(connector.pk)
    objects = {offered["value"] for offered in target_objects(connector.pk, stored.values(), mapped)}
    problems: list[Problem] = []
    by_event: dict[str, list[EventTrigger]] = defaultdict(list)
    for entry in posted:
        row = stored.get(entry["id"]) or EventTrigger(connector=connector)
        if entry["id"] is not None and (row.pk is None or row.event_type != entry["event_type"]):
            problems.append(Problem(f"{entry['key'][:KEY_CHARACTERS]}.action", GONE))
            continue
        for name in FIELDS:
            setattr(row, name, entry[name])
        problems += _problems(row, entry["key"][:KEY_CHARACTERS], objects)
        by_event[row.event_type].append(row)
    problems += _too_many(by_event)
    if problems:
        raise Refused(problems)
    for rows in by_event.values():
        for row, position in zip(rows, _positions(rows), strict=True):
            row.position = position
    return [row for rows in by_event.values() for row in rows]


def _problems(row: EventTrigger, key: str, objects: Iterable[str]) -> list[Problem]:
    found: list[Problem] = []
    try:
        row.full_clean(exclude=["connector", "position"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        found = [Problem(f"{key}.{name}", text) for name, texts in error.message_dict.items() for text in texts]
    if row.target_object not in objects:
        found.append(Problem(f"{key}.target_object", f"This connector has no object “{row.target_object[:50]}”."))
    if len(json.dumps(row.filters)) > FILTER_CHARACTERS:
        found.append(Problem(f"{key}.filters", "The filter is too long. Use fewer conditions or shorter lists."))
    if row.action == EventTrigger.Action.SCRIPT and row.script.strip():
        problem = check_script(row.script, name=row.event_type)
        found += [Problem(f"{key}.script", problem.sentence)] if problem else []
    return found


def _too_many(by_event: Mapping[str, Sequence[EventTrigger]]) -> list[Problem]:
    return [
        Problem(constant[:60], f"{len(rows)} actions; one event takes {MOST_ACTIONS} at most. Remove some.")
        for constant, rows in by_event.items()
        if len(rows) > MOST_ACTIONS
    ]


def _positions(rows: Sequence[EventTrigger]) -> list[int]:
    """As stored where that is their order already, so that nothing seems changed; else counted from 0."""
    given: list[int] = []
    for row in rows:
        given.append(row.position if row.pk is not None else (given[-1] + 1 if given else 0))
    in_order = all(one < next for one, next in pairwise(given))
    return given if in_order else list(range(len(rows)))


# --- write ------------------------------------------------------------------------------------------------------------


def _values(row: EventTrigger) -> tuple[Any, ...]:
    return (*(getattr(row, name) for name in FIELDS), row.position)


def _write(taken: Sequence[EventTrigger], held: Mapping[int, tuple[Any, ...]]) -> None:
    """Update in place what differs, delete what is missing, add what is new. ``held``: what the table holds, by id."""
    kept = [row for row in taken if row.pk is not None]
    gone = held.keys() - {row.pk for row in kept}
    if gone:
        EventTrigger.objects.filter(pk__in=gone).delete()
    moved = [row.pk for row in kept if held[row.pk][-1] != row.position]
    if moved:
        # Two that change places would meet at one position on the way: each steps aside first, to an event of its own.
        aside = Concat(Value("~"), Cast(F("pk"), CharField()))
        EventTrigger.objects.filter(pk__in=moved).update(event_type=aside)
    changed = [row for row in kept if _values(row) != held[row.pk]]
    EventTrigger.objects.bulk_update(changed, [*FIELDS, "position"])
    EventTrigger.objects.bulk_create([row for row in taken if row.pk is None])


def _note(connector: Connector, user: Any, message: str) -> None:
    LogEntry.objects.log_actions(
        user_id=user.pk,
        queryset=Connector.objects.filter(pk=connector.pk),
        action_flag=CHANGE,
        change_message=message[:2000],
        single_object=True,
    )
