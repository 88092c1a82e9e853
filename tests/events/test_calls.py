"""Calls under way: whose works run, whose wait, and what may be claimed next. Real threads; the calls are ours."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Semaphore
from types import SimpleNamespace
from typing import Any, cast

import pytest

from events.calls import Calls
from events.outcome import Outcome
from events.states import State
from events.work import Work

DONE = Outcome(state=State.SUCCEEDED, code="updated", sentence="Updated.")
DEAD, QUICK = 1, 2
THREADS, SHARE, AHEAD = 4, 3, 10


def work(connector: int, *, interrupted: bool = False) -> Work:
    """A piece of work of which only the connector counts here."""
    return cast(Any, _Work(SimpleNamespace(id=connector), interrupted))


@dataclass(eq=False)
class _Work:
    target: Any
    interrupted: bool


@dataclass
class System:
    """Two external systems: one answers at once, one only when ``answers`` is set."""

    answers: Event = field(default_factory=Event)
    begun: Semaphore = field(default_factory=lambda: Semaphore(0))

    def perform(self, work: Work) -> Outcome:
        self.begun.release()
        if work.target.id == DEAD:
            self.answers.wait()
        return DONE


@pytest.fixture
def system() -> Iterator[System]:
    system = System()
    yield system
    system.answers.set()


@pytest.fixture
def calls(system: System) -> Iterator[Calls]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield Calls(pool, system.perform, share=SHARE, ahead=AHEAD)
        system.answers.set()


def settled(calls: Calls, count: int) -> list[Work]:
    """The next ``count`` works that are done; fewer when nothing comes any more."""
    found: list[Work] = []
    empty = 0
    while len(found) < count and empty < 50:
        results = calls.finished()
        found += [result.work for result in results]
        empty = 0 if results else empty + 1
    return found


def test_a_dead_system_with_works_ahead_leaves_threads_to_others(calls: Calls) -> None:
    dead, quick = [work(DEAD) for _ in range(SHARE + AHEAD)], [work(QUICK) for _ in range(20)]
    calls.start(dead)

    calls.start(quick)

    assert set(settled(calls, len(quick))) == set(quick)
    assert list(calls.works) == dead


def test_every_work_has_one_result(calls: Calls, system: System) -> None:
    works = [work(DEAD) for _ in range(30)] + [work(QUICK) for _ in range(30)]
    calls.start(works)
    system.answers.set()

    assert sorted(settled(calls, 60), key=works.index) == works
    assert not calls.works


def test_nothing_is_claimed_ahead_before_a_system_is_known_to_be_quick(calls: Calls) -> None:
    assert calls.room(THREADS) == THREADS
    assert calls.running() == {}


def test_a_quick_system_may_have_works_ahead(calls: Calls) -> None:
    calls.start([work(QUICK)])
    settled(calls, 1)

    assert calls.room(THREADS) == THREADS + AHEAD
    assert calls.running() == {QUICK: -AHEAD}


def test_nothing_is_claimed_ahead_while_a_system_is_slow(calls: Calls) -> None:
    calls.start([work(QUICK), work(DEAD), work(DEAD)])
    settled(calls, 1)

    assert calls.room(THREADS) == THREADS - 2
    assert calls.running() == {QUICK: -AHEAD, DEAD: 2}


def test_what_breaks_a_thread_is_raised_where_results_are_taken() -> None:
    def breaks(work: Work) -> Outcome:
        raise SystemExit("stopped")

    with ThreadPoolExecutor(THREADS) as pool:
        calls = Calls(pool, breaks, share=SHARE, ahead=AHEAD)
        calls.start([work(QUICK)])

        with pytest.raises(SystemExit, match="stopped"):
            settled(calls, 1)


def test_what_has_not_begun_can_be_taken_back(calls: Calls, system: System) -> None:
    begun, line, interrupted = (
        [work(DEAD) for _ in range(SHARE)],
        [work(DEAD), work(DEAD)],
        work(DEAD, interrupted=True),
    )
    calls.start([*begun, *line, interrupted])
    for _ in begun:
        system.begun.acquire()

    assert calls.take_back([QUICK]) == []
    assert calls.take_back([DEAD]) == line

    system.answers.set()
    assert set(settled(calls, SHARE + 1)) == {*begun, interrupted}
    assert not calls.works
    assert calls.running() == {}  # nothing ahead any more


def test_works_can_be_started_after_all_were_taken_back(calls: Calls, system: System) -> None:
    calls.start([work(DEAD) for _ in range(SHARE + 2)])
    calls.take_back()
    system.answers.set()
    settled(calls, len(calls.works))

    calls.start([work(QUICK)])

    assert len(settled(calls, 1)) == 1


def test_lines_take_turns_when_threads_are_few() -> None:
    others = QUICK + 1
    begun: list[int] = []

    def perform(work: Work) -> Outcome:
        begun.append(work.target.id)
        return DONE

    with ThreadPoolExecutor(1) as pool:
        calls = Calls(pool, perform, share=1, ahead=AHEAD)
        both_in_line = Event()
        pool.submit(both_in_line.wait)
        calls.start([*(work(QUICK) for _ in range(3)), *(work(others) for _ in range(3))])
        both_in_line.set()
        settled(calls, 6)

    assert begun == [QUICK, others] * 3
