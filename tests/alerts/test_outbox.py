"""Messages reach real receivers, once, in order, signed; failures are seen and made up for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from connectors.models import Connector
from events.alerts import channels, outbox, signing, watch
from events.models import Delivery
from events.states import State
from synclog.alert_models import Alert, AlertChannel, AlertMessage
from tests.admin import world

from .conftest import Mailbox, Received, Receiver, channel
from .test_watch import storm

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "whsec_" + base64.b64encode(b"a key of the test, long enough to be one").decode()


def verified(one: Received, secret: str) -> dict[str, Any]:
    """The body of a message whose signature holds, by the text of the standard alone."""
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    key = base64.b64decode(secret[6:])
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    version, _, signature = one.headers["webhook-signature"].partition(",")
    assert version == "v1" and hmac.compare_digest(signature, expected)
    assert abs(int(one.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 300
    body: dict[str, Any] = json.loads(one.body)
    return body


def due_now() -> None:
    AlertChannel.objects.update(next_attempt_at=None)


def test_a_storm_of_ten_thousand_is_one_message_at_each_receiver(
    desk: Connector, receiver: Receiver, mailbox: Mailbox
) -> None:
    channel(receiver, "webhook", secret=SECRET)
    channel(receiver, "slack")
    storm(desk, 10_000)
    for _ in range(3):
        watch.look()
        outbox.send_due()
    assert [one.path for one in receiver.received] == ["/hooks/T0-secret-path"] * 2
    assert [to for to, _ in mailbox.mails] == [["desk@example.test", "lead@example.test"]]
    assert set(AlertMessage.objects.values_list("state", "attempts")) == {("sent", 1)}


def test_a_webhook_is_signed_and_says_all_that_a_machine_needs(desk: Connector, receiver: Receiver) -> None:
    channel(receiver, "webhook", secret=SECRET)
    storm(desk, 3)
    watch.look()
    outbox.send_due()
    body = verified(receiver.received[0], SECRET)
    alert = Alert.objects.get()
    assert body["type"] == "alert.opened"
    assert body["data"] == {
        "id": alert.pk,
        "kind": "dead_letter",
        "severity": "critical",
        "state": "open",
        "connector": {"id": desk.pk, "name": "Help Desk"},
        "error_class": "validation",
        "sentence": "3 deliveries of Help Desk given up (validation).",
        "what_to_do": alert.advice,
        "count": 3,
        "count_is_capped": False,
        "since": alert.since.isoformat(),
        "last_seen_at": alert.last_seen_at.isoformat(),
        "recovered_at": None,
        "example": "work order 3: Given up: site 3 is unknown.",
        "example_delivery": str(Delivery.objects.get(work_order_id=3).pk),
        "url": f"http://127.0.0.1:8000/admin/synclog/alert/{alert.pk}/change/",
    }


def test_a_changed_body_or_another_key_does_not_verify(desk: Connector, receiver: Receiver) -> None:
    channel(receiver, "webhook", secret=SECRET)
    storm(desk, 1)
    watch.look()
    outbox.send_due()
    one = receiver.received[0]
    with pytest.raises(AssertionError):
        verified(Received(one.path, one.headers, one.body.replace(b"open", b"shut")), SECRET)
    with pytest.raises(AssertionError):
        verified(one, signing.new_secret())


def test_a_chat_gets_text_that_cannot_mention_anybody(desk: Connector, receiver: Receiver) -> None:
    channel(receiver, "slack")
    world.delivery(desk, State.DEAD, reason="validation", sentence="Given up: <!channel> & co.")
    watch.look()
    outbox.send_due()
    body = json.loads(receiver.received[0].body)
    assert list(body) == ["text"]
    assert "Example: work order 1001: Given up: &lt;!channel&gt; &amp; co." in body["text"]
    assert "What to do: The system refused the values." in body["text"]
    assert "http://127.0.0.1:8000/admin/synclog/alert/" in body["text"]


def test_mail_names_cause_example_advice_and_page(desk: Connector, mailbox: Mailbox) -> None:
    Connector.objects.update(notification_emails="desk@example.test")
    storm(desk, 2)
    watch.look()
    outbox.send_due()
    ((to, text),) = mailbox.mails
    assert to == ["desk@example.test"]
    for part in (
        "Subject: [Integration Broker] Alert: 2 deliveries of Help Desk given up", "Example: work order 2: Given up",
        "What to do: The system refused the values.", "/admin/events/delivery/", "/admin/synclog/alert/",
    ):  # fmt: skip
        assert part in text.replace("\n ", " "), part
    Delivery.objects.update(state=State.SKIPPED)
    watch.look()
    outbox.send_due()
    assert "Recovered: 2 deliveries of Help Desk given up (validation)." in mailbox.mails[1][1]


def test_a_channel_that_is_down_keeps_its_messages_in_order_and_makes_up_for_them(
    desk: Connector, receiver: Receiver
) -> None:
    mine = channel(receiver, "webhook", secret=SECRET)
    receiver.status = 503
    storm(desk, 1)
    watch.look()
    outbox.send_due()
    Delivery.objects.update(state=State.SKIPPED)
    watch.look()
    outbox.send_due()  # it waits: nothing is sent
    assert len(receiver.received) == 1
    mine.refresh_from_db()
    assert (mine.failures, mine.failure) == (1, "127.0.0.1 answered 503.")
    assert mine.failing_since is not None and mine.next_attempt_at is not None
    due_now()
    outbox.send_due()
    mine.refresh_from_db()
    assert mine.failures == 2
    assert outbox.backoff(2) - timedelta(seconds=5) < mine.next_attempt_at - timezone.now() <= outbox.backoff(2)
    receiver.status = 200
    due_now()
    assert outbox.send_due() == 2
    mine.refresh_from_db()
    assert (mine.failures, mine.failure) == (0, "")
    assert not mine.failing_since and not mine.next_attempt_at
    told = [(one.headers["webhook-id"], verified(one, SECRET)["type"]) for one in receiver.received]
    assert [about for _, about in told] == ["alert.opened"] * 3 + ["alert.recovered"]
    assert len({id for id, _ in told}) == 2  # each try of a message carries the same id


def test_a_channel_that_fails_delays_no_other(desk: Connector, receiver: Receiver) -> None:
    AlertChannel.objects.create(name="Nowhere", kind="slack", url="http://127.0.0.1:9/x", host="127.0.0.1")
    channel(receiver, "slack", name="Here")
    storm(desk, 1)
    watch.look()
    outbox.send_due()
    assert len(receiver.received) == 1
    assert AlertChannel.objects.get(name="Nowhere").failure.startswith("127.0.0.1 refused the connection.")


def test_a_message_that_never_passes_is_given_up_and_the_next_one_gets_its_turn(
    desk: Connector, mailbox: Mailbox
) -> None:
    mailbox.refuses = True
    storm(desk, 1)
    watch.look()
    for _ in range(outbox.MAX_ATTEMPTS):
        due_now()
        outbox.send_due()
    first = AlertMessage.objects.get()
    assert (first.state, first.attempts) == ("failed", outbox.MAX_ATTEMPTS)
    assert first.error == "The mail server refused every address. Check the addresses."
    mailbox.refuses = False
    Delivery.objects.update(state=State.SKIPPED)
    watch.look()
    due_now()
    outbox.send_due()
    assert AlertMessage.objects.order_by("-pk")[0].state == "sent"


def test_a_crash_after_sending_repeats_the_same_id(
    desk: Connector, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    AlertChannel.objects.all().delete()  # else the crash would meet another one
    mine = channel(receiver, "webhook", secret=SECRET)
    storm(desk, 1)
    watch.look()
    with monkeypatch.context() as patched:
        patched.setattr(outbox, "_sent", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            outbox.send_due()
    outbox.send_due()
    assert len(receiver.received) == 1  # the lease of the one that died runs
    AlertChannel.objects.filter(pk=mine.pk).update(busy_until=timezone.now())
    outbox.send_due()
    ids = [one.headers["webhook-id"] for one in receiver.received]
    assert len(ids) == 2 and ids[0] == ids[1]


def test_without_a_mail_server_the_channel_says_so(desk: Connector, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    storm(desk, 1)
    watch.look()
    outbox.send_due()
    assert AlertChannel.objects.get().failure == channels.NO_EMAIL


def test_private_addresses_are_refused_unless_they_are_allowed(
    desk: Connector, receiver: Receiver, settings: Any
) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    mine = channel(receiver, "slack")
    storm(desk, 1)
    watch.look()
    outbox.send_due()
    mine.refresh_from_db()
    assert receiver.received == []
    assert "private" in mine.failure


def test_no_secret_is_in_a_message_or_a_failure(desk: Connector, receiver: Receiver) -> None:
    channel(receiver, "webhook", secret=SECRET)
    receiver.status = 500
    storm(desk, 1)
    watch.look()
    outbox.send_due()
    kept = repr([*AlertMessage.objects.values(), *AlertChannel.objects.values("failure", "host", "name")])
    for secret in (SECRET, SECRET[6:], "T0-secret-path", *world.SECRETS):
        assert secret not in kept
    assert SECRET.encode() not in receiver.received[0].body


def test_a_channel_of_one_connector_gets_only_its_alerts(desk: Connector, receiver: Receiver) -> None:
    other = world.connector(desk.company, "Ledger")
    channel(receiver, "slack", connector=other)
    storm(desk, 1)
    storm(other, 1, reason="not_found")
    watch.look()
    outbox.send_due()
    assert [("Ledger" in one.body.decode()) for one in receiver.received] == [True]


def test_what_a_channel_that_was_switched_off_did_not_send_is_not_sent_later(
    desk: Connector, receiver: Receiver
) -> None:
    mine = channel(receiver, "slack")
    storm(desk, 1)
    watch.look()
    mine.is_on = False
    mine.save()
    assert outbox.drop_pending(mine) == 1
    AlertChannel.objects.filter(pk=mine.pk).update(is_on=True)
    outbox.send_due()
    assert receiver.received == []


def test_a_test_message_is_sent_at_once_and_wakes_a_channel_that_failed(receiver: Receiver) -> None:
    mine = channel(receiver, "webhook", secret=SECRET)
    receiver.status = 404
    failed = outbox.send_test(mine, user="olga")
    assert (failed.state, failed.error) == (
        "failed", "127.0.0.1 answered 404. Check the address and the secret of the channel.",
    )  # fmt: skip
    receiver.status = 204
    sent = outbox.send_test(mine, user="olga")
    assert (sent.state, sent.error) == ("sent", "")
    assert verified(receiver.received[1], SECRET)["type"] == "test"
