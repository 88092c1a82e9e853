"""Opens the two sides of a connection: an external system, and a Field Nation account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.conf import settings

from .fieldnation.client import Credentials, FieldNation
from .http import Caller
from .platforms.contract import Client
from .registry import platform
from .tokens import tokens_for


def caller(*, hide: Mapping[str, str] | None = None, credentials: Credentials | None = None) -> Caller:
    """A caller that keeps the evidence of one piece of work and hides these secrets in it."""
    hidden = [*(hide or {}).values()]
    if credentials:
        hidden += [credentials.client_secret, credentials.password]
    return Caller(
        secrets=tuple(secret for secret in hidden if secret),
        timeout=settings.HTTP_TIMEOUT,
        allow_private=settings.ALLOW_PRIVATE_ADDRESSES,
    )


def open_external(
    *, connector_id: int, slug: str, configured: Mapping[str, Any], secrets: Mapping[str, str], through: Caller
) -> Client:
    """The external system of a connector. Raises Misconfigured for an unknown platform or settings that cannot work."""
    tokens = tokens_for(f"connector:{connector_id}", {**configured, **secrets})
    return platform(slug).open(configured, secrets, through, tokens)


def open_field_nation(*, company_id: int, credentials: Credentials, through: Caller) -> FieldNation:
    """The Field Nation account of a company."""
    return FieldNation(credentials, through, tokens_for(f"company:{company_id}", asdict(credentials)))
