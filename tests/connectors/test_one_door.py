"""The network has one door, and pure parts stay pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEHIND = ("transport", "connection", "answer", "request", "headers", "call")  # the door's own parts
DOOR = {"connectors/request.py", "connectors/connection.py", "connectors/answer.py"}
ASKS_ITSELF = {"broker_project/processes.py"}  # `up` waits for its own web process, on the loopback
NETWORK = {"requests", "urllib3", "httpx", "aiohttp", "http.client", "urllib.request", "ftplib", "smtplib", "telnetlib",
           "httptools", "ssl"}  # fmt: skip
NO_DJANGO = ("connectors/platforms/", "connectors/http.py", *(f"connectors/{name}.py" for name in BEHIND),
             "connectors/classify.py", "connectors/retry.py", "connectors/registry.py", "connectors/addresses.py",
             "connectors/tracing.py", "connectors/trace_export.py",
             "connectors/fieldnation/", "broker_project/lib/redaction.py")  # fmt: skip


def modules() -> Iterator[tuple[str, set[str]]]:
    """Each module of ours, the sandbox excepted, with the absolute names it imports."""
    for package in ("broker_project", "connectors", "events", "mappings", "synclog"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith("broker_project/sandbox/"):
                continue
            found: set[str] = set()
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
            yield name, found


def reaches(imported: set[str], names: set[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for module in imported for name in names)


def test_only_the_door_imports_a_network_library() -> None:
    assert {name for name, imported in modules() if reaches(imported, NETWORK)} - ASKS_ITSELF == DOOR


def test_only_the_door_uses_the_parts_behind_it() -> None:
    parts = {f"connectors.{name}" for name in BEHIND}
    users = {name for name, imported in modules() if reaches(imported, parts)}
    assert users - {f"connectors/{name}.py" for name in BEHIND} == {"connectors/http.py"}


def test_the_reach_to_systems_knows_no_django() -> None:
    pure = [(name, imported) for name, imported in modules() if name.startswith(NO_DJANGO)]
    assert len(pure) > 10
    assert [name for name, imported in pure if reaches(imported, {"django", "rest_framework", "celery"})] == []
