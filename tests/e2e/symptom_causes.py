"""What brings about each symptom, done for real in the sandbox. Each answers the id that a person would ask about."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from django.core.wsgi import get_wsgi_application
from werkzeug.wrappers import Response

from broker_project.sandbox.fieldnation import FieldNationSim
from broker_project.sandbox.serve import Server
from connectors.models import Connector
from events import pressure
from events.models import Event
from mappings.models import FieldMapping
from synclog.worker_models import Worker
from tests.flows.conftest import World, event
from tests.flows.test_both_sides import event_of, linked_pair
from tests.flows.test_breaker import help_desk_is_down
from tests.flows.test_limits import FIRST, post_events
from tests.troubleshoot.cases import ORDER, synced
from tests.troubleshoot.test_pages import webhook_at_field_nation


def row(world: World, target: str) -> FieldMapping:
    return world.connector.mappings.get(direction="outbound", target=target, target_object="")


def with_row(world: World, target: str, **changes: Any) -> int:
    """The row to this field is other than it should be, and an event comes."""
    changed = row(world, target)
    for name, value in changes.items():
        setattr(changed, name, value)
    changed.save()
    synced(world)
    return ORDER


# --- first look -------------------------------------------------------------------------------------------------------


def a_field_of_the_event_is_missing(world: World) -> int:
    sent = event()
    del sent["workorder"]["schedule"]
    world.post(sent)
    world.deliver()
    return ORDER


def a_new_work_order_lacks_its_title(world: World) -> int:
    world.connector.mappings.filter(direction="inbound", target="title").update(is_enabled=False)
    ticket = world.person_creates_ticket()
    world.trigger(ticket)
    world.deliver()
    return ticket


def the_event_that_tells_the_update_is_not_ticked(world: World) -> int:
    _, order = linked_pair(world)
    sent = event_of(world, order)
    sent["event_type"] = "FN_WO_PUBLISHED"
    world.post(sent)
    return order


def everything_is_given_up(world: World) -> int:
    Connector.objects.update(max_attempts=1)
    help_desk_is_down(world)
    post_events(world, 4)
    world.deliver()
    return FIRST


# --- sign-in ----------------------------------------------------------------------------------------------------------


def field_nation_does_not_let_us_in_any_more(world: World) -> int:
    ticket, _ = linked_pair(world)
    world.person_changes_ticket(ticket, subject="Printer burns")
    company = world.demo.company
    company.password = "former-password-of-the-test"
    company.save()
    requests.post(f"{world.field_nation_url}/control/tokens/revoke", timeout=5)
    world.trigger(ticket)
    world.deliver()
    return ticket


def the_password_runs_out_a_second_time(world: World) -> int:
    expired = {"error": {"message": "The password has expired."}}
    for number in range(2):
        world.fault("help_desk", method="*", path="/api/*", times=1, status=401, body=expired)
        world.post(event(event_id=f"e{number}", title=f"Title {number}"))
        world.deliver()
        if number == 0:
            pressure.resume(world.connector.pk)
            world.deliver()
    return ORDER


def the_address_is_wrong(world: World) -> int:
    connector = world.connector
    connector.settings = {**connector.settings, "base_url": "http://127.0.0.1:9"}
    connector.save()
    return ORDER


# --- values -----------------------------------------------------------------------------------------------------------


def a_date_goes_out_in_another_form(world: World) -> int:
    return with_row(world, "scheduled_start", action="sync", options={})


def the_list_has_a_misspelled_choice(world: World) -> int:
    options = row(world, "status").options
    options["mappings"][0]["value"] = "scheduled"
    return with_row(world, "status", options=options)


def a_path_leads_nowhere(world: World) -> int:
    return with_row(world, "amount", source="pay.ammount")


def a_status_has_no_entry(world: World) -> int:
    world.post(event(status={"id": 9, "name": "unheard_of"}))
    world.deliver()
    return ORDER


def a_number_goes_into_a_text(world: World) -> int:
    return with_row(world, "technician", action="sync", source="pay.amount", options={})


# --- webhooks ---------------------------------------------------------------------------------------------------------


def the_webhook_is_off(world: World) -> int:
    webhook_at_field_nation(world, "inactive")
    return 555


class Late:
    """The broker behind something slow: what it answers first arrives after the sender has given up."""

    def __init__(self) -> None:
        self._broker: Any = get_wsgi_application()
        self._seconds = [2.0]

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        answer = Response.from_app(self._broker, environ)
        time.sleep(self._seconds.pop() if self._seconds else 0)
        return answer(environ, start_response)


def the_sender_does_not_wait_for_the_answer(world: World) -> object:
    """Its first call is taken, the answer comes too late, so it calls again."""
    sender = FieldNationSim(first_wait=0.1, webhook_timeout=1.5)
    with Server(sender.app) as address, Server(Late()) as broker:
        webhook_at_field_nation(world, "active", field_nation=address, broker=broker)
        order = sender.act("create", title="Move two access points", publish=True)["id"]
        sender.act("assign", order)
        for _ in range(200):
            if sender.idle():
                break
            time.sleep(0.05)
    answers = [row["deliveryStatus"] for row in sender.deliveries()]
    sender.close()
    assert answers == ["0", "200"], answers
    world.deliver()
    return Event.objects.get().pk


def the_event_comes_twice(world: World) -> object:
    sent = event(event_id="e1")
    id = world.post(sent).json()["id"]
    world.post(sent)
    world.deliver()
    return id


# --- scripts and mappings ---------------------------------------------------------------------------------------------


def a_list_is_read_without_its_index(world: World) -> int:
    changed = row(world, "technician")
    changed.action, changed.source, changed.options = "sync", "contacts.email", {}
    changed.default, changed.has_default = "nobody", True
    changed.save()
    world.post(event(contacts=[{"email": "ada@example.test"}]))
    world.deliver()
    return ORDER


def a_date_has_another_form_than_its_row_says(world: World) -> int:
    options = {**row(world, "scheduled_start").options, "input_format": "MM/DD/YYYY"}
    return with_row(world, "scheduled_start", options=options)


# --- speed ------------------------------------------------------------------------------------------------------------


def the_queue_grows_and_nobody_works(world: World) -> int:
    Worker.objects.update(seen_at=datetime.now(UTC) - timedelta(minutes=9))
    post_events(world, 5)
    return FIRST
