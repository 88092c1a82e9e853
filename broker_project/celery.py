"""The Celery application: ``celery -A broker_project worker`` and ``celery -A broker_project beat``."""

import atexit
import logging
import os
from typing import Any

from celery import Celery
from celery.apps import worker
from celery.signals import (
    beat_init,
    celeryd_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)
from celery.worker import state

from connectors import tracing

from . import messages
from .lib import collector
from .lib.log_json import JsonLines

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker_project.settings")

messages.use()
app = Celery("broker_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
# By default the worker drops its database connection, and the pool behind it, around every task: several connects a
# second for nothing. The tasks themselves drop one that broke.
app.conf["CELERY_DB_REUSE_MAX"] = 1000
app.autodiscover_tasks(["events", "synclog"])


@celeryd_init.connect
def _celeryd_init(instance: Any, **_: Any) -> None:
    from django.conf import settings

    if settings.LOG_FORMAT == "json":  # what Celery prints past the log: its banner, and its farewell
        instance.quiet = True
        worker.safe_say = _say_as_json  # type: ignore[attr-defined]


def _say_as_json(text: str, f: object = None) -> None:
    """Runs in a signal handler, so that it writes at once and takes no lock."""
    record = logging.LogRecord("celery.apps.worker", logging.INFO, "", 0, text.strip(), None, None)
    os.write(2, f"{JsonLines().format(record)}\n".encode())


@worker_process_init.connect
def _worker_process_init(**_: Any) -> None:
    collector.spare()


@worker_process_shutdown.connect
def _worker_process_shutdown(**_: Any) -> None:
    tracing.end()  # a pool's process ends without running what is registered for an exit


@worker_ready.connect
def _worker_ready(sender: Any, **_: Any) -> None:
    _tell("worker", concurrency=sender.controller.concurrency, busy=lambda: len(state.active_requests))


@beat_init.connect
def _beat_init(**_: Any) -> None:
    from events.alerts.lookout import Lookout

    _tell("beat")
    Lookout().start()


def _tell(kind: str, **more: Any) -> None:
    """Let this process give signs of life until it ends."""
    from events.heartbeat import Heartbeat, Process  # models are not loaded yet where this file is read first

    heartbeat = Heartbeat(Process(kind=kind, **more))
    heartbeat.start()
    if kind == "worker":
        worker_shutdown.connect(lambda **_: heartbeat.stop(), weak=False)
    else:
        atexit.register(heartbeat.stop)
