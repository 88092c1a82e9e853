"""Appending: once, whatever is there, and nothing of what is there is lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.write_modes import appended, is_empty

words = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=8)
values = words | st.integers() | st.booleans()


@pytest.mark.parametrize(
    ("there", "value", "expected"),
    [
        (None, "new", "new"), ("", 5, 5), ("old", "new", "old\nnew"), ("old", None, "old"), ("old", "", "old"),
        (3, 4.0, "3\n4"), (True, False, "true\nfalse"), ("old\nnew", "new", "old\nnew"), ("renew", "new", "renew\nnew"),
        (["a"], "b", ["a", "b"]), (["a", "b"], ["b", "c"], ["a", "b", "c"]), ([], "a", ["a"]),
    ],
)  # fmt: skip
def test_what_is_appended(there: Any, value: Any, expected: Any) -> None:
    assert appended(there, value, repeated=False) == expected


def test_the_same_may_be_said_again_unless_an_attempt_may_have_said_it() -> None:
    assert appended("A\nB", "A", repeated=False) == "A\nB\nA"
    assert appended("A\nB", "A", repeated=True) == "A\nB"
    assert appended("AA\nB", "A", repeated=True) == "AA\nB\nA"


@given(there=st.none() | words | st.lists(words, max_size=4), value=values)
def test_appending_twice_is_appending_once_and_loses_nothing(there: Any, value: Any) -> None:
    once = appended(there, value, repeated=False)
    assert appended(once, value, repeated=False) == once
    assert appended(once, value, repeated=True) == once
    if isinstance(there, list):
        assert once[: len(there)] == there
    elif there:
        assert str(once).startswith(there)


@pytest.mark.parametrize(
    ("value", "empty"), [(None, True), ("", True), ([], True), ({}, True), (0, False), (False, False)]
)
def test_nothing_stands_there(value: Any, empty: bool) -> None:
    assert is_empty(value) is empty
