"""The one door to the network: pooled connections, time limits, address guard, redaction, evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from broker_project.lib import fast_json
from broker_project.lib.errors import BrokerError, Misconfigured
from broker_project.lib.redaction import Redactor
from connectors import tracing
from connectors.call import Call
from connectors.request import Auth, Request, prepared
from connectors.transport import fetch

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_URL_LIMIT, _HEADER_LIMIT = 4_000, 1_000  # characters kept as evidence
_SHOWN_TYPES = ("json", "text", "xml", "form-urlencoded", "javascript")


@dataclass(frozen=True)
class Exchange:
    """Evidence of one HTTP call, already redacted and cut. ``duration_ms`` in milliseconds, ``started_at`` UTC."""

    method: str
    url: str
    purpose: str
    started_at: datetime
    duration_ms: float
    status: int | None = None
    error: str = ""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    request_body: str = ""
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: str = ""


def _unchanged(text: str) -> str:
    return text


@dataclass(frozen=True)
class Response:
    """A whole answer. ``headers`` is case-insensitive, ``body`` raw bytes.

    ``redact`` takes the caller's secrets out of a text; use it on every part of the answer that is shown to people.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    redact: Callable[[str], str] = field(default=_unchanged, repr=False, compare=False)

    def json(self) -> Any:
        """The parsed body; None when it is empty. Raises ValueError when it is not JSON."""
        if not self.body.strip():
            return None
        try:
            return fast_json.loads(self.body)
        except RecursionError:
            raise ValueError("nested too deeply") from None


class Caller:
    """Makes the calls of one piece of work and keeps their evidence in ``exchanges``.

    ``secrets`` never show up in evidence or errors. ``timeout`` is (connect, read) in seconds, ``total`` the seconds
    one call may take altogether, ``body_limit`` the characters of each body that are kept. ``allow_private`` admits
    addresses inside the own network. Not thread-safe; the connections behind it are shared by all threads.
    """

    exchanges: list[Exchange]

    def __init__(
        self,
        *,
        secrets: tuple[str, ...] = (),
        timeout: tuple[float, float] = (5.0, 25.0),
        total: float = 60.0,
        body_limit: int = 16_384,
        allow_private: bool = False,
    ) -> None:
        self.exchanges = []
        self._redactor = Redactor(secrets)
        self._connect_timeout, self._read_timeout = timeout
        self._total = total
        self._kept = _Kept(self._redactor, body_limit)
        self._allow_private = allow_private

    def hide(self, *secrets: str) -> None:
        """Keep these values out of evidence and errors too, from now on (an access token just obtained, say)."""
        self._redactor.add(*secrets)

    def request(
        self,
        method: str,
        url: str,
        *,
        purpose: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        auth: Auth = None,
        writes: bool | None = None,
    ) -> Response:
        """One call; the answer whatever its status, except a redirect. ``purpose`` is a few words for the log.

        ``writes`` says whether the call changes something on the other side; None means "not for GET, HEAD, OPTIONS".
        Raises Misconfigured (address refused, redirect), InvalidRecord (fields that JSON cannot hold), NotSent,
        Unavailable (a read got no whole answer), OutcomeUnknown (a write got none), Rejected (a read's answer is too
        long).
        """
        method = method.upper()
        call = Call(
            allow_private=self._allow_private,
            connect_timeout=self._connect_timeout,
            read_timeout=self._read_timeout,
            deadline=monotonic() + self._total,
            writes=method not in _READS if writes is None else writes,
        )
        started_at, started = datetime.now(UTC), monotonic()
        request: Request | None = None
        response: Response | None = None
        error, kind = "The call was broken off.", "interrupted"
        span = tracing.begin_call(method, url, purpose)
        try:
            headers = span.headers(headers)
            request = prepared(method, url, params=params, headers=headers, json=json, form=form, auth=auth)
            response = Response(*fetch(request, call), redact=self._redactor.text)
            _refuse_redirect(response, asked=url)
            error = kind = ""
            return response
        except BrokerError as failure:
            kind = type(failure).__name__
            error = failure.sentence = self._redactor.text(failure.sentence)
            failure.detail = self._redactor.text(failure.detail)
            failure.args = (error,)
            failure.__cause__ = failure.__context__ = None  # the library's texts hold addresses with their queries
            raise
        finally:
            span.end(status=response.status if response else None, error=kind)
            kept, duration_ms = self._kept, (monotonic() - started) * 1000
            self.exchanges.append(
                Exchange(
                    method=method,
                    url=kept.url(request.url if request else url),
                    purpose=purpose,
                    started_at=started_at,
                    duration_ms=duration_ms,
                    status=response.status if response else None,
                    error=error,
                    request_headers=kept.headers(request),
                    request_body=kept.body(request),
                    response_headers=kept.headers(response),
                    response_body=kept.body(response),
                )
            )


def _refuse_redirect(response: Response, *, asked: str) -> None:
    if not 300 <= response.status < 400:
        return
    asked_host = urlsplit(asked).hostname
    try:
        target = urlsplit(response.headers.get("Location", "")).hostname or asked_host
    except ValueError:
        target = "an address that cannot be read"
    raise Misconfigured(
        f"{asked_host} answered with a redirect ({response.status}) to {target}. "
        "Redirects are not followed; put the final address into the settings."
    )


# --- evidence -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kept:
    """What of a call is kept: redacted first, then cut. ``limit`` in characters a body."""

    redactor: Redactor
    limit: int

    def url(self, url: str) -> str:
        return _cut(self.redactor.url(url), _URL_LIMIT)

    def headers(self, message: Request | Response | None) -> dict[str, str]:
        if message is None:
            return {}
        return {name: _cut(value, _HEADER_LIMIT) for name, value in self.redactor.headers(message.headers).items()}

    def body(self, message: Request | Response | None) -> str:
        """The beginning of the body, or its size when it is no text."""
        if message is None or not message.body:
            return ""
        raw, content_type = message.body, message.headers.get("Content-Type", "").lower()
        charset = _charset(content_type)
        if charset is None:
            return f"({len(raw)} bytes of {self.redactor.text(content_type)})"
        head = raw[: self.limit * 4]
        text = self.redactor.body(_decoded(head, charset), content_type)
        if len(head) < len(raw):  # the end may hold the first half of a secret
            text = text[: max(0, len(text) - self.redactor.longest)] + "…"
        return _cut(text, self.limit)


@lru_cache(maxsize=256)
def _charset(content_type: str) -> str | None:
    """Of a body of this type; None when it is no text."""
    if content_type and not any(shown in content_type for shown in _SHOWN_TYPES):
        return None
    return content_type.partition("charset=")[2].partition(";")[0].strip(' "') or "utf-8"


def _decoded(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset, errors="replace")
    except LookupError:
        return raw.decode(errors="replace")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
