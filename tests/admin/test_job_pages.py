"""Jobs and the drain in the admin: progress, stop, go on, rights."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from events import jobs
from events.job_words import in_words
from events.models import Drain, Job

from . import world
from .conftest import staff
from .test_delivery_pages import told

pytestmark = pytest.mark.django_db

LIST = "admin:events_job_changelist"
PARAMETERS = {"selection": {"state": "dead"}, "up_to_seq": 0, "version": "current"}


def page(job: Job) -> str:
    return reverse("admin:events_job_change", args=[job.pk])


def act(job: Job, name: str) -> str:
    return reverse("admin:events_job_act", args=[job.pk, name])


def job(**more: Any) -> Job:
    made = jobs.start(Job.Kind.RETRY, user="sam", parameters=PARAMETERS, total=200)
    Job.objects.filter(pk=made.pk).update(**more)
    made.refresh_from_db()
    return made


def test_a_job_says_how_far_it_is_who_and_how_long(browser: Client, db: Any) -> None:
    begun = timezone.now() - timedelta(hours=2, minutes=30)
    made = job(done=40, left_alone=10, sentence="Retried so far: 40.", created_at=begun,
               finished_at=begun + timedelta(minutes=90), per_minute=60)  # fmt: skip

    for address in (reverse(LIST), page(made)):
        text = browser.get(address).content.decode()
        assert '<progress class="broker-progress" value="50" max="200"></progress>' in text, address
        for said in ("50 of 200", "Retried so far: 40.", "sam", "1\xa0hour, 30\xa0minutes", "Running"):
            assert said in text, (address, said)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            {"selection": {"state": "dead", "reason": "auth_failed", "cause": "0f"}, "up_to_seq": 0, "version": "old"},
            [
                ("Deliveries", "Dead letter"),
                ("Reason", "auth failed"),
                ("Cause", "only those of the one cause that was chosen on the page Dead letters"),
                ("Until", "what was there when it was started; what came later is left alone"),
                ("Configuration", "the version that each began with"),
            ],
        ),
        (
            {"selection": {"connector_id": -1, "direction": "inbound"}, "reason": "Done by hand."},
            [
                ("Deliveries", "Dead and waiting"),
                ("Connector", "number -1, which was deleted"),
                ("Direction", "Inbound"),
                ("Why", "Done by hand."),
            ],
        ),
        (
            {"ids": list(range(22)), "force": True},
            [("Ids", f"22: {', '.join(map(str, range(20)))} and 2 more"), ("Also what has not changed", "yes")],
        ),
        (
            {"list": "workorders_work_done", "status": "", "force": False, "what_else": 7},
            [
                ("List of Field Nation", "Work done"),
                ("Status", "any"),
                ("Also what has not changed", "no"),
                ("What else", "7"),
            ],
        ),
        ({"since": None}, [("Read the webhook log since", "shortly before the first gap in what came")]),
    ],
)
def test_a_job_says_in_words_what_was_asked_for(
    browser: Client, db: Any, parameters: dict[str, Any], said: list[tuple[str, str]]
) -> None:
    made = job(parameters=parameters)

    assert list(in_words(made)) == said
    shown = [table for table in browser.get(page(made)).context["sections"] if list(table.rows) == said]
    assert len(shown) == 1
    text = browser.get(page(made)).content.decode()
    for name, value in said:
        assert f">{name}</td>" in text and f">{value}</td>" in text


def test_a_job_names_the_connector_and_the_moment(db: Any) -> None:
    desk = world.connector(world.company())
    selection = {"state": "waiting", "connector_id": desk.pk}

    assert list(in_words(job(parameters={"selection": selection})))[1] == ("Connector", desk.name)
    [(_, when)] = in_words(job(parameters={"since": "2026-06-28T19:05:41+00:00"}))
    assert "2026" in when


def test_a_job_of_unknown_length_shows_what_it_did(browser: Client, db: Any) -> None:
    job(done=1234, total=None)

    text = browser.get(reverse(LIST)).content.decode()

    assert "<progress" not in text
    assert "1,234" in text


def test_a_running_job_is_stopped_and_goes_on(browser: Client, db: Any) -> None:
    made = job()

    browser.get(act(made, "stop"))
    made.refresh_from_db()
    assert made.state == "running"
    answer = browser.post(act(made, "stop"), follow=True)

    assert (answer.redirect_chain, told(answer)) == ([(page(made), 302)], ["Stopped."])
    made.refresh_from_db()
    assert (made.state, made.sentence, made.next_step_at) == (
        "stopped", "Stopped by olga. Continue it to do the rest.", None,
    )  # fmt: skip
    text = answer.content.decode()
    assert [name for name in ("stop", "go_on") if f'{act(made, name)}"' in text] == ["go_on"]

    answer = browser.post(act(made, "go_on"), follow=True)

    assert told(answer) == ["Continued."]
    made.refresh_from_db()
    assert (made.state, made.next_step_at is None) == ("running", False)
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")] == ["Stopped.", "Continued."]
    assert set(LogEntry.objects.values_list("object_id", "user__username")) == {(str(made.pk), "olga")}


@pytest.mark.parametrize(
    ("state", "offered"), [("running", ["stop"]), ("stopped", ["go_on"]), ("failed", ["go_on"]), ("finished", [])]
)
def test_the_acts_that_apply_are_offered(browser: Client, db: Any, state: str, offered: list[str]) -> None:
    made = job(state=state)

    text = browser.get(page(made)).content.decode()

    assert [name for name in ("stop", "go_on") if f'{act(made, name)}"' in text] == offered


@pytest.mark.parametrize(("name", "state"), [("stop", "running"), ("go_on", "stopped")])
def test_a_reader_is_offered_nothing_and_does_nothing(db: Any, name: str, state: str) -> None:
    made = job(state=state)
    reader = staff("events.view_job")

    assert "/act/" not in reader.get(page(made)).content.decode()
    assert reader.get(act(made, name)).status_code == 403
    assert reader.post(act(made, name)).status_code == 403

    made.refresh_from_db()
    assert (made.state, made.sentence) == (state, "")
    assert LogEntry.objects.count() == 0


def test_the_right_to_change_jobs_is_enough(db: Any) -> None:
    made = job()

    staff("events.view_job", "events.change_job").post(act(made, "stop"))

    made.refresh_from_db()
    assert made.state == "stopped"


@pytest.mark.parametrize("model", ["job", "drain"])
def test_nobody_adds_changes_or_deletes_them_by_hand(browser: Client, db: Any, model: str) -> None:
    key: Any = job().pk if model == "job" else Drain.objects.create().pk

    name = f"admin:events_{model}"
    assert browser.get(reverse(f"{name}_changelist")).status_code == 200
    assert browser.get(reverse(f"{name}_change", args=[key])).status_code == 200
    assert browser.get(reverse(f"{name}_add")).status_code == 403
    assert browser.post(reverse(f"{name}_change", args=[key]), {"state": "finished"}).status_code == 403
    assert browser.post(reverse(f"{name}_delete", args=[key]), {"post": "yes"}).status_code == 403


def test_jobs_need_the_right_to_see_them(db: Any) -> None:
    made = job()
    nobody = staff("events.view_delivery")

    assert nobody.get(reverse(LIST)).status_code == 403
    assert nobody.get(page(made)).status_code == 403


def test_the_list_costs_the_same_for_1_job_and_for_30(browser: Client, db: Any) -> None:
    def more(count: int) -> None:
        for number in range(count):
            to = world.connector(world.company(f"Owner {Job.objects.count()} {number}"))
            jobs.start(Job.Kind.RETRY, user="sam", parameters=PARAMETERS, connector=to)

    browser.get(reverse(LIST))
    more(1)
    with CaptureQueriesContext(connection) as one:
        browser.get(reverse(LIST))
    more(29)
    with CaptureQueriesContext(connection) as many:
        assert len(browser.get(reverse(LIST)).context["cl"].result_list) == 30

    assert len(many) == len(one) <= 9
