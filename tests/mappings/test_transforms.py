"""The seven actions against the documented tables: empty values, exact match, bands."""

from __future__ import annotations

from enum import Enum
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import MappingError
from mappings.engine import Mapped, Step, compile_plan, parse_rows
from mappings.scripts import ScriptResult


class Sign(Enum):
    ABSENT = "the source is missing"
    LEFT_OUT = "nothing at the target"
    ERROR = "a MappingError"


ABSENT, LEFT_OUT, ERROR = Sign

STAGES = [{"compare": "work_done", "value": "Ready to bill"}, {"compare": "cancelled", "value": "Dropped"}]
TIERS = [{"compare": 150, "value": "Small"}, {"compare": 600, "value": "Medium"}]
OPTIONS: dict[str, dict[str, Any]] = {
    "sync": {},
    "array_map": {"mappings": STAGES},
    "range_map": {"ranges": TIERS},
    "date_convert": {"input_format": "X", "output_format": "YYYY-MM-DD"},
}


class Echo:
    """Stands in for the sandbox: gives a fixed value and remembers what it was asked."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.asked: list[tuple[str, dict[str, Any], str]] = []

    def run(self, script: str, input: dict[str, Any], *, name: str) -> ScriptResult:
        self.asked.append((script, input, name))
        return ScriptResult(self.value, ("traced",))


def run(row: dict[str, Any], input: dict[str, Any], scripts: Echo | None = None) -> Mapped:
    return compile_plan(parse_rows([{"target": "T", **row}])).run(input, scripts)


def one(row: dict[str, Any], input: dict[str, Any], scripts: Echo | None = None) -> tuple[Any, Step]:
    """The value at T, or LEFT_OUT, and the step."""
    mapped = run(row, input, scripts)
    return mapped.fields.get("T", LEFT_OUT), mapped.steps[0]


def outcome(action: str, value: Any, **extra: Any) -> Any:
    input = {} if value is ABSENT else {"s": value}
    try:
        return one({"action": action, "source": "s", **OPTIONS[action], **extra}, input)[0]
    except MappingError:
        return ERROR


DEFAULT = "the default"

EMPTY_TABLE = [
    # source value, sync, array_map, range_map, date_convert
    (ABSENT, DEFAULT, DEFAULT, DEFAULT, DEFAULT),
    (None, DEFAULT, DEFAULT, DEFAULT, DEFAULT),
    ("", DEFAULT, DEFAULT, DEFAULT, DEFAULT),
    ("  ", "  ", DEFAULT, DEFAULT, DEFAULT),
    (0, 0, DEFAULT, "Small", "1970-01-01"),
    (False, False, DEFAULT, ERROR, ERROR),
    ([], DEFAULT, DEFAULT, ERROR, ERROR),
    ({}, DEFAULT, DEFAULT, ERROR, ERROR),
    (700, 700, DEFAULT, DEFAULT, "1970-01-01"),
    ("soon", "soon", DEFAULT, ERROR, ERROR),
    (["a"], ["a"], ERROR, ERROR, ERROR),
    ({"a": 1}, {"a": 1}, ERROR, ERROR, ERROR),
]


@pytest.mark.parametrize("row", EMPTY_TABLE, ids=lambda row: repr(row[0]))
def test_the_table_of_empty_values(row: tuple[Any, ...]) -> None:
    value, *expected = row
    for action, wanted in zip(OPTIONS, expected, strict=True):
        assert outcome(action, value, default=DEFAULT) == wanted, action
        without = LEFT_OUT if wanted is DEFAULT else wanted
        assert outcome(action, value) == without, action


@pytest.mark.parametrize("value", [ABSENT, None, "", [], {}])
def test_without_a_default_the_target_is_left_out_with_a_warning(value: Any) -> None:
    found, step = one({"action": "sync", "source": "a.b"}, {"a": {} if value is ABSENT else {"b": value}})
    what = "missing" if value is ABSENT else "null" if value is None else "empty"
    source = None if value is ABSENT else value
    warning = f"T was left out, because a.b is {what} and there is no default."
    assert (found, step) == (LEFT_OUT, Step("T", "sync", source, None, left_out=True, warning=warning))


def test_a_default_is_used_without_fuss() -> None:
    found, step = one({"action": "sync", "source": "s", "default": "none"}, {"s": ""})
    assert (found, step) == ("none", Step("T", "sync", "", "none", default_used=True))


def test_a_default_of_null_sends_null() -> None:
    assert run({"action": "sync", "source": "s", "default": None}, {}).fields == {"T": None}


@pytest.mark.parametrize("action", ["range_map", "date_convert"])
def test_blanks_give_the_default_with_a_warning(action: str) -> None:
    found, step = one({"action": action, "source": "s", "default": 1, **OPTIONS[action]}, {"s": " \t"})
    assert (found, step.warning) == (1, "The default was used, because s holds only blanks.")


@pytest.mark.parametrize("value", ["text", 3, 2.5, True, None, [1, {"a": None}], {"a": []}])
def test_set_static_keeps_the_type_of_its_value(value: Any) -> None:
    assert run({"action": "set_static", "value": value}, {}).fields == {"T": value}


# Array Map


def array_map(value: Any, *entries: tuple[Any, Any]) -> tuple[Any, bool]:
    mappings = [{"compare": compare, "value": result} for compare, result in entries]
    found, step = one({"action": "array_map", "source": "s", "mappings": mappings}, {"s": value})
    return found, step.loose


@pytest.mark.parametrize(
    ("value", "entries", "expected"),
    [
        ("work_done", [("work_done", "Ready")], "Ready"),
        ("New", [("new", 1)], LEFT_OUT),
        ("New ", [("New", 1)], LEFT_OUT),
        ("true", [(True, 1)], LEFT_OUT),
        (True, [("true", 1)], LEFT_OUT),
        (True, [(1, "number"), (True, "boolean")], "boolean"),
        (1, [(True, "boolean"), (1, "number")], "number"),
        (False, [(0, 1)], LEFT_OUT),
        (0, [(False, 1)], LEFT_OUT),
        (0, [(0, "zero")], "zero"),
        (2, [(2.0, "two")], "two"),
        (None, [("", 1), (None, "null")], "null"),
        ("", [(None, 1), ("", "empty")], "empty"),
        ("a", [("a", "first"), ("a", "second")], "first"),
        ("a", [("a", None)], None),
        ("a", [("a", {"id": 7})], {"id": 7}),
    ],
)
def test_array_map_compares_exactly(value: Any, entries: list[tuple[Any, Any]], expected: Any) -> None:
    assert array_map(value, *entries) == (expected, False)


@pytest.mark.parametrize(
    ("value", "entries", "expected"),
    [
        (2, [("1", "Draft"), ("2", "Assigned"), ("5", "Done")], "Assigned"),
        (2.0, [("2", "Assigned")], "Assigned"),
        (2.5, [("2.5", "half")], "half"),
        ("2", [(2, "two")], "two"),
        ("-3", [(-3, "minus")], "minus"),
        (2, [("2", "first"), ("2", "second")], "first"),
    ],
)
def test_array_map_then_takes_a_number_for_its_canonical_text_and_says_so(
    value: Any, entries: list[tuple[Any, Any]], expected: Any
) -> None:
    assert array_map(value, *entries) == (expected, True)


def test_array_map_prefers_the_exact_entry_wherever_it_stands() -> None:
    assert array_map(2, ("2", "text"), (2, "number")) == ("number", False)
    assert array_map("2", (2, "number"), ("2", "text")) == ("text", False)


@pytest.mark.parametrize(
    ("value", "compare"), [(2, "2.0"), (2, " 2"), (2, "02"), ("2.0", 2), ("02", 2), (" 2", 2), (2, "two"), ("1", True)]
)
def test_array_map_takes_no_other_text_for_a_number(value: Any, compare: Any) -> None:
    assert array_map(value, (compare, 1)) == (LEFT_OUT, False)


def test_array_map_without_a_match_says_what_it_compared() -> None:
    _, step = one({"action": "array_map", "source": "s", "mappings": STAGES}, {"s": "New "})
    assert step.warning == 'T was left out, because no entry equals "New " and there is no default.'


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "1", "2", "02", "true"])


@settings(max_examples=150, deadline=None)
@given(value=SCALARS, entries=st.lists(st.tuples(SCALARS, st.integers()), max_size=6))
def test_array_map_equals_its_definition(value: Any, entries: list[tuple[Any, int]]) -> None:
    def exact(compare: Any) -> bool:
        return type(compare) is type(value) and compare == value

    def loose(compare: Any) -> bool:
        pair = {type(compare), type(value)}
        return pair == {int, str} and str(compare) == str(value)

    hits = [result for compare, result in entries if exact(compare)]
    if value != "" and value is not None:
        hits += [result for compare, result in entries if loose(compare)]
    assert array_map(value, *entries)[0] == (hits[0] if hits else LEFT_OUT)


# Range Map


def range_map(value: Any, *entries: tuple[Any, Any], default: Any = "Large") -> Any:
    ranges = [{"compare": compare, "value": result} for compare, result in entries]
    row = {"action": "range_map", "source": "s", "ranges": ranges, "default": default}
    return one(row, {} if value is ABSENT else {"s": value})[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "Small"), (-5, "Small"), (150, "Small"), (150.01, "Medium"), (600, "Medium"), (600.01, "Large"),
        (ABSENT, "Large"), (None, "Large"), ("150", "Small"), ("150.01", "Medium"), ("-5", "Small"), ("6e2", "Medium"),
        ("600.0000000000000000001", "Large"),
    ],
)  # fmt: skip
def test_the_documented_bands(value: Any, expected: str) -> None:
    assert range_map(value, (150, "Small"), (600, "Medium")) == expected


@pytest.mark.parametrize(
    "value", ["abc", "1,000", "$65", " 150", "NaN", "Infinity", "0x10", "\u0661", [1], {}, True, float("nan")]
)
def test_what_is_no_number_never_becomes_the_default(value: Any) -> None:
    with pytest.raises(MappingError) as caught:
        range_map(value, (150, "Small"))
    assert "is no number, and range_map needs one." in caught.value.sentence


def test_bands_out_of_order_give_the_leftmost_that_holds() -> None:
    assert range_map(100, (600, "Medium"), (150, "Small")) == "Medium"


def test_equal_thresholds_give_the_first() -> None:
    assert range_map(100, (150, "first"), (150, "second")) == "first"


def test_numeric_text_compares_as_the_decimal_that_it_shows() -> None:
    assert range_map("150.01", (150.01, "up to"), default="above") == "up to"
    assert range_map("0.3", (0.1 + 0.2, "up to"), default="above") == "up to"


NUMBERS = st.integers(-5, 5) | st.floats(-5, 5).map(lambda number: round(number, 1))


@settings(max_examples=150, deadline=None)
@given(value=NUMBERS, entries=st.lists(st.tuples(NUMBERS, st.integers()), max_size=6), as_text=st.booleans())
def test_range_map_equals_the_fold_from_the_right(
    value: float, entries: list[tuple[float, int]], as_text: bool
) -> None:
    def take(found: Any, entry: tuple[float, int]) -> Any:
        return entry[1] if value <= entry[0] else found

    expected = reduce(take, reversed(entries), "default")
    assert range_map(str(value) if as_text else value, *entries, default="default") == expected


# Date Convert


def test_date_convert_needs_no_zones() -> None:
    row = {"action": "date_convert", "source": "s", "input_format": "YYYY-MM-DD HH:mm:ss", "output_format": "X",
           "timezone_in": ""}  # fmt: skip
    assert run(row, {"s": "2026-07-01 14:00:00"}).fields == {"T": "1782914400"}


def test_a_date_that_does_not_fit_is_an_error_and_never_the_default() -> None:
    row = {"action": "date_convert", "source": "s", "default": "", "input_format": "YYYY-MM-DD", "output_format": "X"}
    with pytest.raises(MappingError) as caught:
        run(row, {"s": "07/01/2026"})
    assert caught.value.sentence == 'T from s: "07/01/2026" does not fit the date format YYYY-MM-DD.'


# Concat


def concat(input: dict[str, Any], *parts: tuple[str, Any], **extra: Any) -> tuple[Any, Step]:
    row = {"action": "concat", "parts": [{"type": kind, "value": value} for kind, value in parts], **extra}
    return one(row, input)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4410027, "4410027"), (0, "0"), (False, "false"), (True, "true"), (65.0, "65"), (65.5, "65.5"), (-0.0, "0"),
        ("a", "a"), ("  ", "  "), (1e21, "1e+21"), (2**60, str(2**60)),
    ],
)  # fmt: skip
def test_concat_joins_values_as_text(value: Any, text: str) -> None:
    found, step = concat({"s": value}, ("static", "WO-"), ("field", "s"), ("static", 1))
    assert (found, step.source, step.warning) == (f"WO-{text}1", [value], "")


def test_concat_leaves_out_what_is_not_there() -> None:
    found, step = concat({"a": None, "b": "", "c": "x"}, ("field", "a"), ("field", "b"), ("field", "c"), ("field", "d"))
    assert (found, step.source, step.warning) == ("x", [None, "", "x", None], "")


def test_concat_of_empty_fields_gives_the_default_or_the_fixed_text_with_a_warning() -> None:
    parts = (("static", "WO-"), ("field", "a"), ("field", "b"))
    found, step = concat({"a": None}, *parts, default="no number")
    assert (found, step.default_used, step.warning) == ("no number", True, "")
    found, step = concat({"a": ""}, *parts)
    assert (found, step.warning) == ("WO-", "Every field part is empty: only the fixed text was written.")


def test_concat_of_fixed_text_alone_is_that_text() -> None:
    assert concat({}, ("static", "a"), ("static", "b"), default="no")[0] == "ab"


@pytest.mark.parametrize("value", [[], {}, [1], {"a": 1}])
def test_concat_refuses_lists_and_objects(value: Any) -> None:
    with pytest.raises(MappingError) as caught:
        concat({"s": value}, ("field", "s"))
    assert "concat joins single values" in caught.value.sentence


@settings(max_examples=80, deadline=None)
@given(values=st.lists(st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a"]), min_size=1, max_size=5))
def test_concat_never_prints_null(values: list[Any]) -> None:
    input = {f"f{place}": value for place, value in enumerate(values)}
    found, _ = concat(input, *[("field", f"f{place}") for place in range(len(values) + 1)])
    assert "null" not in found.lower()
    assert "none" not in found.lower()
    assert "missing" not in found.lower()


# Custom


def test_custom_stores_what_the_script_gives_as_it_is() -> None:
    scripts = Echo({"a": 1})
    input = {"title": "x"}
    found, step = one({"action": "custom", "script": "{a: 1}", "source": "title"}, input, scripts)
    assert (found, step) == ({"a": 1}, Step("T", "custom", "x", {"a": 1}, trace=("traced",)))
    assert scripts.asked == [("{a: 1}", input, "T")]


def test_custom_names_the_script_by_the_rows_label() -> None:
    scripts = Echo(1)
    run({"action": "custom", "script": "1", "label": "Billable hours"}, {}, scripts)
    assert scripts.asked[0][2] == "Billable hours"


def test_custom_null_gives_the_default_or_leaves_the_target_out() -> None:
    assert one({"action": "custom", "script": "null", "default": 3}, {}, Echo(None))[0] == 3
    found, step = one({"action": "custom", "script": "null"}, {}, Echo(None))
    assert (found, step.warning) == (LEFT_OUT, "T was left out, because the script gave null and there is no default.")


@pytest.mark.parametrize("value", ["", 0, False, [], {}])
def test_custom_takes_every_other_result_as_a_value(value: Any) -> None:
    assert one({"action": "custom", "script": "x", "default": "no"}, {}, Echo(value))[0] == value


def test_custom_without_a_runner_is_an_error() -> None:
    with pytest.raises(MappingError) as caught:
        run({"action": "custom", "script": "1"}, {})
    assert caught.value.sentence == "The script T cannot run here: there is no script runner."
