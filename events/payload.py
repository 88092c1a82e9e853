"""The body of ``POST /events/``, parsed at the edge into an EventPayload."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from broker_project.lib.errors import InvalidRecord

from .catalogue import Resolved, UnknownEvent, resolve
from .normalise import normalise_work_order, utc_text

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_ID_LENGTH: Final = 255  # of the external ids that we store
_MAX_WORK_ORDER_ID: Final = 2**63 - 1  # what a bigint column takes
_BODY: Final = "body"
_PATH_SHOWN: Final = 200  # characters of a path in an error, and of one step of it
_STEP_SHOWN: Final = 60
_SURROGATE: Final = re.compile("[\ud800-\udfff]")  # half a pair: legal as a JSON escape, but no character


class PayloadError(InvalidRecord):
    """The payload cannot be taken. ``field`` is the path of the member to change, ``body`` for the whole of it."""

    def __init__(self, sentence: str, *, field: str, detail: str = "") -> None:
        super().__init__(sentence, detail=detail)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class EventPayload:
    """A work order event. ``occurred_at`` is UTC; ``payload`` is the body as stored, ``work_order`` its work order."""

    event_type: str
    received_name: str
    caution: str
    occurred_at: datetime
    work_order_id: int
    work_order: dict[str, Any]
    correlation_id: str | None
    event_id: str | None
    payload: dict[str, Any]


def parse_event(obj: object, *, size: int | None) -> EventPayload:
    """Parse a body that was read as JSON. ``size`` is its length in bytes, None when the caller has limited it.

    The stored payload has the constant as ``event_type``, the time in UTC and a normalised work order; members that
    we do not know stay. Parsing a stored payload gives the same payload again. Raises PayloadError.
    """
    if size is not None and size > MAX_BYTES:
        raise PayloadError(f"The body has {size} bytes; at most {MAX_BYTES} are taken. Send less.", field=_BODY)
    if not isinstance(obj, dict):
        raise PayloadError("The body must be a JSON object. Send one event per request.", field=_BODY)
    _refuse_unstorable(obj)
    resolved = _event_type(obj.get("event_type"))
    occurred_at = parse_moment(obj.get("event_timestamp"), field="event_timestamp")
    received = obj.get("workorder")
    if not isinstance(received, dict):
        raise PayloadError("workorder must be an object: the whole work order, with its id.", field="workorder")
    work_order = normalise_work_order(received)
    work_order["id"] = parse_work_order_id(received.get("id"), field="workorder.id")
    correlation_id = _identifier(obj.get("correlation_id"), field="correlation_id")
    members = {
        "event_type": resolved.event.constant,
        "event_timestamp": utc_text(occurred_at),
        "workorder": work_order,
        "correlation_id": correlation_id,
    }
    return EventPayload(
        event_type=resolved.event.constant,
        received_name=resolved.received_name,
        caution=resolved.caution,
        occurred_at=occurred_at,
        work_order_id=work_order["id"],
        work_order=work_order,
        correlation_id=correlation_id,
        event_id=_identifier(obj.get("event_id"), field="event_id"),
        payload={**obj, **members},
    )


def parse_moment(value: object, *, field: str) -> datetime:
    """ISO 8601 text with ``Z`` or an offset, as UTC. Raises PayloadError naming ``field``."""
    advice = f"Send {field} as ISO 8601 text with Z or an offset, for example 2026-06-28T19:05:41Z."
    if not isinstance(value, str) or not value:
        raise PayloadError(f"{field} is missing or is not text. {advice}", field=field)
    try:
        moment = datetime.fromisoformat(value)
        if moment.utcoffset() is None:
            raise PayloadError(f"{field} has no time zone. {advice}", field=field)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # overflow: an offset that leads out of the years 1 to 9999
        raise PayloadError(f"{field} is not a time: {value[:40]!r}. {advice}", field=field) from None


def parse_work_order_id(value: object, *, field: str) -> int:
    """A work order id, given as a number or as its digits. Raises PayloadError naming ``field``."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_WORK_ORDER_ID:
        return value
    raise PayloadError(f"{field} must be the number of the work order, for example 4410027.", field=field)


