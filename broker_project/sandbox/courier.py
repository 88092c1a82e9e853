"""Outgoing calls of a simulator: kept in the store, sent from background threads, retried on a schedule."""

from __future__ import annotations

import heapq
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import requests

from .store import Store

JOB_SEQUENCE = "job"
CLOSE_SECONDS = 2.0
RETRY_WORKERS = 2
LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "::1"}


def is_loopback(url: object) -> bool:
    """True for an http or https URL on this machine. The simulators call nobody else."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK_HOSTS and parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True)
class Job:
    """One call to make. Jobs with the same ``key`` make their first attempt in the order of their numbers.

    ``subject`` and ``facts`` are the owner's business. ``due`` is Unix seconds, ``attempt`` counts from 1.
    """

    number: int
    key: str
    method: str
    url: str
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    subject: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    due: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """``status`` None when no answer came; ``error`` then names the kind of failure."""

    status: int | None
    error: str = ""

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_temporary(self) -> bool:
        return self.status is None or self.status >= 500


class Courier:
    """Sends jobs. ``waits`` are the pauses in seconds before attempt 2, 3, …; after the last the job is given up.

    ``prepare`` may change a job just before it is sent (sign it, say) or answer None to drop it; ``settle`` hears of
    each attempt. Both run inside a transaction of the store, together with the change of the job.
    """

    def __init__(
        self,
        store: Store,
        *,
        prepare: Callable[[Job], Job | None],
        settle: Callable[[Job, Outcome], None],
        waits: tuple[float, ...],
        timeout: float,
        workers: int = 8,
    ) -> None:
        self._store = store
        self._prepare = prepare
        self._settle = settle
        self._waits = waits
        self._timeout = timeout
        self._lanes: list[SimpleQueue[Job | None]] = [SimpleQueue() for _ in range(workers)]
        self._later: list[tuple[float, int, Job]] = []
        self._wake = threading.Condition()
        self._running = True
        self._abandoned = False
        self._unfinished = 0
        self._threads: list[threading.Thread] = []
        self._resume()

    def post(
        self,
        *,
        key: str,
        url: str,
        body: str,
        subject: str,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> Job:
        """Keep a new job and queue it. Call inside a transaction: the threads wait for its commit, and a rolled-back
        job is never sent."""
        number = self._store.next_number(JOB_SEQUENCE)
        job = Job(number, key, method, url, body, headers or {}, subject, facts or {})
        self._keep(job)
        self._enqueue(job)
        return job

    def idle(self) -> bool:
        """True when nothing is being sent and nothing waits, retries included."""
        with self._wake:
            return self._unfinished == 0

    def forget(self) -> None:
        """Drop the retries that wait; queued jobs drop themselves when their row is gone."""
        with self._wake:
            self._unfinished -= len(self._later)
            self._later.clear()

    def close(self) -> None:
        """Stop the threads; what waits stays in the store for the next start."""
        with self._wake:
            self._running = False
            self._wake.notify_all()
        for lane in self._lanes:
            lane.put(None)
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
        self._abandoned = True

    def _resume(self) -> None:
        with self._store.transaction():
            for body in self._store.all("job"):
                self._enqueue(Job(**body))

    def _keep(self, job: Job) -> None:
        self._store.put("job", job.number, asdict(job))

    def _is_kept(self, job: Job) -> bool:
        """False for a job whose transaction was rolled back, even when another has got its number since."""
        return self._store.get("job", job.number) == asdict(job)

    def _enqueue(self, job: Job) -> None:
        with self._wake:
            self._unfinished += 1
            self._start()
            if job.attempt > 1:
                heapq.heappush(self._later, (job.due, job.number, job))
                self._wake.notify_all()
        if job.attempt == 1:
            self._lanes[zlib.crc32(job.key.encode()) % len(self._lanes)].put(job)

    def _start(self) -> None:
        if self._threads or not self._running:
            return
        sources: list[Callable[[], Job | None]] = [lane.get for lane in self._lanes]
        sources += [self._next_due] * RETRY_WORKERS  # of their own: a retry must not hold up first attempts
        for source in sources:
            thread = threading.Thread(target=self._work, args=(source,), daemon=True, name="sandbox-courier")
            self._threads.append(thread)
            thread.start()

    def _work(self, source: Callable[[], Job | None]) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while self._running and (job := source()) is not None:
                try:
                    self._attempt(session, job)
                finally:
                    with self._wake:
                        self._unfinished -= 1

    def _next_due(self) -> Job | None:
        with self._wake:
            while self._running:
                pause = self._later[0][0] - time.time() if self._later else None
                if pause is not None and pause <= 0:
                    return heapq.heappop(self._later)[2]
                self._wake.wait(pause)
        return None

    def _attempt(self, session: requests.Session, job: Job) -> None:
        with self._store.transaction():
            if not self._is_kept(job):
                return
            prepared = self._prepare(job)
            if prepared is None:
                self._store.delete("job", job.number)
                return
        outcome = self._send(session, prepared)
        if self._abandoned:  # closed while we waited for the answer: the job is kept and sent again at the next start
            return
        with self._store.transaction():
            if not self._is_kept(job):  # the simulator was reset meanwhile
                return
            self._settle(prepared, outcome)
            if outcome.is_temporary and job.attempt <= len(self._waits):
                due = time.time() + self._waits[job.attempt - 1]
                follow_up = replace(job, attempt=job.attempt + 1, due=due)
                self._keep(follow_up)
                self._enqueue(follow_up)
            else:
                self._store.delete("job", job.number)

    def _send(self, session: requests.Session, job: Job) -> Outcome:
        try:
            with session.request(
                job.method,
                job.url,
                data=job.body.encode(),
                headers={"Content-Type": "application/json", **job.headers},
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as answer:
                answer.raw.read(65_536)  # what is left is not wanted; a short answer frees the connection for reuse
                return Outcome(answer.status_code)
        except requests.Timeout:
            return Outcome(None, "no answer in time")
        except (requests.RequestException, OSError) as error:
            return Outcome(None, type(error).__name__)
