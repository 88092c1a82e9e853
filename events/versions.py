"""Numbered, immutable versions of a connector's configuration: publish them, and read them compiled.

Triggers of the database mark a connector as stale whenever something of its configuration changes, whoever changes
it. A stale connector is published at the end of the admin's request, else by whoever reads its configuration next.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from django.db import connection, transaction

from broker_project.lib.errors import Misconfigured
from connectors.models import Connector
from mappings.models import FieldMapping

from . import snapshot
from .differences import difference
from .models import ConfigVersion, EventTrigger
from .sentences import explain
from .snapshot import Config, Snapshot, TriggerConfig

__all__ = [
    "Config",
    "Standing",
    "TriggerConfig",
    "current",
    "current_of",
    "difference",
    "of",
    "publish",
    "publish_stale",
]

Pair = tuple[int, int]
"""Connector id and version number."""

CACHED = 512


@dataclass(frozen=True, slots=True)
class Standing:
    """How a connector's row stands to its versions. ``digest`` None: there is no version ``number``."""

    connector_id: int
    number: int
    is_stale: bool
    digest: str | None


# --- Publish ---------------------------------------------------------------------------------------------------------


def publish(connector_id: int, *, user: str = "", comment: str = "") -> int:
    """Make the present configuration a version and return its number; an unchanged one keeps its number.

    Waits for a change of this connector that is being saved at the moment.
    """
    with transaction.atomic():
        rows = Connector.objects.select_for_update(no_key=True).filter(pk=connector_id)
        number = rows.values_list("version", flat=True).first()
        if number is None:
            raise Misconfigured(explain("connector_missing"))
        return _publish_locked(connector_id, number, user=user, comment=comment)


def publish_stale(*, user: str = "", comment: str = "", only: Iterable[int] | None = None) -> dict[int, int]:
    """Publish each stale connector (of ``only`` these); the new numbers by connector id.

    One that somebody else is saving or publishing at the moment is left to them.
    """
    # Inserts of deliveries go on meanwhile: they take a key share lock on the connector, which this one lets pass.
    rows = Connector.objects.select_for_update(no_key=True, skip_locked=True).filter(is_stale=True).order_by("pk")
    if only is not None:
        rows = rows.filter(pk__in=list(only))
    with transaction.atomic():
        return {
            id: _publish_locked(id, number, user=user, comment=comment)
            for id, number in rows.values_list("pk", "version")
        }


def _publish_locked(connector_id: int, number: int, *, user: str, comment: str) -> int:
    taken = take(connector_id)
    mark = snapshot.digest_of(taken)
    present = ConfigVersion.objects.filter(connector_id=connector_id, number=number).values_list("digest", flat=True)
    if present.first() != mark:
        number += 1
        ConfigVersion.objects.create(
            connector_id=connector_id, number=number, user=user, comment=comment, snapshot=taken, digest=mark
        )
    with connection.cursor() as cursor:
        # NULL is for the trigger connector_versioned alone: it stands for "published just now" and is stored as false.
        cursor.execute(
            "UPDATE connectors_connector SET version = %s, is_stale = NULL WHERE id = %s", [number, connector_id]
        )
    return number


def take(connector_id: int) -> Snapshot:
    """The configuration as the tables hold it now. It is whole only while the connector's row is locked."""

    def rows(model: Any, columns: Sequence[str]) -> list[dict[str, Any]]:
        found = model.objects.filter(connector_id=connector_id).order_by("id").values("id", *columns)
        return [snapshot.trimmed(row) for row in found]

    return {
        "connector": Connector.objects.values(*snapshot.CONNECTOR).get(pk=connector_id),
        "triggers": rows(EventTrigger, snapshot.TRIGGER),
        "mappings": rows(FieldMapping, snapshot.MAPPING),
    }


# --- Read ------------------------------------------------------------------------------------------------------------


def current(connector_ids: Iterable[int]) -> dict[int, Config]:
    """The present configurations by connector id; a connector that does not exist is left out.

    One query when nothing is stale and all are known to this process.
    """
    return current_of(_standings(list(connector_ids)))


