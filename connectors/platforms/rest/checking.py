"""The connection test: one call, and a sentence that says what to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker_project.lib.errors import AuthFailed, BrokerError, Forbidden, Misconfigured, Unavailable
from connectors.classify import raise_for_status, reason_of
from connectors.http import Response
from connectors.platforms.contract import Json, TestResult

from .config import Config

MISSET: Final = Misconfigured.code

_TO_CHECK = {
    "basic": "Check user and password",
    "api_key": "Check the API key and the name of its header",
    "bearer": "Check the bearer token; it may have expired",
    "oauth2": "Check client id, client secret and scope",
    "none": "It asks for credentials: choose an authentication",
}


def tested(
    config: Config, *, host: str, get: Callable[[str], Response], parsed: Callable[[Response], Json]
) -> TestResult:
    """Read the test path with the credentials. ``get`` makes the call, ``parsed`` gives its JSON."""
    tried = f"GET {config.base_url}{config.test_path}"
    try:
        response = get(config.test_path)
        if response.status == 401:
            return TestResult(False, _refused(config, host, response), AuthFailed.code)
        if response.status in (404, 410):
            return TestResult(False, f"{tried} does not exist ({response.status}). Check base URL and path.", MISSET)
        if response.status == 405:
            return TestResult(False, f"{tried} is not allowed (405). Name a test path that can be read.", MISSET)
        raise_for_status(response, system=host, wrote=False)
        parsed(response)
    except Unavailable as error:
        return TestResult.failed(error, "Is it up, and reachable from here (firewall, VPN, allow list)?")
    except Forbidden as error:
        return TestResult.failed(error, "The credentials themselves are known there.")
    except BrokerError as error:
        return TestResult.failed(error)
    return TestResult(True, f"{tried} answered {response.status}. Address and credentials work.")


def _refused(config: Config, host: str, response: Response) -> str:
    reason = reason_of(response)
    said = f": {reason.rstrip('.')}" if reason else ""
    return f"{host} refused the credentials (401){said}. {_TO_CHECK[config.auth]}."
