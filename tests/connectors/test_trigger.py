"""Which records a trigger names, in the documented order of places."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import InvalidRecord
from connectors.platforms.contract import TriggerCall
from connectors.platforms.trigger import ID_KEYS, MAX_IDS, resolve_ids

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


@dataclass
class Dialect:
    """A platform that only has its own way to name records."""

    ids: Sequence[str] = ()

    def trigger_ids(self, call: TriggerCall) -> list[str]:
        return list(self.ids)


def ids(
    body: Any = b"", *, content_type: str = JSON, query: dict[str, list[str]] | None = None, own: Sequence[str] = ()
) -> list[str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = TriggerCall(query=query or {}, body=raw, content_type=content_type)
    return resolve_ids(call, Dialect(own))  # type: ignore[arg-type]


def test_the_query_comes_first_then_the_platform_then_the_body() -> None:
    body = {"id": "from-body"}
    query = {"external_id": ["from-query"], "id": ["ignored"]}

    assert ids(body, query=query, own=["from-platform"]) == ["from-query"]
    assert ids(body, own=["from-platform"]) == ["from-platform"]
    assert ids(body) == ["from-body"]


def test_the_query_parameter_repeats_and_a_comma_is_part_of_an_id() -> None:
    assert ids(query={"external_id": ["1,2", "3", "1,2"]}) == ["1,2", "3"]


def test_a_body_that_cannot_be_read_does_not_matter_when_the_query_has_the_id() -> None:
    assert ids(b"<xml/>", content_type="text/xml", query={"external_id": ["7"]}) == ["7"]


def test_keys_are_looked_for_in_the_listed_order() -> None:
    for position, key in enumerate(ID_KEYS):
        assert ids({other: other for other in reversed(ID_KEYS[position:])}) == [key]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"id": 17}, ["17"]),
        ({"id": 17.0}, ["17"]),
        ({"id": "  INC0010  "}, ["INC0010"]),
        ({"external_id": None, "id": 5}, ["5"]),
        ({"id": ["a", "b", "a"]}, ["a", "b"]),
        ([1, "2", 1], ["1", "2"]),
        ([{"id": 1}, {"ticketId": "2"}], ["1", "2"]),
        ([], []),
        ({"ticket": {"id": 3, "lines": [{"id": 9}]}}, ["3"]),
        ({"event": "updated", "ticket": {"id": 3}}, ["3"]),
        ({"data": [{"id": 1}, {"id": 2}]}, ["1", "2"]),
        ({"ids": ["x", "y"]}, ["x", "y"]),
        ({"a": {"b": {"id": 1}}}, []),
        ({"old": {"id": 1}, "new": {"id": 2}}, []),
        ({"event": "ping"}, []),
        ({}, []),
    ],
)
def test_json_bodies(body: Any, expected: list[str]) -> None:
    assert ids(body) == expected


@pytest.mark.parametrize("content_type", [JSON, "text/json", "application/vnd.desk+json", "", "text/plain"])
def test_json_under_the_types_senders_use(content_type: str) -> None:
    assert ids(b'\xef\xbb\xbf {"id": 1}' if content_type == JSON else b' {"id": 1}', content_type=content_type) == ["1"]


def test_form_fields_have_the_same_names_in_the_same_order() -> None:
    assert ids(b"id=2&external_id=a%20b&external_id=c", content_type=FORM) == ["a b", "c"]
    assert ids(b"subject=x", content_type=FORM) == []


def test_an_empty_body_names_nothing() -> None:
    assert ids(b"  ", content_type="") == []


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b'{"id": 1', JSON, "The body is not JSON: Expecting ',' delimiter at line 1, column 9."),
        (b"id=1", JSON, "The body is not JSON: Expecting value at line 1, column 1."),
        (b'{"id": "\xff"}', JSON, "The body is not UTF-8 text"),
        (b"[" * 100_000, JSON, "nesting is too large"),
        (b'{"id": ' + b"9" * 5000 + b"}", JSON, "too large"),
        (b'"INC1"', JSON, "must be an object or a list"),
        (b"<a/>", "text/xml", "Bodies of type text/xml are not read here"),
        (b"hello", "text/plain", "Bodies of type text/plain are not read here"),
        (b"id=%FF&x=\xff", FORM, "The form cannot be read"),
        (b"&".join([b"a=1"] * 2000), FORM, "The form cannot be read"),
        (b'{"id": ""}', JSON, "A record id is blank"),
        (b'{"external_id": "  ", "id": 5}', JSON, "A record id is blank"),
        (b'{"id": true}', JSON, "must be text or a whole number"),
        (b'{"id": 1.5}', JSON, "must be text or a whole number"),
        (b'{"id": NaN}', JSON, "must be text or a whole number"),
        (b'{"id": {"value": 1}}', JSON, "must be text or a whole number"),
        (b"[1, null]", JSON, "must be text or a whole number"),
        (b'[{"id": 1}, {"name": "x"}]', JSON, "An object of the list has no id"),
        (b'{"id": "a\\u0000b"}', JSON, "control character"),
        (b"id=", FORM, "A record id is blank"),
    ],
)
def test_refusals_say_what_is_wrong(body: bytes, content_type: str, sentence: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        ids(body, content_type=content_type)
    assert sentence in caught.value.sentence


@pytest.mark.parametrize(("query", "own"), [({"external_id": [""]}, []), ({}, [" "])])
def test_blanks_are_refused_from_every_place(query: dict[str, list[str]], own: list[str]) -> None:
    with pytest.raises(InvalidRecord, match="blank"):
        ids({"id": 1}, query=query, own=own)


def test_the_limits() -> None:
    assert ids({"id": "x" * 255}) == ["x" * 255]
    assert len(ids(list(range(MAX_IDS)))) == MAX_IDS
    with pytest.raises(InvalidRecord, match="longer than 255"):
        ids({"id": "x" * 256})
    with pytest.raises(InvalidRecord, match="1,001 records"):
        ids(list(range(MAX_IDS + 1)))


@given(st.binary(max_size=60), st.sampled_from([JSON, FORM, "", "text/plain", "text/xml"]))
@settings(max_examples=200)
def test_any_body_gives_clean_ids_or_a_refusal(body: bytes, content_type: str) -> None:
    try:
        found = ids(body, content_type=content_type)
    except InvalidRecord:
        return
    assert all(text and text == text.strip() and text.isprintable() for text in found)


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20), min_size=1))
@settings(max_examples=60)
def test_forms_and_lists_name_the_same_records(names: list[str]) -> None:
    form = urlencode([("external_id", name) for name in names]).encode()

    assert ids(form, content_type=FORM) == ids(names) == list(dict.fromkeys(names))
