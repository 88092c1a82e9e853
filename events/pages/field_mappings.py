"""The Field Mappings page: rows of both directions, their preview, and the acts that its script posts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any, Final, Literal
from zoneinfo import available_timezones

from django.http import HttpRequest

from broker_project.lib.errors import MappingError
from connectors import access
from connectors.models import ConflictPolicy, Connector, DiscoveredFields
from events import catalogue, versions
from events.deliver import scripts
from events.models import EventTrigger
from mappings.models import FieldMapping

from . import mapping_fields, mapping_samples
from .base import ConnectorPage, PageAct, Problem, Refused
from .mapping_advice import Known
from .mapping_checks import NOTE, Facts, Finding, check
from .mapping_exchange import editable, exported, imported
from .mapping_preview import preview
from .mapping_rows import INBOUND, OUTBOUND, PageRow, as_json, read_sets, sets_of, stored
from .mapping_save import save
from .mapping_suggestions import suggestions

SEE: Final = "mappings.view_fieldmapping"
CHANGE: Final = "mappings.change_fieldmapping"
OBJECTS: Final = {"": "Record", "note": "Note"}
ZONES: Final = tuple(sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"))
FORMATS: Final = (
    "YYYY-MM-DD HH:mm:ss", "YYYY-MM-DDTHH:mm:ssZ", "YYYY-MM-DDTHH:mm:ss[Z]", "YYYY-MM-DD", "MM/DD/YYYY",
    "DD MMM YYYY, h:mm A", "h:mm A", "X", "x",
)  # fmt: skip
Discovered = Mapping[tuple[str, str], list[dict[str, Any]]]


class FieldMappingsPage(ConnectorPage):
    name = "mappings"
    label = "Field Mappings"
    template = "broker/connector/field_mappings.html"
    permission = SEE
    scripts = (
        "broker/script_editor.js",
        "broker/mapping_values.js",
        "broker/mapping_exchange.js",
        "broker/field_picker.js",
        "broker/field_mappings.js",
    )

    def context(self, request: HttpRequest, connector: Connector) -> Mapping[str, Any]:
        versions.publish_stale(only=[connector.pk])  # what was changed elsewhere is a version of its own
        connector.refresh_from_db(fields=["version"])
        rows = [stored(row) for row in _mappings(connector)]
        discovered = _discovered(connector)
        ticked = EventTrigger.objects.filter(connector=connector, is_enabled=True).values_list("event_type", flat=True)
        state = {
            "version": connector.version,
            "may_change": request.user.has_perm(CHANGE),
            "sets": _sets(rows),
            "fields": {f"{direction}.{kind}": _pickers(direction, kind, discovered)
                       for direction, kind in _kinds(rows)},
            "events": _events(set(ticked), rows),
            "samples": mapping_samples.choices(request, connector),
            "record_ids": mapping_samples.recent_record_ids(connector),
            "actions": dict(FieldMapping.Action.choices),
        }  # fmt: skip
        return {
            "state": state,
            "zones": ZONES,
            "formats": FORMATS,
            "actions": FieldMapping.Action.choices,
            "write_modes": FieldMapping.WriteMode.choices,
            "policies": ConflictPolicy.choices,
            "is_discovered": bool(discovered),
        }

    def acts(self) -> Mapping[str, PageAct]:
        return {
            "preview": PageAct(_preview, SEE),
            "save": PageAct(_save, CHANGE),
            "export_rows": PageAct(_export, SEE),
            "import_rows": PageAct(_import, CHANGE),
            "suggest": PageAct(_suggest, CHANGE),
            "check_script": PageAct(_check_script, CHANGE),
            "read_record": PageAct(_read_record, CHANGE, calls=True),
        }


# --- State ------------------------------------------------------------------------------------------------------------


def _mappings(connector: Connector) -> Iterable[FieldMapping]:
    return FieldMapping.objects.filter(connector=connector).order_by("direction", "target_object", "position", "id")


def _discovered(connector: Connector) -> Discovered:
    found = DiscoveredFields.objects.filter(connector=connector)
    return {(one.side, one.record_kind): one.fields for one in found}


def _kinds(rows: Iterable[PageRow]) -> list[tuple[str, str]]:
    """The sets that the page shows: those that are always there, then any other that has rows."""
    usual = [(OUTBOUND, kind) for kind in OBJECTS] + [(INBOUND, "")]
    return [*usual, *(key for key in sets_of(rows) if key not in usual)]


def _sets(rows: list[PageRow]) -> list[dict[str, Any]]:
    members = sets_of(rows)
    return [
        {
            "direction": direction,
            "target_object": kind,
            "label": f"{direction.capitalize()}: {OBJECTS.get(kind, kind)}" if direction == OUTBOUND else "Inbound",
            "rows": [as_json(row) for row in members.get((direction, kind), [])],
        }
        for direction, kind in _kinds(rows)
    ]


def _pickers(direction: str, kind: str, discovered: Discovered) -> dict[str, Any]:
    field_nation = discovered.get(("field_nation", ""), [])
    external = discovered.get(("external", kind), [])
    return {
        "sources": mapping_fields.sources(direction, field_nation, external),
        "targets": mapping_fields.targets(direction, field_nation, external),
    }


def _events(ticked: set[str], rows: Iterable[PageRow]) -> list[dict[str, str]]:
    """The ticked events, and those to which a row is limited although they are not ticked any more."""
    used = {name for row in rows for name in row.events}
    return [
        {"constant": event.constant, "name": event.name if event.constant in ticked else f"{event.name} (not ticked)"}
        for event in catalogue.EVENTS
        if event.constant in ticked | used
    ]


def _facts(connector: Connector, rows: Iterable[PageRow], seen: Mapping[str, Any] | None = None) -> Facts:
    discovered = _discovered(connector)
    known = {}
    for direction, kind in _kinds(rows):
        fields = _pickers(direction, kind, discovered)
        ends = {name: mapping_fields.lookup(fields[name]) for name in ("sources", "targets")}
        known[direction, kind] = Known(**ends, seen=seen or {})
    ticked = EventTrigger.objects.filter(connector=connector, is_enabled=True)
    actions = list(ticked.values_list("event_type", "action", "target_object"))
    noted = {event for event, _, target in actions if target == NOTE}
    return Facts(
        known=known,
        outbound_create=connector.outbound_create,
        has_scripts=any(action == "script" for _, action, _ in actions),
        notes=[event.name for event in catalogue.EVENTS if event.constant in noted],
    )


# --- Acts -------------------------------------------------------------------------------------------------------------


def _preview(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """What the rows of the open set make of the sample, and what is wrong with any row of the page."""
    rows, problems = read_sets(data.get("sets"))
    direction, kind = data.get("direction"), data.get("target_object")
    answer: dict[str, Any] = {"results": {}, "object": "", "seen": {}, "input": "", "sample_problem": ""}
    try:
        input = mapping_samples.chosen(request, connector, str(direction), data.get("sample"))
    except Refused as refused:
        answer["sample_problem"] = str(refused)
    else:
        members = [row for row in rows if (row.direction, row.target_object) == (direction, kind)]
        event_type = input.get("event_type") if direction == OUTBOUND else ""
        shown = preview(
            members, input, scripts(), event_type=event_type if isinstance(event_type, str) else "", clock=monotonic
        )
        text = json.dumps(input, ensure_ascii=False, indent=2, default=str)
        answer |= {"results": shown.rows, "object": shown.text(), "seen": mapping_fields.seen(input), "input": text}
    findings = [Finding(problem.at, problem.sentence) for problem in problems]
    findings += check(rows, _facts(connector, rows, answer["seen"]), scripts())
    return answer | {"findings": [vars(finding) for finding in findings]}


def _save(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    rows, problems = read_sets(data.get("sets"))
    comment = data.get("comment", "")
    if not isinstance(comment, str):
        problems.append(Problem("", "The comment must be text."))
    if len({row.key for row in rows}) != len(rows):
        problems.append(Problem("", "Two rows have one name on the page. Load it again."))
    findings = check(rows, _facts(connector, rows), scripts())
    problems += [Problem(one.at, one.sentence) for one in findings if one.severity == "error"]
    if problems:
        raise Refused(problems)
    return save(connector, rows, seen_version=data.get("version"), user=request.user, comment=comment)  # type: ignore[arg-type]


def _export(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    rows, problems = read_sets(data.get("sets"))
    if problems:
        raise Refused(problems)
    return {"text": exported(rows)}


def _import(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    rows, problems = imported(
        data.get("text"), direction=str(data.get("direction")), target_object=str(data.get("target_object") or "")
    )
    if problems:
        raise Refused(problems)
    return {"rows": rows}


def _suggest(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Rows for the posted set whose targets are not in ``taken``."""
    direction: Literal["outbound", "inbound"] = "inbound" if data.get("direction") == INBOUND else "outbound"
    kind = str(data.get("target_object") or "")
    taken = data.get("taken")
    fields = _pickers(direction, kind, _discovered(connector))
    sides = (fields["sources"], fields["targets"])
    field_nation, external = sides if direction == "outbound" else sides[::-1]
    if not external:
        raise Refused([Problem("suggest", "No fields of the external system are known yet. Press Refresh fields.")])
    left_out = set(map(str, taken)) if isinstance(taken, list) else set()
    every = suggestions(field_nation, external, direction=direction)
    found = [one for one in every if one.row["target"] not in left_out]
    rows = editable([one.row for one in found], direction=direction, target_object=kind)
    return {"rows": rows, "doubts": [one.doubt for one in found]}


def _check_script(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Compile a script: the line and the sentence of its error, both empty when it has none."""
    try:
        scripts().check(str(data.get("script", "")), name=str(data.get("name", "script"))[:60])
    except MappingError as error:
        return {"line": error.line or "", "sentence": error.sentence}
    return {"line": "", "sentence": ""}


def _read_record(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """The external record as it is now, as JSON text."""
    external_id = data.get("external_id")
    if not isinstance(external_id, str) or not external_id.strip() or len(external_id) > 255:
        raise Refused([Problem("sample", "Enter the id of the record.")])
    client = access.open_external(
        connector_id=connector.pk,
        slug=connector.platform,
        configured=connector.settings,
        secrets=connector.secrets,
        through=access.caller(hide=connector.secrets),
    )
    text = json.dumps(client.read(external_id.strip()), ensure_ascii=False, indent=2, default=str)
    if len(text) > mapping_samples.MAX_SAMPLE:
        raise Refused([Problem("sample", "The record is too large for a sample. Paste a part of it.")])
    return {"text": text}
