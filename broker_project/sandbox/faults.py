"""Faults on demand: rules that make the next matching API requests fail in a chosen way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

MAX_DELAY_SECONDS = 120.0


class BadRule(ValueError):
    """A rule that cannot work; the text says which member is wrong."""


@dataclass(frozen=True)
class Fault:
    """What to do to a matching request.

    ``path`` is a shell pattern over the path without its query. ``times`` None means for ever. ``delay`` is in seconds,
    spent before or after the request is processed (``delay_when``). With ``status`` the request is not processed and
    ``body`` and ``headers`` are answered. ``drop`` cuts the connection before or after processing.
    ``success_without_body`` empties a 2xx answer.
    """

    method: str = "*"
    path: str = "*"
    times: int | None = None
    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    delay_when: Literal["before", "after"] = "before"
    drop: Literal["before", "after"] | None = None
    success_without_body: bool = False

    def matches(self, *, method: str, path: str) -> bool:
        return self.method in ("*", method) and fnmatchcase(path, self.path)

    def describe(self) -> str:
        """A few words for the journal."""
        parts = [
            f"delay {self.delay:g} s {self.delay_when}" if self.delay else "",
            f"status {self.status}" if self.status else "",
            f"drop {self.drop}" if self.drop else "",
            "success without body" if self.success_without_body else "",
        ]
        return ", ".join(part for part in parts if part)


def parse_fault(rule: object) -> Fault:
    """Read a rule as it came in JSON. Raises BadRule."""
    if not isinstance(rule, dict):
        raise BadRule("Each rule must be an object.")
    known = set(Fault.__dataclass_fields__)
    if unknown := sorted(set(rule) - known):
        raise BadRule(f"Unknown member {unknown[0]!r}; known are {', '.join(sorted(known))}.")
    for name, allowed in _CHECKS.items():
        if name in rule and not allowed(rule[name]):
            raise BadRule(f"Member {name!r} cannot be {rule[name]!r}.")
    fault = Fault(**{**rule, "method": str(rule.get("method") or "*").upper(), "path": rule.get("path") or "*"})
    if not fault.describe():
        raise BadRule("The rule does nothing: give status, delay, drop or success_without_body.")
    if fault.status is not None and (fault.drop or fault.success_without_body):
        raise BadRule("status answers without processing, so it cannot stand beside drop or success_without_body.")
    return fault


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "method": lambda v: v is None or isinstance(v, str),
    "path": lambda v: v is None or isinstance(v, str),
    "times": lambda v: v is None or (isinstance(v, int) and not isinstance(v, bool) and v > 0),
    "status": lambda v: v is None or (isinstance(v, int) and 200 <= v <= 599),
    "headers": lambda v: isinstance(v, dict) and all(isinstance(text, str) for text in v.values()),
    "delay": lambda v: _is_number(v) and 0 <= v <= MAX_DELAY_SECONDS,
    "delay_when": lambda v: v in ("before", "after"),
    "drop": lambda v: v in (None, "before", "after"),
    "success_without_body": lambda v: isinstance(v, bool),
}


class FaultBook:
    """The rules in force. The first that matches is used, and used up. Kept in memory: a restart forgets them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[Fault, int | None]] = []

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def add(self, faults: list[Fault]) -> None:
        with self._lock:
            self._rules += [(fault, fault.times) for fault in faults]

    def take(self, *, method: str, path: str) -> Fault | None:
        """The fault for this request; counts it."""
        with self._lock:
            for position, (fault, left) in enumerate(self._rules):
                if fault.matches(method=method, path=path):
                    if left == 1:
                        del self._rules[position]
                    elif left is not None:
                        self._rules[position] = (fault, left - 1)
                    return fault
        return None

    def listing(self) -> list[dict[str, Any]]:
        """The rules as JSON, ``times`` counted down to what is left."""
        with self._lock:
            return [{**fault.__dict__, "headers": dict(fault.headers), "times": left} for fault, left in self._rules]
