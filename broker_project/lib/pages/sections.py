"""Parts of a detail page: tables, texts, links, values to copy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from unfold.decorators import display as unfold_display

_Method = TypeVar("_Method", bound=Callable[..., Any])


def display(
    *,
    description: str,
    ordering: str | None = None,
    boolean: bool | None = None,
    label: Mapping[str, str] | None = None,
) -> Callable[[_Method], _Method]:
    """Describe a column or field; ``label`` gives the colour of a label by its text. (Unfold's own, with types.)"""
    decorator: Callable[[_Method], _Method] = unfold_display(
        description=description, ordering=ordering, boolean=boolean, label=label
    )
    return decorator


@dataclass(frozen=True)
class Section:
    """A part below the fields of a detail page; ``template`` gets it as ``section``."""

    template: ClassVar[str]
    title: str


@dataclass(frozen=True)
class Table(Section):
    """Rows of cells; ``empty`` is said when there are none, ``more`` links to the whole list.

    A table wider than the window is scrolled in its frame, with the keyboard too; on a phone each cell stands below
    the other, named by its header.
    """

    template: ClassVar[str] = "broker/table.html"
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty: str = "None."
    more: str = ""

    @property
    def labelled_rows(self) -> Sequence[Sequence[tuple[str, Any]]]:
        """The rows, each cell with its header."""
        return [list(zip(self.headers, row, strict=False)) for row in self.rows]


@dataclass(frozen=True)
class Text(Section):
    """Preformatted text, wrapped."""

    template: ClassVar[str] = "broker/text.html"
    text: str


def pretty(value: Any) -> SafeString:
    """JSON, indented and wrapped, as a block; text that holds JSON likewise."""
    return format_html('<pre class="broker-code" tabindex="0">{}</pre>', listing(value))


def listing(value: Any) -> str:
    """The text of ``pretty``."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return str(value)
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def copyable(value: str) -> SafeString:
    """A read-only value with a button that copies it."""
    return render_to_string("broker/copy.html", {"value": value})


def label(text: str, kind: str) -> SafeString:
    """A coloured label; ``kind`` is default, info, success, warning or danger."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": kind})


def moment(when: datetime) -> SafeString:
    """A time in a table, to the second, in the installation's zone."""
    return format_html('<span class="broker-time">{}</span>', localize(localtime(when)))


def link(address: str, text: Any) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', address, text)


def to_change(model: str, key: Any, text: Any) -> SafeString:
    """A link to the page of one object; ``model`` such as ``events.delivery``."""
    return link(reverse(f"admin:{model.replace('.', '_')}_change", args=[key]), text)


def to_list(model: str, filters: Mapping[str, Any]) -> str:
    """Address of a filtered list."""
    address = reverse(f"admin:{model.replace('.', '_')}_changelist")
    return f"{address}?{urlencode(filters)}"
