"""Forms of scripts, what they return, what std gives, errors with their class, sentence and line."""

from __future__ import annotations

import math
from typing import Any

import pytest

from broker_project.lib.errors import MappingError
from mappings.jsonnet import ErrorKind, Limits, Sandbox, ScriptError, ScriptResult


def run(sandbox: Sandbox, script: str, **input: Any) -> Any:
    return sandbox.run(script, input, name="Stage").value


def failure(sandbox: Sandbox, script: str, **input: Any) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        sandbox.run(script, input, name="Stage")
    return caught.value


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("$.input.title", "Swap router"),
        ("local t = $.input.title; { Subject: t, n: 1 }", {"Subject": "Swap router", "n": 1}),
        ("{\n  local u = $.util,\n  a: u.array_sum([1, 2]),\n  b: self.a + 1,\n  hidden:: 4,\n}", {"a": 3, "b": 4}),
        ("$.input.title // the title", "Swap router"),
        ("$.input.title # the title", "Swap router"),
        ("/* the title */ $.input.title\n\n", "Swap router"),
        ("local twice(n) = n * 2; [twice(n) for n in std.range(1, 3)]", [2, 4, 6]),
        ("if std.length($.input.title) > 3 then true else false", True),
        ("null", None),
        ("{ [null]: 1 }", {}),
        ("|||\n  two\n  lines\n|||", "two\nlines\n"),
        ("'tab\\t, quote \\', snowman ☃, 😀'", "tab\t, quote ', snowman ☃, 😀"),
        ("{ local x = 1, b: 2, a: x }", {"a": 1, "b": 2}),
        ("$.input", {"title": "Swap router"}),
        ("std.thisFile", "script"),
        ("std.objectFields($)", ["output"]),
    ],
)
def test_every_documented_form_of_script_runs(sandbox: Sandbox, script: str, expected: Any) -> None:
    assert sandbox.run(script, {"title": "Swap router"}, name="Stage") == ScriptResult(value=expected)
    sandbox.check(script, name="Stage")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("1.0", 1),
        ("2.50", 2.5),
        ("std.pow(2, 53)", 2**53),
        ("0.1 + 0.2", 0.30000000000000004),
        ("-7", -7),
        ("1e21", 10**21),
        ("1e-7", 1e-7),
    ],
)
def test_whole_numbers_are_ints_and_others_floats(sandbox: Sandbox, script: str, expected: float) -> None:
    value = run(sandbox, script)
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("std.asciiLower('AbÉ')", "abÉ"),
        ("std.asciiUpper('é')", "é"),
        ("std.filter(function(n) n > 1, [1, 2])", [2]),
        ("std.isNumber('1')", False),
        ("std.length('abc')", 3),
        ("std.map(function(n) -n, [1])", [-1]),
        ("std.parseInt('042')", 42),
        ("std.parseJson('4.2')", 4.2),
        ("[std.round(2.5), std.round(-2.5), std.round(1.005 * 100) / 100]", [3, -2, 1]),
        ("std.split('a@b', '@')", ["a", "b"]),
        ("std.stripChars(' x ', ' ')", "x"),
        ("std.toString(0.1 + 0.2)", "0.30000000000000004"),
        ("[3 == '3', 3 == 3.0, 1 == true, null == false]", [False, True, False, False]),
        ("[1 + '%', 'x' + null]", ["1%", "xnull"]),
        ("local deep(n) = if n == 0 then 0 else 1 + deep(n - 1); deep(400)", 400),
    ],
)
def test_the_language_does_what_the_reference_says(sandbox: Sandbox, script: str, expected: Any) -> None:
    assert run(sandbox, script) == expected


@pytest.mark.parametrize(
    ("script", "kind", "what"),
    [
        ("$.input.nope", ErrorKind.NULL_ACCESS, 'there is no field "nope". Read it with $.util.lookup_field'),
        ("$.input.empty.x", ErrorKind.NULL_ACCESS, "it reads a member of null. Read it with $.util.lookup_field"),
        ("[1, 2][5]", ErrorKind.NULL_ACCESS, "the list is shorter: Index 5 out of bounds"),
        ("(4).x", ErrorKind.TYPE, "it reads a member of a value that has none (Number)."),
        ("3 <= '3'", ErrorKind.TYPE, "Unexpected type string, expected number. Convert the value first."),
        ("1 + {}", ErrorKind.TYPE, "Unexpected type object, expected number."),
        ("std.parseInt('4.2')", ErrorKind.TYPE, "4.2 is not a base 10 integer."),
        ("std.parseInt(4)", ErrorKind.TYPE, "Unexpected type number, expected string."),
        ("std.length(null)", ErrorKind.TYPE, "Unexpected type null."),
        ("std.split(null, '@')", ErrorKind.TYPE, "std.split first parameter must be a String, got null."),
        ("'%d' % 'x'", ErrorKind.TYPE, "Format required number at 0, got string."),
        ("std.native('x')(1)", ErrorKind.TYPE, "Unexpected type null, expected function."),
        ("std.native('input')()", ErrorKind.TYPE, "Unexpected type null, expected function."),
        ("std.extVar('input')", ErrorKind.LOGIC, "Undefined external variable: input"),
        ("1 / 0", ErrorKind.LOGIC, "Division by zero."),
        ("{ ['a']: 1, ['a']: 2 }", ErrorKind.LOGIC, 'Duplicate field name: "a"'),
        ("assert 1 == 2 : 'never'; 3", ErrorKind.LOGIC, "never"),
        ("local f(n) = if n == 0 then 0 else 1 + f(n - 1); f(600)", ErrorKind.LIMIT, "it calls itself too deeply."),
        ("$.mine", ErrorKind.NULL_ACCESS, 'there is no field "mine".'),
    ],
)
def test_a_failing_script_says_what_and_where(sandbox: Sandbox, script: str, kind: ErrorKind, what: str) -> None:
    error = failure(sandbox, f"// first line\nlocal x =\n  {script};\n[x]", empty=None)
    assert isinstance(error, MappingError)
    assert (error.kind, error.line) == (kind, 3)
    assert error.sentence.startswith(f"Script Stage, line 3: {what}")
    assert error.detail.startswith("RUNTIME ERROR: ")
    assert "\tStage:3" in error.detail


