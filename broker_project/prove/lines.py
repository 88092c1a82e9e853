"""The lines in which deliveries stand, as the checker sees them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from .evidence import DeliveryRow

FINAL = ("succeeded", "skipped", "superseded", "dead")

Lane = tuple[str, str]


def by_lane(deliveries: Iterable[DeliveryRow]) -> dict[Lane, list[DeliveryRow]]:
    """Deliveries by connector and lane, each lane in the order received."""
    found: dict[Lane, list[DeliveryRow]] = defaultdict(list)
    for delivery in sorted(deliveries, key=lambda row: row.seq):
        found[delivery.connector, delivery.lane].append(delivery)
    return found


def waits_visibly(delivery: DeliveryRow, lane: Sequence[DeliveryRow]) -> bool:
    """Whether it waits for a person, or stands behind one that does."""
    head = next((row for row in lane if row.state not in FINAL), None)
    return head is not None and head.state == "waiting" and delivery.state in ("waiting", "pending")
