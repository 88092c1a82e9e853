"""What a run does, drawn from its seed: the records, what is sent about them and when, and what goes wrong. Pure."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["posted", "noted", "poisonous", "hostile", "twin", "born"]
Door = Literal["post", "webhook", "open", "field", "street", "subject", "trigger"]

SENDS_PER_SECOND = 40
RECORDS_PER_SEND = 0.1
SHARES: dict[Kind, float] = {
    "posted": 0.5, "noted": 0.12, "poisonous": 0.02, "hostile": 0.01, "twin": 0.2, "born": 0.15
}  # fmt: skip
UPDATES = ("FN_WO_SCHEDULE_UPDATED", "FN_WO_DONE", "FN_WO_ASSIGNED")
NOTE = "FN_WO_PROVIDER_CHECKED_IN"
HOSTILE = "FN_WO_DELAYED"
FIRST_WORK_ORDER = 700_000
SKEW_SECONDS = 20.0


@dataclass(frozen=True)
class Record:
    """One thing that both sides may know. ``posted`` ones exist in the prover's events only, ``twin`` ones begin in
    Field Nation, ``born`` ones as a ticket; ``poisonous`` ones are refused by the storm desk, always; ``hostile`` ones
    also run into an endless script; ``noted`` ones get notes beside updates."""

    number: int
    kind: Kind

    @property
    def work_order(self) -> int:
        """The work order's id, for a record that the prover itself invented."""
        return FIRST_WORK_ORDER + self.number


@dataclass(frozen=True)
class Send:
    """One change of a record: ``at`` seconds after the start, through ``door``. ``serial`` counts per record.

    ``repeats`` are sent on top, as duplicates. ``skew`` seconds are added to the event's own time.
    """

    at: float
    record: Record
    serial: int
    door: Door
    event: str = ""
    repeats: int = 0
    skew: float = 0.0


@dataclass(frozen=True)
class Disturbance:
    """Something that goes wrong at ``at`` and, for those that last, is put right ``seconds`` later.

    ``choice`` is a random number from 0 to 1 for whatever is left to choose.
    """

    at: float
    kind: str
    seconds: float
    choice: float


@dataclass(frozen=True)
class Plan:
    """A whole run."""

    seed: int
    seconds: float
    records: tuple[Record, ...]
    sends: tuple[Send, ...]
    disturbances: tuple[Disturbance, ...]


LASTING: dict[str, tuple[float, float]] = {
    "kill_worker": (0.3, 2.0),
    "kill_web": (0.2, 1.0),
    "kill_beat": (0.5, 3.0),
    "celery_broker_gone": (1.0, 3.0),
    "storm_429": (1.0, 3.0),
    "storm_503": (1.0, 3.0),
    "pause": (1.0, 3.0),
}
"""Shortest and longest duration, in seconds."""
MOMENTARY = (
    "kill_worker_child", "restart_postgres", "lost_create_answers", "late_answers", "cut_connections",
    "slow_answers", "field_nation_faults", "save_configuration",
)  # fmt: skip
KINDS = (*LASTING, *MOMENTARY)
FAVOURITES = ("kill_worker", "kill_worker_child", "lost_create_answers")
"""Happen more often than the others: they are what a queue is most likely to get wrong."""
SECONDS_PER_DISTURBANCE = 1.3


def make_plan(seed: int, *, events: int) -> Plan:
    """The run of this seed: about ``events`` sends in ``events / 40`` seconds."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    seconds = max(10.0, events / SENDS_PER_SECOND)
    records = _records(rng, max(12, round(events * RECORDS_PER_SEND)))
    return Plan(seed, seconds, records, _sends(rng, records, events, seconds), _disturbances(rng, seconds))


def _records(rng: random.Random, count: int) -> tuple[Record, ...]:
    kinds: list[Kind] = [kind for kind, share in SHARES.items() for _ in range(max(1, round(count * share)))]
    rng.shuffle(kinds)
    return tuple(Record(number, kind) for number, kind in enumerate(kinds, start=1))


def _sends(rng: random.Random, records: Sequence[Record], events: int, seconds: float) -> tuple[Send, ...]:
    """Every record opens once; the other sends fall on random records at random times."""
    times: dict[Record, list[float]] = defaultdict(list)
    for record in records:
        times[record].append(rng.uniform(0, seconds * 0.4))
    for _ in range(max(0, events - len(records))):
        record = rng.choice(records)
        times[record].append(rng.uniform(times[record][0], seconds))
    found: list[Send] = []
    for record in records:
        mine = [_send(rng, record, serial, at) for serial, at in enumerate(sorted(times[record]))]
        found.extend(_reordered(rng, mine))
    return tuple(sorted(found, key=lambda send: send.at))


def _send(rng: random.Random, record: Record, serial: int, at: float) -> Send:
    skew = rng.uniform(-SKEW_SECONDS, SKEW_SECONDS) if rng.random() < 0.04 else 0.0
    repeats = rng.choice((0, 0, 0, 0, 0, 0, 1, 2))
    if record.kind in ("twin", "born"):
        doors: tuple[Door, ...] = ("field", "street", "field", "subject") if record.kind == "twin" else (
            "street", "subject", "trigger"
        )  # fmt: skip
        return Send(at, record, serial, "open" if serial == 0 else rng.choice(doors), repeats=repeats)
    door: Door = rng.choice(("post", "post", "webhook"))
    event = rng.choice(UPDATES)
    if record.kind == "noted" and serial and rng.random() < 0.4:
        event = NOTE
    if record.kind == "hostile" and serial == 1:
        event = HOSTILE
    return Send(at, record, serial, door, event, repeats, skew)


def _reordered(rng: random.Random, sends: list[Send]) -> list[Send]:
    """Now and then a webhook overtakes the one before it: the later serial is sent first."""
    for place in range(1, len(sends) - 1):
        one, other = sends[place], sends[place + 1]
        if one.door == other.door == "webhook" and NOTE not in (one.event, other.event) and rng.random() < 0.3:
            gap = other.at - one.at  # its own time stays what it was
            sends[place] = replace(other, at=one.at, skew=other.skew + gap)
            sends[place + 1] = replace(one, at=other.at, skew=one.skew - gap)
    return sends


def _disturbances(rng: random.Random, seconds: float) -> tuple[Disturbance, ...]:
    """Each kind at least once, spread over the run; a calm beginning lets the first records be created."""
    count = max(len(KINDS), round(seconds / SECONDS_PER_DISTURBANCE))
    kinds = [*KINDS, *rng.choices((*KINDS, *FAVOURITES), k=count - len(KINDS))]
    rng.shuffle(kinds)
    gap = (seconds - 2.0) / len(kinds)
    return tuple(
        Disturbance(1.0 + gap * (place + rng.random()), kind, rng.uniform(*LASTING.get(kind, (0.0, 0.0))), rng.random())
        for place, kind in enumerate(kinds)
    )
