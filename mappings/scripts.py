"""What the mapping engine asks of a script sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class ScriptResult:
    """``value`` is what the script gave, any JSON value; ``trace`` the lines of ``std.trace``, in order."""

    value: Any
    trace: tuple[str, ...] = ()


class ScriptRunner(Protocol):
    def run(self, script: str, input: dict[str, Any], *, name: str) -> ScriptResult:
        """Evaluate ``script`` with ``$.input`` = ``input``. Raises MappingError; ``name`` is in errors and traces."""