def test_a_script_that_asks_for_its_own_result_is_stopped(sandbox: Sandbox) -> None:
    error = failure(sandbox, "\n$.output")
    assert error.kind is ErrorKind.LIMIT
    assert error.sentence == "Script Stage, line 2: it calls itself too deeply. Use std.foldl or std.map instead."


@pytest.mark.parametrize("script", ["function(x) x", "{ a: [std.length] }", "$.util.lookup_field"])
def test_a_function_in_the_result_is_refused(sandbox: Sandbox, script: str) -> None:
    error = failure(sandbox, script)
    assert error.kind is ErrorKind.MANIFEST
    assert error.sentence == "Script Stage: its result holds a function. Call it with ()."


SYNTAX_ERRORS = [
    ("{\n  a: 1\n  b: 2\n}", 3, "Expected a comma before next field"),
    ("local x = 1\nx", 2, 'Expected , or ; but got (IDENTIFIER, "x")'),
    ("local x = 1", 1, "it ends too early: a bracket or an expression is missing"),
    ("[1,\n 2\n\n", 2, "it ends too early: a bracket or an expression is missing"),
    ("1\n\n)", 3, None),
    ("{ a: 1, a: 2 }", 1, "Duplicate field: a"),
    ("nope", 1, "Unknown variable: nope"),
    ("1, 2", 1, 'Expected token ")" but got ","'),
    ("'abc", 1, "Unterminated String"),
    ("1 /* open", 1, "Multi-line comment has no terminating */"),
    ("import 'a' + 'b'", 1, "Computed imports are not allowed"),
    ("// nothing", 1, "it ends too early: a bracket or an expression is missing"),
    ("self.a; 1", 1, None),
]


@pytest.mark.parametrize(("script", "line", "what"), SYNTAX_ERRORS)
def test_a_syntax_error_is_refused_on_save_and_on_run(
    sandbox: Sandbox, script: str, line: int, what: str | None
) -> None:
    with pytest.raises(ScriptError) as caught:
        sandbox.check(script, name="Stage")
    for error in (caught.value, failure(sandbox, script)):
        assert (error.kind, error.line) == (ErrorKind.SYNTAX, line)
        assert error.sentence.startswith(f"Script Stage, line {line}: {what or ''}")


@pytest.mark.parametrize("script", ["", " \n\t", "a\0b"])
def test_what_is_no_script_at_all_is_refused(sandbox: Sandbox, script: str) -> None:
    with pytest.raises(ScriptError, match=r"^Script Stage: it (is empty|holds a NUL)"):
        sandbox.check(script, name="Stage")
    assert failure(sandbox, script).kind is ErrorKind.SYNTAX


@pytest.mark.parametrize("script", ["1), more: (2", "1), input+: ({}", "1 }.output, b: { c: (2"])
def test_a_script_cannot_close_the_bracket_around_it(sandbox: Sandbox, script: str) -> None:
    with pytest.raises(ScriptError) as caught:
        sandbox.check(script, name="Stage")
    assert caught.value.kind is ErrorKind.SYNTAX
    assert failure(sandbox, script).kind is ErrorKind.SYNTAX


@pytest.mark.parametrize("script", ["$.input.nope.deeper", "error 'x'", "local f(x) = f(x); f(1)", "1 / 0"])
def test_a_check_runs_nothing(sandbox: Sandbox, script: str) -> None:
    sandbox.check(script, name="Stage")


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, object(), b"x"])
def test_an_input_that_is_no_json_is_refused(sandbox: Sandbox, value: object) -> None:
    error = failure(sandbox, "1", value=value)
    assert error.sentence == "Script Stage: its input is not plain JSON, so it cannot be given to a script."


def test_a_number_beyond_doubles_in_the_input_is_refused_without_a_line(sandbox: Sandbox) -> None:
    error = failure(sandbox, "$.input.n", n=10**400)
    assert error.sentence.startswith("Script Stage")
    assert "failed to parse JSON" in error.sentence
    assert run(sandbox, "'unused'", n=10**400) == "unused"


def test_half_characters_become_the_replacement_character(sandbox: Sandbox) -> None:
    assert run(sandbox, "$.input.t", t="a\ud800b") == "a\ufffdb"
    assert run(sandbox, "'a\ud800b'") == "a?b"


def test_the_same_input_gives_the_same_output(sandbox: Sandbox) -> None:
    script = "{ b: $.input.x, a: std.objectFields($.input), t: std.thisFile }"
    assert len({repr(run(sandbox, script, x=1, w=2)) for _ in range(5)}) == 1


def test_a_long_error_text_is_cut_and_keeps_its_line() -> None:
    sandbox = Sandbox(limits=Limits(children=1))
    error = failure(sandbox, "\nerror std.join('', std.makeArray(100000, function(i) 'z'))")
    sandbox.close()
    assert error.line == 2
    assert len(error.sentence) < 450
    assert len(error.detail) <= 2000
