"""What is put together here is what ``requests`` would have made of it."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import Misconfigured
from connectors import request as request_module
from connectors.request import prepared

DEFAULTS = {"User-Agent": "integration-broker", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
HOSTS = st.sampled_from(
    ["help.example.test", "127.0.0.1", "a-1.b", "help.example.test.", "a..b", "a_b.c", "HELP.example.test",
     "[2001:db8::1]", "xn--bcher-kva.example.test", "bücher.example.test", "*.example.test", "2130706433"]
)  # fmt: skip
PORTS = st.sampled_from(["", "", ":80", ":443", ":8443", ":080", ":54321", ":65535", ":65536", ":99999"])
PIECE = st.sampled_from(
    ["a", "Z9", ".", "..", ".x", "x.", "~", "-_", "", "%41", "%7e", "%2F", "%2f", "%", "%zz", "!$&'()*+,;=:@", "[", "]",
     "ü", "|", '"', "{", "^", "`", "<"]
)  # fmt: skip
PATHS = st.builds(lambda parts: "".join(f"/{part}" for part in parts), st.lists(PIECE, max_size=3))
QUERIES = st.builds(
    lambda parts: "?" + "&".join(parts), st.lists(PIECE | st.sampled_from(["/", "?", "a=b"]), max_size=3)
)
URLS = st.builds(
    lambda *parts: "".join(parts),
    st.sampled_from(["http://", "https://", "HTTPS://"]),
    HOSTS,
    PORTS,
    PATHS,
    QUERIES | st.just(""),
    st.sampled_from(["", "", "", "#x"]),
)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=127), max_size=8)
TEXTS = ASCII | ASCII | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES = st.sampled_from(["x", "7", "text/plain", "a b", " x", "x ", "", "\tx", "x\ty", "é", "xé", "x\x85", "\xa0"])
HEADERS = st.dictionaries(
    st.sampled_from(["X-Trace", "accept", "CONTENT-TYPE", "user-agent", "Authorization", "content-length"]),
    VALUES,
    max_size=2,
)


def as_requests_would(method: str, url: str, body: bytes | None, **more: Any) -> requests.PreparedRequest:
    given = requests.structures.CaseInsensitiveDict(DEFAULTS)
    if body is not None:
        given["Content-Type"] = "application/json"
    given.update(more.pop("headers"))
    return requests.Request(method, url, headers=given, data=body or more.pop("form", None), **more).prepare()


def check(method: str, url: str, *, json: Any = None, auth: tuple[str, str] | None = None, **more: Any) -> None:
    """``prepared`` gives what ``requests`` gives, or refuses what it refuses."""
    body = None if json is None else request_module._JSON.encode(json).encode()
    encoded = auth and (auth[0].encode(), auth[1].encode())
    try:
        expected = as_requests_would(method, url, body, auth=encoded, **more)
    except requests.RequestException:
        with pytest.raises(Misconfigured):
            prepared(method, url, json=json, auth=auth, **more)
        return

    made = prepared(method, url, json=json, auth=auth, **more)

    text = expected.body.encode() if isinstance(expected.body, str) else expected.body or b""
    assert (made.method, made.url, made.target, made.body) == (method, expected.url, expected.path_url, text)
    assert list(made.headers.items()) == list(expected.headers.items())


@given(URLS, st.none() | st.dictionaries(TEXTS, TEXTS, max_size=3))
@settings(max_examples=600, deadline=None)
def test_the_address_is_written_as_requests_writes_it(url: str, params: dict[str, str] | None) -> None:
    check("GET", url, params=params, headers={})


@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
    HEADERS,
    st.none() | st.dictionaries(TEXTS, TEXTS, max_size=2),
    st.none() | st.tuples(TEXTS, TEXTS),
)
@settings(max_examples=400, deadline=None)
def test_headers_and_json_are_those_of_requests(
    method: str, headers: dict[str, str], json: dict[str, str] | None, auth: tuple[str, str] | None
) -> None:
    check(method, "https://help.example.test/records/7", headers=headers, json=json, auth=auth)


@given(HEADERS, st.dictionaries(TEXTS, TEXTS, max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_form_is_that_of_requests(headers: dict[str, str], form: dict[str, str]) -> None:
    check("POST", "https://help.example.test/token", headers=headers, form=form)


def test_an_everyday_request_needs_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "Request", None)

    made = prepared(
        "PUT", "https://help.example.test:8443/records/7", params={"a": "b c"}, json={"n": 1}, auth=("u", "w")
    )

    assert made.wire() == (
        b"PUT /records/7?a=b+c HTTP/1.1\r\nHost: help.example.test:8443\r\nUser-Agent: integration-broker\r\n"
        b"Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\nContent-Type: application/json\r\n"
        b'Content-Length: 7\r\nAuthorization: Basic dTp3\r\n\r\n{"n":1}'
    )


@pytest.mark.parametrize("port", [":1", ":54321", ":65535"])
def test_any_port_needs_no_help(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "Request", None)

    made = prepared("GET", f"https://help.example.test{port}/records/7")

    assert made.url == f"https://help.example.test{port}/records/7"
    assert f"https://help.example.test:{made.origin.port}" in made.url


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://help.example.test/", b"help.example.test"),
        ("https://help.example.test:443/", b"help.example.test"),
        ("http://help.example.test:443/", b"help.example.test:443"),
        ("https://[2001:db8::1]/", b"[2001:db8::1]"),
        ("https://[2001:db8::1]:8443/", b"[2001:db8::1]:8443"),
        ("https://bücher.example.test/", b"xn--bcher-kva.example.test"),
    ],
)
def test_the_host_is_named(url: str, host: bytes) -> None:
    assert b"\r\nHost: " + host + b"\r\n" in prepared("GET", url).wire()


def test_a_signature_sees_the_whole_request_and_may_change_it() -> None:
    def sign(ready: Any) -> Any:
        ready.headers["X-Signed"] = f"{ready.method} {ready.url} {ready.headers['Content-Type']} {ready.body!r}"
        ready.url += "?signed=1"
        return ready

    made = prepared("POST", "https://help.example.test/x", json={"n": 1}, auth=sign)

    assert made.headers["x-signed"] == "POST https://help.example.test/x application/json b'{\"n\":1}'"
    assert made.target == "/x?signed=1"


@pytest.mark.parametrize("name", ["X: y", "X\r\nY", "", " X", "X Y", "Ä"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Misconfigured):
        prepared("GET", "https://help.example.test/", headers={name: "v"})


@pytest.mark.parametrize("method", ["GET /x HTTP/1.1\r\nX:", "G T", ""])
def test_a_method_that_is_none_is_refused(method: str) -> None:
    with pytest.raises(Misconfigured):
        prepared(method, "https://help.example.test/")


def test_a_request_does_not_show_what_it_holds() -> None:
    made = prepared(
        "POST", "https://help.example.test/x?token=fictitious", form={"word": "fictitious"}, auth=("u", "w")
    )

    assert "fictitious" not in repr(made)
    assert "dTp3" not in repr(made) + repr(made.headers)
