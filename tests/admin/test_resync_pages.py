"""The pages that begin a resync and a catch-up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.test import Client
from django.urls import reverse

from connectors.models import Company, Connector
from events.models import Job

from . import world
from .conftest import staff

RESYNC, JOBS = "/admin/events/job/resync/", "/admin/events/job/"


@pytest.fixture
def company(db: Any) -> Company:
    return world.company()


@pytest.fixture
def connector(company: Company) -> Connector:
    return world.connector(company)


def catch_up_page(company: Company) -> str:
    return reverse("admin:events_job_catch_up", args=[company.pk])


def asked(connector: Connector, **more: Any) -> dict[str, Any]:
    return {"connector": connector.pk, "what": "work_orders", "ids": "", "per_minute": "", **more}


def errors(answer: Any) -> str:
    return str(answer.context["form"].errors)


def test_the_list_of_jobs_leads_to_the_resync(browser: Client) -> None:
    assert RESYNC in browser.get(JOBS).content.decode()
    page = browser.get(RESYNC)
    assert page.status_code == 200
    assert b"Also what has not changed" in page.content


def test_work_orders_by_id(browser: Client, connector: Connector) -> None:
    answer = browser.post(RESYNC, asked(connector, ids="1001\r\n\r\n1002 \r\n1001", per_minute="30", force="on"))
    assert (answer.status_code, answer["Location"]) == (302, JOBS)
    job = Job.objects.get()
    assert (job.kind, job.state, job.user, job.total, job.per_minute) == (
        "resync_work_orders",
        "running",
        "olga",
        2,
        30,
    )
    assert (job.connector, job.company, job.parameters) == (
        connector,
        connector.company,
        {"ids": [1001, 1002], "force": True},
    )
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.action_flag, entry.change_message) == (str(job.pk), ADDITION, "Started.")


def test_a_list_of_field_nation(browser: Client, connector: Connector) -> None:
    browser.post(RESYNC, asked(connector, what="list", which="workorders_all", status="Work Done"))
    job = Job.objects.get()
    assert (job.kind, job.total, job.per_minute) == ("resync_work_orders", None, None)
    assert job.parameters == {"list": "workorders_all", "status": "work_done", "force": False}


def test_external_records(browser: Client, connector: Connector) -> None:
    browser.post(RESYNC, asked(connector, what="records", ids="TCK-1\nTCK-2"))
    job = Job.objects.get()
    assert (job.kind, job.total, job.parameters) == (
        "resync_records",
        2,
        {"ids": ["TCK-1", "TCK-2"], "force": False},
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ids": " "}, "Give at least one id, one a line."),
        ({"ids": "INC-1"}, "INC-1 is no work order id. Give numbers, one a line."),
        (
            {"what": "records", "ids": "\n".join(map(str, range(10_001)))},
            "These are 10001 ids; one resync takes 10000.",
        ),
        ({"what": "list", "which": "workorders_mine"}, "workorders_mine"),
        ({"what": "everything"}, "everything"),
        ({"ids": "1", "per_minute": "0"}, "per_minute"),
    ],
)
def test_what_cannot_be_done_is_said_at_its_field(
    browser: Client, connector: Connector, changes: dict[str, Any], said: str
) -> None:
    answer = browser.post(RESYNC, asked(connector, **changes))
    assert answer.status_code == 200
    assert said in errors(answer)
    assert not Job.objects.exists()


def test_a_connector_that_cannot_be_used_is_not_offered(browser: Client, connector: Connector) -> None:
    Connector.objects.update(status=Connector.Status.DISABLED)
    assert "connector" in errors(browser.post(RESYNC, asked(connector, ids="1")))
    Connector.objects.update(status=Connector.Status.PAUSED)
    Company.objects.update(is_active=False)
    assert "connector" in errors(browser.post(RESYNC, asked(connector, ids="1")))
    assert not Job.objects.exists()


def test_the_company_page_leads_to_the_catch_up(browser: Client, company: Company) -> None:
    page = f"/admin/connectors/company/{company.pk}"
    assert "Catch up on webhooks" in browser.get(f"{page}/change/").content.decode()
    answer = browser.post(f"{page}/act/catch_up/")
    assert (answer.status_code, answer["Location"]) == (302, catch_up_page(company))
    assert not Job.objects.exists()
    Company.objects.update(is_active=False)
    assert "Catch up on webhooks" not in browser.get(f"{page}/change/").content.decode()
    assert browser.get(catch_up_page(company)).status_code == 404


def test_a_catch_up_begins_once_at_a_time(browser: Client, company: Company) -> None:
    assert browser.get(catch_up_page(company)).status_code == 200
    browser.post(catch_up_page(company), {"since": "2026-06-28T19:05", "per_minute": "40"})
    job = Job.objects.get()
    assert (job.kind, job.company, job.per_minute, job.user) == ("catch_up", company, 40, "olga")
    assert datetime.fromisoformat(job.parameters["since"]) == datetime(2026, 6, 28, 19, 5, tzinfo=UTC)

    answer = browser.post(catch_up_page(company), {"per_minute": "60"})
    assert "A catch-up of this company runs already." in errors(answer)
    Job.objects.update(state=Job.State.FINISHED)
    browser.post(catch_up_page(company), {"per_minute": "60"})
    assert Job.objects.get(state=Job.State.RUNNING).parameters == {"since": None}


@pytest.mark.parametrize("rights", [(), ("events.view_job", "connectors.view_company", "events.change_job")])
def test_without_the_right_nothing_is_offered_and_nothing_begins(
    company: Company, connector: Connector, rights: tuple[str, ...]
) -> None:
    client = staff(*rights)
    act = f"/admin/connectors/company/{company.pk}/act/catch_up/"
    answers = [
        client.get(RESYNC), client.post(RESYNC, asked(connector, ids="1")),
        client.get(catch_up_page(company)), client.post(catch_up_page(company), {"per_minute": "60"}),
        client.post(act),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [403] * 5
    assert not Job.objects.exists()
    if rights:
        assert RESYNC not in client.get(JOBS).content.decode()
        page = client.get(f"/admin/connectors/company/{company.pk}/change/").content.decode()
        assert "Catch up on webhooks" not in page


def test_the_right_to_change_deliveries_is_enough(connector: Connector) -> None:
    client = staff("events.change_delivery")
    answer = client.post(RESYNC, asked(connector, ids="1"))
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")  # the jobs may not be seen
    assert Job.objects.get().total == 1


def test_strangers_are_sent_to_the_login(company: Company) -> None:
    for page in (RESYNC, catch_up_page(company)):
        assert Client().get(page)["Location"].startswith("/admin/login/")
