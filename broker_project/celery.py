"""The Celery application: ``celery -A broker_project worker`` and ``celery -A broker_project beat``."""

import os

from celery import Celery

from . import messages

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker_project.settings")

messages.use()
app = Celery("broker_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["events", "synclog"])
