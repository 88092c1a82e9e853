"""The newest events of a company, looked for in a bounded part of the table however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db.models import QuerySet

from events.models import Event

LOOKED_AT: Final = 20_000
"""So many of the newest events of the installation are looked through; a rarer one counts as not come lately."""
SHOWN: Final = 100


def newest(company_id: int, event_type: str = "", *, limit: int = SHOWN) -> Sequence[Event]:
    """Catalogue events of the company, newest first, of one type or of all. One query."""
    rows = _window().filter(company_id=company_id)
    rows = rows.filter(event_type=event_type) if event_type else rows.exclude(event_type="")
    return list(rows.order_by("-received_at", "-id")[:limit])


def _window() -> QuerySet[Event]:
    oldest = Event.objects.order_by("-received_at").values("received_at")[LOOKED_AT : LOOKED_AT + 1]
    seen = oldest.first()
    return Event.objects.filter(received_at__gt=seen["received_at"]) if seen else Event.objects.all()
