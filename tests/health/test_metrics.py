"""What Prometheus reads equals what happened, never goes down, and is kept from strangers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from broker_project import metrics as view
from connectors.models import Connector, ConnectorState
from events.models import Delivery, Lane
from synclog import rollup_compact
from synclog.models import ApiCall, SyncLog
from synclog.worker_models import Worker
from tests.flows.conftest import World, event

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape() -> Samples:
    """Every sample of /metrics by its name and labels."""
    answer = Client().get("/metrics")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert answer["Cache-Control"] == "no-store"
    families = text_string_to_metric_families(answer.content.decode())
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples)  # no series twice
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum over all series of this name that have these labels."""
    wanted = set(labels.items())
    return sum(number for (each, has), number in samples.items() if each == name and wanted <= has)


def some_traffic(world: World) -> None:
    """Successes, a repeat, an event that leads to nothing, failures, dead letters, an inbound change."""
    for number in range(5):
        world.post(event(id=100 + number, event_id=str(number)))
    world.post(event(id=100, event_id="0"))
    world.deliver()
    world.fault("help_desk", method="*", path="/api/tickets*", status=422, times=2)
    for number in range(3):
        world.post(event(id=100 + number, event_id=f"again {number}", title=f"New title {number}"))
    world.deliver()
    world.trigger(world.person_creates_ticket())
    world.deliver()


def test_the_counters_equal_what_happened(world: World) -> None:
    some_traffic(world)
    samples = scrape()
    name = f"Help Desk #{world.connector.pk}"
    assert value(samples, "broker_events_received_total", connector="", direction="outbound") == 8
    assert total(samples, "broker_events_duplicate_total") == 1
    assert value(samples, "broker_events_routed_total", connector=name, direction="outbound") == 8
    for direction in ("outbound", "inbound"):
        for outcome in ("succeeded", "skipped", "waiting", "retrying", "dead"):
            logs = SyncLog.objects.filter(delivery_id__isnull=False, direction=direction, outcome=outcome)
            labels = {"connector": name, "direction": direction, "outcome": outcome}
            assert value(samples, "broker_attempts_total", **labels) == logs.count(), labels
    assert total(samples, "broker_attempts_total", outcome="dead") == 2
    (failed,) = [labels for each, labels in samples if each == "broker_failed_attempts_total"]
    reasons = set(Delivery.objects.filter(state="dead").values_list("reason", flat=True))
    assert {dict(failed)["error_class"]} == reasons
    assert total(samples, "broker_failed_attempts_total") == 2
    assert total(samples, "broker_dead_letters", connector=name, direction="outbound") == 2
    assert total(samples, "broker_delivery_latency_seconds_count") == Delivery.objects.filter(state="succeeded").count()
    calls = ApiCall.objects.all()
    assert total(samples, "broker_api_call_duration_seconds_count") == calls.count()
    took = sum(calls.values_list("duration_ms", flat=True)) / 1000
    assert total(samples, "broker_api_call_duration_seconds_sum") == pytest.approx(took)
    assert total(samples, "broker_api_call_errors_total") == calls.filter(status__gte=400).count() == 2
    assert total(samples, "broker_api_call_duration_seconds_count", system="field_nation") > 0


def test_the_buckets_are_cumulative(world: World) -> None:
    some_traffic(world)
    samples = scrape()
    for name in ("broker_delivery_latency_seconds", "broker_api_call_duration_seconds"):
        series: dict[frozenset[tuple[str, str]], dict[float, float]] = {}
        for (each, labels), number in samples.items():
            if each == f"{name}_bucket":
                rest = frozenset(pair for pair in labels if pair[0] != "le")
                series.setdefault(rest, {})[float(dict(labels)["le"])] = number
        assert series
        for rest, buckets in series.items():
            counts = [buckets[bound] for bound in sorted(buckets)]
            assert counts == sorted(counts)
            assert counts[-1] == samples[f"{name}_count", rest]
    durations = list(ApiCall.objects.values_list("duration_ms", flat=True))
    within = sum(duration <= 1000 for duration in durations)
    assert total(samples, "broker_api_call_duration_seconds_bucket", le="1.0") == within


def counters(samples: Samples) -> Samples:
    return {
        key: number
        for key, number in samples.items()
        if key[0].endswith(("_total", "_count", "_bucket"))
        and not key[0].startswith("broker_queue")
    }  # fmt: skip


@pytest.mark.parametrize(
    "later", [timedelta(minutes=5), timedelta(hours=5), timedelta(days=390), timedelta(days=500)], ids=str
)
def test_counters_stay_when_rows_are_made_coarser_and_pruned(world: World, later: timedelta) -> None:
    some_traffic(world)
    before = counters(scrape())
    assert sum(before.values()) > 50
    for moment in (timedelta(minutes=5), later):
        assert rollup_compact.compact(timezone.now() + moment)
    assert counters(scrape()) == before
    world.post(event(id=200, event_id="later"))
    world.deliver()
    after = counters(scrape())
    assert all(after[key] >= number for key, number in before.items())
    grown = {key[0] for key, number in after.items() if number > before.get(key, 0)}
    assert {"broker_events_received_total", "broker_attempts_total", "broker_delivery_latency_seconds_count"} <= grown


