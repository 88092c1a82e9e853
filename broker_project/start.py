"""What happens before Django loads: find the data folder, the keys and the database."""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

from broker_project.lib import embedded_postgres
from broker_project.lib.errors import Misconfigured

PROJECT = Path(__file__).resolve().parent.parent
WITHOUT_DATABASE = {"help", "version", "--version", "--help", "-h", "makemessages", "compilemessages", "collectstatic"}


def data_dir() -> Path:
    """Where the embedded database, keys and message files live."""
    return Path(os.environ.get("BROKER_DATA_DIR") or PROJECT / "data").expanduser().resolve()


def prepare(argv: list[str]) -> None:
    """Set DATABASE_URL to the embedded PostgreSQL unless it is set, and fill in generated keys."""
    if folder := option(argv, "--data-dir"):
        os.environ["BROKER_DATA_DIR"] = folder
    command = argv[1] if len(argv) > 1 else "help"
    if command in WITHOUT_DATABASE:
        return
    try:
        provide_keys(data_dir())
        (data_dir() / "static").mkdir(exist_ok=True)
        if not os.environ.get("DATABASE_URL"):
            os.environ["DATABASE_URL"] = embedded_postgres.start(data_dir() / "postgres").url
            os.environ["BROKER_EMBEDDED_POSTGRES"] = "1"
    except Misconfigured as error:
        sys.exit(f"{error.sentence}\n{error.detail}".strip())


def provide_keys(folder: Path) -> None:
    """Generate SECRET_KEY and BROKER_ENCRYPTION_KEYS once and keep them in ``folder``, unless the environment has them.

    Raises Misconfigured when the folder cannot be written.
    """
    for name, make in (
        ("SECRET_KEY", lambda: secrets.token_urlsafe(48)),
        ("BROKER_ENCRYPTION_KEYS", lambda: "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()),
    ):
        if not os.environ.get(name):
            os.environ[name] = _kept(folder / name.lower(), make)


def _kept(path: Path, make) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(handle, "w") as file:
            file.write(value := make())
        return value
    except (PermissionError, NotADirectoryError, OSError) as error:
        raise Misconfigured(
            f"The data folder {path.parent} cannot be used ({error.strerror}). Give this user rights to it, or choose "
            "another with --data-dir or BROKER_DATA_DIR."
        ) from error


def option(argv: list[str], name: str) -> str | None:
    """Value of ``--name value`` or ``--name=value`` in ``argv``; needed before Django parses it."""
    for index, word in enumerate(argv):
        if word.startswith(name + "="):
            return word.partition("=")[2]
        if word == name and index + 1 < len(argv):
            return argv[index + 1]
    return None
