"""Turns an answer's status into the error that says what to do next. Pure: one table, one text for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from broker_project.lib.errors import (
    AuthFailed,
    BrokerError,
    Conflict,
    Forbidden,
    InvalidRecord,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.http import Response

_REASON_LIMIT, _DETAIL_LIMIT = 300, 1_000  # characters
_SHORTEST_WAIT, _LONGEST_WAIT = 1.0, 3_600.0  # seconds

_REASON_KEYS = (
    "detail",
    "message",
    "error_description",
    "error_message",
    "errorMessage",
    "error",
    "errors",
    "errorMessages",
    "description",
    "title",
    "reason",
    "fields",
)


@dataclass(frozen=True)
class _Row:
    error: type[BrokerError]
    what: str
    advice: str = ""


_ROWS: Mapping[int, _Row] = {
    400: _Row(InvalidRecord, "refused the values", "Correct the mapping or the source data."),
    401: _Row(AuthFailed, "refused the credentials", "Check them in the connector and outside."),
    403: _Row(Forbidden, "refused the rights", "Grant the account the rights for this call; check its allow list."),
    404: _Row(NotFound, "does not know this record or address"),
    408: _Row(Unavailable, "waited too long for the request"),
    409: _Row(Conflict, "refused the change because of the record's present state"),
    410: _Row(NotFound, "says that the record is gone"),
    422: _Row(InvalidRecord, "refused the values", "Correct the mapping or the source data."),
    425: _Row(Unavailable, "is not ready to take the request yet"),
    429: _Row(RateLimited, "asks for fewer calls"),
}
_REDIRECT = _Row(Misconfigured, "answered with a redirect", "Put the final address into the settings.")
_REFUSED = _Row(Rejected, "refused the call")
_DOWN = _Row(Unavailable, "cannot serve now")
_UNKNOWN = _Row(
    OutcomeUnknown, "failed while it worked on the request", "It may be done; look before sending it again."
)
_NOT_TAKEN = frozenset({501, 503})  # the server says itself that it did not begin


def raise_for_status(response: Response, *, system: str, wrote: bool, idempotent: bool = False) -> None:
    """Raise what a non-2xx ``response`` means; return for 2xx.

    ``system`` names the other side for people. ``wrote``: the call was to change something there. ``idempotent``: the
    same write twice has the effect of one, so an answer that leaves its outcome open is simply Unavailable.
    Raises AuthFailed, InvalidRecord, NotFound, Conflict, RateLimited, Unavailable, OutcomeUnknown, Misconfigured or
    Rejected.
    """
    status = response.status
    if 200 <= status < 300:
        return
    row = _row(status, once=wrote and not idempotent)
    reason = reason_of(response)
    head = f"{system} {row.what} ({status})" + (f": {reason}" if reason else "")
    sentence = f"{head}{'' if head.endswith(('.', '!', '?', '…')) else '.'} {row.advice}".rstrip()
    detail = _plain(response)[:_DETAIL_LIMIT]
    if issubclass(row.error, RateLimited | Unavailable):
        raise row.error(sentence, detail=detail, retry_after=retry_after(response.headers, now=datetime.now(UTC)))
    raise row.error(sentence, detail=detail)


def _row(status: int, *, once: bool) -> _Row:
    """``once``: a second go would have a second effect."""
    if status in _ROWS:
        return _ROWS[status]
    if status < 400:
        return _REDIRECT
    if status < 500:
        return _REFUSED
    return _UNKNOWN if once and status not in _NOT_TAKEN else _DOWN


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds that ``Retry-After`` asks to wait, within 1 and 3,600; None when it is absent or unreadable.

    A date in it is read against the answer's own ``Date`` (clocks differ), else against ``now`` (aware).
    """
    text = (headers.get("Retry-After") or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        seconds = float(text)
    elif until := _http_date(text):
        seconds = (until - (_http_date(headers.get("Date") or "") or now)).total_seconds()
    else:
        return None
    return min(max(seconds, _SHORTEST_WAIT), _LONGEST_WAIT)


def _http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def reason_of(response: Response) -> str:
    """What the answer's body says about the failure, in one line of at most 300 characters; may be empty."""
    try:
        body = response.json()
    except ValueError:
        body = None
    texts = _texts(body, depth=0) if isinstance(body, dict | list) else ()
    told = dict.fromkeys(text.rstrip(".") for text in texts if text)
    reason = response.redact("; ".join(told)) if told else _plain(response)
    return reason if len(reason) <= _REASON_LIMIT else f"{reason[: _REASON_LIMIT - 1]}…"


def _texts(node: Any, *, depth: int) -> Iterator[str]:
    """The readable texts under the well-known keys; else, for lists and maps of messages, whatever texts are there."""
    if depth > 4:
        return
    if isinstance(node, str):
        yield " ".join(node.split())
    elif isinstance(node, list):
        for item in node[:10]:
            yield from _texts(item, depth=depth + 1)
    elif isinstance(node, dict):
        known = [node[key] for key in _REASON_KEYS if isinstance(node.get(key), str | list | dict) and node[key]]
        if known:
            for value in known:
                yield from _texts(value, depth=depth + 1)
        else:
            for name, value in list(node.items())[:10]:
                for text in _texts(value, depth=depth + 1):
                    yield f"{name}: {text}"


def _plain(response: Response) -> str:
    """The body as one line of text, without HTML tags."""
    text = response.body[:20_000].decode(errors="replace")
    if "html" in response.headers.get("Content-Type", "").lower() or text.lstrip().startswith("<"):
        text = re.sub(r"<(script|style|head)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    return response.redact(" ".join(text.split()).replace("\0", ""))
