"""Messages are rows first and are sent afterwards: none is lost in a crash, and each failure can be seen.

A channel sends its messages one after the other. When one fails, the channel waits, longer each time, and its later
messages wait behind it, so that nobody reads of an end before the beginning. A crash between sending and writing that
down sends a message again, with the same webhook-id.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from synclog.alert_models import Alert, AlertChannel, AlertMessage

from . import channels, wording
from .wording import Change

logger = logging.getLogger(__name__)

ONE_BY_ONE: Final = 5
"""When more alerts than these change at one look, a channel tells them in one message."""
MAX_ATTEMPTS: Final = 10
"""A message is given up then, after about six hours, so that the next ones get their turn."""
LEASE_SECONDS: Final = 90

About, State = AlertMessage.About, AlertMessage.State


def backoff(failures: int) -> timedelta:
    """How long a channel waits after so many failures in a row: 15 s, 1, 4, 16 minutes, then an hour."""
    return timedelta(seconds=min(15 * 4 ** min(failures - 1, 10), 3600))


# --- writing ------------------------------------------------------------------------------------------------------


def write(changes: Sequence[Change]) -> None:
    """Write the messages about these changes for every channel, inside the caller's transaction."""
    if not changes:
        return
    reached: set[int] = set()
    for channel in AlertChannel.objects.filter(is_on=True).order_by("pk"):
        mine = [change for change in changes if channel.connector_id in (None, change[0].connector_id)]
        if channel.kind == AlertChannel.Kind.EMAIL:
            mine = [change for change in mine if channels.recipients(channel, [change[0]])]
        reached.update(alert.pk for alert, _ in mine)
        _write(channel, mine)
    _note_unreached([alert for alert, _ in changes if alert.pk not in reached])


def _write(channel: AlertChannel, changes: Sequence[Change]) -> None:
    for part in _by_recipients(channel, changes):
        if len(part) > ONE_BY_ONE:
            _message(
                channel,
                [alert for alert, _ in part],
                about=About.SEVERAL,
                subject=wording.subject_of(part),
                text=wording.text_of(part),
                payload=wording.payload_of(part),
            )
            continue
        for alert, tell in part:
            _message(
                channel,
                [alert],
                about=About(tell.value),
                subject=wording.subject(alert, tell),
                text=wording.text(alert, tell),
                payload=wording.payload(alert, tell),
            )


def _by_recipients(channel: AlertChannel, changes: Sequence[Change]) -> list[Sequence[Change]]:
    """One part for all; in e-mail one for each circle of people, who are told of their own connectors only."""
    if channel.kind != AlertChannel.Kind.EMAIL:
        return [changes]
    parts: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        parts.setdefault(tuple(channels.recipients(channel, [change[0]])), []).append(change)
    return list(parts.values())


def _message(channel: AlertChannel, alerts: Sequence[Alert], **more: object) -> None:
    to = channels.recipients(channel, alerts) if channel.kind == AlertChannel.Kind.EMAIL else []
    AlertMessage.objects.create(channel=channel, recipients=to, **more).alerts.set(alerts)


def _note_unreached(alerts: Sequence[Alert]) -> None:
    said = {"at": timezone.now().isoformat(), "said": "Nobody was told: no channel that is on reaches anybody for it."}
    for alert in alerts:
        alert.timeline = [*alert.timeline, said]
    if alerts:
        Alert.objects.bulk_update(alerts, ["timeline"])


# --- sending ------------------------------------------------------------------------------------------------------


def send_due(*, seconds: float = 10.0) -> int:
    """Send what waits, for about so long; give how many messages went through. No HTTP inside a transaction."""
    until, sent = monotonic() + seconds, 0
    while monotonic() < until:
        claimed = _claim()
        if claimed is None:
            break
        channel, message = claimed
        sent += _deliver(channel, message)
    return sent


