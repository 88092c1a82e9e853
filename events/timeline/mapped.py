"""The mapping of an attempt, field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker_project.lib.pages import Table, listing

HEADERS = ("From", "Source value", "Action", "Result", "To", "Remarks")


def mapped_table(rows: Sequence[Mapping[str, Any]], sources: Mapping[str, str]) -> Table:
    """``rows`` as the log keeps them; ``sources`` are the source paths by target."""
    return Table(title="", headers=HEADERS, rows=[_row(row, sources) for row in rows])


def sources_of(snapshot: Mapping[str, Any], direction: str) -> dict[str, str]:
    """The source path of each mapped target of the main record."""
    return {
        row["target"]: row.get("source", "")
        for row in snapshot.get("mappings", ())
        if row.get("direction") == direction and not row.get("target_object")
    }


def _row(row: Mapping[str, Any], sources: Mapping[str, str]) -> list[Any]:
    target = str(row.get("target", ""))
    left_out = bool(row.get("left_out"))
    result = "nothing: the field is left out" if left_out else _value(row, "result")
    return [sources.get(target) or "-", _value(row, "source"), _words(row), result, target, _remarks(row)]


def _words(row: Mapping[str, Any]) -> str:
    return str(row.get("action", "")).replace("_", " ").title().replace("Jsonnet", "JSONNET")


def _remarks(row: Mapping[str, Any]) -> str:
    found = ["The default was used."] if row.get("default_used") else []
    found += ["Compared loosely."] if row.get("loose") else []
    found += [str(row["warning"])] if row.get("warning") else []
    found += [f"Trace: {line}" for line in row.get("trace", ())]
    return " ".join(found) or "-"


def _value(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return "-"
    if value == "":
        return "(empty text)"
    return value if isinstance(value, str) else listing(value)
