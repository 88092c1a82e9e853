"""What opens, goes on and ends, evaluated from a real database."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connectors.models import Connector, ConnectorState
from events import lanes
from events.alerts import read_deliveries, rules, watch
from events.models import Delivery, Lane
from events.states import State
from synclog.alert_models import Alert, AlertChannel, AlertMessage, AlertRule, WebhookCheck
from synclog.rollup_models import Rollup
from synclog.worker_models import Worker
from tests.admin import world

pytestmark = pytest.mark.django_db

Kind = AlertRule.Kind


def storm(desk: Connector, number: int, *, reason: str = "validation", state: State = State.DEAD) -> None:
    """So many deliveries of one event in this state, written at once."""
    about = world.event(desk.company)
    Delivery.objects.bulk_create(
        [
            Delivery(
                event=about, connector=desk, direction="outbound", action="update", lane_key=f"wo:{one}", state=state,
                reason=reason, sentence=f"Given up: site {one} is unknown.", work_order_id=one, attempts=8,
            )
            for one in range(1, number + 1)
        ],
        batch_size=1000,
    )  # fmt: skip


def alerts() -> list[tuple[str, str, int]]:
    return list(Alert.objects.order_by("cause").values_list("kind", "state", "count"))


def messages() -> list[str]:
    return list(AlertMessage.objects.order_by("pk").values_list("about", flat=True))


def rule(kind: str, **values: Any) -> None:
    AlertRule.objects.filter(kind=kind, connector=None).update(**values)


# --- deliveries ------------------------------------------------------------------------------------------------------


def test_nothing_wrong_opens_nothing(desk: Connector) -> None:
    world.delivery(desk, State.SUCCEEDED)
    assert watch.look()
    assert (alerts(), messages()) == ([], [])


def test_ten_thousand_dead_letters_are_one_alert_and_one_message_a_channel(desk: Connector) -> None:
    storm(desk, 10_000)
    AlertChannel.objects.create(name="Chat", kind="slack", url="https://chat.example.test/hook")
    AlertChannel.objects.create(name="Pager", kind="webhook", url="https://pager.example.test/")
    for _ in range(3):
        watch.look()
    assert alerts() == [("dead_letter", "open", 10_000)]
    assert sorted(AlertMessage.objects.values_list("channel__name", "about")) == [
        ("Chat", "opened"), ("E-mail to notification addresses", "opened"), ("Pager", "opened"),
    ]  # fmt: skip
    alert = Alert.objects.get()
    assert alert.sentence == "10,000+ deliveries of Help Desk given up (validation)."
    assert alert.example == "work order 10000: Given up: site 10000 is unknown."
    assert alert.advice.startswith("The system refused the values. Correct the field mapping")


def test_a_storm_grows_without_another_message_until_the_quiet_period_is_over(desk: Connector) -> None:
    start = timezone.now()
    storm(desk, 3)
    watch.look(now=start)
    storm(desk, 4)
    watch.look(now=start + timedelta(minutes=59))
    assert (alerts(), messages()) == ([("dead_letter", "open", 7)], ["opened"])
    watch.look(now=start + timedelta(minutes=61))
    assert messages() == ["opened", "reminder"]
    watch.look(now=start + timedelta(minutes=200))  # nothing new: no reminder
    assert messages() == ["opened", "reminder"]


def test_the_end_is_told_and_closes_the_alert(desk: Connector) -> None:
    storm(desk, 2)
    watch.look()
    Delivery.objects.update(state=State.SKIPPED)
    watch.look()
    alert = Alert.objects.get()
    assert (alert.state, alert.recovered_at is None) == ("recovered", False)
    assert messages() == ["opened", "recovered"]
    assert [note["said"].partition(":")[0] for note in alert.timeline] == ["Opened", "Recovered."]
    watch.look()
    assert messages() == ["opened", "recovered"]


def test_what_comes_back_within_the_quiet_period_is_the_same_alert_and_tells_nobody(desk: Connector) -> None:
    start = timezone.now()
    storm(desk, 1)
    watch.look(now=start)
    Delivery.objects.update(state=State.SKIPPED)
    watch.look(now=start + timedelta(minutes=1))
    Delivery.objects.update(state=State.DEAD)
    watch.look(now=start + timedelta(minutes=2))
    assert (alerts(), messages()) == ([("dead_letter", "open", 1)], ["opened", "recovered"])
    watch.look(now=start + timedelta(minutes=61))
    assert messages() == ["opened", "recovered", "opened"]


def test_what_comes_back_later_is_a_new_alert(desk: Connector) -> None:
    start = timezone.now()
    storm(desk, 1)
    watch.look(now=start)
    Delivery.objects.update(state=State.SKIPPED)
    watch.look(now=start + timedelta(minutes=1))
    Delivery.objects.update(state=State.DEAD)
    watch.look(now=start + timedelta(hours=2))
    assert [state for _, state, _ in alerts()] == ["recovered", "open"]
    assert messages() == ["opened", "recovered", "opened"]


def test_an_acknowledged_alert_reminds_nobody_and_tells_its_end(desk: Connector) -> None:
    start = timezone.now()
    storm(desk, 1)
    watch.look(now=start)
    assert watch.acknowledge(Alert.objects.get(), user="olga")
    assert not watch.acknowledge(Alert.objects.get(), user="sam")
    storm(desk, 5)
    watch.look(now=start + timedelta(hours=3))
    alert = Alert.objects.get()
    assert (alert.state, alert.acknowledged_by, alert.count) == ("acknowledged", "olga", 6)
    assert messages() == ["opened"]
    Delivery.objects.update(state=State.SKIPPED)
    watch.look(now=start + timedelta(hours=4))
    assert messages() == ["opened", "recovered"]


def test_each_reason_and_each_connector_is_a_cause_of_its_own(desk: Connector) -> None:
    other = world.connector(desk.company, "Ledger", notification_emails="ledger@example.test")
    storm(desk, 2, reason="validation")
    storm(desk, 3, reason="not_found")
    storm(other, 4, reason="validation")
    storm(other, 1, reason="waiting_conflict", state=State.WAITING)
    storm(other, 1, reason="waiting_loop", state=State.WAITING)
    storm(other, 1, reason="waiting_auth", state=State.WAITING)
    watch.look()
    assert sorted(alerts()) == [
        ("auth_failure", "open", 1), ("dead_letter", "open", 2), ("dead_letter", "open", 3), ("dead_letter", "open", 4),
        ("failed_operation", "open", 1), ("loop_suspected", "open", 1),
    ]  # fmt: skip
    told = Counter(message.recipients[0] for message in AlertMessage.objects.filter(about="opened"))
    assert told == {"desk@example.test": 2, "ledger@example.test": 4}


def test_many_causes_at_one_look_are_one_message_to_each_circle_of_people(desk: Connector) -> None:
    other = world.connector(desk.company, "Ledger", notification_emails="ledger@example.test")
    storm(desk, 1)
    for number in range(6):
        storm(other, 2, reason=f"reason_{number}")
    watch.look()
    assert sorted((m.recipients[0], m.about) for m in AlertMessage.objects.all()) == [
        ("desk@example.test", "opened"), ("ledger@example.test", "several"),
    ]  # fmt: skip
    several = AlertMessage.objects.get(about="several")
    assert several.alerts.count() == len(several.payload["data"]["alerts"]) == 6
    assert several.text.count("2 deliveries of Ledger given up") == 6


def test_what_is_beyond_the_read_part_is_not_taken_for_recovered(
    desk: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_deliveries, "READ", 5)
    storm(desk, 1, reason="not_found")
    watch.look()
    storm(world.connector(desk.company, "Ledger"), 5)
    watch.look()
    assert sorted(alerts()) == [("dead_letter", "open", 1), ("dead_letter", "open", 5)]
    Delivery.objects.filter(connector__name="Ledger").update(state=State.SKIPPED)
    Delivery.objects.filter(reason="not_found").update(state=State.SKIPPED)
    watch.look()
    assert sorted(alerts()) == [("dead_letter", "recovered", 1), ("dead_letter", "recovered", 5)]


def test_a_record_that_waits_for_too_long_blocks_its_lane(desk: Connector) -> None:
    rule(Kind.FAILED_OPERATION, is_on=False)
    storm(desk, 2, reason="waiting_configuration", state=State.WAITING)
    watch.look()
    assert alerts() == []
    Delivery.objects.filter(work_order_id=1).update(created_at=timezone.now() - timedelta(minutes=61))
    watch.look()
    assert alerts() == [("lane_blocked", "open", 1)]
    AlertRule.objects.create(kind=Kind.LANE_BLOCKED, connector=desk, minutes=120)
    watch.look()
    assert alerts() == [("lane_blocked", "recovered", 1)]


def test_a_record_that_a_person_holds_back_for_too_long_blocks_its_lane(desk: Connector) -> None:
    world.delivery(desk, State.PENDING)
    lanes.hold(desk.pk, "wo:1001", user="olga")
    watch.look()
    assert alerts() == []
    Lane.objects.update(held_at=timezone.now() - timedelta(minutes=90))
    watch.look()
    alert = Alert.objects.get()
    assert alert.sentence == "A record of Help Desk cannot go on: 1 is held back, the first by olga."


def test_work_that_nobody_begins_makes_the_queue_old(desk: Connector) -> None:
    world.delivery(desk, State.PENDING)
    Lane.objects.update(due_at=timezone.now() - timedelta(minutes=14))
    watch.look()
    assert alerts() == []
    Lane.objects.update(due_at=timezone.now() - timedelta(minutes=16))
    watch.look()
    assert alerts() == [("queue_age", "open", 1)]
    Connector.objects.update(status=Connector.Status.PAUSED)  # then it waits because a person wants it
    watch.look()
    assert alerts() == [("queue_age", "recovered", 1)]


# --- systems ---------------------------------------------------------------------------------------------------------


def test_refused_credentials_and_an_open_breaker_are_told_from_their_states(desk: Connector) -> None:
    now = timezone.now()
    ConnectorState.objects.create(
        connector=desk, held_at=now, held_code="authentication", held_sentence="Help Desk refused the key (401).",
        breaker="open", failure="Help Desk answered 503.", opened_at=now - timedelta(seconds=50),
    )  # fmt: skip
    watch.look(now=now)
    assert alerts() == [("auth_failure", "open", 1)]
    assert Alert.objects.get().example == "Help Desk refused the key (401)."
    watch.look(now=now + timedelta(seconds=20))
    assert alerts() == [("auth_failure", "open", 1), ("breaker_open", "open", 1)]
    ConnectorState.objects.update(held_at=None, breaker="closed")
    watch.look(now=now + timedelta(seconds=40))
    assert alerts() == [("auth_failure", "recovered", 1), ("breaker_open", "recovered", 1)]


def rolled_up(desk: Connector, at: datetime, **counts: int) -> None:
    Rollup.objects.create(at=at, span=0, connector_id=desk.pk, direction="outbound", kind="deliveries", **counts)


def test_too_many_failed_attempts_within_the_window(desk: Connector) -> None:
    now = timezone.now()
    rolled_up(desk, now - timedelta(minutes=1), succeeded=79, dead=10, retrying=10)
    watch.look(now=now)
    assert alerts() == [("error_rate", "open", 20)]  # 20 of 99 is a little more than 20 %
    assert Alert.objects.get().sentence == (
        "20 % of 99 attempts of Help Desk failed within 15 minutes; 20 % are allowed."
    )


def test_few_attempts_say_nothing_and_old_ones_are_out_of_the_window(desk: Connector) -> None:
    now = timezone.now()
    rolled_up(desk, now - timedelta(minutes=1), dead=19)
    rolled_up(desk, now - timedelta(minutes=40), dead=500)
    watch.look(now=now)
    assert alerts() == []
    AlertRule.objects.create(kind=Kind.ERROR_RATE, connector=desk, limit=20, minutes=60, minimum=20)
    watch.look(now=now)
    assert alerts() == [("error_rate", "open", 519)]


def test_silence_is_told_only_when_it_is_asked_for(desk: Connector) -> None:
    now = timezone.now()
    Connector.objects.update(created_at=now - timedelta(days=3))
    watch.look(now=now)
    assert alerts() == []
    rule(Kind.NO_EVENTS, is_on=True, limit=6)
    watch.look(now=now)
    assert alerts() == [("no_events", "open", 1)]
    rolled_up(desk, now - timedelta(hours=5), routed=1)
    watch.look(now=now)
    assert alerts() == [("no_events", "recovered", 1)]


def worker(name: str, *, started: datetime, seen: datetime) -> None:
    Worker.objects.create(name=name, kind="worker", host="a", pid=1, version="1", started_at=started, seen_at=seen)


def test_a_worker_that_died_is_missing_until_another_stands_in_for_it(db: None) -> None:
    now, hour = timezone.now(), timedelta(hours=1)
    worker("worker a:1", started=now - hour, seen=now)
    worker("worker a:2", started=now - hour, seen=now - timedelta(minutes=3))
    watch.look(now=now)
    alert = Alert.objects.get()
    assert alert.sentence.startswith("A worker is missing: worker a:2 gives no sign of life since")
    worker("worker a:3", started=now - timedelta(minutes=2), seen=now)
    watch.look(now=now)
    assert alerts() == [("worker_missing", "recovered", 1)]


def test_no_worker_at_all(db: None) -> None:
    now = timezone.now()
    watch.look(now=now)  # none was ever seen: nothing can be said
    assert alerts() == []
    watch.look(now=now, alone=True)
    assert alerts() == [("worker_missing", "open", 1)]
    worker("worker a:1", started=now, seen=now)
    watch.look(now=now)
    assert alerts() == [("worker_missing", "recovered", 1)]


def test_a_webhook_that_is_switched_off_is_told(desk: Connector) -> None:
    WebhookCheck.objects.create(
        company=desk.company, checked_at=timezone.now(), is_active=False, sentence="webhook 7 is archived."
    )
    watch.look()
    alert = Alert.objects.get()
    assert alert.sentence == "No event comes by webhook for Example Co: webhook 7 is archived."
    assert alert.timeline[-1]["said"] == "Nobody was told: no channel that is on reaches anybody for it."


# --- rules -----------------------------------------------------------------------------------------------------------


def test_every_kind_has_a_rule_and_there_is_a_channel_from_the_first_start_on(db: None) -> None:
    found = {rule.kind: rule.is_on for rule in AlertRule.objects.filter(connector=None)}
    assert found == {kind: kind != Kind.NO_EVENTS for kind in Kind.values}
    assert AlertChannel.objects.get().kind == "email"


def test_a_later_migration_brings_new_kinds_and_touches_nothing_that_a_person_did(desk: Connector) -> None:
    AlertRule.objects.filter(kind=Kind.DEAD_LETTER).delete()
    AlertRule.objects.filter(kind=Kind.QUEUE_AGE).update(minutes=5)
    AlertChannel.objects.all().delete()
    storm(desk, 1)
    watch.look()
    assert alerts() == [("dead_letter", "open", 1)]  # by the default, until the row is there
    rules.install()
    assert AlertRule.objects.count() == len(Kind)
    assert AlertRule.objects.get(kind=Kind.QUEUE_AGE).minutes == 5
    assert not AlertChannel.objects.exists()


def test_a_rule_that_is_switched_off_ends_its_alerts_without_a_message(desk: Connector) -> None:
    storm(desk, 1)
    watch.look()
    AlertRule.objects.create(kind=Kind.DEAD_LETTER, connector=desk, is_on=False)
    watch.look()
    alert = Alert.objects.get()
    assert (alert.state, alert.timeline[-1]["said"]) == ("recovered", "Ended: the rule was switched off.")
    assert messages() == ["opened"]


def test_a_look_that_another_process_takes_at_the_same_time_is_left_to_it(desk: Connector) -> None:
    storm(desk, 1)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [watch._LOCK])
            assert watch.look() is False
            cursor.execute("SELECT pg_advisory_unlock(%s)", [watch._LOCK])
    finally:
        other.close()
    assert alerts() == []
    assert watch.look()
    assert alerts() == [("dead_letter", "open", 1)]


def test_a_look_costs_the_same_queries_however_many_connectors_and_rules_there_are(
    desk: Connector,
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as counted:
            watch.look()
        return len(counted)

    watch.look()
    quiet = queries()
    storm(desk, 3)
    for number in range(12):
        other = world.connector(desk.company, f"System {number}")
        AlertRule.objects.create(kind=Kind.ERROR_RATE, connector=other, limit=5, minutes=15, minimum=1)
        AlertRule.objects.create(kind=Kind.LANE_BLOCKED, connector=other, minutes=5)
        ConnectorState.objects.create(connector=other, held_at=timezone.now(), held_code="authentication")
        storm(other, 2)
        storm(other, 2, reason="waiting_bug", state=State.WAITING)
    watch.look()
    assert queries() - quiet <= 2  # examples are read, alerts are written
