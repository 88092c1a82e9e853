"""The loop that claims, delivers and settles."""

from __future__ import annotations

import pytest
from django.db import connection

from events import deliver
from events.deliver import PLENTY, Pump, deliver_due

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


def planner() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('enable_seqscan'), current_setting('jit')")
        return list(cursor.fetchone())


def test_a_run_plans_by_index_and_leaves_the_connection_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan made while the tables were empty would read them from end to end later."""
    before, seen = planner(), []

    def run(pump: Pump) -> int:
        seen.append(planner())
        return 7

    monkeypatch.setattr(Pump, "run", run)
    assert deliver_due() == 7

    assert seen == [["off", "off"]]
    assert planner() == before != seen[0]
