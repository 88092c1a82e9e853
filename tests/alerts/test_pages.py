"""What an operator reads and does about alerts in the admin, and who may."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connectors.models import Connector, ConnectorState
from events.alerts import alert_admin, cards, kinds, signing, watch
from events.models import Delivery
from events.states import State
from synclog.alert_models import Alert, AlertChannel, AlertMessage, AlertRule, WebhookCheck
from tests.admin import world
from tests.admin.conftest import staff

from .conftest import Receiver, channel
from .test_watch import storm

pytestmark = pytest.mark.django_db

ALERTS, RULES, CHANNELS = (
    reverse(f"admin:synclog_{name}_changelist") for name in ("alert", "alertrule", "alertchannel")
)


def page(row: Any, act: str = "") -> str:
    name = f"admin:synclog_{row._meta.model_name}_{'act' if act else 'change'}"
    return reverse(name, args=[row.pk, *([act] if act else [])])


def opened(desk: Connector) -> Alert:
    storm(desk, 3)
    watch.look()
    return Alert.objects.get()


def shown(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return str(answer.content.decode())


# --- alerts ----------------------------------------------------------------------------------------------------------


def test_the_list_says_what_is_wrong_and_what_to_do_open_ones_first(browser: Client, desk: Connector) -> None:
    opened(desk)
    Delivery.objects.update(state=State.SKIPPED)
    watch.look()
    storm(desk, 1, reason="not_found")
    watch.look()
    text = shown(browser, ALERTS)
    assert text.index("1 delivery of Help Desk given up (not found).") < text.index("3 deliveries of Help Desk")
    assert "Correct its record link, or discard." in text
    only_open = shown(browser, f"{ALERTS}?stands=on")
    assert "not found" in only_open and "3 deliveries of Help Desk" not in only_open


def test_the_page_shows_example_advice_timeline_and_messages(browser: Client, desk: Connector) -> None:
    alert = opened(desk)
    text = shown(browser, page(alert))
    newest = Delivery.objects.get(work_order_id=3)
    for part in (
        "3 deliveries of Help Desk given up (validation).",
        "work order 3: Given up: site 3 is unknown.",
        reverse("admin:events_delivery_change", args=[newest.pk]),
        reverse("admin:events_delivery_dead_letters"),
        "Correct the field mapping",
        "Opened: 3 deliveries",
        "E-mail to notification addresses",
        "Not sent yet",
    ):
        assert part in text, part


def test_acknowledging_asks_is_written_down_and_is_offered_once(browser: Client, desk: Connector) -> None:
    alert = opened(desk)
    assert "Others see that you are at it" in shown(browser, page(alert, "acknowledge"))
    alert.refresh_from_db()
    assert alert.state == "open"  # asking changes nothing
    browser.post(page(alert, "acknowledge"))
    alert.refresh_from_db()
    assert (alert.state, alert.acknowledged_by) == ("acknowledged", "olga")
    assert alert.timeline[-1]["said"] == "Acknowledged by olga."
    assert [entry.get_change_message() for entry in LogEntry.objects.all()] == ["Acknowledged."]
    browser.post(page(alert, "acknowledge"))
    assert LogEntry.objects.count() == 1
    assert page(alert, "acknowledge") not in shown(browser, page(alert))


def test_who_may_only_look_acknowledges_nothing(desk: Connector) -> None:
    alert = opened(desk)
    nobody = staff()
    assert [nobody.get(address).status_code for address in (ALERTS, page(alert))] == [403, 403]
    seeing = staff("synclog.view_alert")
    assert page(alert, "acknowledge") not in shown(seeing, page(alert))
    assert seeing.post(page(alert, "acknowledge")).status_code == 403
    alert.refresh_from_db()
    assert alert.state == "open"
    changing = staff("synclog.view_alert", "synclog.change_alert")
    assert changing.post(page(alert, "acknowledge")).status_code == 302
    assert changing.post(page(alert), {"sentence": "all is well"}).status_code == 403
    alert.refresh_from_db()
    assert alert.state == "acknowledged" and alert.sentence.startswith("3 deliveries")


def test_the_lists_cost_the_same_for_1_row_and_for_20(browser: Client, desk: Connector) -> None:
    opened(desk)
    lists = [reverse(f"admin:synclog_{name}_changelist") for name in ("alert", "alertmessage", "alertchannel")]

    def counted() -> list[int]:
        found = []
        for address in [*lists, RULES]:
            browser.get(address)
            with CaptureQueriesContext(connection) as queries:
                browser.get(address)
            found.append(len(queries))
        return found

    few = counted()
    for number in range(19):
        other = world.connector(desk.company, f"System {number}", notification_emails=f"{number}@example.test")
        AlertChannel.objects.create(name=f"Channel {number}", kind="slack", url="https://chat.example.test/x")
        AlertRule.objects.create(kind="dead_letter", connector=other)
        storm(other, 1)
    watch.look()
    assert AlertMessage.objects.count() > 19
    assert counted() == few


def test_failures_of_channels_are_said_above_the_alerts(browser: Client, desk: Connector) -> None:
    opened(desk)
    assert "could not send since" not in shown(browser, ALERTS)
    AlertChannel.objects.update(failing_since=timezone.now(), failures=3, failure="The mail server is away.")
    text = shown(browser, ALERTS)
    assert "could not send since" in text and "The mail server is away." in text
    AlertChannel.objects.update(is_on=False)
    assert "No channel is on, so nobody is told of alerts." in shown(browser, ALERTS)


def test_every_kind_leads_to_a_page_that_is_there(browser: Client, desk: Connector) -> None:
    ConnectorState.objects.create(connector=desk)
    for kind in kinds.KINDS:
        address, name = alert_admin.where(Alert(kind=kind, connector=desk, code="validation"))
        assert name
        assert browser.get(address).status_code == 200, (kind, address)


def test_the_dashboard_part(desk: Connector, operator: User) -> None:
    nobody = User.objects.create_user("sam")
    assert cards.open_alerts(nobody) is None and cards.failing_channels(nobody) is None
    table = cards.open_alerts(operator)
    assert table is not None and list(table.rows) == []
    alert = opened(desk)
    with CaptureQueriesContext(connection) as queries:
        table = cards.open_alerts(operator)
    assert len(queries) == 1
    assert table is not None and alert.sentence in str(table.rows[0][1])
    AlertChannel.objects.update(failing_since=timezone.now(), failure="The mail server is away.")
    told = cards.failing_channels(operator)
    assert told is not None and "The mail server is away." in told.sentence


# --- rules -----------------------------------------------------------------------------------------------------------


def test_the_list_of_rules_says_when_each_tells(browser: Client) -> None:
    text = shown(browser, RULES)
    for kind in AlertRule.Kind:
        assert kind.label in text
    assert "more than 20 % of at least 20 attempts within 15 minutes failed" in text


def test_a_rule_is_changed_within_its_limits(browser: Client) -> None:
    rule = AlertRule.objects.get(kind="error_rate")
    given = {"is_on": "on", "limit": "120", "minutes": "15", "minimum": "5", "quiet_minutes": "30"}
    assert "Enter a number from 0 to 99.9." in browser.post(page(rule), given).content.decode()
    assert "Select a valid choice" in browser.post(page(rule), {**given, "limit": "5", "minutes": "7"}).content.decode()
    assert browser.post(page(rule), {**given, "limit": "5", "minutes": "60"}).status_code == 302
    rule.refresh_from_db()
    assert (rule.limit, rule.minutes, rule.minimum, rule.quiet_minutes, rule.is_on) == (5, 60, 5, 30, True)


def test_a_connector_gets_a_rule_of_its_own_that_begins_as_the_general_one(
    browser: Client,
    desk: Connector,
) -> None:
    AlertRule.objects.filter(kind="queue_age").update(minutes=42, quiet_minutes=7)
    add = reverse("admin:synclog_alertrule_add")
    assert "Worker missing" not in shown(browser, add)  # no connector has workers of its own
    browser.post(add, {"kind": "queue_age", "connector": desk.pk})
    own = AlertRule.objects.get(connector=desk)
    assert (own.kind, own.minutes, own.quiet_minutes, own.is_on) == ("queue_age", 42, 7, True)
    assert browser.post(add, {"kind": "queue_age", "connector": desk.pk}).status_code == 200  # once only
    assert browser.post(add, {"kind": "queue_age", "connector": ""}).status_code == 200
    assert AlertRule.objects.filter(kind="queue_age").count() == 2


def test_the_general_rules_cannot_be_deleted(browser: Client, desk: Connector) -> None:
    general, own = AlertRule.objects.first(), AlertRule.objects.create(kind="dead_letter", connector=desk)
    assert general is not None
    delete = [reverse("admin:synclog_alertrule_delete", args=[rule.pk]) for rule in (general, own)]
    assert [browser.post(address, {"post": "yes"}).status_code for address in delete] == [403, 302]


# --- channels --------------------------------------------------------------------------------------------------------


def test_a_new_webhook_gets_a_secret_that_is_shown_once(browser: Client, receiver: Receiver) -> None:
    add = reverse("admin:synclog_alertchannel_add")
    given = {"name": "Pager", "kind": "webhook", "url_0": f"{receiver.url}/hook-secret", "secret_0": ""}
    answer = browser.post(add, given).content.decode()
    made = AlertChannel.objects.get(name="Pager")
    assert made.secret in answer and "shown now and never again" in answer
    assert (made.url, made.host) == (f"{receiver.url}/hook-secret", "127.0.0.1")
    for address in (CHANNELS, page(made)):
        text = shown(browser, address)
        assert made.secret not in text and "hook-secret" not in text
        assert "127.0.0.1" in text or address == CHANNELS
    browser.post(page(made, "renew_secret"))
    renewed = AlertChannel.objects.get(name="Pager").secret
    assert renewed != made.secret and signing.key_of(renewed)


def test_what_is_left_empty_keeps_address_and_secret(browser: Client, receiver: Receiver) -> None:
    made = channel(receiver, "webhook", secret=signing.new_secret())
    given = {"name": "Renamed", "is_on": "on", "url_0": "", "secret_0": "", "connector": ""}
    assert browser.post(page(made), given).status_code == 302
    kept = AlertChannel.objects.get(pk=made.pk)
    assert (kept.name, kept.url, kept.secret, kept.host) == ("Renamed", made.url, made.secret, "127.0.0.1")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kind": "slack", "url_0": ""}, "This channel needs an address."),
        ({"kind": "slack", "url_0": "ftp://chat.example.test/x"}, "must begin with https://"),
        ({"kind": "slack", "url_0": "https://u:p@chat.example.test/x"}, "must not hold a user name"),
        ({"kind": "webhook", "url_0": "https://x.example.test/", "secret_0": "short"}, "must be whsec_"),
        ({"kind": "email", "addresses": "desk"}, "This is no e-mail address: desk."),
    ],
)
def test_what_cannot_work_is_refused(browser: Client, given: dict[str, str], sentence: str) -> None:
    answer = browser.post(reverse("admin:synclog_alertchannel_add"), {"name": "New", **given})
    assert sentence in answer.content.decode()
    assert not AlertChannel.objects.filter(name="New").exists()


def test_a_test_message_says_how_it_went_and_is_written_down(browser: Client, receiver: Receiver) -> None:
    made = channel(receiver, "slack")
    said = browser.post(page(made, "send_test"), follow=True).content.decode()
    assert "The test message was sent and taken." in said
    receiver.status = 403
    assert "127.0.0.1 answered 403." in browser.post(page(made, "send_test"), follow=True).content.decode()
    assert LogEntry.objects.filter(change_message__contains="test message").count() == 2
    assert len(receiver.received) == 2


def test_who_may_only_see_channels_sends_and_changes_nothing(receiver: Receiver) -> None:
    made = channel(receiver, "slack")
    seeing = staff("synclog.view_alertchannel")
    text = shown(seeing, page(made))
    assert "T0-secret-path" not in text
    for act in ("send_test", "renew_secret"):
        assert seeing.post(page(made, act)).status_code == 403
    assert seeing.post(page(made), {"name": "Mine"}).status_code == 403
    assert receiver.received == []


def test_a_channel_that_is_switched_off_drops_what_waits_and_one_that_is_saved_is_tried_at_once(
    browser: Client,
    desk: Connector,
    receiver: Receiver,
) -> None:
    made = channel(receiver, "slack", next_attempt_at=timezone.now(), failing_since=timezone.now())
    opened(desk)
    given = {"name": "slack", "is_on": "on", "url_0": "", "connector": ""}
    browser.post(page(made), given)
    made.refresh_from_db()
    assert made.next_attempt_at is None and made.messages.get().state == "pending"
    browser.post(page(made), {**given, "is_on": ""})
    assert made.messages.get().state == "failed"


def test_messages_and_webhook_checks_are_evidence(browser: Client, desk: Connector) -> None:
    opened(desk)
    message = AlertMessage.objects.get()
    text = shown(browser, page(message))
    assert "desk@example.test, lead@example.test" in text and "What to do: The system refused" in text
    check = WebhookCheck.objects.create(
        company=desk.company, checked_at=timezone.now(), is_active=False, sentence="webhook 7 is archived.",
        webhooks=[{"id": "7", "status": "archived"}],
    )  # fmt: skip
    assert "7 (archived)" in shown(browser, page(check))
    for row in (message, check):
        assert browser.post(page(row), {"subject": "x"}).status_code == 403
        assert browser.get(reverse(f"admin:synclog_{row._meta.model_name}_add")).status_code == 403
