"""``manage.py rotate_keys``: seals every stored credential with the first key of BROKER_ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from broker_project.lib.sealed import SealedField, reseal


class Command(BaseCommand):
    help = (
        "Seal every stored credential with the first key of BROKER_ENCRYPTION_KEYS. Run it after a new key was put in "
        "front of the list and every process was restarted with it; the old key can be removed afterwards."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        lost: list[str] = []
        for model in apps.get_models():
            if not any(isinstance(field, SealedField) for field in model._meta.concrete_fields):
                continue
            result = reseal(model)
            lost += result.lost
            self.stdout.write(f"{model._meta.verbose_name_plural}: {result.changed} values sealed with the active key.")
        if lost:
            raise CommandError("These values could not be opened and stay as they are:\n" + "\n".join(lost))
