"""Breaking one thing in a process that is otherwise the real one. A spot that is not there any more is an error."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def plant_text(module: ModuleType, name: str, *, instead_of: str, put: str) -> None:
    """Change a statement of SQL."""
    text: str = getattr(module, name)
    if text.count(instead_of) != 1:
        raise LookupError(f"{module.__name__}.{name} does not hold {instead_of!r} once; plant the fault elsewhere.")
    setattr(module, name, text.replace(instead_of, put))


def plant(module: ModuleType, name: str, fault: Any) -> None:
    """Put something else in the place of a function."""
    if not callable(getattr(module, name)):
        raise LookupError(f"{module.__name__}.{name} is no function; plant the fault elsewhere.")
    setattr(module, name, fault)
