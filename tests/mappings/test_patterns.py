from __future__ import annotations

import pytest

from broker_project.lib.errors import MappingError
from mappings.patterns import LONGEST_PATTERN, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "longest"),
    [
        ("urgent", 100_000),
        ("urgent|critical", 100_000),
        (r"^INC\d+$", 100_000),
        (r"INC\d+", 2_000),
        (r"^\w+@\w+$", 2_000),
        (r"^\w+@\w+\.\w+$", 200),
        (".*-.*", 200),
        (r"x{3,4}", 100_000),
        (r"[A-Z]{2}-\d{4}", 100_000),
        (r"(Mon|Tues|Fri)day", 100_000),
        (r"(?i)inc", 100_000),
    ],
)
def test_a_pattern_gets_the_length_that_keeps_its_work_small(pattern: str, longest: int) -> None:
    assert compile_pattern(pattern).longest == longest


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+", "(a*)*b", "(a|ab)*c", "(ab|cd)+", "((a{1,9}){1,9}){1,9}", "a?" * 25 + "a" * 25, "(a|ab)" * 30,
        r".*.*.*", r"^.*.*.*.*$", r"(?m)^\w+ \w+ \w+$", r"(?:ab|cd){40}", r"(?=a)b", r"(?<!a)b", r"(a)\1",
        r"(?P<n>a)(?P=n)",
        r"(?>a+)b", "a++b", "(", "[z-a]", "*a", "a{99999999999}", "", "x" * (LONGEST_PATTERN + 1), None, 3,
        "(" * 100 + ")" * 101,
    ],
)  # fmt: skip
def test_patterns_that_could_run_away_or_are_none_are_refused(pattern: object) -> None:
    with pytest.raises(MappingError) as caught:
        compile_pattern(pattern)
    assert caught.value.sentence.startswith("The pattern ")


def test_a_text_beyond_the_length_does_not_match() -> None:
    pattern = compile_pattern(".*-.*")
    assert pattern.found_in("a" * 199 + "-") is True
    assert pattern.found_in("a" * 200 + "-") is False


@pytest.mark.parametrize(
    "pattern", ["a*a*x", "^a*a*a*x", "(a|aa){5}x", "(?:a{200}){200}x", "(?:(?:a{200}){200})?x", "a*a{60}x", ".*a.*x"]
)
def test_the_worst_text_of_an_accepted_pattern_is_answered(pattern: str) -> None:
    compiled = compile_pattern(pattern)
    assert compiled.found_in("a" * compiled.longest) is False
