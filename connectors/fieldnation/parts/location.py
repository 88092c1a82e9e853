"""Where the work is. Without ``mode`` an address is dropped silently, and an update must carry the whole address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.steps import Check, Step

from .mapped import Mapped
from .values import found_id, id_of, member, same_words, text_of

ADDRESS = ("address1", "address2", "city", "state", "zip", "country")
NEEDED = ("address1", "city", "state", "zip", "country")
MODES = ("custom", "location", "remote")
# Only two letters are accepted; these are the usual other spellings in the countries Field Nation works in.
COUNTRIES: Mapping[str, str] = {
    "usa": "US",
    "u.s.": "US",
    "u.s.a.": "US",
    "united states": "US",
    "united states of america": "US",
    "can": "CA",
    "canada": "CA",
    "mex": "MX",
    "mexico": "MX",
    "pri": "PR",
    "puerto rico": "PR",
}


@dataclass(frozen=True)
class Location:
    """What the mappings want. ``mode`` is None unless mapped or implied by a saved location."""

    mode: str | None
    address: Mapping[str, str]
    display_name: str | None
    type_id: int | None
    saved_id: int | None


def read_location(mapped: Mapped) -> Location | None:
    """Take the location. Raises InvalidRecord for a country that is not two letters or an unknown mode."""
    given = {name: value for name in ADDRESS if (value := mapped.take(f"location.{name}")) is not None}
    mode, name = mapped.take("location.mode"), mapped.take("location.display_name")
    type_id, saved = mapped.take("location.type.id"), mapped.take("location.saved_location.id")
    if not given and all(value is None for value in (mode, name, type_id, saved)):
        return None
    if mode is not None:
        mode = text_of(mode, "location.mode").lower()
        if mode not in MODES:
            raise InvalidRecord(f"“location.mode” is “{mode[:50]}”; it must be one of {', '.join(MODES)}.")
    elif saved is not None:
        mode = "location"
    return Location(
        mode=mode,
        address={member_name: _address_text(member_name, value) for member_name, value in given.items()},
        display_name=None if name is None else text_of(name, "location.display_name"),
        type_id=None if type_id is None else id_of(type_id, "location.type.id"),
        saved_id=None if saved is None else id_of(saved, "location.saved_location.id"),
    )


def location_body(location: Location) -> dict[str, Any]:
    """The location in the shape of the create body."""
    body: dict[str, Any] = {"mode": location.mode or "custom", **location.address}
    if location.display_name is not None:
        body["display_name"] = location.display_name
    if location.type_id is not None:
        body["type"] = {"id": location.type_id}
    if location.saved_id is not None:
        body["saved_location"] = {"id": location.saved_id}
    return body


def location_steps(location: Location, current: Mapping[str, Any]) -> list[Step]:
    """One update of the whole location when a wanted member differs from ``current``.

    Raises InvalidRecord when the address would still lack a member which the call demands.
    """
    found = current["location"] if isinstance(current.get("location"), Mapping) else {}
    checks = tuple(check for check in _checks(location, found) if not same_words(check.wanted, check.found))
    if not checks:
        return []
    return [Step("PUT", "/location", "set the location", body=_whole(location, found), check=checks)]


def _checks(location: Location, found: Mapping[str, Any]) -> list[Check]:
    checks = [
        Check(f"location.{name}", value, text_of(found.get(name), f"location.{name}"))
        for name, value in location.address.items()
    ]
    found_mode = str(found.get("mode") or "")
    # An address on its own is also met by a saved location with this address, but never by a remote job.
    wanted_mode = location.mode or ("custom" if found_mode.lower() == "remote" and location.address else None)
    if wanted_mode:
        checks.append(Check("location.mode", wanted_mode, found_mode))
    if location.display_name is not None:
        checks.append(Check("location.display_name", location.display_name, str(found.get("display_name") or "")))
    if location.type_id is not None:
        checks.append(Check("location.type.id", str(location.type_id), _id_text(found, "type")))
    if location.saved_id is not None:
        checks.append(Check("location.saved_location.id", str(location.saved_id), _id_text(found, "saved_location")))
    return checks


def _whole(location: Location, found: Mapping[str, Any]) -> dict[str, Any]:
    present = {name: text_of(found.get(name), f"location.{name}") for name in ADDRESS}
    body = location_body(location)
    if location.mode is None and not location.address and found.get("mode"):
        body["mode"] = found["mode"]
    body = {**present, **body, "saved_location": body.get("saved_location", {})}
    missing = [f"location.{name}" for name in NEEDED if not body[name]]
    if body["mode"] == "custom" and missing:
        raise InvalidRecord(f"The address is incomplete: map {', '.join(missing)} too.")
    if body["mode"] == "location" and not body["saved_location"]:
        body["saved_location"] = _reference(found, "saved_location")
    for name in ("type", "display_name"):
        if name not in body and found.get(name):
            body[name] = _reference(found, name) if name == "type" else found[name]
    return body


def _address_text(name: str, value: object) -> str:
    text = text_of(value, f"location.{name}")
    if name == "zip" and isinstance(value, int) and not isinstance(value, bool):
        # A ZIP code that came as a number has lost its leading zeros.
        return text.zfill(5)
    if name == "state":
        return text.upper() if len(text) == 2 else text
    if name == "country" and text:
        code = COUNTRIES.get(" ".join(text.lower().split()), text.upper())
        if len(code) != 2 or not code.isalpha():
            raise InvalidRecord(f"“location.country” is “{text[:50]}”; Field Nation takes two letters, such as US.")
        return code
    return text


def _reference(found: Mapping[str, Any], name: str) -> dict[str, int]:
    number = found_id(member(found, name, "id"))
    return {} if number is None else {"id": number}


def _id_text(found: Mapping[str, Any], name: str) -> str:
    return str(found_id(member(found, name, "id")) or "")
