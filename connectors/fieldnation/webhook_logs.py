"""Field Nation's webhooks management API: our webhooks, what became of their deliveries, and a repeat of one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from broker_project.lib.errors import BrokerError, Misconfigured, RateLimited
from connectors.classify import retry_after
from connectors.http import Caller, Response
from connectors.platforms.contract import TokenStore

from .account import Credentials
from .refusals import error_for
from .sign_in import SignIn

WEBHOOKS_PATH = "/api/v1/webhooks"
LOG_PAGE_SIZE = 500
ATTEMPTS = 8
"""Attempts that Field Nation makes of one delivery, at most."""
_HOOK_PAGE_SIZE = 25
_MOST_HOOK_PAGES = 20
# The secret is left out: what is not sent cannot leak.
_HOOK_MEMBERS = "webhookId,url,status"
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class Hook:
    """A webhook of the account. Nothing is delivered through one that is not active, repeats included."""

    webhook_id: str
    url: str
    status: str

    @property
    def is_active(self) -> bool:
        return self.status == "active"


@dataclass(frozen=True)
class Attempt:
    """One row of the delivery log. ``status`` is the HTTP status of our answer, None when none came; ``delivery`` is
    the id without the attempt: every attempt of one delivery has the same."""

    delivery_id: str
    webhook_id: str
    work_order_id: int | None
    event_name: str
    status: int | None
    number: int
    created_at: datetime | None

    @property
    def delivery(self) -> str:
        head, _, tail = self.delivery_id.rpartition(":")
        return head if head and tail.isdecimal() else self.delivery_id

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_repeated(self) -> bool:
        """Whether Field Nation may still repeat it by itself: it gives up after a 4xx, and after the last attempt."""
        return not self.is_good and (self.status is None or self.status >= 500) and self.number < ATTEMPTS


@dataclass(frozen=True)
class LogPage:
    """One page of the delivery log, newest first."""

    attempts: Sequence[Attempt]
    is_last: bool


class WebhooksApi:
    """One account's access to the webhooks API. Every method may raise the errors of ``broker_project.lib.errors``;
    RateLimited says how many seconds to wait."""

    def __init__(self, credentials: Credentials, caller: Caller, tokens: TokenStore) -> None:
        self._caller = caller
        self._sign_in = SignIn(credentials, caller, tokens)
        self._base = credentials.api_base.rstrip("/") + WEBHOOKS_PATH

    def hooks(self) -> Sequence[Hook]:
        """All webhooks of the account, whoever made them."""
        found: list[Hook] = []
        for page in range(1, _MOST_HOOK_PAGES + 1):
            params = {"page": str(page), "perPage": str(_HOOK_PAGE_SIZE), "fields": _HOOK_MEMBERS}
            rows = self._rows("", purpose="list the webhooks", params=params)
            found += [
                Hook(_text(row, "webhookId"), _text(row, "url"), _text(row, "status").lower() or "unknown")
                for row in rows
                if _text(row, "webhookId")
            ]
            if len(rows) < _HOOK_PAGE_SIZE:
                break
        return found

    def log(self, webhook_id: str, *, page: int, per_page: int = LOG_PAGE_SIZE) -> LogPage:
        """A page of one webhook's delivery log, newest first; ``page`` counts from 1.

        Rows that are added meanwhile push others to later pages: a row may be seen twice, never missed.
        """
        params = {
            "webhookId": webhook_id,
            "page": str(page),
            "perPage": str(per_page),
            "sortBy": "createdAt",
            "sortDirection": "DESC",
        }
        rows = self._rows("/delivery-logs", purpose="read the webhook delivery log", params=params)
        return LogPage([attempt for row in rows if (attempt := _attempt(row))], is_last=len(rows) < per_page)

    def retry(self, delivery_id: str) -> None:
        """Have a delivery made again: a new one with the same payload and another id. Raises NotFound."""
        path = f"/delivery-logs/{quote(delivery_id, safe=':')}/retry"
        self._send("PATCH", path, purpose=f"repeat the webhook delivery {delivery_id}")

    def _rows(self, path: str, *, purpose: str, params: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        response = self._send("GET", path, purpose=purpose, params=params)
        try:
            answer = response.json()
        except ValueError:
            answer = None
        rows = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise Misconfigured(
                f"The answer to the attempt to {purpose} is not that of Field Nation's webhooks API. Check the API "
                "address of this Field Nation account."
            )
        return [row for row in rows if isinstance(row, dict)]

    def _send(self, method: str, path: str, *, purpose: str, params: Mapping[str, str] | None = None) -> Response:
        token = self._sign_in.token()
        response = self._request(method, path, token, purpose=purpose, params=params)
        if response.status == 401:
            token = self._sign_in.token(refused=token)
            response = self._request(method, path, token, purpose=purpose, params=params)
        if 200 <= response.status < 300:
            return response
        raise _error(response, purpose=purpose)

    def _request(
        self, method: str, path: str, token: str, *, purpose: str, params: Mapping[str, str] | None
    ) -> Response:
        # Another repeat of a webhook does no harm, so a lost answer is no unknown outcome here.
        return self._caller.request(
            method,
            f"{self._base}{path}",
            purpose=purpose,
            params=params,
            headers={"Accept": "application/json", "Authorization": f"Bearer {token}"},
            writes=False,
        )


def _error(response: Response, *, purpose: str) -> BrokerError:
    error = error_for(response, purpose=purpose)
    asked = retry_after(response.headers, now=datetime.now(UTC))
    wait = _until_reset(response.headers) if asked is None else None
    if isinstance(error, RateLimited) and wait is not None:
        return RateLimited(
            f"Field Nation's rate limit was reached while trying to {purpose}; it is tried again in {wait:g} s.",
            detail=error.detail,
            retry_after=wait,
        )
    return error


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until the limit's window ends, by Field Nation's own clock where the answer tells it."""
    text = (headers.get("X-RateLimit-Reset") or "").strip()
    if not re.fullmatch("[0-9]{1,11}", text, re.ASCII):
        return None
    try:
        now = parsedate_to_datetime(headers.get("Date") or "").timestamp()
    except ValueError:
        now = datetime.now(UTC).timestamp()
    return min(max(float(text) - now, 1.0), _LONGEST_WAIT)


def _attempt(row: Mapping[str, Any]) -> Attempt | None:
    delivery_id = _text(row, "deliveryId")
    if not delivery_id:
        return None
    status = _text(row, "deliveryStatus")
    head, _, tail = delivery_id.rpartition(":")
    number = _text(row, "deliveryAttempt") or (tail if head else "")
    work_order = _text(row, "workOrderId")
    return Attempt(
        delivery_id=delivery_id,
        webhook_id=_text(row, "webhookId"),
        work_order_id=int(work_order) if re.fullmatch("[0-9]{1,18}", work_order, re.ASCII) else None,
        event_name=_text(row, "eventName"),
        status=int(status) if re.fullmatch("[1-5][0-9]{2}", status, re.ASCII) else None,
        number=int(number) if re.fullmatch("[0-9]{1,4}", number, re.ASCII) else 1,
        created_at=_moment(_text(row, "createdAt")),
    )


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _text(row: Mapping[str, Any], name: str) -> str:
    """A member as text; numbers are written out, anything else is none."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()
