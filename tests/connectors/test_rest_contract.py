"""The REST platform passes the contract suite, with each kind of authentication."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from connectors.platforms.rest import PLATFORM

from .contract_suite import PlatformContract, SystemUnderTest
from .fake_server import Answer, FakeServer, Seen, TicketSystem


def settings(server: FakeServer, **more: Any) -> dict[str, Any]:
    return {
        "base_url": server.url,
        "record_path": "/tickets/{id}",
        "correlation_field": "ref",
        "find_path": "/tickets",
        "find_parameter": "ref",
        "note_path": "/tickets/{id}/notes",
        **more,
    }


def system_with(
    server: FakeServer,
    *,
    authorized: Any,
    extra: dict[str, Any],
    secrets: dict[str, str],
    wrong: dict[str, str],
) -> SystemUnderTest:
    tickets = TicketSystem(server, authorized=authorized)
    return SystemUnderTest(
        platform=PLATFORM,
        settings=settings(server, **extra),
        secrets=secrets,
        wrong_secrets=wrong,
        server=server,
        create_route=("POST", "/tickets"),
        read_route=("GET", "/tickets/1"),
        first_id="1",
        fields={"subject": "Printer", "priority": 2, "address": {"city": "Exampletown"}},
        change={"priority": 3},
        records=lambda: list(tickets.tickets.values()),
        notes=lambda: tickets.notes,
    )


class TestBasic(PlatformContract):
    @pytest.fixture
    def system(self, server: FakeServer) -> SystemUnderTest:
        return system_with(
            server,
            authorized=lambda seen: seen.headers.get("authorization") == "Basic YnJva2VyOmZpY3RpdGlvdXMtd29yZA==",
            extra={"auth": "basic", "username": "broker"},
            secrets={"password": "fictitious-word"},
            wrong={"password": "another-word"},
        )


class TestApiKey(PlatformContract):
    @pytest.fixture
    def system(self, server: FakeServer) -> SystemUnderTest:
        return system_with(
            server,
            authorized=lambda seen: seen.headers.get("x-desk") == "fictitious-key",
            extra={"auth": "api_key", "api_key_header": "X-Desk"},
            secrets={"api_key": "fictitious-key"},
            wrong={"api_key": "another-key"},
        )


class TestOAuth(PlatformContract):
    @pytest.fixture
    def system(self, server: FakeServer) -> SystemUnderTest:
        @server.route("POST", "/token")
        def token(request: Seen) -> Answer:
            form = parse_qs(request.body.decode())
            if form.get("client_secret") != ["fictitious-secret"]:
                return Answer(401, {"error": "invalid_client"})
            return Answer(200, {"access_token": "fictitious-access", "expires_in": 300})

        return system_with(
            server,
            authorized=lambda seen: seen.headers.get("authorization") == "Bearer fictitious-access",
            extra={"auth": "oauth2", "token_url": f"{server.url}/token", "client_id": "c1", "client_auth": "body"},
            secrets={"client_secret": "fictitious-secret"},
            wrong={"client_secret": "another-secret"},
        )
