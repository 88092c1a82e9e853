"""OAuth 2.0 client credentials: one access token for all threads, fetched when there is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from broker_project.lib.errors import AuthFailed, InvalidRecord, Misconfigured, NotFound, NotSent
from connectors.classify import raise_for_status, reason_of
from connectors.http import Caller, Response
from connectors.platforms.contract import TokenStore

from .config import Config

_DEFAULT_LIFE = 600.0  # seconds, when the answer does not say
_MARGIN = 30.0  # seconds before its end in which a token is not used any more
_PATIENCE = 10.0  # seconds to wait for another thread that is fetching

_locks: dict[tuple[str, str], threading.Lock] = {}


class AccessTokens:
    """The access token of one client at one token URL."""

    def __init__(self, config: Config, caller: Caller, store: TokenStore) -> None:
        self._config = config
        self._caller = caller
        self._store = store
        self._lock = _locks.setdefault((config.token_url, config.client_id), threading.Lock())

    def current(self) -> str:
        """The stored token, else a new one. Raises AuthFailed, Misconfigured or a Retryable."""
        token = self._store.get()
        if not token:
            with self._alone():
                token = self._store.get() or self._fetch()
        self._caller.hide(token)
        return token

    def renewed(self, refused: str) -> str:
        """A token other than ``refused``: the one that another thread has fetched meanwhile, else a new one."""
        with self._alone():
            if self._store.get() == refused:
                self._store.drop()
        return self.current()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=_PATIENCE):  # a dead token URL must not line up every thread behind it
            raise NotSent("No access token yet: another call is still waiting for the token URL.")
        try:
            yield
        finally:
            self._lock.release()

    def _fetch(self) -> str:
        config = self._config
        form = {"grant_type": "client_credentials"}
        if config.scope:
            form["scope"] = config.scope
        if config.client_auth == "body":
            form |= {"client_id": config.client_id, "client_secret": config.client_secret}
        response = self._caller.request(
            "POST",
            config.token_url,
            purpose="fetch access token",
            form=form,
            auth=(config.client_id, config.client_secret) if config.client_auth == "basic" else None,
            writes=False,
        )
        try:
            raise_for_status(response, system="The token URL", wrote=False)
        except InvalidRecord:
            raise AuthFailed(
                f"The token URL gave no access token ({response.status}): {reason_of(response)}. "
                "Check client id, client secret and scope."
            ) from None
        except NotFound:
            raise Misconfigured(f"The token URL does not exist ({response.status}). Check its spelling.") from None
        return self._keep(response)

    def _keep(self, response: Response) -> str:
        try:
            body = response.json()
        except ValueError:
            body = None
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token:
            raise Misconfigured("The token URL answered without an access token. Is it the right address?")
        life = _seconds(body.get("expires_in"))
        self._store.put(token, max(life - _MARGIN, life / 2))
        return token


def _seconds(value: object) -> float:
    try:
        life = float(value) if isinstance(value, str | int | float) else _DEFAULT_LIFE
    except ValueError:
        life = _DEFAULT_LIFE
    return life if 0 < life < 1e9 else _DEFAULT_LIFE
