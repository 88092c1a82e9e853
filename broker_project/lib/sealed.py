"""A model field whose value is encrypted at rest."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from . import encryption


class _Sealed(str):
    """A value as the database holds it, not opened yet."""

    __slots__ = ()


class _OpenedOnAccess(DeferredAttribute):
    """Opens the value when it is asked for, so that a lost key fails the one who needs it and nobody else."""

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)  # type: ignore[no-untyped-call]
        if instance is not None and isinstance(value, _Sealed):
            value = instance.__dict__[self.field.attname] = self.field.open(value)
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        # having a setter makes this a data descriptor: it comes before the instance's own dictionary
        instance.__dict__[self.field.attname] = value


class SealedField(models.TextField):  # type: ignore[type-arg] - not subscriptable at run time
    """Any JSON value, sealed with AES-256-GCM. Never filter on it; write-only in forms.

    Reading the attribute raises Misconfigured when the key is gone.
    """

    descriptor_class = _OpenedOnAccess

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
