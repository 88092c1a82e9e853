"""What other parts of the broker put on the dashboard."""

from __future__ import annotations

from broker_project import health
from broker_project.lib.pages import Banner, Section, Table
from broker_project.overview import User
from events.alerts.cards import failing_channels, open_alerts, webhooks_table
from events.heartbeat import workers_table


def panels(user: User) -> list[Section]:
    """The sections of other parts that this person may see, in the order in which they stand on the page."""
    found = (workers_table(user), health.services_table(user), webhooks_table(user))
    return [section for section in found if section is not None]


def alerts(user: User) -> tuple[Banner | None, Table | None]:
    """Channels that do not get their messages through, and the open alerts."""
    return failing_channels(user), open_alerts(user)
