"""One run: start everything, send and disturb, let it come to rest, gather the evidence, check it."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from broker_project.lib.errors import BrokerError
from broker_project.processes import Stopped
from broker_project.sandbox import fieldnation

from . import evidence as evidences
from .check import Finding, check
from .disturb import Disturber
from .evidence import Evidence
from .ground import Ground
from .installation import WORKERS, Applications, Installation
from .ledger import Ledger
from .plan import Plan
from .send import Senders, control

HOOKS = ["workorder.created", "workorder.custom_field_value_updated"]
NEIGHBOUR_SECONDS = 60.0
QUIET_SECONDS = 3.0
_OPEN = """
SELECT count(*) FROM events_delivery AS d JOIN connectors_connector AS c ON c.id = d.connector_id
WHERE d.state IN ('pending', 'in_flight', 'retrying') AND (%s = '' OR c.name = %s) AND NOT EXISTS (
    SELECT 1 FROM events_delivery AS w WHERE w.connector_id = d.connector_id AND w.lane_key = d.lane_key
      AND w.state = 'waiting' AND w.seq < d.seq)
"""


@dataclass(frozen=True)
class Setup:
    """How a run is made. ``keep`` keeps its folder when something was found. ``rest_seconds`` is how long it may take
    until nothing is left to do."""

    database_url: str = ""
    celery_broker: str = ""
    keep: bool = False
    rest_seconds: float = 180.0
    applications: Applications = field(default_factory=Applications)


@dataclass(frozen=True)
class Result:
    """What a run found. ``seconds`` are those from the first send until everything was at rest."""

    plan: Plan
    findings: Sequence[Finding]
    evidence: Evidence
    disturbances: Counter[str]
    unanswered: Counter[str]
    seconds: float
    restarts: int
    folder: Path | None

    @property
    def violations(self) -> int:
        return sum(len(finding.violations) for finding in self.findings)


Say = Callable[[str], object]


def run(plan: Plan, setup: Setup, *, say: Say, stop: threading.Event) -> Result:
    """Make one run of ``plan``. Raises BrokerError when the installation does not come up, Stopped when ``stop``
    is set meanwhile; nothing is left behind then."""
    folder = Path(tempfile.mkdtemp(prefix="broker-prove-"))
    folder.chmod(0o755)  # the embedded server may run as another user
    found: Result | None = None
    try:
        with ExitStack() as standing:
            ground = Ground.prepare(folder, database_url=setup.database_url, celery_broker=setup.celery_broker)
            standing.callback(ground.close)
            installation = standing.enter_context(Installation(ground, setup.applications))
            found = _run(plan, installation, say=say, stop=stop, rest=setup.rest_seconds)
        return found
    finally:
        if found is None or not (setup.keep and found.violations):
            shutil.rmtree(folder, ignore_errors=True)


def _run(plan: Plan, installation: Installation, *, say: Say, stop: threading.Event, rest: float) -> Result:
    ground, ledger = installation.ground, Ledger()
    say("Starting the simulators, PostgreSQL, web, two workers and beat …")
    installation.start("targets")
    doors = installation.furnish()
    installation.start("web", "beat", *WORKERS)
    installation.wait_for_web()
    _subscribe(ground, doors)
    _go_on(stop)
    disturber = Disturber(installation, doors)
    say(f"{len(plan.sends)} changes of {len(plan.records)} records and {len(plan.disturbances)} disturbances in "
        f"{plan.seconds:.0f} seconds …")  # fmt: skip
    began = time.monotonic()
    threads = Senders(ground, doors, ledger, stop).run(plan)
    disturber.run(plan.disturbances, seconds=plan.seconds, stop=stop)
    _go_on(stop)
    disturber.calm_processes()
    say("The storm is over for the processes; the storm desk still answers 503, the dead one nothing …")
    disturber.keep_storming()
    for thread in threads:
        _while(thread.is_alive, installation, stop, seconds=rest)
    _while(lambda: _open(ground, "healthy") > 0, installation, stop, seconds=NEIGHBOUR_SECONDS)
    _go_on(stop)
    disturber.calm_targets()
    ended_at = time.time()
    installation.start("revived")
    say("All faults have ended; waiting until nothing is left to do …")
    _while(lambda: _open(ground) + evidences.waiting_jobs(ground) > 0, installation, stop, seconds=rest)
    seconds = time.monotonic() - began
    quiet = _writes_while_quiet(ground, stop)
    _go_on(stop)
    say("Checking …")
    found = _gather(plan, ground, ledger, faults_ended_at=ended_at, quiet_writes=quiet)
    return Result(
        plan=plan, findings=check(found), evidence=found, disturbances=disturber.counts, unanswered=ledger.unanswered,
        seconds=seconds, restarts=installation.restarts, folder=ground.folder,
    )  # fmt: skip


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopped


def _subscribe(ground: Ground, doors: dict[str, Any]) -> None:
    """Both sides tell the broker of everything, also of what it wrote itself."""
    control(ground, "two_way", "/control/settings",
            {"trigger_url": doors["trigger_url"], "auto_send": True, "echo": True})  # fmt: skip
    token = control(ground, "field_nation", fieldnation.TOKEN_PATH, {
        "grant_type": "password", "client_id": fieldnation.CLIENT_ID, "client_secret": fieldnation.CLIENT_WORD,
        "username": fieldnation.USERNAME, "password": fieldnation.USER_WORD,
    })["access_token"]  # fmt: skip
    hook = {"events": HOOKS, "url": doors["webhook_url"], "method": "post", "status": "active",
            "secret": doors["webhook_secret"]}  # fmt: skip
    control(ground, "field_nation", fieldnation.WEBHOOKS, hook, headers={"Authorization": f"Bearer {token}"})


def _while(condition: Callable[[], bool], installation: Installation, stop: threading.Event, *, seconds: float) -> None:
    """Wait while ``condition`` holds, at most so long: what is still open then is the checker's business."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stop.is_set():
        installation.revive()
        try:
            if not condition():
                return
        except (psycopg.Error, BrokerError):
            pass  # it is asked again
        stop.wait(0.25)


def _open(ground: Ground, name: str = "") -> int:
    """Deliveries that still have something to do, those behind one that waits for a person not counted."""
    return int(ground.database.rows(_OPEN, (name, name))[0][0])


def _writes_while_quiet(ground: Ground, stop: threading.Event) -> int:
    before = evidences.count_writes(ground)
    stop.wait(QUIET_SECONDS)
    return evidences.count_writes(ground) - before


def _gather(plan: Plan, ground: Ground, ledger: Ledger, *, faults_ended_at: float, quiet_writes: int) -> Evidence:
    return Evidence(
        promises=ledger.promises,
        refused=ledger.refused,
        changes=ledger.changes,
        born=ledger.tickets,
        twins=ledger.work_orders,
        kinds={record.work_order: record.kind for record in plan.records},
        faults_ended_at=faults_ended_at,
        quiet_writes=quiet_writes,
        **evidences.of_database(ground.database),
        **evidences.of_targets(ground),
    )
