from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import MappingError
from mappings.paths import MISSING, Path

RECORD: dict[str, Any] = {
    "title": "Swap failed edge switch",
    "nothing": None,
    "assignee": {"user": {"first_name": "Rui"}},
    "contacts": [{"email": "desk@example.test"}, {"email": None}],
    "grid": [[1, 2], [3, 4]],
    "rows": {"0": "named zero", "[": 1},
    "Ticket number": "INC-20418",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", "Swap failed edge switch"),
        ("assignee.user.first_name", "Rui"),
        ("assignee.user", {"first_name": "Rui"}),
        ("contacts[0].email", "desk@example.test"),
        ("contacts[1].email", None),
        ("grid[1][0]", 3),
        ("rows.0", "named zero"),
        ("Ticket number", "INC-20418"),
        ("nothing", None),
        ("nothing.more", MISSING),
        ("absent", MISSING),
        ("assignee.absent.first_name", MISSING),
        ("title.length", MISSING),
        ("contacts.email", MISSING),
        ("contacts.0", MISSING),
        ("contacts[2].email", MISSING),
        ("contacts[-1].email", MISSING),
        ("rows[0]", MISSING),
        ("assignee[0]", MISSING),
        ("title[0]", MISSING),
    ],
)
def test_a_path_finds_its_value_or_is_missing(path: str, value: object) -> None:
    found = Path.parse(path).get(RECORD)
    assert found is value if value is MISSING or value is None else found == value


@pytest.mark.parametrize(
    "path",
    [
        "", " ", ".", ".a", "a.", "a..b", "a[", "a]", "a[]", "a[x]", "a[0", "a[0]b", "a.[0]", "a[1.5]", "[a]",
        " a", "a ", "a\n", None, 3,
    ],
)  # fmt: skip
def test_a_malformed_path_is_refused_when_parsed(path: Any) -> None:
    with pytest.raises(MappingError) as caught:
        Path.parse(path)
    assert "path" in caught.value.sentence


def test_a_target_takes_no_places_in_lists() -> None:
    with pytest.raises(MappingError) as caught:
        Path.parse_target("contacts[0].email")
    assert "uses [n]" in caught.value.sentence


def test_setting_builds_nested_objects_beside_what_is_there() -> None:
    target: dict[str, Any] = {"schedule": {"mode": "exact"}}
    Path.parse_target("schedule.start.utc").set(target, "2026-07-01 14:00:00")
    assert target == {"schedule": {"mode": "exact", "start": {"utc": "2026-07-01 14:00:00"}}}


@pytest.mark.parametrize("in_the_way", [None, "text", 3, [1]])
def test_setting_replaces_what_is_no_object(in_the_way: object) -> None:
    target = {"a": in_the_way}
    Path.parse_target("a.b").set(target, 1)
    assert target == {"a": {"b": 1}}


NAMES = st.text(st.characters(exclude_characters=".[]", exclude_categories=["Z", "C"]), min_size=1, max_size=6)
TREES = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=5), start=st.dictionaries(NAMES, TREES, max_size=3), value=TREES)
def test_what_is_set_is_what_is_read(names: list[str], start: dict[str, Any], value: Any) -> None:
    path = Path.parse_target(".".join(names))
    path.set(start, value)
    assert path.get(start) == value


@settings(max_examples=80, deadline=None)
@given(tree=TREES, text=st.text(alphabet="ab.[]0-", max_size=12))
def test_reading_never_raises_nor_changes_anything(tree: Any, text: str) -> None:
    before = deepcopy(tree)
    try:
        path = Path.parse(text)
    except MappingError:
        return
    path.get(tree)
    assert tree == before


def walk(tree: Any, text: str = "") -> list[tuple[str, Any]]:
    found = [(text, tree)] if text else []
    if isinstance(tree, dict):
        for name, inner in tree.items():
            found += walk(inner, f"{text}.{name}" if text else name)
    if isinstance(tree, list):
        for place, inner in enumerate(tree):
            found += walk(inner, f"{text}[{place}]")
    return found


@settings(max_examples=80, deadline=None)
@given(tree=st.dictionaries(NAMES, TREES, max_size=4))
def test_every_value_of_a_record_has_a_path(tree: dict[str, Any]) -> None:
    for text, value in walk(tree):
        assert Path.parse(text).get(tree) == value
