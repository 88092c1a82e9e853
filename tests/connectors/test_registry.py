from __future__ import annotations

import pytest

from broker_project.lib.errors import Misconfigured
from connectors.registry import platform, platforms


def test_every_platform_is_found_by_its_slug() -> None:
    assert [platform(known.slug) for known in platforms()] == platforms()
    assert "rest" in [known.slug for known in platforms()]


def test_an_unknown_slug_names_the_known_ones() -> None:
    with pytest.raises(Misconfigured, match=r"no platform “fax” here\. Known: .*rest"):
        platform("fax")


def test_declarations_can_make_a_form() -> None:
    for known in platforms():
        names = [setting.name for setting in known.settings]
        assert len(names) == len(set(names))
        for setting in known.settings:
            assert (setting.kind == "choice") == bool(setting.choices)
            assert not setting.choices or setting.default in dict(setting.choices)