def current_of(standings: Sequence[Standing]) -> dict[int, Config]:
    """As ``current``, for connectors of which the caller has read how they stand; no query at best."""
    stale = [row.connector_id for row in standings if row.is_stale or row.digest is None]
    if stale:
        fresh = {row.connector_id: row for row in _settled(stale)}
        standings = [fresh.get(row.connector_id, row) for row in standings]
    wanted = {(row.connector_id, row.number): row.digest for row in standings if row.digest is not None}
    return {config.connector_id: config for config in _compiled(wanted).values()}


def of(pairs: Iterable[Pair]) -> dict[Pair, Config]:
    """The versions of these pairs of connector id and number. Raises Misconfigured when one does not exist."""
    wanted = set(pairs)
    found = _digests(wanted)
    for _, number in sorted(wanted - found.keys()):
        raise Misconfigured(explain("version_missing", number=number))
    return _compiled(found)


def _settled(stale: Sequence[int]) -> list[Standing]:
    """Publish these and say how they stand then.

    One that is being saved or published at the moment stands as before: its change counts from that commit on. To
    wait for it here could stop two transactions for good, since this one may hold lanes already.
    """
    for id in stale:
        publish_stale(only=[id])  # a transaction each
    found = _standings(stale)
    never = [row.connector_id for row in found if row.digest is None]
    for id in never:
        publish(id)
    return _standings(stale) if never else found


def _standings(connector_ids: Sequence[int]) -> list[Standing]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id, c.version, c.is_stale, v.digest
            FROM connectors_connector AS c
            LEFT JOIN events_configversion AS v ON v.connector_id = c.id AND v.number = c.version
            WHERE c.id = ANY(%s)
            """,
            [list(connector_ids)],
        )
        return [Standing(*row) for row in cursor.fetchall()]


def _digests(pairs: Iterable[Pair]) -> dict[Pair, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT v.connector_id, v.number, v.digest
            FROM unnest(%s::bigint[], %s::int[]) AS w(connector_id, number)
            JOIN events_configversion AS v ON v.connector_id = w.connector_id AND v.number = w.number
            """,
            _columns(pairs),
        )
        return {(connector_id, number): mark for connector_id, number, mark in cursor.fetchall()}


def _columns(pairs: Iterable[Pair]) -> list[list[int]]:
    listed = list(pairs)
    return [[connector_id for connector_id, _ in listed], [number for _, number in listed]]


class _Cache:
    """Compiled versions of this process, the least recently used ones dropped.

    The digest belongs to the key: a number that was rolled back with its transaction is given again later.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._kept: OrderedDict[tuple[Pair, str], Config] = OrderedDict()

    def get(self, key: tuple[Pair, str]) -> Config | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: tuple[Pair, str], config: Config) -> None:
        with self._lock:
            self._kept[key] = config
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


_cache = _Cache(CACHED)


def _compiled(wanted: Mapping[Pair, str]) -> dict[Pair, Config]:
    """The versions with these digests; those that this process does not know yet are read in one query."""
    found = {pair: config for pair, mark in wanted.items() if (config := _cache.get((pair, mark)))}
    for pair, taken in _snapshots(wanted.keys() - found.keys()):
        found[pair] = snapshot.compile_snapshot(*pair, taken)
        _cache.put((pair, wanted[pair]), found[pair])
    return found


def _snapshots(pairs: Iterable[Pair]) -> list[tuple[Pair, Snapshot]]:
    listed = list(pairs)
    if not listed:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT v.connector_id, v.number, v.snapshot
            FROM unnest(%s::bigint[], %s::int[]) AS w(connector_id, number)
            JOIN events_configversion AS v ON v.connector_id = w.connector_id AND v.number = w.number
            """,
            _columns(listed),
        )
        return [((connector_id, number), json.loads(taken)) for connector_id, number, taken in cursor.fetchall()]
