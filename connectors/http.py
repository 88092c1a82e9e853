"""The one door to the network: pooled connections, time limits, address guard, redaction, evidence."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict

from broker_project.lib.errors import BrokerError, InvalidRecord, Misconfigured
from broker_project.lib.redaction import Redactor
from connectors.transport import Call, fetch

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_URL_LIMIT, _HEADER_LIMIT = 4_000, 1_000  # characters kept as evidence
_DEFAULT_HEADERS = {
    "User-Agent": "integration-broker",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
}
_NOT_IN_AN_ADDRESS = re.compile(r"[\x00-\x20\x7f\\]")
_NOT_IN_A_HEADER = re.compile(r"[\r\n\0\u0100-\U0010ffff]")
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
            return jsonlib.loads(self.body)
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
        self._body_limit = body_limit
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
        auth: Callable[[Any], Any] | tuple[str, str] | None = None,
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
        request: requests.PreparedRequest | None = None
        response: Response | None = None
        error = "The call was broken off."
        try:
            request = _prepared(method, url, params=params, headers=headers, json=json, form=form, auth=auth)
            response = Response(*fetch(request, call), redact=self._redactor.text)
            _refuse_redirect(response, asked=url)
            error = ""
            return response
        except BrokerError as failure:
            error = failure.sentence = self._redactor.text(failure.sentence)
            failure.detail = self._redactor.text(failure.detail)
            failure.args = (error,)
            failure.__cause__ = failure.__context__ = None  # the library's texts hold addresses with their queries
            raise
        finally:
            exchange = Exchange(method, url, purpose, started_at, (monotonic() - started) * 1000, error=error)
            kept = _Kept(redactor=self._redactor, limit=self._body_limit)
            self.exchanges.append(kept.evidence(exchange, request, response))


# --- what is sent -------------------------------------------------------------------------------------------------


def _prepared(
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
    json: Any,
    form: Mapping[str, str] | None,
    auth: Callable[[Any], Any] | tuple[str, str] | None,
) -> requests.PreparedRequest:
    _refuse_address_form(url)
    sent: CaseInsensitiveDict[str] = CaseInsensitiveDict(_DEFAULT_HEADERS)
    body: Any = dict(form) if form is not None else None
    if json is not None:
        sent["Content-Type"] = "application/json"
        body = _json_bytes(json)
    sent.update(headers or {})
    if isinstance(auth, tuple):
        auth = requests.auth.HTTPBasicAuth(auth[0].encode(), auth[1].encode())
    try:
        request = requests.Request(method, url, params=params, headers=sent, data=body, auth=auth).prepare()
    except (requests.RequestException, UnicodeError):
        request = None
    if request is None or not all(_is_sendable(value) for value in request.headers.values()):
        raise Misconfigured(
            "The request cannot be built: the address or a header holds characters that cannot be sent. "
            "Look for line breaks, blanks at the ends and letters outside Latin-1 in the settings."
        )
    return request


def _refuse_address_form(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        raise Misconfigured("The address cannot be read. Give it as https://host/path.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise Misconfigured("The address must begin with https:// or http:// and name a host.")
    if "@" in parts.netloc:
        raise Misconfigured("The address holds a user name or password. Give them as credentials instead.")
    if _NOT_IN_AN_ADDRESS.search(url):
        raise Misconfigured("The address holds a blank, a line break or a backslash. Remove it or write it encoded.")


def _json_bytes(json: Any) -> bytes:
    try:
        return jsonlib.dumps(json, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError):  # NaN, half a surrogate pair, a structure that holds itself
        raise InvalidRecord(
            "The fields hold a value that JSON cannot carry, such as NaN or a broken character."
        ) from None


def _is_sendable(value: str | bytes) -> bool:
    return not _NOT_IN_A_HEADER.search(value.decode("latin-1") if isinstance(value, bytes) else value)


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

    def evidence(
        self, exchange: Exchange, request: requests.PreparedRequest | None, response: Response | None
    ) -> Exchange:
        """``exchange`` with what is kept of ``request`` (None when it could not be built) and ``response``."""
        changes: dict[str, Any] = {"url": self.url((request.url if request else None) or exchange.url)}
        if request is not None:
            changes["request_headers"] = self.headers(request.headers)
            changes["request_body"] = self.body(request.body, request.headers)
        if response is not None:
            changes["status"] = response.status
            changes["response_headers"] = self.headers(response.headers)
            changes["response_body"] = self.body(response.body, response.headers)
        return replace(exchange, **changes)

    def url(self, url: str) -> str:
        return _cut(self.redactor.url(url), _URL_LIMIT)

    def headers(self, headers: Mapping[str, Any]) -> dict[str, str]:
        texts = {name: value if isinstance(value, str) else value.decode("latin-1") for name, value in headers.items()}
        return {name: _cut(value, _HEADER_LIMIT) for name, value in self.redactor.headers(texts).items()}

    def body(self, body: bytes | str | None, headers: Mapping[str, Any]) -> str:
        """The beginning of ``body``, or its size when it is no text."""
        if not body:
            return ""
        raw = body.encode() if isinstance(body, str) else body
        content_type = str(headers.get("Content-Type", "")).lower()
        if content_type and not any(shown in content_type for shown in _SHOWN_TYPES):
            return f"({len(raw)} bytes of {self.redactor.text(content_type)})"
        head = raw[: self.limit * 4]
        text = self.redactor.body(_decoded(head, content_type), content_type)
        if len(head) < len(raw):  # the end may hold the first half of a secret
            text = text[: max(0, len(text) - self.redactor.longest)] + "…"
        return _cut(text, self.limit)


def _decoded(raw: bytes, content_type: str) -> str:
    charset = content_type.partition("charset=")[2].partition(";")[0].strip(' "') or "utf-8"
    try:
        return raw.decode(charset, errors="replace")
    except LookupError:
        return raw.decode(errors="replace")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
