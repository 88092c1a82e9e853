"""Describes a work order's fields: the known ones from the catalogue, an account's custom fields from the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.platforms.contract import FieldInfo, FieldType

from .client import PAGE_SIZE, FieldNation
from .fields import CHOICES, FIELDS, Field, Kind
from .parts.values import found_id, listed, member

MAX_PAGES = 20

_TYPES: Mapping[Kind, FieldType] = {
    "text": "text",
    "html": "text",
    "choice": "text",
    "number": "number",
    "money": "number",
    "id": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "list": "list",
    "custom": "object",
}
_CUSTOM_TYPES: Mapping[str, FieldType] = {"numeric": "number", "date": "date", "date_time": "datetime"}


def known_fields() -> list[FieldInfo]:
    """The fields that every work order has."""
    return [_known(field) for field in FIELDS]


def custom_fields(field_nation: FieldNation) -> list[FieldInfo]:
    """The custom fields that the company has defined, by ``custom_fields.<id>``.

    That path is a target; to read one, a mapping uses a script with ``lookup_custom_field(<id>, …)``. Raises the
    errors of the calls.
    """
    return [info for row in _definitions(field_nation) if (info := _custom(row))]


def _definitions(field_nation: FieldNation) -> Iterator[Mapping[str, Any]]:
    for page in range(1, MAX_PAGES + 1):
        params = {"page": str(page), "per_page": str(PAGE_SIZE)}
        answer = field_nation.send("GET", "/custom-fields", purpose="read the custom fields", params=params)
        rows = listed(answer)
        yield from rows
        pages = member(answer, "metadata", "pages")
        if not rows or not isinstance(pages, int) or page >= pages:
            return


def _known(field: Field) -> FieldInfo:
    return FieldInfo(
        path=field.path,
        label=field.label,
        type=_TYPES[field.kind],
        required=field.required,
        readonly=not field.writable,
        choices=CHOICES.get(field.path, ()),
        writeonly=not field.readable,
    )


def _custom(row: Mapping[str, Any]) -> FieldInfo | None:
    number = found_id(row.get("id"))
    if number is None:
        return None
    flags, options = row.get("flags"), row.get("options")
    return FieldInfo(
        path=f"custom_fields.{number}",
        label=str(row.get("name") or number)[:200],
        type=_CUSTOM_TYPES.get(str(row.get("type")), "text"),
        required=row.get("required") is True or (isinstance(flags, list) and "required" in flags),
        custom=True,
        choices=tuple(_choice(option) for option in (options if isinstance(options, list) else ())),
    )


def _choice(option: Any) -> tuple[str, str]:
    if isinstance(option, Mapping):
        option = option.get("name") or option.get("label") or option.get("value") or option.get("id") or ""
    return str(option), str(option)
