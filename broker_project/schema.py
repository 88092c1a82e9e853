"""Brings the database to the present schema."""

from __future__ import annotations

from collections.abc import Callable

from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from broker_project.lib.errors import Misconfigured
from events import versions


def migrate(say: Callable[[str], object]) -> None:
    """Apply what is missing. Raises Misconfigured when the database cannot be reached."""
    try:
        executor = MigrationExecutor(connection)
    except OperationalError as error:
        raise Misconfigured(
            "The database does not answer. Check DATABASE_URL, or leave it unset to use the embedded PostgreSQL.",
            detail=str(error).splitlines()[0],
        ) from error
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        say("Preparing the database …")
        call_command("migrate", verbosity=0, interactive=False)
        versions.publish_stale(comment="First version")
