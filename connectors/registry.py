"""The platforms this broker knows, by slug. A new platform is one folder and one line here."""

from __future__ import annotations

from broker_project.lib.errors import Misconfigured
from connectors.platforms.contract import Platform
from connectors.platforms.rest import PLATFORM as REST

_PLATFORMS: dict[str, Platform] = {known.slug: known for known in (REST,)}


def platforms() -> list[Platform]:
    """All platforms, by label."""
    return sorted(_PLATFORMS.values(), key=lambda known: known.label)


def platform(slug: str) -> Platform:
    """The platform with this ``slug``. Raises Misconfigured naming the known ones."""
    if slug not in _PLATFORMS:
        raise Misconfigured(f"There is no platform “{slug}” here. Known: {', '.join(sorted(_PLATFORMS))}.")
    return _PLATFORMS[slug]
