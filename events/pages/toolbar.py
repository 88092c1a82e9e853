"""The buttons on top of every page of a connector: the main ones, and the others in a menu."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from broker_project.lib.pages import Act
from connectors.models import Connector

from .transfer import file_name

MAIN = ("test_connection", "refresh_fields", "pause", "resume")
"""Acts that stand beside each other; all others are in the menu."""


@dataclass(frozen=True)
class Tool:
    """A button. It posts to ``address``, or leads there when it ``asks`` first."""

    label: str
    icon: str
    address: str
    asks: bool = True
    dangerous: bool = False
    told: str = ""
    """Said on the page when it is pressed, for what leads to no other page."""


@dataclass(frozen=True)
class Toolbar:
    main: Sequence[Tool]
    more: Sequence[Tool]
    opened: str
    """The tab to come back to."""


def toolbar(request: HttpRequest, connector: Connector, acts: Iterable[Act], *, opened: str) -> Toolbar:
    """What this person may do now with the connector; no query."""
    offered = [act for act in acts if act.offered(connector) and request.user.has_perm(act.permission)]
    main = [_tool(connector, act, opened) for act in offered if act.name in MAIN]
    more = [_tool(connector, act, opened) for act in offered if act.name not in MAIN]
    if request.user.has_perm("connectors.change_connector"):
        more.append(Tool("Import", "upload", _address("import", connector)))
    if request.user.has_perm("connectors.delete_connector"):
        more.append(Tool("Delete", "delete", f"{_address('delete', connector)}?from={opened}", dangerous=True))
    return Toolbar(main, sorted(more, key=lambda tool: tool.dangerous), opened)


def _tool(connector: Connector, act: Act, opened: str) -> Tool:
    address = _address("act", connector, act.name)
    asks = bool(act.question)
    told = ""
    if act.name == "export":
        told = (
            f"Settings, event triggers and field mappings are downloaded as {file_name(connector.name)}, without "
            "credentials. Import takes the file, here or in another connector."
        )
    return Tool(act.label, act.icon, f"{address}?from={opened}" if asks else address, asks, act.dangerous, told)


def _address(page: str, connector: Connector, *more: str) -> str:
    return reverse(f"admin:connectors_connector_{page}", args=[connector.pk, *more])
