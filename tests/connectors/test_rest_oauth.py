"""OAuth client credentials: one token for all, renewed once, never shown."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs

import pytest

from broker_project.lib.errors import AuthFailed, Misconfigured, NotSent, Unavailable
from connectors.http import Caller
from connectors.platforms.rest import PLATFORM, tokens

from .contract_suite import MemoryTokens
from .fake_server import Answer, FakeServer, Fault, Seen, TicketSystem
from .rest_system import BASE, open_at

OAUTH: dict[str, Any] = {"auth": "oauth2", "client_id": "client-1", "scope": "read write"}


class TokenIssuer:
    """Issues token-1, token-2 …; only ``valid`` ones open the tickets."""

    def __init__(self, server: FakeServer) -> None:
        self.issued = 0
        self.valid: set[str] = set()
        self.tickets = TicketSystem(server, authorized=self.opens)
        self.settings: dict[str, Any] = {**OAUTH, "token_url": f"{server.url}/token"}
        server.route("POST", "/token")(self.issue)

    def opens(self, seen: Seen) -> bool:
        return seen.headers.get("authorization", "").removeprefix("Bearer ") in self.valid

    def issue(self, _: Seen) -> Answer:
        self.issued += 1
        self.valid.add(f"token-{self.issued}")
        return Answer(200, {"access_token": f"token-{self.issued}", "expires_in": "300", "token_type": "Bearer"})


@pytest.fixture
def issuer(server: FakeServer) -> TokenIssuer:
    return TokenIssuer(server)


SECRET = {"client_secret": "fictitious-secret"}


class TestOAuth:
    @pytest.mark.parametrize("where", ["basic", "body"])
    def test_client_id_and_secret_go_where_the_settings_say(
        self, server: FakeServer, issuer: TokenIssuer, where: str
    ) -> None:
        open_at(server, secrets=SECRET, **issuer.settings, client_auth=where).test()

        form = parse_qs(server.seen[0].body.decode())
        common = {"grant_type": ["client_credentials"], "scope": ["read write"]}
        if where == "basic":
            assert form == common
            assert server.seen[0].headers["authorization"] == "Basic Y2xpZW50LTE6ZmljdGl0aW91cy1zZWNyZXQ="
        else:
            assert form == {**common, "client_id": ["client-1"], "client_secret": ["fictitious-secret"]}
            assert "authorization" not in server.seen[0].headers

    def test_the_token_is_kept_until_shortly_before_its_end(self, server: FakeServer, issuer: TokenIssuer) -> None:
        store = MemoryTokens()

        open_at(server, secrets=SECRET, store=store, **issuer.settings).create({}, correlation="c")
        open_at(server, secrets=SECRET, store=store, **issuer.settings).create({}, correlation="c")

        assert issuer.issued == 1
        assert (store.token, store.expires_in) == ("token-1", 270.0)

    def test_many_threads_fetch_one_token(self, server: FakeServer, issuer: TokenIssuer) -> None:
        store = MemoryTokens()

        with ThreadPoolExecutor(8) as pool:
            clients = [open_at(server, secrets=SECRET, store=store, **issuer.settings) for _ in range(24)]
            list(pool.map(lambda client: client.create({}, correlation="c"), clients))

        assert issuer.issued == 1
        assert len(issuer.tickets.tickets) == 24

    def test_a_refused_token_is_renewed_and_the_call_repeated_once(
        self, server: FakeServer, issuer: TokenIssuer
    ) -> None:
        store = MemoryTokens()
        store.put("token-stale", 300.0)

        created = open_at(server, secrets=SECRET, store=store, **issuer.settings).create({"a": 1}, correlation="c")

        assert (created.external_id, store.token, issuer.issued) == ("1", "token-1", 1)
        assert [seen.path for seen in server.seen] == ["/tickets", "/token", "/tickets"]

    def test_a_second_refusal_is_final(self, server: FakeServer, issuer: TokenIssuer) -> None:
        issuer.tickets.authorized = lambda _: False

        with pytest.raises(AuthFailed):
            open_at(server, secrets=SECRET, **issuer.settings).create({}, correlation="c")

        assert issuer.issued == 2
        assert [seen.path for seen in server.seen] == ["/token", "/tickets", "/token", "/tickets"]

    def test_many_threads_with_a_stale_token_renew_it_once(self, server: FakeServer, issuer: TokenIssuer) -> None:
        store = MemoryTokens()
        store.put("token-stale", 300.0)
        clients = [open_at(server, secrets=SECRET, store=store, **issuer.settings) for _ in range(16)]

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda client: client.create({}, correlation="c"), clients))

        assert issuer.issued == 1

    @pytest.mark.parametrize(
        ("answer", "error", "sentence"),
        [
            (Answer(400, {"error": "invalid_scope"}), AuthFailed, "(400): invalid_scope. Check client id"),
            (Answer(401, {"error": "invalid_client"}), AuthFailed, "The token URL refused the credentials"),
            (Answer(404), Misconfigured, "The token URL does not exist"),
            (Answer(200, {"token": "x"}), Misconfigured, "without an access token"),
            (Answer(200, b"<html>"), Misconfigured, "without an access token"),
            (Answer(500), Unavailable, "cannot serve now"),
        ],
    )
    def test_a_refused_token_request_says_so(
        self, server: FakeServer, issuer: TokenIssuer, answer: Answer, error: type[Exception], sentence: str
    ) -> None:
        server.routes["POST", "/token"] = lambda _: answer
        client = open_at(server, secrets=SECRET, **issuer.settings)

        with pytest.raises(error) as caught:
            client.create({}, correlation="c")

        assert sentence in str(caught.value)
        assert issuer.tickets.tickets == {}
        assert sentence in client.test().sentence

    def test_a_silent_token_url_leaves_the_write_untried(self, server: FakeServer, issuer: TokenIssuer) -> None:
        server.fail("POST", "/token", Fault(hang=True))

        with pytest.raises(Unavailable):
            open_at(server, secrets=SECRET, **issuer.settings).create({}, correlation="c")

    def test_threads_do_not_line_up_behind_a_dead_token_url(
        self, server: FakeServer, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tokens, "_PATIENCE", 0.05)
        server.fail("POST", "/token", Fault(hang=True))
        first = threading.Thread(target=lambda: open_at(server, secrets=SECRET, **issuer.settings).test())
        first.start()
        while not server.seen:
            first.join(0.01)

        with pytest.raises(NotSent, match="still waiting for the token URL"):
            open_at(server, secrets=SECRET, **issuer.settings).create({}, correlation="c")

        server.released.set()
        first.join()

    def test_neither_secret_nor_token_is_in_the_evidence(self, server: FakeServer, issuer: TokenIssuer) -> None:
        caller = Caller(secrets=("fictitious-secret",), allow_private=True)
        settings = {**BASE, "base_url": server.url, **issuer.settings}
        client = PLATFORM.open(settings, SECRET, caller, MemoryTokens())

        client.create({"note": "token-1 and fictitious-secret"}, correlation="c")

        assert len(caller.exchanges) == 2
        assert "token-1" not in repr(caller.exchanges)
        assert "fictitious-secret" not in repr(caller.exchanges)
