from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import MappingError
from mappings.engine import (
    NO_DEFAULT,
    MappingRow,
    RowFailed,
    Step,
    compile_plan,
    dump_rows,
    merge_script_result,
    parse_rows,
)
from mappings.scripts import ScriptResult

DOCUMENTED: list[dict[str, Any]] = [
    {"action": "sync", "source": "title", "target": "Subject", "default": "(no title)"},
    {"action": "set_static", "target": "Origin", "value": "Field work"},
    {"action": "array_map", "source": "status.name", "target": "Stage", "default": "Open",
     "mappings": [{"compare": "work_done", "value": "Ready to bill"}, {"compare": "cancelled", "value": "Dropped"}]},
    {"action": "range_map", "source": "pay.amount", "target": "Tier", "default": "Large",
     "ranges": [{"compare": 150, "value": "Small"}, {"compare": 600, "value": "Medium"}]},
    {"action": "date_convert", "source": "schedule.service_window.start.utc", "target": "VisitLocal",
     "input_format": "YYYY-MM-DD HH:mm:ss", "output_format": "DD MMM YYYY, h:mm A",
     "timezone_in": "UTC", "timezone_out": "America/Denver"},
    {"action": "concat", "target": "Reference",
     "parts": [{"type": "static", "value": "WO-"}, {"type": "field", "value": "id"}]},
    {"action": "custom", "target": "Billable",
     "script": "local h = $.util.lookup_field($.input, 'time_logs.hours', 0);\nstd.max(h, 1)"},
]  # fmt: skip

INPUT: dict[str, Any] = {
    "id": 4410027,
    "title": "Swap failed edge switch",
    "status": {"name": "work_done"},
    "pay": {"amount": 65.0},
    "schedule": {"service_window": {"start": {"utc": "2026-07-02 14:00:00"}}},
}


class Hours:
    def run(self, script: str, input: dict[str, Any], *, name: str) -> ScriptResult:
        return ScriptResult(1, ())


class Broken:
    def run(self, script: str, input: dict[str, Any], *, name: str) -> ScriptResult:
        raise MappingError(f"{name}, line 2: no such field.", detail="raw", line=2)


def test_the_documented_set_gives_the_documented_record() -> None:
    mapped = compile_plan(parse_rows(DOCUMENTED)).run(INPUT, Hours())
    assert mapped.fields == {
        "Subject": "Swap failed edge switch",
        "Origin": "Field work",
        "Stage": "Ready to bill",
        "Tier": "Small",
        "VisitLocal": "02 Jul 2026, 8:00 AM",
        "Reference": "WO-4410027",
        "Billable": 1,
    }
    assert [step.target for step in mapped.steps] == [row["target"] for row in DOCUMENTED]
    assert not any(step.warning or step.default_used or step.left_out or step.loose for step in mapped.steps)


def test_the_documented_set_on_an_empty_input() -> None:
    mapped = compile_plan(parse_rows(DOCUMENTED)).run({}, Hours())
    assert mapped.fields == {
        "Subject": "(no title)", "Origin": "Field work", "Stage": "Open", "Tier": "Large", "Reference": "WO-",
        "Billable": 1,
    }  # fmt: skip
    assert [step.target for step in mapped.steps if step.left_out] == ["VisitLocal"]


def test_dotted_targets_build_nested_objects() -> None:
    rows = [MappingRow("set_static", f"a.b.{name}", options={"value": name}) for name in "xy"]
    assert compile_plan(rows).run({}).fields == {"a": {"b": {"x": "x", "y": "y"}}}


def test_a_failing_row_names_its_target_and_leaves_the_steps_before_it() -> None:
    plan = compile_plan(parse_rows(DOCUMENTED[:4]))
    with pytest.raises(RowFailed) as caught:
        plan.run({**INPUT, "pay": {"amount": "a lot"}})
    error = caught.value
    assert error.sentence == 'Tier from pay.amount: "a lot" is no number, and range_map needs one.'
    assert (error.target, error.code, isinstance(error, MappingError)) == ("Tier", "transformation", True)
    assert error.steps == [
        Step("Subject", "sync", "Swap failed edge switch", "Swap failed edge switch"),
        Step("Origin", "set_static", None, "Field work"),
        Step("Stage", "array_map", "work_done", "Ready to bill"),
    ]


def test_a_failing_script_keeps_its_sentence_detail_and_line() -> None:
    with pytest.raises(RowFailed) as caught:
        compile_plan(parse_rows(DOCUMENTED[-1:])).run({}, Broken())
    error = caught.value
    assert (error.sentence, error.detail, error.line, error.target) == (
        "Billable, line 2: no such field.", "raw", 2, "Billable",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([MappingRow("fan_out", "T")], 'T: There is no action "fan_out".'),
        ([MappingRow("sync", "T")], "T: Sync needs a source. Choose the field that it reads."),
        ([MappingRow("sync", "a..b", source="s")], 'a..b: "a..b" is not a path.'),
        ([MappingRow("sync", "a[0]", source="s")], 'a[0]: The target "a[0]" uses [n].'),
        ([MappingRow("sync", "T", source="s"), MappingRow("sync", "T", source="r")], "Another row fills T already."),
        ([MappingRow("sync", "a", source="s"), MappingRow("sync", "a.b", source="r")], "a.b and a overlap"),
        ([MappingRow("sync", "a.b", source="s"), MappingRow("sync", "a", source="r")], "a and a.b overlap"),
    ],
)
def test_rows_that_cannot_run_do_not_compile(rows: list[MappingRow], sentence: str) -> None:
    with pytest.raises(MappingError) as caught:
        compile_plan(rows)
    assert caught.value.sentence.startswith(sentence)
    assert caught.value.target == rows[-1].target


