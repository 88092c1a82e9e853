"""What a Field Nation answer other than 2xx means, from its three error shapes. Pure.

The class comes from the HTTP status, then from ``code`` (Field Nation REST API v2, errors).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from broker_project.lib.errors import (
    AuthFailed,
    BrokerError,
    Conflict,
    Forbidden,
    InvalidRecord,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.classify import retry_after
from connectors.http import Response

DEFAULT_WAIT = 60.0
"""Seconds to wait after a 429 that does not say how long."""

_LONGEST_WAIT = 3600.0
_EXCERPT = 300
# An unknown work order has been seen answered as 400 with a message about 401.
_SPEAKS_OF_401 = re.compile(r"\b401\b|unauthori[sz]ed", re.IGNORECASE)


@dataclass(frozen=True)
class Refusal:
    """The readable part of an error answer. ``wait`` is in seconds, None when the answer does not say."""

    text: str
    code: str
    correlation_id: str
    wait: float | None


def error_for(response: Response, *, purpose: str, creating: bool = False, reading: bool = False) -> BrokerError:
    """The error that says what to do next about ``response`` (not 2xx).

    ``purpose`` is what was tried, as an infinitive without "to" ("read work order 7"). ``creating`` marks the one call
    that must never be repeated blindly, ``reading`` a read of one work order or of a part of it.
    """
    refusal = _read(response)
    sentence = f"Field Nation refused to {purpose}: {refusal.text}"
    detail = " ".join(
        part
        for part in (
            f"HTTP {response.status}",
            refusal.code,
            f"correlationId {refusal.correlation_id}" if refusal.correlation_id else "",
        )
        if part
    )
    return _temporary(response.status, refusal, purpose, detail, creating) or _final(
        response.status, refusal, sentence, detail, reading=reading
    )


def explanation(response: Response) -> str:
    """What the answer says about itself, as one sentence, cut and without the caller's secrets."""
    return _read(response).text


def _temporary(status: int, refusal: Refusal, purpose: str, detail: str, creating: bool) -> BrokerError | None:
    if status == 429 or refusal.code == "RATE_LIMIT_EXCEEDED":
        wait = refusal.wait or DEFAULT_WAIT
        return RateLimited(
            f"Field Nation's rate limit was reached while trying to {purpose}; it is tried again in {wait:g} s.",
            detail=detail,
            retry_after=wait,
        )
    if status == 503 or status in (408, 425) or (status >= 500 and not creating):
        return Unavailable(
            f"Field Nation could not {purpose} just now: {refusal.text}", detail=detail, retry_after=refusal.wait
        )
    if status >= 500:
        # There is no idempotency key: a repeated create would make a second work order.
        return OutcomeUnknown(
            f"Field Nation failed while it was asked to {purpose} ({refusal.text}); it may have done so all the same. "
            "Look the work order up before creating it again.",
            detail=detail,
        )
    return None


def _final(status: int, refusal: Refusal, sentence: str, detail: str, *, reading: bool) -> BrokerError:
    if status in (404, 410) or refusal.code == "RESOURCE_NOT_FOUND":
        return NotFound(sentence, detail=detail)
    if status == 403 or refusal.code == "INSUFFICIENT_PERMISSIONS":
        return Forbidden(f"{sentence} Give the API user the right to do this, or use another API user.", detail=detail)
    if status == 401 or refusal.code == "AUTHENTICATION_REQUIRED":
        return AuthFailed(f"{sentence} Check the credentials of this Field Nation account.", detail=detail)
    # A read sends nothing that could be invalid, so a 400 is about the work order itself.
    if status == 400 and (reading or _SPEAKS_OF_401.search(refusal.text)):
        return NotFound(f"{sentence} The work order does not exist or this API user cannot see it.", detail=detail)
    if status == 409:
        return Conflict(sentence, detail=detail)
    if status in (400, 422):
        return InvalidRecord(sentence, detail=detail)
    return Rejected(sentence, detail=detail)


def _read(response: Response) -> Refusal:
    try:
        body = response.json()
    except ValueError:
        body = None
    members: dict[str, Any] = body if isinstance(body, dict) else {}
    # Redacted before it is cut: a cut could leave the half of a secret that no longer looks like one.
    text = response.redact(_text(members) or _plain(response.body))[:_EXCERPT]
    text = text or f"HTTP {response.status} without an explanation"
    text = text if text.endswith((".", "!", "?")) else f"{text}."
    return Refusal(
        text=text,
        code=response.redact(str(members.get("code") or ""))[:100],
        correlation_id=response.redact(str(members.get("correlationId") or ""))[:100],
        wait=_wait(response, members),
    )


def _text(members: dict[str, Any]) -> str:
    main = next(
        (
            str(members[name]).strip()
            for name in ("detail", "message", "error_description", "title", "error")
            if isinstance(members.get(name), str) and members[name].strip()
        ),
        "",
    )
    listed = members["errors"] if isinstance(members.get("errors"), list) else []
    parts = [_one_error(item) for item in listed if isinstance(item, dict)]
    return "; ".join(part for part in [main, *parts] if part)


def _one_error(item: dict[str, Any]) -> str:
    place = str(item.get("pointer") or item.get("parameter") or "")
    text = str(item.get("detail") or item.get("message") or "").strip()
    return f"{place}: {text}" if place and text else text


def _plain(body: bytes) -> str:
    """A body that is not one of the known shapes, on one line and without markup."""
    return " ".join(re.sub(r"<[^<>]*>", " ", body[:100_000].decode("utf-8", "replace")).split())


def _wait(response: Response, members: dict[str, Any]) -> float | None:
    asked = retry_after(response.headers, now=datetime.now(UTC))
    if asked is not None:
        return asked
    agent = members["agent"] if isinstance(members.get("agent"), dict) else {}
    backoff = agent.get("backoffMs")
    if isinstance(backoff, int | float) and not isinstance(backoff, bool) and backoff > 0:
        return min(max(backoff / 1000, 1.0), _LONGEST_WAIT)
    return None
