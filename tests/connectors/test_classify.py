"""One table from status to error, and a text for people from whatever the body holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import (
    AuthFailed,
    BrokerError,
    Conflict,
    Forbidden,
    InvalidRecord,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.classify import raise_for_status, reason_of, retry_after
from connectors.http import Response

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def answer(status: int, body: Any = b"", **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def raised(
    status: int, body: Any = b"", *, wrote: bool = True, idempotent: bool = False, **headers: str
) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        raise_for_status(answer(status, body, **headers), system="Desk", wrote=wrote, idempotent=idempotent)
    return caught.value


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_passes(status: int) -> None:
    raise_for_status(answer(status), system="Desk", wrote=True)


@pytest.mark.parametrize(
    ("status", "read", "update", "create"),
    [
        (301, Misconfigured, Misconfigured, Misconfigured),
        (400, InvalidRecord, InvalidRecord, InvalidRecord),
        (401, AuthFailed, AuthFailed, AuthFailed),
        (402, Rejected, Rejected, Rejected),
        (403, Forbidden, Forbidden, Forbidden),
        (404, NotFound, NotFound, NotFound),
        (405, Rejected, Rejected, Rejected),
        (408, Unavailable, Unavailable, Unavailable),
        (409, Conflict, Conflict, Conflict),
        (410, NotFound, NotFound, NotFound),
        (413, Rejected, Rejected, Rejected),
        (422, InvalidRecord, InvalidRecord, InvalidRecord),
        (425, Unavailable, Unavailable, Unavailable),
        (429, RateLimited, RateLimited, RateLimited),
        (500, Unavailable, Unavailable, OutcomeUnknown),
        (501, Unavailable, Unavailable, Unavailable),
        (502, Unavailable, Unavailable, OutcomeUnknown),
        (503, Unavailable, Unavailable, Unavailable),
        (504, Unavailable, Unavailable, OutcomeUnknown),
        (524, Unavailable, Unavailable, OutcomeUnknown),
    ],
)
def test_the_table(status: int, read: type[BrokerError], update: type[BrokerError], create: type[BrokerError]) -> None:
    assert type(raised(status, wrote=False)) is read
    assert type(raised(status, idempotent=True)) is update
    assert type(raised(status)) is create


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"detail": "No such queue."}, "No such queue"),
        ({"message": "Bad  priority\n"}, "Bad priority"),
        ({"error": {"message": "Bad", "detail": "priority"}}, "priority; Bad"),
        ({"error": "invalid_client", "error_description": "Unknown client"}, "Unknown client; invalid_client"),
        ({"error": {"message": "Not stored.", "fields": {"subject": "Required."}}}, "Not stored; subject: Required"),
        ({"errors": ["a", "b", "a"]}, "a; b"),
        ({"errors": [{"message": "a", "field": "x"}, {"detail": "b"}]}, "a; b"),
        ({"errors": {"subject": ["is blank", "is short"]}}, "subject: is blank; subject: is short"),
        ({"subject": ["This field is required."]}, "subject: This field is required"),
        ([{"message": "Required fields are missing", "errorCode": "X"}], "Required fields are missing"),
        ({"errorMessages": ["Issue does not exist"], "errors": {}}, "Issue does not exist"),
        ({"status": 4}, '{"status": 4}'),
        (b"plain <text>", "plain <text>"),
        (b"<html><head><title>x</title></head><body><h1>Bad</h1> gateway</body></html>", "Bad gateway"),
        (b"", ""),
        ([], "[]"),
    ],
)
def test_the_reason_is_found_in_common_shapes(body: Any, reason: str) -> None:
    assert reason_of(answer(422, body)) == reason


def test_the_sentence_says_who_what_why_and_what_to_do() -> None:
    error = raised(422, {"message": "priority must be a number"})

    assert error.sentence == (
        "Desk refused the values (422): priority must be a number. Correct the mapping or the source data."
    )
    assert error.detail == '{"message": "priority must be a number"}'
    assert raised(404).sentence == "Desk does not know this record or address (404)."


def test_long_texts_are_cut() -> None:
    error = raised(400, {"message": "x" * 5000})

    assert len(error.sentence) < 400
    assert len(error.detail) == 1000


def test_the_callers_secrets_are_taken_out_of_the_text() -> None:
    response = Response(401, {}, b'{"message": "key abc123 is revoked"}', lambda text: text.replace("abc123", "***"))

    with pytest.raises(AuthFailed) as caught:
        raise_for_status(response, system="Desk", wrote=False)

    assert "abc123" not in caught.value.sentence + caught.value.detail
    assert "key *** is revoked" in caught.value.sentence


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "0"}, 1.0),
        ({"Retry-After": "90"}, 90.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "999999"}, 3600.0),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT"}, 1.0),
        ({"Retry-After": "Sun, 01 Mar 2026 15:00:30 GMT", "Date": "Sun, 01 Mar 2026 15:00:00 GMT"}, 30.0),
        ({"Retry-After": "Sun, 99 Mar 2026 15:00:30 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=NOW) == seconds


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_retry_after_travels_with_the_error(status: int) -> None:
    error = raised(status, wrote=False, Retry_After="12")

    assert isinstance(error, RateLimited | Unavailable)
    assert error.retry_after == 12.0


@given(
    st.integers(300, 599),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["message", "error", "errors", "detail", "fields", "x"]), inner, max_size=3
            )
        ),
        max_leaves=12,
    ),
    st.booleans(),
)
@settings(max_examples=100)
def test_any_answer_gives_an_error_of_the_family_with_a_short_sentence(status: int, body: Any, wrote: bool) -> None:
    error = raised(status, body, wrote=wrote)

    assert error.sentence.startswith("Desk ")
    assert str(status) in error.sentence
    assert len(error.sentence) < 500
