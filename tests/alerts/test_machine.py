"""The state machine of an alert, against any history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from events.alerts import machine
from events.alerts.machine import ACKNOWLEDGED, OPEN, RECOVERED, Standing, Tell

START = datetime(2026, 3, 1, tzinfo=UTC)
QUIET = timedelta(minutes=60)

STEPS = st.lists(st.tuples(st.sampled_from(["found", "more", "gone", "ack"]), st.integers(1, 45)), max_size=60)


@given(STEPS)
def test_no_history_breaks_the_promises(steps: list[tuple[str, int]]) -> None:
    standing: Standing | None = None
    now, mark, known = START, 0, False
    last: datetime | None = None
    for act, minutes in steps:
        now += timedelta(minutes=minutes)
        tell: Tell | None = None
        if act in ("found", "more"):
            mark += act == "more"
            was = standing.state if standing else None
            standing, tell = machine.found(standing, mark=mark, quiet=QUIET, now=now)
            assert standing.state == (ACKNOWLEDGED if was == ACKNOWLEDGED else OPEN)
            if was == ACKNOWLEDGED:
                assert tell is None  # somebody is at it
            elif last is None or (now >= last + QUIET and not known):
                assert tell is Tell.OPENED  # people learn of it as soon as the quiet period lets them
        elif act == "gone" and standing:
            was = standing.state
            standing, tell = machine.gone(standing)
            assert standing.state == RECOVERED
            assert (tell is Tell.RECOVERED) == (known and was != RECOVERED)  # an end is told to those who know
        elif standing:
            before = standing
            standing = machine.acknowledged(standing)
            assert standing.state == (ACKNOWLEDGED if before.state == OPEN else before.state)
        if tell in (Tell.OPENED, Tell.REMINDER):
            assert last is None or now >= last + QUIET  # never two within the quiet period
            assert (tell is Tell.REMINDER) == known
            last, known = now, True
        elif tell is Tell.RECOVERED:
            known = False


def test_a_reminder_needs_something_new() -> None:
    standing, tell = machine.found(None, mark=5, quiet=QUIET, now=START)
    assert tell is Tell.OPENED
    standing, tell = machine.found(standing, mark=5, quiet=QUIET, now=START + 2 * QUIET)
    assert tell is None
    _, tell = machine.found(standing, mark=6, quiet=QUIET, now=START + 2 * QUIET)
    assert tell is Tell.REMINDER


def test_without_a_quiet_period_each_return_is_told() -> None:
    standing, _ = machine.found(None, mark=1, quiet=timedelta(), now=START)
    standing, told = machine.gone(standing)
    _, again = machine.found(standing, mark=1, quiet=timedelta(), now=START)
    assert (told, again) == (Tell.RECOVERED, Tell.OPENED)
