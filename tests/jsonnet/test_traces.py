"""std.trace: caught for each run, with the author's line numbers, within limits."""

from __future__ import annotations

import pytest

from mappings.jsonnet import Limits, Sandbox, ScriptError
from mappings.jsonnet.traces import read_traces


def test_traces_come_in_order_with_name_and_line(sandbox: Sandbox) -> None:
    script = "local a = std.trace('first', 1);\nlocal b =\n  std.trace('second ☃', a + 1);\nb"
    result = sandbox.run(script, {}, name="Stage")
    assert (result.value, result.trace) == (2, ("Stage:1 first", "Stage:3 second ☃"))


def test_a_traced_value_that_nothing_uses_prints_nothing(sandbox: Sandbox) -> None:
    assert sandbox.run("local unused = std.trace('never', 1); 2", {}, name="Stage").trace == ()


def test_traces_work_under_another_name_and_as_an_argument(sandbox: Sandbox) -> None:
    assert sandbox.run("local say = std.trace; say('a', say('b', 1))", {}, name="S").trace == ("S:1 b", "S:1 a")
    script = "std.map(function(n) std.trace('n' + n, n), [1, 2])"
    assert sandbox.run(script, {}, name="S").trace == ("S:1 n1", "S:1 n2")


def test_a_text_of_several_lines_is_one_entry(sandbox: Sandbox) -> None:
    script = "std.trace('three', std.trace('one\\ntwo\\n', 1))"
    assert sandbox.run(script, {}, name="S").trace == ("S:1 one\ntwo\n", "S:1 three")


def test_traces_of_a_failed_script_are_kept_with_the_error(sandbox: Sandbox) -> None:
    with pytest.raises(ScriptError) as caught:
        sandbox.run("std.trace('before', 1) / 0", {}, name="S")
    assert caught.value.traces == ("S:1 before",)


def test_traces_of_one_run_do_not_reach_the_next(sandbox: Sandbox) -> None:
    sandbox.run("std.trace('mine', 1)", {}, name="S")
    assert sandbox.run("1", {}, name="S").trace == ()


def test_many_traces_are_cut_at_the_limit(sandbox: Sandbox) -> None:
    script = "std.foldl(function(n, i) std.trace('t' + i, n + 1), std.range(1, 300), 0)"
    result = sandbox.run(script, {}, name="S")
    assert result.value == 300
    assert len(result.trace) == 101
    assert result.trace[0] == "S:1 t1"
    assert result.trace[99:] == ("S:1 t100", "S: further traces were cut")


def test_long_traces_are_cut_at_the_limit() -> None:
    sandbox = Sandbox(limits=Limits(trace_bytes=10, children=1))
    result = sandbox.run("std.trace('unseen', std.trace('ééé', std.trace('éééé', 7)))", {}, name="S")
    sandbox.close()
    assert result.value == 7
    assert result.trace == ("S:1 éééé", "S:1 é … (cut)", "S: further traces were cut")


def test_megabytes_of_traces_do_not_block_the_script_nor_fill_the_parent() -> None:
    sandbox = Sandbox(limits=Limits(children=1, wall_seconds=20, cpu_seconds=20))
    script = """local text = std.join('', std.makeArray(50000, function(i) 'x'));
      std.foldl(function(n, i) std.trace(text, n + 1), std.range(1, 200), 0)"""
    result = sandbox.run(script, {}, name="S")
    sandbox.close()
    assert result.value == 200
    assert result.trace[-1].endswith("x … (cut)")
    assert sum(len(entry) for entry in result.trace) < 16 * 1024 + 100


def test_only_marked_lines_start_an_entry() -> None:
    noise = b"noise\nTRACE: script:3 a\nTRACE: other:4 b\nTRACE: script:5 c\n"
    assert read_traces(noise, name="S", limits=Limits()) == ("S:2 a\nTRACE: other:4 b", "S:4 c")
