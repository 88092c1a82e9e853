"""The rules of the house run here, or they would not be rules."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from uuid import UUID

import grimp
import pytest
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from importlinter.cli import lint_imports

from broker_project import start

ROOT = Path(__file__).resolve().parent.parent
OUR_APPS = ("connectors", "mappings", "synclog", "events")
PACKAGES = ("broker_project", *OUR_APPS)
TOP_LEVEL = {
    "README.md", "manage.py", "pyproject.toml", "requirements.txt", "docs", "templates", "tests", *PACKAGES,
}  # fmt: skip
NOT_OURS = {".git", ".venv", "data", "staticfiles", "uv.lock", "__pycache__", ".env", "node_modules"}
PRODUCTION = {
    "BROKER_PUBLIC_URL": "https://broker.example.test",
    "ALLOWED_HOSTS": "broker.example.test",
    "SECRET_KEY": "a made-up key for the check only, long enough and with many different letters",
    "BROKER_ENCRYPTION_KEYS": "k1:" + base64.b64encode(b"k" * 32).decode(),
    "DATABASE_URL": "postgresql://broker@database.example.test/broker",
    "CELERY_BROKER_URL": "redis://redis.example.test:6379/0",
    "CACHE_URL": "rediscache://redis.example.test:6379/1",
    "TRUST_PROXY": "1",
}


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def committed() -> Iterator[Path]:
    """Every text file of the project that is, or could be, committed."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.endswith("_cache")]
        if Path(folder) == ROOT:
            folders[:] = [name for name in folders if name != ".hypothesis"]
        for name in names:
            path = Path(folder, name)
            if name not in NOT_OURS and path.suffix not in {".pyc", ".png", ".ico", ".woff2"}:
                yield path


# --- Imports -------------------------------------------------------------------------------------------------------


def test_import_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_nothing_below_imports_the_composition_root() -> None:
    graph = imports()
    below = [name for name in graph.modules if name.startswith((*OUR_APPS, "broker_project.lib"))]
    assert len(below) > 100
    upwards = {
        (name, imported)
        for name in below
        for imported in graph.find_modules_directly_imported_by(name)
        if imported.startswith("broker_project") and not imported.startswith("broker_project.lib")
    }
    assert upwards == set()


def test_platforms_do_not_import_each_other() -> None:
    graph = imports()
    platforms = sorted(
        f"connectors.platforms.{path.parent.name}" for path in (ROOT / "connectors/platforms").glob("*/__init__.py")
    )
    assert "connectors.platforms.rest" in platforms
    crossed = [
        (one, other)
        for one in platforms
        for other in platforms
        if one != other and graph.direct_import_exists(importer=one, imported=other, as_packages=True)
    ]
    assert crossed == []


# --- Django's own checks ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("words", [("check",), ("check", "--deploy")], ids=" ".join)
def test_system_checks_find_nothing_in_production(words: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *words, "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "BROKER_DATA_DIR": str(tmp_path), **PRODUCTION},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n"), done.stderr


def test_the_deploy_check_warns_of_a_plain_http_address(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"], "BROKER_DATA_DIR": str(tmp_path), **PRODUCTION,
            "BROKER_PUBLIC_URL": "http://broker.example.test",
        },
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "broker.W001" in done.stderr


# --- The admin and the doors -----------------------------------------------------------------------------------------


def test_every_model_has_a_page_in_the_admin() -> None:
    missing = {
        model._meta.label for label in OUR_APPS for model in apps.get_app_config(label).get_models()
        if not admin.site.is_registered(model)
    }  # fmt: skip
    assert missing == set()


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[str]:
    for entry in patterns:
        route = str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from addresses(entry.url_patterns, prefix + route)
        elif route.startswith("(?P") or route.endswith("$"):
            continue  # the admin's last resort: redirects an unknown address
        else:
            yield prefix + re.sub(r"<\w+>|<\w+:\w+>", "1", re.sub(r"<uuid:\w+>", str(UUID(int=1)), route))


WITHOUT_LOGIN = {
    "/admin/login/", "/admin/logout/", "/admin/jsi18n/", "/health/live", "/health/ready", "/metrics"
}  # fmt: skip
"""The login page, the way out, the admin's translated words, and what machines ask: tests/health says who gets what."""


@pytest.mark.django_db
def test_every_address_asks_who_is_there() -> None:
    client = Client()
    found = sorted(set(addresses(get_resolver().url_patterns)))
    assert len(found) > 60
    assert {"/events/", "/integrations/trigger/1", "/v1/broker/inbound"} <= set(found)
    for address in found:
        if address in WITHOUT_LOGIN:
            continue
        for ask in (client.get, client.post):
            answer = ask(address)
            to_login = answer.status_code == 302 and answer["Location"].startswith(("/admin/login/", "/admin/"))
            assert to_login or answer.status_code in (401, 403, 405), (address, answer.status_code)


# --- The environment -------------------------------------------------------------------------------------------------

INTERNAL = {"DJANGO_SETTINGS_MODULE", "BROKER_EMBEDDED_POSTGRES"}
"""What our own processes tell each other; nobody sets them by hand."""


def read_variables() -> set[str]:
    found = set(re.findall(r"\benv\.\w+\(\s*\"([A-Z_]+)\"", (ROOT / "broker_project/settings.py").read_text()))
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            found |= set(re.findall(r"environ(?:\.get\(|\.pop\(|\[)\s*\"([A-Z_]+)\"", path.read_text()))
    return found - INTERNAL


def documented_variables() -> set[str]:
    section = (ROOT / "README.md").read_text().split("## Configuration", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([A-Z_]+)` \|", section, re.MULTILINE))


def test_the_readme_lists_exactly_the_variables_that_are_read() -> None:
    assert documented_variables() == read_variables()


# --- What may be committed -------------------------------------------------------------------------------------------


def test_the_top_level_holds_nothing_else() -> None:
    kept = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} - NOT_OURS
    assert kept == TOP_LEVEL


UNFINISHED = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b")
# letters in brackets, so that this file does not find itself
STRANGERS = re.compile(r"/w[o]rk/|/t[m]p/|/r[o]ot/|/hom[e]/|py[p]i[.]org|pythonh[o]sted|npmj[s][.]|deb[.]d[e]bian")


@pytest.mark.parametrize("pattern", [UNFINISHED, STRANGERS], ids=["unfinished", "machines and registries"])
def test_no_file_holds_marks_of_unfinished_work_or_of_one_machine(pattern: re.Pattern[str]) -> None:
    paths = list(committed())
    assert len(paths) > 200
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in paths
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_what_the_demo_writes_is_what_fresh_may_remove() -> None:
    """``demo --fresh`` refuses a folder with strangers, so each file the broker writes there must be known."""
    written = set(re.findall(r"DATA_DIR / \"([\w-]+)\"", "".join(
        path.read_text() for path in (ROOT / "broker_project").rglob("*.py")
    )))  # fmt: skip
    assert {"logs", "static", "messages", "sandbox"} <= written
    assert written <= start.OWN_ENTRIES
