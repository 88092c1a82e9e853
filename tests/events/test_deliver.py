"""The loop that claims, delivers and settles."""

from __future__ import annotations

import pytest

from events import deliver
from events.deliver import PLENTY, Pump

from . import queued

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("waiting", "calls"), [(PLENTY - 1, 0), (PLENTY, 1), (PLENTY * 4, 1)])
def test_one_more_worker_is_called_when_there_is_plenty(
    waiting: int, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connector that is resumed needs every worker process, and the sweep wakes one in two seconds."""
    queued.connector(waiting=waiting, settings={})  # no mapping, so that nothing is sent
    asked: list[None] = []
    monkeypatch.setattr(deliver, "nudge", lambda: asked.append(None))

    assert Pump(threads=64).run() == waiting

    assert len(asked) == calls
