"""All parts of the dashboard that this person may see, in a number of queries that does not depend on the data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from broker_project.lib.pages import Banner, Section, Table
from broker_project.overview import may_see
from synclog import rollups
from synclog.rollup_totals import Totals, combined

from . import tables, tiles
from .choice import Choice, choose
from .depth import depth
from .extras import alerts, panels


@dataclass(frozen=True)
class Dashboard:
    """``figures`` is None for whoever may not see the logs."""

    choice: Choice
    figures: Figures | None
    panels: list[Section]
    channels: Banner | None
    alerts: Table | None


@dataclass(frozen=True)
class Figures:
    """The tiles with what their charts show, and the tables below them."""

    tiles: list[tiles.Tile]
    charts: dict[str, Any]
    connectors: Table | None
    errors: Table
    calls: Table
    lanes: Table | None

    @property
    def sections(self) -> list[Table]:
        return [table for table in (self.lanes, self.connectors, self.errors, self.calls) if table]


def dashboard(request: HttpRequest) -> Dashboard:
    """What the address asks for."""
    user = request.user
    connectors = tables.listed_connectors() if may_see(user, "connectors", "connector") else []
    choice = choose(request.GET, connectors, timezone.now())
    figures = _figures(request, choice) if may_see(user, "synclog", "synclog") else None
    return Dashboard(choice, figures, panels(user), *alerts(user))


def _figures(request: HttpRequest, choice: Choice) -> Figures:
    which: dict[str, Any] = {"connector_id": choice.connector_id, "direction": choice.direction or None}
    sees_queue = may_see(request.user, "events", "delivery")
    course, each = _counted(choice)
    minutes = (choice.now - choice.since).total_seconds() / 60
    found = combined([step for _, step in course], minutes=minutes)
    queued = rollups.queue_series(choice.since, step=choice.range.step, **which) if sees_queue else []
    depth_now = depth(connector_id=choice.connector_id, direction=choice.direction) if sees_queue else None
    shown = tiles.tiles(found, course, depth_now, queued)
    table = tables.connectors_table(choice, each) if choice.connectors else None
    return Figures(
        tiles=shown,
        charts={"times": [at.isoformat() for at, _ in course], "tiles": [tile.chart() for tile in shown]},
        connectors=table,
        errors=tables.errors_table(choice, found),
        calls=tables.calls_table(choice, found),
        lanes=tables.lanes_table(choice) if may_see(request.user, "events", "lane") else None,
    )


def _counted(choice: Choice) -> tuple[list[tuple[datetime, Totals]], dict[int, Totals]]:
    """What the charts show, and the figures of each connector, which stay those of all when one is chosen."""
    direction, step = choice.direction or None, choice.range.step
    if choice.connector_id is None:
        return rollups.series_and_connectors(choice.since, step=step, direction=direction)
    course = rollups.series(choice.since, step=step, connector_id=choice.connector_id, direction=direction)
    return course, rollups.by_connector(choice.since, direction=direction)
