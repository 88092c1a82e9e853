"""For templates that show a log's code: the page that explains it."""

from __future__ import annotations

from django import template

from events.troubleshoot.errors import help_link

register = template.Library()


@register.simple_tag
def error_page(code: str, connector_id: int | None) -> str:
    """Its address for this connector; "" when the code needs no explanation."""
    return help_link(code, connector_id)
