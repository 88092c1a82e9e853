"""Every check says yes and no (or that it cannot tell) from facts alone, without a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from connectors.fieldnation.webhook_logs import Hook
from connectors.models import Company, Connector, ConnectorState
from connectors.platforms.contract import TestResult
from events.models import Delivery, Event, EventTrigger, Lane
from events.troubleshoot import arrival, mapping, queue, record, routing, target
from events.troubleshoot.diagnosis import GROUPS, diagnose
from events.troubleshoot.facts import Arrivals, Facts, Live, Workers
from events.troubleshoot.verdict import Check, Verdict
from mappings.models import FieldMapping, RecordLink
from synclog.alert_models import WebhookCheck
from synclog.models import ApiCall, SyncLog
from synclog.refused import Refused

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SOON, BEFORE = NOW + timedelta(minutes=5), NOW - timedelta(minutes=5)
YES, NO, UNKNOWN = Verdict.YES, Verdict.NO, Verdict.UNKNOWN

COMPANY = Company(id=1, name="Example Co")


def connector(**more: Any) -> Connector:
    given: dict[str, Any] = {"id": 7, "name": "Help Desk", "platform": "rest", "company": COMPANY, "updated_at": BEFORE}
    return Connector(**{**given, **more})


def event(**more: Any) -> Event:
    payload = {"workorder": {"id": 1001, "status": {"name": "assigned"}}}
    given: dict[str, Any] = {
        "id": UUID(int=1), "kind": "work_order", "door": "api", "company": COMPANY, "event_type": "FN_WO_ASSIGNED",
        "received_name": "FN_WO_ASSIGNED", "work_order_id": 1001, "received_at": BEFORE, "payload": payload,
    }  # fmt: skip
    return Event(**{**given, **more})


def trigger_call() -> Event:
    return event(kind="trigger", door="trigger", event_type="", work_order_id=None, external_id="TCK-1")


def delivery(state: str = "pending", **more: Any) -> Delivery:
    given: dict[str, Any] = {
        "id": UUID(int=2), "event_id": UUID(int=1), "connector_id": 7, "direction": "outbound", "action": "update",
        "lane_key": "wo:1001", "state": state, "created_at": BEFORE, "sentence": "It said so.",
    }  # fmt: skip
    return Delivery(**{**given, **more})


def log(code: str = "x", **more: Any) -> SyncLog:
    return SyncLog(**{"id": UUID(int=3), "code": code, "sentence": "It said so.", "created_at": BEFORE, **more})


def turned_away(company_id: int | None, connector_id: int | None = None) -> Refused:
    return Refused(
        door="trigger" if connector_id else "webhook", company_id=company_id, connector_id=connector_id, count=12,
        last_at=BEFORE, status=401, reason="The signature did not match.", network="198.51.100.0/24",
    )  # fmt: skip


def state(**more: Any) -> ConnectorState:
    return ConnectorState(connector_id=7, **more)


def trigger(event_type: str = "FN_WO_ASSIGNED", **more: Any) -> EventTrigger:
    return EventTrigger(id=5, connector_id=7, event_type=event_type, **more)


def row(**more: Any) -> FieldMapping:
    return FieldMapping(**{"id": 9, "direction": "outbound", "target": "subject", **more})


def link(**more: Any) -> RecordLink:
    return RecordLink(**{"id": 4, "connector_id": 7, "work_order_id": 1001, "external_id": "TCK-1", **more})


def facts(**more: Any) -> Facts:
    given: dict[str, Any] = {"now": NOW, "term": "1001", "work_order_id": 1001, "connector": connector()}
    return Facts(**{**given, **more})


def alive(**more: Any) -> Facts:
    """All is well: an event came in and waits for its turn."""
    return facts(
        **{
            "event": event(),
            "delivery": delivery(),
            "triggers": [trigger()],
            "rows": [row()],
            "link": link(),
            "required": (),
            "workers": Workers(alive=2, last_seen=NOW),
            **more,
        }
    )


DESCRIBED = {"event": event(), "triggers": [trigger(filters={
    "match": "all", "conditions": [{"field": "status.name", "op": "equals", "value": "draft"}]})]}  # fmt: skip

Row = tuple[Callable[[Facts], Check], Facts, Verdict, str, str]
"""Check, facts, its verdict, its code, a part of what it says."""

ROWS: list[Row] = [
    # did it come in?
    (arrival.received, facts(event=event()), YES, "", "came in through POST /events/"),
    (arrival.received, facts(event=trigger_call()), YES, "", "The trigger URL was called for record TCK-1"),
    (arrival.received, facts(), NO, "not_received", "No event about work order 1001 is stored."),
    (arrival.received, facts(event_type="FN_WO_DONE"), NO, "not_received", "No FN_WO_DONE about"),
    (arrival.received, facts(inbound=True), NO, "not_received", "No call of the trigger URL of Help Desk"),
    (arrival.received, facts(decision=log()), UNKNOWN, "", "is not stored any more"),
    (arrival.refused, facts(event=event()), YES, "", "It was let in"),
    (arrival.refused, facts(inbound=True, refusals=[log("trigger_no_id")]), NO, "trigger_no_id", "It said so."),
    (arrival.refused, facts(), UNKNOWN, "", "No call was refused in the last 24 hours"),
    (arrival.refused, facts(refused=[turned_away(None)]), UNKNOWN, "", "nothing here has"),
    (arrival.refused, facts(refused=[turned_away(None), turned_away(1)]), NO, "not_received", "did not match"),
    (arrival.refused, facts(inbound=True, refused=[turned_away(1, 7)]), NO, "not_received", "did not match"),
    (arrival.brought, facts(event=event(door="webhook")), YES, "", "came through the webhook"),
    (arrival.brought, facts(arrivals=Arrivals(webhook=BEFORE)), YES, "", "Webhooks arrive"),
    (arrival.brought, facts(), UNKNOWN, "", "No webhook came within a day"),
    (arrival.brought, facts(webhook_check=WebhookCheck(is_active=False, sentence="Off.", checked_at=BEFORE)), NO,
     "webhook_off", "Off."),
    (arrival.brought, facts(webhook_check=WebhookCheck(is_active=True, sentence="On.", checked_at=BEFORE)), YES, "",
     "On."),
    (arrival.brought, facts(live=Live(hooks=[])), NO, "webhook_off", "has no webhook with this company's address"),
    (arrival.brought, facts(live=Live(hooks=[Hook("h1", "u", "archived")])), NO, "webhook_off", "h1 is not active"),
    (arrival.brought, facts(live=Live(hooks=[Hook("h1", "u", "active")])), YES, "", "is active"),
    (arrival.brought, facts(live=Live(hooks_problem="Refused.")), UNKNOWN, "", "Refused."),
    (arrival.known, facts(event=event()), YES, "", "stands on the Event Triggers page"),
    (arrival.known, facts(event=event(event_type=""), decision=log("unknown_webhook_event")), NO,
     "unknown_webhook_event", "It said so."),
    (arrival.first, facts(event=event()), YES, "", "No repeat"),
    (arrival.first, facts(event=event(), repeats=3), NO, "duplicate", "came again 3 times"),
    (arrival.first, facts(event=trigger_call(), decision=log("merged")), NO, "merged", "It said so."),
    # is it meant for this connector?
    (routing.ticked, alive(), YES, "", "FN_WO_ASSIGNED is ticked with Update Record"),
    (routing.ticked, facts(event=event()), NO, "not_ticked", "is not ticked"),
    (routing.ticked, facts(event=event(), decision=log("not_ticked"), triggers=[trigger()]), NO, "not_ticked",
     "was not ticked on the Event Triggers page of Help Desk. It is ticked by now"),
    (routing.ticked, facts(event=event(), triggers=[trigger(is_enabled=False)]), NO, "not_ticked", "is not ticked"),
    (routing.ticked, alive(delivery=delivery("skipped", reason="trigger_gone")), NO, "trigger_gone", "was removed"),
    (routing.ticked, alive(triggers=[]), YES, "", "it is not ticked any more"),
    (routing.ticked, facts(), NO, "not_ticked", "so nothing is ever sent"),
    (routing.filtered, alive(), YES, "", "passed when the event came in"),
    (routing.filtered, facts(**DESCRIBED, decision=log("filtered")), NO, "filtered", "It said so."),
    (routing.filtered, facts(), UNKNOWN, "", "Nothing came in"),
    (routing.changed, alive(earlier={"workorder": {"status": {"name": "published"}}}), YES, "", "was published and is"),
    (routing.changed, alive(earlier={"workorder": {"status": {"name": "assigned"}}}), NO, "no_change",
     "was assigned already"),
    (routing.changed, alive(event=event(payload={})), UNKNOWN, "", "was removed"),
    (routing.active, alive(), YES, "", "is active, and so is its company"),
    (routing.active, alive(connector=connector(status="paused")), NO, "connector_paused", "This delivery is kept"),
    (routing.active, facts(connector=connector(status="disabled")), NO, "connector_disabled", "is skipped"),
    (routing.active, facts(connector=connector(company=Company(name="Off Co", is_active=False))), NO, "company_off",
     "Off Co is switched off"),
    # does its turn come?
    (queue.works, alive(), YES, "", "2 workers are alive"),
    (queue.works, alive(draining_since=BEFORE), NO, "draining", "being drained since 2026-07-01 11:55:00 UTC"),
    (queue.works, alive(workers=Workers(alive=0, last_seen=BEFORE)), NO, "no_worker", "the last one reported at"),
    (queue.works, alive(workers=Workers(alive=0, last_seen=None)), NO, "no_worker", "ever reported"),
    (queue.works, alive(workers=None), UNKNOWN, "", "No heartbeat"),
    (queue.held, alive(), YES, "", "is not held"),
    (queue.held, alive(state=state(held_at=BEFORE, held_sentence="Wrong key.")), NO, "held_auth", "Wrong key."),
    (queue.breaker, alive(state=state()), YES, "", "is closed"),
    (queue.breaker, alive(state=state(breaker="open", failure="Busy.", next_probe_at=SOON)), NO, "breaker_open",
     "One delivery is tried at 2026-07-01 12:05:00 UTC. Last failure: Busy."),
    (queue.limits, alive(), YES, "", "no limit is set here"),
    (queue.limits, alive(state=state(blocked_until=SOON)), NO, "rate_limited", "asked us to wait until"),
    (queue.limits, alive(state=state(blocked_until=BEFORE)), YES, "", "no limit"),
    (queue.limits, alive(connector=connector(requests_per_minute=60)), YES, "", "leaves room"),
    (queue.limits, alive(connector=connector(requests_per_minute=60), state=state(tokens=-3.0, refilled_at=NOW)), NO,
     "own_limit", "of 60 calls per minute"),
    (queue.lane, alive(), YES, "", "Nothing stands in line"),
    (queue.lane, alive(head=delivery(), length=2), YES, "", "It is the first in line"),
    (queue.lane, alive(head=delivery("waiting", id=UUID(int=8), sentence="Refused."), length=2), NO, "lane_blocked",
     "stands before it (waiting): Refused."),
    (queue.lane, alive(lane=Lane(id=3, held_by="olga", held_at=BEFORE), length=1), NO, "lane_held", "olga holds"),
    # which record is it about?
    (record.stands, alive(), YES, "", "Nothing newer"),
    (record.stands, alive(delivery=delivery("superseded", reason="superseded")), NO, "superseded", "It said so."),
    (record.stands, alive(delivery=delivery("superseded", reason="resolved_later")), NO, "resolved_later", "It said"),
    (record.stands, alive(delivery=delivery("skipped", reason="stale")), NO, "stale", "It said so."),
    (record.stands, facts(), UNKNOWN, "", "made no delivery"),
    (record.news, alive(delivery=delivery("succeeded", reason="updated")), YES, "", "did not hold all"),
    (record.news, alive(delivery=delivery("skipped", reason="no_change")), NO, "no_change", "It said so."),
    (record.news, alive(), UNKNOWN, "", "has not come"),
    (record.linked, alive(), YES, "", "Work order 1001 is record TCK-1 of Help Desk."),
    (record.linked, alive(link=None), NO, "not_linked", "is not linked to a record of Help Desk"),
    (record.linked, alive(link=None, connector=connector(outbound_create=True)), YES, "", "a record is made"),
    (record.linked, alive(link=link(external_id=None, claimed_at=BEFORE)), UNKNOWN, "", "is being created"),
    (record.linked, alive(delivery=delivery("skipped", reason="not_linked")), NO, "not_linked", "linked by now"),
    (record.linked, alive(link=None, inbound=True), YES, "", "a work order is created"),
    (record.decided, alive(), YES, "", "Nobody is asked"),
    *[
        (record.decided, alive(delivery=delivery("waiting", reason=reason)), NO, reason, "It said so.")
        for reason in ("waiting_conflict", "waiting_outcome_unknown", "waiting_loop")
    ],
    (record.run, alive(), YES, "", "Nobody stopped it"),
    (record.run, alive(delivery=delivery("retrying", reason="postponed")), NO, "postponed", "It said so."),
    (record.run, alive(delivery=delivery("retrying", reason="adopted")), NO, "adopted", "It said so."),
    *[
        (record.run, alive(delivery=delivery("skipped", reason=reason)), NO, reason, "It said so.")
        for reason in ("stopped", "operator_discarded", "operator_skipped")
    ],
    # can it be mapped?
    (mapping.mapped, alive(), YES, "", "1 outbound mappings are on"),
    (mapping.mapped, alive(rows=[row(is_enabled=False)]), NO, "nothing_mapped", "has no outbound mappings that are on"),
    (mapping.mapped, alive(inbound=True), NO, "nothing_mapped", "has no inbound mappings"),
    (mapping.mapped, alive(rows=[], delivery=delivery(action="script")), YES, "", "None are needed"),
    (mapping.complete, alive(), YES, "", "known to be required"),
    (mapping.complete, alive(required=["subject"]), NO, "validation", "what a new record needs: subject."),
    (mapping.complete, alive(required=None), UNKNOWN, "", "never read"),
    (mapping.gave, alive(delivery=delivery("succeeded")), YES, "", "without an error"),
    (mapping.gave, alive(), UNKNOWN, "", "has not begun"),
    (mapping.gave, alive(delivery=delivery("dead", reason="transformation")), NO, "transformation", "It said so."),
    *[
        (mapping.gave, alive(delivery=delivery("skipped", reason=reason)), NO, reason, "It said so.")
        for reason in ("nothing_mapped", "nothing_sent", "script_skipped")
    ],
    (mapping.gave, facts(decision=log("resync_unread")), NO, "resync_unread", "It said so."),
    (mapping.values, alive(attempt=log(details={"mapped": [{"target": "a", "result": 1}]})), YES, "", "All 1 rows"),
    (mapping.values, alive(attempt=log(details={"mapped": [{"target": "a", "default_used": True}, {"target": "b"}]})),
     NO, "some_fields", "1 of 2 rows"),
    (mapping.values, alive(attempt=log(details={"mapped": [{"target": "a", "left_out": 1}]})), NO, "some_fields", ""),
    (mapping.values, alive(), UNKNOWN, "", "No mapping is logged"),
    # does the other side take it?
    (target.settings, alive(), YES, "", "The platform is known"),
    (target.settings, alive(sealed_problem="The key is gone."), NO, "waiting_configuration", "The key is gone."),
    (target.settings, alive(connector=connector(platform="none")), NO, "waiting_configuration", "none"),
    (target.settings, alive(delivery=delivery("waiting", reason="waiting_configuration")), NO,
     "waiting_configuration", "It said so."),
    (target.credentials, alive(), UNKNOWN, "", "Press “Test the connection”"),
    (target.credentials, alive(live=Live(external=TestResult(True, "Fine."))), YES, "", "Fine."),
    (target.credentials, alive(live=Live(external=TestResult(False, "Wrong."))), NO, "authentication", "Wrong."),
    (target.credentials,
     alive(live=Live(external=TestResult(True, "Fine."), field_nation=TestResult(False, "Wrong."))), NO,
     "authentication", "Wrong."),
    (target.credentials, alive(calls=[ApiCall(id=1, method="GET", url="u", status=200, started_at=BEFORE)]), YES, "",
     "answered 200"),
    (target.credentials, alive(delivery=delivery("waiting", reason="waiting_auth")), NO, "waiting_auth", "It said so."),
    (target.credentials, alive(delivery=delivery("pending", reason="held_auth")), NO, "held_auth", "It said so."),
    (target.answer, alive(delivery=delivery("succeeded", finished_at=NOW)), YES, "", "It said so."),
    *[
        (target.answer, alive(delivery=delivery(state, reason=reason)), NO, reason, "It said so.")
        for state, reason in (
            ("dead", "validation"), ("dead", "not_found"), ("dead", "conflict"), ("dead", "rejected"),
            ("retrying", "rate_limited"), ("retrying", "unavailable"), ("dead", "unavailable"),
            ("retrying", "not_sent"), ("retrying", "outcome_unknown"), ("retrying", "api"),
        )
    ],
    (target.answer, facts(), UNKNOWN, "", "nothing was sent"),
    (target.sound, alive(), YES, "", "No failure of the broker"),
    (target.sound, alive(delivery=delivery("waiting", reason="waiting_bug")), NO, "waiting_bug", "It said so."),
]  # fmt: skip


def named(row: Row) -> str:
    return f"{row[0].__name__}-{row[2].value.replace(' ', '_')}-{row[3]}"


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_the_check_says_what_the_facts_say(row: Row) -> None:
    check, given, verdict, code, says = row
    found = check(given)
    assert (found.verdict, found.code) == (verdict, code)
    assert says in found.sentence
    if found.fails:
        assert found.todo.endswith(".")
        assert found.places


def test_every_check_has_a_test_for_yes_and_for_no() -> None:
    every = {check for _, checks in GROUPS for check in checks}
    seen = {(check, verdict) for check, _, verdict, _, _ in ROWS}
    assert {check for check in every if {(check, YES), (check, NO)} - seen} == set()
    assert len(every) == sum(len(checks) for _, checks in GROUPS) == 27


# --- the sentence on top ----------------------------------------------------------------------------------------------


def test_the_first_failing_check_in_the_documented_order_is_named() -> None:
    both = alive(connector=connector(status="paused"), state=state(held_at=BEFORE))
    found = diagnose(both)
    assert found.failing is not None
    assert found.failing.code == "connector_paused"
    assert (found.headline.sentence, found.headline.todo) == (found.failing.sentence, found.failing.todo)


def test_what_holds_the_queue_now_is_not_the_cause_of_what_was_given_up() -> None:
    given_up = alive(
        delivery=delivery("dead", reason="validation"), connector=connector(status="paused"),
        state=state(breaker="open", failure="Busy."), workers=Workers(alive=0, last_seen=None),
    )  # fmt: skip
    found = diagnose(given_up)
    assert found.failing is not None
    assert found.failing.code == "validation"
    others = [check.code for group in found.groups for check in group.checks if check.fails and not check.decides]
    assert others == ["connector_paused", "no_worker", "breaker_open"]


def test_a_success_is_not_blamed_on_anything() -> None:
    done = alive(delivery=delivery("succeeded", finished_at=NOW, sentence="Record TCK-1 was updated."), link=None)
    headline = diagnose(done).headline
    assert (headline.kind, headline.check) == ("success", None)
    assert headline.sentence == "It is in step since 2026-07-01 12:00:00 UTC: Record TCK-1 was updated."


def test_a_missing_required_field_is_the_cause_only_when_the_answer_names_it() -> None:
    refused = delivery("dead", reason="validation", sentence="Given up: site is required.")
    assert diagnose(alive(delivery=refused, required=["site"])).headline.sentence.startswith("No row fills")
    assert diagnose(alive(delivery=refused, required=["priority"])).headline.sentence == refused.sentence


def test_the_present_filter_is_shown_with_the_actual_value() -> None:
    evidence = routing.filtered(facts(**DESCRIBED)).evidence
    assert [(one.name, one.value) for one in evidence] == [
        ("filter, leaves it out now", 'status.name is "assigned"; asked for: equals "draft".')
    ]


def test_without_any_failing_check_it_does_not_claim_success() -> None:
    headline = diagnose(alive(delivery=None)).headline
    assert (headline.kind, headline.sentence) == ("info", "No check failed, and none proves that it arrived.")


def test_an_event_that_was_pruned_is_told_by_its_newest_log() -> None:
    headline = diagnose(alive(event=None, delivery=None, decision=log("created"), triggers=[trigger()])).headline
    assert headline.sentence == "The newest log about it says: It said so."


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (15, []),
        (14, ["are about to expire: 2026-07-15 is their last day, in 14 days"]),
        (-1, ["expired: 2026-06-30 was their last day, 1 day ago"]),
    ],
)
@pytest.mark.parametrize("whose", ["connector", "company"])
def test_the_date_until_which_credentials_are_valid_is_evidence_when_it_is_near(
    whose: str, days: int, said: list[str]
) -> None:
    last = {"credentials_expire_on": NOW.date() + timedelta(days=days)}
    owner = Company(id=1, name="Example Co", **(last if whose == "company" else {}))
    to = connector(company=owner, **(last if whose == "connector" else {}))
    tested = Live(external=TestResult(True, "Fine."))
    for found in (alive(connector=to), alive(connector=to, live=tested)):
        shown = [one for one in target.credentials(found).evidence if one.name.startswith("by their date")]
        assert [one.value for one in shown] == said
        assert all(one.address.endswith(f"/{whose}/{7 if whose == 'connector' else 1}/change/") for one in shown)
