"""Reads from a PromQL expression which metrics it asks for, with which labels. Enough for a dashboard of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r'\s+|(?P<text>"[^"]*")|(?P<range>\[[^\]]*\])|(?P<number>\d+(?:\.\d+)?)|(?P<word>[a-zA-Z_:][\w:]*)'
    r"|(?P<sign>=~|!~|!=|==|>=|<=|[-+*/(){},=<>])"
)
FUNCTIONS = {"sum", "max", "count", "rate", "histogram_quantile", "vector", "label_values"}
GROUPING = {"by", "without"}
OPERATORS = {"or", "and", "unless"}


@dataclass
class Selector:
    """One metric with the labels that it is picked by, and their patterns."""

    metric: str
    labels: dict[str, str] = field(default_factory=dict)


def read(expression: str) -> tuple[list[Selector], set[str]]:
    """The selectors, and the labels that results are grouped by. Raises ValueError for what is not understood."""
    words = _words(expression)
    selectors: list[Selector] = []
    grouped: set[str] = set()
    at = 0
    while at < len(words):
        word = words[at]
        if word in GROUPING:
            end = words.index(")", at)
            grouped |= set(words[at + 2 : end]) - {","}
            at = end
        elif re.fullmatch(r"[a-zA-Z_:][\w:]*", word) and word not in FUNCTIONS | OPERATORS:
            selector = Selector(word)
            if words[at + 1 : at + 2] == ["{"]:
                end = words.index("}", at)
                matchers = words[at + 2 : end]
                if len(matchers) % 4 != 3:
                    raise ValueError(f"unclear matchers in {expression}")
                for place in range(0, len(matchers), 4):
                    selector.labels[matchers[place]] = matchers[place + 1] + matchers[place + 2].strip('"')
                at = end
            selectors.append(selector)
        at += 1
    return selectors, grouped


def _words(expression: str) -> list[str]:
    words: list[str] = []
    at = 0
    depth: list[str] = []
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        if found is None:
            raise ValueError(f"cannot read {expression[at:]!r}")
        at = found.end()
        word = found.group().strip()
        if word in "({" and word:
            depth.append(word)
        if word and word in ")}" and (not depth or depth.pop() + word not in ("()", "{}")):
            raise ValueError(f"brackets do not match in {expression}")
        if word and found.lastgroup not in ("range", "number"):
            words.append(word)
    if depth:
        raise ValueError(f"brackets do not match in {expression}")
    return words
