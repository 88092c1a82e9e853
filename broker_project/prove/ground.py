"""The ground of one run: a folder of its own, a database of its own, and the environment of its processes."""

from __future__ import annotations

import base64
import os
import secrets
import socket
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

from broker_project.lib import embedded_postgres

from .gate import Gate

LEASE_SECONDS = 4.0
READ_TIMEOUT = 5.0
"""Longer than the lease, so that an answer can come after it."""
RETRY_FACTOR = 0.01
"""Of the documented waits: 0.3 seconds instead of 30."""
DESKS = ("storm", "healthy", "two_way", "dead")


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Database:
    """The run's PostgreSQL: an embedded one over ``folder``, or a new database on the server of ``server_url``."""

    def __init__(self, folder: Path, server_url: str = "") -> None:
        self._server_url = server_url
        self._embedded: embedded_postgres.EmbeddedPostgres | None = None
        if server_url:
            self._name = f"prove_{uuid.uuid4().hex}"
            self._on_server(f'CREATE DATABASE "{self._name}"')
            self.url = urlunsplit(urlsplit(server_url)._replace(path=f"/{self._name}"))
        else:
            self._embedded = embedded_postgres.start(folder)
            self.url = self._embedded.url

    def restart(self, *, mode: str) -> str:
        """Restart the embedded server; on somebody else's server only cut every connection. Says what was done."""
        if self._embedded is not None:
            self._embedded.restart(mode=mode)
            return f"PostgreSQL restarted ({mode})"
        self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return "every database connection cut"

    def rows(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own, and commit."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        if self._embedded is not None:
            self._embedded.stop()
        else:
            with suppress(psycopg.Error):
                self._on_server(f'DROP DATABASE "{self._name}" WITH (FORCE)')

    def _on_server(self, statement: str) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(statement.encode())


@dataclass
class CeleryBroker:
    """The hints' way, which can go away and come back: the folder of messages, or a gate before a service."""

    folder: Path
    queue: str
    gate: Gate | None = None
    url: str = "filesystem://"

    @classmethod
    def at(cls, url: str, folder: Path) -> CeleryBroker:
        queue = f"prove-{folder.name}"
        if not url or url.startswith("filesystem:"):
            return cls(folder / "messages", queue)
        parts = urlsplit(url)
        gate = Gate((parts.hostname or "127.0.0.1", parts.port or (6379 if parts.scheme == "redis" else 5672)))
        gate.open()
        login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        through = urlunsplit(parts._replace(netloc=f"{login}127.0.0.1:{gate.port}"))
        return cls(folder / "messages", queue, gate, through)

    def leave(self) -> None:
        if self.gate is not None:
            self.gate.shut()
        elif self.folder.is_dir():
            self.folder.rename(self.folder.with_name("messages-away"))
            self.folder.write_text("The messages are away.")

    def come_back(self) -> None:
        if self.gate is not None:
            self.gate.open()
        elif (away := self.folder.with_name("messages-away")).is_dir():
            self.folder.unlink()
            away.rename(self.folder)

    def close(self) -> None:
        """Leave nothing behind on somebody else's service."""
        if self.gate is not None:
            self.gate.open()
            with suppress(OSError, OperationalError), Connection(self.url, connect_timeout=5) as connection:
                exchange = Exchange(self.queue)(connection.default_channel)  # Celery names both alike
                queue = Queue(self.queue, exchange, routing_key=self.queue)(connection.default_channel)
                queue.declare()  # what is bound in Redis is forgotten only by who has bound it
                queue.delete()
                exchange.delete()
            self.gate.shut()


@dataclass
class Ground:
    """What the processes of one run stand on."""

    folder: Path
    database: Database
    celery: CeleryBroker
    ports: dict[str, int] = field(
        default_factory=lambda: dict(zip(("web", "field_nation", *DESKS), free_ports(6), strict=True))
    )
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    encryption_key: str = field(
        default_factory=lambda: f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}", repr=False
    )

    @classmethod
    def prepare(cls, folder: Path, *, database_url: str = "", celery_broker: str = "") -> Ground:
        for name in ("messages", "messages-control", "static", "logs", "targets"):
            (folder / name).mkdir()
        celery = CeleryBroker.at(celery_broker, folder)
        return cls(folder, Database(folder / "postgres", database_url), celery)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def environment(self) -> dict[str, str]:
        """Whatever the machine says about installations and services is overruled."""
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith(("BROKER_", "CELERY_", "SECURE_"))
        }
        return {
            **kept,
            "DJANGO_SETTINGS_MODULE": "broker_project.settings",
            "DATABASE_URL": self.database.url,
            "CELERY_BROKER_URL": self.celery.url,
            "BROKER_QUEUE": self.celery.queue,
            "CACHE_URL": "locmemcache://",
            "SECRET_KEY": self.secret_key,
            "BROKER_ENCRYPTION_KEYS": self.encryption_key,
            "BROKER_DATA_DIR": str(self.folder),
            "BROKER_PUBLIC_URL": self.url("web"),
            "BROKER_ALLOW_PRIVATE_ADDRESSES": "1",
            "BROKER_LEASE_SECONDS": str(round(LEASE_SECONDS)),
            "BROKER_READ_TIMEOUT": str(READ_TIMEOUT),
            "BROKER_RETRY_FACTOR": str(RETRY_FACTOR),
            "BROKER_WORKER_THREADS": "16",
            "BROKER_MAX_ATTEMPTS": "8",
            "BROKER_BATCH_SIZE": "100",
            "ALLOWED_HOSTS": "127.0.0.1",
            "CSRF_TRUSTED_ORIGINS": self.url("web"),
            "DATABASE_POOL_SIZE": "8",
            "TIME_ZONE": "UTC",
            "LOG_LEVEL": "INFO",
            "DEBUG": "0",
            "TRUST_PROXY": "0",
        }  # fmt: skip

    def close(self) -> None:
        self.celery.close()
        self.database.close()
