"""The Celery application: ``celery -A broker_project worker`` and ``celery -A broker_project beat``."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from . import messages
from .lib import collector

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker_project.settings")

messages.use()
app = Celery("broker_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
# By default the worker drops its database connection, and the pool behind it, around every task: several connects a
# second for nothing. The tasks themselves drop one that broke.
app.conf["CELERY_DB_REUSE_MAX"] = 1000
app.autodiscover_tasks(["events", "synclog"])


@worker_process_init.connect
def _worker_process_init(**_: Any) -> None:
    collector.spare()
