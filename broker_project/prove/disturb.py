"""Carries out the disturbances of a plan, and puts right at the end whatever still stands."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from broker_project.lib.errors import BrokerError
from connectors.http import Caller

from .ground import LEASE_SECONDS, READ_TIMEOUT
from .installation import WORKERS, Installation
from .plan import Disturbance

Rule = dict[str, Any]
WRITES = "/api/tickets*"
ALL = "/api/rest/v2/*"
SHORT_DELAY = 1.5
"""A request that sleeps before it is processed outlives a killed sender. No queue can take it back, so it must be over
before the lease is."""


@dataclass
class Disturber:
    """``counts`` says what was done how often."""

    installation: Installation
    doors: dict[str, Any]
    counts: Counter[str] = field(default_factory=Counter)

    def run(self, disturbances: Sequence[Disturbance], *, seconds: float, stop: threading.Event) -> None:
        """Work through the plan; returns after ``seconds`` or when ``stop`` is set."""
        began = time.monotonic()
        line: list[tuple[float, Callable[[], None]]] = []
        for one in disturbances:
            line.append((one.at, lambda one=one: self._begin(one)))  # type: ignore[misc]
            if one.seconds:
                line.append((one.at + one.seconds, lambda one=one: self._end(one)))  # type: ignore[misc]
        for at, act in [*sorted(line, key=lambda entry: entry[0]), (seconds, lambda: None)]:
            while (left := began + min(at, seconds) - time.monotonic()) > 0:
                if stop.wait(min(left, 0.2)):
                    return
                self.installation.revive()
            act()

    def calm_processes(self) -> None:
        """Everything of ours runs again; the targets' faults stay."""
        self.installation.ground.celery.come_back()
        self.installation.start("web", "beat", *WORKERS)
        self._status("active")
        self.installation.wait_for_web()

    def calm_targets(self) -> None:
        """The faults of the simulators end."""
        for name in ("storm", "two_way", "field_nation"):
            self._clear(name)

    def keep_storming(self) -> None:
        """Until further notice the storm desk only answers 503."""
        self._rules("storm", {"path": WRITES, "status": 503})

    # One kind each

    def _begin(self, one: Disturbance) -> None:
        begin: dict[str, Callable[[Disturbance], str]] = {
            "kill_worker": lambda d: self._kill(_worker(d)),
            "kill_web": lambda d: self._kill("web"),
            "kill_beat": lambda d: self._kill("beat"),
            "kill_worker_child": self._kill_child,
            "restart_postgres": self._restart_postgres,
            "celery_broker_gone": self._celery_gone,
            "pause": self._pause,
            "save_configuration": self._save,
            **dict.fromkeys(STORMS, self._storm),
        }
        with contextlib.suppress(BrokerError, psycopg.Error):
            self.counts[begin[one.kind](one)] += 1

    def _end(self, one: Disturbance) -> None:
        end: dict[str, Callable[[], None]] = {
            "kill_worker": lambda: self.installation.start(_worker(one)),
            "kill_web": lambda: self.installation.start("web"),
            "kill_beat": lambda: self.installation.start("beat"),
            "celery_broker_gone": self.installation.ground.celery.come_back,
            "pause": lambda: self._status("active"),
            "storm_429": lambda: self._clear("storm"),
            "storm_503": lambda: self._clear("storm"),
        }
        with contextlib.suppress(BrokerError, psycopg.Error):
            end[one.kind]()

    def _kill(self, name: str) -> str:
        self.installation.kill(name)
        return f"kill -9 of {name.partition('-')[0]}"

    def _kill_child(self, one: Disturbance) -> str:
        self.installation.kill_child(_worker(one))
        return "kill -9 of a worker's child"

    def _restart_postgres(self, one: Disturbance) -> str:
        return self.installation.ground.database.restart(mode="immediate" if one.choice < 0.6 else "fast")

    def _celery_gone(self, one: Disturbance) -> str:
        self.installation.ground.celery.leave()
        return "Celery broker gone and back"

    def _pause(self, one: Disturbance) -> str:
        names = ("storm", "two_way")
        self._status("paused", names[int(one.choice * 1.999)])
        return "connector paused and resumed"

    def _status(self, status: str, name: str = "") -> None:
        ids = [id for known, id in self.doors["connectors"].items() if name in ("", known)]
        self.installation.ground.database.rows(
            "UPDATE connectors_connector SET status = %s WHERE id = ANY(%s) AND status <> %s", (status, ids, status)
        )

    def _save(self, one: Disturbance) -> str:
        self.installation.ground.database.rows(
            """UPDATE mappings_fieldmapping SET options = jsonb_build_object('value', %s::text)
            WHERE connector_id = %s AND target = 'technician'""",
            (f"Configuration {self.counts['configuration saved'] + 1}", self.doors["connectors"]["storm"]),
        )
        return "configuration saved"

    def _storm(self, one: Disturbance) -> str:
        name, target, rules = STORMS[one.kind]
        self._rules(target, *rules)
        return name

    def _rules(self, target: str, *rules: Rule) -> None:
        url = f"{self.installation.ground.url(target)}/control/faults"
        Caller(allow_private=True).request("POST", url, purpose="faults", json=list(rules))

    def _clear(self, target: str) -> None:
        Caller(allow_private=True).request(
            "DELETE", f"{self.installation.ground.url(target)}/control/faults", purpose="no more faults"
        )


def _worker(one: Disturbance) -> str:
    return WORKERS[int(one.choice * 1.999)]


STORMS: dict[str, tuple[str, str, tuple[Rule, ...]]] = {
    "storm_429": ("429 storm", "storm", ({"path": WRITES, "status": 429, "headers": {"Retry-After": "1"}},)),
    "storm_503": ("503 storm", "storm", ({"path": WRITES, "status": 503},)),
    "lost_create_answers": ("creates whose answer was lost", "storm", (
        {"method": "POST", "path": "/api/tickets", "drop": "after", "times": 3},
        {"method": "POST", "path": "/api/tickets", "delay": READ_TIMEOUT + 1, "delay_when": "after", "times": 2},
    )),
    "late_answers": ("answers later than the lease", "storm", (
        {"method": "PATCH", "path": WRITES, "delay": LEASE_SECONDS + 0.5, "delay_when": "after", "times": 3},
    )),
    "cut_connections": ("connections cut", "storm", (
        {"path": WRITES, "drop": "before", "times": 4}, {"path": WRITES, "drop": "after", "times": 4},
    )),
    "slow_answers": ("slow answers", "two_way", (
        {"path": WRITES, "delay": SHORT_DELAY, "times": 4},
        {"method": "POST", "path": "/api/tickets", "drop": "after", "times": 1},
    )),
    "field_nation_faults": ("Field Nation's API failing", "field_nation", (
        {"method": "POST", "path": "/api/rest/v2/workorders", "drop": "after", "times": 2},
        {"path": ALL, "status": 503, "times": 3},
        {"method": "PUT", "path": ALL, "drop": "after", "times": 2},
    )),
}  # fmt: skip
"""By kind: what it is called, whose API, which fault rules."""
