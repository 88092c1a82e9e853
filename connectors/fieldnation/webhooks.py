"""Field Nation webhooks v3: verify the signature, then read the body. Pure: no clock, no settings.

The receiver first calls ``signature_ok`` on the raw bytes (401 when it fails) and only then ``parse``.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from broker_project.lib.digest import digest
from broker_project.lib.errors import InvalidRecord

SIGNATURE_HEADER = "X-FN-Signature"

# The largest id that fits the database's bigint.
_MAX_ID = 2**63 - 1
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")
# The one member that Field Nation's own work order spells in camelCase.
_KEPT_NAMES = frozenset({"isPrimary"})


class UnreadableWebhook(InvalidRecord):
    """The body is no webhook of ours. ``status`` is the HTTP answer for the sender: 400 not JSON, 422 foreign."""

    def __init__(self, sentence: str, *, status: int) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Webhook:
    """One delivery of a webhook, parsed.

    ``timestamp`` is the event's time, aware, UTC. ``delivery_uuid`` is the delivery id without its attempt; it and
    ``webhook_id``, ``trace_id`` are "" when the sender gave none. ``status_id`` and ``triggered_by`` may be None.
    ``body`` is the whole parsed body, safe to store as JSON in PostgreSQL.
    """

    event_name: str
    work_order_id: int
    status_id: int | None
    timestamp: datetime
    triggered_by: int | None
    work_order: dict[str, Any]
    delivery_uuid: str
    attempt: int
    webhook_id: str
    trace_id: str
    body: dict[str, Any]


def sign(raw: bytes, secret: str) -> str:
    """Value of X-FN-Signature for ``raw``; the key is the secret's text as shown, hyphens included."""
    return "sha256=" + hmac.new(secret.encode(), raw, "sha256").hexdigest()


def signature_ok(raw: bytes, header: str | None, secrets: Iterable[str]) -> bool:
    """True when ``header`` signs the raw body with one of ``secrets`` (old and new one during a change)."""
    scheme, _, given = (header or "").partition("=")
    if scheme != "sha256":
        return False
    # An empty secret would let anybody sign. All are compared, so the time taken tells nothing about which fits.
    expected = [sign(raw, secret).removeprefix("sha256=") for secret in secrets if secret]
    given_bytes = given.encode("utf-8", "replace")
    fits = [hmac.compare_digest(digest.encode(), given_bytes) for digest in expected]
    return any(fits)


def parse(raw: bytes, headers: Mapping[str, str]) -> Webhook:
    """The webhook in ``raw``, in Field Nation's present form or in the older camelCase one.

    Raises UnreadableWebhook (an InvalidRecord) when the body is not JSON or not a Field Nation event.
    """
    body = _read_json(raw)
    sent = {name.lower(): value for name, value in headers.items()}
    event = body["event"] if isinstance(body.get("event"), dict) else {}
    params = event["params"] if isinstance(event.get("params"), dict) else {}
    name = _first_text(event.get("name"), body.get("eventName"))
    if not name:
        raise UnreadableWebhook(
            "Customised or foreign payload: the body has no event.name. Remove the payload script from the webhook in "
            "Field Nation, or check who is calling this address.",
            status=422,
        )
    work_order = _work_order(body)
    delivery_uuid, attempt = _delivery(_first_text(sent.get("x-fn-delivery-id"), body.get("eventId")))
    return Webhook(
        event_name=name,
        work_order_id=_work_order_id(params, body, work_order),
        status_id=_whole_number(params.get("status_id")),
        timestamp=_event_time(body, sent),
        triggered_by=_whole_number(_member(body, "triggered_by_user", "id")),
        work_order=work_order,
        delivery_uuid=delivery_uuid,
        attempt=attempt,
        webhook_id=_first_text(sent.get("x-fn-webhook-id")),
        trace_id=_first_text(sent.get("x-fn-event-trace-id")),
        body=body,
    )


def _read_json(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise UnreadableWebhook("The webhook's body is not JSON.", status=400) from None
    if not isinstance(body, dict):
        raise UnreadableWebhook(
            "Customised or foreign payload: the body is not a JSON object with an event in it.", status=422
        )
    # Only an escape can bring in what PostgreSQL's jsonb refuses; an accepted event must never fail to be stored.
    return _storable(body) if b"\\u" in raw else body


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value.replace("\x00", ""))
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


def _work_order(body: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(body.get("workorder"), dict):
        return dict(body["workorder"])
    return _from_camel_case(body["data"]) if isinstance(body.get("data"), dict) else {}


def _from_camel_case(data: Mapping[str, Any]) -> dict[str, Any]:
    """The older form's work order, spelled as the REST API spells it; flat custom fields become a list."""
    plain = {name: value for name, value in data.items() if name != "customFields"}
    work_order: dict[str, Any] = _snake(plain)
    custom = data.get("customFields")
    if isinstance(custom, dict):
        work_order["custom_fields"] = [{"name": name, "value": value} for name, value in custom.items()]
    elif custom is not None:
        work_order["custom_fields"] = _snake(custom)
    return work_order


def _snake(value: Any) -> Any:
    if isinstance(value, list):
        return [_snake(item) for item in value]
    if isinstance(value, dict):
        return {
            key if key in _KEPT_NAMES else _CAPITAL.sub(r"_\1", key).lower(): _snake(item)
            for key, item in value.items()
        }
    return value


def _work_order_id(params: Mapping[str, Any], body: Mapping[str, Any], work_order: Mapping[str, Any]) -> int:
    candidates = (params.get("work_order_id"), body.get("workOrderId"), work_order.get("id"))
    for candidate in candidates:
        number = _whole_number(candidate)
        if number is not None and 0 < number <= _MAX_ID:
            return number
    raise UnreadableWebhook(
        "The webhook names no work order: neither event.params.work_order_id nor workorder.id holds a number.",
        status=422,
    )


def _event_time(body: Mapping[str, Any], sent: Mapping[str, str]) -> datetime:
    for text in (body.get("timestamp"), sent.get("x-fn-timestamp")):
        try:
            moment = datetime.fromisoformat(str(text or "").strip())
            # The documentation promises an offset; a text without one can only mean UTC.
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    milliseconds = _whole_number(sent.get("x-fn-request-timestamp"))
    try:
        if milliseconds is not None:
            return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise UnreadableWebhook("The webhook has no timestamp that can be read (ISO 8601 is expected).", status=422)


def _delivery(delivery_id: str) -> tuple[str, int]:
    identity, _, attempt = delivery_id.rpartition(":")
    return (identity, int(attempt)) if identity and re.fullmatch("[0-9]{1,4}", attempt) else (delivery_id, 1)


def _whole_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,19}\s*", value, re.ASCII):
        return int(value)
    return None


def _first_text(*values: object) -> str:
    return next((value.strip() for value in values if isinstance(value, str) and value.strip()), "")


def _member(body: Mapping[str, Any], outer: str, inner: str) -> object:
    part = body.get(outer)
    return part.get(inner) if isinstance(part, dict) else None


def dedupe_key(webhook_id: str | None, delivery_uuid: str | None) -> str | None:
    """One webhook delivery is one event, whatever its attempt. None when the delivery has no id."""
    return digest(f"webhook:{webhook_id}:{delivery_uuid}") if delivery_uuid else None
