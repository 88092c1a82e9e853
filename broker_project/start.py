"""What happens before Django loads: find the data folder, the keys and the database."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import environ

from broker_project.lib import embedded_postgres
from broker_project.lib.errors import Misconfigured

PROJECT = Path(__file__).resolve().parent.parent
DEMO = "demo"
OWN_ENTRIES = {
    "postgres", "secret_key", "broker_encryption_keys", "static", "messages", "messages-control", "logs", "sandbox",
    "admin_password",
}  # fmt: skip
WITHOUT_DATABASE = {
    "help", "version", "--version", "--help", "-h", "makemessages", "compilemessages", "collectstatic",
    "prove",  # makes an installation of its own
}  # fmt: skip


def data_dir() -> Path:
    """Where the embedded database, keys and message files live."""
    return Path(os.environ.get("BROKER_DATA_DIR") or PROJECT / "data").expanduser().resolve()


def prepare(argv: list[str]) -> None:
    """Set DATABASE_URL to the embedded PostgreSQL unless it is set, and fill in generated keys."""
    command = argv[1] if len(argv) > 1 else "help"
    read_dotenv()
    folder = option(argv, "--data-dir")
    if command == DEMO:
        _own_ground(folder)
    elif folder:
        os.environ["BROKER_DATA_DIR"] = folder
    if command in WITHOUT_DATABASE or {"-h", "--help"} & set(argv):
        return
    try:
        if command == DEMO and "--fresh" in argv:
            _wipe(data_dir())
        provide_keys(data_dir())
        for name in ("static", "messages", "messages-control"):
            _make(data_dir() / name)
        if not os.environ.get("DATABASE_URL"):
            os.environ["DATABASE_URL"] = embedded_postgres.start(data_dir() / "postgres").url
            os.environ["BROKER_EMBEDDED_POSTGRES"] = "1"
    except Misconfigured as error:
        sys.exit(f"{error.sentence}\n{error.detail}".strip())


def read_dotenv() -> None:
    """Take from the file ``.env`` beside manage.py what the environment does not set."""
    if (PROJECT / ".env").is_file():
        environ.Env.read_env(PROJECT / ".env")


def _own_ground(folder: str | None) -> None:
    """The demo never touches a real installation: own folder and keys, embedded database, no other service."""
    os.environ |= {
        "BROKER_DATA_DIR": folder or str(PROJECT / "data" / "demo"),
        "SECRET_KEY": "",
        "BROKER_ENCRYPTION_KEYS": "",
        "DATABASE_URL": "",
        "CACHE_URL": "locmemcache://",
        "CELERY_BROKER_URL": "filesystem://",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "BROKER_ALLOW_PRIVATE_ADDRESSES": "1",  # the simulators listen on loopback
    }


def _wipe(folder: Path) -> None:
    """Remove what an earlier demo left. Raises Misconfigured while one runs, and for a folder of something else."""
    if not folder.exists():
        return
    if embedded_postgres.is_running(folder / "postgres"):
        raise Misconfigured(f"A broker is running on {folder}. Stop it first (Ctrl-C where it runs).")
    strangers = sorted({entry.name for entry in folder.iterdir()} - OWN_ENTRIES)
    if strangers:
        raise Misconfigured(
            f"{folder} holds {strangers[0]!r}, which no demo made, so --fresh removes nothing there. Choose another "
            "folder with --data-dir."
        )
    shutil.rmtree(folder)


def provide_keys(folder: Path) -> None:
    """Generate SECRET_KEY and BROKER_ENCRYPTION_KEYS once and keep them in ``folder``, unless the environment has them.

    Raises Misconfigured when the folder cannot be written.
    """
    for name, make in (
        ("SECRET_KEY", lambda: secrets.token_urlsafe(48)),
        ("BROKER_ENCRYPTION_KEYS", lambda: "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()),
    ):
        if not os.environ.get(name):
            os.environ[name] = kept(folder / name.lower(), make)


def kept(path: Path, make: Callable[[], str]) -> str:
    """The text of ``path``; made once, readable by this user only. Raises Misconfigured."""
    _make(path.parent)
    try:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(handle, "w") as file:
            file.write(value := make())
        return value
    except OSError as error:
        raise _unusable(path.parent, error) from error


def _make(folder: Path) -> None:
    """Make ``folder`` unless it is there. Raises Misconfigured."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: OSError) -> Misconfigured:
    return Misconfigured(
        f"The data folder {folder} cannot be used ({error.strerror}). Give this user rights to it, or choose another "
        "with --data-dir or BROKER_DATA_DIR."
    )


def option(argv: list[str], name: str) -> str | None:
    """Value of ``--name value`` or ``--name=value`` in ``argv``; needed before Django parses it."""
    for index, word in enumerate(argv):
        if word.startswith(name + "="):
            return word.partition("=")[2]
        if word == name and index + 1 < len(argv):
            return argv[index + 1]
    return None
