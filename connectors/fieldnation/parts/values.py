"""Mapped values in the forms Field Nation writes them, and when two values are the same. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from html.parser import HTMLParser
from typing import Any

from broker_project.lib.errors import InvalidRecord

# A text is taken as HTML only when it has a tag of this list: "use <port> 7" is plain text.
_TAG = re.compile(
    r"</?(?:p|br|b|strong|i|em|u|s|ul|ol|li|div|span|a|h[1-6]|table|thead|tbody|tr|td|th|img|pre|code|blockquote|hr|sub|"
    r"sup|font)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_YES = frozenset({"true", "yes", "1", "on"})
_NO = frozenset({"false", "no", "0", "off", ""})


def member(value: object, *names: str) -> Any:
    """The member at ``names`` inside nested objects; None where there is none."""
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def listed(value: object) -> list[Mapping[str, Any]]:
    """The objects of a Field Nation list: a plain list, or one under ``results``."""
    found = member(value, "results") if isinstance(value, Mapping) else value
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list | tuple) else []


def text_of(value: object, path: str) -> str:
    """A scalar as the text Field Nation keeps. Raises InvalidRecord for lists and objects."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float | Decimal):
        return str(value)
    raise InvalidRecord(f"“{path}” needs a text but got {'a list' if isinstance(value, list) else 'an object'}.")


def number_of(value: object, path: str) -> Decimal:
    """A number with at most two decimals, as money and hours are kept. Raises InvalidRecord."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise InvalidRecord(f"“{path}” needs a number.")
    try:
        number = Decimal(str(value).strip())
        rounded = number.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
        is_negative = rounded < 0
    except InvalidOperation:
        raise InvalidRecord(f"“{path}” needs a number but got “{str(value)[:50]}”.") from None
    if is_negative:
        raise InvalidRecord(f"“{path}” cannot be negative but is {value}.")
    return rounded


def json_number(number: Decimal) -> int | float:
    """The number as JSON carries it: whole when it is whole."""
    return int(number) if number == number.to_integral_value() else float(number)


def id_of(value: object, path: str) -> int:
    """A Field Nation id: a positive whole number, also as text. Raises InvalidRecord."""
    text = text_of(value, path)
    if isinstance(value, bool) or not re.fullmatch("[0-9]{1,18}", text, re.ASCII) or int(text) == 0:
        raise InvalidRecord(
            f"“{path}” needs an id, a whole number, but got “{text[:50]}”. An Array Map turns names into ids."
        )
    return int(text)


def found_id(value: object) -> int | None:
    """An id as found in a work order; None for unset (0, "" or missing)."""
    try:
        return id_of(value, "id") if value else None
    except InvalidRecord:
        return None


def flag_of(value: object, path: str) -> bool:
    """A yes or no, also as text. Raises InvalidRecord."""
    text = text_of(value, path).lower()
    if text in _YES or text in _NO:
        return text in _YES
    raise InvalidRecord(f"“{path}” needs true or false but got “{text[:50]}”.")


def html_of(text: str) -> str:
    """HTML as it is; plain text with its line breaks kept, as one paragraph. "" stays ""."""
    if not text or _TAG.search(text):
        return text
    return "<p>" + html.escape(text, quote=False).replace("\n", "<br>") + "</p>"


def words_of(rich: str) -> str:
    """The words of an HTML text with single blanks: two texts with the same words count as the same, since Field
    Nation may print the markup in another way."""
    reader = _Words()
    reader.feed(rich)
    reader.close()
    return " ".join("".join(reader.found).split())


class _Words(HTMLParser):
    # Tags inside a word ("un<b>do</b>") must not split it; all others separate words.
    _INSIDE_WORDS = frozenset({"b", "strong", "i", "em", "u", "s", "span", "a", "font", "sub", "sup", "code"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._INSIDE_WORDS:
            self.found.append(" ")

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def same_words(one: str, other: str) -> bool:
    """Equal apart from case and blanks, as addresses and names are compared."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def same_number(one: object, other: object) -> bool:
    """Equal as numbers, whether given as number or text; False when one is no number."""
    try:
        return number_of(one, "") == number_of(other, "")
    except InvalidRecord:
        return False
