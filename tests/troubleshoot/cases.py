"""Everything that can keep a record from its target, caused for real in the sandbox.

Each case does it and returns the id that a person would ask about. ``code`` is the error page that must explain it,
``says`` a part of the sentence on top, ``fix`` the page that the fix leads to. ``delivery``: a delivery carries it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.test import Client

from connectors.models import Connector
from events import jobs, lanes, replay
from events.models import Delivery, Drain, Event, EventTrigger, Job
from events.resync_request import work_order_parameters
from mappings.models import FieldMapping
from synclog.worker_models import Worker
from tests.flows.conftest import World, event
from tests.flows.test_both_sides import _conflict, event_of, last
from tests.flows.test_breaker import help_desk_is_down, one_at_a_time
from tests.flows.test_doors import webhook
from tests.flows.test_limits import post_events
from tests.flows.test_newest_only import only_newest

ORDER: Final = 4410027
TICKETS: Final = "/api/tickets"
STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Case:
    cause: Callable[[World], object]
    code: str
    says: str
    fix: str
    delivery: bool = True

    @property
    def name(self) -> str:
        return self.cause.__name__


def synced(world: World) -> None:
    world.post(event())
    world.deliver()


def refused_with(world: World, status: int, *, method: str = "POST", path: str = TICKETS, text: str = "No.") -> int:
    """The Help Desk answers so, once, to the event that follows."""
    world.fault("help_desk", method=method, path=path, times=1, status=status, body={"error": {"message": text}})
    world.post(event(title="Another title"))
    world.deliver()
    return ORDER


# --- the other side says no -------------------------------------------------------------------------------------------


def values_are_refused(world: World) -> int:
    return refused_with(world, 422, text="The requester is on hold.")


def a_required_field_is_missing(world: World) -> int:
    world.connector.mappings.filter(target="subject", direction="outbound").update(is_enabled=False)
    world.post(event())
    world.deliver()
    return ORDER


def the_record_is_gone(world: World) -> int:
    synced(world)
    return refused_with(world, 404, method="PATCH", path=f"{TICKETS}/1001")


def the_record_is_locked(world: World) -> int:
    synced(world)
    return refused_with(world, 409, method="PATCH", path=f"{TICKETS}/1001", text="The ticket is locked.")


def the_method_is_not_allowed(world: World) -> int:
    return refused_with(world, 405)


def a_script_fails(world: World) -> int:
    row = world.connector.mappings.get(target="description", direction="outbound")
    row.options = {"script": "$.input.workorder.nowhere.name"}
    row.save()
    synced(world)
    return ORDER


def too_many_calls(world: World) -> int:
    world.fault("help_desk", method="POST", path=TICKETS, times=1, status=429, headers={"Retry-After": "200"})
    synced(world)
    return ORDER


def the_system_is_busy(world: World) -> int:
    return refused_with(world, 503)


def all_attempts_are_used_up(world: World) -> int:
    Connector.objects.update(max_attempts=1)
    return refused_with(world, 503)


def the_system_is_not_reached(world: World) -> int:
    connector = world.connector
    connector.settings = {**connector.settings, "base_url": "http://127.0.0.1:9"}
    connector.save()
    synced(world)
    return ORDER


def the_answer_is_lost(world: World) -> int:
    world.fault("help_desk", method="POST", path=TICKETS, times=1, drop="after")
    synced(world)
    return ORDER


def the_answer_is_lost_and_cannot_be_looked_up(world: World) -> int:
    connector = world.connector
    connector.settings = {**connector.settings, "find_path": "", "find_parameter": ""}
    connector.save()
    return the_answer_is_lost(world)


def the_credentials_are_wrong(world: World) -> int:
    connector = world.connector
    connector.secrets = {"api_key": "wrong-key-of-the-test"}
    connector.save()
    synced(world)
    return ORDER


def the_right_is_missing(world: World) -> int:
    return refused_with(world, 403, text="Role missing.")


def the_address_redirects(world: World) -> int:
    return refused_with(world, 302)


def both_sides_changed(world: World) -> int:
    _, order = _conflict(world, "manual")
    world.post(event_of(world, order))
    world.deliver()
    return order


def it_goes_back_and_forth(world: World) -> int:
    Connector.objects.update(hop_limit=3)
    for way, target in (("outbound", "subject"), ("inbound", "title")):
        row = FieldMapping.objects.get(direction=way, target=target)
        row.action, row.options = "custom", {"script": f"$.input.{row.source} + '!'"}
        row.save()
    ticket = world.person_creates_ticket()
    for _ in range(4):
        world.trigger(ticket)
        world.deliver()
        [order] = world.field_nation.work_orders()
        world.post(event_of(world, order["id"]))
        world.deliver()
    return int(order["id"])


def the_breaker_opens(world: World) -> int:
    one_at_a_time(world)
    help_desk_is_down(world)
    post_events(world, 6)
    world.deliver()
    return 4410006


# --- there is nothing to do -------------------------------------------------------------------------------------------


def it_is_not_ticked(world: World) -> int:
    world.post(event(event_type="FN_WO_PUBLISHED"))
    return ORDER


def the_filter_leaves_it_out(world: World) -> int:
    filters = {"match": "all", "conditions": [{"field": "status.name", "op": "equals", "value": "draft"}]}
    world.connector.triggers.filter(event_type="FN_WO_SCHEDULE_UPDATED").update(filters=filters)
    world.post(event())
    return ORDER


def the_status_did_not_change(world: World) -> int:
    filters = {"match": "all", "conditions": [{"field": "status.name", "op": "changed"}]}
    world.connector.triggers.filter(event_type="FN_WO_ASSIGNED").update(filters=filters)
    synced(world)
    world.post(event(event_type="FN_WO_ASSIGNED"))
    return ORDER


def the_connector_is_paused(world: World) -> int:
    Connector.objects.update(status="paused")
    world.post(event())
    return ORDER


def the_connector_is_disabled(world: World) -> int:
    Connector.objects.update(status="disabled")
    world.post(event())
    return ORDER


def it_is_not_linked(world: World) -> int:
    Connector.objects.update(outbound_create=False)
    synced(world)
    return ORDER


def a_note_has_no_record(world: World) -> int:
    world.post(event(event_type="FN_WO_PROVIDER_CHECKED_IN"))
    world.deliver()
    return ORDER


def nothing_is_mapped(world: World) -> int:
    FieldMapping.objects.update(is_enabled=False)
    synced(world)
    return ORDER


def with_script(world: World, script: str) -> int:
    triggers = world.connector.triggers.filter(event_type="FN_WO_SCHEDULE_UPDATED")
    triggers.update(action="script", script=script)
    synced(world)
    return ORDER


def the_script_skips(world: World) -> int:
    return with_script(world, '[{ op: "skip", reason: "only nights" }]')


def the_script_asks_for_nothing(world: World) -> int:
    return with_script(world, "[]")


def an_earlier_trigger_waits(world: World) -> object:
    ticket = world.person_creates_ticket()
    world.trigger(ticket)
    return world.trigger(ticket).json()["events"][0]["id"]


def a_newer_one_carries_it(world: World) -> object:
    only_newest("FN_WO_SCHEDULE_UPDATED")
    first = world.post(event(title="One")).json()["id"]
    world.post(event(title="Two"))
    return first


def a_later_one_made_up_for_it(world: World) -> object:
    refused_with(world, 422)
    first = Event.objects.get().pk
    world.post(event(event_type="FN_WO_DONE"))
    world.deliver()
    return first


def it_is_older_than_the_record(world: World) -> object:
    now = datetime.now(UTC)
    world.post(event(event_timestamp=(now - timedelta(minutes=5)).strftime(STAMP)))
    older = event(title="Older", event_timestamp=(now - timedelta(minutes=7)).strftime(STAMP))
    id = world.post(older).json()["id"]
    world.deliver()
    return id


def its_trigger_was_removed(world: World) -> int:
    world.post(event())
    world.connector.triggers.filter(event_type="FN_WO_SCHEDULE_UPDATED").update(is_enabled=False)
    world.deliver()
    return ORDER


def an_earlier_action_failed(world: World) -> object:
    synced(world)
    EventTrigger.objects.filter(connector=world.connector, event_type="FN_WO_DONE").update(on_failure="stop")
    EventTrigger.objects.create(
        connector=world.connector, event_type="FN_WO_DONE", action="create", target_object="note", position=9
    )
    world.fault("help_desk", method="PATCH", path=f"{TICKETS}/1001", times=1, status=422, body={"error": "No."})
    world.post(event(event_type="FN_WO_DONE", title="Another title"))
    world.deliver()
    return Delivery.objects.get(reason="stopped").pk


def a_person_discarded_it(world: World) -> int:
    refused_with(world, 422)
    replay.discard([last().pk], user="olga", reason="Done by hand")
    return ORDER


def a_person_skipped_it(world: World) -> int:
    the_system_is_busy(world)
    replay.skip(last().pk, user="olga", reason="Done by hand")
    return ORDER


def a_webhook_has_no_event(world: World) -> int:
    webhook(world, "workorder.tag_added")
    return ORDER


def a_webhook_is_unknown(world: World) -> int:
    webhook(world, "workorder.made_up")
    return ORDER


def the_resync_cannot_read_it(world: World) -> int:
    parameters = work_order_parameters([99])
    job = jobs.start(Job.Kind.RESYNC_WORK_ORDERS, user="olga", connector=world.connector, parameters=parameters)
    jobs.run_due(seconds=0)
    assert Job.objects.get(pk=job.pk).left_alone == 1
    return 99


# --- its turn does not come -------------------------------------------------------------------------------------------


def an_earlier_delivery_stands_before_it(world: World) -> object:
    the_right_is_missing(world)
    return world.post(event(event_type="FN_WO_DONE")).json()["id"]


def a_person_holds_the_record(world: World) -> int:
    world.post(event())
    lanes.hold(world.connector.pk, f"wo:{ORDER}", user="olga")
    return ORDER


def the_workers_are_drained(world: World) -> int:
    Drain.objects.create()
    world.post(event())
    return ORDER


def no_worker_is_alive(world: World) -> int:
    Worker.objects.update(seen_at=datetime.now(UTC) - timedelta(minutes=9))
    world.post(event())
    return ORDER


def our_own_limit_is_used_up(world: World) -> int:
    Connector.objects.update(requests_per_minute=1, burst=1)
    post_events(world, 2)
    world.deliver()
    return 4410002


def the_company_is_off(world: World) -> int:
    world.post(event())
    company = world.demo.company
    company.is_active = False
    company.save()
    return ORDER


def it_waits_for_its_own_create(world: World) -> object:
    """A work order is created from a ticket, its answer is lost, and an unknown work order tells of a change."""
    world.fault("field_nation", method="POST", path="/api/rest/v2/workorders", times=1, drop="after")
    world.trigger(world.person_creates_ticket())
    world.deliver()
    id = world.post(event(id=777)).json()["id"]
    world.deliver()
    return id


# --- it never came in -------------------------------------------------------------------------------------------------


def nothing_came_in(world: World) -> int:
    return 555


def the_trigger_named_no_record(world: World) -> str:
    _call(world.http, world, b'{"nothing": 1}')
    return "TCK-1"


def the_trigger_was_unreadable(world: World) -> str:
    _call(world.http, world, b'{"external_id": ')
    return "TCK-1"


def the_trigger_came_too_often(world: World) -> str:
    Connector.objects.filter(pk=world.connector.pk).update(trigger_rate_limit=1)
    for _ in range(2):  # the minute may turn after the first
        world.trigger("TCK-2")
    _call(world.http, world, b'{"external_id": "TCK-1"}')
    return "TCK-1"


def the_platform_is_gone(world: World) -> str:
    Connector.objects.filter(pk=world.connector.pk).update(platform="gone")
    _call(world.http, world, b'{"external_id": "TCK-1"}')
    return "TCK-1"


def the_trigger_was_too_large(world: World) -> str:
    _call(world.http, world, b'{"external_id": "' + b"1" * 1_100_000 + b'"}')
    return "TCK-1"


def _call(http: Client, world: World, body: bytes) -> None:
    url = f"/integrations/trigger/{world.connector.trigger_token}"
    assert http.post(url, body, content_type="application/json").status_code in (400, 413, 429, 503)


SETTINGS, TRIGGERS, MAPPINGS = "Settings and credentials", "Event Triggers", "Field Mappings"
DEAD, LANES, LINKS, JOBS = "Dead Letters", "Blocked Lanes", "Record Links", "Jobs: resync and catch-up"
STATES, ACCOUNT, URL, LIST = "Connector state", "Field Nation account", "Trigger URL", "Deliveries"

CASES: Final = (
    Case(values_are_refused, "validation", "refused the values (422): The requester is on hold.", MAPPINGS),
    Case(a_required_field_is_missing, "validation", "subject", MAPPINGS),
    Case(the_record_is_gone, "not_found", "does not know this record", SETTINGS),
    Case(the_record_is_locked, "conflict", "The ticket is locked.", DEAD),
    Case(the_method_is_not_allowed, "rejected", "refused the call (405)", SETTINGS),
    Case(a_script_fails, "transformation", "description", MAPPINGS),
    Case(too_many_calls, "rate_limited", "asked us to wait until", SETTINGS),
    Case(the_system_is_busy, "unavailable", "cannot serve now (503)", STATES),
    Case(all_attempts_are_used_up, "unavailable", "Given up after 1 attempts", DEAD),
    Case(the_system_is_not_reached, "not_sent", "refused the connection", SETTINGS),
    Case(the_answer_is_lost, "outcome_unknown", "Attempt 1 of 8 failed", SETTINGS),
    Case(the_answer_is_lost_and_cannot_be_looked_up, "waiting_outcome_unknown", "Look there for FN-4410027", LIST),
    Case(the_credentials_are_wrong, "held_auth", "All deliveries of Help Desk are held", SETTINGS),
    Case(the_right_is_missing, "waiting_auth", "refused the rights (403): Role missing.", SETTINGS),
    Case(the_address_redirects, "waiting_configuration", "answered with a redirect (302)", SETTINGS),
    Case(both_sides_changed, "waiting_conflict", "Both sides changed subject", LIST),
    Case(it_goes_back_and_forth, "waiting_loop", "3 times within an hour", LIST),
    Case(the_breaker_opens, "breaker_open", "failed several times in a row", STATES),
    Case(it_is_not_ticked, "not_ticked", "FN_WO_PUBLISHED is not ticked", TRIGGERS, delivery=False),
    Case(
        the_filter_leaves_it_out,
        "filtered",
        'status.name is "assigned"; asked for: equals "draft"',
        TRIGGERS,
        delivery=False,
    ),
    Case(
        the_status_did_not_change,
        "filtered",
        'status.name is still "assigned"; asked for: changed',
        TRIGGERS,
        delivery=False,
    ),
    Case(the_connector_is_paused, "connector_paused", "Help Desk is paused. This delivery is kept", SETTINGS),
    Case(
        the_connector_is_disabled, "connector_disabled", "Help Desk was disabled when it came", SETTINGS, delivery=False
    ),
    Case(it_is_not_linked, "not_linked", "is not linked to a record of Help Desk", LINKS),
    Case(a_note_has_no_record, "not_linked", "is not linked to a record of Help Desk", LINKS),
    Case(nothing_is_mapped, "nothing_mapped", "no outbound mappings that are on", MAPPINGS),
    Case(the_script_skips, "script_skipped", "decided to skip this event (only nights)", TRIGGERS),
    Case(the_script_asks_for_nothing, "nothing_sent", "the script asked for nothing", TRIGGERS),
    Case(an_earlier_trigger_waits, "merged", "still waits for the same record", LANES, delivery=False),
    Case(a_newer_one_carries_it, "superseded", "the newer delivery for the same record carries", LIST),
    Case(a_later_one_made_up_for_it, "resolved_later", "Made up for", LIST),
    Case(it_is_older_than_the_record, "stale", "a newer event of this work order was applied", JOBS),
    Case(its_trigger_was_removed, "trigger_gone", "was removed from Help Desk before its turn", TRIGGERS),
    Case(an_earlier_action_failed, "stopped", "an earlier action of the same event was given up", DEAD),
    Case(a_person_discarded_it, "operator_discarded", "olga discarded this delivery (Done by hand).", JOBS),
    Case(a_person_skipped_it, "operator_skipped", "olga skipped this delivery (Done by hand).", JOBS),
    Case(a_webhook_has_no_event, "no_broker_event", "workorder.tag_added", TRIGGERS, delivery=False),
    Case(a_webhook_is_unknown, "unknown_webhook_event", "workorder.made_up", TRIGGERS, delivery=False),
    Case(the_resync_cannot_read_it, "resync_unread", "could not be taken into the resync", ACCOUNT, delivery=False),
    Case(an_earlier_delivery_stands_before_it, "lane_blocked", "stands before it (waiting)", LANES),
    Case(a_person_holds_the_record, "lane_held", "olga holds this record back", LANES),
    Case(the_workers_are_drained, "draining", "being drained", "Drain"),
    Case(no_worker_is_alive, "no_worker", "No worker is alive; the last one reported at", "Overview"),
    Case(our_own_limit_is_used_up, "own_limit", "The limit of 1 calls per minute", SETTINGS),
    Case(the_company_is_off, "company_off", "Sandbox company is switched off", ACCOUNT),
    Case(it_waits_for_its_own_create, "postponed", "Put off for a moment", LIST),
    Case(nothing_came_in, "not_received", "No event about work order 555 is stored.", ACCOUNT, delivery=False),
    Case(the_trigger_named_no_record, "trigger_no_id", "No record id was found", URL, delivery=False),
    Case(the_trigger_was_unreadable, "trigger_unreadable", "was refused:", URL, delivery=False),
    Case(the_trigger_came_too_often, "trigger_too_often", "takes 1 calls a minute", URL, delivery=False),
    Case(the_platform_is_gone, "trigger_no_platform", "no platform “gone” here", URL, delivery=False),
    Case(the_trigger_was_too_large, "trigger_too_large", "more than 1,048,576 bytes", URL, delivery=False),
)
