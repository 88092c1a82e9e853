"""All error pages by code, and the address of each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from django.urls import reverse
from django.utils.http import urlencode

from . import entries_failures, entries_nothing, entries_system, entries_waits
from .entry import Entry

ERRORS: Final[Mapping[str, Entry]] = MappingProxyType(
    {
        entry.code: entry
        for entry in (
            *entries_failures.ENTRIES,
            *entries_waits.ENTRIES,
            *entries_nothing.ENTRIES,
            *entries_system.ENTRIES,
        )
    }
)

DONE: Final = frozenset(
    {
        "created", "found_again", "updated", "noted", "work_order_created", "work_order_found_again",
        "work_order_updated", "written_back", "read_again",
        "operator_retry", "operator_linked", "operator_create_again", "operator_decided", "operator_edited",
        "event_edited",
    }
)  # fmt: skip
"""Codes that say what was done, by the broker or by a person: there is nothing to mend."""

ELSEWHERE: Final = ("job_", "catch_up_", "resync_", "version_", "connector_missing", "not_read")
"""How the codes of jobs, versions and trials begin: their own pages say it all."""


def help_link(code: str, connector_id: int | None = None) -> str:
    """The address of the page that explains a code, for this connector; "" when the code needs no explanation."""
    if code not in ERRORS:
        return ""
    address = reverse("admin:troubleshooter_error", args=[code])
    return f"{address}?{urlencode({'connector': connector_id})}" if connector_id is not None else address
