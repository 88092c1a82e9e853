"""Stores the rows of the Field Mappings page as the connector's next configuration version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User

from connectors.models import Connector
from events import versions
from events.models import ConfigVersion
from mappings.models import FieldMapping

from .base import Problem, Refused
from .mapping_rows import COLUMNS, PageRow

MAX_COMMENT: Final = 200


def save(
    connector: Connector, rows: Sequence[PageRow], *, seen_version: Any, user: User, comment: str = ""
) -> dict[str, Any]:
    """Store checked ``rows`` as all rows of ``connector``. Needs a transaction.

    Gives the new version number, the ids by key and a sentence. Raises Refused when somebody published another
    version than ``seen_version`` meanwhile.
    """
    # Locked in the order in which an editor's statements lock them: the rows, then their connector.
    mine = FieldMapping.objects.select_for_update(no_key=True).filter(connector=connector).order_by("id")
    present = {row.pk: row for row in mine}
    refuse_if_changed(connector, versions.publish(connector.pk), seen_version)
    counts, ids = _write(connector, rows, present)
    number = versions.publish(connector.pk, user=user.get_username(), comment=comment[:MAX_COMMENT])
    if number == seen_version:
        return {"version": number, "ids": ids, "sentence": "Nothing was changed, so there is no new version."}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "order changed"
    LogEntry.objects.log_actions(
        user_id=user.pk,
        queryset=[connector],
        action_flag=CHANGE,
        change_message=f"Field mappings saved as version {number}: {told}.",
        single_object=True,
    )
    return {"version": number, "ids": ids, "sentence": f"Saved as version {number}: {told}."}


def refuse_if_changed(connector: Connector, number: int, seen_version: Any) -> None:
    """Raises Refused when version ``number`` is not the one that the page was loaded with."""
    if number == seen_version:
        return
    saved = ConfigVersion.objects.filter(connector=connector, number=number).values_list("user", flat=True).first()
    who = f"{saved} saved version {number}" if saved else f"Version {number} was made outside this page"
    raise Refused(
        [Problem("version", f"{who} meanwhile. Nothing was stored, and your rows are still here: export them, load "
                            "the page again, then bring in what you changed.")]
    )  # fmt: skip


def _write(
    connector: Connector, rows: Sequence[PageRow], present: Mapping[int, FieldMapping]
) -> tuple[Mapping[str, int], dict[str, int]]:
    """Rows keep their ids. Returns how many were added, changed and removed, and the ids by key."""
    counts: Counter[str] = Counter()
    changed, added, kept = [], [], set[int]()
    places: Counter[tuple[str, str]] = Counter()
    by_key: dict[str, FieldMapping] = {}
    for row in rows:
        places[row.direction, row.target_object] += 1
        wanted = row.columns() | {"position": places[row.direction, row.target_object]}
        known = present.get(row.id or 0)
        if known is None or known.pk in kept:  # a row that is not this connector's is a new one
            known = FieldMapping(connector=connector, **wanted)
            added.append(known)
        else:
            kept.add(known.pk)
            if _differs(known, wanted):
                counts["changed"] += any(not _same(getattr(known, name), wanted[name]) for name in COLUMNS)
                changed.append(known)
                for name, value in wanted.items():
                    setattr(known, name, value)
        by_key[row.key] = known
    removed = present.keys() - kept
    FieldMapping.objects.filter(pk__in=removed).delete()
    # Two rows that change targets would meet on the way, and only enabled ones have to differ.
    FieldMapping.objects.filter(pk__in=[row.pk for row in changed]).update(is_enabled=False)
    FieldMapping.objects.bulk_create(
        changed, update_conflicts=True, unique_fields=["id"], update_fields=[*COLUMNS, "position"]
    )
    FieldMapping.objects.bulk_create(added)
    told = {"added": len(added), "changed": counts["changed"], "removed": len(removed)}
    return told, {key: row.pk for key, row in by_key.items()}


def _differs(row: FieldMapping, wanted: Mapping[str, Any]) -> bool:
    return any(not _same(getattr(row, name), value) for name, value in wanted.items())


def _same(one: Any, other: Any) -> bool:
    """Equal in JSON's eyes, where 1 and true differ and the order of keys means nothing."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
