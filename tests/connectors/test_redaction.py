"""No secret is in what is kept, and what is no secret stays readable."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import BrokerError
from broker_project.lib.redaction import MARK, Redactor, is_secret_header, is_secret_name, redact_query
from connectors.http import Caller

from .fake_server import Answer, FakeServer, Fault, Seen, serving

SECRET_NAMES = [
    "access_token", "client_token", "token", "api_key", "apiKey", "apikey", "sig", "password", "client_secret",
    "clientSecret", "refreshToken", "X-Api-Key", "signature", "Passwd", "private_key", "authorization", "APIKey",
    "subscription-key", "jwt", "user_credentials", "key",
]  # fmt: skip
PLAIN_NAMES = ["id", "status", "keyword", "monkey", "design", "assigned", "tokenizer", "author", "passenger", "bypass"]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_secret_names_are_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_plain_names_are_left_alone(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-API-Key", "X-Auth-Token", "X-FN-Signature",
     "Client-Secret", "X-Password"],
)  # fmt: skip
def test_secret_headers_are_hidden(name: str) -> None:
    assert is_secret_header(name)
    assert Redactor().headers({name: "anything", "Accept": "text/html"}) == {name: MARK, "Accept": "text/html"}


def test_members_are_hidden_at_any_depth_and_the_rest_keeps_its_writing() -> None:
    text = '{ "a": [{"password" : "x\\"y", "n": 1.50}], "client_secret": {"deep": ["x"]}, "token":null,"b":"c" }'

    assert Redactor().body(text) == (
        '{ "a": [{"password" : "[redacted]", "n": 1.50}], "client_secret": "[redacted]", "token":"[redacted]","b":"c" }'
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"id": 1, "password": "first half of i', '{"id": 1, "password": "[redacted]"'),
        ('{"id": 1, "secret": {"a": "first ha', '{"id": 1, "secret": "[redacted]"'),
        ('{"id": 1, "p\\u0061ssword": "x"}', '{"id": 1, "p\\u0061ssword": "[redacted]"}'),
        ('{"token": "a"}\n{"token": "b"}', '{"token": "[redacted]"}\n{"token": "[redacted]"}'),
        ('{"text": "the token is here"}', '{"text": "the token is here"}'),
        ("no JSON about a password", "no JSON about a password"),
    ],
)
def test_cut_odd_and_plain_bodies(text: str, kept: str) -> None:
    assert Redactor().body(text) == kept


def test_a_lone_key_is_hidden_only_when_long_enough_to_be_a_credential() -> None:
    text = '{"key": "DESK-1", "keys": 3, "inner": {"key": "0123456789abcdef"}}'

    assert Redactor().body(text) == '{"key": "DESK-1", "keys": 3, "inner": {"key": "[redacted]"}}'


def test_query_and_form_values_of_secret_names_are_hidden() -> None:
    assert redact_query("a=1&access_token=x&b=%41&client%5Ftoken=y&flag") == (
        "a=1&access_token=[redacted]&b=%41&client%5Ftoken=[redacted]&flag"
    )
    assert Redactor().body("user=u&password=p", "application/x-www-form-urlencoded") == "user=u&password=[redacted]"


def test_links_within_texts_and_headers_lose_secret_parameters() -> None:
    redactor = Redactor()
    link = "https://desk.example.test/x?page=2&access_token=abc"

    assert redactor.body(json.dumps({"next": link, "n": 1})) == (
        '{"next": "https://desk.example.test/x?page=2&access_token=[redacted]", "n": 1}'
    )
    assert redactor.body(f'<a href="{link}&amp;sig=abc">') == (
        '<a href="https://desk.example.test/x?page=2&access_token=[redacted]&amp;sig=[redacted]">'
    )
    assert redactor.headers({"Location": link}) == {
        "Location": "https://desk.example.test/x?page=2&access_token=[redacted]"
    }


def test_an_address_loses_user_info_secret_parameters_and_literals() -> None:
    redactor = Redactor(("trigger-token-1",))

    url = redactor.url("https://u:p@desk.example.test/in/trigger-token-1/x?sig=abc&n=1")

    assert url == "https://[redacted]@desk.example.test/in/[redacted]/x?sig=[redacted]&n=1"


def writings(secret: str) -> list[str]:
    raw = secret.encode()
    return [
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(secret, safe="").lower() if secret.isascii() and secret == secret.lower() else secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        base64.b64encode(raw).decode(),
        base64.b64encode(b"user:" + raw).decode(),
        base64.b64encode(b"a:" + raw + b":tail").decode(),
        base64.urlsafe_b64encode(b"u:" + raw).decode(),
    ]


@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=40), st.integers(0, 10))
@settings(max_examples=150)
def test_every_writing_of_a_secret_is_hidden(secret: str, writing: int) -> None:
    written = writings(secret)[writing]

    shown = Redactor((secret,)).text(f"before {written} after")

    assert written not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


def test_a_secret_within_another_does_not_uncover_it() -> None:
    assert Redactor(("word", "my-word-and-more")).text("my-word-and-more word") == f"{MARK} {MARK}"


def test_very_short_values_are_not_searched_for() -> None:
    assert Redactor(("X", "")).text("X marks the spot") == "X marks the spot"


def test_the_redactor_does_not_show_its_secrets() -> None:
    assert "fictitious" not in repr(Redactor(("fictitious",)))


@pytest.fixture(scope="module")
def mirror() -> Any:
    """Answers with what it was sent, in every place of an answer."""
    with serving() as server:

        def mirrored(request: Seen) -> Answer:
            body = {"you": request.body.decode(), "sent": request.headers, "query": request.query}
            echo = request.headers.get("x-note", "").encode("ascii", "replace").decode()
            return Answer(400, body, {"X-Echo": echo})

        for method in ("GET", "POST"):
            server.route(method, "/.*")(mirrored)
        yield server


SECRETS = st.text("abcXYZ019-_.~!$&'()*+,;=:@/ %\"\\<>", min_size=6, max_size=30).filter(
    lambda text: text.strip() == text and text not in MARK
)


@given(secret=SECRETS, place=st.sampled_from(["path", "param", "header", "json", "form", "basic", "bearer", "member"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_secret_never_appears_in_an_exchange(mirror: FakeServer, secret: str, place: str) -> None:
    url = mirror.url + "/x"
    places: dict[str, dict[str, Any]] = {
        "path": {"url": f"{url}/{quote(secret, safe='')}"},
        "param": {"params": {"note": secret}},
        "header": {"headers": {"X-Note": secret}},
        "json": {"json": {"note": [f"see {secret}!"]}},
        "form": {"form": {"note": secret}},
        "basic": {"auth": ("user", secret)},
        "bearer": {"headers": {"Authorization": f"Bearer {secret}"}},
        "member": {"json": {"inner": {"client_secret": secret}}},
    }
    caller = Caller(secrets=(secret,), allow_private=True)

    answer = caller.request("POST", **{"url": url, **places[place]}, purpose="p")

    shown = repr(caller.exchanges) + answer.redact(answer.body.decode())
    assert all(written not in shown for written in writings(secret))


@pytest.mark.parametrize(
    "fault", [Fault(drop=True), Fault(status=302, headers={"Location": "https://fictitious-1.example.test/"})]
)
def test_an_error_shows_no_secret_even_in_its_chain(server: FakeServer, fault: Fault) -> None:
    server.fail("POST", "/in/fictitious-1", fault)
    caller = Caller(secrets=("fictitious-1",), allow_private=True)

    with pytest.raises(BrokerError) as caught:
        caller.request("POST", f"{server.url}/in/fictitious-1", purpose="p", params={"token": "fictitious-1"})

    error = caught.value
    assert "fictitious-1" not in f"{error!r} {error.sentence} {error.detail} {caller.exchanges}"
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_secret_cut_in_half_by_the_limit_is_not_kept(server: FakeServer) -> None:
    word = "fictitious-word-of-some-length-to-be-shortened-by-"
    caller = Caller(secrets=(word,), allow_private=True, body_limit=45)
    server.fail("GET", "/x", Fault(body=word.encode() * 20, headers={"Content-Type": "text/plain"}))

    caller.request("GET", f"{server.url}/x", purpose="p")

    assert "fic" not in caller.exchanges[0].response_body


def test_a_secret_learnt_on_the_way_is_hidden_from_then_on(server: FakeServer) -> None:
    caller = Caller(allow_private=True)
    caller.hide("fictitious-access")
    server.fail("GET", "/x", Fault(body={"note": "fictitious-access"}))

    caller.request("GET", f"{server.url}/x", purpose="p")

    assert caller.exchanges[0].response_body == '{"note": "[redacted]"}'
