""" "Newest state only": of the updates of one record that still wait, the newest carries the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from synclog.models import SyncLog

from . import states
from .sentences import explain


class New(Protocol):
    """What is needed of a delivery that was just stored."""

    @property
    def id(self) -> UUID: ...
    @property
    def connector_id(self) -> int: ...
    @property
    def trigger_id(self) -> int: ...
    @property
    def lane_key(self) -> str: ...


def coalesce(new: Iterable[New], *, newest_only: Mapping[int, Sequence[int]]) -> list[SyncLog]:
    """Supersede what the ``new`` deliveries make needless; return the log rows to write.

    ``newest_only``: by connector id, its triggers in that mode, which are updates of the main record. The lanes are
    locked by this transaction, so nothing of it runs meanwhile.
    """
    if not any(newest_only.values()):
        return []
    last: dict[tuple[int, str], UUID] = {}
    for delivery in new:
        if delivery.trigger_id in newest_only.get(delivery.connector_id, ()):
            last[delivery.connector_id, delivery.lane_key] = delivery.id
    if not last:
        return []
    triggers = [id for ids in newest_only.values() for id in ids]
    found = states.supersede(
        [(id, connector_id, key) for (connector_id, key), id in last.items()],
        triggers=triggers,
        sentence=explain("superseded", by="delivery"),
    )
    return [
        SyncLog(
            connector_id=row.connector_id,
            direction=row.direction,
            outcome=SyncLog.Outcome.SKIPPED,
            code="superseded",
            sentence=explain("superseded", by=f"delivery {row.by}"),
            work_order_id=row.work_order_id,
            external_id=row.external_id,
            event_id=row.event_id,
            delivery_id=row.id,
            details={"by": str(row.by)},
        )
        for row in found
    ]
