"""P1 beyond Field Nation's own retries: what failed to arrive during a downtime is asked for again, once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.core.wsgi import get_wsgi_application
from django.utils import timezone

from broker_project import demo
from broker_project.sandbox import fieldnation as fn
from broker_project.sandbox.helpdesk import HelpDesk
from broker_project.sandbox.serve import Server
from connectors.models import Company
from events import catch_up, jobs
from events.deliver import deliver_due
from events.models import Delivery, Event, Job

SCHEDULE, MESSAGE, CREATED = "workorder.schedule_updated", "workorder.message_posted", "workorder.created"


@dataclass
class Door:
    """The broker's web server. While it is down it refuses with ``down``; deaf, it takes webhooks and answers so."""

    app: Any = field(default_factory=get_wsgi_application)
    down: str = ""
    is_deaf: bool = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if not self.down:
            return self.app(environ, start_response)
        if self.is_deaf:
            list(self.app(environ, lambda *_: None))
        start_response(self.down, [("Content-Length", "0")])
        return [b""]


@dataclass
class Outage:
    """A broker whose webhook door can be taken away, and Field Nation, whose patience can be chosen."""

    sim: fn.FieldNationSim
    url: str
    help_desk: HelpDesk
    demo: demo.Demo
    door: Door
    door_url: str

    @property
    def company(self) -> Company:
        return self.demo.company

    @property
    def address(self) -> str:
        return f"{self.door_url}/webhooks/fieldnation/{self.company.webhook_key}/"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        form = {"client_id": fn.CLIENT_ID, "client_secret": fn.CLIENT_WORD, "grant_type": "client_credentials"}
        token = requests.post(f"{self.url}{fn.TOKEN_PATH}", json=form, timeout=5).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        answer = requests.request(method, f"{self.url}{fn.WEBHOOKS}{path}", json=body, headers=bearer, timeout=5)
        assert answer.ok, answer.text
        return answer.json()["result"]

    def subscribe(self, *events: str, address: str = "", status: str = "active") -> str:
        body = {"events": list(events), "url": address or self.address, "method": "post", "status": status}
        hook: str = self.call("POST", "", {**body, "secret": self.company.webhook_secret})["webhookId"]
        return hook

    def fault(self, *rules: dict[str, Any]) -> None:
        assert requests.post(f"{self.url}/control/faults", json=list(rules), timeout=5).ok

    def until_idle(self) -> None:
        limit = time.monotonic() + 60
        while not self.sim.idle():
            assert time.monotonic() < limit, "waited in vain"
            time.sleep(0.01)

    def start(self, **more: Any) -> Job:
        return jobs.start(Job.Kind.CATCH_UP, user="olga", company=self.company, parameters=catch_up.parameters(**more))

    def catch_up(self, **more: Any) -> Job:
        job = self.start(**more)
        while job.state == Job.State.RUNNING:
            step(job)
        self.until_idle()
        return job

    def asked(self) -> int:
        rows = requests.get(f"{self.url}/control/requests", timeout=5).json()["requests"]
        return sum(row["method"] == "PATCH" for row in rows)


def step(job: Job) -> None:
    """The next step, however long it should wait."""
    Job.objects.filter(pk=job.pk).update(next_step_at=timezone.now())
    assert jobs.run_due(seconds=0) == 1
    job.refresh_from_db()


def pause(job: Job) -> timedelta:
    """How long the next step waits."""
    assert job.next_step_at is not None
    return job.next_step_at - timezone.now()


def arrived() -> Counter[tuple[int | None, str]]:
    return Counter(Event.objects.values_list("work_order_id", "received_name"))


def make(patience: float) -> Iterator[Outage]:
    help_desk, sim, door = HelpDesk(), fn.FieldNationSim(first_wait=patience), Door()
    with Server(help_desk.app) as help_desk_url, Server(sim.app) as url, Server(door) as door_url:
        made = demo.set_up(field_nation_url=url, help_desk_url=help_desk_url)
        yield Outage(sim, url, help_desk, made, door, door_url)
    help_desk.close()
    sim.close()


@pytest.fixture
def outage(transactional_db: None) -> Iterator[Outage]:
    """Field Nation gives up after half a second."""
    yield from make(0.002)


@pytest.fixture
def patient(transactional_db: None) -> Iterator[Outage]:
    """Field Nation's next attempt comes in ten minutes."""
    yield from make(600.0)


def test_after_a_downtime_the_newest_state_and_every_act_arrive_once(outage: Outage) -> None:
    outage.subscribe(CREATED, SCHEDULE, MESSAGE)
    first = outage.sim.act("create")["id"]
    outage.until_idle()
    assert arrived() == {(first, CREATED): 1}

    outage.door.down = "503 Service Unavailable"
    second = outage.sim.act("create")["id"]
    for day in (5, 6, 7):
        outage.sim.act("schedule", first, start=f"2026-07-0{day} 14:00:00")
        time.sleep(0.01)  # the log's times have milliseconds
    for text in ("On my way.", "Nobody is there."):
        outage.sim.act("message", first, message=text)
    outage.until_idle()
    assert arrived() == {(first, CREATED): 1}

    outage.door.down = ""
    job = outage.catch_up()
    assert arrived() == {(first, CREATED): 1, (second, CREATED): 1, (first, SCHEDULE): 1, (first, MESSAGE): 2}
    scheduled = Event.objects.get(received_name=SCHEDULE).payload["workorder"]
    assert scheduled["schedule"]["service_window"]["start"]["utc"] == "2026-07-07 14:00:00"
    assert (job.state, job.done, job.left_alone) == ("finished", 4, 2)
    assert job.sentence == (
        "Finished. Webhooks asked for again: 4. Left alone, since they had arrived, were asked for before or a newer "
        "one says the same: 2."
    )

    again = outage.catch_up()
    assert outage.asked() == 4
    assert (again.done, again.left_alone) == (0, 6)


