"""Field Nation's dates: ``{"utc": "YYYY-MM-DD HH:MM:SS", "local": {"date", "time"}}`` in a work order's time zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

PATTERN = "%Y-%m-%d %H:%M:%S"
UNSET = {"utc": "", "local": {"date": "", "time": ""}}


@dataclass(frozen=True)
class TimeZone:
    id: int
    name: str
    states: str = ""


# Each state's main zone. Only id 3 is documented; the others are the simulator's own.
TIME_ZONES = (
    TimeZone(1, "America/Los_Angeles", "CA NV OR WA"),
    TimeZone(2, "America/Denver", "CO ID MT NM UT WY"),
    TimeZone(3, "America/Chicago", "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI"),
    TimeZone(4, "America/New_York", "CT DC DE FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC VA VT WV"),
    TimeZone(5, "America/Phoenix", "AZ"),
    TimeZone(6, "America/Anchorage", "AK"),
    TimeZone(7, "Pacific/Honolulu", "HI"),
    TimeZone(8, "UTC"),
)
BY_ID = {zone.id: zone for zone in TIME_ZONES}
DEFAULT_ZONE = BY_ID[8]
BY_STATE = {state: zone for zone in TIME_ZONES for state in zone.states.split()}


def now_utc() -> str:
    return datetime.now(UTC).strftime(PATTERN)


def moment(utc: str, zone: TimeZone) -> dict[str, Any]:
    """The object for a UTC text such as "2026-07-01 14:00:00"; raises ValueError for any other form."""
    if not utc:
        return UNSET
    local = datetime.strptime(utc, PATTERN).replace(tzinfo=UTC).astimezone(ZoneInfo(zone.name))
    return {"utc": utc, "local": {"date": local.strftime("%Y-%m-%d"), "time": local.strftime("%H:%M:%S")}}


def read_moment(value: object, zone: TimeZone) -> dict[str, Any] | None:
    """The complete object for ``utc`` or ``local`` as sent; ``utc`` wins. None when the shape is wrong."""
    if not isinstance(value, Mapping):
        return None
    try:
        if isinstance(value.get("utc"), str) and value["utc"]:
            return moment(value["utc"], zone)
        local = value.get("local")
        if isinstance(local, Mapping) and local.get("date"):
            clock = datetime.strptime(f"{local['date']} {local['time']}", PATTERN).replace(tzinfo=ZoneInfo(zone.name))
            return moment(clock.astimezone(UTC).strftime(PATTERN), zone)
    except (ValueError, KeyError, OverflowError):
        return None
    return None


def zone_object(zone: TimeZone, utc: str = "") -> dict[str, Any]:
    """The ``time_zone`` member; short name and offset (minutes) are those in force at ``utc``, or now."""
    at = datetime.strptime(utc, PATTERN).replace(tzinfo=UTC) if utc else datetime.now(UTC)
    local = at.astimezone(ZoneInfo(zone.name))
    offset = local.utcoffset()
    return {
        "id": zone.id,
        "name": zone.name,
        "short": local.tzname() or "",
        "offset": int(offset.total_seconds() // 60) if offset else 0,
    }


def iso_with_offset(zone: TimeZone) -> str:
    """Now, as webhooks write it: ISO 8601 to the second, with the offset of the zone."""
    return datetime.now(UTC).astimezone(ZoneInfo(zone.name)).isoformat(timespec="seconds")
