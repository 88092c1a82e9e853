"""The fast reader and writer give the values that the standard library gives."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib import fast_json

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types: 1, 1.0 and true are three values."""
    return repr(one) == repr(other)


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read_again_by_both(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")):
        assert same(fast_json.loads(text), json.loads(text))
    assert same(json.loads(fast_json.dumps(value)), json.loads(json.dumps(value)))


@given(st.from_regex(r"\A-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?\Z"))
@settings(max_examples=500, deadline=None)
def test_numbers_of_any_size_are_those_of_the_standard_library(text: str) -> None:
    assert same(fast_json.loads(text), json.loads(text))


@pytest.mark.parametrize(
    "text", ["1" + "0" * 350, "-" + "9" * 40, "1e400", "NaN", '"\\ud800"', '"\\u0000"', '{"a":1,"a":2}']
)
def test_what_is_unusual_is_read_as_ever(text: str) -> None:
    assert same(fast_json.loads(text), json.loads(text))


def test_a_byte_order_mark_and_another_encoding_are_read_as_ever() -> None:
    assert fast_json.loads(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    assert fast_json.loads('{"a": "é"}'.encode("utf-16")) == {"a": "é"}


@pytest.mark.parametrize("text", [b"", b"{", b"{'a': 1}", b'{"a": 1} x', b"\xff\xfe\x00", b'"\x01"'])
def test_what_is_not_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the callers tell their own sentence
        fast_json.loads(text)


def test_nesting_without_end_is_a_recursion_error() -> None:
    with pytest.raises(RecursionError):
        fast_json.loads("[" * 100_000)


def test_what_json_does_not_know_is_written_as_text() -> None:
    moment, id = datetime(2026, 6, 28, 19, 5, 41, tzinfo=UTC), UUID(int=7)
    known = {"at": moment, "id": id, "kind": pytest, "no": math.nan}
    assert json.loads(fast_json.dumps(known)) == {
        "at": "2026-06-28T19:05:41Z", "id": str(id), "kind": str(pytest), "no": None
    }  # fmt: skip
    assert json.loads(fast_json.dumps({"half": "\ud800", "id": id})) == {"half": "\ud800", "id": str(id)}
