"""The diagnosis as its template shows it: marks, links that this person may open, tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.html import format_html_join

from broker_project.lib.pages import Table, label, link, moment, to_change
from events.delivery_admin import STATE_COLOURS
from events.models import Delivery, Event

from .diagnosis import Diagnosis, Headline
from .errors import ERRORS, help_link
from .facts import Facts
from .gather import Found
from .places import Link, asking, links
from .verdict import Check, Evidence, Verdict

MOST_ROWS: Final = 20
MARKS: Final = {Verdict.YES: "is-good", Verdict.NO: "is-bad", Verdict.UNKNOWN: ""}
HEAD_MARKS: Final = {"success": "is-good", "warning": "is-held", "danger": "is-bad", "info": ""}
_PAGE_OF_MODEL: Final = re.compile(r"/admin/(\w+)/(\w+)/")


@dataclass(frozen=True)
class ShownCheck:
    check: Check
    mark: str
    evidence: Sequence[Evidence]
    links: Sequence[Link]
    help: Link | None
    is_first: bool


@dataclass(frozen=True)
class ShownGroup:
    title: str
    checks: Sequence[ShownCheck]


@dataclass(frozen=True)
class Card:
    """One connector. ``counts`` are the numbers of yes, no and cannot tell."""

    facts: Facts
    headline: Headline
    label: str
    mark: str
    evidence: Sequence[Evidence]
    links: Sequence[Link]
    help: Link | None
    groups: Sequence[ShownGroup]
    counts: str
    may_test: bool
    may_ask: bool


def card(diagnosis: Diagnosis, user: Any) -> Card:
    """What one connector's part of the page shows to ``user``."""
    facts, failing = diagnosis.facts, diagnosis.failing
    groups = [
        ShownGroup(group.title, [_check(one, facts, user, one is failing) for one in group.checks])
        for group in diagnosis.groups
    ]
    verdicts = [one.check.verdict for group in groups for one in group.checks]
    return Card(
        facts=facts,
        headline=diagnosis.headline,
        label=_label(diagnosis),
        mark=HEAD_MARKS[diagnosis.headline.kind],
        evidence=_evidence(diagnosis.headline.evidence, user),
        links=links(failing.places, user=user, connector=facts.connector) if failing else (),
        help=_help(failing, facts) if failing else None,
        groups=groups,
        counts=", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in Verdict),
        may_test=user.has_perm("connectors.change_connector"),
        may_ask=user.has_perm("connectors.change_company"),
    )


def _label(diagnosis: Diagnosis) -> str:
    facts = diagnosis.facts
    if facts.ended_well:
        return "In step"
    if facts.delivery is not None:
        return facts.delivery.get_state_display()
    return "Not sent" if facts.event is not None else "Nothing came in"


def _check(check: Check, facts: Facts, user: Any, is_first: bool) -> ShownCheck:
    return ShownCheck(
        check=check,
        mark="is-held" if check.fails and not check.decides else MARKS[check.verdict],
        evidence=_evidence(check.evidence, user),
        links=links(check.places, user=user, connector=facts.connector),
        help=_help(check, facts),
        is_first=is_first,
    )


def _help(check: Check, facts: Facts) -> Link | None:
    address = help_link(check.code, facts.connector.pk)
    return Link(ERRORS[check.code].title, address) if address else None


def _evidence(evidence: Sequence[Evidence], user: Any) -> list[Evidence]:
    """Links only to pages that this person may open."""
    return [
        one if not one.address or _may_open(one.address, user) else Evidence(one.name, one.value) for one in evidence
    ]


def _may_open(address: str, user: Any) -> bool:
    found = _PAGE_OF_MODEL.search(address)
    return found is None or user.has_perm(f"{found[1]}.view_{found[2]}")


def history(found: Found, connectors: dict[int, str]) -> Table | None:
    """What came in about the record, newest first, with what became of it at each connector."""
    if not found.events:
        return None
    of_event: dict[Any, list[Delivery]] = {}
    for delivery in found.deliveries:
        of_event.setdefault(delivery.event_id, []).append(delivery)
    rows = [_row(event, of_event.get(event.pk, []), connectors) for event in found.events[:MOST_ROWS]]
    more = f", the newest {MOST_ROWS}" if len(found.events) > MOST_ROWS else ""
    return Table(
        title=f"What came in about it{more}",
        headers=("Time", "Event", "What became of it", "Why"),
        rows=rows,
    )


def _row(event: Event, deliveries: list[Delivery], connectors: dict[int, str]) -> tuple[Any, ...]:
    name = event.event_type or event.received_name or "External trigger"
    look = link(asking(event.pk), "Look at this one")
    return moment(event.received_at), name, _outcome(deliveries, connectors), look


def _outcome(deliveries: list[Delivery], connectors: dict[int, str]) -> Any:
    if not deliveries:
        return "It made no delivery."
    return format_html_join(
        " ",
        '<span class="broker-why-outcome">{} {}</span>',
        (
            (
                label(delivery.get_state_display(), STATE_COLOURS[delivery.get_state_display()]),
                to_change("events.delivery", delivery.pk, connectors.get(delivery.connector_id, "another connector")),
            )
            for delivery in reversed(deliveries)
        ),
    )
