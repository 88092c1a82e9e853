"""The pages of one connector: what an admin sees and edits in a browser. See base.py."""

from __future__ import annotations

from .base import ConnectorPage
from .event_triggers import EventTriggersPage
from .field_mappings import FieldMappingsPage
from .logs import LogsPage
from .trigger_url import TriggerUrlPage
from .versions import VersionsPage

PAGES: tuple[ConnectorPage, ...] = (
    EventTriggersPage(),
    FieldMappingsPage(),
    TriggerUrlPage(),
    LogsPage(),
    VersionsPage(),
)
