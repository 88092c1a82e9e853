"""Hostile scripts: each fails alone, with a clear error, and the next script works."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psutil
import pytest

from mappings.jsonnet import ErrorKind, Limits, Sandbox, ScriptError

MIB = 1024 * 1024
# Short, so that the suite is; still long enough for a busy machine to run a harmless script.
LIMITS = Limits(
    wall_seconds=2, cpu_seconds=60, memory_bytes=128 * MIB, output_bytes=100_000, script_bytes=20_000, children=1
)
ENDLESS = """local again(n) = std.foldl(function(a, i) a + i, std.range(1, 1000), n);
std.foldl(function(a, i) again(a) - a, std.range(1, 1000000), 0)"""


@pytest.fixture(scope="module")
def strict() -> Iterator[Sandbox]:
    sandbox = Sandbox(limits=LIMITS)
    yield sandbox
    sandbox.close()


def assert_fails_alone(sandbox: Sandbox, script: str, expected: str) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        sandbox.run(script, {}, name="Hostile")
    assert caught.value.kind is ErrorKind.LIMIT
    assert expected in caught.value.sentence
    assert sandbox.run("$.input.a + 1", {"a": 1}, name="Next").value == 2
    return caught.value


def test_an_endless_script_is_stopped_after_its_time(strict: Sandbox) -> None:
    error = assert_fails_alone(strict, ENDLESS, "Script Hostile: it ran longer than 2 seconds and was stopped.")
    assert error.line is None


@pytest.mark.parametrize(
    "script",
    [
        "local f(x) = f(x) tailstrict; f(0)",
        "local f(x) = 1 + f(x + 1) tailstrict; f(0)",
        "std.repeat('x', 1000000000)",
        "local grow(a, n) = if n == 0 then a else grow(a + a, n - 1); std.length(grow([1, 2], 40))",
        "local grow(t, n) = if n == 0 then t else grow(t + t, n - 1); std.length(grow('abcdefgh', 40) + '!')",
        "std.length(std.range(1, 300000000))",
        "std.makeArray(100000000, function(i) i)",
        "std.strReplace(std.repeat('x', 10000), 'x', std.repeat('y', 100000))",
        "(" * 9000 + "1" + ")" * 9000 + "+" + "[" * 1900,
    ],
)
def test_a_script_that_fills_memory_or_time_is_stopped(strict: Sandbox, script: str) -> None:
    with pytest.raises(ScriptError) as caught:
        strict.run(script, {}, name="Hostile")
    assert caught.value.kind in (ErrorKind.LIMIT, ErrorKind.SYNTAX)
    if caught.value.kind is ErrorKind.LIMIT:
        assert any(part in caught.value.sentence for part in ("of memory", "ran longer", "too deeply", "larger than"))
    assert strict.run("$.input.a + 1", {"a": 1}, name="Next").value == 2


def test_memory_that_grows_without_end_is_named_as_the_reason() -> None:
    sandbox = Sandbox(limits=Limits(wall_seconds=30, cpu_seconds=30, memory_bytes=128 * MIB, children=1))
    script = "std.length(std.range(1, 300000000))"
    assert_fails_alone(sandbox, script, "it needs more than 134,217,728 bytes of memory")
    sandbox.close()


def test_deep_recursion_is_an_error_of_the_script_and_keeps_the_child(strict: Sandbox) -> None:
    strict.run("1", {}, name="Warm")
    before = pids(strict)
    error = assert_fails_alone(strict, "\nlocal f(n) = 1 + f(n + 1);\nf(0)", "it calls itself too deeply")
    assert error.line == 2
    assert pids(strict) == before


@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_megabytes_of_output_are_refused(strict: Sandbox, size: int) -> None:
    script = f"local t = '{'x' * 1000}'; [t for i in std.range(1, {size // 1000})]"
    assert_fails_alone(strict, script, "its result is larger than 100,000 bytes. Return less.")


def test_output_below_the_limit_is_returned_whole(strict: Sandbox) -> None:
    value = strict.run(f"local t = '{'x' * 1000}'; [t for i in std.range(1, 90)]", {}, name="Big").value
    assert value == ["x" * 1000] * 90


def test_a_very_long_script_is_refused_unread(strict: Sandbox) -> None:
    assert_fails_alone(strict, "1" + " " * 20_000, "it is longer than 20,000 bytes")
    with pytest.raises(ScriptError, match="longer than"):
        strict.check("1" + " " * 20_000, name="Hostile")


def test_a_large_input_is_refused_unread() -> None:
    sandbox = Sandbox(limits=Limits(input_bytes=1000, children=1))
    with pytest.raises(ScriptError) as caught:
        sandbox.run("1", {"a": "x" * 1000}, name="Stage")
    assert caught.value.sentence == "Script Stage: its input is larger than 1,000 bytes."
    assert sandbox.run("1", {"a": "x" * 900}, name="Stage").value == 1
    sandbox.close()


def test_an_input_of_a_megabyte_goes_through(strict: Sandbox) -> None:
    rows = [{"id": n, "text": "x" * 100} for n in range(9_000)]
    assert len(json.dumps(rows)) > MIB
    assert strict.run("std.length($.input.rows)", {"rows": rows}, name="Long").value == 9_000


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/dev/stdin", "/proc/self/environ", "library.libsonnet", "$.util", "script", "", "../x"]
)
@pytest.mark.parametrize("form", ["import", "importstr", "importbin"])
def test_imports_are_refused_and_nothing_is_read(strict: Sandbox, form: str, path: str) -> None:
    with pytest.raises(ScriptError) as caught:
        strict.run(f"local x =\n  {form} '{path}';\nx", {}, name="Hostile")
    assert caught.value.sentence == (
        "Script Hostile, line 2: imports are not available. Write what you need into the script."
    )
    assert strict.run("$.input.a + 1", {"a": 1}, name="Next").value == 2


def test_processor_time_is_limited_of_itself() -> None:
    sandbox = Sandbox(limits=Limits(wall_seconds=60, cpu_seconds=0, children=1))
    assert_fails_alone(sandbox, ENDLESS, "it used more than 0 seconds of processor time and was stopped.")
    sandbox.close()


def test_a_child_that_grew_is_replaced_before_it_can_hurt_the_next_script() -> None:
    sandbox = Sandbox(limits=Limits(wall_seconds=20, cpu_seconds=20, children=1))
    sandbox.run("1", {}, name="Warm")
    before = pids(sandbox)
    assert sandbox.run("std.length(std.range(1, 10000))", {}, name="Small").value == 10_000
    assert pids(sandbox) == before
    assert sandbox.run("std.length(std.range(1, 2000000))", {}, name="Big").value == 2_000_000
    assert sandbox.run("1", {}, name="Next").value == 1
    assert not pids(sandbox) & before
    sandbox.close()


def test_hostile_scripts_leave_the_parent_small(strict: Sandbox) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    for script in (
        "std.repeat('x', 1000000000)",
        "std.trace(std.repeat('y', 5000000), 1)",
        "error std.repeat('z', 5e6)",
    ):
        with pytest.raises(ScriptError):
            strict.run(script, {}, name="Hostile")
    assert process.memory_info().rss - before < 16 * MIB


def pids(sandbox: Sandbox) -> set[int]:
    return {child.pid for child in sandbox._children}
