"""The Event Triggers page: which events are ticked, and what each of them does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest
from django.utils import timezone

from connectors.models import Connector
from events.models import EventTrigger

from . import filters, trigger_test
from .base import ConnectorPage, PageAct, Problem, Refused
from .trigger_advice import FOR_THE_PAGE, Ticked
from .trigger_save import COMMENT_CHARACTERS, MOST_TRIGGERS, UNREADABLE, check_script, save
from .trigger_state import (
    MOST_ACTIONS,
    advice_for,
    entries,
    known_events,
    mapped_objects,
    present,
    presets,
    sections,
    target_objects,
    ticked_of,
    triggers_of,
)
from .trigger_traffic import DAYS, traffic

SEE: Final = "events.view_eventtrigger"
CHANGE: Final = "events.change_eventtrigger"


class EventTriggersPage(ConnectorPage):
    name = "events"
    label = "Event Triggers"
    template = "broker/connector/event_triggers.html"
    permission = SEE
    scripts = ("broker/script_editor.js", "broker/filters.js", "broker/trigger_test.js", "broker/event_triggers.js")

    def context(self, request: HttpRequest, connector: Connector) -> Mapping[str, Any]:
        number, triggers = present(connector)
        mapped = mapped_objects(connector.pk)
        advice = advice_for(connector, ticked_of(triggers), mapped)
        state = {
            "version": number,
            "may_change": request.user.has_perm(CHANGE),
            "most_actions": MOST_ACTIONS,
            "events": known_events(),
            "presets": presets(),
            "triggers": entries(triggers),
            "advice": advice,
        }
        return {
            "state": state,
            "sections": sections(traffic(connector.company_id, now=timezone.now())),
            "days": DAYS,
            "ticked": {trigger.event_type for trigger in triggers if trigger.is_enabled},
            "set_up": {trigger.event_type for trigger in triggers},
            "page_advice": FOR_THE_PAGE,
            "given_advice": {one["code"] for one in advice if not one["event"]},
            "actions": EventTrigger.Action.choices,
            "failures": EventTrigger.OnFailure.choices,
            "objects": target_objects(connector.pk, triggers, mapped),
            "comment_characters": COMMENT_CHARACTERS,
        }

    def acts(self) -> Mapping[str, PageAct]:
        return {
            "save": PageAct(_save, CHANGE),
            "latest": PageAct(_latest, SEE),
            "advice": PageAct(_advice, SEE),
            "check_script": PageAct(_check_script, CHANGE),
            **filters.ACTS,
            **trigger_test.ACTS,
        }


def _save(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    saved = save(connector, data, user=request.user)
    count = len(saved.changes)
    sentence = f"Saved as version {saved.number}: {count} change{'' if count == 1 else 's'}."
    if not saved.changes:
        sentence = f"Nothing has changed; version {saved.number} stays."
    return {**_shown(connector, saved.number), "sentence": sentence, "changes": saved.changes}


def _latest(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """The triggers as they are stored now, for a page that was overtaken."""
    number, _ = present(connector)
    return _shown(connector, number)


def _shown(connector: Connector, number: int) -> dict[str, Any]:
    triggers = triggers_of(connector.pk)
    advice = advice_for(connector, ticked_of(triggers), mapped_objects(connector.pk))
    return {"version": number, "triggers": entries(triggers), "advice": advice}


def _advice(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """For a choice that is not saved: ``ticked`` is a list of [event, action, target object, delivery mode]."""
    posted = data.get("ticked")
    if not isinstance(posted, list) or len(posted) > MOST_TRIGGERS or not all(map(_is_choice, posted)):
        raise Refused([Problem("", UNREADABLE)])
    return {"advice": advice_for(connector, [Ticked(*choice) for choice in posted], mapped_objects(connector.pk))}


def _is_choice(choice: Any) -> bool:
    return isinstance(choice, list) and len(choice) == 4 and all(isinstance(part, str) for part in choice)


def _check_script(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    script, name = data.get("script"), data.get("name", "script")
    if not isinstance(script, str) or not isinstance(name, str):
        raise Refused([Problem("", UNREADABLE)])
    problem = check_script(script, name=name[:60])
    return {"line": problem.at, "sentence": problem.sentence} if problem else {"line": "", "sentence": ""}
