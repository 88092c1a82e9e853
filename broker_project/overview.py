"""What the overview shows first: what needs a person, and which external systems nothing is sent to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from broker_project.lib.pages import Banner, Table, label, to_change, to_list
from connectors.models import Connector, ConnectorState
from events import blocked
from events.models import Delivery, Drain, Lane
from events.replay import UNDECIDED
from events.states import State

CAP = 10_000
"""Nothing is counted further, so that the overview costs the same however much has piled up."""

User = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True)
class Card:
    """A number with its name and the list behind it; ``mark`` colours it."""

    title: str
    count: int
    mark: str
    address: str

    @property
    def shown(self) -> str:
        return f"{self.count:,}+" if self.count >= CAP else f"{self.count:,}"


def cards(user: User) -> list[Card]:
    """The cards that this person may see; a fixed number of queries that partial indexes answer."""
    found: list[Card] = []
    if may_see(user, "events", "delivery"):
        found.extend(_deliveries())
    if may_see(user, "events", "lane"):
        stopped = Lane.objects.filter(blocked.WAITS | blocked.HELD)[:CAP].count()
        found.append(_card("Blocked lane", "Blocked lanes", stopped, "is-held", to_list("events.lane", {})))
    if may_see(user, "connectors", "connectorstate"):
        found.extend(_systems())
    if may_see(user, "connectors", "connector"):
        resting = Connector.objects.exclude(status=Connector.Status.ACTIVE).count()
        names = ("Connector paused or disabled", "Connectors paused or disabled")
        found.append(_card(*names, resting, "is-held", to_list("connectors.connector", {})))
    return found


def held_systems(user: User) -> Table | None:
    """The external systems that nothing is sent to now, each with why and since when; None when all is well."""
    if not may_see(user, "connectors", "connectorstate"):
        return None
    wrong = ~Q(breaker=ConnectorState.Breaker.CLOSED) | Q(held_at__isnull=False) | Q(blocked_until__gt=Now())
    states = ConnectorState.objects.filter(wrong).select_related("connector").order_by("connector__name")[:50]
    rows = []
    for state in states:
        told = state.condition
        name = to_change("connectors.connector", state.connector_id, state.connector)
        rows.append((name, label(told.label, told.kind), told.sentence))
    return Table(title="Connectors that nothing is sent to now", headers=("Connector", "State", "Why"), rows=rows)


def drain_banner() -> Banner | None:
    """Said to everybody while workers drain: else it looks as if the broker had stopped by itself."""
    drain = Drain.objects.first()
    if drain is None:
        return None
    sentence = (
        f"Since {drain.since:%Y-%m-%d %H:%M} UTC workers finish what they began and begin nothing new. Events are "
    )
    return Banner("Draining", "warning", sentence + "kept. It goes on when the drain is ended: manage.py drain --end.")


def may_see(user: User, app: str, model: str) -> bool:
    return any(user.has_perm(f"{app}.{act}_{model}") for act in ("view", "change"))  # type: ignore[union-attr]


def _deliveries() -> Iterator[Card]:
    dead = Delivery.objects.filter(state=State.DEAD)[:CAP].count()
    newest = Delivery.objects.filter(state=State.WAITING).order_by("-seq")
    reasons = Counter(newest.values_list("reason", flat=True)[:CAP])
    waiting = {"state__exact": State.WAITING.value}
    desk = reverse("admin:events_delivery_dead_letters")
    yield _card("Dead letter", "Dead letters", dead, "is-bad", desk)
    names = ("Delivery that waits for a person", "Deliveries that wait for a person")
    yield _card(*names, reasons.total(), "is-held", to_list("events.delivery", waiting))
    address = to_list("events.delivery", {**waiting, "reason": "waiting_conflict"})
    yield _card("Conflict to decide", "Conflicts to decide", reasons["waiting_conflict"], "is-held", address)
    address = to_list("events.delivery", {**waiting, "reason": "waiting_outcome_unknown"})
    unknown = sum(reasons[reason] for reason in UNDECIDED)
    yield _card("Write of unknown outcome", "Writes of unknown outcome", unknown, "is-held", address)


def _systems() -> Iterator[Card]:
    held = ConnectorState.objects.filter(held_at__isnull=False).count()
    broken = ConnectorState.objects.exclude(breaker=ConnectorState.Breaker.CLOSED).count()
    address = to_list("connectors.connectorstate", {})
    yield _card("Connector held", "Connectors held", held, "is-bad", address)
    yield _card("Open circuit breaker", "Open circuit breakers", broken, "is-bad", address)


def _card(one: str, many: str, count: int, mark: str, address: str) -> Card:
    return Card(one if count == 1 else many, count, mark if count else "", address)
