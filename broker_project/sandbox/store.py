"""Where a simulator keeps its state: JSON documents in SQLite, one connection, one transaction per request."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    kind TEXT NOT NULL, id INTEGER NOT NULL, key TEXT NOT NULL, changed INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS document_key ON document (kind, key);
CREATE INDEX IF NOT EXISTS document_changed ON document (kind, changed);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Store:
    """Documents by kind and number. Use it inside ``transaction()``; threads take turns.

    ``path`` None keeps everything in memory. On disk the journal is write-ahead without a sync per commit: a killed
    process loses nothing that was committed, only a power cut may.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(
            ":memory:" if path is None else str(path), check_same_thread=False, isolation_level=None, timeout=30.0
        )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Nested use makes a savepoint, so an inner failure undoes only the inner part."""
        with self._lock:
            name = f"level{self._depth}"
            self._db.execute("BEGIN IMMEDIATE" if self._depth == 0 else f"SAVEPOINT {name}")
            outermost = self._depth == 0
            self._depth += 1
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK" if outermost else f"ROLLBACK TO {name}")
                if not outermost:
                    self._db.execute(f"RELEASE {name}")
                raise
            else:
                self._db.execute("COMMIT" if outermost else f"RELEASE {name}")
            finally:
                self._depth -= 1

    def next_number(self, name: str, *, first: int = 1) -> int:
        """The next number of the sequence ``name``, which starts at ``first``."""
        row = self._db.execute(
            "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (name, first),
        ).fetchone()
        return int(row[0])

    def numbers(self, prefix: str) -> dict[str, int]:
        """The last number given out by each sequence whose name begins with ``prefix``, by the rest of the name."""
        rows = self._db.execute(
            "SELECT substr(name, ?), value FROM counter WHERE substr(name, 1, ?) = ? ORDER BY name",
            (len(prefix) + 1, len(prefix), prefix),
        )
        return dict(rows.fetchall())

    def put(self, kind: str, id: int, body: Document, *, key: str = "") -> None:
        """Insert or replace a document and make it the latest changed of its kind."""
        self._db.execute(
            "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?)",
            (kind, id, key, self.next_number("changed"), json.dumps(body, separators=(",", ":"))),
        )

    def get(self, kind: str, id: int) -> Document | None:
        row = self._db.execute("SELECT body FROM document WHERE kind = ? AND id = ?", (kind, id)).fetchone()
        return None if row is None else json.loads(row[0])

    def delete(self, kind: str, id: int) -> None:
        self._db.execute("DELETE FROM document WHERE kind = ? AND id = ?", (kind, id))

    def all(self, kind: str, *, after: int = 0) -> list[Document]:
        """Documents of a kind numbered above ``after``, by number."""
        rows = self._db.execute("SELECT body FROM document WHERE kind = ? AND id > ? ORDER BY id", (kind, after))
        return [json.loads(row[0]) for row in rows]

    def filed(self, kind: str, key: str) -> list[Document]:
        """Documents filed under ``key``, by number; found through the index."""
        rows = self._db.execute("SELECT body FROM document WHERE kind = ? AND key = ? ORDER BY id", (kind, key))
        return [json.loads(row[0]) for row in rows]

    def newest(self, kind: str, *, limit: int, offset: int = 0) -> list[Document]:
        """Documents of a kind, latest change first."""
        rows = self._db.execute(
            "SELECT body FROM document WHERE kind = ? ORDER BY changed DESC LIMIT ? OFFSET ?", (kind, limit, offset)
        )
        return [json.loads(row[0]) for row in rows]

    def count(self, kind: str) -> int:
        return int(self._db.execute("SELECT count(*) FROM document WHERE kind = ?", (kind,)).fetchone()[0])

    def setting(self, name: str, default: Any = None) -> Any:
        row = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def set_setting(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))

    def drop_settings(self, prefix: str) -> int:
        """Forget the settings whose name begins with ``prefix``; answers how many there were."""
        return self._db.execute("DELETE FROM setting WHERE substr(name, 1, ?) = ?", (len(prefix), prefix)).rowcount

    def clear(self, *, keep_sequence: str) -> None:
        """Forget everything: documents, settings and sequences, except the sequence ``keep_sequence``."""
        self._db.execute("DELETE FROM document")
        self._db.execute("DELETE FROM setting")
        self._db.execute("DELETE FROM counter WHERE name <> ?", (keep_sequence,))
