"""Time-ordered ids, known before the row is written."""

from __future__ import annotations

import uuid

import uuid_utils


def new_id() -> uuid.UUID:
    """A UUIDv7."""
    return uuid.UUID(int=uuid_utils.uuid7().int)
