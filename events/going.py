"""What goes, and what stays behind, when a trigger or a connector is deleted: counted up to a bound, never loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import CASCADE, Model, QuerySet

from connectors.models import Connector

from .models import Delivery, EventTrigger
from .states import OPEN

COUNTED: Final = 1_000


@dataclass(frozen=True)
class Number:
    """How many there are; ``over`` when the count was ended at its bound."""

    count: int
    over: bool = False

    def __str__(self) -> str:
        return f"more than {self.count:,}" if self.over else f"{self.count:,}"


def number_of(rows: QuerySet[Any]) -> Number:
    """Their number up to a thousand. One query, which ends at the bound."""
    found = rows.order_by()[: COUNTED + 1].count()
    return Number(min(found, COUNTED), over=found > COUNTED)


def deliveries_of(connector: Connector) -> Number:
    return number_of(Delivery.objects.filter(connector=connector))


def waiting_for(triggers: Iterable[EventTrigger]) -> Number:
    """The open deliveries of these triggers, which are skipped once they are gone."""
    listed = list(triggers)
    return number_of(
        Delivery.objects.filter(
            connector_id__in={trigger.connector_id for trigger in listed},
            trigger_id__in=[trigger.pk for trigger in listed],
            state__in=OPEN,
        )
    )


def going_with(connector: Connector) -> Sequence[tuple[type[Model], Number]]:
    """What is deleted with a connector without deliveries, by model; what it has none of is left out."""
    counted = [
        (
            relation.related_model,
            number_of(relation.related_model._base_manager.filter(**{relation.field.name: connector})),
        )
        for relation in connector._meta.related_objects
        if relation.on_delete is CASCADE and relation.related_model is not Delivery
    ]
    return [(model, number) for model, number in counted if number.count]
