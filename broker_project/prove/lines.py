"""The lines in which deliveries stand, as the checker sees them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from .evidence import DeliveryRow

SERIAL = re.compile(r"R(\d+)#(\d+)$")
"""A value that the senders wrote: the record's number, and which of its changes it is."""
READS_AGAIN = "two_way"
"""The connector whose deliveries may read the work order again and write what it holds by then."""
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


def is_later(value: str, *, than: str) -> bool:
    """Whether people wrote ``value`` after ``than``; nothing was written before the first serial."""
    one, other = SERIAL.match(value), SERIAL.match(than)
    return one is not None and (other is None or int(one[2]) > int(other[2]))
