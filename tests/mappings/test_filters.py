from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import MappingError
from mappings.filters import Filter

INPUT: dict[str, Any] = {
    "title": "Swap failed edge switch",
    "id": 4410027,
    "status": {"name": "work_done"},
    "pay": {"amount": 65.5, "rate": "65.50"},
    "confirmed": True,
    "zero": 0,
    "no": False,
    "nothing": None,
    "blank": " ",
    "empty": "",
    "list": [],
    "object": {},
    "tags": ["urgent", 7],
    "start": "2026-07-02 14:00:00",
}


def condition(field: str, op: str, value: Any = None, **extra: Any) -> dict[str, Any]:
    entry = {"field": field, "op": op, **extra}
    return entry if op in ("empty", "not_empty") else {**entry, "value": value}


def holds(field: str, op: str, value: Any = None) -> bool:
    return Filter.parse({"match": "all", "conditions": [condition(field, op, value)]}).check(INPUT).matched


OPPOSITES = {"equals": "not_equals", "contains": "not_contains", "in": "not_in", "empty": "not_empty"}


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("status.name", "equals", "work_done", True),
        ("status.name", "equals", "Work_Done", False),
        ("status.name", "equals", "work_done ", False),
        ("id", "equals", 4410027, True),
        ("id", "equals", 4410027.0, True),
        ("id", "equals", "4410027", True),
        ("id", "equals", "04410027", False),
        ("pay.rate", "equals", 65.5, False),
        ("confirmed", "equals", True, True),
        ("confirmed", "equals", 1, False),
        ("confirmed", "equals", "true", False),
        ("zero", "equals", False, False),
        ("nothing", "equals", None, True),
        ("absent", "equals", None, True),
        ("empty", "equals", None, False),
        ("absent", "equals", "x", False),
        ("tags", "equals", "urgent", False),
        ("title", "contains", "edge", True),
        ("title", "contains", "Edge", False),
        ("tags", "contains", "urgent", True),
        ("tags", "contains", "urg", False),
        ("tags", "contains", "7", True),
        ("id", "contains", "441", False),
        ("absent", "contains", "x", False),
        ("status.name", "in", ["assigned", "work_done"], True),
        ("status.name", "in", ["assigned"], False),
        ("id", "in", ["1", "4410027"], True),
        ("absent", "in", ["x", None], True),
        ("nothing", "empty", None, True),
        ("absent", "empty", None, True),
        ("empty", "empty", None, True),
        ("list", "empty", None, True),
        ("object", "empty", None, True),
        ("blank", "empty", None, False),
        ("zero", "empty", None, False),
        ("no", "empty", None, False),
    ],
)
def test_operators_and_their_exact_opposites(field: str, op: str, value: Any, expected: bool) -> None:
    assert holds(field, op, value) is expected
    assert holds(field, OPPOSITES[op], value) is not expected


@pytest.mark.parametrize(
    ("field", "value", "greater", "less"),
    [
        ("pay.amount", 65, True, False),
        ("pay.amount", "65", True, False),
        ("pay.amount", 65.5, False, False),
        ("pay.amount", 100, False, True),
        ("pay.rate", 65.5, False, False),
        ("pay.rate", 9, True, False),
        ("zero", -1, True, False),
        ("start", "2026-07-01", True, False),
        ("start", "2026-07-03", False, True),
    ],
)
def test_comparisons_by_size(field: str, value: Any, greater: bool, less: bool) -> None:
    assert (holds(field, "greater", value), holds(field, "less", value)) == (greater, less)
    assert (holds(field, "greater_or_equal", value), holds(field, "less_or_equal", value)) == (not less, not greater)


@pytest.mark.parametrize("op", ["greater", "greater_or_equal", "less", "less_or_equal"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("absent", 1),
        ("nothing", 0),
        ("confirmed", 0),
        ("title", 1),
        ("tags", 1),
        ("empty", 1),
        ("empty", "a"),
        ("id", "a"),
    ],
)
def test_what_cannot_be_compared_by_size_never_matches(op: str, field: str, value: Any) -> None:
    assert holds(field, op, value) is False


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("title", "starts_with", "Swap", True),
        ("title", "starts_with", "swap", False),
        ("title", "ends_with", "switch", True),
        ("title", "ends_with", "Swap", False),
        ("id", "starts_with", "441", False),
        ("absent", "ends_with", "x", False),
        ("title", "matches", r"edge|core", True),
        ("title", "matches", r"^Swap\b.*switch$", True),
        ("title", "matches", r"(?i)SWAP", True),
        ("title", "matches", r"^edge", False),
        ("id", "matches", r"^44\d{5}$", True),
        ("confirmed", "matches", "true", False),
        ("absent", "matches", ".*", False),
    ],
)
def test_text_operators(field: str, op: str, value: Any, expected: bool) -> None:
    assert holds(field, op, value) is expected


