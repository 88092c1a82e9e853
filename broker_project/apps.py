from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

from .celery import app as celery_app

__all__ = ["BrokerAdminConfig", "BrokerConfig", "celery_app"]


class BrokerConfig(AppConfig):
    """The composition root: management commands, the admin site, checks."""

    name = "broker_project"
    label = "broker"

    def ready(self) -> None:
        from . import checks  # noqa: F401 - registers the system checks


class BrokerAdminConfig(AdminConfig):
    default_site = "broker_project.admin_site.BrokerAdminSite"
