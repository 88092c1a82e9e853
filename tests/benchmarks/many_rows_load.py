"""Fills the tables of a broker as months of traffic would, by statements that PostgreSQL runs by itself."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from connectors.models import Company, Connector
from events import versions
from tests.synclog import course

COMPANY: Final = "Bench, loaded"
CONNECTORS: Final = 20
DAYS: Final = 90
WORK_ORDERS: Final = 100_000
CHUNK: Final = 250_000

# Ids are UUIDs of version 7 as the broker makes them: they begin with the time, and follow from the row's number.
_FUNCTIONS = (
    f"""
CREATE OR REPLACE FUNCTION bench_at(n bigint, total bigint, until timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$ SELECT until - interval '{DAYS} days' * (1 - n::float8 / total) $$
""",
    """
CREATE OR REPLACE FUNCTION bench_id(kind text, n bigint, total bigint, until timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM bench_at(n, total, until)) * 1000)::bigint), 12, '0')
            || '7' || substr(md5(kind || n), 1, 3) || '8' || substr(md5(kind || n), 4, 15))::uuid $$
""",
)
_DELIVERIES = """
WITH made AS (
    SELECT n, bench_at(n, %(all)s, %(until)s) AS at, bench_id('e', n, %(all)s, %(until)s) AS event,
           1 + n * 7919 %% %(orders)s AS wo, %(first)s + n %% %(connectors)s AS connector,
           CASE WHEN n %% 4 = 0 THEN 'inbound' ELSE 'outbound' END AS way,
           CASE WHEN n %% 500 = 1 THEN 'dead' WHEN n %% 1000 = 2 THEN 'waiting' WHEN n %% 200 = 3 THEN 'pending'
                WHEN n %% 20 = 4 THEN 'skipped' ELSE 'succeeded' END AS state
    FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n
), events AS (
    INSERT INTO events_event (id, kind, door, company_id, event_type, received_name, work_order_id, external_id,
                              received_at, payload, dedupe_key, trace)
    SELECT event, 'work_order', 'api', %(company)s, 'FN_WO_ASSIGNED', 'FN_WO_ASSIGNED', wo, '', at,
           jsonb_build_object('event_type', 'FN_WO_ASSIGNED', 'workorder',
                              jsonb_build_object('id', wo, 'title', 'Swap edge switch ' || n)), 'bench-' || n, '{}'
    FROM made
), lanes AS (
    INSERT INTO events_lane (connector_id, key, due_at)
    SELECT connector, 'bench:' || n, CASE state WHEN 'pending' THEN at END FROM made
    WHERE state IN ('pending', 'waiting')
)
INSERT INTO events_delivery (id, event_id, connector_id, direction, action, lane_key, state, reason, sentence, attempts,
    done_operations, create_again, work_order_id, external_id, created_at, finished_at)
SELECT bench_id('d', n, %(all)s, %(until)s), event, connector, way, 'update', 'bench:' || n, state,
       CASE state WHEN 'dead' THEN 'validation' WHEN 'waiting' THEN 'waiting_auth' ELSE '' END,
       'What became of delivery ' || n, 1, 0, false, wo, 'EXT-' || wo, at,
       CASE WHEN state IN ('pending', 'waiting') THEN NULL ELSE at END
FROM made
"""
_LOGS = """
INSERT INTO synclog_synclog (id, created_at, connector_id, direction, outcome, code, sentence, event_type,
    work_order_id, external_id, correlation_id, event_id, delivery_id, attempt, received_at, duration_ms, "user",
    details)
