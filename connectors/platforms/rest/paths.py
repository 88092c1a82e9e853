"""Dotted paths into JSON: ``data.id``, ``result[0].number``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def pick(node: Any, path: str) -> Any:
    """What lies at ``path`` (the node itself for an empty one); None when there is nothing."""
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(node, Mapping):
            node = node.get(step)
        elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        else:
            return None
    return node


def placed(fields: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of ``fields`` with ``value`` at ``path``, whose steps are names."""
    name, _, rest = path.partition(".")
    below = fields.get(name)
    return {**fields, name: placed(below if isinstance(below, Mapping) else {}, rest, value) if rest else value}


def id_text(value: Any) -> str:
    """A record id as text; empty when ``value`` is none (null, blank, a structure, true)."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