def check(match: str, *conditions: dict[str, Any]) -> tuple[bool, str]:
    outcome, why = Filter.parse({"match": match, "conditions": list(conditions)}).check(INPUT)
    return outcome, why


DONE = condition("status.name", "equals", "work_done")
DEAR = condition("pay.amount", "greater", 500, name="Only dear ones")
TOLD_DONE = 'status.name is "work_done"; asked for: equals "work_done".'
TOLD_DEAR = "pay.amount is 65.5; asked for: greater 500 (condition “Only dear ones”)."


@pytest.mark.parametrize(
    ("match", "conditions", "matched", "reason"),
    [
        ("all", [], True, "The filter has no conditions."),
        ("any", [], True, "The filter has no conditions."),
        ("all", [DONE], True, TOLD_DONE),
        ("all", [DONE, DEAR], False, TOLD_DEAR),
        ("all", [DONE, DONE], True, f"All conditions hold: {TOLD_DONE} {TOLD_DONE}"),
        ("any", [DEAR, DONE], True, TOLD_DONE),
        ("any", [DEAR], False, TOLD_DEAR),
        ("any", [DEAR, DEAR], False, f"No condition holds: {TOLD_DEAR} {TOLD_DEAR}"),
    ],
)
def test_the_reason_names_the_deciding_condition(match: str, conditions: Any, matched: bool, reason: str) -> None:
    assert check(match, *conditions) == (matched, reason)


@pytest.mark.parametrize(
    ("entry", "asked"),
    [
        (condition("absent", "not_empty"), "absent is null; asked for: not empty."),
        (condition("id", "in", [1, "a"]), 'id is 4410027; asked for: in 1, "a".'),
        (condition("tags", "equals", True), "tags is a list of 2; asked for: equals true."),
        (condition("id", "matches", "^x"),
         "id is 4410027; asked for: matches ^x in a text of at most 100000 characters."),
    ],
)  # fmt: skip
def test_reasons_show_the_value_and_the_demand(entry: dict[str, Any], asked: str) -> None:
    assert check("all", entry) == (False, asked)


ASSIGNED, DONE_NOW = {"status": {"name": "assigned"}, "n": 7}, {"status": {"name": "work_done"}, "n": "7"}


def changed(**ends: Any) -> dict[str, Any]:
    return {"conditions": [{"field": "status.name", "op": "changed", **ends}]}


@pytest.mark.parametrize(
    ("ends", "previous", "expected"),
    [
        ({}, ASSIGNED, True),
        ({"from": "assigned"}, ASSIGNED, True),
        ({"to": "work_done"}, ASSIGNED, True),
        ({"from": "assigned", "to": "work_done"}, ASSIGNED, True),
        ({"from": "draft"}, ASSIGNED, False),
        ({"to": "approved"}, ASSIGNED, False),
        ({"from": "draft", "to": "work_done"}, ASSIGNED, False),
        ({}, DONE_NOW, False),
        ({"to": "work_done"}, DONE_NOW, False),
        ({}, {"status": None}, True),
        ({"from": None}, {"status": None}, True),
        ({}, None, True),
        ({"to": "work_done"}, None, True),
        ({"from": None, "to": "work_done"}, None, True),
        ({"from": "assigned"}, None, False),
    ],
)
def test_a_change_is_seen_against_the_last_event_and_the_first_one_changes_from_nothing(
    ends: Any, previous: Any, expected: bool
) -> None:
    assert Filter.parse(changed(**ends)).check(DONE_NOW, previous).matched is expected


def test_a_field_without_a_value_has_not_changed_at_the_first_event() -> None:
    assert Filter.parse(changed()).check({"status": {"name": None}}, None).matched is False


def test_a_number_and_its_text_are_no_change() -> None:
    assert Filter.parse({"conditions": [{"field": "n", "op": "changed"}]}).check(DONE_NOW, ASSIGNED).matched is False


@pytest.mark.parametrize(
    ("ends", "previous", "told"),
    [
        ({"to": "approved", "name": "Only approvals"}, ASSIGNED,
         'status.name was "assigned" and is "work_done"; asked for: changed to "approved" (condition “Only '
         'approvals”).'),
        ({"from": "draft"}, DONE_NOW, 'status.name is still "work_done"; asked for: changed from "draft".'),
        ({"from": "draft", "to": "routed"}, None,
         'status.name was null and is "work_done"; asked for: changed from "draft" to "routed".'),
    ],
)  # fmt: skip
def test_reasons_tell_what_was_there_before(ends: Any, previous: Any, told: str) -> None:
    assert Filter.parse(changed(**ends)).check(DONE_NOW, previous) == (False, told)


