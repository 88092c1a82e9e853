from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class EventsConfig(AppConfig):
    name = "events"
    verbose_name = "Events"

    def ready(self) -> None:
        post_migrate.connect(_install_alert_rules, sender=self)


def _install_alert_rules(**sent: Any) -> None:
    from .alerts import rules  # here, because it reads models

    rules.install(sent.get("apps", apps))
