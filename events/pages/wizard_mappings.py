"""The mapping rows that the wizard suggests, each with whether it can be taken as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from django.http import HttpRequest

from connectors.models import Connector, DiscoveredFields

from . import mapping_fields
from .mapping_exchange import editable
from .mapping_suggestions import Suggestion, suggestions


def suggested(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Rows for both directions in the form that the Field Mappings page saves, with labels and a ``doubt``, a sentence
    that says what to look at; "" when a copy is right for sure."""
    found = DiscoveredFields.objects.filter(connector=connector, record_kind="")
    fields = {one.side: one.fields for one in found}
    return {"outbound": _rows("outbound", fields), "inbound": _rows("inbound", fields)}


def _rows(
    direction: Literal["outbound", "inbound"], fields: Mapping[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    sides = fields.get("field_nation", []), fields.get("external", [])
    if not sides[1]:
        return []
    sources = mapping_fields.sources(direction, *sides)
    targets = mapping_fields.targets(direction, *sides)
    found = suggestions(*((sources, targets) if direction == "outbound" else (targets, sources)), direction=direction)
    rows = editable([one.row for one in found], direction=direction, target_object="")
    return [{**row, **_told(one)} for row, one in zip(rows, found, strict=True)]


def _told(one: Suggestion) -> dict[str, Any]:
    ends = {
        name: {"path": end["path"], "label": end["label"]} for name, end in (("from", one.source), ("to", one.target))
    }
    return {**ends, "doubt": one.doubt}
