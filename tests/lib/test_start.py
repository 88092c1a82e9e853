"""What a command finds in its environment before Django loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOW = """
import json, os, pathlib, sys
from broker_project import start
start.PROJECT = pathlib.Path(sys.argv.pop(1))
start.prepare(sys.argv)
print(json.dumps({**os.environ, "folder": str(start.data_dir())}))
"""
REAL = {
    "BROKER_DATA_DIR": "/srv/broker",
    "DATABASE_URL": "postgresql://broker@database.example.test/broker",
    "CELERY_BROKER_URL": "redis://redis.example.test/0",
    "BROKER_ENCRYPTION_KEYS": "real:key",
    "SECRET_KEY": "real",
    "ALLOWED_HOSTS": "broker.example.test",
}


def prepared(project: Path, *words: str, **environment: str) -> dict[str, str]:
    """The environment after ``prepare`` for ``manage.py <words> --help``, which starts no database."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW, str(project), *words, "--help"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_the_demo_takes_nothing_of_a_real_installation(tmp_path: Path) -> None:
    found = prepared(tmp_path, "demo", **REAL)
    assert found["folder"] == str(tmp_path / "data/demo")
    assert {name: found[name] for name in REAL if name not in ("BROKER_DATA_DIR",)} == {
        "DATABASE_URL": "",
        "CELERY_BROKER_URL": "filesystem://",
        "BROKER_ENCRYPTION_KEYS": "",
        "SECRET_KEY": "",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
    }


def test_the_demo_takes_the_folder_of_its_own_option(tmp_path: Path) -> None:
    assert prepared(tmp_path, "demo", "--data-dir", str(tmp_path / "here"), **REAL)["folder"] == str(tmp_path / "here")


def test_other_commands_keep_the_environment_and_take_the_option_for_the_folder(tmp_path: Path) -> None:
    found = prepared(tmp_path, "up", "--data-dir=/srv/other", **REAL)
    assert found["folder"] == "/srv/other"
    assert found["DATABASE_URL"] == REAL["DATABASE_URL"]


def test_the_file_env_is_read_first_and_gives_way_to_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://from.file.example.test/broker\nSECRET_KEY=from-file\n")
    found = prepared(tmp_path, "up", SECRET_KEY="from-environment")
    assert found["DATABASE_URL"] == "postgresql://from.file.example.test/broker"
    assert found["SECRET_KEY"] == "from-environment"


def manage(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """``manage.py <command>`` of an installation that has everything in its environment."""
    keys = {"SECRET_KEY": "made up", "BROKER_ENCRYPTION_KEYS": "k1:" + "A" * 43 + "="}
    return subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **REAL, **keys, "BROKER_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
    )


def test_a_data_folder_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    done = manage("check", tmp_path / "not" / "there")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "not" / "there" / "static").is_dir()


def test_a_data_folder_that_cannot_be_made_is_named_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = manage("check", tmp_path / "file" / "data")
    assert done.returncode == 1
    assert done.stderr.startswith(f"The data folder {tmp_path / 'file' / 'data' / 'static'} cannot be used (")
