"""Pay: type, base and, for blended pay, the additional rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.statuses import status_of
from connectors.fieldnation.steps import Check, Step

from .mapped import Mapped
from .values import json_number, member, number_of, text_of

TYPES = ("fixed", "hourly", "device", "blended")
_OTHER_WORDS: Mapping[str, str] = {"per_hour": "hourly", "hour": "hourly", "per_device": "device", "flat": "fixed"}
LOCKED = ("work_done", "approved", "paid", "cancelled", "deleted")
"""Statuses in which pay cannot be changed."""

_NAMES = ("base.amount", "base.units", "additional.amount", "additional.units")


@dataclass(frozen=True)
class Pay:
    """What the mappings want; ``amounts`` by path below ``pay``. ``type`` is None when not mapped."""

    type: str | None
    amounts: Mapping[str, Decimal]


def read_pay(mapped: Mapped) -> Pay | None:
    """Take the pay. Raises InvalidRecord for an unknown type or an amount that is no number."""
    raw_type = mapped.take("pay.type")
    amounts = {
        name: number_of(value, f"pay.{name}") for name in _NAMES if (value := mapped.take(f"pay.{name}")) is not None
    }
    if raw_type is None and not amounts:
        return None
    return Pay(type=None if raw_type is None else _type(raw_type), amounts=amounts)


def pay_body(pay: Pay, found: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Pay in the shape of the API; what is not mapped comes from ``found``, the pay as it is.

    Raises InvalidRecord when type or amount stay unknown, or an additional rate is given without blended pay.
    """
    found = found or {}
    kind = _effective_type(pay, found)
    if not kind:
        raise InvalidRecord("“pay.type” is missing: map or set it to fixed, hourly, device or blended.")
    values = {name: pay.amounts.get(name, _found(found, name)) for name in _NAMES}
    if values["base.amount"] is None:
        raise InvalidRecord("“pay.amount” is missing: map or set it.")
    if kind == "fixed":
        values["base.units"] = Decimal(1)
    elif pay.type and pay.type != _found_type(found) and "base.units" not in pay.amounts:
        # Units of another pay type mean something else: better none than a wrong maximum.
        values["base.units"] = None
    if kind != "blended":
        if any(pay.amounts.get(name) for name in _NAMES[2:]):
            raise InvalidRecord(f"“pay.additional” belongs to blended pay, but the pay type is {kind}.")
        values["additional.amount"] = values["additional.units"] = Decimal(0)
    body: dict[str, Any] = {"type": kind, "base": {}, "additional": {}}
    for name, value in values.items():
        part, _, leaf = name.partition(".")
        if value is not None:
            body[part][leaf] = json_number(value)
    return body


def pay_steps(pay: Pay, current: Mapping[str, Any]) -> tuple[list[Step], list[str]]:
    """One update of the pay when it differs from ``current``; instead a note where pay is locked."""
    found = current["pay"] if isinstance(current.get("pay"), Mapping) else {}
    checks = tuple(check for check in _checks(pay, found) if check.wanted != check.found)
    if not checks:
        return [], []
    status = status_of(current)
    if status in LOCKED:
        return [], [f"The pay stays as it is: Field Nation does not change it once a work order is {status}."]
    return [Step("PUT", "/pay", "set the pay", body=pay_body(pay, found), check=checks)], []


def _checks(pay: Pay, found: Mapping[str, Any]) -> list[Check]:
    kind = _effective_type(pay, found)
    checks = [Check("pay.type", pay.type, _found_type(found))] if pay.type else []
    for name, wanted in pay.amounts.items():
        ignored = (kind == "fixed" and name == "base.units") or (kind != "blended" and name.startswith("additional"))
        if not ignored or (wanted and name.startswith("additional")):
            checks.append(Check(f"pay.{name}", _plain(wanted), _plain(_found(found, name))))
    return checks


def _effective_type(pay: Pay, found: Mapping[str, Any]) -> str:
    return pay.type or _found_type(found)


def _found_type(found: Mapping[str, Any]) -> str:
    return str(found.get("type") or "").lower()


def _type(value: object) -> str:
    text = "_".join(text_of(value, "pay.type").lower().replace("-", " ").split())
    kind = _OTHER_WORDS.get(text, text)
    if kind not in TYPES:
        raise InvalidRecord(f"“pay.type” is “{text[:50]}”; it must be one of {', '.join(TYPES)}.")
    return kind


def _found(found: Mapping[str, Any], name: str) -> Decimal | None:
    part, _, leaf = name.partition(".")
    value = member(found, part, leaf)
    try:
        return None if value is None or value == "" else number_of(value, name)
    except InvalidRecord:
        return None


def _plain(number: Decimal | None) -> str:
    return "" if number is None else str(json_number(number))
