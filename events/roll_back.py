"""Back to an earlier configuration: its contents are written into the tables and published as a new version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat

from broker_project.lib.errors import Misconfigured
from connectors.configuring import new_hosts
from connectors.models import Connector
from connectors.registry import platform
from mappings.models import FieldMapping

from . import snapshot
from .models import ConfigVersion, EventTrigger
from .sentences import explain
from .versions import publish

UNPUBLISHED = "Changes that were not published yet"

Part = TypeVar("Part", EventTrigger, FieldMapping)


def roll_back(connector_id: int, number: int, *, user: str) -> int:
    """Make the configuration equal to version ``number``; return the number of the new version.

    Name, platform, status and credentials stay as they are. What was changed without being published becomes a
    version first, so nothing is lost. Raises Misconfigured when there is no such version, when its platform is another,
    and when it sends to a host that the stored credentials were not given for.
    """
    with transaction.atomic():
        lock(connector_id)
        publish(connector_id, user="", comment=UNPUBLISHED)
        taken = ConfigVersion.objects.filter(connector_id=connector_id, number=number).values_list(
            "snapshot", flat=True
        ).first()  # fmt: skip
        if taken is None:
            raise Misconfigured(explain("version_missing", number=number))
        write(connector_id, taken)
        return publish(connector_id, user=user, comment=f"As version {number}")


def lock(connector_id: int) -> None:
    """Keep others from changing the triggers and mappings until the transaction ends.

    Locked in the order in which an editor's statements lock them: the rows, then their connector.
    """
    for model in (FieldMapping, EventTrigger):
        list(model.objects.select_for_update(no_key=True).filter(connector_id=connector_id).order_by("id"))


def write(connector_id: int, taken: snapshot.Snapshot) -> None:
    """Write a snapshot into the tables, which ``lock`` has locked; a row whose id is None is made anew.

    Raises Misconfigured when its platform is another, or its host while there are credentials.
    """
    _write_connector(connector_id, taken["connector"])
    _write_triggers(connector_id, taken["triggers"])
    _write_mappings(connector_id, taken["mappings"])


def _write_connector(connector_id: int, old: Mapping[str, Any]) -> None:
    connector = Connector.objects.get(pk=connector_id)
    if connector.platform != old["platform"]:
        raise Misconfigured(explain("version_of_other_platform", platform=old["platform"]))
    hosts = new_hosts(platform(connector.platform).settings, connector.settings, old["settings"])
    if hosts and connector.secrets:
        raise Misconfigured(explain("version_of_other_host", hosts=hosts))
    connector.settings = old["settings"]
    for name in snapshot.OPTIONS:
        setattr(connector, name, old[name])
    connector.save(update_fields=["settings", *snapshot.OPTIONS, "updated_at"])


def _write_triggers(connector_id: int, old: Sequence[Mapping[str, Any]]) -> None:
    present = EventTrigger.objects.filter(connector_id=connector_id)
    present.exclude(pk__in=[entry["id"] for entry in old]).delete()
    # Two that change places would meet at one position on the way: each steps aside first, to an event of its own.
    present.update(event_type=Concat(Value("~"), Cast(F("pk"), CharField())))
    _write(EventTrigger, connector_id, old, snapshot.TRIGGER)


def _write_mappings(connector_id: int, old: Sequence[Mapping[str, Any]]) -> None:
    present = FieldMapping.objects.filter(connector_id=connector_id)
    present.exclude(pk__in=[entry["id"] for entry in old]).delete()
    present.update(is_enabled=False)  # as above: only enabled rows have to differ in their targets
    _write(FieldMapping, connector_id, old, snapshot.MAPPING)


def _write(model: type[Part], connector_id: int, old: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write the rows of a snapshot: those that are there are updated, the others come back under their old ids.

    An id that another connector has by now, because the row was moved there, is left to it.
    """
    ids = [entry["id"] for entry in old]
    owners = dict(model.objects.filter(pk__in=ids).values_list("pk", "connector_id"))
    rows = [
        model(
            pk=entry["id"] if owners.get(entry["id"], connector_id) == connector_id else None,
            connector_id=connector_id,
            **{name: snapshot.value(entry, name) for name in columns},
        )
        for entry in old
    ]
    model.objects.bulk_update([row for row in rows if row.pk in owners], columns)
    model.objects.bulk_create([row for row in rows if row.pk not in owners])