def test_results_are_copies_of_input_and_options() -> None:
    static = {"tags": ["a"]}
    rows = [
        MappingRow("sync", "copy", source="pay"),
        MappingRow("set_static", "static", options={"value": static}),
        MappingRow("sync", "fallback", source="absent", default=static),
    ]
    plan, input = compile_plan(rows), {"pay": {"lines": [1]}}
    fields = plan.run(input).fields
    fields["copy"]["lines"].append(2)
    fields["static"]["tags"].append("b")
    fields["fallback"]["tags"].append("c")
    assert input == {"pay": {"lines": [1]}}
    assert plan.run(input).fields == {"copy": {"lines": [1]}, "static": {"tags": ["a"]}, "fallback": {"tags": ["a"]}}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OPTIONS: dict[str, dict[str, Any]] = {
    "sync": {},
    "array_map": {"mappings": [{"compare": 1, "value": {"x": []}}, {"compare": "a", "value": 1}]},
    "range_map": {"ranges": [{"compare": 1, "value": [1]}]},
    "date_convert": {"input_format": "X", "output_format": "YYYY"},
}
ROWS = [
    MappingRow(action, f"{action}.t", source="a.b", default={"d": [1]}, options=options)
    for action, options in OPTIONS.items()
] + [MappingRow("concat", "concat.t", options={"parts": [{"type": "field", "value": "a.b"}]})]


@settings(max_examples=100, deadline=None)
@given(input=st.fixed_dictionaries({"a": JSON | st.fixed_dictionaries({"b": JSON})}), row=st.sampled_from(ROWS))
def test_a_plan_changes_nothing_and_gives_the_same_again(input: dict[str, Any], row: MappingRow) -> None:
    before, plan = deepcopy(input), compile_plan([row])
    try:
        first = plan.run(input)
    except RowFailed:
        assert input == before
        return
    assert input == before
    assert plan.run(input) == first
    step = first.steps[0]
    assert ("t" in first.fields.get(row.target.split(".")[0], {})) is not step.left_out


# JSON form


def test_rows_read_from_json_are_written_back_the_same() -> None:
    assert dump_rows(parse_rows(DOCUMENTED)) == DOCUMENTED


def test_action_constants_are_taken() -> None:
    constants = [{**entry, "action": f"ACTION_TYPE_{entry['action'].upper()}"} for entry in DOCUMENTED]
    assert parse_rows(constants) == parse_rows(DOCUMENTED)


def test_a_row_without_default_is_told_from_one_with_null() -> None:
    without, with_null = parse_rows(
        [{"action": "sync", "target": "T"}, {"action": "sync", "target": "T", "default": None}]
    )
    assert (without.default, with_null.default) == (NO_DEFAULT, None)
    assert dump_rows([without, with_null]) == [
        {"action": "sync", "target": "T"},
        {"action": "sync", "target": "T", "default": None},
    ]


def test_a_label_survives() -> None:
    entry = {"action": "sync", "source": "s", "target": "T", "label": "Title"}
    assert dump_rows(parse_rows([entry])) == [entry]
    assert parse_rows([entry])[0].label == "Title"


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({}, "Mappings must be a list of objects, one for each row."),
        (["sync"], 'Mapping 1 must be an object, not "sync".'),
        ([{"action": 3}], "Mapping 1: action must be text, not 3."),
        ([{"action": "sync", "target": None}], "Mapping 1: target must be text, not null."),
        ([{"action": "sync", "deafult": 1}], 'Mapping 1: sync has no key "deafult". Its own keys: none.'),
        ([{"action": "array_map", "ranges": []}], 'Mapping 1: array_map has no key "ranges". Its own keys: mappings.'),
    ],
)
def test_what_has_not_the_documented_form_is_refused(entries: Any, sentence: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_rows(entries)
    assert caught.value.sentence == sentence


# Whole-object scripts


@pytest.mark.parametrize(
    ("fields", "result", "expected"),
    [
        ({}, {}, {}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"y": 2}}),
        ({"a": {"x": 1}}, {"a.y": 2}, {"a": {"x": 1, "y": 2}}),
        ({"a": 1}, {"a.y": 2}, {"a": {"y": 2}}),
        ({}, {"a": {"x": 1}, "a.y": 2}, {"a": {"x": 1, "y": 2}}),
        ({"a": 1}, None, {}),
    ],
)
def test_a_script_result_is_laid_over_the_fields(fields: Any, result: Any, expected: Any) -> None:
    before = deepcopy((fields, result))
    merged = merge_script_result(fields, result)
    assert merged == expected
    assert (fields, result) == before


@pytest.mark.parametrize(
    ("result", "shown"), [([], "an empty list"), ([1], "a list of 1"), ("text", '"text"'), (3, "3"), (True, "true")]
)
def test_a_script_result_that_is_no_object_is_refused(result: Any, shown: str) -> None:
    with pytest.raises(MappingError) as caught:
        merge_script_result({}, result)
    assert caught.value.sentence == f"The script must give an object with the fields to write; it gave {shown}."


@pytest.mark.parametrize("key", ["", "a..b", "a[0]"])
def test_a_script_result_with_a_key_that_is_no_target_is_refused(key: str) -> None:
    with pytest.raises(MappingError):
        merge_script_result({}, {key: 1})
