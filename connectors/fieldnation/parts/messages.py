"""Messages: added to the thread, once each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.steps import Check, Step

from .mapped import Mapped
from .values import id_of, listed, member, text_of

DEFAULT_TYPE = "INTERNAL"
"""Field Nation's own default is unknown, so a type is always sent; this one is hidden from providers."""

TYPES = (
    "INTERNAL",
    "STAFF_NOTE",
    "ASSIGNEDTECH",
    "REQUESTEDTECHS",
    "ROUTEDTECHS",
    "SPECIFICTECH",
    "FROMTECH",
    "TECHTOMANAGER",
    "REPLY",
    "REPLYTOTHREAD",
)


@dataclass(frozen=True)
class Message:
    """``to`` is the provider's id, for SPECIFICTECH only."""

    text: str
    type: str
    to: int | None


def read_messages(mapped: Mapped) -> tuple[Message, ...]:
    """Take the messages: one text, or a list of texts and ``{message, type, to}``. Empty texts add nothing.

    Raises InvalidRecord for an unknown type or a SPECIFICTECH message without its provider.
    """
    given = mapped.take("message")
    kind, to = mapped.take("message.type"), mapped.take("message.to.id")
    wanted: list[Message] = []
    for item in given if isinstance(given, list) else [given]:
        own = item if isinstance(item, Mapping) else {}
        text = text_of(own.get("message", own.get("text")) if own else item, "message")
        message = _message(text, own.get("type", kind), own.get("to", to))
        if text and message not in wanted:
            wanted.append(message)
    return tuple(wanted)


def message_steps(messages: tuple[Message, ...], current: Mapping[str, Any]) -> list[Step]:
    """Calls for the messages which the thread in ``current`` does not show (a plain work order shows none)."""
    thread = listed(current.get("messages"))
    return [
        Step(
            "POST",
            "/messages",
            f"add a message of type {message.type}",
            body={"message": message.text, "type": message.type} | ({"to": {"id": message.to}} if message.to else {}),
            message=message.text,
            check=(Check("message", message.text, ""),),
        )
        for message in messages
        if not holds(thread, message.text)
    ]


def holds(thread: object, text: str) -> bool:
    """True when a message of ``thread``, or a reply, has this text."""
    wanted = " ".join(text.split())
    return any(
        " ".join(str(message.get("message") or "").split()) == wanted or holds(message.get("replies"), text)
        for message in listed(thread)
    )


def _message(text: str, kind: object, to: object) -> Message:
    name = text_of(kind, "message.type").upper() or DEFAULT_TYPE
    if name not in TYPES:
        raise InvalidRecord(f"“message.type” is “{name[:50]}”; it must be one of {', '.join(TYPES)}.")
    recipient = member(to, "id") if isinstance(to, Mapping) else to
    number = id_of(recipient, "message.to.id") if recipient not in (None, "") else None
    if name == "SPECIFICTECH" and number is None and text:
        raise InvalidRecord("A SPECIFICTECH message needs its provider: map message.to.id.")
    return Message(text, name, number if name == "SPECIFICTECH" else None)
