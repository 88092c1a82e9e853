"""Signing in to Field Nation: one token per account, kept in a TokenStore, renewed by one thread for all."""

from __future__ import annotations

import threading

from broker_project.lib.errors import AuthFailed, BrokerError, Misconfigured, Retryable
from connectors.http import Caller, Response
from connectors.platforms.contract import TokenStore

from .account import Credentials
from .refusals import error_for, explanation

TOKEN_PATH = "/authentication/api/oauth/token"  # noqa: S105 - a path

_locks: dict[tuple[str, str, str], threading.Lock] = {}
_locks_guard = threading.Lock()


class SignIn:
    """Gives access tokens; never refreshes, signs in again instead (Field Nation REST API v2, authentication)."""

    def __init__(self, credentials: Credentials, caller: Caller, tokens: TokenStore) -> None:
        self._credentials = credentials
        self._caller = caller
        self._tokens = tokens
        caller.hide(credentials.client_secret, credentials.password)
        self._base = credentials.api_base.rstrip("/")

    def token(self, *, refused: str | None = None) -> str:
        """A token other than ``refused``, signing in when there is none. Many threads sign in once."""
        token = self._kept(refused)
        if token is None:
            with _lock(self._credentials):
                token = self._kept(refused) or self._fresh()
        # It travels in the query, where no name protects it once an answer quotes the address.
        self._caller.hide(token)
        return token

    def _kept(self, refused: str | None) -> str | None:
        token = self._tokens.get()
        return token if token and token != refused else None

    def _fresh(self) -> str:
        token, lifetime = self._sign_in()
        # Kept a little shorter than it lives, so that it does not expire on its way.
        self._tokens.put(token, lifetime - min(60.0, lifetime / 10))
        return token

    def _sign_in(self) -> tuple[str, float]:
        credentials = self._credentials
        fields = {
            "grant_type": credentials.grant_type,
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        if credentials.grant_type == "password":
            fields |= {"username": credentials.username, "password": credentials.password}
        in_json = credentials.encoding == "json"
        response = self._caller.request(
            "POST",
            f"{self._base}{TOKEN_PATH}",
            purpose="sign in",
            headers={"Accept": "application/json"},
            json=fields if in_json else None,
            form=None if in_json else fields,
            writes=False,
        )
        if not 200 <= response.status < 300:
            raise self._refused(response)
        return _granted(response)

    def _refused(self, response: Response) -> BrokerError:
        error = error_for(response, purpose="sign in")
        if isinstance(error, Retryable):
            return error
        if response.status in (404, 405, 410):
            return Misconfigured(
                f"There is no Field Nation sign-in at {self._base}. Check the environment or the API address.",
                detail=error.detail,
            )
        return AuthFailed(
            f"Field Nation refused the sign-in: {explanation(response)} Check client id, client secret, "
            "user name and password, and that they belong to this environment.",
            detail=error.detail,
        )


def _lock(credentials: Credentials) -> threading.Lock:
    key = (credentials.api_base, credentials.client_id, credentials.username)
    with _locks_guard:
        return _locks.setdefault(key, threading.Lock())


def _granted(response: Response) -> tuple[str, float]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    granted = answer if isinstance(answer, dict) else {}
    token = granted.get("access_token")
    if not isinstance(token, str) or not token:
        raise Misconfigured(
            "Field Nation's sign-in answered without an access token. Check the API address and the grant type."
        )
    try:
        lifetime = float(granted.get("expires_in") or 0)
    except (TypeError, ValueError):
        lifetime = 0.0
    return token, lifetime if lifetime > 0 else 3600.0
