"""Which version of the broker this process runs."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

_PROJECT_FILE = Path(__file__).resolve().parents[2] / "pyproject.toml"


@cache
def version() -> str:
    """The version in pyproject.toml, read once a process, so that it is that of the running code; "unknown" where the
    file was left out."""
    try:
        return str(tomllib.loads(_PROJECT_FILE.read_text())["project"]["version"])
    except (OSError, KeyError, ValueError):
        return "unknown"
