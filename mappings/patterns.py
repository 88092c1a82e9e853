"""Regular expressions that cannot run away: the work is bounded before the pattern is accepted.

Python's matcher tries choices one after the other, so the product of all choices bounds its work. That product depends
on the length of the text; a pattern gets the greatest length for which it stays small, or is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from broker_project.lib.errors import MappingError

LONGEST_PATTERN = 200
LENGTHS = (100_000, 10_000, 2_000, 200)
WORK = 25_000_000
"""Steps at worst; some tens of milliseconds."""


@dataclass(frozen=True, slots=True)
class SafePattern:
    """``longest`` is the length in characters of the longest text that it looks at; longer ones do not match."""

    pattern: re.Pattern[str]
    longest: int

    def found_in(self, text: str) -> bool:
        """Whether the pattern matches anywhere in ``text``."""
        return len(text) <= self.longest and self.pattern.search(text) is not None


def compile_pattern(text: Any) -> SafePattern:
    """Compile ``text``, a Python regular expression of at most LONGEST_PATTERN characters.

    Raises MappingError for a malformed one, for look-around and back references, for a repeat that holds a choice
    (nested quantifiers), and for too many open repeats.
    """
    if not isinstance(text, str) or not text:
        raise MappingError("The pattern must be text that is not empty.")
    if len(text) > LONGEST_PATTERN:
        raise MappingError(f"The pattern is longer than {LONGEST_PATTERN} characters. Shorten it.")
    try:
        pattern, tree = re.compile(text), parser.parse(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise MappingError(f"The pattern is no regular expression: {error}.") from None
    anchored = _is_anchored(tree) and not pattern.flags & re.MULTILINE
    for length in LENGTHS:
        ways, steps = _work(tree, length)
        if ways * max(steps // 2, 1) * (1 if anchored else length) <= WORK:
            return SafePattern(pattern, length)
    raise MappingError(
        "The pattern could take too long. Keep at most two open repeats (* + {n,}), or three after a leading ^."
    )


def _is_anchored(tree: Any) -> bool:
    return len(tree) > 0 and tree[0] in ((codes.AT, codes.AT_BEGINNING), (codes.AT, codes.AT_BEGINNING_STRING))


def _work(tree: Any, length: int) -> tuple[int, int]:
    """Upper bounds for one starting place in a text of ``length``: the ways to match, the fixed steps of one way."""
    ways, steps = 1, 0
    for code, detail in tree:
        if code is codes.SUBPATTERN:
            inner_ways, inner_steps = _work(detail[-1], length)
        elif code is codes.BRANCH:
            branches = [_work(branch, length) for branch in detail[1]]
            inner_ways, inner_steps = sum(each[0] for each in branches), max(each[1] for each in branches)
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            inner_ways, inner_steps = _repeat(detail, length)
        elif code in (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN, codes.AT):
            inner_ways, inner_steps = 1, 1
        else:
            raise MappingError(
                "The pattern uses look-around, a back reference or another feature that is not supported."
            )
        ways, steps = ways * inner_ways, min(steps + inner_steps, length)
    return ways, steps


def _repeat(detail: Any, length: int) -> tuple[int, int]:
    least, most = min(int(detail[0]), length), min(int(detail[1]), length)
    ways, steps = _work(detail[2], length)
    if least == most:
        return ways**most, steps * most
    if ways > 1:
        raise MappingError("The pattern repeats a group that holds a choice or a repeat itself. Rewrite it without.")
    return most - least + 1, steps * max(least, 1)
