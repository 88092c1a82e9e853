"""What is sent: address, headers, credentials and body, checked and written out.

``requests`` prepares whatever is out of the ordinary. Its preparation costs more than the rest of a call, so that a
plain address with a JSON body is put together here, in the same writing.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json import JSONEncoder
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import requests

from broker_project.lib.errors import InvalidRecord, Misconfigured
from connectors.headers import Headers

Auth = Callable[[Any], Any] | tuple[str, str] | None
"""(user, password), or a function that is given a ``requests.PreparedRequest`` and gives it back signed."""

_Fields = dict[str, tuple[str, str]]

_DEFAULT_HEADERS: _Fields = {
    "user-agent": ("User-Agent", "integration-broker"),
    "accept": ("Accept", "application/json"),
    "accept-encoding": ("Accept-Encoding", "gzip, deflate"),
}
_JSON = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_JSON_TYPE = ("Content-Type", "application/json")
_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535

_NOT_IN_AN_ADDRESS = re.compile(r"[\x00-\x20\x7f\\]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NOT_IN_A_HEADER = re.compile(r"[\r\n\0\u0100-\U0010ffff]")
_PLAIN_VALUE = re.compile(r"(?:[!-~][\t -~\x80-\xff]*)?")
# Nothing here is ever encoded, decoded or put differently.
_PLAIN_ADDRESS = re.compile(
    r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::([1-9][0-9]{0,4}))?"
    r"((?:/(?!\.)[A-Za-z0-9._~!$&'()*+,;=:@-]*)*)(?:\?([A-Za-z0-9._~!$&'()*+,;=:@/-]+))?"
)


class Origin(NamedTuple):
    """Where a connection leads; ``host`` as it is looked up."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """A request ready to be sent. ``target`` is path and query, ``url`` the whole address."""

    method: str
    url: str
    headers: Headers
    body: bytes
    origin: Origin
    target: str

    def wire(self) -> bytes:
        """The bytes that go out."""
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        if "Host" not in self.headers:
            scheme, host, port = self.origin
            name = f"[{host.partition('%')[0]}]" if ":" in host else host
            lines.append(f"Host: {name}" if port == _PORTS[scheme] else f"Host: {name}:{port}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def prepared(
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    form: Mapping[str, str] | None = None,
    auth: Auth = None,
) -> Request:
    """The request. Raises Misconfigured when address or headers cannot be sent, InvalidRecord when JSON cannot hold
    the fields."""
    plain = _PLAIN_ADDRESS.fullmatch(url)
    if plain is None:
        _refuse_address_form(url)
    fields = dict(_DEFAULT_HEADERS)
    body = b""
    if json is not None:
        body = _json_bytes(json)
        fields["content-type"] = _JSON_TYPE
    for name, value in (headers or {}).items():
        fields[name.lower()] = (name, value)
    request = None
    if plain is not None and not form and not callable(auth) and _is_plain(method, fields, params, auth):
        request = _put_together(method, plain, params, fields, body, auth)
    return request or _prepared_by_requests(method, url, params, fields, body or form, auth)


def _is_plain(
    method: str, fields: _Fields, params: Mapping[str, str] | None, credentials: tuple[str, str] | None
) -> bool:
    for name, value in fields.values():
        if type(value) is not str or not _TOKEN.fullmatch(name) or not _PLAIN_VALUE.fullmatch(value):
            return False
    texts = (*(params.items() if params else ()), credentials or ())
    return _TOKEN.fullmatch(method) is not None and all(
        type(text) is str and text.isascii() for pair in texts for text in pair
    )


def _put_together(
    method: str,
    plain: re.Match[str],
    params: Mapping[str, str] | None,
    fields: _Fields,
    body: bytes,
    credentials: tuple[str, str] | None,
) -> Request | None:
    scheme, host, port, path, query = plain.groups()
    if port and int(port) > _LAST_PORT:
        return None
    if params:
        query = f"{query}&{urlencode(params)}" if query else urlencode(params)
    target = f"{path or '/'}?{query}" if query else path or "/"
    if body or (method not in ("GET", "HEAD") and "content-length" not in fields):
        fields["content-length"] = ("Content-Length", str(len(body)))
    if credentials is not None:
        fields["authorization"] = ("Authorization", _basic(*credentials))
    url = f"{scheme}://{host}:{port}{target}" if port else f"{scheme}://{host}{target}"
    return Request(
        method, url, Headers(fields), body, Origin(scheme, host, int(port) if port else _PORTS[scheme]), target
    )


def _basic(user: str, password: str) -> str:
    return f"Basic {b64encode(user.encode() + b':' + password.encode()).decode()}"


def _prepared_by_requests(
    method: str, url: str, params: Mapping[str, str] | None, fields: _Fields, data: Any, auth: Any
) -> Request:
    try:
        if isinstance(auth, tuple):
            auth = requests.auth.HTTPBasicAuth(auth[0].encode(), auth[1].encode())
        headers = dict(fields.values())
        ready = requests.Request(method, url, params=params, headers=headers, data=data, auth=auth).prepare()
    except (requests.RequestException, UnicodeError):
        raise _unsendable() from None
    sent = {name.lower(): (name, _text(value)) for name, value in ready.headers.items()}
    if not all(_TOKEN.fullmatch(name) and not _NOT_IN_A_HEADER.search(value) for name, value in sent.values()):
        raise _unsendable()
    if not _TOKEN.fullmatch(method):
        raise _unsendable()
    address = ready.url or ""
    parts = urlsplit(address)
    origin = Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme])
    body = ready.body.encode() if isinstance(ready.body, str) else ready.body or b""
    return Request(method, address, Headers(sent), body, origin, ready.path_url)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _unsendable() -> Misconfigured:
    return Misconfigured(
        "The request cannot be built: the address or a header holds characters that cannot be sent. "
        "Look for line breaks, blanks at the ends and letters outside Latin-1 in the settings."
    )


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
        return _JSON.encode(json).encode()
    except (ValueError, RecursionError):  # NaN, half a surrogate pair, a structure that holds itself
        raise InvalidRecord(
            "The fields hold a value that JSON cannot carry, such as NaN or a broken character."
        ) from None
