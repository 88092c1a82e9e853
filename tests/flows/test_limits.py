"""Limits of a connector and what its system asks for, with the worker and a real Help Desk."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import pytest
import requests
from django.db import connection

from broker_project.sandbox.serve import Server
from connectors.models import Connector, ConnectorState
from events import pressure
from events.models import Delivery, Lane
from synclog.models import SyncLog

from .conftest import World, event

FIRST = 4410001


def post_events(world: World, count: int) -> None:
    """One event each of ``count`` work orders."""
    assert world.post([event(id=FIRST + number, event_id=f"e{number}") for number in range(count)]).status_code == 202


def limit(world: World, **limits: int) -> None:
    Connector.objects.filter(pk=world.connector.pk).update(**limits)


def set_state(world: World, assignment: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE connectors_connectorstate SET {assignment}")  # noqa: S608


def ends() -> list[tuple[str, int]]:
    return list(Delivery.objects.order_by("seq").values_list("state", "attempts"))


class Crowd:
    """A WSGI application that notes how many requests are inside at once."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._inside = 0
        self.most = 0

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        try:
            return list(self._application(environ, start_response))
        finally:
            with self._lock:
                self._inside -= 1


@pytest.mark.parametrize(("max_concurrent", "seen"), [(1, {1}), (3, {2, 3})])
def test_no_more_calls_run_at_once_than_the_connector_may_have(
    world: World, max_concurrent: int, seen: set[int]
) -> None:
    crowd = Crowd(world.help_desk.app)
    world.fault("help_desk", method="POST", path="/api/tickets", times=None, delay=0.1)
    with Server(crowd) as address:
        settings = {**world.connector.settings}
        settings["base_url"] = settings["base_url"].replace(world.help_desk_url, address)
        Connector.objects.filter(pk=world.connector.pk).update(settings=settings)
        limit(world, max_concurrent=max_concurrent)
        post_events(world, 8)
        world.deliver()
    assert ends() == [("succeeded", 1)] * 8
    assert len(world.help_desk.tickets()) == 8
    assert crowd.most in seen


def test_more_deliveries_than_tokens_wait_untouched_and_go_on_in_time(world: World) -> None:
    limit(world, requests_per_minute=1, burst=3)
    post_events(world, 5)
    assert world.deliver() == 3
    assert ends() == [("succeeded", 1)] * 3 + [("pending", 0)] * 2
    assert len(world.calls("POST", "/api/tickets")) == 3
    assert world.deliver() == 0

    set_state(world, "refilled_at = refilled_at - interval '1 minute'")
    assert world.deliver() == 1
    set_state(world, "refilled_at = refilled_at - interval '1 minute'")
    assert world.deliver() == 1
    assert ends() == [("succeeded", 1)] * 5


def test_calls_beyond_the_first_are_owed(world: World) -> None:
    """An inbound create reads the ticket and writes the work order's id back: two calls, one token taken."""
    limit(world, requests_per_minute=1, burst=2)
    world.trigger(world.person_creates_ticket())
    world.deliver()
    rows = requests.get(f"{world.help_desk_url}/control/requests", timeout=5).json()["requests"]
    calls = [row for row in rows if row["path"].startswith("/api/")]
    assert ends() == [("succeeded", 1)]
    assert ConnectorState.objects.get().tokens == pytest.approx(2 - len(calls), abs=0.5)
    assert len(calls) >= 2


def test_retry_after_stops_the_whole_connector_and_is_no_attempt_of_the_others(world: World) -> None:
    limit(world, max_concurrent=1)
    world.fault("help_desk", method="POST", path="/api/tickets", times=1, status=429, headers={"Retry-After": "200"})
    post_events(world, 3)
    world.deliver()
    assert ends() == [("retrying", 1), ("pending", 0), ("pending", 0)]
    assert len(world.calls("POST", "/api/tickets")) == 1

    set_state(world, "blocked_until = clock_timestamp()")
    world.deliver()
    assert ends() == [("retrying", 1), ("succeeded", 1), ("succeeded", 1)]


def test_refused_credentials_hold_the_connector_with_one_alert_and_resume_sends_all_in_order(world: World) -> None:
    right = world.connector.secrets
    limit(world, max_concurrent=1)
    world.connector.refresh_from_db()
    world.connector.secrets = {"api_key": "wrong-key-of-the-test"}
    world.connector.save()
    post_events(world, 2)
    done = event(id=FIRST, event_id="done", event_type="FN_WO_DONE", status={"id": 4, "name": "Work Done"})
    assert world.post(done).status_code == 202
    world.deliver()
    assert ends() == [("pending", 0)] * 3
    assert len(world.calls("POST", "/api/tickets")) == 1
    assert world.deliver() == 0
    [alert] = SyncLog.objects.filter(code="connector_held")
    assert alert.connector_id == world.connector.pk
    assert "wrong-key-of-the-test" not in alert.sentence
    assert ConnectorState.objects.get().held_at is not None

    world.connector.secrets = right
    world.connector.save()
    assert world.deliver() == 0  # until a person says so
    assert pressure.resume(world.connector.pk)
    world.deliver()
    assert ends() == [("succeeded", 1)] * 3
    tickets = {ticket["correlation"]: ticket["status"] for ticket in world.help_desk.tickets()}
    assert tickets == {f"FN-{FIRST}": "Resolved", f"FN-{FIRST + 1}": "Scheduled"}
    assert not Lane.objects.exists()
