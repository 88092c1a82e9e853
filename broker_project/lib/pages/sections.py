"""Parts of a detail page: tables, texts, links, values to copy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


@dataclass(frozen=True)
class Section:
    """A part below the fields of a detail page; ``template`` gets it as ``section``."""

    template: ClassVar[str]
    title: str


@dataclass(frozen=True)
class Table(Section):
    """Rows of cells; ``empty`` is said when there are none, ``more`` links to the whole list."""

    template: ClassVar[str] = "broker/table.html"
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty: str = "None."
    more: str = ""


@dataclass(frozen=True)
class Text(Section):
    """Preformatted text, wrapped."""

    template: ClassVar[str] = "broker/text.html"
    text: str


def pretty(value: Any) -> SafeString:
    """JSON, indented and wrapped, as a block; text that holds JSON likewise."""
    return format_html('<pre class="broker-code">{}</pre>', listing(value))


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


def link(address: str, text: Any) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', address, text)


def to_change(model: str, key: Any, text: Any) -> SafeString:
    """A link to the page of one object; ``model`` such as ``events.delivery``."""
    return link(reverse(f"admin:{model.replace('.', '_')}_change", args=[key]), text)


def to_list(model: str, filters: Mapping[str, Any]) -> str:
    """Address of a filtered list."""
    address = reverse(f"admin:{model.replace('.', '_')}_changelist")
    return f"{address}?{urlencode(filters)}"
