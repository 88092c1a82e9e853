"""Writes evidence in bulk: COPY is several times cheaper than INSERT for rows this wide."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models
from psycopg import sql

from .models import ApiCall, SyncLog

_LOG = [field for field in SyncLog._meta.concrete_fields if field.name != "created_at"]
_CALL = [field for field in ApiCall._meta.concrete_fields if field.name != "id"]
# the two left out are made by the database


def write(logs: Sequence[SyncLog], calls: Sequence[ApiCall] = ()) -> None:
    """Store new rows, inside the caller's transaction."""
    _copy(SyncLog, _LOG, logs)
    _copy(ApiCall, _CALL, calls)


def _copy(model: type[models.Model], fields: Sequence[models.Field[Any, Any]], rows: Iterable[models.Model]) -> None:
    if not rows:
        return
    columns = sql.SQL(", ").join([sql.Identifier(str(field.column)) for field in fields])
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(model._meta.db_table), columns)
    plain = [(field.attname, isinstance(field, models.JSONField), field.max_length) for field in fields]
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            values = row.__dict__
            copy.write_row(
                [_json(values[name]) if is_json else _cut(values[name], limit) for name, is_json, limit in plain]
            )


def _cut(value: Any, limit: int | None) -> Any:
    """A text that is too long for its column is cut: evidence must never make the work that it tells of fail."""
    return value[:limit] if limit and isinstance(value, str) else value


def _json(value: Any) -> str:
    return json.dumps(value, default=str).replace("\\u0000", "\\ufffd")  # jsonb takes no NUL
