"""When the work is. Times are kept in UTC; the local form is written beside it, since either may be demanded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.steps import Check, Step

from .mapped import Mapped
from .values import found_id, id_of, member, text_of

MODES = ("exact", "between", "hours")
_FORMAT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class Moment:
    """A wanted time: ``utc`` (aware), or a local date and time whose zone is known only later."""

    utc: datetime | None
    local: datetime | None = None


@dataclass(frozen=True)
class Window:
    """What the mappings want; None means "not mapped"."""

    mode: str | None
    start: Moment | None
    end: Moment | None
    zone_id: int | None
    zone: ZoneInfo | None


@dataclass(frozen=True)
class _Settled:
    """The window to be written, all in UTC."""

    mode: str
    start: datetime
    end: datetime | None


def read_schedule(mapped: Mapped) -> Window | None:
    """Take the schedule. Raises InvalidRecord for a time that cannot be read or an unknown mode or zone."""
    mode = mapped.take("schedule.service_window.mode")
    window = Window(
        mode=None if mode is None else text_of(mode, "schedule.service_window.mode").lower(),
        start=_moment(mapped, "start"),
        end=_moment(mapped, "end"),
        zone_id=_optional_id(mapped.take("schedule.time_zone.id")),
        zone=_zone_wanted(mapped.take("schedule.time_zone.name")),
    )
    if window.mode is not None and window.mode not in MODES:
        raise InvalidRecord(f"“schedule.mode” is “{window.mode[:50]}”; it must be one of {', '.join(MODES)}.")
    return window if any(value is not None for value in vars(window).values()) else None


def schedule_body(window: Window) -> dict[str, Any]:
    """The schedule in the shape of the create body; {} when no time is mapped. ``utc`` alone where no zone is known."""
    body: dict[str, Any] = {}
    if window.start or window.end or window.mode:
        settled = _settle(window, {}, window.zone)
        service = {"mode": settled.mode, "start": _written(settled.start, window.zone)}
        if settled.end is not None:
            service["end"] = _written(settled.end, window.zone)
        body["service_window"] = service
    if window.zone_id is not None:
        body["time_zone"] = {"id": window.zone_id}
    return body


def schedule_steps(window: Window, current: Mapping[str, Any]) -> list[Step]:
    """One update of the schedule when it differs from ``current``. A start on its own moves the window and keeps its
    length; an end on its own keeps the start. Raises InvalidRecord for an end before the start."""
    found = current["schedule"] if isinstance(current.get("schedule"), Mapping) else {}
    service = found["service_window"] if isinstance(found.get("service_window"), Mapping) else {}
    checks = []
    body: dict[str, Any] = {}
    zone = _zone(window, found)
    if window.start or window.end or window.mode:
        settled = _settle(window, service, zone)
        checks = _checks(settled, service)
        # The call demands start and end, each with its local form.
        local_zone = zone or UTC
        end = settled.end or settled.start
        body["service_window"] = {
            "mode": settled.mode,
            "start": _written(settled.start, local_zone),
            "end": _written(end, local_zone),
        }
    if window.zone_id is not None:
        present = str(found_id(member(found, "time_zone", "id")) or "")
        checks.append(Check("schedule.time_zone.id", str(window.zone_id), present))
        body["time_zone"] = {"id": window.zone_id}
        body.setdefault("service_window", dict(service))
    differing = tuple(check for check in checks if check.wanted != check.found)
    return [Step("PUT", "/schedule", "set the schedule", body=body, check=differing)] if differing else []


def _settle(window: Window, service: Mapping[str, Any], zone: tzinfo | None) -> _Settled:
    old_mode = str(service.get("mode") or "").lower()
    old_start, old_end = _found(service, "start"), _found(service, "end")
    start = _utc(window.start, zone) if window.start else old_start
    if start is None:
        raise InvalidRecord("The schedule has no start: map schedule.start too.")
    end = _utc(window.end, zone) if window.end else old_end
    if window.start and not window.end and old_start and old_end:
        end = start + max(old_end - old_start, timedelta(0))
    mode = window.mode or _mode(start, end, old_mode, end_is_mapped=window.end is not None)
    if mode == "exact":
        return _Settled(mode, start, None)
    if end is None:
        raise InvalidRecord(f"A schedule of mode “{mode}” needs an end: map schedule.end too.")
    if end < start:
        raise InvalidRecord(f"The schedule ends ({end:{_FORMAT}} UTC) before it starts ({start:{_FORMAT}} UTC).")
    return _Settled(mode, start, end)


def _mode(start: datetime, end: datetime | None, old_mode: str, *, end_is_mapped: bool) -> str:
    if old_mode in MODES and not end_is_mapped:
        return old_mode
    if end is None or end == start:
        return "exact"
    return old_mode if old_mode in ("between", "hours") else "between"


def _checks(settled: _Settled, service: Mapping[str, Any]) -> list[Check]:
    checks = [
        Check("schedule.service_window.mode", settled.mode, str(service.get("mode") or "").lower()),
        _time_check("start", settled.start, service),
    ]
    # In an exact schedule only the start has a meaning.
    return checks if settled.end is None else [*checks, _time_check("end", settled.end, service)]


def _time_check(name: str, wanted: datetime, service: Mapping[str, Any]) -> Check:
    found = _found(service, name)
    return Check(
        f"schedule.service_window.{name}.utc", f"{wanted:{_FORMAT}}", f"{found:{_FORMAT}}" if found is not None else ""
    )


def _written(moment: datetime, zone: tzinfo | None) -> dict[str, Any]:
    written: dict[str, Any] = {"utc": f"{moment:{_FORMAT}}"}
    if zone is not None:
        local = moment.astimezone(zone)
        written["local"] = {"date": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M:%S}"}
    return written


def _moment(mapped: Mapped, name: str) -> Moment | None:
    path = f"schedule.service_window.{name}"
    utc = mapped.take(f"{path}.utc")
    date, time = mapped.take(f"{path}.local.date"), mapped.take(f"{path}.local.time")
    if utc is not None and text_of(utc, path):
        return Moment(_read(text_of(utc, path), path))
    if date is None and time is None:
        return None
    text = f"{text_of(date, path)} {text_of(time, path)}"
    moment = _read(text, f"{path}.local")
    return Moment(None, local=moment.replace(tzinfo=None))


def _read(text: str, path: str) -> datetime:
    """A time in UTC, whole seconds; without an offset it is UTC, as Field Nation writes it."""
    try:
        # A date on its own would silently become midnight.
        if not re.search(r"\d[T ]\d", text):
            raise ValueError
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if not 1970 <= moment.year <= 2200:
            raise ValueError
    except (ValueError, OverflowError):
        raise InvalidRecord(
            f"“{path}” is “{text[:50]}”, which is no date and time. Write YYYY-MM-DD HH:mm:ss in UTC, or ISO 8601 with "
            "an offset; a Date Convert mapping does so."
        ) from None
    return moment.replace(microsecond=0)


def _utc(moment: Moment, zone: tzinfo | None) -> datetime:
    if moment.utc is not None:
        return moment.utc
    if moment.local is None or zone is None:
        raise InvalidRecord("A local time is mapped but the time zone is unknown: map schedule.time_zone.name too.")
    return moment.local.replace(tzinfo=zone).astimezone(UTC)


def _found(service: Mapping[str, Any], name: str) -> datetime | None:
    text = member(service, name, "utc")
    try:
        return _read(text, name) if isinstance(text, str) else None
    except InvalidRecord:
        return None


def _zone(window: Window, found: Mapping[str, Any]) -> tzinfo | None:
    if window.zone is not None:
        return window.zone
    if window.zone_id not in (None, found_id(member(found, "time_zone", "id"))):
        return None
    try:
        return ZoneInfo(str(member(found, "time_zone", "name") or ""))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        offset = member(found, "time_zone", "offset")
    whole_day = 24 * 60
    if isinstance(offset, int) and not isinstance(offset, bool) and -whole_day < offset < whole_day:
        return timezone(timedelta(minutes=offset))
    return None


def _zone_wanted(value: object) -> ZoneInfo | None:
    if value is None:
        return None
    name = text_of(value, "schedule.time_zone.name")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidRecord(
            f"“schedule.time_zone.name” is “{name[:50]}”, which is no IANA time zone such as America/Chicago."
        ) from None


def _optional_id(value: object) -> int | None:
    return None if value is None else id_of(value, "schedule.time_zone.id")
