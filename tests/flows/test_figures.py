"""A run with faults: the dashboard's figures equal those of the simulators' journals, the deliveries and the logs."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from broker_project.sandbox.simulator import Simulator
from connectors.models import Connector
from events.models import Delivery, Event
from events.states import State
from synclog import rollup_read, rollups
from synclog.models import ApiCall, SyncLog
from synclog.rollup_compact import compact
from synclog.rollups import EXTERNAL, FIELD_NATION, Totals

from .conftest import World, event

EVENTS, WORK_ORDERS, REPEATS, TRIGGERS, PER_LIST = 5_000, 400, 300, 40, 100
TYPES = ("FN_WO_ASSIGNED", "FN_WO_SCHEDULE_UPDATED", "FN_WO_DONE", "FN_WO_APPROVED", "FN_WO_PUBLISHED")
"""The last is not ticked."""
ROUNDS = 60

HELP_DESK_FAULTS: list[dict[str, Any]] = [
    {"method": "POST", "path": "/api/tickets", "times": 12, "status": 503},
    {"method": "POST", "path": "/api/tickets", "times": 4, "drop": "after"},
    {"method": "POST", "path": "/api/tickets", "times": 4, "drop": "before"},
    {"method": "PATCH", "path": "/api/tickets/*3", "times": 90, "status": 503},
    {"method": "PATCH", "path": "/api/tickets/*5", "times": 60, "status": 422},
    {"method": "PATCH", "path": "/api/tickets/*7", "times": 30, "drop": "after"},
    {"method": "PATCH", "path": "/api/tickets/*8", "times": 5, "status": 403},
    {"method": "PATCH", "path": "/api/tickets/*9", "times": 20, "status": 429},
]
FIELD_NATION_FAULTS: list[dict[str, Any]] = [{"method": "POST", "path": "*/workorders", "times": 3, "status": 503}]


def bodies() -> list[dict[str, Any]]:
    """Events of work orders in turn; a third of them brings no other values than the one before."""
    chance = random.Random(7)  # noqa: S311
    made = []
    for number in range(EVENTS):
        title = f"Swap failed edge switch {number // WORK_ORDERS // 3}"
        body = event(id=4_000_000 + number % WORK_ORDERS, title=title, event_type=chance.choice(TYPES))
        made.append(body | {"event_id": f"figures-{number}"})
    return made


def due_now() -> None:
    """Time passes: what is planned for later is due, and what rests is tried again."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_lane SET due_at = now() - interval '1 second' WHERE due_at IS NOT NULL")
        cursor.execute("UPDATE events_delivery SET next_attempt_at = now() WHERE state = 'retrying'")
        cursor.execute("UPDATE connectors_connectorstate SET blocked_until = NULL, next_probe_at = now()")


def run(world: World) -> None:
    """Bring everything in and deliver it, until only what waits for a person is open."""
    for rule in HELP_DESK_FAULTS:
        world.fault("help_desk", **rule)
    for rule in FIELD_NATION_FAULTS:
        world.fault("field_nation", **rule)
    Connector.objects.update(max_attempts=3, hop_limit=10_000)
    sent = bodies()
    sent += sent[:REPEATS]
    for start in range(0, len(sent), PER_LIST):
        assert world.post(sent[start : start + PER_LIST]).status_code == 202
        world.deliver()
    for number in range(TRIGGERS):
        ticket = world.person_creates_ticket(subject=f"Printer {number} jams")
        assert world.trigger(ticket).status_code == 202
    assert world.trigger(ticket).status_code == 202  # merged into the one that still waits
    for _ in range(ROUNDS):
        world.deliver()
        due_now()
        if not Delivery.objects.filter(state__in=[State.RETRYING, State.IN_FLIGHT]).exists():
            break
    waiting = Delivery.objects.filter(state=State.WAITING).values_list("lane_key", flat=True)
    assert not Delivery.objects.filter(state=State.PENDING).exclude(lane_key__in=list(waiting)).exists()


def journal(simulator: Simulator) -> tuple[int, int]:
    """How many requests the simulated system took, and how many of them it did not answer well."""
    counted = Counter[str](simulator.journal.counters()["by_status"])
    bad = sum(number for status, number in counted.items() if status == "dropped" or int(status) >= 400)
    return counted.total(), bad


