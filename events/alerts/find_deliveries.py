"""What is wrong with deliveries: given up, waiting for a person, in a loop, in the way of others, or not begun."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from connectors.models import Connector
from events import dead_letters
from events.states import State

from . import read_deliveries
from .findings import Finding, Look
from .kinds import KINDS, Kind
from .read_deliveries import Example, Held, Stopped
from .rules import Rules

OWN_KIND: Mapping[str, str] = {"waiting_auth": Kind.AUTH_FAILURE, "waiting_loop": Kind.LOOP_SUSPECTED}
"""Reasons of waiting that have a rule of their own."""

Names = Mapping[int, Connector]


def find(look: Look, rules: Rules, names: Names, now: datetime) -> None:
    """Add what the deliveries tell; four queries at most."""
    minutes, otherwise = _minutes(rules)
    rows = [row for row in read_deliveries.stopped(minutes=minutes, otherwise=otherwise) if row.connector_id in names]
    examples = read_deliveries.examples([seq for row in rows for seq in {row.newest, row.newest_old} if seq])
    _unsure(look, rows)
    for row in rows:
        look.findings.append(_stopped(row, names[row.connector_id], examples))
    if rules.is_any_on(Kind.LANE_BLOCKED):
        held = read_deliveries.held(minutes=minutes, otherwise=otherwise)
        look.findings += _blocked(rows, held, names, examples)
    if rules.is_any_on(Kind.QUEUE_AGE):
        look.findings += _late(rules, names, now)


def _minutes(rules: Rules) -> tuple[dict[int, int], int]:
    """By connector, and otherwise, for how long a record may stand still."""
    own = {rule.connector_id: rule.minutes or 0 for rule in rules.own(Kind.LANE_BLOCKED)}
    otherwise = own.pop(None, 0)
    return {id: minutes for id, minutes in own.items() if id is not None}, otherwise


def _unsure(look: Look, rows: list[Stopped]) -> None:
    if read_deliveries.is_capped(rows, State.DEAD):
        look.unsure.add(Kind.DEAD_LETTER)
    if read_deliveries.is_capped(rows, State.WAITING):
        look.unsure |= {Kind.FAILED_OPERATION, Kind.LANE_BLOCKED, *OWN_KIND.values()}


def _stopped(row: Stopped, connector: Connector, examples: Mapping[int, Example]) -> Finding:
    kind = Kind.DEAD_LETTER if row.state == State.DEAD else OWN_KIND.get(row.reason, Kind.FAILED_OPERATION)
    capped = row.total >= read_deliveries.READ
    example = examples.get(row.newest)
    return Finding(
        kind=kind,
        connector_id=row.connector_id,
        code=row.reason,
        count=row.total,
        is_capped=capped,
        mark=row.newest,
        sentence=_sentence(kind, _number(row.total, capped), row.total == 1, connector.name, row.reason),
        advice=dead_letters.ADVICE.get(row.reason, KINDS[kind].advice),
        example=f"{example.subject}: {example.sentence}" if example else "",
        example_delivery=example.id if example else None,
        since=row.first_at,
    )


def _sentence(kind: str, number: str, is_one: bool, connector: str, reason: str) -> str:
    class_ = reason.removeprefix("waiting_").replace("_", " ") or "no reason given"
    if kind == Kind.DEAD_LETTER:
        return f"{number} {'delivery' if is_one else 'deliveries'} of {connector} given up ({class_})."
    wait = "delivery waits" if is_one else "deliveries wait"
    if kind == Kind.LOOP_SUSPECTED:
        return f"{number} {wait} at {connector}: a record goes back and forth between the two systems."
    if kind == Kind.AUTH_FAILURE:
        return f"{number} {wait} at {connector}: credentials or rights were refused."
    return f"{number} {wait} for a person at {connector} ({class_})."


def _blocked(
    rows: list[Stopped], held: Mapping[int, Held], names: Names, examples: Mapping[int, Example]
) -> list[Finding]:
    """One finding a connector, however many of its records stand still."""
    waiting: dict[int, list[Stopped]] = defaultdict(list)
    for row in rows:
        if row.state == State.WAITING and row.old:
            waiting[row.connector_id].append(row)
    found: list[Finding] = []
    for id in sorted({*waiting, *held} & names.keys()):
        parts, by_people = waiting[id], held.get(id)
        count = sum(row.old for row in parts)
        newest = max((row.newest_old for row in parts), default=0)
        found.append(_one_blocked(names[id], count, by_people, examples.get(newest), newest, parts))
    return found


def _one_blocked(
    connector: Connector, count: int, held: Held | None, example: Example | None, newest: int, parts: list[Stopped]
) -> Finding:
    said = []
    if count:
        capped = count >= read_deliveries.READ
        said.append(f"{_number(count, capped)} {'waits' if count == 1 else 'wait'} for a person")
    if held:
        said.append(f"{held.total:,} {'is' if held.total == 1 else 'are'} held back, the first by {held.held_by}")
    firsts = [row.first_old_at for row in parts if row.first_old_at]
    total = count + (held.total if held else 0)
    return Finding(
        kind=Kind.LANE_BLOCKED,
        connector_id=connector.pk,
        count=total,
        is_capped=count >= read_deliveries.READ,
        mark=newest,
        sentence=f"{'A record' if total == 1 else 'Records'} of {connector.name} cannot go on: {'; '.join(said)}.",
        advice=KINDS[Kind.LANE_BLOCKED].advice,
        example=f"{example.subject}: {example.sentence}" if example else "",
        example_delivery=example.id if example else None,
        since=min([*firsts, *([held.first_at] if held else [])]),
    )


def _late(rules: Rules, names: Names, now: datetime) -> list[Finding]:
    found: list[Finding] = []
    for id, since in read_deliveries.due_since().items():
        minutes = rules.of(Kind.QUEUE_AGE, id).minutes or 0
        if id not in names or now - since <= timedelta(minutes=minutes):
            continue
        sentence = f"Work of {names[id].name} is due since {since:%Y-%m-%d %H:%M} UTC and was not begun."
        found.append(
            Finding(
                kind=Kind.QUEUE_AGE,
                connector_id=id,
                sentence=sentence,
                advice=KINDS[Kind.QUEUE_AGE].advice,
                since=since,
            )
        )
    return found


def _number(count: int, capped: bool) -> str:
    return f"{count:,}+" if capped else f"{count:,}"
