"""A model field whose value is encrypted at rest."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.db import models

from . import encryption


class SealedField(models.TextField):  # type: ignore[type-arg] - not subscriptable at run time
    """Any JSON value, sealed with AES-256-GCM. Never filter on it; write-only in forms."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        if not value:
            return self.get_default()
        return json.loads(encryption.keyring(settings.ENCRYPTION_KEYS).open(value, purpose=self._purpose()))

    def get_prep_value(self, value: Any) -> str | None:
        if value in (None, "", {}):
            return ""
        return encryption.keyring(settings.ENCRYPTION_KEYS).seal(json.dumps(value), purpose=self._purpose())

    def value_to_string(self, obj: Any) -> str:
        """Fixtures and dumps never hold the clear value."""
        return ""

    def _purpose(self) -> str:
        return f"{self.model._meta.label_lower}.{self.attname}"
