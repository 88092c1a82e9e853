"""Any system with a JSON REST interface, described by settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from broker_project.lib.errors import Misconfigured
from connectors.http import Caller
from connectors.platforms.contract import Client, Json, Setting, TokenStore, TriggerCall

from .client import RestClient
from .config import SETTINGS, Config, problems, read


class RestPlatform:
    """Implements ``contract.Platform``."""

    slug = "rest"
    label = "REST API"
    settings: tuple[Setting, ...] = SETTINGS

    def check(self, settings: Mapping[str, Json], secrets: Mapping[str, str]) -> dict[str, str]:
        return problems(settings, secrets)

    def open(
        self, settings: Mapping[str, Json], secrets: Mapping[str, str], caller: Caller, tokens: TokenStore
    ) -> Client:
        """A client for these settings. Raises Misconfigured with the sentences of ``check``."""
        config = _configured(json.dumps([dict(settings), dict(secrets)]))
        caller.hide(*config.secret_headers.values())
        return RestClient(config, caller, tokens)

    def trigger_ids(self, call: TriggerCall) -> list[str]:
        return []


@lru_cache(maxsize=256)
def _configured(text: str) -> Config:
    """The checked settings and secrets; every delivery asks for them, and they seldom change."""
    settings, secrets = json.loads(text)
    wrong = problems(settings, secrets)
    if wrong:
        raise Misconfigured(" ".join(wrong.values()))
    return read(settings, secrets)


PLATFORM = RestPlatform()
