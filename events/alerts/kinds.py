"""What can be watched for: texts, defaults and the numbers that a rule of each kind has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from connectors.expiry import NEAR_DAYS
from synclog.alert_models import AlertRule

Kind = AlertRule.Kind

WINDOWS: Final = (5, 15, 60)
"""Minutes over which an error rate may be taken: each window costs one query, however many rules there are."""

HOURS: Final = (1, 6, 24, 72, 168)
"""Hours of silence: as with the windows, each costs one query."""


@dataclass(frozen=True)
class Number:
    """One number of a rule: its label, its value in the installation's rule, and what it may be."""

    label: str
    default: float
    least: float = 0
    most: float = 1_000_000
    choices: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Watched:
    """``meaning`` says when the rule finds something, ``when`` the same in short with the rule's fields in braces;
    ``numbers`` by the rule's field. ``is_grave``: nothing goes on
    until a person acts. ``per_connector``: whether a connector can have a rule of its own."""

    meaning: str
    advice: str
    numbers: Mapping[str, Number] = field(default_factory=dict)
    when: str = "at once"
    is_grave: bool = True
    is_on: bool = True
    per_connector: bool = True


KINDS: Final[Mapping[str, Watched]] = {
    Kind.FAILED_OPERATION: Watched(
        meaning="A delivery stopped and waits for a person: the outcome of a write is unknown, both sides changed a "
        "field, a setting is missing, or the broker itself failed.",
        advice="Open the deliveries that wait and decide each one.",
    ),
    Kind.DEAD_LETTER: Watched(
        meaning="A delivery was given up: the record was refused, or all its attempts failed.",
        advice="Open the dead letters, correct the cause, then retry or discard them.",
    ),
    Kind.AUTH_FAILURE: Watched(
        meaning="The external system or Field Nation refused the credentials or their rights.",
        advice="Correct the credentials or their rights, test the connection, then resume the connector.",
    ),
    Kind.CREDENTIALS_EXPIRING: Watched(
        meaning="The day until which the credentials of a connector or of a Field Nation account are valid is near, or "
        "has passed.",
        advice="Get new credentials, save them, test the connection, then enter until when the new ones are valid.",
        numbers={"limit": Number("Days before their last day", NEAR_DAYS, most=365)},
        is_grave=False,
        when="{limit:g} days before their last day",
    ),
    Kind.ERROR_RATE: Watched(
        meaning="Too many of the attempts within the window failed.",
        advice="Look at the errors by class on the dashboard, then at the connector's integration logs.",
        numbers={
            "limit": Number("Failed attempts in percent, more than", 20, most=99.9),
            "minutes": Number("Within the last minutes", 15, choices=WINDOWS),
            "minimum": Number("When there were at least this many attempts", 20, least=1),
        },
        is_grave=False,
        when="more than {limit:g} % of at least {minimum} attempts within {minutes} minutes failed",
    ),
    Kind.QUEUE_AGE: Watched(
        meaning="Work of an active connector is due and was not begun for so long.",
        advice="Look whether workers are alive and whether the system answers; add workers when it is only much.",
        numbers={"minutes": Number("Due for more than minutes", 15, least=1)},
        is_grave=False,
        when="work is due for more than {minutes} minutes",
    ),
    Kind.NO_EVENTS: Watched(
        meaning="No event came that the connector has anything to do with: neither a ticked one nor a trigger.",
        advice="Look whether the webhook is active at Field Nation and whether the sender reaches this address.",
        numbers={"limit": Number("For the last hours", 24, choices=HOURS)},
        is_grave=False,
        is_on=False,
        when="none for {limit:g} hours",
    ),
    Kind.LANE_BLOCKED: Watched(
        meaning="The first delivery of a record waits for a person, or somebody holds the record back, for so long; "
        "what came after it waits too.",
        advice="Open the blocked lanes; retry or skip the first in line, or release what is held.",
        numbers={"minutes": Number("For more than minutes", 60, least=1)},
        is_grave=False,
        when="a record stands still for more than {minutes} minutes",
    ),
    Kind.BREAKER_OPEN: Watched(
        meaning="The external system failed several times in a row, so that nothing is sent to it but probes.",
        advice="Nothing is lost, and it goes on by itself. Look whether the system is up and its address is right.",
        numbers={"minutes": Number("For more than minutes", 1)},
        when="for more than {minutes} min",
    ),
    Kind.LOOP_SUSPECTED: Watched(
        meaning="A record was written back and forth so often that it looks like an endless exchange.",
        advice="Look for two mappings that contradict each other, or a rule in the other system that changes the value "
        "again; then retry.",
    ),
    Kind.WORKER_MISSING: Watched(
        meaning="A worker process stopped giving signs of life without having been stopped, or none is there at all.",
        advice="Look at the output of the worker processes and start them again. Nothing is lost meanwhile.",
        numbers={"minutes": Number("Silent for more than minutes", 2, least=1)},
        per_connector=False,
        when="silent for more than {minutes} minutes",
    ),
    Kind.WEBHOOK_INACTIVE: Watched(
        meaning="Field Nation has no active webhook that leads here. It is asked every hour.",
        advice="Set the webhook active again in Field Nation, then catch up on webhooks on the company's page.",
        per_connector=False,
    ),
}
