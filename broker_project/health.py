"""Whether the broker serves and works, for load balancers and supervisors. Says nothing that helps a stranger."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import Error as DatabaseError
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import Resolver404, resolve
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from broker_project.celery import app
from broker_project.lib.own_connection import own_connection
from broker_project.lib.pages import Table, label
from synclog.worker_models import Worker

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 4.0
"""No answer takes longer, whatever hangs."""
KEPT_SECONDS = 1.0
"""A process checks this often at most, however often it is asked."""


@dataclass(frozen=True)
class Check:
    """What became of one check, with a sentence for a person. ``is_slow``: it did not come to its end in time."""

    is_ok: bool
    sentence: str
    is_slow: bool = False


_UNKNOWN: Final = Check(False, "Not known, because the database does not answer.")


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 as long as this process serves."""
    return _answer({"status": "ok"}, 200)


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when events that are accepted now are also delivered, else 503 with the checks that failed."""
    checks = _kept()
    is_ok = all(check.is_ok for check in checks.values())
    told = {name: {"ok": check.is_ok, "sentence": check.sentence} for name, check in checks.items()}
    answer = _answer({"status": "ok" if is_ok else "failed", "checks": told}, 200 if is_ok else 503)
    answer._has_been_logged = True  # type: ignore[attr-defined] # by _log: Django would log each 503 as an error
    return answer


def _answer(body: Mapping[str, object], status: int) -> JsonResponse:
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


class Probes:
    """Middleware: answers the addresses of this module and /metrics itself. A probe asks by the machine's address and
    without TLS, which what stands below would refuse or redirect."""

    PATHS: Final = frozenset({"/health/live", "/health/ready", "/metrics"})

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in self.PATHS:
            return self._get_response(request)
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return self._get_response(request)
        request.resolver_match = match
        answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return answer


def services_table(user: AbstractBaseUser | AnonymousUser) -> Table | None:
    """How the database and Celery's broker are, for the dashboard, which waits a moment only; None for who may not
    see the workers either."""
    if not (user.has_perm("synclog.view_worker") or user.has_perm("synclog.change_worker")):  # type: ignore[union-attr]
        return None
    checks = run(DASHBOARD_SECONDS)
    rows = [(title, _state(checks[name]), checks[name].sentence) for name, title in SERVICES.items()]
    return Table(title="Services", headers=("Service", "State", ""), rows=rows)


DASHBOARD_SECONDS = 0.3
SERVICES: Final = {"database": "Database", "migrations": "Migrations", "broker": "Celery's broker"}


def _state(check: Check) -> SafeString:
    if check.is_ok:
        return label("Well", "success")
    return label("Slow", "warning") if check.is_slow else label("Trouble", "danger")


# --- the checks ---------------------------------------------------------------------------------------------------

_lock = threading.Lock()
_last: tuple[float, Mapping[str, Check]] | None = None
_was_ready = True
"""What this process logged last."""


def _kept() -> Mapping[str, Check]:
    """The checks as they were a moment ago, or made now: nobody can load the database by asking."""
    global _last
    with _lock:
        if _last is None or time.monotonic() - _last[0] > KEPT_SECONDS:
            checks = run(LIMIT_SECONDS)
            _last = (time.monotonic(), checks)
            _log(checks)
        return _last[1]


def _log(checks: Mapping[str, Check]) -> None:
    """One line when it ceases to be ready, and one when it is again, however often it is asked meanwhile."""
    global _was_ready
    bad = [check.sentence for check in checks.values() if not check.is_ok]
    if bad and _was_ready:
        logger.error("Not ready: %s", " ".join(bad))
    elif not bad and not _was_ready:
        logger.info("Ready again.")
    _was_ready = not bad


def run(seconds: float) -> dict[str, Check]:
    """Make all checks at once: database, migrations, broker (of Celery), worker. Takes ``seconds`` at most."""
    until = time.monotonic() + seconds
    slow = Check(False, f"No answer within {seconds:g} seconds.", is_slow=True)
    database = _Limited.start("database", _database)
    broker = _Limited.start("broker", _broker)
    found = database.result(until) or {"database": slow, "migrations": _UNKNOWN, "worker": _UNKNOWN}
    found |= broker.result(until) or {"broker": slow}
    return {name: found[name] for name in ("database", "migrations", "broker", "worker")}


class _Limited:
    """A check in a thread of its own, since not every library lets itself be limited. One that hangs is not started a
    second time, so that threads do not pile up."""

    _running: dict[str, _Limited] = {}

    def __init__(self, check: Callable[[], dict[str, Check]]) -> None:
        self._check = check
        self._found: dict[str, Check] | None = None
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    @classmethod
    def start(cls, name: str, check: Callable[[], dict[str, Check]]) -> _Limited:
        running = cls._running.get(name)
        if running is None or not running._thread.is_alive():
            running = cls._running[name] = cls(check)
            running._thread.start()
        return running

    def _run(self) -> None:
        self._found = self._check()

    def result(self, until: float) -> dict[str, Check] | None:
        self._thread.join(max(0.0, until - time.monotonic()))
        return self._found


def _database() -> dict[str, Check]:
    try:
        with own_connection(connect_seconds=2, statement_seconds=2) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            found = {"database": Check(True, "The database answers."), "migrations": _migrations(cursor)}
            found["worker"] = _worker(cursor) if found["migrations"].is_ok else _NO_TABLES
            return found
    except DatabaseError as error:
        sentence = f"The database does not answer ({type(error).__name__})."
        return {"database": Check(False, sentence), "migrations": _UNKNOWN, "worker": _UNKNOWN}


_NO_TABLES: Final = Check(False, "Not known until the migrations are applied.")


@cache
def newest_migrations() -> frozenset[tuple[str, str]]:
    """The last migration of each app, as this code has them."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.leaf_nodes())


def _migrations(cursor: CursorWrapper) -> Check:
    cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
    has_table = cursor.fetchone()
    applied: set[tuple[str, str]] = set()
    if has_table and has_table[0]:
        cursor.execute("SELECT app, name FROM django_migrations")
        applied = set(cursor.fetchall())
    missing = len(newest_migrations() - applied)
    if missing:
        return Check(False, f"Migrations are missing in {missing} apps. Run: manage.py migrate.")
    return Check(True, "All migrations are applied.")


def _worker(cursor: CursorWrapper) -> Check:
    cursor.execute(
        """
        SELECT count(*) FROM synclog_worker
        WHERE kind = 'worker' AND seen_at > statement_timestamp() - make_interval(secs => %s)
        """,
        [Worker.MISSING_SECONDS],
    )
    row = cursor.fetchone()
    alive: int = row[0] if row else 0
    if alive:
        return Check(True, "A worker is alive." if alive == 1 else f"{alive} workers are alive.")
    return Check(False, "No worker was heard of for a minute. Events are kept; nothing is delivered until one runs.")


def _broker() -> dict[str, Check]:
    """Celery's broker; its address, which may hold a password, is not told."""
    try:
        if settings.CELERY_BROKER_URL.startswith("filesystem:"):
            folder = str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_in"])
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise OSError
        else:
            options = dict(settings.CELERY_BROKER_TRANSPORT_OPTIONS)
            address = settings.CELERY_BROKER_URL
            with app.connection_for_write(address, connect_timeout=2, transport_options=options) as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=2)
                with connection.channel():
                    pass
    except Exception as error:  # the boundary to the transport, whose errors are of many kinds
        sentence = f"Celery's broker does not answer ({type(error).__name__}). Deliveries go on with less speed."
        return {"broker": Check(False, sentence)}
    return {"broker": Check(True, "Celery's broker answers.")}