def send_test(channel: AlertChannel, *, user: str) -> AlertMessage:
    """Send a test message at once and tell how it went: look at its state and error. It is not repeated."""
    said = f"A test from the channel {channel.name}, asked for by {user}. No alert is open because of it."
    message = AlertMessage.objects.create(
        channel=channel,
        about=About.TEST,
        subject="Test message",
        text=said,
        payload={"type": "test", "timestamp": timezone.now().isoformat(), "data": {"sentence": said}},
        recipients=channels.recipients(channel, []) if channel.kind == AlertChannel.Kind.EMAIL else [],
        state=State.FAILED,
        attempts=1,
        error="It was being sent.",
    )
    try:
        if channel.kind == AlertChannel.Kind.EMAIL and not message.recipients:
            message.error = "The channel has no address of its own, so there is nobody to send a test to."
        else:
            channels.send(channel, message)
            _sent(channel, message)
    except Exception as error:  # the boundary of a message: what else went wrong is told like a failure
        message.error = channels.sentence_of(error)[:500]
    message.save()
    return message


def drop_pending(channel: AlertChannel) -> int:
    """Give up what a channel that was switched off has not sent: it would be stale later."""
    waiting = channel.messages.filter(state=State.PENDING)
    return waiting.update(state=State.FAILED, error="The channel was switched off before it was sent.")


_CLAIM = """
UPDATE synclog_alertchannel SET busy_until = statement_timestamp() + make_interval(secs => %s)
WHERE id = (
    SELECT c.id FROM synclog_alertchannel AS c
    WHERE c.is_on AND COALESCE(c.busy_until, '-infinity') <= statement_timestamp()
      AND COALESCE(c.next_attempt_at, '-infinity') <= statement_timestamp()
      AND EXISTS (SELECT 1 FROM synclog_alertmessage AS m WHERE m.channel_id = c.id AND m.state = 'pending')
    ORDER BY c.last_sent_at NULLS FIRST, c.id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id
"""


def _claim() -> tuple[AlertChannel, AlertMessage] | None:
    """A channel that may send now, with its oldest message; nobody else sends on it for the time of the lease."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [LEASE_SECONDS])
        row = cursor.fetchone()
    if row is None:
        return None
    channel = AlertChannel.objects.get(pk=row[0])
    message = channel.messages.filter(state=State.PENDING).order_by("pk").first()
    if message is None:  # sent or dropped in the meantime
        AlertChannel.objects.filter(pk=channel.pk).update(busy_until=None)
        return None
    return channel, message


def _deliver(channel: AlertChannel, message: AlertMessage) -> bool:
    message.attempts += 1
    try:
        channels.send(channel, message)
    except Exception as error:  # the boundary of a message: a bug in one must not stop the channel for ever
        if not hasattr(error, "sentence"):
            logger.exception("An alert message could not be sent: the broker itself failed.")
        _failed(channel, message, channels.sentence_of(error))
        return False
    _sent(channel, message)
    return True


def _sent(channel: AlertChannel, message: AlertMessage) -> None:
    now = timezone.now()
    message.state, message.sent_at, message.error = State.SENT, now, ""
    with transaction.atomic():
        message.save(update_fields=["state", "sent_at", "error", "attempts"])
        AlertChannel.objects.filter(pk=channel.pk).update(
            busy_until=None, next_attempt_at=None, failing_since=None, failures=0, failure="", last_sent_at=now
        )


def _failed(channel: AlertChannel, message: AlertMessage, sentence: str) -> None:
    now = timezone.now()
    message.error = sentence[:500]
    if message.attempts >= MAX_ATTEMPTS:
        message.state = State.FAILED
    with transaction.atomic():
        message.save(update_fields=["state", "error", "attempts"])
        AlertChannel.objects.filter(pk=channel.pk).update(
            busy_until=None,
            failures=channel.failures + 1,
            failing_since=channel.failing_since or now,
            failure=sentence[:500],
            next_attempt_at=now + backoff(channel.failures + 1),
        )
