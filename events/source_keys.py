"""Who calls ``POST /events/``: the key of an event source, and how often it may call."""

from __future__ import annotations

import time
from typing import cast

from django.db import connection
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from broker_project.lib.digest import digest
from connectors.models import Company

from .models import EventSource
from .rate import count_call

KEY_SECONDS = 1.0
"""How long a process remembers a valid key: a revoked one may be taken for so long."""
KEYS_REMEMBERED = 1000


class SourceKey(BaseAuthentication):
    """``Authorization: Bearer`` with the key of an active event source."""

    def authenticate(self, request: Request) -> tuple[EventSource, None] | None:
        scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise exceptions.NotAuthenticated("Send the key of an event source: Authorization: Bearer <key>.")
        return _source_of(key.strip()), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class KeyRefused(exceptions.AuthenticationFailed):
    """The same answer for unknown and revoked keys; whose it was is counted."""

    default_detail = "The key is unknown or revoked."

    def __init__(self, company_id: int | None) -> None:
        super().__init__()
        self.company_id = company_id
        self.why = "No event source has this key."
        if company_id is not None:
            self.why = "The key was revoked, or its event source or its company is switched off."


_sources: dict[str, tuple[float, EventSource]] = {}
"""By digest of the key, with the monotonic time until which it holds."""


def _source_of(key: str) -> EventSource:
    """The active source with this key, at most ``KEY_SECONDS`` old. Raises KeyRefused."""
    key_hash, now = digest(key), time.monotonic()
    until, source = _sources.get(key_hash, (0.0, None))
    if source is not None and now < until:
        return source
    _sources.pop(key_hash, None)
    source = _read_source(key_hash)
    if len(_sources) >= KEYS_REMEMBERED:
        _sources.clear()
    _sources[key_hash] = (now + KEY_SECONDS, source)
    return source


def _read_source(key_hash: str) -> EventSource:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.id, s.rate_limit, c.id, c.name, s.is_active AND s.revoked_at IS NULL AND c.is_active
            FROM events_eventsource AS s JOIN connectors_company AS c ON c.id = s.company_id
            WHERE s.key_hash = %s
            """,
            [key_hash],
        )
        row = cursor.fetchone()
    if row is None:
        raise KeyRefused(None)
    if not row[4]:
        raise KeyRefused(row[2])
    return EventSource(pk=row[0], rate_limit=row[1], company=Company(pk=row[2], name=row[3]))


class HasSource(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, EventSource)


def source_of(request: Request) -> EventSource:
    """Who calls a view that HasSource guards."""
    return cast(EventSource, request.user)


def within_rate(source: EventSource) -> None:
    """Count one request of this source in the running minute. Raises TooOften (429)."""
    if source.rate_limit is not None:
        sentence = f"This key may make {source.rate_limit} requests a minute."
        count_call(f"event-source:{source.pk}", limit=source.rate_limit, sentence=sentence)
