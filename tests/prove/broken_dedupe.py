"""A web process that forgets by what a repeat is known. ``granian … tests.prove.broken_dedupe:application``"""

from __future__ import annotations

from broker_project.wsgi import application
from events import intake

from .planting import plant_text

plant_text(intake, "_STORE", instead_of="e.payload::jsonb, e.dedupe_key,", put="e.payload::jsonb, NULL,")

__all__ = ["application"]
