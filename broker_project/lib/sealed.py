"""A model field whose value is encrypted at rest."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.db.models.query_utils import DeferredAttribute

from . import encryption
from .errors import Misconfigured

if TYPE_CHECKING:
    _AnyText = models.TextField[Any, Any]
else:
    _AnyText = models.TextField  # takes no type arguments at run time


class _Sealed(str):
    """A value as the database holds it, not opened yet."""

    __slots__ = ()


class _OpenedOnAccess(DeferredAttribute):
    """Opens the value when it is asked for, so that a lost key fails the one who needs it and nobody else."""

    field: SealedField

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if instance is not None and isinstance(value, _Sealed):
            value = instance.__dict__[self.field.attname] = self.field.open(value)
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        # having a setter makes this a data descriptor: it comes before the instance's own dictionary
        instance.__dict__[self.field.attname] = value


class SealedField(_AnyText):
    """Any JSON value, sealed with AES-256-GCM. Never filter on it; write-only in forms.

    Reading the attribute raises Misconfigured when the key is gone.
    """

    descriptor_class = _OpenedOnAccess
    if TYPE_CHECKING:  # what django-stubs lets a model's field take and give
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return _Sealed(value) if value else self.get_default()

    def open(self, sealed: str) -> Any:
        """The clear value. Raises Misconfigured."""
        return json.loads(encryption.keyring(settings.ENCRYPTION_KEYS).open(sealed, purpose=self._purpose()))

    def get_prep_value(self, value: Any) -> str | None:
        if isinstance(value, _Sealed):
            return str(value)
        if value in (None, "", {}):
            return ""
        return encryption.keyring(settings.ENCRYPTION_KEYS).seal(json.dumps(value), purpose=self._purpose())

    def value_to_string(self, obj: Any) -> str:
        """Fixtures and dumps never hold the clear value."""
        return ""

    def _purpose(self) -> str:
        return f"{self.model._meta.label_lower}.{self.attname}"


@dataclass
class Resealed:
    """How many values were sealed again, and a sentence for each that could not be opened."""

    changed: int = 0
    lost: list[str] = field(default_factory=list)


def reseal(model: type[models.Model], *, batch: int = 200) -> Resealed:
    """Seal every value of ``model`` that an older key sealed with the active one, ``batch`` rows a transaction.

    Safe to run twice and beside a running broker. A value that does not open stays as it is.
    """
    fields = [found for found in model._meta.concrete_fields if isinstance(found, SealedField)]
    names = [found.name for found in fields]
    result = Resealed()
    rows = model._base_manager.order_by("pk").only("pk", *names)
    last: Any = None
    while True:
        with transaction.atomic():
            after = rows if last is None else rows.filter(pk__gt=last)
            taken = list(after.select_for_update(of=("self",))[:batch])
            if not taken:
                return result
            for row in taken:
                if stale := _open_stale(row, fields, result):
                    model._base_manager.filter(pk=row.pk).update(**stale)
        last = taken[-1].pk


def _open_stale(row: models.Model, fields: list[SealedField], result: Resealed) -> dict[str, Any]:
    """What an older key sealed in ``row``, opened: saving it seals it with the active key."""
    ring = encryption.keyring(settings.ENCRYPTION_KEYS)
    opened: dict[str, Any] = {}
    for found in fields:
        value = row.__dict__[found.attname]
        if not isinstance(value, _Sealed) or ring.is_current(value):
            continue
        try:
            opened[found.name] = found.open(value)
        except Misconfigured as error:
            result.lost.append(f"{row._meta.label} {row.pk}, {found.name}: {error.sentence}")
    result.changed += len(opened)
    return opened
