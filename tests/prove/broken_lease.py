"""A worker whose lease protects nothing: a claimed lane is due at once, and whoever comes may settle it.

``celery -A tests.prove.broken_lease worker``
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import django

from broker_project.celery import app

django.setup()

from events import deliver, lanes, states  # noqa: E402 - after Django is set up

from .planting import plant, plant_text  # noqa: E402

move = states.move
plant_text(lanes, "_CLAIM", instead_of="statement_timestamp() + make_interval(secs => %(lease)s)",
           put="statement_timestamp()")  # fmt: skip
plant(deliver, "renew", lambda *args, **options: None)
plant(states, "move", lambda moves: move([replace(one, attempt=None) for one in moves]))


def anybody(lane_ids: Sequence[int], *, claim_ids: Sequence[UUID]) -> set[int]:
    return set(lane_ids)


plant(lanes, "lock_held", anybody)

__all__: list[Any] = ["app"]
