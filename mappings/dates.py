"""Date Convert: parse in one format and zone, print in another. Also "plus one day" for scripts.

Field Nation connectors, Date Convert and ``$.util.date_convert``/``date_add``. Formats are moment's (date_formats.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from broker_project.lib.errors import MappingError

from .date_formats import Reader, Writer, reader, writer
from .date_tokens import EPOCH
from .wording import shown

# Names that a machine's zone folder may hold although they are no IANA zones, or count leap seconds.
_NOT_IANA = re.compile(r"(posix|right)/|(localtime|posixrules|Factory)$")
_ONE_DAY = timedelta(days=1)
_PLAIN_DAY = re.compile(
    r"(\d{4}-\d{2}-\d{2})((?: \d{2}:\d{2}:\d{2}(?:\.\d+)?|T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?)",
    re.ASCII,
)


def check_format(fmt: str, *, parsing: bool) -> None:
    """Refuse, at save time, a format that cannot work. ``parsing`` asks for more: a date must not be guessed.

    Raises MappingError.
    """
    if parsing:
        reader(fmt)
    else:
        writer(fmt)


def check_zone(name: str) -> None:
    """Refuse, at save time, a name that is no IANA time zone. Raises MappingError."""
    try:
        _zone(name)
    except MappingError:
        wanted = str(name).strip().casefold()
        likely = [zone for zone in available_timezones() if zone.casefold() == wanted and not _NOT_IANA.match(zone)]
        if not likely:
            raise
        raise MappingError(f"There is no time zone {shown(name)}. Did you mean {likely[0]}?") from None


def convert(
    value: Any, *, input_format: str, output_format: str, timezone_in: str = "UTC", timezone_out: str = "UTC"
) -> str:
    """``value`` (text, or a number for the formats X and x) rewritten. The caller deals with empty values.

    Text without an offset of its own is read in ``timezone_in``. Raises MappingError.
    """
    return conversion(input_format, output_format, timezone_in, timezone_out)(value)


@lru_cache(maxsize=512)
def conversion(input_format: str, output_format: str, timezone_in: str, timezone_out: str) -> Callable[[Any], str]:
    """The same as ``convert``, compiled for many values. Raises MappingError when the four do not go together."""
    read, write = reader(input_format), writer(output_format)
    zone_in, zone_out = _zone(timezone_in), _zone(timezone_out)
    if read.units & {"year", "epoch"}:
        return lambda value: write.write(_at(value, read, zone_in, zone_out))
    if write.needs_date or read.units & {"offset"} or timezone_in != timezone_out:
        raise MappingError(
            f"The input format {input_format} holds no date, so neither a date nor another zone can be printed."
        )
    return lambda value: write.write(_clock(value, read))


def add_day(value: Any, *, input_format: str = "") -> str:
    """The date one calendar day later in the same format, its clock time kept; "" for an empty value.

    Without ``input_format`` it takes ``YYYY-MM-DD HH:mm:ss``, ``YYYY-MM-DD`` and ISO 8601. Raises MappingError.
    """
    if value is None or value == "":
        return ""
    if not input_format:
        return _add_plain_day(value)
    read, write = reader(input_format), writer(input_format)
    if not read.units & {"day", "epoch"}:
        raise MappingError(f"The format {input_format} holds no day, so no day can be added.")
    text, units = _units(value, read)
    try:
        return _write_next_day(text, units, read, write)
    except OverflowError:
        raise _out_of_range(value) from None


def _write_next_day(text: str, units: dict[str, int], read: Reader, write: Writer) -> str:
    if "epoch" in units:
        return write.write(EPOCH + timedelta(milliseconds=units["epoch"]) + _ONE_DAY)
    offset = timezone(timedelta(minutes=units.get("offset", 0)))
    return write.write((read.clock(text, units) + _ONE_DAY).replace(tzinfo=offset))


def _add_plain_day(value: Any) -> str:
    """Only the day is rewritten, so that the rest (fraction, ``Z`` or ``+00:00``) stays as it came."""
    found = _PLAIN_DAY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise MappingError(
            f"{shown(value)} is no date such as 2026-07-01 14:00:00. Give date_add the format of the value."
        )
    try:
        datetime.fromisoformat(value)
        return (date.fromisoformat(found[1]) + _ONE_DAY).isoformat() + found[2]
    except ValueError:
        raise MappingError(f"{shown(value)} is not a date or time that exists.") from None
    except OverflowError:
        raise _out_of_range(value) from None


def _units(value: Any, read: Reader) -> tuple[str, dict[str, int]]:
    if isinstance(value, str):
        return value, read.read(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MappingError(f"{shown(value)} is no date. A date is text, or a number when the input format is X or x.")
    if read.format not in ("X", "x"):
        raise MappingError(f"{shown(value)} is a number, which only the formats X and x can read, not {read.format}.")
    # a JSON number may come as a float such as 1772600767089.0
    text = f"{value:.6f}" if isinstance(value, float) else str(value)
    return text, read.read(text)


def _clock(value: Any, read: Reader) -> datetime:
    text, units = _units(value, read)
    return read.clock(text, units)


def _at(value: Any, read: Reader, zone_in: tzinfo, zone_out: tzinfo) -> datetime:
    """The instant that ``value`` names, in ``zone_out``."""
    text, units = _units(value, read)
    try:
        if "epoch" in units:
            return (EPOCH + timedelta(milliseconds=units["epoch"])).astimezone(zone_out)
        if "offset" in units:
            zone_in = timezone(timedelta(minutes=units["offset"]))
        # Through UTC, also within one zone: that is what moves a clock time that the spring gap skips.
        return read.clock(text, units).replace(tzinfo=zone_in).astimezone(UTC).astimezone(zone_out)
    except OverflowError:
        raise _out_of_range(value) from None


def _out_of_range(value: Any) -> MappingError:
    return MappingError(f"{shown(value)} leads outside the years 1 to 9999.")


@lru_cache(maxsize=512)
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        if not _NOT_IANA.match(name):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        pass
    raise MappingError(f"There is no time zone {shown(name)}. Use an IANA name such as America/Denver.")
