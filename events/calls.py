"""The calls under way, and their results as they come in. Knows threads and no database.

Works of a connector stand in a line for its part of the threads. Those of a quick one may be claimed ahead, so that
its threads always have something to do; a slow or dead one gets no more than it can begin at once. Threads take turns
between the lines: after a call, the next one of its connector stands behind those of others.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from threading import Condition
from time import monotonic

from .outcome import Outcome
from .pairs import Settled
from .work import Work

QUICK_SECONDS = 0.25
"""A connector whose calls take longer on average gets nothing ahead."""
WEIGHT = 0.1
"""What one call counts in the average."""
PLENTY = 128
"""So many results are worth a transaction at once."""
FIRST_SECONDS, MORE_SECONDS, STEADY_SECONDS = 0.2, 0.03, 0.2
"""How long to wait for a first result, for others to come with it, and for those while works stand in line."""


class Calls:
    """``share`` threads at most for one connector, ``ahead`` works at most that wait for a thread of a quick one.

    Only the methods that run in the pool are called from its threads; all others from one.
    """

    def __init__(self, pool: Executor, perform: Callable[[Work], Outcome], *, share: int, ahead: int) -> None:
        self._pool, self._perform, self._share, self._ahead = pool, perform, share, ahead
        self._changed = Condition()
        self._lines: defaultdict[int, deque[Work]] = defaultdict(deque)
        self._turns: deque[int] = deque()  # connectors for which a thread may begin the next call
        self._busy: Counter[int] = Counter()  # turns of a connector, and its calls under way
        self._begun: dict[int, dict[Work, float]] = defaultdict(dict)
        self._seconds: dict[int, float] = {}  # average of a call
        self._results: list[tuple[Work, Outcome | BaseException]] = []
        self._wanted = 1
        self.works: dict[Work, None] = {}

    def start(self, works: Sequence[Work]) -> None:
        """Put works in line. A result comes for each of them, whatever happens."""
        self.works.update(dict.fromkeys(works))
        with self._changed:
            for work in works:
                connector = work.target.id
                self._lines[connector].append(work)
                if self._busy[connector] < self._share:
                    self._busy[connector] += 1
                    self._turns.append(connector)
                    self._pool.submit(self._serve)

    def _serve(self) -> None:
        """Runs in a thread of the pool, one for each turn given: calls, one after the other, until no turn is left."""
        with self._changed:
            work = self._begin()
        while work is not None:
            result: Outcome | BaseException
            try:
                result = self._perform(work)
            except BaseException as error:  # raised again where the results are taken
                result = error
            with self._changed:
                self._end(work, result)
                work = self._begin()

    def _begin(self) -> Work | None:
        """The next work in turn, None when there is none."""
        while self._turns:
            connector = self._turns.popleft()
            if self._lines[connector]:
                work = self._lines[connector].popleft()
                self._begun[connector][work] = monotonic()
                return work
            self._busy[connector] -= 1  # its line was taken back
        return None

    def _end(self, work: Work, result: Outcome | BaseException) -> None:
        connector = work.target.id
        seconds = monotonic() - self._begun[connector].pop(work)
        average = self._seconds.get(connector, seconds)
        self._seconds[connector] = average + WEIGHT * (seconds - average)
        self._results.append((work, result))
        if len(self._results) >= self._wanted:
            self._changed.notify()
        if self._lines[connector]:
            self._turns.append(connector)
        else:
            self._busy[connector] -= 1

    def take_back(self, connectors: Collection[int] | None = None) -> list[Work]:
        """Works that no thread has begun, of these connectors or of all; no result comes for them.

        These connectors have to show anew that they are quick before they get works ahead again. What may have been
        begun by a worker that died stays in line: its next attempt has to know.
        """
        taken: list[Work] = []
        with self._changed:
            for connector, line in self._lines.items():
                if connectors is None or connector in connectors:
                    taken += [work for work in line if not work.interrupted]
                    self._lines[connector] = deque(work for work in line if work.interrupted)
            self._seconds.update(dict.fromkeys(connectors or (), 4 * QUICK_SECONDS))
        for work in taken:
            del self.works[work]
        return taken

    def finished(self) -> list[Settled]:
        """The results that are in; waits a moment for a first one, then for others to come with it."""
        with self._changed:
            self._wait(1, FIRST_SECONDS)
            if self._results:
                more = STEADY_SECONDS if any(self._lines.values()) else MORE_SECONDS
                self._wait(min(PLENTY, len(self.works)), more)
            results, self._results = self._results, []
        settled = []
        for work, result in results:
            del self.works[work]
            if isinstance(result, BaseException):
                raise result
            settled.append(Settled(work, result))
        return settled

    def _wait(self, results: int, seconds: float) -> None:
        self._wanted = results
        self._changed.wait_for(lambda: len(self._results) >= results, timeout=seconds)

    # --- what to claim ------------------------------------------------------------------------------------------------

    def room(self, threads: int) -> int:
        """How many works to claim at most. Beyond the free threads only while all that is under way is quick."""
        with self._changed:
            busy = +self._busy
            free = max(0, threads - busy.total())
            if self._seconds and all(self._is_quick(connector) for connector in busy):
                free += self._ahead - sum(len(line) for line in self._lines.values())
            return max(0, free)

    def running(self) -> Mapping[int, int]:
        """Works of each connector, less what it may have ahead: to be held against its share."""
        with self._changed:
            count = Counter(work.target.id for work in self.works)
            quick = [connector for connector in self._seconds if self._is_quick(connector)]
            return {**count, **{connector: count[connector] - self._ahead for connector in quick}}

    def _is_quick(self, connector: int) -> bool:
        oldest = min(self._begun[connector].values(), default=None)
        waited = 0.0 if oldest is None else monotonic() - oldest
        return max(self._seconds.get(connector, QUICK_SECONDS), waited / 4) < QUICK_SECONDS
