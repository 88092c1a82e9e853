"""The suite's ground: an embedded PostgreSQL of its own, unless DATABASE_URL names a server; no other service.

Django is set up after this file is read, since it needs the database's address.
"""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
import threading
from pathlib import Path

import django
import pytest

OWN_FOLDER = "BROKER_TEST_FOLDER"
"""Set by the process that made the folder and started the database; its xdist workers find it set."""


def _start_ground() -> object | None:
    if os.environ.get(OWN_FOLDER):
        return None
    folder = Path(tempfile.mkdtemp(prefix="broker-tests-"))
    (folder / "static").mkdir()
    os.environ[OWN_FOLDER] = os.environ["BROKER_DATA_DIR"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "broker_project.settings"
    os.environ["SECRET_KEY"] = "only-for-the-test-suite"
    os.environ["BROKER_ENCRYPTION_KEYS"] = "test:" + base64.b64encode(b"only for the test suite, 32 byte").decode()
    os.environ["BROKER_ALLOW_PRIVATE_ADDRESSES"] = "1"
    os.environ["DATABASE_POOL_SIZE"] = "32"  # a live server's threads keep theirs while others race
    os.environ.pop("CELERY_BROKER_URL", None)
    if os.environ.get("DATABASE_URL"):
        return folder
    from broker_project.lib import embedded_postgres

    server = embedded_postgres.start(folder / "postgres")
    os.environ["DATABASE_URL"] = server.url
    return folder, server


_ground = _start_ground()
django.setup()  # here, because conftest files further down import models


@pytest.fixture(autouse=True)
def _refused_calls_are_written_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread writes them behind a test's back: it would do so outside the test's transaction."""
    from synclog import refused

    monkeypatch.setattr(refused, "_thread", threading.main_thread())
    refused._sums.clear()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs more than this project brings runs on request only: ``pytest -m services`` and the like."""
    asked = config.getoption("markexpr") or ""
    on_request = {"services": "PostgreSQL, Redis and RabbitMQ", "browser": "Chromium", "prove": "minutes"}
    for item in items:
        for marker, needs in on_request.items():
            if item.get_closest_marker(marker) and marker not in asked:
                item.add_marker(pytest.mark.skip(reason=f"needs {needs}; run it with: uv run pytest -m {marker}"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if _ground is None:
        return
    if isinstance(_ground, tuple):
        _ground[1].stop()
    shutil.rmtree(os.environ[OWN_FOLDER], ignore_errors=True)
    del os.environ[OWN_FOLDER]
