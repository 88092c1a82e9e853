"""Forms of the admin pages: sentences at the right field, JSON that can be read."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from unfold.widgets import UnfoldAdminTextareaWidget


class JsonArea(UnfoldAdminTextareaWidget):  # type: ignore[misc]
    """JSON, indented."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"rows": 6, "spellcheck": "false", **(attrs or {}), "class": "broker-json"})

    def format_value(self, value: Any) -> Any:
        try:
            return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            return value


JSON_FIELDS: dict[Any, dict[str, Any]] = {models.JSONField: {"widget": JsonArea}}
"""For ``formfield_overrides``."""


class FieldedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A model form that puts the model's sentences at the field that they are about."""

    def field_of(self, sentence: str) -> str:
        """The field that a sentence about the whole row belongs to; "" when none."""
        return ""

    def _update_errors(self, errors: ValidationError) -> None:
        spread: dict[str, list[ValidationError]] = {}
        for name, found in errors.error_dict.items():
            for error in found:
                field = self.field_of(error.messages[0]) if name == NON_FIELD_ERRORS else name
                spread.setdefault(field if field in self.fields else NON_FIELD_ERRORS, []).append(error)
        super()._update_errors(ValidationError(spread))  # type: ignore[misc]


class RowForm(FieldedForm):
    """A row edited in a list: all of it is checked, also what the list does not edit."""

    def _get_validation_exclusions(self) -> set[str]:
        return set()
