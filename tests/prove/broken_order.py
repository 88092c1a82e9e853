"""A worker that begins a lane at its end. ``celery -A tests.prove.broken_order worker``"""

from __future__ import annotations

import django

from broker_project.celery import app

django.setup()

from events import lanes  # noqa: E402 - after Django is set up

from .planting import plant_text  # noqa: E402

plant_text(lanes, "_CLAIM", instead_of="ORDER BY d.seq LIMIT 1", put="ORDER BY d.seq DESC LIMIT 1")

__all__ = ["app"]
