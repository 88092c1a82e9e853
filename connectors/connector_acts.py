"""The buttons of a connector."""

from __future__ import annotations

from broker_project.lib.pages import Act

from .models import Connector

ACTS: tuple[Act, ...] = (
    Act(
        name="test_connection",
        label="Test connection",
        permission="connectors.change_connector",
        icon="network_check",
    ),
    Act(
        name="refresh_fields",
        label="Refresh fields",
        permission="connectors.change_connector",
        icon="refresh",
    ),
    Act(
        name="refresh_custom_fields",
        label="Refresh custom fields",
        permission="connectors.change_connector",
        icon="tune",
    ),
    Act(
        name="pause",
        label="Pause",
        permission="connectors.change_connector",
        question="Events are kept from now on and wait until the connector is resumed. Pause it?",
        icon="pause",
        offered=lambda connector: connector.status == Connector.Status.ACTIVE,
    ),
    Act(
        name="resume",
        label="Resume",
        permission="connectors.change_connector",
        question="Everything that waits is sent now, in the order received. Resume the connector?",
        icon="play_arrow",
        offered=lambda connector: connector.status != Connector.Status.ACTIVE,
    ),
    Act(
        name="disable",
        label="Disable",
        permission="connectors.change_connector",
        question="Events are recorded as skipped from now on and are not sent later. What waits already is kept. "
        "Disable the connector?",
        icon="block",
        dangerous=True,
        offered=lambda connector: connector.status != Connector.Status.DISABLED,
    ),
)
