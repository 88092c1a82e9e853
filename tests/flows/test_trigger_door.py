"""The trigger door when something is amiss: too many calls, no platform, and what was deleted at that moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from connectors.models import Company, Connector
from events import accept, triggered, versions
from events.deliver import deliver_due
from events.models import Delivery, Event, EventSource, EventTrigger
from synclog.models import SyncLog
from tests.admin import world
from tests.processes.conftest import database_url

from .conftest import event


def call(to: Connector, external_id: object = "T-1") -> Any:
    return Client().post(f"/integrations/trigger/{to.trigger_token}?external_id={external_id}")


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


@pytest.fixture
def limited(to: Connector) -> Connector:
    to.trigger_rate_limit = 2
    to.save()
    return to


# Too often


def test_more_calls_than_the_connector_takes_are_answered_429_until_the_next_minute(limited: Connector) -> None:
    with time_machine.travel("2026-07-02T14:03:20Z", tick=False) as clock:
        answers = [call(limited, number) for number in range(4)]
        clock.move_to("2026-07-02T14:04:00Z")
        later = call(limited, 9)

    assert [answer.status_code for answer in answers] == [202, 202, 429, 429]
    assert [answer.headers.get("Retry-After") for answer in answers] == [None, None, "40", "40"]
    assert answers[2].json()["detail"].startswith("This trigger URL takes 2 calls a minute.")
    assert later.status_code == 202
    assert set(Event.objects.values_list("external_id", flat=True)) == {"0", "1", "9"}


def test_the_refusal_is_logged_once_a_minute(limited: Connector) -> None:
    with time_machine.travel("2026-07-02T14:03:20Z", tick=False):
        for _ in range(5):
            call(limited)

    log = SyncLog.objects.get(outcome="refused")
    assert (log.code, log.details["count"]) == ("trigger_too_often", 1)
    assert log.sentence == (
        "A call of the trigger URL was refused: This trigger URL takes 2 calls a minute. More came in this one."
    )


def test_each_connector_is_counted_by_itself_and_without_a_limit_not_at_all(limited: Connector) -> None:
    free = world.connector(limited.company, "Other")
    with time_machine.travel("2026-07-02T14:03:20Z", tick=False):
        assert [call(to).status_code for to in (limited, free) for _ in range(3)] == [202, 202, 429, 202, 202, 202]


def test_a_limit_costs_no_query(to: Connector) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            call(to, "same")
        return len(found)

    call(to, "same")
    before = queries()
    Connector.objects.filter(pk=to.pk).update(trigger_rate_limit=100)
    assert queries() == before


# The platform is not there


def test_without_its_platform_the_sender_is_asked_to_come_again(to: Connector) -> None:
    Connector.objects.filter(pk=to.pk).update(platform="gone")

    answer = call(to)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "300")
    assert answer.json() == {
        "detail": "The broker cannot read calls of this connector now: the platform that it belongs to is not "
        "installed there. Tell whoever runs the broker, and send the call again later."
    }
    assert not Event.objects.exists()
    log = SyncLog.objects.get()
    assert (log.code, log.outcome) == ("trigger_no_platform", "refused")
    assert "There is no platform “gone” here." in log.sentence


# Deleted at this moment


@pytest.fixture
def desk(transactional_db: None) -> Iterator[Connector]:
    made = world.connector(world.company())
    yield made
    accept._groups.clear()


def send(company: Company) -> Any:
    source = EventSource(company=company, name="Test")
    key = source.renew_key()
    source.save()
    headers = {"Authorization": f"Bearer {key}"}
    return Client().post(
        "/events/", event(event_type="FN_WO_ASSIGNED"), content_type="application/json", headers=headers
    )


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let another session do this once, after the routing and before what was accepted is stored."""

    def prepare(module: Any, step: str, *statements: str) -> None:
        stored, left = getattr(module, step), list(statements)

        def store(*args: Any, **kwargs: Any) -> Any:
            with psycopg.connect(database_url(), options="-c lock_timeout=5s") as other:
                while left:
                    other.execute(left.pop(0))
            return stored(*args, **kwargs)

        monkeypatch.setattr(module, step, store)

    return prepare


def test_an_event_whose_trigger_is_deleted_at_this_moment_is_taken(
    desk: Connector, meanwhile: Callable[..., None]
) -> None:
    EventTrigger.objects.create(connector=desk, event_type="FN_WO_ASSIGNED")
    versions.publish(desk.pk)
    meanwhile(accept, "store", "DELETE FROM events_eventtrigger")

    answer = send(desk.company)
    deliver_due()

    assert (answer.status_code, answer.json()["deliveries"]) == (202, 1)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason) == ("skipped", "trigger_gone")
    assert "was removed before its turn came" in delivery.sentence


CONNECTOR_GOES = (
    "DELETE FROM events_eventtrigger",
    "DELETE FROM events_configversion",
    "DELETE FROM connectors_connector",
)


def test_an_event_whose_connector_is_deleted_at_this_moment_is_asked_for_again(
    desk: Connector, meanwhile: Callable[..., None]
) -> None:
    EventTrigger.objects.create(connector=desk, event_type="FN_WO_ASSIGNED")
    versions.publish(desk.pk)
    meanwhile(accept, "store", *CONNECTOR_GOES)

    first, second = send(desk.company), send(desk.company)

    assert (first.status_code, first.headers["Retry-After"]) == (503, "1")
    assert first.json() == {
        "detail": "Something that this belongs to was deleted at this moment. Send the request again."
    }
    assert (second.status_code, second.json()["deliveries"]) == (202, 0)


def test_a_call_of_a_trigger_url_that_is_deleted_at_this_moment(
    desk: Connector, meanwhile: Callable[..., None]
) -> None:
    meanwhile(triggered, "lane_keys", *CONNECTOR_GOES)

    answers = [call(desk), call(desk)]

    assert [answer.status_code for answer in answers] == [503, 401]
    assert not Event.objects.exists()