def outcomes_of_deliveries() -> dict[str, int]:
    """Each delivery ended once, and each of its attempts before was to be repeated."""
    ended = Counter(Delivery.objects.values_list("state", flat=True))
    resolved = Delivery.objects.filter(state=State.SUPERSEDED, reason="resolved_later").count()
    attempts = Delivery.objects.aggregate(made=Sum("attempts"))["made"]
    found = {
        "succeeded": ended["succeeded"],
        "skipped": ended["skipped"],
        "waiting": ended["waiting"],
        "dead": ended["dead"] + resolved,
    }
    return found | {"retrying": attempts - sum(found.values())}


def errors_of_logs() -> dict[str, int]:
    failed = SyncLog.objects.filter(outcome__in=["dead", "waiting", "retrying"], delivery_id__isnull=False)
    return dict(Counter(failed.exclude(code__in=["postponed", "adopted"]).values_list("code", flat=True)))


def latencies_of_calls() -> list[float]:
    """Milliseconds from the receipt of the event to the end of the last call, of what succeeded."""
    ends: dict[Any, datetime] = {}
    for log_id, started, lasted in ApiCall.objects.order_by("position").values_list(
        "log_id", "started_at", "duration_ms"
    ):
        ends[log_id] = started + timedelta(milliseconds=lasted)
    done = SyncLog.objects.filter(outcome="succeeded", delivery_id__isnull=False).values_list("pk", "received_at")
    return [(ends[pk] - received).total_seconds() * 1000 for pk, received in done if received]


def check(since: datetime, world: World) -> None:
    found = rollups.totals(since)
    triggers = rollups.totals(since, direction="inbound")
    assert (triggers.received, triggers.duplicates) == (TRIGGERS, 1)
    outbound = rollups.totals(since, direction="outbound")
    assert (outbound.received, outbound.duplicates) == (EVENTS, REPEATS)
    routed = Delivery.objects.filter(direction="outbound").values("event").distinct().count()
    assert rollups.totals(since, connector_id=world.connector.pk, direction="outbound").received == routed
    told = {name: getattr(found, name) for name in ("succeeded", "skipped", "waiting", "dead", "retrying")}
    assert told == outcomes_of_deliveries()
    assert dict(found.errors) == errors_of_logs()
    for system, simulator in ((EXTERNAL, world.help_desk), (FIELD_NATION, world.field_nation)):
        calls = found.calls[system]
        assert (calls.count, calls.failed) == journal(simulator), system
        assert calls.times.count == calls.count
    lasted = sum(calls.times.total_ms for calls in found.calls.values())
    assert lasted == pytest.approx(ApiCall.objects.aggregate(all=Sum("duration_ms"))["all"])
    latencies = latencies_of_calls()
    assert found.latency.count == len(latencies) == found.succeeded
    assert found.latency.total_ms == pytest.approx(sum(latencies))


def test_the_figures_of_five_thousand_events_with_faults(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    since = timezone.now()
    run(world)

    found = rollups.totals(since)
    check(since, world)
    # each kind of trouble took place, so that none of the figures is right for want of it
    assert min(found.succeeded, found.skipped, found.dead, found.waiting, found.retrying, found.duplicates) > 0
    assert {"unavailable", "outcome_unknown", "validation", "rate_limited", "waiting_auth"} <= found.errors.keys()
    assert Event.objects.filter(kind=Event.Kind.WORK_ORDER).count() == EVENTS

    compact(timezone.now() + timedelta(minutes=3))
    check(since, world)
    dashboard_says(found)
    compact(timezone.now() + timedelta(hours=4))
    monkeypatch.setattr(rollup_read, "coarsest", lambda moment: 900)  # as for who asks four hours later
    check(since, world)


def dashboard_says(found: Totals) -> None:
    """The page shows these very figures, of all connectors and of the only one."""
    olga = Client()
    olga.force_login(User.objects.create_superuser("olga"))
    for query in ({}, {"connector": Connector.objects.get().pk}):
        shown = olga.get(reverse("admin:index"), query).context["dashboard"].figures
        notes = {tile.name: " ".join(tile.notes) for tile in shown.tiles}
        assert f"{found.succeeded:,} arrived {found.skipped:,} had nothing to do" in notes["success"]
        assert f"{found.dead:,} given up, {found.waiting:,} wait" in notes["success"]
        assert f"{found.failures:,} of {found.attempts:,} attempts failed" in notes["errors"]
        numbers = {row[0]: row[1] for row in shown.calls.rows}
        assert list(numbers.values()) == [f"{found.calls[name].count:,}" for name in (EXTERNAL, FIELD_NATION)]
