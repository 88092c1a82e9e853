"""Where fixes are made: the pages that checks, error pages and symptoms lead to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

from connectors.models import Connector


@dataclass(frozen=True)
class Place:
    """``route`` needs the id of ``of`` ("connector" or "company"); without one it leads to ``otherwise``.

    A list is of all connectors; ``narrow`` is the word of its address that asks for one.
    """

    label: str
    permission: str
    route: str
    of: str = ""
    otherwise: str = ""
    narrow: str = ""


@dataclass(frozen=True)
class Link:
    label: str
    address: str


LIST_OF_CONNECTORS: Final = "connectors_connector_changelist"
OF_CONNECTOR: Final = "connector__id__exact"

PLACES: Final[Mapping[str, Place]] = {
    "settings": Place(
        "Settings and credentials", "connectors.view_connector", "connectors_connector_change", "connector",
        LIST_OF_CONNECTORS,
    ),
    "triggers": Place(
        "Event Triggers", "connectors.view_connector", "connectors_connector_events", "connector",
        "events_eventtrigger_changelist",
    ),
    "mappings": Place(
        "Field Mappings", "mappings.view_fieldmapping", "connectors_connector_mappings", "connector",
        "mappings_fieldmapping_changelist",
    ),
    "trigger_url": Place(
        "Trigger URL", "connectors.view_connector", "connectors_connector_trigger", "connector", LIST_OF_CONNECTORS
    ),
    "history": Place(
        "Configuration versions", "events.view_configversion", "connectors_connector_versions", "connector",
        "events_configversion_changelist",
    ),
    "connector_logs": Place(
        "Logs of the connector", "synclog.view_synclog", "connectors_connector_logs", "connector",
        "synclog_synclog_changelist",
    ),
    "company": Place(
        "Field Nation account", "connectors.view_company", "connectors_company_change", "company",
        "connectors_company_changelist",
    ),
    "states": Place(
        "Connector state", "connectors.view_connectorstate", "connectors_connectorstate_changelist",
        narrow=OF_CONNECTOR,
    ),
    "connectors": Place("Connectors", "connectors.view_connector", LIST_OF_CONNECTORS),
    "links": Place("Record Links", "mappings.view_recordlink", "mappings_recordlink_changelist", narrow=OF_CONNECTOR),
    "lanes": Place("Blocked Lanes", "events.view_lane", "events_lane_changelist", narrow=OF_CONNECTOR),
    "dead_letters": Place("Dead Letters", "events.view_delivery", "events_delivery_dead_letters"),
    "deliveries": Place("Deliveries", "events.view_delivery", "events_delivery_changelist", narrow=OF_CONNECTOR),
    "events": Place("Events", "events.view_event", "events_event_changelist"),
    "jobs": Place("Jobs: resync and catch-up", "events.view_job", "events_job_changelist"),
    "sources": Place("Event Sources", "events.view_eventsource", "events_eventsource_changelist"),
    "logs": Place(
        "Integration Logs", "synclog.view_synclog", "synclog_synclog_changelist", narrow="connector"
    ),
    "drain": Place("Drain", "events.view_drain", "events_drain_changelist"),
    "overview": Place("Overview", "", "index"),
}  # fmt: skip


def links(names: Iterable[str], *, user: Any, connector: Connector | None = None) -> list[Link]:
    """The pages of these names that this person may open; of the ``connector`` where they are about one."""
    found = []
    for name in names:
        place = PLACES[name]
        if place.permission and not user.has_perm(place.permission):
            continue
        found.append(Link(place.label, address(name, connector)))
    return found


def address(name: str, connector: Connector | None = None) -> str:
    place = PLACES[name]
    if not place.of:
        of_one = f"?{place.narrow}={connector.pk}" if connector is not None and place.narrow else ""
        return reverse(f"admin:{place.route}") + of_one
    if connector is None:
        return reverse(f"admin:{place.otherwise}")
    key = connector.pk if place.of == "connector" else connector.company_id
    return reverse(f"admin:{place.route}", args=[key])


def asking(term: object) -> str:
    """The troubleshooter, asked about an id of any kind."""
    return f"{reverse('admin:troubleshooter')}?{urlencode({'q': str(term)})}"


def page_of(route: str, key: Any) -> str:
    """The page of one object; "" when the admin has none."""
    try:
        return reverse(f"admin:{route}_change", args=[key])
    except NoReverseMatch:
        return ""
