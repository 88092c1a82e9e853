"""Any system with a JSON REST interface, described by settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from broker_project.lib.errors import BrokerError, Misconfigured
from connectors.http import Caller
from connectors.platforms.contract import FirstLook, Json, Proposal, Setting, TestResult, TokenStore, TriggerCall

from .client import RestClient
from .config import Config, problems, read
from .settings import SETTINGS


class RestPlatform:
    """Implements ``contract.Platform``."""

    slug = "rest"
    label = "REST API"
    settings: tuple[Setting, ...] = SETTINGS

    def check(self, settings: Mapping[str, Json], secrets: Mapping[str, str]) -> dict[str, str]:
        return problems(settings, secrets)

    def open(
        self, settings: Mapping[str, Json], secrets: Mapping[str, str], caller: Caller, tokens: TokenStore
    ) -> RestClient:
        """A client for these settings. Raises Misconfigured with the sentences of ``check``."""
        config = _configured(json.dumps([dict(settings), dict(secrets)]))
        caller.hide(*config.secret_headers.values())
        return RestClient(config, caller, tokens)

    def first_look(
        self, settings: Mapping[str, Json], secrets: Mapping[str, str], caller: Caller, tokens: TokenStore
    ) -> FirstLook:
        """Read the description if there is one, then test with a path of it, else with the test path."""
        # No record is read here, so any record path will do.
        known = {**settings, "record_path": settings.get("record_path") or "/{id}"}
        found: tuple[Proposal, ...] = ()
        try:
            found = self.open(known, secrets, caller, tokens).proposals()
            path = next((path for each in found if (path := str(each.settings.get("test_path", "")))), "")
            known["test_path"] = settings.get("test_path") or path
            return FirstLook(self.open(known, secrets, caller, tokens).test(), found)
        except BrokerError as error:
            return FirstLook(TestResult.failed(error), found)

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
