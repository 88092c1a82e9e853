"""Refreshes what is known of the fields on both sides of a connector. What a failed refresh cannot read stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import transaction
from django.utils import timezone

from .access import caller, open_external, open_field_nation
from .fieldnation.custom_fields import custom_fields, known_fields
from .models import Connector, DiscoveredFields
from .platforms.contract import FieldInfo

KINDS = ("", "note")
"""Kinds of records whose fields are asked for; a platform answers nothing for one that it does not have."""

_NAMED = 8  # fields that a sentence names

Side = DiscoveredFields.Side


@dataclass(frozen=True)
class Refreshed:
    """What a refresh found, the main record and its notes together: labels of new and of vanished fields."""

    what: str
    source: str
    count: int
    added: tuple[str, ...]
    gone: tuple[str, ...]
    is_first: bool

    @property
    def sentence(self) -> str:
        """For people: how many fields, what is new and what vanished."""
        found = f"{self.count} {self.what}{'' if self.count == 1 else 's'} found in {self.source}."
        if self.is_first:
            return found
        changes = [f"{len(names)} {word}: {_named(names)}" for word, names in self._changes() if names]
        return f"{found} {'. '.join(changes) or 'Nothing new, nothing vanished'}."

    def _changes(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("new", self.added), ("vanished", self.gone)


def refresh_external(connector: Connector) -> Refreshed:
    """Ask the external system for its fields and keep them. Raises the errors of the family; makes calls.

    Without a description the record that was linked last is looked at.
    """
    client = open_external(
        connector_id=connector.pk,
        slug=connector.platform,
        configured=connector.settings,
        secrets=connector.secrets,
        through=caller(hide=connector.secrets),
    )
    linked = connector.links.exclude(external_id=None).order_by("-pk").values_list("external_id", flat=True).first()
    found = {kind: client.describe(kind, sample_id=linked or "") for kind in KINDS}
    with transaction.atomic():
        kept = [
            _kept(connector, Side.EXTERNAL, kind, described.fields, described.source)
            for kind, described in found.items()
        ]
    return _together("field", found[""].source, kept)


def refresh_field_nation(connector: Connector) -> Refreshed:
    """Ask the connector's Field Nation account for its custom fields and keep them beside the known fields.

    The sentence is about the custom ones. Raises the errors of the family; makes calls.
    """
    company = connector.company
    credentials = company.credentials()
    account = open_field_nation(company_id=company.pk, credentials=credentials, through=caller(credentials=credentials))
    fields = [*known_fields(), *custom_fields(account)]
    with transaction.atomic():
        return _together(
            "custom field", "Field Nation", [_kept(connector, Side.FIELD_NATION, "", fields, "Field Nation")]
        )


@dataclass(frozen=True)
class _Kept:
    """Labels by path, before and after; only of the custom ones for Field Nation."""

    before: dict[str, str] | None
    after: dict[str, str]


def _kept(connector: Connector, side: str, kind: str, fields: Sequence[FieldInfo], source: str) -> _Kept:
    wanted = [asdict(field) for field in fields]
    rows = DiscoveredFields.objects.select_for_update().filter(connector=connector, side=side, record_kind=kind)
    present = rows.first()
    if wanted or present:
        DiscoveredFields.objects.update_or_create(
            connector=connector,
            side=side,
            record_kind=kind,
            defaults={"fields": wanted, "source": source, "refreshed_at": timezone.now()},
        )

    def labels(entries: list[dict[str, object]]) -> dict[str, str]:
        told = (entry for entry in entries if side == Side.EXTERNAL or entry.get("custom"))
        mark = f"{kind}: " if kind else ""
        return {f"{kind}/{entry['path']}": f"{mark}{entry['label']}" for entry in told}

    return _Kept(labels(present.fields) if present else None, labels(wanted))


def _together(what: str, source: str, kept: Sequence[_Kept]) -> Refreshed:
    before = {path: label for each in kept for path, label in (each.before or {}).items()}
    after = {path: label for each in kept for path, label in each.after.items()}
    return Refreshed(
        what=what,
        source=source,
        count=len(after),
        added=tuple(label for path, label in after.items() if path not in before),
        gone=tuple(label for path, label in before.items() if path not in after),
        is_first=all(each.before is None for each in kept),
    )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
