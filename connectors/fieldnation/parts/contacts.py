"""Contacts and tags: added or changed one by one, never removed, since a list in an update may replace or merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.steps import Check, Step

from .mapped import Mapped
from .values import found_id, id_of, listed, same_words, text_of

MEMBERS = ("name", "role", "phone", "ext", "email", "notes")

Contact = Mapping[str, str]


def read_contacts(mapped: Mapped) -> tuple[Contact, ...]:
    """Take the contacts: a list, and the single site contact of ``contact.*``. Raises InvalidRecord."""
    single = {name: mapped.take(f"contact.{name}") for name in MEMBERS}
    given = mapped.take("contacts")
    if given is not None and not isinstance(given, list):
        raise InvalidRecord("“contacts” needs a list of contacts; map contact.name, contact.email … for a single one.")
    wanted: list[Contact] = []
    for item in [*(given or []), single]:
        contact = _contact(item)
        if contact and contact not in wanted:
            wanted.append(contact)
    return tuple(wanted)


def read_tags(mapped: Mapped) -> tuple[int, ...]:
    """Take the ids of the company tags. Raises InvalidRecord for names."""
    given = mapped.take("tags")
    items = [] if given is None else given if isinstance(given, list) else [given]
    ids = (id_of(item.get("id") if isinstance(item, Mapping) else item, "tags") for item in items)
    return tuple(dict.fromkeys(ids))


def contacts_body(contacts: tuple[Contact, ...]) -> dict[str, Any]:
    """The contacts in the shape of the create body; {} when there are none."""
    return {"results": [dict(contact) for contact in contacts]} if contacts else {}


def contact_steps(contacts: tuple[Contact, ...], current: Mapping[str, Any]) -> list[Step]:
    """Calls for the contacts that ``current`` lacks: a changed one is updated by its name (or role), else added."""
    present = listed(current.get("contacts"))
    matches = [(contact, next((found for found in present if _meets(found, contact)), None)) for contact in contacts]
    # A contact that meets one wish must not be changed to meet another: the two would take turns for ever.
    free = [found for found in present if not any(match is found for _, match in matches)]
    steps = []
    for contact in (contact for contact, match in matches if match is None):
        namesake = _namesake(contact, free)
        if namesake is not None:
            free = [found for found in free if found is not namesake]
        steps.append(_contact_step(contact, namesake))
    return steps


def tag_steps(tags: tuple[int, ...], current: Mapping[str, Any]) -> list[Step]:
    """Calls for the tags that ``current`` lacks."""
    present = {found_id(tag.get("id")) for tag in listed(current.get("tags"))}
    return [
        Step("POST", "/tags", f"add tag {tag}", body={"id": tag}, check=(Check(f"tags.{tag}", str(tag), ""),))
        for tag in tags
        if tag not in present
    ]


def _contact(item: object) -> Contact:
    if not isinstance(item, Mapping):
        raise InvalidRecord("Each item of “contacts” needs members such as name, phone and email.")
    unknown = [name for name in item if name not in MEMBERS and name not in ("id", "correlation_id", "actions")]
    if unknown:
        raise InvalidRecord(f"A contact has no member “{unknown[0]}”. It has: {', '.join(MEMBERS)}.")
    texts = {name: text_of(item.get(name), f"contacts.{name}") for name in MEMBERS}
    return {name: text for name, text in texts.items() if text}


def _meets(found: Mapping[str, Any], contact: Contact) -> bool:
    return all(_is_same(name, text, found.get(name)) for name, text in contact.items())


def _is_same(name: str, wanted: str, found: object) -> bool:
    text = text_of(found, name) if isinstance(found, str | int | float) else ""
    digits = ["".join(filter(str.isdigit, side)) for side in (wanted, text)]
    # A phone number may be printed with or without its punctuation.
    return same_words(wanted, text) or (name == "phone" and digits[0] != "" and digits[0] == digits[1])


def _namesake(contact: Contact, free: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    keys = [name for name in ("name", "role") if name in contact]
    if not keys:
        return None
    alike = [found for found in free if all(_is_same(key, contact[key], found.get(key)) for key in keys)]
    return alike[0] if alike and found_id(alike[0].get("id")) else None


def _contact_step(contact: Contact, match: Mapping[str, Any] | None) -> Step:
    who = contact.get("name") or contact.get("role") or contact.get("email") or "without a name"
    path = f"contacts.{who}"
    wanted = ", ".join(contact.values())
    if match is None:
        check = Check(path, wanted, "")
        return Step("POST", "/contacts", f"add the contact {who}", body=dict(contact), check=(check,))
    present = {name: text for name in MEMBERS if (text := str(match.get(name) or ""))}
    check = Check(path, wanted, ", ".join(present.get(name, "") for name in contact))
    target = f"/contacts/{found_id(match.get('id'))}"
    return Step("PUT", target, f"update the contact {who}", body={**present, **contact}, check=(check,))