def test_the_gauges_tell_how_it_is_now(world: World) -> None:
    name = f"Help Desk #{world.connector.pk}"
    other = Connector.objects.create(name="Paused", company=world.connector.company, platform="rest", status="paused")
    ConnectorState.objects.update_or_create(
        connector=world.connector, defaults={"breaker": "open", "held_at": timezone.now()}
    )
    world.post([event(id=number, event_id=str(number)) for number in (1, 2, 3)])
    Lane.objects.filter(key="wo:1").update(due_at=None)
    Lane.objects.filter(key="wo:2").update(held_by="somebody")
    now = timezone.now()
    Delivery.objects.filter(work_order_id=3).update(created_at=now - timedelta(minutes=10))
    assert total(scrape(), "broker_queue_deliveries") == 0
    assert "broker_queue_deliveries" not in {each for each, _ in scrape()}  # nobody counted yet: not 0, but nothing
    rollup_compact.compact()
    samples = scrape()
    assert value(samples, "broker_queue_deliveries", connector=name, direction="outbound") == 3
    assert value(samples, "broker_queue_deliveries", connector=f"Paused #{other.pk}", direction="inbound") == 0
    assert 600 <= value(samples, "broker_queue_oldest_age_seconds", connector=name, direction="outbound") < 700
    assert value(samples, "broker_blocked_lanes", connector=name) == 2
    assert value(samples, "broker_breaker_state", connector=name) == 2
    assert value(samples, "broker_breaker_state", connector=f"Paused #{other.pk}") == 0
    assert value(samples, "broker_connector_held", connector=name) == 1
    assert [value(samples, "broker_connector_active", connector=each) for each in (name, f"Paused #{other.pk}")] == [
        1,
        0,
    ]


def test_workers_are_counted_by_version_while_they_are_heard_of(world: World) -> None:
    assert total(scrape(), "broker_workers_alive") == 0
    now = timezone.now()
    for number, (kind, runs, ago) in enumerate(
        [("worker", "1.0", 5), ("worker", "1.0", 50), ("worker", "1.1", 5), ("worker", "1.1", 61), ("beat", "1.1", 5)]
    ):
        Worker.objects.create(
            name=str(number), kind=kind, host="one.example.test", pid=number, version=runs,
            started_at=now, seen_at=now - timedelta(seconds=ago),
        )  # fmt: skip
    samples = scrape()
    assert value(samples, "broker_workers_alive", version="1.0") == 2
    assert value(samples, "broker_workers_alive", version="1.1") == 1
    assert value(samples, "broker_beats_alive", version="1.1") == 1


def test_it_costs_the_same_queries_however_many_connectors(
    world: World, django_assert_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_num_queries(6):
        scrape()
    some_traffic(world)
    Connector.objects.bulk_create(
        Connector(name=f"No. {n}", company=world.connector.company, platform="rest", trigger_token_hash=str(n))
        for n in range(300)
    )
    rollup_compact.compact()
    with django_assert_num_queries(6):
        samples = scrape()
    named = {dict(labels)["connector"] for each, labels in samples if each == "broker_breaker_state"}
    assert len(named) == 201
    assert "other" in named


# --- who may read -------------------------------------------------------------------------------------------------


def ask(address: str = "127.0.0.1", **headers: str) -> int:
    return Client(REMOTE_ADDR=address).get("/metrics", headers=headers or None).status_code


def test_with_a_token_only_its_bearer_reads_wherever_from(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "METRICS_TOKEN", "a-token")
    assert ask() == 401
    assert ask(authorization="Bearer another") == 401
    assert ask(authorization="Bearer a-tokenx") == 401
    assert ask(authorization="a-token") == 401
    assert ask(authorization="Bearer a-tokén") == 401
    assert ask("203.0.113.9", authorization="Bearer a-token") == 200
    monkeypatch.setattr(settings, "HTTPS", True)
    assert ask("203.0.113.9", authorization="Bearer a-token") == 200
    assert Client().get("/metrics")["WWW-Authenticate"] == "Bearer"


def test_without_one_only_this_machine_reads_and_no_proxy_on_it(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "METRICS_TOKEN", "")
    assert [ask(), ask("::1")] == [200, 200]
    assert [ask("10.0.0.7"), ask("203.0.113.9"), ask("")] == [403, 403, 403]
    for header in ("x-forwarded-for", "x-forwarded-proto", "forwarded", "via", "x-real-ip"):
        assert ask(**{header: "203.0.113.9"}) == 403, header
    monkeypatch.setattr(settings, "HTTPS", True)
    assert ask() == 403


def test_a_refusal_asks_the_database_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test has no access to the database: a query would fail it."""
    monkeypatch.setattr(settings, "METRICS_TOKEN", "a-token")
    assert ask() == 401


def test_while_the_database_is_away_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("hidden-word")

    monkeypatch.setattr(settings, "METRICS_TOKEN", "")
    monkeypatch.setattr(view, "read", away)
    answer = Client().get("/metrics")
    assert (answer.status_code, answer.content) == (503, b"The database does not answer (OperationalError).\n")
