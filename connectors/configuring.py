"""What of a connector's inputs is stored, however they were given: by the form or by the wizard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .platforms.contract import Setting


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