SELECT bench_id('l', n, %(all)s, %(until)s), at, %(first)s + d %% %(connectors)s,
       CASE WHEN d %% 4 = 0 THEN 'inbound' ELSE 'outbound' END, o.outcome, o.code,
       'Record EXT-' || wo || ' was updated; fields sent: subject, status, visit, reference.',
       (ARRAY['FN_WO_ASSIGNED', 'FN_WO_SCHEDULE_UPDATED', 'FN_WO_DONE', 'FN_WO_APPROVED'])[1 + n %% 4],
       wo, 'EXT-' || wo, 'FN-' || wo, bench_id('e', d, %(deliveries)s, %(until)s),
       bench_id('d', d, %(deliveries)s, %(until)s), 1, at, 40 + n %% 60, '', %(details)s::jsonb
FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n
CROSS JOIN LATERAL (SELECT 1 + (n - 1) * %(deliveries)s / %(all)s AS d, bench_at(n, %(all)s, %(until)s) AS at) AS of
CROSS JOIN LATERAL (SELECT 1 + d * 7919 %% %(orders)s AS wo) AS w
CROSS JOIN LATERAL (SELECT CASE WHEN n %% 100 < 90 THEN 'succeeded' WHEN n %% 100 < 95 THEN 'skipped'
    WHEN n %% 100 < 98 THEN 'retrying' WHEN n %% 100 < 99 THEN 'dead' ELSE 'waiting' END AS outcome,
    CASE WHEN n %% 100 < 90 THEN 'updated' WHEN n %% 100 < 95 THEN 'no_change' WHEN n %% 100 < 98 THEN 'unavailable'
    WHEN n %% 100 < 99 THEN 'validation' ELSE 'waiting_auth' END AS code) AS o
"""
_CALLS = """
INSERT INTO synclog_apicall (log_id, position, purpose, method, url, status, error, started_at, duration_ms,
    request_headers, request_body, response_headers, response_body)
SELECT bench_id('l', n, %(all)s, %(until)s), 0, 'update record', 'PUT', 'https://help.example.test/records/' || n,
       200, '', bench_at(n, %(all)s, %(until)s), 42, '{}', '{"subject": "Swap edge switch"}', '{}', '{"ok": true}'
FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n
"""
_DETAILS = (
    '{"trigger": {"event": "FN_WO_ASSIGNED", "action": "update"}, "version": 1, "mapped": [{"target": "subject", '
    '"action": "sync", "source": "Swap edge switch", "result": "Swap edge switch"}]}'
)


def say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def fill(*, logs: int, deliveries: int) -> list[int]:
    """Add so many rows, a call for one log of each delivery, and a week of figures; return the connectors' ids.

    The connectors are paused: what is open in them waits, as a backlog does. They belong to a company of their own,
    since each of a company's connectors logs each of its events.
    """
    company = Company.objects.create(name=COMPANY, environment="custom", custom_api_base="http://127.0.0.1:9")
    made = [
        Connector.objects.create(company=company, name=f"System {number}", platform="rest", status="paused").pk
        for number in range(CONNECTORS)
    ]
    for connector in made:
        versions.publish(connector, user="bench")
    with connection.cursor() as cursor:
        for function in _FUNCTIONS:
            cursor.execute(function)
    until = timezone.now() - timedelta(minutes=3)
    facts = {"until": until, "first": min(made), "connectors": CONNECTORS, "orders": WORK_ORDERS, "company": company.pk}
    _in_chunks(_DELIVERIES, deliveries, "deliveries", facts)
    _in_chunks(_LOGS, logs, "logs", facts | {"deliveries": deliveries, "details": _DETAILS})
    with connection.cursor() as cursor:
        cursor.execute(_CALLS, {"until": until, "all": logs, "from": max(1, logs - deliveries), "to": logs})
    course.week(made, timezone.now(), failing=made[:2])
    say("Vacuuming, as autovacuum would have.")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    return made


def _in_chunks(statement: str, count: int, name: str, facts: dict[str, Any]) -> None:
    for start in range(1, count + 1, CHUNK):
        end = min(start + CHUNK - 1, count)
        with connection.cursor() as cursor:
            cursor.execute(statement, {**facts, "all": count, "from": start, "to": end})
        say(f"{end:,} {name}")
