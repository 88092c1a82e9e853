"""A Field Nation account: its environment and how to sign in to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Environment:
    """Where one Field Nation environment lives. Credentials, data and all ids differ between environments."""

    name: str
    label: str
    api_base: str
    web_base: str
    integrations_url: str


ENVIRONMENTS: Mapping[str, Environment] = {
    "sandbox": Environment(
        "sandbox",
        "Sandbox",
        "https://api-sandbox.fndev.net",
        "https://app-sandbox.fndev.net",
        "https://ui-sandbox.fndev.net/integrations",
    ),
    "production": Environment(
        "production",
        "Production",
        "https://api.fieldnation.com",
        "https://app.fieldnation.com",
        "https://app.fieldnation.com/integrations",
    ),
}


@dataclass(frozen=True)
class Credentials:
    """How to sign in. ``api_base`` is scheme and host; ``grant_type`` "password" or "client_credentials";
    ``encoding`` of the sign-in request "json" or "form"."""

    api_base: str
    client_id: str
    client_secret: str = field(repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    grant_type: str = "password"
    encoding: str = "json"
