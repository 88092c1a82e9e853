"""Sends one message through one channel: e-mail, signed webhook, Slack-compatible webhook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils import timezone

from broker_project.lib.errors import BrokerError, Misconfigured, NotSent, OutcomeUnknown, Rejected
from connectors.http import Caller
from synclog.alert_models import Alert, AlertChannel, AlertMessage

from . import signing

TIMEOUT, TOTAL = (3.0, 7.0), 10.0
"""Seconds: a receiver that does not answer must not keep the other channels waiting."""

_REFUSED = {
    "SMTPAuthenticationError": "The mail server refused the user name or password of EMAIL_URL.",
    "SMTPRecipientsRefused": "The mail server refused every address. Check the addresses.",
    "SMTPSenderRefused": "The mail server refused the sender. Check DEFAULT_FROM_EMAIL.",
    "SMTPDataError": "The mail server refused the message.",
}
SENDER = "[Integration Broker] "
NO_EMAIL = "E-mail is not set up, so nothing was sent. Set EMAIL_URL and start the broker again."


def send(channel: AlertChannel, message: AlertMessage) -> None:
    """Send it now. Raises BrokerError with a sentence that holds no secret; the message may have arrived even so."""
    if channel.kind == AlertChannel.Kind.EMAIL:
        _mail(message)
    elif channel.kind == AlertChannel.Kind.SLACK:
        _post(channel, {"text": _chat(message)}, auth=None)
    else:
        _post(channel, message.payload, auth=_signature(channel, message))


def recipients(channel: AlertChannel, alerts: Sequence[Alert]) -> list[str]:
    """Whom an e-mail about these alerts goes to."""
    found = channel.addresses.splitlines()
    if channel.to_connector_addresses:
        for alert in alerts:
            found += alert.connector.notification_emails.splitlines() if alert.connector else []
    return list(dict.fromkeys(address.strip() for address in found if address.strip()))


def host_of(url: str) -> str:
    """The host of an address, which may be shown; "" when it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_email_set_up() -> bool:
    return not settings.EMAIL_BACKEND.endswith(".dummy.EmailBackend")


def _mail(message: AlertMessage) -> None:
    if not is_email_set_up():
        raise Misconfigured(NO_EMAIL)
    mail = EmailMessage(
        subject=f"{SENDER}{message.subject}",
        body=message.text,
        to=message.recipients[:1] if len(message.recipients) == 1 else [],
        bcc=message.recipients if len(message.recipients) > 1 else [],  # nobody is shown the others
        headers={"Message-ID": f"<{message.webhook_id}@broker>", "Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    )
    try:
        mail.send()
    except Exception as error:  # what a backend raises is not known; its texts may hold what the server was told
        name = type(error).__name__
        if name in _REFUSED:
            raise Rejected(_REFUSED[name], detail=name) from None
        raise NotSent("The mail server could not be reached or broke off. Check EMAIL_URL.", detail=name) from None


def _post(channel: AlertChannel, body: dict[str, Any], *, auth: Any) -> None:
    url = channel.url
    if not url:
        raise Misconfigured("The channel has no address. Enter it on the channel's page.")
    caller = Caller(
        secrets=tuple(secret for secret in (url, channel.secret, urlsplit(url).path.strip("/")) if len(secret) > 3),
        timeout=TIMEOUT,
        total=TOTAL,
        body_limit=0,
        allow_private=settings.ALLOW_PRIVATE_ADDRESSES,
    )
    try:
        answer = caller.request("POST", url, purpose="send an alert", json=body, auth=auth)
    except OutcomeUnknown:
        raise NotSent(f"{host_of(url)} did not answer in time or broke off; it is sent again.") from None
    if not 200 <= answer.status < 300:
        hint = " Check the address and the secret of the channel." if answer.status in (401, 403, 404, 410) else ""
        raise Rejected(f"{host_of(url)} answered {answer.status}.{hint}")


def _signature(channel: AlertChannel, message: AlertMessage) -> Any:
    secret, id = channel.secret, str(message.webhook_id)
    signing.key_of(secret)  # here, where it can be said plainly

    def sign(request: Any) -> Any:
        request.headers.update(signing.headers(_bytes(request.body), id=id, secret=secret, now=timezone.now()))
        return request

    return sign


def _bytes(body: bytes | str | None) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


def _chat(message: AlertMessage) -> str:
    """The subject in bold and the rest; the text's first line says the same as the subject.

    Written so that nobody's record can mention a whole channel or disguise a link.
    """
    first, _, rest = message.text.partition("\n")
    said = f"*{SENDER}{message.subject}*\n{rest or first}"
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def sentence_of(error: Exception) -> str:
    """What to show of a failure."""
    return error.sentence if isinstance(error, BrokerError) else f"The broker itself failed ({type(error).__name__})."
