"""What is kept of a call, and what becomes of odd answers."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from broker_project.lib.errors import (
    Misconfigured,
    OutcomeUnknown,
    Unavailable,
)
from connectors.http import Response

from .calling import caller, get, post
from .fake_server import FakeServer, Fault, TicketSystem, serving


def test_evidence_of_a_call_that_worked(server: FakeServer, tickets: TicketSystem) -> None:
    used = caller()

    used.request("POST", f"{server.url}/tickets", purpose="create record", params={"a": "1"}, json={"subject": "S"})

    (kept,) = used.exchanges
    assert (kept.method, kept.purpose, kept.status, kept.error) == ("POST", "create record", 201, "")
    assert kept.url == f"{server.url}/tickets?a=1"
    assert (kept.request_body, kept.response_body) == ('{"subject":"S"}', '{"subject": "S", "id": 1}')
    assert kept.request_headers["Content-Type"] == "application/json"
    assert kept.response_headers["Location"] == f"{server.url}/tickets/1"
    assert kept.started_at.utcoffset() is not None
    assert kept.duration_ms > 0


def test_long_bodies_are_cut_and_binary_ones_are_only_measured(server: FakeServer) -> None:
    used = caller(body_limit=50)
    server.fail("GET", "/tickets", Fault(body={"text": "x" * 5000}))
    server.fail("GET", "/tickets", Fault(body=b"\x89PNG\0\0", headers={"Content-Type": "image/png"}))
    server.fail("GET", "/tickets", Fault(body=b"a\0b", headers={"Content-Type": "text/plain"}))

    for _ in range(3):
        get(server, used)

    assert used.exchanges[0].response_body == '{"text": "' + "x" * 39 + "…"
    assert used.exchanges[1].response_body == "(6 bytes of image/png)"
    assert used.exchanges[2].response_body == "a\N{REPLACEMENT CHARACTER}b"  # PostgreSQL stores no NUL


def test_a_bug_in_the_middle_still_leaves_evidence(server: FakeServer) -> None:
    used = caller()

    def broken(_: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        get(server, used, auth=broken)

    assert [exchange.error for exchange in used.exchanges] == ["The call was broken off."]


def test_a_header_without_a_name_is_no_answer_and_nothing_logs_the_address(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.fail("GET", "/tickets", Fault(garbage=b"HTTP/1.1 200 OK\r\n: bad header\r\nContent-Length: 0\r\n\r\n"))

    with pytest.raises(Unavailable) as caught:
        get(server, params={"access_token": "fictitious"})

    assert "fictitious" not in caplog.text + caught.value.sentence + caught.value.detail


@given(
    st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n",
                     b"HTTP/1.1 204 \r\nContent-Encoding: gzip, br\r\n\r\n", b"HTTP/9.9 200\r\n"]),
    st.binary(max_size=30),
)  # fmt: skip
@hypothesis_settings(max_examples=60, deadline=None)
def test_whatever_a_server_sends_is_an_answer_or_an_error_of_the_family(head: bytes, rest: bytes) -> None:
    with serving() as server:
        server.fail("POST", "/tickets", Fault(garbage=head + rest or b"x"))
        used = caller()

        with contextlib.suppress(OutcomeUnknown, Misconfigured):  # the latter for a redirect
            assert isinstance(post(server, used), Response)

    assert len(used.exchanges) == 1


class TestJson:
    def test_an_empty_body_is_none(self) -> None:
        assert Response(204, {}, b" \n").json() is None

    @pytest.mark.parametrize("body", [b"<html>", b"{", b"\xff\xfe", b"[" * 100_000])
    def test_anything_else_is_a_value_error(self, body: bytes) -> None:
        with pytest.raises(ValueError, match=r"\w+ \w+"):
            Response(200, {}, body).json()