def test_a_state_that_was_missed_reaches_the_external_system(outage: Outage) -> None:
    outage.subscribe(*demo.WEBHOOK_EVENTS)
    order = outage.sim.act("create", title="Replace the router", publish=True)["id"]
    outage.door.down = "401 Unauthorized"  # final: Field Nation does not repeat it at all
    outage.sim.act("assign", order)
    outage.until_idle()
    assert deliver_due() == 0
    outage.door.down = ""
    outage.catch_up()
    assert deliver_due() >= 1
    assert [ticket["subject"] for ticket in outage.help_desk.tickets()] == ["Replace the router"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"succeeded"}


def test_what_was_stored_although_the_answer_was_lost_is_not_asked_for(outage: Outage) -> None:
    outage.subscribe(CREATED)
    outage.door.down, outage.door.is_deaf = "500 Internal Server Error", True
    order = outage.sim.act("create")["id"]
    outage.until_idle()
    outage.door.down = ""
    job = outage.catch_up()
    assert (job.done, job.left_alone, outage.asked()) == (0, 1, 0)
    assert arrived() == {(order, CREATED): 1}


def test_nothing_failed(outage: Outage) -> None:
    outage.subscribe(CREATED)
    outage.sim.act("create")
    outage.until_idle()
    job = outage.catch_up()
    assert (job.state, job.done, job.left_alone) == ("finished", 0, 0)
    assert job.sentence == "Finished. No webhook has failed to arrive."


def test_only_what_failed_since_a_moment_is_asked_for(outage: Outage) -> None:
    outage.subscribe(CREATED)
    outage.door.down = "404 Not Found"
    outage.sim.act("create")
    outage.until_idle()
    time.sleep(0.01)
    moment = timezone.now()
    late = outage.sim.act("create")["id"]
    outage.until_idle()
    outage.door.down = ""
    outage.catch_up(since=moment)
    assert arrived() == {(late, CREATED): 1}


def test_webhooks_of_others_and_those_that_are_switched_off_are_left_alone(outage: Outage) -> None:
    outage.door.down = "404 Not Found"
    off = outage.subscribe(CREATED)
    outage.subscribe(CREATED, address="http://127.0.0.1:9/other")
    outage.sim.act("create")
    outage.until_idle()
    outage.call("PUT", f"/{off}", {"status": "inactive"})
    outage.door.down = ""
    switched_off = (
        f"Nothing comes through webhook {off} (inactive): set it active again in Field Nation, then catch up "
    )

    job = outage.catch_up()
    assert (job.state, job.sentence) == ("finished", f"{switched_off}once more.")

    outage.subscribe(CREATED)
    job = outage.catch_up()
    assert job.sentence == f"Finished. No webhook has failed to arrive. {switched_off}once more."
    assert (outage.asked(), arrived()) == (0, {})

    outage.call("PUT", f"/{off}", {"status": "active"})
    assert outage.catch_up().done == 1
    assert len(arrived()) == 1


def test_without_a_webhook_of_ours_it_says_so(outage: Outage) -> None:
    outage.subscribe(CREATED, address="http://127.0.0.1:9/other")
    job = outage.catch_up()
    assert job.sentence.startswith("Finished: Field Nation has no webhook with the address of Sandbox company.")


def test_it_stops_at_the_rate_limit_and_goes_on_later(outage: Outage) -> None:
    outage.subscribe(MESSAGE)
    outage.door.down = "404 Not Found"
    order = outage.sim.act("create")["id"]
    for text in ("one", "two", "three", "four"):
        outage.sim.act("message", order, message=text)
    outage.until_idle()
    outage.door.down = ""
    outage.fault(
        {"method": "PATCH", "delay": 0.001, "times": 2},
        {"method": "PATCH", "status": 429, "headers": {"Retry-After": "90"}, "times": 2},
    )
    job = outage.start()
    while not job.done:
        step(job)
    assert job.done == 2
    assert timedelta(seconds=80) < pause(job) < timedelta(seconds=91)
    step(job)  # the limit still holds
    assert (job.done, job.state) == (2, "running")
    assert job.sentence.startswith("Waits: Field Nation's rate limit was reached")
    assert timedelta(seconds=80) < pause(job) < timedelta(seconds=91)
    step(job)
    outage.until_idle()
    assert (job.done, job.state) == (4, "finished")
    assert arrived() == {(order, MESSAGE): 4}


def test_what_field_nation_still_repeats_is_looked_at_again_and_asked_for_in_the_end(patient: Outage) -> None:
    patient.subscribe(CREATED)
    patient.door.down = "503 Service Unavailable"
    order = patient.sim.act("create")["id"]
    limit = time.monotonic() + 30
    while not patient.sim.deliveries():
        assert time.monotonic() < limit
    patient.door.down = ""
    job = patient.start()
    waits = 0
    while not job.done:
        step(job)
        if "may still repeat by itself: 1." in job.sentence:
            waits += 1
            assert pause(job) > timedelta(minutes=10)
    assert waits == catch_up.ROUNDS - 1
    limit = time.monotonic() + 30
    while not arrived():
        assert time.monotonic() < limit
    assert (arrived(), patient.asked()) == ({(order, CREATED): 1}, 1)
    assert (job.state, job.done, job.left_alone) == ("finished", 1, 0)


def test_a_company_that_is_switched_off_refuses_and_says_why(outage: Outage) -> None:
    Company.objects.update(is_active=False)
    job = outage.catch_up()
    assert job.state == "failed"
    assert job.sentence == (
        "Failed: The company is switched off, so its webhooks are refused. Switch it on. Correct the cause, then "
        "continue the job."
    )
