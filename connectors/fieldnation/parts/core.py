"""The work order's own members: title, texts, types of work, references and switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.steps import Check, Step

from .mapped import Mapped
from .values import flag_of, found_id, html_of, id_of, listed, member, text_of, words_of

RICH = ("description", "confidential")
REFERENCES = ("client", "project", "template", "manager", "team", "service_contract")
SWITCHES = ("require_ontime", "allow_counter_offers", "require_gps", "printable")


@dataclass(frozen=True)
class Core:
    """What the mappings want; None and missing keys mean "not mapped"."""

    title: str | None
    rich: Mapping[str, str]
    types_of_work: tuple[int, ...] | None
    references: Mapping[str, int]
    switches: Mapping[str, bool]


def read_core(mapped: Mapped) -> Core:
    """Take the core members. Raises InvalidRecord for an empty title or a wrong value."""
    title = mapped.take("title")
    # A title is one line; Field Nation would fold it anyway.
    line = None if title is None else " ".join(text_of(title, "title").split())
    if line == "":
        raise InvalidRecord("“title” is empty. Give it a default.")
    return Core(
        title=line,
        rich={name: html_of(text_of(value, name)) for name in RICH if (value := mapped.take(name)) is not None},
        types_of_work=_types_wanted(mapped.take("types_of_work")),
        references={
            name: id_of(value, f"{name}.id") for name in REFERENCES if (value := mapped.take(f"{name}.id")) is not None
        },
        switches={name: flag_of(value, name) for name in SWITCHES if (value := mapped.take(name)) is not None},
    )


def core_body(core: Core) -> dict[str, Any]:
    """The core members in the shapes of the create and update body."""
    body: dict[str, Any] = {} if core.title is None else {"title": core.title}
    body |= {name: {"html": text} for name, text in core.rich.items()}
    if core.types_of_work is not None:
        body["types_of_work"] = [
            {"id": number, "isPrimary": place == 0} for place, number in enumerate(core.types_of_work)
        ]
    body |= {name: {"id": number} for name, number in core.references.items()}
    return body | dict(core.switches)


def core_steps(core: Core, current: Mapping[str, Any]) -> list[Step]:
    """One partial update with the members that differ from ``current``; none when nothing does."""
    checks = [check for check in _checks(core, current) if check.wanted != check.found]
    if not checks:
        return []
    differing = {check.path for check in checks}
    body = {name: value for name, value in core_body(core).items() if name in differing}
    return [Step("PUT", "", f"update {', '.join(sorted(differing))}", body=body, check=tuple(checks))]


def _checks(core: Core, current: Mapping[str, Any]) -> list[Check]:
    checks = []
    if core.title is not None:
        checks.append(Check("title", core.title, " ".join(str(current.get("title") or "").split())))
    for name, text in core.rich.items():
        checks.append(Check(name, words_of(text), words_of(_rich_found(current.get(name)))))
    if core.types_of_work is not None:
        found = _types_found(current)
        # A single one is a wish about the primary type of work; further ones may stay.
        found = found[:1] if len(core.types_of_work) == 1 else found
        checks.append(Check("types_of_work", _ids(core.types_of_work), _ids(found)))
    for name, number in core.references.items():
        checks.append(Check(name, str(number), str(found_id(member(current, name, "id")) or "")))
    for name, flag in core.switches.items():
        checks.append(Check(name, text_of(flag, name), _flag_found(current.get(name))))
    return checks


def _types_wanted(value: object) -> tuple[int, ...] | None:
    if value is None:
        return None
    items = value if isinstance(value, list) else [value]
    primary = [item for item in items if member(item, "isPrimary") is True]
    ordered = primary + [item for item in items if item not in primary]
    ids = [
        id_of(item["id"] if isinstance(item, Mapping) and "id" in item else item, "types_of_work") for item in ordered
    ]
    if not ids:
        raise InvalidRecord("“types_of_work” is an empty list; a work order needs a type of work.")
    return tuple(dict.fromkeys(ids))


def _types_found(current: Mapping[str, Any]) -> tuple[int, ...]:
    items = listed(current.get("types_of_work"))
    ordered = sorted(items, key=lambda item: item.get("isPrimary") is not True)
    ids = [found_id(item.get("id")) for item in ordered] or [found_id(member(current, "type_of_work", "id"))]
    return tuple(number for number in ids if number is not None)


def _ids(ids: tuple[int, ...]) -> str:
    """The primary first, the others in a fixed order, since only the primary's place has a meaning."""
    return ", ".join(str(number) for number in (*ids[:1], *sorted(ids[1:])))


def _rich_found(value: object) -> str:
    found = member(value, "html") if isinstance(value, Mapping) else value
    return found if isinstance(found, str) else ""


def _flag_found(value: object) -> str:
    try:
        return text_of(flag_of(value, ""), "") if value is not None else ""
    except InvalidRecord:
        return ""
