"""Before and after of what a person saved, kept in the message of Django's own history."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.db.models import Model
from django.http import HttpRequest

from broker_project.lib.redaction import is_secret_name

LIMIT = 300
"""Characters of a value that are kept."""
HIDDEN = ("-", "changed")
"""Stands for a secret's two values."""


class Audited:
    """For a ModelAdmin: the history says for each changed field what it was and what it became.

    Of a secret it says only that it was changed.
    """

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> list[Any]:
        message: list[Any] = super().construct_change_message(request, form, formsets, add)  # type: ignore[misc]
        for part in message:
            if "changed" in part and "name" not in part["changed"]:
                part["changed"]["values"] = before_and_after(form)
        return message


def before_and_after(form: forms.BaseForm) -> dict[str, tuple[str, str]]:
    """By changed field its two values as short texts, after the form was found valid."""
    found: dict[str, tuple[str, str]] = {}
    for name in form.changed_data:
        field = form.fields[name]
        if _is_secret(name, field):
            found[name] = HIDDEN
        else:
            before = form.get_initial_for_field(field, name)
            found[name] = (_text(field, before), _text(field, form.cleaned_data.get(name)))
    return found


def _is_secret(name: str, field: forms.Field) -> bool:
    if isinstance(field, forms.DateField):
        return False  # until when credentials are valid is named like them, and is told
    if getattr(field, "is_secret", False) or is_secret_name(name):
        return True
    return isinstance(field.widget, forms.PasswordInput)


def _text(field: forms.Field, value: Any) -> str:
    if isinstance(field, forms.ModelMultipleChoiceField):
        return _cut(", ".join(sorted(str(each) for each in value or ())))
    if isinstance(field, forms.ModelChoiceField) and value is not None and not isinstance(value, Model):
        value = field.queryset.filter(pk=value).first() if field.queryset is not None else value
    if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
        value = dict(field.choices).get(value, value)  # type: ignore[arg-type]
    if value in (None, ""):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _cut(value if isinstance(value, str) else _written(value))


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= LIMIT else text[:LIMIT] + "…"
