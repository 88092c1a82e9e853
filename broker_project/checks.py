"""System checks: what the operator must know before the broker runs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Error, Warning, register

from broker_project.lib import encryption
from broker_project.lib.errors import Misconfigured


@register()
def encryption_keys(app_configs: Any, **kwargs: Any) -> list[Error]:
    try:
        encryption.keyring(settings.ENCRYPTION_KEYS)
    except Misconfigured as error:
        return [Error(error.sentence, id="broker.E001")]
    return []


@register(deploy=True)
def public_address(app_configs: Any, **kwargs: Any) -> list[Warning]:
    if settings.HTTPS:
        return []
    return [
        Warning(
            "BROKER_PUBLIC_URL is not an https address, so Field Nation cannot deliver webhooks to it.",
            hint="Set BROKER_PUBLIC_URL to the address under which the broker is reached, such as "
            "https://broker.example.test",
            id="broker.W001",
        )
    ]
