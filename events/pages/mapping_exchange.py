"""Mapping rows in the documented JSON form, out of the page and into it.

What Field Nation's form has no word for stands in keys of its own, and only where it says something.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from broker_project.lib.errors import MappingError
from mappings.engine import NO_DEFAULT, dump_rows, parse_rows

from .base import Problem
from .mapping_rows import MAX_ROWS, PageRow, as_json, problems_of

OWN: Final[Mapping[str, Any]] = {
    "is_enabled": True,
    "write_mode": "always",
    "conflict_policy": "",
    "events": [],
    "target_object": "",
}
"""Keys beside the documented ones, with what their absence means."""


def exported(rows: Sequence[PageRow]) -> str:
    """``rows`` as JSON text in the documented form."""
    entries = [
        entry | {key: row.columns()[key] for key, usual in OWN.items() if row.columns()[key] != usual}
        for row, entry in zip(rows, dump_rows([row.row() for row in rows]), strict=True)
    ]
    return json.dumps(entries, ensure_ascii=False, indent=2)


def imported(text: Any, *, direction: str, target_object: str) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Rows for the page from JSON text, and what is wrong with it; rows come only when nothing is.

    A row that names a target object of its own is read into the set it is imported into.
    """
    try:
        entries = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        place = f" (line {error.lineno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        return [], [Problem("import", f"This is no JSON{place}. Paste the whole list, from [ to ].")]
    if isinstance(entries, Mapping):
        entries = entries.get("mappings", [entries])
    if not isinstance(entries, list) or not entries:
        return [], [Problem("import", "Paste a list of mappings: [ {…}, {…} ].")]
    if len(entries) > MAX_ROWS:
        return [], [Problem("import", f"These are {len(entries)} rows; a connector takes {MAX_ROWS}.")]
    rows, problems = [], []
    for number, entry in enumerate(entries, start=1):
        try:
            row = _page_row(entry, f"i{number}", direction, target_object)
        except MappingError as error:
            problems.append(Problem("import", f"Mapping {number}{error.sentence.removeprefix('Mapping 1')}"))
            continue
        wrong = problems_of(row, {"direction": direction, "target_object": target_object})
        problems += [Problem("import", f"Mapping {number}: {problem.sentence}") for problem in wrong]
        rows.append(row)
    return ([], problems) if problems else (rows, [])


def _page_row(entry: Any, key: str, direction: str, target_object: str) -> dict[str, Any]:
    """Raises MappingError when ``entry`` has not the documented form."""
    own = {name: entry[name] for name in OWN if name in entry} if isinstance(entry, Mapping) else {}
    bare = {name: value for name, value in entry.items() if name not in OWN} if isinstance(entry, Mapping) else entry
    row = parse_rows([bare])[0]
    page_row = PageRow(
        key=key,
        direction=direction,
        target_object=target_object,
        action=row.action,
        source=row.source,
        target=row.target,
        options=row.options,
        has_default=row.default is not NO_DEFAULT,
        default=None if row.default is NO_DEFAULT else row.default,
        label=row.label,
    )
    return as_json(page_row) | {name: value for name, value in own.items() if name != "target_object"}


def editable(rows: Sequence[Mapping[str, Any]], *, direction: str, target_object: str) -> list[dict[str, Any]]:
    """Rows in the documented form as the page edits them, in the same order. They must be sound."""
    return imported(json.dumps(rows), direction=direction, target_object=target_object)[0] if rows else []
