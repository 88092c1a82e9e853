"""The circuit breaker, with the worker and a real Help Desk that goes down."""

from __future__ import annotations

import requests

from connectors.models import Connector, ConnectorState
from events.models import Delivery

from .conftest import World, event
from .test_faults import due_now
from .test_limits import ends, limit, post_events, set_state


def one_at_a_time(world: World) -> None:
    """So that each delivery sees what became of the one before."""
    limit(world, max_concurrent=1)


def help_desk_is_down(world: World) -> None:
    world.fault("help_desk", method="*", path="/api/*", times=None, status=503)


def help_desk_is_back(world: World) -> None:
    assert requests.delete(f"{world.help_desk_url}/control/faults", timeout=5).ok


def test_a_dead_system_is_left_alone_after_five_records_and_the_others_are_untouched(world: World) -> None:
    one_at_a_time(world)
    help_desk_is_down(world)
    post_events(world, 8)
    assert world.deliver() == 5
    assert ends() == [("retrying", 1)] * 5 + [("pending", 0)] * 3
    state = ConnectorState.objects.get()
    assert (state.breaker, state.failures) == ("open", 5)
    assert state.failure
    due_now()
    assert world.deliver() == 0  # also what is due for another attempt waits


def test_one_probe_at_a_time_until_it_answers_then_all_goes_on(world: World) -> None:
    one_at_a_time(world)
    help_desk_is_down(world)
    post_events(world, 8)
    world.deliver()
    limit(world, max_concurrent=50)
    set_state(world, "next_probe_at = clock_timestamp()")
    assert world.deliver() == 1
    assert ends() == [("retrying", 1)] * 6 + [("pending", 0)] * 2
    assert (ConnectorState.objects.get().breaker, ConnectorState.objects.get().openings) == ("open", 1)

    help_desk_is_back(world)
    set_state(world, "next_probe_at = clock_timestamp()")
    world.deliver()
    assert ends() == [("retrying", 1)] * 6 + [("succeeded", 1)] * 2
    assert (ConnectorState.objects.get().breaker, ConnectorState.objects.get().failures) == ("closed", 0)
    due_now()
    world.deliver()
    assert ends() == [("succeeded", 2)] * 6 + [("succeeded", 1)] * 2
    assert len(world.help_desk.tickets()) == 8


def test_a_record_that_fails_alone_keeps_nobody_waiting(world: World) -> None:
    limit(world, max_attempts=20)
    world.fault("help_desk", method="POST", path="/api/tickets", times=7, status=503)
    world.post(event())
    for _ in range(7):
        world.deliver()
        due_now()
    assert ends() == [("retrying", 7)]
    assert ConnectorState.objects.get().breaker == "closed"
    world.post(event(id=4410999))
    world.deliver()
    assert ends() == [("succeeded", 8), ("succeeded", 1)]


def test_records_that_are_refused_say_that_the_system_is_up(world: World) -> None:
    one_at_a_time(world)
    refusal = {"error": {"message": "No."}}
    world.fault("help_desk", method="POST", path="/api/tickets", times=8, status=422, body=refusal)
    post_events(world, 8)
    world.deliver()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"dead"}
    assert not ConnectorState.objects.filter(failures__gt=0).exists()


def test_another_connector_goes_on_meanwhile(world: World) -> None:
    dead = Connector.objects.create(
        company=world.demo.company,
        name="Dead",
        platform="rest",
        outbound_create=True,
        settings={**world.connector.settings, "base_url": "http://127.0.0.1:9"},
        secrets=world.connector.secrets,
        max_concurrent=1,
    )
    dead.triggers.create(event_type="FN_WO_SCHEDULE_UPDATED")
    dead.mappings.create(direction="outbound", action="sync", source="title", target="subject")
    post_events(world, 9)
    world.deliver()
    assert list(world.connector.deliveries.values_list("state", flat=True)) == ["succeeded"] * 9
    assert sorted(dead.deliveries.values_list("state", flat=True)) == ["pending"] * 4 + ["retrying"] * 5
    assert ConnectorState.objects.get(connector=dead).breaker == "open"
