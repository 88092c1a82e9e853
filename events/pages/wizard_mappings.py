"""The mapping rows that the wizard suggests, each with whether it can be taken as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest

from connectors.models import Connector, DiscoveredFields

from . import mapping_fields
from .mapping_exchange import imported
from .mapping_rows import INBOUND, OUTBOUND
from .mapping_suggestions import suggest

CUSTOM: Final = "custom_fields."
"""Custom fields of a work order are targets; to read one takes a script."""

Field = Mapping[str, Any]


def suggested(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Rows for both directions in the form that the Field Mappings page saves, with labels and a ``doubt``, a sentence
    that says what to look at; "" when a copy is right for sure."""
    found = DiscoveredFields.objects.filter(connector=connector, record_kind="")
    fields = {one.side: one.fields for one in found}
    return {direction: _rows(direction, fields) for direction in (OUTBOUND.value, INBOUND.value)}


def _rows(direction: str, fields: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    sides = fields.get("field_nation", []), fields.get("external", [])
    if not sides[1]:
        return []
    sources = mapping_fields.lookup(mapping_fields.sources(direction, *sides))
    targets = mapping_fields.lookup(mapping_fields.targets(direction, *sides))
    ours, theirs = (sources, targets) if direction == OUTBOUND else (targets, sources)
    rows = [
        row
        for row in suggest(list(ours.values()), list(theirs.values()), direction=direction)  # type: ignore[arg-type]
        if not row["source"].startswith(CUSTOM)
    ]
    told = [_told(row, sources[row["source"]], targets[row["target"]]) for row in rows]
    fitted = [fit(row, sources[row["source"]], targets[row["target"]]) for row in rows]
    page_rows, _ = imported(json.dumps(fitted), direction=direction, target_object="") if fitted else ([], [])
    return [{**row, **more} for row, more in zip(page_rows, told, strict=False)]


def _told(row: Mapping[str, Any], source: Field, target: Field) -> dict[str, Any]:
    ends = {"path": source["path"], "label": source["label"]}, {"path": target["path"], "label": target["label"]}
    return {"from": ends[0], "to": ends[1], "doubt": doubt(row, source, target)}


def fit(row: dict[str, Any], source: Field, target: Field) -> dict[str, Any]:
    """The row, with a number for a text written as text, which strict systems ask for."""
    if row["action"] == "sync" and (source["type"], target["type"]) == ("number", "text"):
        return {"action": "concat", "target": row["target"], "parts": [{"type": "field", "value": row["source"]}]}
    return row


def doubt(row: Mapping[str, Any], source: Field, target: Field) -> str:
    """Why a person has to look at the row first; "" when it needs no look."""
    if row["action"] != "sync":
        return ""
    if target.get("choices"):
        return "takes only certain values: make a value list"
    if {source["type"], target["type"]} & {"date", "datetime"}:
        return "the form of dates may differ: use Date Convert"
    if source["type"] != target["type"] and (source["type"], target["type"]) != ("number", "text"):
        return f"{source['type']} into {target['type']}: check a value"
    return ""
