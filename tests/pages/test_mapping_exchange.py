"""Mapping rows as JSON in the documented form: out of the page, and in from Field Nation's broker."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.pages.mapping_exchange import exported, imported
from events.pages.mapping_rows import PageRow, read_sets
from tests.mappings.test_engine import DOCUMENTED

from .mapping_world import page_row


def read(rows: list[dict[str, Any]]) -> list[PageRow]:
    found, problems = read_sets([{"direction": "outbound", "target_object": "", "rows": rows}])
    assert problems == []
    return found


def taken(text: str) -> list[dict[str, Any]]:
    rows, problems = imported(text, direction="outbound", target_object="")
    assert problems == []
    return rows


def refused(text: Any) -> list[str]:
    rows, problems = imported(text, direction="outbound", target_object="")
    assert rows == []
    return [problem.sentence for problem in problems]


def test_the_documented_rows_come_in_and_go_out_unchanged() -> None:
    assert json.loads(exported(read(taken(json.dumps(DOCUMENTED))))) == DOCUMENTED


def test_action_constants_are_taken() -> None:
    [row] = taken('[{"action": "ACTION_TYPE_SET_STATIC", "target": "Origin", "value": {"id": 4}}]')
    assert (row["action"], row["options"]) == ("set_static", {"value": {"id": 4}})


def test_a_default_of_null_is_a_default() -> None:
    with_null, without = taken(
        '[{"action": "sync", "source": "a", "target": "b", "default": null},'
        ' {"action": "sync", "source": "a", "target": "c"}]'
    )
    assert (with_null["has_default"], with_null["default"]) == (True, None)
    assert without["has_default"] is False


def test_own_keys_are_written_only_where_they_say_something_and_read_again() -> None:
    row = page_row(
        is_enabled=False,
        write_mode="when_empty",
        conflict_policy="manual",
        events=("FN_WO_DONE",),
        target_object="note",
        label="Subject",
    )
    text = exported([row, page_row(target="other")])
    assert json.loads(text) == [
        {"action": "sync", "source": "title", "target": "subject", "label": "Subject", "is_enabled": False,
         "write_mode": "when_empty", "conflict_policy": "manual", "events": ["FN_WO_DONE"], "target_object": "note"},
        {"action": "sync", "source": "title", "target": "other"},
    ]  # fmt: skip
    again = read(taken(text))[0]
    assert (again.is_enabled, again.write_mode, again.events) == (False, "when_empty", ("FN_WO_DONE",))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[{]", "This is no JSON (line 1: Expecting property name enclosed in double quotes). Paste the whole list, "
                "from [ to ]."),
        ("[]", "Paste a list of mappings: [ {…}, {…} ]."),
        ('"text"', "Paste a list of mappings: [ {…}, {…} ]."),
        (None, "This is no JSON. Paste the whole list, from [ to ]."),
        ("[" * 100_000, "This is no JSON. Paste the whole list, from [ to ]."),
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused(text: Any, sentence: str) -> None:
    assert refused(text) == [sentence]


def test_every_wrong_row_is_named_and_nothing_is_taken() -> None:
    rows = [
        {"action": "sync", "source": "a", "target": "b"},
        {"action": "sync", "source": 1, "target": "b"},
        "row",
        {"action": "sync", "source": "a", "target": "b", "write_mode": "sometimes"},
        {"action": "sync", "source": "a", "target": "c", "cmp": 1},
    ]
    assert refused(json.dumps(rows)) == [
        "Mapping 2: source must be text, not 1.",
        'Mapping 3 must be an object, not "row".',
        "Mapping 4: Choose when the row writes: always, when the target is empty, on create, or append.",
        'Mapping 5: sync has no key "cmp". Its own keys: none.',
    ]


def test_more_rows_than_a_connector_takes_are_refused() -> None:
    assert refused(json.dumps([{}] * 501)) == ["These are 501 rows; a connector takes 500."]
