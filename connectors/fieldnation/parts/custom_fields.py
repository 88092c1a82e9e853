"""Custom field values: nested in groups when a work order is created, one call each afterwards. Values are text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.steps import Check, Step

from .mapped import Mapped
from .values import found_id, id_of, listed, same_number, same_words, text_of


@dataclass(frozen=True)
class CustomValue:
    """One wanted value; the field by ``id``, or by ``name`` when ``id`` is None."""

    id: int | None
    name: str
    value: str


@dataclass(frozen=True)
class _Found:
    id: int
    name: str
    kind: str
    value: str


def read_custom_fields(mapped: Mapped) -> tuple[CustomValue, ...]:
    """Take the custom fields: an object by id or name, a list of ``{id | name, value}``, or the API's nested shape.

    Raises InvalidRecord for a value that is no text and for a field that is wanted twice with different values.
    """
    wanted: dict[str, CustomValue] = {}
    for value in _read(mapped.take("custom_fields")):
        key = str(value.id) if value.id is not None else value.name.casefold()
        if key in wanted and wanted[key].value != value.value:
            raise InvalidRecord(f"The custom field “{value.id or value.name}” got two different values. Map it once.")
        wanted[key] = value
    return tuple(wanted.values())


def custom_fields_body(values: tuple[CustomValue, ...]) -> dict[str, Any]:
    """The create body's nesting, for the fields known by id; {} when there are none."""
    fields = [{"id": value.id, "value": value.value} for value in values if value.id is not None]
    return {"results": [{"results": fields}]} if fields else {}


def custom_field_steps(
    values: tuple[CustomValue, ...], current: Mapping[str, Any], *, skip_unknown_names: bool = False
) -> list[Step]:
    """One call for each value that differs from ``current``.

    Raises InvalidRecord for a name that the work order does not have; with ``skip_unknown_names`` (a work order that
    does not exist yet) such a field is left for later.
    """
    found = {field.id: field for field in _found(current)}
    steps = []
    for value in values:
        number = value.id if value.id is not None else _id_by_name(value.name, found, required=not skip_unknown_names)
        if number is None:
            continue
        present = found.get(number)
        if _is_same(value.value, present):
            continue
        label = f"“{present.name}” ({number})" if present and present.name else str(number)
        check = Check(f"custom_fields.{number}", value.value, present.value if present else "")
        path = f"/custom_fields/{number}"
        steps.append(Step("PUT", path, f"set custom field {label}", body={"value": value.value}, check=(check,)))
    return steps


def _read(given: object) -> Iterator[CustomValue]:
    if isinstance(given, Mapping) and isinstance(given.get("results"), list):
        yield from _read(given["results"])
    elif isinstance(given, Mapping):
        for key, value in given.items():
            if value is not None:
                yield _by_key(str(key), value)
    elif isinstance(given, list):
        for item in given:
            if isinstance(item, Mapping) and isinstance(item.get("results"), list):
                yield from _read(item["results"])
            else:
                yield from _one(item)
    elif given is not None:
        raise InvalidRecord("“custom_fields” needs fields by id or name, such as custom_fields.611.")


def _one(item: object) -> Iterator[CustomValue]:
    if not isinstance(item, Mapping) or not (item.get("id") or item.get("name")):
        raise InvalidRecord("Each item of a “custom_fields” list needs an id or a name, and a value.")
    if item.get("value") is None:
        return
    name = text_of(item.get("name"), "custom_fields.name")
    if item.get("id"):
        number = id_of(item["id"], "custom_fields.id")
        yield CustomValue(number, name, text_of(item["value"], f"custom_fields.{number}"))
    else:
        yield CustomValue(None, name, text_of(item["value"], f"custom_fields.{name}"))


def _by_key(key: str, value: object) -> CustomValue:
    text = text_of(value, f"custom_fields.{key}")
    is_id = key.strip().isascii() and key.strip().isdigit()
    return CustomValue(id_of(key, f"custom_fields.{key}"), "", text) if is_id else CustomValue(None, key.strip(), text)


def _found(current: Mapping[str, Any]) -> Iterator[_Found]:
    custom = current.get("custom_fields")
    internal = custom.get("internal") if isinstance(custom, Mapping) else None
    for group in ([internal] if isinstance(internal, Mapping) else []) + listed(custom):
        for field in listed(group) or [group]:
            number = found_id(field.get("id"))
            if number is not None and "value" in field:
                yield _Found(number, str(field.get("name") or ""), str(field.get("type") or ""), _text(field["value"]))


def _id_by_name(name: str, found: Mapping[int, _Found], *, required: bool) -> int | None:
    ids = [field.id for field in found.values() if same_words(field.name, name)]
    if len(ids) == 1:
        return ids[0]
    if not required:
        return None
    if ids:
        listed_ids = ", ".join(str(number) for number in ids)
        raise InvalidRecord(f"The work order has several custom fields “{name}” ({listed_ids}). Map one by its id.")
    names = [field.name for field in found.values() if field.name]
    near = get_close_matches(name, names, n=3) or names[:5]
    known = f" It has: {', '.join(near)}." if near else " It has none."
    raise InvalidRecord(f"The work order has no custom field “{name}”.{known}")


def _is_same(wanted: str, present: _Found | None) -> bool:
    if present is None:
        return False
    return wanted == present.value or (present.kind == "numeric" and same_number(wanted, present.value))


def _text(value: object) -> str:
    try:
        return text_of(value, "custom_fields")
    except InvalidRecord:
        return ""
