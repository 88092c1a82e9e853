"""Date formats in moment's notation, compiled once into a reader and a writer.

Tokens: Field Nation connectors, Date Convert. Every other token that moment knows is refused, because printing it
as plain text would be wrong without anybody noticing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from broker_project.lib.errors import MappingError

from .date_tokens import TOKENS, WEEKDAYS, Token
from .wording import shown

LONGEST_FORMAT = 200


_DIGITS = {"year", "month", "day", "hour", "minute", "second", "milli"}
_DATE_UNITS = {"year", "month", "day", "weekday", "offset", "epoch"}
# Letters that moment gives a meaning to; a run of one of them that is not in TOKENS is refused.
_MOMENT_LETTERS = set("YMDdHhAamsSZXxQWwEeNygGkzLl")
_INSTEAD = {"y": "YYYY", "d": "D or DD", "k": "H or HH", "S": "SSS", "l": "D, M and YYYY", "L": "D, M and YYYY"}
_PIECE = re.compile(
    r"\[(?P<literal>[^\[\]]*)\]|(?P<token>Do|Mo|(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>.)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a format: a token, or literal text when ``token`` is None."""

    text: str
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns text of one format into units (year, month …)."""

    format: str
    pattern: re.Pattern[str]
    tokens: tuple[tuple[str, Callable[[str], int]], ...]
    twelve_hours: bool

    @property
    def units(self) -> set[str]:
        return {unit for unit, _ in self.tokens}

    def read(self, text: str) -> dict[str, int]:
        """The units of ``text``. Raises MappingError when the text does not fit the format to the last character."""
        found = self.pattern.fullmatch(text)
        if found is None:
            raise MappingError(f"{shown(text)} does not fit the date format {self.format}.")
        try:
            units = {unit: read(part) for (unit, read), part in zip(self.tokens, found.groups(), strict=True)}
        except ValueError:
            raise _no_such_date(text) from None
        if self.twelve_hours and not 1 <= units["hour"] <= 12:
            raise _no_such_date(text)
        return units

    def clock(self, text: str, units: dict[str, int]) -> datetime:
        """The date and time that ``units`` (from ``text``) say, without a zone. Raises MappingError."""
        hour, half = units.get("hour", 0), units.get("half")
        if half == 1 and hour < 12:
            hour += 12
        elif half == 0 and hour == 12:
            hour = 0
        elif half == 0 and hour > 12:
            raise _no_such_date(text)
        try:
            moment = datetime(  # noqa: DTZ001 - the zone comes later, from the text or from the mapping
                units.get("year", 2000),
                units.get("month", 1),
                units.get("day", 1),
                hour,
                units.get("minute", 0),
                units.get("second", 0),
                units.get("milli", 0) * 1000,
            )
        except ValueError:
            raise _no_such_date(text) from None
        if "weekday" in units and "day" in units and units["weekday"] != moment.weekday():
            raise MappingError(f"{shown(text)} names the wrong weekday: that day is a {WEEKDAYS[moment.weekday()]}.")
        return moment


@dataclass(frozen=True, slots=True)
class Writer:
    """Prints a datetime in one format."""

    template: str
    values: tuple[Callable[[datetime], Any], ...]
    needs_date: bool

    def write(self, moment: datetime) -> str:
        return self.template % tuple([value(moment) for value in self.values])


def _no_such_date(text: str) -> MappingError:
    return MappingError(f"{shown(text)} is not a date or time that exists.")


def _refused(run: str) -> MappingError:
    hint = f"Use {_INSTEAD[run[0]]}" if run[0] in _INSTEAD else "Use a documented token"
    return MappingError(f"The date token {run} is not supported. {hint}, or write [{run}] for the plain text.")


def _pieces(fmt: str) -> list[Piece]:
    if not isinstance(fmt, str) or not fmt:
        raise MappingError("A date format is missing. Write one such as YYYY-MM-DD HH:mm:ss.")
    if len(fmt) > LONGEST_FORMAT:
        raise MappingError(f"The date format is longer than {LONGEST_FORMAT} characters. Shorten it.")
    pieces = []
    for found in _PIECE.finditer(fmt):
        run = found["token"]
        if run in TOKENS:
            pieces.append(Piece(run, TOKENS[run]))
        elif run and run[0] in _MOMENT_LETTERS:
            raise _refused(run)
        elif found["other"] == "[":
            raise MappingError(
                f"The date format {fmt} opens a bracket that is never closed. Write [text] for plain text."
            )
        elif found["other"] == "\\":
            raise MappingError(f"The date format {fmt} holds a backslash. Write [text] for plain text.")
        else:
            pieces.append(Piece(run or found["other"] or found["literal"] or ""))
    if not any(piece.token for piece in pieces):
        raise MappingError(f"The date format {fmt} holds no date token such as YYYY, MM or DD.")
    return pieces


@lru_cache(maxsize=512)
def writer(fmt: str) -> Writer:
    """Compile ``fmt`` for printing. Raises MappingError."""
    pieces = _pieces(fmt)
    tokens = [piece.token for piece in pieces if piece.token]
    return Writer(
        template="".join(piece.token.template if piece.token else piece.text.replace("%", "%%") for piece in pieces),
        values=tuple(token.write for token in tokens),
        needs_date=any(token.unit in _DATE_UNITS for token in tokens),
    )


@lru_cache(maxsize=512)
def reader(fmt: str) -> Reader:
    """Compile ``fmt`` for reading. Raises MappingError, also when the format leaves a date open to guesses."""
    pieces = _pieces(fmt)
    units = [piece.token.unit for piece in pieces if piece.token]
    twelve_hours = any(piece.text in ("h", "hh") for piece in pieces if piece.token)
    _check_readable(fmt, units, twelve_hours)
    return Reader(
        format=fmt,
        pattern=re.compile("".join(_patterns(pieces, with_milli="milli" in units)), re.ASCII),
        tokens=tuple((piece.token.unit, piece.token.read) for piece in pieces if piece.token),
        twelve_hours=twelve_hours,
    )


def _patterns(pieces: list[Piece], *, with_milli: bool) -> list[str]:
    patterns = []
    digits = [piece.token is not None and piece.token.unit in _DIGITS for piece in pieces]
    for place, piece in enumerate(pieces):
        if piece.token is None:
            patterns.append(re.escape(piece.text))
            continue
        # Two numbers without a separator can only be told apart when the longer tokens have their full width.
        crowded = any(digits[max(place - 1, 0) : place]) or any(digits[place + 1 : place + 2])
        patterns.append(f"({piece.token.fixed if crowded else piece.token.loose})")
        followed = any(digits[place + 1 : place + 2])
        if piece.token.unit == "second" and not with_milli and not followed:
            patterns.append(r"(?:\.\d+)?")
    return patterns


def _check_readable(fmt: str, units: list[str], twelve_hours: bool) -> None:
    for unit in units:
        if units.count(unit) > 1:
            raise MappingError(f"The input format {fmt} reads the {unit} twice. Keep one of them.")
    if "epoch" in units and len(units) > 1:
        raise MappingError(f"The input format {fmt} mixes X or x with other tokens. Use X or x alone.")
    if twelve_hours and "half" not in units:
        raise MappingError(f"The input format {fmt} reads h without A: morning or evening? Add A, or use H.")
    if "half" in units and "hour" not in units:
        raise MappingError(f"The input format {fmt} reads A without an hour. Add h.")
    for unit, larger in (("day", "month"), ("month", "year")):
        if unit in units and larger not in units:
            raise MappingError(
                f"The input format {fmt} reads the {unit} but not the {larger} (mm is minutes, MM months)."
            )