def dedupe_key(payload: EventPayload, *, idempotency_key: str | None) -> str:
    """Hex SHA-256 under which a repeat is recognised.

    Of the sender's key when there is one (the argument, from a header, before the member ``event_id``), else of what
    the event says. The kind of key is hashed with it, so that keys of different kinds never meet.
    """
    if idempotency_key and idempotency_key.strip():
        parts: list[Any] = ["idempotency_key", idempotency_key]
    elif payload.event_id is not None:
        parts = ["event_id", payload.event_id]
    else:
        moment = utc_text(payload.occurred_at)
        parts = ["content", payload.event_type, payload.work_order_id, moment, payload.payload]
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(canonical.encode()).hexdigest()


def _event_type(value: object) -> Resolved:
    if not isinstance(value, str) or not value:
        raise PayloadError(
            "event_type is missing or is not text. Send the constant of the event, for example FN_WO_ASSIGNED.",
            field="event_type",
        )
    try:
        return resolve(value)
    except UnknownEvent as error:
        raise PayloadError(error.sentence, field="event_type") from error


def _identifier(value: object, *, field: str) -> str | None:
    """An id of the sender's: text or a whole number; null and blank text mean none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str) or len(value) > MAX_ID_LENGTH:
        raise PayloadError(f"{field} must be text of at most {MAX_ID_LENGTH} characters, or null.", field=field)
    return value


class _Container(NamedTuple):
    """An object or list and where it stands. Paths are made only for an error: see ``_path``."""

    value: dict[Any, Any] | list[Any]
    above: _Container | None
    step: str | int
    depth: int


def _is_storable(holder: Any, depth: int) -> bool:
    """Whether nothing at all can be wrong with an object or list; nearly always so. Cheap, as it explains nothing."""
    if depth > MAX_DEPTH:
        return False
    members: Iterable[Any] = holder
    if type(holder) is dict:
        for name in holder:
            if type(name) is not str or not _is_plain(name):
                return False
        members = holder.values()
    for member in members:
        kind = type(member)
        if kind is str:
            if not _is_plain(member):
                return False
        elif kind is dict or kind is list:
            if not _is_storable(member, depth + 1):
                return False
        elif kind is float:
            if not math.isfinite(member):
                return False
        elif member is not None and kind is not int and kind is not bool:
            return False
    return True


def _is_plain(text: str) -> bool:
    return "\x00" not in text and (text.isascii() or not _SURROGATE.search(text))


def _refuse_unstorable(body: dict[str, Any]) -> None:
    """Refuse what PostgreSQL's jsonb does not take, and nesting that exhausts later, recursive readers.

    Goes through the body with a queue instead of recursion, so that deep nesting cannot exhaust it either.
    """
    if _is_storable(body, 1):
        return
    waiting = deque([_Container(body, None, "", 1)])
    while waiting:
        holder = waiting.popleft()
        if holder.depth > MAX_DEPTH:
            field = _path(holder)
            raise PayloadError(f"{field} is nested deeper than {MAX_DEPTH} levels. Send less depth.", field=field)
        value = holder.value
        for step, member in value.items() if isinstance(value, dict) else enumerate(value):
            if problem := _problem(step):
                raise PayloadError(f"The name of a member of {_path(holder)} {problem}", field=_path(holder))
            if isinstance(member, (dict, list)):
                waiting.append(_Container(member, holder, step, holder.depth + 1))
            elif problem := _problem(member):
                field = _path(holder, step)
                raise PayloadError(f"{field} {problem}", field=field)


def _path(holder: _Container | None, *below: str | int) -> str:
    """The path of a place, shortened. Kept per value it would fill memory: a long name above very many members."""
    steps = list(below)
    while holder is not None and holder.above is not None:
        steps.insert(0, holder.step)
        holder = holder.above
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step[:_STEP_SHOWN]}" for step in steps)
    return path.removeprefix(".")[:_PATH_SHOWN] or _BODY


def _problem(value: object) -> str:
    """What keeps a scalar from being stored, as the rest of a sentence; empty when nothing does."""
    if isinstance(value, str):
        if "\x00" in value:
            return "holds a NUL character (\\u0000), which cannot be stored. Remove it."
        if _SURROGATE.search(value):
            return "holds half of a Unicode surrogate pair. Send well-formed Unicode."
    elif isinstance(value, float):
        if not math.isfinite(value):
            return "is NaN, infinite or too large a number. Send a finite number, or null."
    elif value is not None and not isinstance(value, int):
        return "is not a JSON value."
    return ""
