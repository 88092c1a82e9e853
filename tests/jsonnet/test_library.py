"""$.util: the documented functions, with every rule of the JSONNET reference (section 3.1 and section 6)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.jsonnet import ErrorKind, Sandbox, ScriptError
from tests.benchmarks.jsonnet import EXAMPLE, work_order

ORDER: dict[str, Any] = {
    "title": "Swap router",
    "pay": {"amount": 0, "type": "", "fast": False, "note": None, "2": "two"},
    "contacts": [{"email": "a@example.test", "tags": ["x", "y"]}, {"email": None}],
    "grid": [[1, 2], [3, 4]],
    "a.b": "literal",
}
GROUPS: dict[str, Any] = {
    "results": [
        {
            "id": 1,
            "name": "Buyer fields",
            "role": "buyer",
            "results": [
                {"id": 611, "name": "Ticket number", "type": "text", "flags": ["internal_id"], "value": "INC-20418"}
            ],
        },
        {
            "id": 2,
            "name": "Provider fields",
            "role": "assigned_provider",
            "results": [{"id": 702, "name": "Serial installed", "type": "text", "flags": [], "value": ""}],
        },
    ]
}


def run(sandbox: Sandbox, script: str, **input: Any) -> Any:
    return sandbox.run(script, input, name="test").value


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("'title', 'none'", "Swap router"),
        ("'contacts[0].email', 'none'", "a@example.test"),
        ("'contacts[0].tags[1]', 'none'", "y"),
        ("'grid[1][0]', 'none'", 3),
        ("'pay.2', 'none'", "two"),
        ("'pay.amount', 'none'", 0),
        ("'pay.type', 'none'", ""),
        ("'pay.fast', 'none'", False),
        ("'pay.note', 'none'", "none"),
        ("'pay.nope', 'none'", "none"),
        ("'pay.nope.deeper', 'none'", "none"),
        ("'title.deeper', 'none'", "none"),
        ("'contacts.email', 'none'", "none"),
        ("'contacts[1].email', 'none'", "none"),
        ("'contacts[2].email', 'none'", "none"),
        ("'contacts[-1].email', 'none'", "none"),
        ("'contacts[x]', 'none'", "none"),
        ("'contacts[0', 'none'", "none"),
        ("'contacts[]', 'none'", "none"),
        ("'contacts[0]x', 'none'", "none"),
        ("'title[0]', 'none'", "none"),
        ("'', 'none'", "none"),
        ("'pay..amount', 'none'", "none"),
        ("null, 'none'", "none"),
        ("'a.b', 'none'", "none"),
        ("'a.b', 'none', true", "literal"),
        ("'a.b', 'none', raw=true", "literal"),
        ("default='none', raw=true, path='contacts[0]'", "none"),
        ("'nope', null", None),
        ("'nope', [1]", [1]),
    ],
)
def test_lookup_field_gives_what_is_there_and_the_default_else(sandbox: Sandbox, arguments: str, expected: Any) -> None:
    value = run(sandbox, f"$.util.lookup_field($.input, {arguments})", **ORDER)
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize("obj", ["null", "3", "'text'", "true", "function(x) x"])
def test_lookup_field_in_no_object_gives_the_default(sandbox: Sandbox, obj: str) -> None:
    assert run(sandbox, f"$.util.lookup_field({obj}, 'a', 'none')") == "none"


def test_lookup_field_finds_an_element_of_a_list_by_index(sandbox: Sandbox) -> None:
    assert run(sandbox, "$.util.lookup_field([{ a: 7 }], '[0].a', 0)") == 7
    assert run(sandbox, "$.util.lookup_field([{ a: 7 }], 'a', 0)") == 0


def test_lookup_field_needs_a_default(sandbox: Sandbox) -> None:
    with pytest.raises(ScriptError, match=r"line 1: Missing argument: default\."):
        run(sandbox, "$.util.lookup_field({}, 'a')")


@pytest.mark.parametrize("id", ["'611'", "611"])
@pytest.mark.parametrize(
    "obj",
    [
        {"custom_fields": GROUPS},
        {"workorder": {"custom_fields": GROUPS}},
        GROUPS,
        GROUPS["results"],
        GROUPS["results"][0],
        GROUPS["results"][0]["results"],
        GROUPS["results"][0]["results"][0],
        {"custom_fields": [{"id": "611", "name": "Ticket number", "value": "INC-20418"}]},
        {"custom_fields": {"internal": {"id": 611, "name": "Ticket number", "value": "INC-20418"}}},
        {"custom_fields": None, "workorder": {"custom_fields": GROUPS}},
    ],
)
def test_lookup_custom_field_finds_every_shape(sandbox: Sandbox, id: str, obj: Any) -> None:
    assert run(sandbox, f"$.util.lookup_custom_field({id}, $.input.obj, 'none')", obj=obj) == "INC-20418"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("702, $.input", ""),
        ("702, $.input, 'none'", "none"),
        ("999, $.input, default='none'", "none"),
        ("obj=$.input, id=611", "INC-20418"),
        ("1, $.input, 'none'", "none"),
        ("null, $.input, 'none'", "none"),
        ("611, null, 'none'", "none"),
        ("611, 'text', 'none'", "none"),
        ("611, [], 'none'", "none"),
    ],
)
def test_lookup_custom_field_gives_the_default_for_what_is_empty(
    sandbox: Sandbox, arguments: str, expected: str
) -> None:
    assert run(sandbox, f"$.util.lookup_custom_field({arguments})", custom_fields=GROUPS) == expected


def test_lookup_custom_field_takes_the_first_hit_that_is_not_empty(sandbox: Sandbox) -> None:
    fields = [{"id": 5, "value": ""}, {"id": 5, "value": None}, {"id": 5, "value": 0}, {"id": 5, "value": "later"}]
    assert run(sandbox, "$.util.lookup_custom_field(5, $.input, 'none')", custom_fields=fields) == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3", "number"),
        ("'3'", "text"),
        ("null", "nothing"),
        ("'bare'", None),
        ("true", "none"),
        ("'twice'", "first"),
        ("'Bare'", "none"),
        ("[1]", "list"),
    ],
)
def test_array_map_compares_with_types(sandbox: Sandbox, value: str, expected: Any) -> None:
    table = """[{ cmp: 3, val: 'number' }, { cmp: '3', val: 'text' }, { cmp: null, val: 'nothing' }, { cmp: 'bare' },
      { cmp: 'twice', val: 'first' }, { cmp: 'twice', val: 'second' }, { cmp: [1], val: 'list' }]"""
    assert run(sandbox, f"$.util.array_map({table}, {value}, 'none')") == expected
    assert run(sandbox, f"$.util.array_map(default='none', val={value}, array_def={table})") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", "Small"),
        ("-5", "Small"),
        ("150", "Small"),
        ("150.01", "Medium"),
        ("600", "Medium"),
        ("600.01", "Large"),
        ("null", "Large"),
        ("'150'", "Small"),
        ("'150.01'", "Medium"),
        ("' 7 '", "Small"),
    ],
)
def test_range_map_takes_the_leftmost_band_that_holds(sandbox: Sandbox, value: str, expected: str) -> None:
    bands = "[{ cmp: 150, val: 'Small' }, { cmp: 600, val: 'Medium' }]"
    assert run(sandbox, f"$.util.range_map({bands}, {value}, 'Large')") == expected
    assert run(sandbox, f"$.util.range_map(val={value}, default='Large', range_def={bands})") == expected


def test_range_map_with_unsorted_bands_takes_the_leftmost(sandbox: Sandbox) -> None:
    assert run(sandbox, "$.util.range_map([{ cmp: 600, val: 'M' }, { cmp: 150, val: 'S' }], 100, 'L')") == "M"


@pytest.mark.parametrize("value", ['"abc"', "[1]", "{}", "true", '""', '"1,000"', '"NaN"', '"1e999"'])
def test_range_map_refuses_what_is_no_number(sandbox: Sandbox, value: str) -> None:
    with pytest.raises(ScriptError) as caught:
        run(sandbox, f"local bands = [];\n$.util.range_map(bands, {value}, 'none')")
    assert caught.value.sentence == f"Script test, line 2: range_map needs a number, got {value}"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-50, 50), max_size=5),
    st.one_of(st.integers(-60, 60), st.floats(-60, 60, allow_nan=False)),
)
def test_range_map_equals_its_definition(sandbox: Sandbox, thresholds: list[int], value: float) -> None:
    bands = [{"cmp": threshold, "val": place} for place, threshold in enumerate(thresholds)]
    expected = next((band["val"] for band in bands if value <= band["cmp"]), "above")
    assert run(sandbox, "$.util.range_map($.input.b, $.input.v, 'above')", b=bands, v=value) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("'2026-03-04 05:06:07', 'YYYY-MM-DD HH:mm:ss', 'YYYY-MM-DDTHH:mm:ssZ'", "2026-03-04T05:06:07+00:00"),
        (
            "'2026-03-04 05:06:07', 'YYYY-MM-DD HH:mm:ss', 'dddd, D MMMM YYYY', timezone_out='America/Chicago'",
            "Tuesday, 3 March 2026",
        ),
        ("'2026-07-01', 'YYYY-MM-DD', 'X', 'America/Denver'", "1782885600"),
        ("1772600767, 'X', 'YYYY-MM-DD HH:mm:ss'", "2026-03-04 05:06:07"),
        ("1772600767089, 'x', 'HH:mm:ss.SSS'", "05:06:07.089"),
        ("'', 'YYYY', 'YYYY'", ""),
        ("null, 'YYYY', 'YYYY'", ""),
        (
            "timezone_in='UTC', timezone_out='UTC', format_output='D MMM', format_input='MM/DD/YYYY', "
            "value='07/01/2026'",
            "1 Jul",
        ),
    ],
)
def test_date_convert_rewrites(sandbox: Sandbox, arguments: str, expected: str) -> None:
    assert run(sandbox, f"$.util.date_convert({arguments})") == expected


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("'soon', 'YYYY-MM-DD', 'YYYY'", '"soon" does not fit the date format YYYY-MM-DD.'),
        ("'2026-07-01', 'YYYY-MM-DD', 'YYYY', 'Mars/Base'", 'There is no time zone "Mars/Base".'),
        ("[1], 'YYYY', 'YYYY'", "date_convert: value must be text, got array"),
        ("'2026', null, 'YYYY'", "date_convert: format_input must be text, got null"),
        ("'2026', 'YYYY', 4", "date_convert: format_output must be text, got number"),
    ],
)
def test_date_convert_says_what_is_wrong(sandbox: Sandbox, arguments: str, sentence: str) -> None:
    with pytest.raises(ScriptError) as caught:
        run(sandbox, f"// a comment\n$.util.date_convert({arguments})")
    assert caught.value.sentence.startswith(f"Script test, line 2: {sentence}")
    assert caught.value.line == 2


def test_date_time_format_fn_utc_is_field_nations_format(sandbox: Sandbox) -> None:
    assert run(sandbox, "$.util.date_time_format_fn_utc()") == "YYYY-MM-DD HH:mm:ss"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("'2026-12-31 23:30:00'", "2027-01-01 23:30:00"),
        ("'2026-02-28'", "2026-03-01"),
        ("'2028-02-28'", "2028-02-29"),
        ("'2026-07-31T14:00:00Z'", "2026-08-01T14:00:00Z"),
        ("'12/31/2026', 'MM/DD/YYYY'", "01/01/2027"),
        ("format_input='', value='2026-01-01'", "2026-01-02"),
        ("1772600767, 'X'", "1772687167"),
        ("''", ""),
        ("null", ""),
    ],
)
def test_date_add_adds_one_day_in_the_same_format(sandbox: Sandbox, arguments: str, expected: str) -> None:
    assert run(sandbox, f"$.util.date_add({arguments})") == expected


def test_date_add_refuses_what_is_no_date(sandbox: Sandbox) -> None:
    with pytest.raises(ScriptError, match=r'^Script test, line 1: "soon" is no date'):
        run(sandbox, "$.util.date_add('soon')")


@pytest.mark.parametrize(
    ("array", "expected"),
    [("[1, 2.5, -1]", 2.5), ("[1, '2', null, true, [3], 4]", 5), ("[]", 0), ("null", 0), ("'12'", 0)],
)
def test_array_sum_adds_numbers_only(sandbox: Sandbox, array: str, expected: float) -> None:
    assert run(sandbox, f"$.util.array_sum(array={array})") == expected


ROWS: list[dict[str, Any]] = [
    {"n": 1, "category": {"name": "Parts"}, "amount": "12.50", "status": "Approved"},
    {"n": 2, "category": {"name": "Travel"}, "amount": 7, "status": "denied"},
    {"n": 3, "category": {}, "amount": None, "status": None},
    {"n": 4, "category": {"name": "Parts"}, "amount": "abc", "a.b": 9},
]


def test_object_map_array_makes_new_objects(sandbox: Sandbox) -> None:
    value = run(
        sandbox, "$.util.object_map_array(arr=$.input.rows, map={ 'category.name': 'kind.of', n: 'id' })", rows=ROWS
    )
    assert value == [
        {"id": 1, "kind.of": "Parts"},
        {"id": 2, "kind.of": "Travel"},
        {"id": 3, "kind.of": None},
        {"id": 4, "kind.of": "Parts"},
    ]


@pytest.mark.parametrize("arr", ["null", "'x'", "{}", "[]"])
def test_object_map_array_of_no_list_is_empty(sandbox: Sandbox, arr: str) -> None:
    assert run(sandbox, f"$.util.object_map_array({arr}, {{ a: 'b' }})") == []


def test_object_map_array_refuses_two_sources_for_one_key(sandbox: Sandbox) -> None:
    with pytest.raises(ScriptError, match="two sources are mapped to one target key"):
        run(sandbox, "$.util.object_map_array([], { a: 'x', b: 'x' })")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("$.input.rows, 'category.name'", ["Parts", "Travel", "", "Parts"]),
        ("{ results: $.input.rows }, 'status', 'none'", ["Approved", "denied", "none", "none"]),
        ("$.input.rows, 'a.b', null, true", [None, None, None, 9]),
        ("raw=true, default=0, field='a.b', results=$.input.rows", [0, 0, 0, 9]),
        ("null, 'n'", []),
        ("'text', 'n'", []),
        ("[1, null], 'n', 'none'", ["none", "none"]),
    ],
)
def test_results_values_gives_one_value_for_each_row(sandbox: Sandbox, arguments: str, expected: list[Any]) -> None:
    assert run(sandbox, f"$.util.results_values({arguments})", rows=ROWS) == expected


def test_results_values_unique_keeps_the_first_appearance_and_types(sandbox: Sandbox) -> None:
    rows = [{"v": value} for value in ("b", "a", "b", 1, "1", 1, None, "", "a")]
    assert run(sandbox, "$.util.results_values_unique($.input.rows, 'v')", rows=rows) == ["b", "a", 1, "1", ""]
    assert run(
        sandbox, "$.util.results_values_unique(field='x.y', results=$.input, default='d', raw=true)", results=rows
    ) == ["d"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.integers(-3, 3), st.sampled_from(["a", "1", "b"])), max_size=8))
def test_results_values_unique_loses_nothing(sandbox: Sandbox, values: list[int | str]) -> None:
    rows = [{"v": value} for value in values]
    assert run(sandbox, "$.util.results_values_unique($.input.rows, 'v')", rows=rows) == list(dict.fromkeys(values))


def test_results_group_by_groups_by_the_text_of_the_value(sandbox: Sandbox) -> None:
    script = "std.mapWithKey(function(key, rows) [r.n for r in rows], $.util.results_group_by($.input.rows, {}))"
    assert run(sandbox, script.format("'category.name', null"), rows=ROWS) == {"": [3], "Parts": [1, 4], "Travel": [2]}
    assert run(sandbox, script.format("'n', function(r) r.n > 2"), rows=ROWS) == {"3": [3], "4": [4]}
    assert run(sandbox, script.format("'a.b', null, raw=true"), rows=ROWS) == {"": [1, 2, 3], "9": [4]}
    assert run(
        sandbox, script.format("additional_filter=$.util.is_expense_approved_fn, group_by_field='n'"), rows=ROWS
    ) == {"1": [1]}
    assert run(sandbox, "$.util.results_group_by(null, 'n', null)") == {}


@pytest.mark.parametrize(
    ("expense", "expected"),
    [
        ("{ status: 'approved' }", True),
        ("{ status: 'APPROVED' }", True),
        ("{ status: 'denied' }", False),
        ("{ status: null }", False),
        ("{ approved: { utc: '2026-01-01 00:00:00' } }", False),
        ("{}", False),
        ("null", False),
        ("'approved'", False),
    ],
)
def test_is_expense_approved_fn_looks_at_the_status(sandbox: Sandbox, expense: str, expected: bool) -> None:
    assert run(sandbox, f"$.util.is_expense_approved_fn(expense={expense})") is expected


def test_sum_expense_field_adds_numbers_and_numeric_texts(sandbox: Sandbox) -> None:
    assert run(sandbox, "$.util.sum_expense_field($.input.rows, 'amount')", rows=ROWS) == 19.5
    assert run(sandbox, "$.util.sum_expense_field(field='category.name', expenses=$.input.rows)", rows=ROWS) == 0
    assert run(sandbox, "$.util.sum_expense_field(null, 'amount')") == 0


def test_there_are_fourteen_functions_and_they_stay_out_of_the_result(sandbox: Sandbox) -> None:
    names = run(sandbox, "std.objectFieldsAll($.util)")
    assert names == [
        "array_map",
        "array_sum",
        "date_add",
        "date_convert",
        "date_time_format_fn_utc",
        "is_expense_approved_fn",
        "lookup_custom_field",
        "lookup_field",
        "object_map_array",
        "range_map",
        "results_group_by",
        "results_values",
        "results_values_unique",
        "sum_expense_field",
    ]
    assert run(sandbox, "$.util") == {}


def test_the_long_example_gives_the_documented_kind_of_result(sandbox: Sandbox) -> None:
    assert sandbox.run(EXAMPLE, work_order(), name="example").value == {
        "ticket": "INC-11",
        "stage": "Review",
        "effort": "half day",
        "visit_day": "Tuesday, 3 March 2026",
        "spent": 37.5,
        "kinds": ["Travel", "Parking"],
        "rows": [
            {"text": "Parking, day 0", "kind": "Travel", "usd": "12.50"},
            {"text": "Parking, day 2", "kind": "Travel", "usd": "12.50"},
            {"text": "Parking, day 3", "kind": "Parking", "usd": "12.50"},
        ],
    }


def test_what_a_script_says_itself_is_shown(sandbox: Sandbox) -> None:
    with pytest.raises(ScriptError) as caught:
        run(sandbox, "local x = 1;\nif x > 0 then error 'No ticket yet' else x")
    assert caught.value.sentence == "Script test, line 2: No ticket yet"
    assert (caught.value.kind, caught.value.line) == (ErrorKind.LOGIC, 2)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_any_input_comes_back_unchanged(sandbox: Sandbox, input: dict[str, Any]) -> None:
    assert sandbox.run("$.input", input, name="test").value == input
