"""Jobs: steps, pace, stop and go on, failures, workers that die, and retries of whole selections."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from broker_project.lib.errors import Misconfigured, RateLimited, Unavailable
from connectors.models import Connector
from events import jobs, replay_jobs
from events.job_step import Step, items_per_step, pause_after
from events.models import Delivery, Drain, Job
from events.replay_jobs import parameters
from events.selection import Selection
from events.states import State
from synclog.models import SyncLog
from tests.admin import world

pytestmark = pytest.mark.django_db

KIND = Job.Kind.CATCH_UP.value


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


def counting(items: int) -> Any:
    """A kind of job with that many items, one a step."""

    def step(job: Job) -> Step:
        at = job.cursor.get("at", 0)
        return Step(done=1, cursor={"at": at + 1}, finished=at + 1 == items, sentence=f"{at + 1} of {items}.")

    return step


def began(monkeypatch: pytest.MonkeyPatch, step: Any, **more: Any) -> Job:
    monkeypatch.setitem(jobs.STEPS, KIND, step)
    return jobs.start(KIND, user="olga", parameters={}, **more)


def now_due(job: Job) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_job SET next_step_at = statement_timestamp() WHERE id = %s AND next_step_at IS NOT NULL",
            [job.pk],
        )


def seconds_to_next_step(job: Job) -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM next_step_at - statement_timestamp()) FROM events_job WHERE id = %s", [job.pk]
        )
        return float(cursor.fetchone()[0])


def standing(job: Job) -> tuple[str, int, int, str]:
    job.refresh_from_db()
    return (job.state, job.done, job.left_alone, job.sentence)


# --- the runner --------------------------------------------------------------------------------------------------


def test_a_job_runs_step_by_step_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    job = began(monkeypatch, counting(3), total=3)

    assert jobs.any_due() is True
    assert jobs.run_due(seconds=60) == 3

    assert standing(job) == ("finished", 3, 0, "3 of 3.")
    assert (job.cursor, job.next_step_at) == ({"at": 3}, None)
    assert job.finished_at is not None
    assert jobs.any_due() is False
    assert jobs.run_due(seconds=60) == 0


def test_a_run_ends_when_its_time_is_over_and_another_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    job = began(monkeypatch, counting(3))

    assert jobs.run_due(seconds=0) == 1
    assert standing(job) == ("running", 1, 0, "1 of 3.")
    assert jobs.any_due() is True
    assert jobs.run_due(seconds=0) == 1
    assert standing(job) == ("running", 2, 0, "2 of 3.")


def test_a_paced_job_waits_between_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    job = began(monkeypatch, counting(3), per_minute=2)

    assert jobs.run_due(seconds=60) == 1

    assert 25 < seconds_to_next_step(job) <= 30
    assert jobs.any_due() is False


@pytest.mark.parametrize(
    ("per_minute", "items"), [(None, 100), (1, 1), (6, 1), (59, 9), (60, 10), (600, 100), (6000, 100)]
)
def test_a_step_has_the_size_that_its_pace_allows(per_minute: int | None, items: int) -> None:
    assert items_per_step(Job(per_minute=per_minute)) == items


@pytest.mark.parametrize(
    ("step", "per_minute", "seconds"),
    [
        (Step(done=10), None, 0.0),
        (Step(done=10), 60, 10.0),
        (Step(done=6, left_alone=4), 60, 10.0),
        (Step(done=10, wait_seconds=3), 60, 10.0),
        (Step(done=10, wait_seconds=40), 60, 40.0),
        (Step(wait_seconds=40), None, 40.0),
    ],
)
def test_the_longer_of_pace_and_wait_counts(step: Step, per_minute: int | None, seconds: float) -> None:
    assert pause_after(step, per_minute) == seconds


def test_a_stopped_job_rests_and_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    job = began(monkeypatch, counting(3))
    jobs.run_due(seconds=0)

    assert jobs.stop(job, user="olga") is True
    assert standing(job) == ("stopped", 1, 0, "Stopped by olga. Continue it to do the rest.")
    assert jobs.run_due(seconds=60) == 0
    assert jobs.stop(job, user="olga") is False

    assert jobs.resume(job, user="sam") is True
    assert standing(job)[3] == "Continued by sam."
    assert jobs.resume(job, user="sam") is False
    assert jobs.run_due(seconds=60) == 2
    assert standing(job) == ("finished", 3, 0, "3 of 3.")


def test_a_step_under_way_when_the_job_is_stopped_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(job: Job) -> Step:
        jobs.stop(job, user="olga")
        return Step(done=5, cursor={"at": 5}, sentence="5 so far.")

    job = began(monkeypatch, step)

    assert jobs.run_due(seconds=60) == 1
    assert standing(job) == ("stopped", 5, 0, "Stopped by olga. Continue it to do the rest.")
    assert (job.cursor, job.next_step_at) == ({"at": 5}, None)


def test_a_failure_of_the_family_is_said_and_the_job_can_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = True

    def step(job: Job) -> Step:
        if broken:
            raise Misconfigured("The webhook has no secret.")
        return Step(done=1, cursor={"at": 1}, finished=True)

    job = began(monkeypatch, step)
    jobs.run_due(seconds=60)

    assert standing(job)[::3] == (
        "failed", "Failed: The webhook has no secret. Correct the cause, then continue the job.",
    )  # fmt: skip
    assert (job.next_step_at, job.finished_at is None) == (None, False)

    broken = False
    assert jobs.resume(job, user="olga") is True
    assert standing(job)[0] == "running"
    assert job.finished_at is None
    jobs.run_due(seconds=60)
    assert standing(job)[0] == "finished"


def test_a_bug_ends_its_job_with_a_traceback_and_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def step(job: Job) -> Step:
        raise ZeroDivisionError

    job = began(monkeypatch, step)
    monkeypatch.setitem(jobs.STEPS, Job.Kind.RESYNC_RECORDS.value, counting(1))
    other = jobs.start(Job.Kind.RESYNC_RECORDS, user="olga", parameters={})

    assert jobs.run_due(seconds=60) == 2

    assert standing(job)[::3] == (
        "failed",
        "The broker itself failed (ZeroDivisionError). The traceback is in the log of the workers. Report it, then "
        "continue the job.",
    )
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" in caplog.text
    assert standing(other)[0] == "finished"


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Unavailable("Field Nation does not answer."), 30),
        (RateLimited("Field Nation asks for less.", retry_after=90), 90),
    ],
)
def test_a_remote_that_is_away_ends_no_job(monkeypatch: pytest.MonkeyPatch, error: Any, seconds: int) -> None:
    def step(job: Job) -> Step:
        raise error

    job = began(monkeypatch, step)

    assert jobs.run_due(seconds=60) == 1

    assert standing(job) == (
        "running", 0, 0, f"Waits: {error.sentence} The next try follows {seconds} seconds later.",
    )  # fmt: skip
    assert seconds - 10 < seconds_to_next_step(job) <= seconds


def test_a_worker_that_dies_costs_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def dies(job: Job) -> Step:
        raise Killed

    job = began(monkeypatch, counting(2))
    jobs.run_due(seconds=0)
    monkeypatch.setitem(jobs.STEPS, KIND, dies)
    with pytest.raises(Killed):
        jobs.run_due(seconds=60)

    assert standing(job) == ("running", 1, 0, "1 of 2.")
    assert 60 < seconds_to_next_step(job) <= jobs.LEASE_SECONDS
    monkeypatch.setitem(jobs.STEPS, KIND, counting(2))
    assert jobs.run_due(seconds=60) == 0  # its lease runs
    now_due(job)
    assert jobs.run_due(seconds=60) == 1
    assert standing(job) == ("finished", 2, 0, "2 of 2.")


def test_a_step_that_two_workers_did_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(job: Job) -> Step:
        """While it is at it, its lease runs out and another worker does the same step."""
        monkeypatch.setitem(jobs.STEPS, KIND, counting(5))
        now_due(job)
        jobs.run_due(seconds=0)
        return Step(done=1, cursor={"at": 1}, sentence="Late.")

    job = began(monkeypatch, slow)

    jobs.run_due(seconds=0)

    assert standing(job) == ("running", 1, 0, "1 of 5.")


@pytest.mark.django_db(transaction=True)
def test_two_workers_take_two_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    started, both = threading.Barrier(2, timeout=30), []

    def step(job: Job) -> Step:
        both.append(job.pk)
        started.wait()  # breaks unless the two are at work at the same time
        return Step(done=1, cursor={"at": 1}, finished=True)

    monkeypatch.setitem(jobs.STEPS, KIND, step)
    made = [jobs.start(KIND, user="olga", parameters={}) for _ in range(2)]

    def work() -> None:
        jobs.run_due(seconds=0)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(both) == sorted(job.pk for job in made)
    assert [standing(job)[0] for job in made] == ["finished", "finished"]


@pytest.mark.django_db(transaction=True)
def test_a_job_that_another_worker_just_takes_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(jobs.STEPS, KIND, counting(1))
    taken, other = (jobs.start(KIND, user="olga", parameters={}) for _ in range(2))
    steps = []

    def work() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")  # who waits for the other worker fails here
        steps.append(jobs.run_due(seconds=0))
        connection.close()

    with transaction.atomic():
        Job.objects.select_for_update().get(pk=taken.pk)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert steps == [1]
    assert [standing(job)[0] for job in (taken, other)] == ["running", "finished"]


def test_nothing_begins_while_workers_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    job = began(monkeypatch, counting(1))
    drain = Drain.objects.create()

    assert (jobs.any_due(), jobs.run_due(seconds=60)) == (False, 0)
    drain.delete()
    assert (jobs.any_due(), jobs.run_due(seconds=60)) == (True, 1)
    assert standing(job)[0] == "finished"


def test_a_kind_of_a_newer_version_is_left_to_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    job = began(monkeypatch, counting(1))
    monkeypatch.delitem(jobs.STEPS, KIND)

    assert (jobs.any_due(), jobs.run_due(seconds=60)) == (False, 0)
    assert standing(job) == ("running", 0, 0, "")


# --- retry and discard ---------------------------------------------------------------------------------------------


def replaying(kind: str, selection: Selection, **more: Any) -> Job:
    values, total = parameters(selection, **more)
    return jobs.start(kind, user="olga", parameters=values, total=total)


def states() -> dict[int, str]:
    return {number or 0: state for number, state in Delivery.objects.values_list("work_order_id", "state")}


def test_a_retry_takes_the_selection_and_nothing_else(to: Connector) -> None:
    elsewhere = world.connector(to.company, "Elsewhere")
    for number in (1, 2):
        world.delivery(to, State.DEAD, work_order_id=number, reason="validation", version=4)
    world.delivery(to, State.DEAD, work_order_id=3, reason="not_found")
    world.delivery(to, State.WAITING, work_order_id=4, reason="validation")
    world.delivery(elsewhere, State.DEAD, work_order_id=5, reason="validation")
    chosen = Selection(state="dead", connector_id=to.pk, reason="validation")

    job = replaying(Job.Kind.RETRY, chosen, version="current")
    jobs.run_due(seconds=60)

    assert states() == {1: "pending", 2: "pending", 3: "dead", 4: "waiting", 5: "dead"}
    assert set(Delivery.objects.filter(state="pending").values_list("version", "forced", "attempts")) == {
        (None, True, 0)
    }
    assert job.total == 2
    assert standing(job) == (
        "finished", 2, 0, "Finished. Retried: 2. Left alone, since they had moved on or need a decision: 0.",
    )  # fmt: skip
    assert set(SyncLog.objects.values_list("code", "user", "sentence")) == {
        ("operator_retry", "olga", "olga asked for another attempt.")
    }


def test_a_retry_can_keep_the_configuration(to: Connector) -> None:
    world.delivery(to, State.DEAD, version=4)

    replaying(Job.Kind.RETRY, Selection(), version="old")
    jobs.run_due(seconds=60)

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.version, delivery.forced) == ("pending", 4, True)
    assert delivery.sentence == "olga asked for another attempt. It keeps the configuration that it began with."


def test_a_retry_leaves_alone_what_needs_a_decision(to: Connector) -> None:
    world.delivery(to, State.WAITING, work_order_id=1, reason="waiting_outcome_unknown")
    world.delivery(to, State.WAITING, work_order_id=2, reason="waiting_auth")

    job = replaying(Job.Kind.RETRY, Selection(state="waiting"), version="current")
    jobs.run_due(seconds=60)

    assert states() == {1: "waiting", 2: "pending"}
    assert standing(job)[:3] == ("finished", 1, 1)


def test_what_dies_again_or_later_is_not_taken_again(to: Connector) -> None:
    for number in (1, 2):
        world.delivery(to, State.DEAD, work_order_id=number)
    values, total = parameters(Selection(state="dead"), version="current")
    job = jobs.start(Job.Kind.RETRY, user="olga", parameters=values, total=total, per_minute=6)
    world.delivery(to, State.DEAD, work_order_id=3)

    jobs.run_due(seconds=60)
    Delivery.objects.filter(work_order_id=1).update(state="dead")  # it failed again
    for _ in range(3):
        now_due(job)
        jobs.run_due(seconds=60)

    assert states() == {1: "dead", 2: "pending", 3: "dead"}
    assert standing(job)[:3] == ("finished", 2, 0)


def test_the_oldest_is_retried_first(to: Connector) -> None:
    for number in (1, 2, 3):
        world.delivery(to, State.DEAD if number % 2 else State.WAITING, work_order_id=number)
    values, total = parameters(Selection(), version="current")
    job = jobs.start(Job.Kind.RETRY, user="olga", parameters=values, total=total, per_minute=1)

    seen = []
    for _ in range(3):
        jobs.run_due(seconds=60)
        seen.append([number for number, state in sorted(states().items()) if state == "pending"])
        now_due(job)
    assert seen == [[1], [1, 2], [1, 2, 3]]


def test_a_discard_ends_them_with_the_reason(to: Connector) -> None:
    for number in range(1, 4):
        world.delivery(to, State.DEAD, work_order_id=number)

    job = replaying(Job.Kind.DISCARD, Selection(state="dead"), reason="Entered by hand")
    jobs.run_due(seconds=60)

    assert set(Delivery.objects.values_list("state", "sentence")) == {
        ("skipped", "olga discarded this delivery (Entered by hand).")
    }
    assert standing(job) == ("finished", 3, 0, "Finished. Discarded: 3. Left alone, since they had moved on: 0.")


@pytest.mark.django_db(transaction=True)
def test_a_retry_that_is_cut_off_counts_each_delivery_once(monkeypatch: pytest.MonkeyPatch) -> None:
    to = world.connector(world.company())
    for number in range(1, 6):
        world.delivery(to, State.DEAD, work_order_id=number)
    monkeypatch.setattr("events.job_step.ITEMS", 2)

    class Killed(BaseException):
        pass

    def dies_after(job: Job) -> Step:
        replay_jobs.retry(job)
        raise Killed

    job = replaying(Job.Kind.RETRY, Selection(state="dead"), version="current")
    jobs.run_due(seconds=0)
    with monkeypatch.context() as patched:
        patched.setitem(jobs.STEPS, Job.Kind.RETRY.value, dies_after)
        with pytest.raises(Killed):
            jobs.run_due(seconds=0)
    assert sorted(states().values()) == ["dead", "dead", "dead", "pending", "pending"]
    now_due(job)
    jobs.run_due(seconds=60)

    assert set(states().values()) == {"pending"}
    assert standing(job)[:3] == ("finished", 5, 0)
    assert SyncLog.objects.filter(code="operator_retry").count() == 5


@pytest.mark.django_db(transaction=True)
def test_the_selection_of_a_cause_means_the_same_everywhere() -> None:
    to = world.connector(world.company())
    for number, sentence in enumerate(["Given up: record TCK-17 has no “site”.", "Given up: record 18 has no “zip”."]):
        world.delivery(to, State.DEAD, work_order_id=number + 1, reason="validation", sentence=sentence)
    world.delivery(to, State.DEAD, work_order_id=3, reason="validation", sentence="Given up: the name is too long.")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT md5('Given up: record … has no “…”.')")
        cause = cursor.fetchone()[0]

    replaying(Job.Kind.RETRY, Selection(state="dead", cause=cause), version="current")
    jobs.run_due(seconds=60)

    assert states() == {1: "pending", 2: "pending", 3: "dead"}
