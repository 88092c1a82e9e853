"""Every version is pinned, once: pyproject.toml, requirements.txt and what is installed agree."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
REQUIREMENTS = (ROOT / "requirements.txt").read_text()


def pins() -> list[Requirement]:
    return [Requirement(line) for line in PROJECT["tool"]["uv"]["constraint-dependencies"]]


def exported() -> list[Requirement]:
    lines = re.findall(r"^([A-Za-z0-9][^\\\n]*?)\s*\\?$", REQUIREMENTS, re.MULTILINE)
    return [Requirement(line) for line in lines]


def pinned() -> set[tuple[str, str]]:
    return {(canonicalize_name(pin.name), str(pin.specifier)) for pin in pins()}


def test_each_constraint_is_one_exact_version() -> None:
    assert [str(pin) for pin in pins() if [spec.operator for spec in pin.specifier] != ["=="]] == []


def test_every_direct_dependency_is_pinned_within_its_own_range() -> None:
    direct = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
    for line in direct:
        wanted = Requirement(line)
        versions = [
            spec.version
            for pin in pins()
            if canonicalize_name(pin.name) == canonicalize_name(wanted.name)
            for spec in pin.specifier
        ]
        assert versions, f"{line} is not pinned: run .ci/pins"
        assert all(wanted.specifier.contains(each) for each in versions), f"{line}: run .ci/pins --upgrade"


def test_requirements_hold_the_same_versions_with_hashes() -> None:
    rows = exported()
    assert len(rows) > 30
    assert {(canonicalize_name(row.name), str(row.specifier)) for row in rows} <= pinned()
    needed = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    assert needed <= {canonicalize_name(row.name) for row in rows}
    for block in re.split(r"\n(?=[a-z])", REQUIREMENTS.split("\n", 2)[2]):
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_what_is_installed_is_what_is_pinned() -> None:
    for pin in pins():
        if pin.marker and not pin.marker.evaluate():
            continue
        try:
            installed = version(pin.name)
        except PackageNotFoundError:
            continue  # for another system, or not of this installation's groups
        assert pin.specifier.contains(installed), f"{pin.name} {installed} is installed, pinned is {pin.specifier}"
