"""Which records an inbound trigger names. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from broker_project.lib.errors import InvalidRecord
from connectors.platforms.contract import Platform, TriggerCall

ID_KEYS = ("external_id", "id", "sys_id", "record_id", "recordId", "ticket_id", "ticketId", "ID", "Id")
"""Names under which systems send a record's id, in the order in which they are looked for."""

MAX_IDS = 1_000
MAX_ID_LENGTH = 255

_FORM = "application/x-www-form-urlencoded"


def resolve_ids(call: TriggerCall, platform: Platform) -> list[str]:
    """The external ids that ``call`` names, as text, each once, in order.

    Looked for in the query (``external_id``, repeatable; a comma is part of an id), then by the platform's own
    dialect, then in a JSON body (an object, a list of objects or ids, also under one wrapping member), then in form
    fields. Empty when it names none. Raises InvalidRecord when an id is blank, too long or no id at all, when there are
    too many, or the body cannot be read.
    """
    found: Sequence[Any] = call.query.get("external_id", ())
    if not found:
        found = platform.trigger_ids(call) or _body_ids(call)
    ids = list(dict.fromkeys(_id_text(value) for value in found))
    if len(ids) > MAX_IDS:
        raise InvalidRecord(
            f"The call names {len(ids):,} records; {MAX_IDS:,} are allowed. Send them in several calls."
        )
    return ids


def _body_ids(call: TriggerCall) -> list[Any]:
    body = call.body.strip()
    if not body:
        return []
    if call.content_type == _FORM:
        return _form_ids(body)
    if _is_json(call.content_type, body):
        return list(_json_ids(_parsed(body), wrapped=False))
    raise InvalidRecord(
        f"Bodies of type {call.content_type[:100] or 'unknown'} are not read here. "
        "Send JSON or a form, or put external_id into the address."
    )


def _is_json(content_type: str, body: bytes) -> bool:
    """Declared as JSON, or looking like it under a type that senders leave standing."""
    declared = content_type in ("application/json", "text/json") or content_type.endswith("+json")
    vague = content_type in ("", "text/plain", "application/octet-stream")
    return declared or (vague and body.removeprefix(b"\xef\xbb\xbf")[:1] in (b"{", b"["))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidRecord("The body is not UTF-8 text. Send JSON in UTF-8.") from None
    except json.JSONDecodeError as exc:
        raise InvalidRecord(f"The body is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}.") from None
    except (ValueError, RecursionError):  # numbers of thousands of digits, thousands of brackets
        raise InvalidRecord("The body is not JSON that can be read: a number or its nesting is too large.") from None


def _json_ids(node: Any, *, wrapped: bool) -> Iterator[Any]:
    if isinstance(node, list):
        for item in node:
            yield from _item_ids(item)
    elif isinstance(node, dict):
        named = _named(node)
        if named is not None:
            yield from named if isinstance(named, list) else [named]
        elif not wrapped:
            inner = [value for value in node.values() if isinstance(value, dict | list)]
            if len(inner) == 1:  # with several, which one is the record would be a guess
                yield from _json_ids(inner[0], wrapped=True)
    else:
        raise InvalidRecord("The JSON body must be an object or a list.")


def _item_ids(item: Any) -> list[Any]:
    if not isinstance(item, dict):
        return [item]
    named = _named(item)
    if named is None:
        raise InvalidRecord(f"An object of the list has no id. Give each one of: {', '.join(ID_KEYS)}.")
    return [named]


def _named(node: Mapping[str, Any]) -> Any:
    """The value of the first id key that is there; null counts as absent."""
    return next((node[key] for key in ID_KEYS if node.get(key) is not None), None)


def _form_ids(body: bytes) -> list[Any]:
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MAX_IDS + 100)
    except ValueError:  # also what is not UTF-8
        raise InvalidRecord("The form cannot be read: it is not UTF-8 or has too many fields.") from None
    return next((fields[key] for key in ID_KEYS if key in fields), [])


def _id_text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRecord("A record id must be text or a whole number.")
    try:
        text = str(value).strip()
    except ValueError:  # more digits than Python writes
        raise InvalidRecord(f"A record id is longer than {MAX_ID_LENGTH} characters.") from None
    if not text:
        raise InvalidRecord("A record id is blank. Check the placeholder in the sending system.")
    if len(text) > MAX_ID_LENGTH:
        raise InvalidRecord(f"A record id is longer than {MAX_ID_LENGTH} characters.")
    if not text.isprintable():
        raise InvalidRecord("A record id holds a control character.")
    return text
