"""“It was created”: the two records that a write of unknown outcome has joined."""

from __future__ import annotations

from django.db.models import Q

from broker_project.lib.errors import Conflict, InvalidRecord
from mappings.models import RecordLink

from .models import Delivery


def is_linked(delivery: Delivery) -> bool:
    """Whether the delivery's record is linked to its counterpart."""
    links = RecordLink.objects.filter(
        connector_id=delivery.connector_id, work_order_id__isnull=False, external_id__isnull=False
    )
    return links.filter(_own_side(delivery)).exists()


def complete_link(delivery: Delivery, *, work_order_id: int | None, external_id: str) -> None:
    """Link the two. Raises InvalidRecord when an id is missing, Conflict when a record is linked otherwise."""
    if not work_order_id:
        raise InvalidRecord("Enter the id of the work order that was created.")
    if not external_id:
        raise InvalidRecord("Enter the id of the external record that was created.")
    either = Q(work_order_id=work_order_id) | Q(external_id=external_id)
    links = list(RecordLink.objects.select_for_update().filter(either, connector_id=delivery.connector_id))
    for link in links:
        if link.work_order_id and link.external_id:
            raise Conflict(
                f"Work order {link.work_order_id} and record {link.external_id} of this connector are linked already. "
                "Check the id, or correct that record link first."
            )
    correlation = next((link.correlation_id for link in links if link.correlation_id), "")
    # Claims of either side give way to the pair, as they do when a worker stores one.
    RecordLink.objects.filter(pk__in=[link.pk for link in links]).delete()
    RecordLink.objects.create(
        connector_id=delivery.connector_id,
        work_order_id=work_order_id,
        external_id=external_id,
        correlation_id=correlation,
    )


def _own_side(delivery: Delivery) -> Q:
    if delivery.direction == Delivery.Direction.INBOUND:
        return Q(external_id=delivery.external_id)
    return Q(work_order_id=delivery.work_order_id)
