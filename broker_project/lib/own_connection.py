"""A database connection outside the pool, for what must neither wait for the pool nor be shared with a forked child."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


@contextlib.contextmanager
def own_connection(*, connect_seconds: int = 3, statement_seconds: int = 5) -> Iterator[BaseDatabaseWrapper]:
    """A connection with one transaction, committed at the end; waits not much longer than these seconds.

    Raises OperationalError like any other.
    """
    wrapper = connections.create_connection("default")
    options = {name: value for name, value in wrapper.settings_dict["OPTIONS"].items() if name != "pool"}
    wrapper.settings_dict = {**wrapper.settings_dict, "OPTIONS": {**options, "connect_timeout": connect_seconds}}
    try:
        wrapper.set_autocommit(False)
        with wrapper.cursor() as cursor:  # for this transaction only: a pooler may give the session to others
            limit = f"{statement_seconds}s"
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)", [limit, limit]
            )
        yield wrapper
        wrapper.commit()
    finally:
        wrapper.close()