def test_a_filter_says_whether_it_needs_the_last_event() -> None:
    assert Filter.parse(changed()).compares is True
    assert Filter.parse({"conditions": [DONE]}).compares is False


def test_a_long_value_is_cut_in_the_reason() -> None:
    result = Filter.parse({"conditions": [condition("t", "equals", "x")]}).check({"t": "y" * 500})
    assert result.reason == f't is "{"y" * 60}…"; asked for: equals "x".'


@pytest.mark.parametrize("config", [None, {}, {"match": "any"}, {"conditions": []}])
def test_an_empty_filter_lets_everything_pass(config: Any) -> None:
    assert Filter.parse(config).check({}).matched is True


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ([], "A filter is an object with match"),
        ({"mode": "all"}, "A filter is an object with match"),
        ({"match": "none"}, 'match must be all or any, not "none".'),
        ({"conditions": {}}, "conditions must be a list."),
        ({"conditions": ["x"]}, "Condition 1 must be an object with field, op"),
        ({"conditions": [DONE, {"field": "a", "op": "equals", "val": 1}]}, "Condition 2 must be an object"),
        ({"conditions": [condition("a", "is", 1)]}, 'Condition 1: there is no op "is". Use one of equals, '),
        ({"conditions": [{"field": "a", "op": []}]}, "Condition 1: there is no op an empty list."),
        ({"conditions": [condition("a", "equals", 1, name=3)]}, "Condition 1: name must be text."),
        ({"conditions": [condition("a..b", "equals", 1)]}, 'Condition 1: "a..b" is not a path.'),
        ({"conditions": [{"op": "empty"}]}, "Condition 1: A path is missing."),
        ({"conditions": [condition("a", "equals", [1])]}, "Condition 1: value must be text, a number"),
        ({"conditions": [condition("a", "in", "x")]}, "Condition 1: value must be a list with at least one entry."),
        ({"conditions": [condition("a", "not_in", [])]}, "Condition 1: value must be a list with at least one entry."),
        ({"conditions": [condition("a", "in", [[1]])]}, "Condition 1: value must be text, a number"),
        ({"conditions": [condition("a", "contains", "")]}, "Condition 1: value must not be empty"),
        ({"conditions": [condition("a", "greater", None)]}, "Condition 1: value must be a number or text, not null."),
        ({"conditions": [condition("a", "less", True)]}, "Condition 1: value must be a number or text, not true."),
        ({"conditions": [condition("a", "starts_with", 3)]}, "Condition 1: value must be text that is not empty."),
        ({"conditions": [{"field": "a", "op": "empty", "value": 1}]}, "Condition 1: empty and not_empty take no val"),
        ({"conditions": [condition("a", "matches", "(")]}, "Condition 1: The pattern is no regular expression"),
        ({"conditions": [condition("a", "changed", 1)]}, "Condition 1: changed takes from and to"),
        ({"conditions": [{"op": "changed"}]}, "Condition 1: A path is missing."),
        ({"conditions": [{"field": "a", "op": "changed", "from": [1]}]}, "Condition 1: from must be text, a number"),
        ({"conditions": [{"field": "a", "op": "changed", "to": {}}]}, "Condition 1: to must be text, a number"),
        ({"conditions": [{"field": "a", "op": "changed", "from": 7, "to": "7"}]}, "Condition 1: from and to are"),
        ({"conditions": [{"field": "a", "op": "changed", "name": 7}]}, "Condition 1: name must be text."),
        ({"conditions": [{"field": "a", "op": "equals", "value": 1, "to": 2}]}, "Condition 1 must be an object"),
    ],
)  # fmt: skip
def test_an_invalid_filter_is_refused_with_a_sentence(config: Any, sentence: str) -> None:
    with pytest.raises(MappingError) as caught:
        Filter.parse(config)
    assert caught.value.sentence.startswith(sentence)


VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.lists(st.none()) | st.just({})
)
OPERATORS = st.sampled_from(
    [
        "equals",
        "not_equals",
        "contains",
        "in",
        "greater",
        "less_or_equal",
        "empty",
        "matches",
        "starts_with",
        "ends_with",
    ]
)


@settings(max_examples=150, deadline=None)
@given(op=OPERATORS, wanted=VALUES, found=VALUES)
def test_a_filter_that_parses_always_answers(op: str, wanted: Any, found: Any) -> None:
    try:
        compiled = Filter.parse({"conditions": [{"field": "f", "op": op, "value": wanted}]})
    except MappingError:
        return
    for input in ({"f": found}, {}):
        result = compiled.check(input)
        assert (type(result.matched), result.reason[-1]) == (bool, ".")
