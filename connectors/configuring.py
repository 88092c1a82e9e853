"""What of a connector's inputs is stored, however they were given: by the form or by the wizard.

A kept secret goes only to the hosts it was entered for: who may change an address must not get it sent elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from .platforms.contract import Setting

ENTER_AGAIN: Final = (
    "The address leads to another host now, {hosts}. Enter this again, or remove it: the kept value was given for "
    "the host before."
)


def host_of(address: str) -> str:
    """Host and port of an address in small letters, "" when it names none."""
    try:
        return urlsplit(address).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def new_hosts(declared: Sequence[Setting], before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The hosts that ``after`` sends to and ``before`` did not, as a sentence names them; "" for none."""
    names = [setting.name for setting in declared if setting.kind == "url"]
    old, new = ({host_of(str(settings.get(name) or "")) for name in names} for settings in (before, after))
    return ", ".join(sorted(new - old - {""}))


def shown(setting: Setting, configured: Mapping[str, Any]) -> Any:
    """The value as an input shows it; headers as lines."""
    value = configured.get(setting.name, setting.default)
    if setting.kind == "headers" and isinstance(value, Mapping):
        return "\n".join(f"{name}: {content}" for name, content in value.items())
    return value


def stored(declared: Sequence[Setting], given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The settings to store: without empty ones, without those that do not apply, and without defaults that were not
    stored before. What was not changed stays as it was written."""
    kept: dict[str, Any] = {}
    for setting in declared:
        value = given.get(setting.name)
        if setting.secret or value in (None, "") or not setting.applies(given, declared):
            continue
        if setting.name in before and value == shown(setting, before):
            kept[setting.name] = before[setting.name]
        elif setting.name in before or value != setting.default:
            kept[setting.name] = value
    return kept
