"""Custom scripts: JSONNET with ``$.input`` and ``$.util``, evaluated in child processes under hard limits."""

from __future__ import annotations

from mappings.scripts import ScriptResult

from .errors import ErrorKind, ScriptError
from .limits import Limits
from .sandbox import Sandbox

__all__ = ["ErrorKind", "Limits", "Sandbox", "ScriptError", "ScriptResult"]
