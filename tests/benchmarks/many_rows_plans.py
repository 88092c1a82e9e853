"""How PostgreSQL plans what the pages ask about the tables that grow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

GROWING = ("synclog_synclog", "synclog_apicall", "synclog_rollup", "events_event", "events_delivery", "events_lane")
_LONG = 400


def _statements(client: Client, path: str) -> Iterator[str]:
    """What a page asks about growing tables, as sent."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path, HTTP_HOST="127.0.0.1")
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}.")
    for query in captured.captured_queries:
        sql = query["sql"]
        if re.match(r"(?i)\s*(select|with)", sql) and any(name in sql for name in GROWING):
            yield sql


def _plan(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF) " + sql.replace("%", "%%"), [])
        return "\n".join(line for (line,) in cursor.fetchall())


def _shape(sql: str) -> str:
    """The statement without its values, so that the same one of another page is not told again."""
    return re.sub(r"'[^']*'|\b\d+\b", "?", sql)


def _short(sql: str) -> str:
    text = re.sub(r"SELECT .*? FROM", "SELECT … FROM", " ".join(sql.split()), count=1)
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


def markdown(addresses: Mapping[str, list[str]], figures: Mapping[str, Any]) -> str:
    """A page in Markdown: for each kind of page its statements with their plans; what came before is left out."""
    from django.contrib.auth.models import User

    client, told = Client(), set[str]()
    client.force_login(User.objects.get(username="bench"))
    parts = [
        "# Query plans with many rows",
        "Written by `python -m tests.benchmarks.many_rows --plans`, with "
        f"{figures['logs']:,} log rows and {figures['deliveries']:,} deliveries. Each statement stands under the first "
        "page that asks it; columns and long statements are shortened.",
    ]
    for name, paths in addresses.items():
        new = [sql for sql in _statements(client, paths[0]) if _shape(sql) not in told]
        told.update(map(_shape, new))
        parts.append(f"## {name[0].upper()}{name[1:]}: p95 {figures['page_p95_ms'][name]:,.0f} ms")
        if not new:
            parts.append("Its statements stand above.")
        parts += [f"```\n{_short(sql)}\n\n{_plan(sql)}\n```" for sql in new]
    return "\n\n".join(parts) + "\n"
