"""An API call as a line for a terminal. Pure; holds no secret, since the evidence holds none."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from broker_project.lib.redaction import MARK

OWN = frozenset({"content-length", "host", "accept-encoding", "connection", "user-agent"})
"""Headers that curl writes itself."""


def curl(*, method: str, url: str, headers: Mapping[str, str], body: str) -> str:
    """The command; lines of remark above it say what has to be filled in first."""
    parts = [f"curl -X {shlex.quote(method)} {shlex.quote(url)}"]
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items() if name.lower() not in OWN]
    is_shown = bool(body) and not (body.startswith("(") and " bytes of " in body[:40])
    if is_shown:
        parts.append(f"--data-raw {shlex.quote(body)}")
    remarks = []
    if any(MARK in part for part in parts):
        remarks.append(f"# Put your own credentials in place of {MARK}.")
    if is_shown and body.endswith("…"):
        remarks.append("# The body was too long to be kept whole: complete it.")
    if body and not is_shown:
        remarks.append("# The body is no text and was not kept.")
    return "\n".join([*remarks, " \\\n  ".join(parts)])
