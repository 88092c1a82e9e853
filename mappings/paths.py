"""Paths into JSON values: ``schedule.service_window.start.utc``, ``contacts[0].email``. Compiled once, used often.

Field Nation connectors, Field mappings, paths. A list without an index does not fan out; it has no such member. A
plain number (``rows.0``) is the name of an object's member; only ``[0]`` reaches into a list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from broker_project.lib.errors import MappingError

from .wording import shown


class _Missing(Enum):
    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing.MISSING
"""What ``Path.get`` answers when there is nothing at the path. A null that is there is None."""

Missing = Literal[_Missing.MISSING]

_STEP = re.compile(r"(?P<dot>\.?)(?:(?P<name>[^.\[\]]+)|\[(?P<index>-?\d+)\])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path. ``steps`` are names, and places in a list as numbers."""

    text: str
    steps: tuple[str | int, ...]

    @classmethod
    def parse(cls, text: str) -> Path:
        """Compile ``text``. Raises MappingError with a sentence when it is no path."""
        if not isinstance(text, str) or not text.strip():
            raise MappingError("A path is missing. Write one such as status.name.")
        if text != text.strip():
            raise MappingError(f"The path {shown(text)} has blanks at an end. Remove them.")
        steps: list[str | int] = []
        position = 0
        while position < len(text):
            step = _STEP.match(text, position)
            # a dot stands between steps and before names only
            if step is None or bool(step["dot"]) != (position > 0 and step["name"] is not None):
                raise _malformed(text)
            steps.append(step["name"] or int(step["index"]))
            position = step.end()
        return cls(text, tuple(steps))

    @classmethod
    def parse_target(cls, text: str) -> Path:
        """Compile the path of a target, which builds objects and so takes no ``[n]``. Raises MappingError."""
        path = cls.parse(text)
        if any(isinstance(step, int) for step in path.steps):
            raise MappingError(
                f"The target {shown(text)} uses [n]. A target builds objects, not lists: fill the list as a whole."
            )
        return path

    def get(self, obj: Any) -> Any:
        """The value at the path in ``obj``, or MISSING. Never raises."""
        for step in self.steps:
            if isinstance(obj, dict):
                obj = obj.get(step, MISSING)  # a place finds nothing here: names are texts
            elif isinstance(step, int) and isinstance(obj, list) and 0 <= step < len(obj):
                obj = obj[step]
            else:
                return MISSING
        return obj

    def set(self, target: dict[Any, Any], value: Any) -> None:
        """Put ``value`` at the path in ``target``, building objects on the way; a non-object in the way is replaced.

        For paths of ``parse_target``, whose steps are all names.
        """
        for step in self.steps[:-1]:
            inner = target.get(step)
            if not isinstance(inner, dict):
                inner = target[step] = {}
            target = inner
        target[self.steps[-1]] = value


def _malformed(text: str) -> MappingError:
    return MappingError(
        f"{shown(text)} is not a path. Write names with dots between them, places in a list as contacts[0].email."
    )
