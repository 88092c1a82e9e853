"""A worker that creates again after an answer that never came. ``celery -A tests.prove.broken_look_up worker``"""

from __future__ import annotations

import django

from broker_project.celery import app

django.setup()

from events import inbound, outbound  # noqa: E402 - after Django is set up

from .planting import plant  # noqa: E402

plant(outbound, "_found_again", lambda run: False)
plant(inbound, "_found_again", lambda run, plan: None)

__all__ = ["app"]
