"""Takes secrets out of what is kept as evidence: by the name of a field, and by the literal values we know."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote_plus

MARK = "[redacted]"

MIN_LITERAL = 4
"""Shorter literal values are left alone: hiding every "X" of a text makes it unreadable and protects nothing."""

_HEADER_STEMS = ("auth", "cookie", "token", "secret", "key", "password", "signature", "credential")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = frozenset(
    (
        *("token", "tokens", "secret", "secrets", "password", "passwords", "passwd", "pwd", "passphrase", "jwt", "sig"),
        *("signature", "credential", "credentials", "authorization", "cookie", "apikey", "accesskey", "privatekey"),
    )
)
_STEMS = ("token", "secret", "pass", "pwd", "sig", "credential", "authorization", "cookie", "key", "jwt", "\\u00")
_MEMBER = re.compile(r'"((?:[^"\\]|\\.)*+)"\s*:\s*')
_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*+"|-?\w[\w.+-]*')
_LINK_PAIR = re.compile(r"([?&]|&amp;|\\u0026)([\w.-]{2,40})=[^&\s\"'<>\\]+")
_JSON = json.JSONDecoder()
_KEY_LENGTH = 16


class Redactor:
    """Hides secrets in headers, addresses, bodies and sentences.

    ``secrets`` are literal values. Each is also hidden URL-encoded, JSON-escaped, HTML-escaped and inside Base64.
    """

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets: tuple[str, ...] = ()
        self._forms: tuple[str, ...] = ()
        self.add(*secrets)

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} secrets)"

    def add(self, *secrets: str) -> None:
        """Hide these values too, from now on."""
        fresh = [secret for secret in secrets if len(secret) >= MIN_LITERAL and secret not in self._secrets]
        if not fresh:
            return
        self._secrets += tuple(fresh)
        self._forms = _all_forms(self._secrets)

    @property
    def longest(self) -> int:
        """Characters of the longest writing of a secret."""
        return len(self._forms[0]) if self._forms else 0

    def text(self, text: str) -> str:
        """``text`` without the known literal values, and without NUL (which PostgreSQL cannot store)."""
        for form in self._forms:
            text = text.replace(form, MARK)
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text

    def url(self, url: str) -> str:
        """``url`` without user info, without the values of secret query parameters, without literals."""
        address, mark, query = url.partition("?")
        scheme, slashes, rest = address.partition("://")
        authority, slash, path = rest.partition("/")
        if "@" in authority:
            authority = f"{MARK}@{authority.rpartition('@')[2]}"
        return self.text(f"{scheme}{slashes}{authority}{slash}{path}{mark}{redact_query(query)}")

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """``headers`` as a dict, the values of secret ones hidden, the others without literals."""
        return {name: MARK if is_secret_header(name) else self._header_value(value) for name, value in headers.items()}

    def _header_value(self, value: str) -> str:
        return self.url(value) if "://" in value or "?" in value else self.text(value)

    def body(self, text: str, content_type: str = "") -> str:
        """A form or JSON body without secret members and literals; other text without literals."""
        if "x-www-form-urlencoded" in content_type:
            return self.text(redact_query(text))
        return self.text(redact_links(redact_json_text(text)) if _is_suspicious(text) else text)


@lru_cache(maxsize=1024)
def is_secret_header(name: str) -> bool:
    """Whether the value of the header ``name`` is hidden."""
    lowered = name.lower()
    return any(stem in lowered for stem in _HEADER_STEMS)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a parameter or member ``name`` (in any writing: clientSecret, client_secret) holds a secret."""
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) or "".join(words) in _SECRET_WORDS or words[-1:] == ["key"]


def redact_query(query: str) -> str:
    """A query string or form body with the values of secret names hidden, everything else byte for byte."""
    if not query or ("%" not in query and not _is_suspicious(query)):
        return query
    return "&".join(_pair(pair) for pair in query.split("&"))


def redact_json_text(text: str) -> str:
    """JSON text, whole or cut off, with the values of secret members hidden at any depth.

    Works on the text, so that the rest keeps its writing. A secret member whose value is cut off takes the rest of the
    text with it.
    """
    if not _is_suspicious(text) or not any(is_secret_name(_unescaped(name)) for name in set(_MEMBER.findall(text))):
        return text
    parts: list[str] = []
    position = 0
    while found := _MEMBER.search(text, position):
        parts.append(text[position : found.end()])
        position = found.end()
        if _holds_secret(_unescaped(found[1]), text, position):
            parts.append(f'"{MARK}"')
            position = _value_end(text, position)
    parts.append(text[position:])
    return "".join(parts)


def redact_links(text: str) -> str:
    """``text`` with secret query parameters hidden in the addresses it holds (a link to the next page, say)."""
    if "?" not in text or "=" not in text or not _is_suspicious(text):
        return text
    return _LINK_PAIR.sub(lambda pair: f"{pair[1]}{pair[2]}={MARK}" if is_secret_name(pair[2]) else pair[0], text)


def _is_suspicious(text: str) -> bool:
    """A quick look that spares most texts the thorough one."""
    lowered = text.lower()
    for stem in _STEMS:  # noqa: SIM110, any() takes half as long again, and this is most of a redaction
        if stem in lowered:
            return True
    return False


def _holds_secret(name: str, text: str, start: int) -> bool:
    if not is_secret_name(name):
        return False
    if name.lower() != "key":
        return True
    # A lone "key" also names issues and fields, which evidence must show; a credential under it is long.
    value = _SCALAR.match(text, start)
    return value is None or value.end() - value.start() >= _KEY_LENGTH


def _value_end(text: str, start: int) -> int:
    if scalar := _SCALAR.match(text, start):
        return scalar.end()
    try:
        return _JSON.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return len(text)


def _unescaped(name: str) -> str:
    if "\\" not in name:
        return name
    try:
        return str(json.loads(f'"{name}"'))
    except ValueError:
        return name


def _pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MARK}" if equals and is_secret_name(unquote_plus(name)) else pair


@lru_cache(maxsize=512)
def _all_forms(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """Every writing of ``secrets``, the longest first: it may hold others."""
    forms = {form for secret in secrets for form in _written_forms(secret)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _written_forms(secret: str) -> set[str]:
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    lowered = {re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), form) for form in quoted}
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    in_json |= {form.replace("/", "\\/") for form in in_json}
    in_base64 = _base64_forms(secret.encode("utf-8", "surrogatepass"))
    return {secret, html.escape(secret)} | quoted | lowered | in_json | in_base64


def _base64_forms(secret: bytes) -> set[str]:
    """The characters that ``secret`` alone decides in a Base64 text, at each of the three places it can begin."""
    forms = {b64encode(secret).decode()}
    for lead in range(3):
        encoded = b64encode(b"\0" * lead + secret).decode().rstrip("=")
        inner = encoded[(lead * 8 + 5) // 6 : (lead + len(secret)) * 8 // 6]
        if len(inner) >= MIN_LITERAL:
            forms.add(inner)
    return forms | {form.replace("+", "-").replace("/", "_") for form in forms}
