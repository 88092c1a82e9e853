"""Which connectors and triggers an event matches, and for the others why not. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mappings.filters import Filter
from mappings.inputs import outbound_input

from .sentences import explain


@dataclass(frozen=True)
class TriggerFacts:
    """What routing needs of an EventTrigger. ``filters`` is its JSON text, "" for all work orders."""

    id: int
    event_type: str
    action: str
    filters: str = ""
    delivery_mode: str = "each"
    target_object: str = ""


@dataclass(frozen=True)
class ConnectorFacts:
    """What routing needs of a connector: its status and the ticked triggers, in order, of configuration ``version``."""

    id: int
    name: str
    status: str
    triggers: Sequence[TriggerFacts] = field(default_factory=tuple)
    version: int = 0
    newest_only: Sequence[int] = ()
    """Ids of its triggers of which only the newest waiting update of a record counts."""


@dataclass(frozen=True)
class Match:
    """One delivery to make. ``held`` is the sentence why it waits, empty when it may run at once."""

    connector: ConnectorFacts
    trigger: TriggerFacts
    held: str = ""


@dataclass(frozen=True)
class NoMatch:
    """One connector (and trigger, when one was looked at) for which there is nothing to do, and why."""

    connector: ConnectorFacts
    code: str
    sentence: str
    trigger: TriggerFacts | None = None


@lru_cache(maxsize=1024)
def _filter(text: str) -> Filter:
    return Filter.parse(json.loads(text))


def compares(event_type: str, connectors: Sequence[ConnectorFacts]) -> bool:
    """Whether a filter has to know the last event of the work order before one of this type."""
    return any(
        _filter(trigger.filters).compares
        for connector in connectors
        if connector.status != "disabled"
        for trigger in connector.triggers
        if trigger.event_type == event_type and trigger.filters
    )


def route(
    *,
    event_type: str,
    payload: Mapping[str, Any],
    connectors: Sequence[ConnectorFacts],
    previous: Mapping[str, Any] | None = None,
) -> tuple[list[Match], list[NoMatch]]:
    """Match one work-order event against the connectors of its company.

    ``previous`` is the payload of the work order's last event before, where there is one and ``compares`` asks for it.
    """
    matches: list[Match] = []
    others: list[NoMatch] = []
    lifted: dict[str, Any] | None = None
    before: dict[str, Any] | None = None
    for connector in connectors:
        if connector.status == "disabled":
            why = explain("connector_disabled", connector=connector.name)
            others.append(NoMatch(connector, "connector_disabled", why))
            continue
        ticked = [trigger for trigger in connector.triggers if trigger.event_type == event_type]
        if not ticked:
            sentence = explain("not_ticked", event=event_type, connector=connector.name)
            others.append(NoMatch(connector, "not_ticked", sentence))
            continue
        held = explain("connector_paused", connector=connector.name) if connector.status == "paused" else ""
        for trigger in ticked:
            if trigger.filters:
                if lifted is None:
                    lifted = outbound_input(dict(payload))
                    before = outbound_input(dict(previous)) if previous is not None else None
                verdict = _filter(trigger.filters).check(lifted, before)
                if not verdict.matched:
                    sentence = explain("filtered", reason=verdict.reason)
                    others.append(NoMatch(connector, "filtered", sentence, trigger))
                    continue
            matches.append(Match(connector, trigger, held))
    return matches, others
