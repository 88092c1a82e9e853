"""Rows of the worker's own queries in PostgreSQL's binary form, which costs much less to read than text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection
from psycopg.pq import Format
from psycopg.types.json import set_json_loads

from broker_project.lib import fast_json

set_json_loads(fast_json.loads)  # of every cursor that reads jsonb in binary; Django parses its own, which is text


def rows(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of a query. Times are in UTC, jsonb comes parsed."""
    with connection.cursor() as cursor:
        cursor.cursor.format = Format.BINARY
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
