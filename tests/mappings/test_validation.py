from __future__ import annotations

from typing import Any

import pytest

from mappings.engine import MappingRow, Problem, compile_plan, parse_rows, validate

from .test_engine import DOCUMENTED


def told(rows: list[dict[str, Any]]) -> list[tuple[int, str, str]]:
    return [(problem.index, problem.severity, problem.sentence) for problem in validate(parse_rows(rows))]


def row(action: str, **keys: Any) -> dict[str, Any]:
    return {"action": action, "target": "T", "source": "s", **keys}


def entries(*compares: Any) -> list[dict[str, Any]]:
    return [{"compare": compare, "value": place} for place, compare in enumerate(compares)]


DATE = {"input_format": "YYYY-MM-DD", "output_format": "X"}


def test_the_documented_set_is_fine() -> None:
    assert validate(parse_rows(DOCUMENTED)) == []


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (row("fan_out"), 'There is no action "fan_out".'),
        (row("sync", target=""), "The target is missing."),
        (row("sync", target=".a"), '".a" is not a path.'),
        (row("sync", target="a[0].b"), 'The target "a[0].b" uses [n].'),
        (row("sync", source=""), "Sync needs a source. Choose the field that it reads."),
        (row("sync", source="a."), '"a." is not a path.'),
        (row("set_static", source=""), "set_static needs a value"),
        (row("array_map"), "array_map needs mappings"),
        (row("array_map", source="", mappings=entries("a")), "Array Map needs a source."),
        (row("array_map", mappings={}), "array_map needs mappings"),
        (row("array_map", mappings=[]), "Array Map has no entries."),
        (row("array_map", mappings=[{"cmp": "a", "val": 1}]), "Entry 1 of mappings must have exactly the keys"),
        (row("array_map", mappings=[{"compare": "a"}]), "Entry 1 of mappings must have exactly the keys"),
        (row("array_map", mappings=entries(["a"])), "compare must be text, a number"),
        (row("range_map"), "range_map needs ranges"),
        (row("range_map", ranges=[]), "Range Map has no entries."),
        (row("range_map", ranges=entries("150")), 'compare must be a number in range_map, not "150".'),
        (row("range_map", ranges=entries(True)), "compare must be a number in range_map, not true."),
        (row("range_map", ranges=entries(600, 150)), "The bands are not in ascending order."),
        (row("date_convert"), "A date format is missing."),
        (row("date_convert", **{**DATE, "input_format": "yyyy-MM-DD"}), "The date token yyyy is not supported."),
        (row("date_convert", **{**DATE, "output_format": "Q"}), "The date token Q is not supported."),
        (row("date_convert", **DATE, timezone_in="CST"), 'There is no time zone "CST".'),
        (row("date_convert", **DATE, timezone_out="Mars"), 'There is no time zone "Mars".'),
        (row("date_convert", **{**DATE, "input_format": ["YYYY"]}), "Formats and time zones are text, not a list"),
        (row("date_convert", **DATE, timezone_out=5), "Formats and time zones are text, not 5."),
        (row("date_convert", input_format="HH:mm", output_format="YYYY"), "The input format HH:mm holds no date"),
        (row("concat", source=""), "concat needs parts"),
        (row("concat", source="", parts=[]), "concat needs parts"),
        (row("concat", source="", parts=[{"type": "fixed", "value": "a"}]), "Part 1 must have the keys type"),
        (row("concat", source="", parts=[{"type": "field"}]), "Part 1 must have the keys type"),
        (row("concat", source="", parts=[{"type": "field", "value": "a..b"}]), '"a..b" is not a path.'),
        (row("concat", source="", parts=[{"type": "static", "value": None}]), "A static part is null."),
        (row("concat", source="", parts=[{"type": "static", "value": []}]), "A part is an empty list"),
        (row("custom"), "custom needs a script"),
        (row("custom", script=" \n"), "custom needs a script"),
        (row("custom", script="1", source="a..b"), '"a..b" is not a path.'),
    ],
)  # fmt: skip
def test_what_cannot_work_is_an_error(entry: dict[str, Any], sentence: str) -> None:
    problems = told([entry])
    assert [(index, severity) for index, severity, _ in problems] == [(0, "error")]
    assert problems[0][2].startswith(sentence)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (row("set_static", value=1), "set_static has no source: s is not read."),
        (row("set_static", source="", value=1, default=2),
         "set_static always gives its value: the default is never used."),
        (row("concat", parts=[{"type": "field", "value": "a"}]), "concat has no source: s is not read."),
        (row("array_map", mappings=entries("a", "b", "a")), 'Two entries compare with "a". The first one is used.'),
        (row("array_map", mappings=entries(2, 2.0)), "Two entries compare with 2.0. The first one is used."),
        (row("range_map", ranges=entries(150, 150)), "Two entries compare with 150. The first one is used."),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_a_warning(entry: dict[str, Any], sentence: str) -> None:
    assert told([entry]) == [(0, "warning", sentence)]
    compile_plan(parse_rows([entry]))


def test_entries_that_only_look_alike_are_no_duplicates() -> None:
    assert told([row("array_map", mappings=entries(1, "1", True, "true", None, "", "a", "A"))]) == []


def test_two_rows_for_one_target_are_an_error_of_the_later_row() -> None:
    rows = [row("sync"), row("sync", target="U"), row("sync", source="r")]
    assert told(rows) == [(2, "error", "Another row fills T already. Keep one of them.")]


@pytest.mark.parametrize(("first", "second"), [("a.b", "a.b.c.d"), ("a.b.c.d", "a.b"), ("a", "a.b"), ("a.b", "a")])
def test_a_target_inside_another_is_an_error_of_the_later_row(first: str, second: str) -> None:
    problems = told([row("sync", target=first), row("sync", target=second)])
    assert problems == [(1, "error", f"{second} and {first} overlap: one lies inside the other. Keep one of them.")]


def test_neighbours_and_common_beginnings_of_names_do_not_overlap() -> None:
    assert told([row("sync", target=target) for target in ("a.b", "a.c", "ab", "a.bc", "A.b")]) == []


def test_all_problems_are_told_in_the_order_of_the_rows() -> None:
    rows = [row("sync"), row("sync", source="a..b"), row("custom", target="x[0]", script="")]
    assert [(index, sentence[:12]) for index, _, sentence in told(rows)] == [
        (1, '"a..b" is no'), (1, "Another row "), (2, 'The target "'), (2, "custom needs"),
    ]  # fmt: skip


def test_a_row_made_by_hand_with_a_strange_option_is_an_error() -> None:
    problems = validate([MappingRow("sync", "T", source="s", options={"script": "1"})])
    assert problems == [Problem(0, "T", 'sync has no key "script". Its own keys: none.', "error")]


@pytest.mark.parametrize("options", [[], ["script"], "script", None, 3])
def test_options_that_are_no_object_are_an_error(options: Any) -> None:
    problems = validate([MappingRow("custom", "T", options=options)])
    assert [problem.sentence[:40] for problem in problems] == ["The options must be an object with the k"]
