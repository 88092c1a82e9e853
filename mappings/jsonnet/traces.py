"""``std.trace`` as lines for the log."""

from __future__ import annotations

import re

from .frames import PREFIX_LINES, SCRIPT_FILE
from .limits import Limits

# A text of several lines follows its mark unmarked.
_MARK = re.compile(rf"^TRACE: {SCRIPT_FILE}:(\d+) ", re.MULTILINE)


def read_traces(stderr: bytes, *, name: str, limits: Limits) -> tuple[str, ...]:
    """One entry for each call of ``std.trace``: ``name:line text``, cut at the limits with a last entry saying so."""
    parts = _MARK.split(stderr.decode("utf-8", "replace"))
    entries: list[str] = []
    room = limits.trace_bytes
    for line, text in zip(parts[1::2], parts[2::2], strict=True):
        if len(entries) == limits.trace_lines or room <= 0:
            entries.append(f"{name}: further traces were cut")
            break
        content = text.removesuffix("\n").encode()
        kept = content[:room].decode("utf-8", "ignore")
        room -= len(content)
        entries.append(f"{name}:{int(line) - PREFIX_LINES} {kept}{' … (cut)' if room < 0 else ''}")
    return tuple(entries)
