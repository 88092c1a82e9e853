"""The History page: who changed what when, any two versions side by side, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest

from broker_project.lib.pages import listing
from connectors.models import Connector
from events import roll_back, versions
from events.differences import difference
from events.models import ConfigVersion
from events.snapshot import Snapshot
from events.version_admin import PARTS

from .base import ConnectorPage, PageAct, Problem, Refused
from .transfer_page import note, refuse_if_changed

PER_PAGE = 15
FIRST = 5
"""Sentences of a difference that stand in the list; the others open on demand."""
SHOWN = 300
"""Sentences of a difference at most."""


class VersionsPage(ConnectorPage):
    name = "versions"
    label = "History"
    template = "broker/connector/versions.html"
    permission = "events.view_configversion"
    scripts = ("broker/versions.js",)

    def context(self, request: HttpRequest, connector: Connector) -> Mapping[str, Any]:
        before = request.GET.get("before", "")
        rows = connector.versions.order_by("-number")
        if before.isdigit() and len(before) < 10:
            rows = rows.filter(number__lt=int(before))
        found = list(rows[: PER_PAGE + 1])  # one more, to compare the last one with
        shown = [_entry(version, older, connector) for version, older in _pairs(found)]
        return {
            "versions": shown,
            "older": shown[-1]["number"] if shown and shown[-1]["number"] > 1 and len(found) > PER_PAGE else 0,
            "is_first": not before,
            "is_stale": connector.is_stale,
            "may_roll_back": request.user.has_perm("connectors.change_connector"),
            "state": {
                "version": connector.version,
                "newest": found[0].number if found else 0,
                "shown": [entry["number"] for entry in shown],
            },
        }

    def acts(self) -> Mapping[str, PageAct]:
        return {
            "snapshot": PageAct(whole, permission=self.permission),
            "compare": PageAct(compare, permission=self.permission),
            "ask": PageAct(ask),
            "roll-back": PageAct(go_back),
        }


def _pairs(found: Sequence[ConfigVersion]) -> list[tuple[ConfigVersion, ConfigVersion | None]]:
    return list(zip(found[:PER_PAGE], [*found[1:], None], strict=False))


def _entry(version: ConfigVersion, older: ConfigVersion | None, connector: Connector) -> dict[str, Any]:
    changes = difference(older.snapshot, version.snapshot) if older else []
    is_newest = version.number == connector.version
    return {
        "number": version.number,
        "at": version.created_at,
        "user": version.user or "outside the admin",
        "comment": version.comment,
        "first": changes[:FIRST],
        "more": changes[FIRST:SHOWN],
        "count": len(changes),
        "is_start": older is None,
        "is_present": is_newest and not connector.is_stale,
        "is_newest": is_newest,
    }


def whole(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """The configuration of a version as text."""
    taken = _snapshot(connector, data.get("number"))
    return {"text": listing({part: taken[part] for part in PARTS})}


def compare(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """What the version ``new`` changes against ``old``."""
    old, new = _snapshot(connector, data.get("old")), _snapshot(connector, data.get("new"))
    changes = difference(old, new)
    return {"changes": changes[:SHOWN], "more": max(0, len(changes) - SHOWN)}


def ask(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """What a roll back to a version would change now."""
    taken = _snapshot(connector, data.get("number"))
    present = versions.take(connector.pk)
    kept = {name: present["connector"][name] for name in ("name", "platform")}
    changes = difference(present, {**taken, "connector": {**taken["connector"], **kept}})
    return {"changes": changes[:SHOWN], "more": max(0, len(changes) - SHOWN)}


def go_back(request: HttpRequest, connector: Connector, data: dict[str, Any]) -> Mapping[str, Any]:
    """Make the configuration that of a version, as a new one. In the caller's transaction."""
    number = data.get("number")
    _snapshot(connector, number)
    roll_back.lock(connector.pk)
    refuse_if_changed(connector, data.get("version"))
    made = roll_back.roll_back(connector.pk, int(str(number)), user=request.user.get_username())
    note(request, connector, f"Rolled back to version {number}; it is version {made} now.")
    sentence = f"{connector} runs with version {made} now, equal to version {number}."
    messages.success(request, sentence)
    return {"version": made}


def _snapshot(connector: Connector, number: Any) -> Snapshot:
    """Raises Refused when the connector has no version ``number``."""
    rows = connector.versions.filter(number=number) if type(number) is int and 0 < number < 2**31 else None
    taken: Snapshot | None = rows.values_list("snapshot", flat=True).first() if rows is not None else None
    if taken is None:
        raise Refused([Problem("number", "There is no such version. Load the page again.")])
    return taken
