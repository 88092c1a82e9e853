"""How often Python's cyclic garbage collector runs. Payloads are many small objects without cycles: it finds nothing in
them, and by default it looks at them, and at all that was imported, again and again."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 20_000
"""New objects between two collections; 700 by default."""


def spare() -> None:
    """For a process that has imported what it needs and serves from now on."""
    gc.collect()
    gc.freeze()  # what is there stays, and need not be looked at
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
