"""Refused calls are counted by door, owner and minute, with the last reason, and held together under a flood."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.timezone import localtime

from connectors.fieldnation.webhooks import sign
from connectors.models import Company, Connector
from events.models import Event, EventSource
from synclog import refused
from synclog.refused_models import RefusedCalls
from tests.troubleshoot.asking import ask

from .conftest import World, event

FROM = "198.51.100.77"
OURS = 10**9


@pytest.fixture
def browser(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


def hook(world: World, *, secret: str | None, key: UUID | None = None, body: bytes = b"{}") -> int:
    """A webhook of the company, signed with ``secret``; its status."""
    headers = {"X-FN-Signature": sign(body, secret)} if secret else {}
    return world.http.post(
        f"/webhooks/fieldnation/{key or world.connector.company.webhook_key}/", body,
        content_type="application/json", headers=headers, REMOTE_ADDR=FROM,
    ).status_code  # fmt: skip


def kept() -> list[tuple[str, int | None, int | None, int, int, str]]:
    refused.flush()
    rows = RefusedCalls.objects.order_by("last_at", "pk")
    return list(rows.values_list("door", "company_id", "connector_id", "count", "status", "reason"))


def test_a_webhook_says_for_our_people_why_it_was_refused(world: World) -> None:
    company = world.connector.company
    secret = company.webhook_secret
    assert hook(world, secret="another") == 401
    assert kept() == [("webhook", company.pk, None, 1, 401, "The signature did not match the webhook secret.")]
    for change, why in (
        ({}, "It came without a signature."),
        ({"is_active": False}, "The company is switched off."),
        ({"webhook_secret": ""}, "No webhook secret is entered on the company's page."),
    ):
        RefusedCalls.objects.all().delete()
        Company.objects.update(is_active=True, webhook_secret=secret)
        Company.objects.update(**change)
        assert hook(world, secret=None if not change else secret) == 401
        assert kept() == [("webhook", company.pk, None, 1, 401, why)]
    RefusedCalls.objects.all().delete()
    assert hook(world, secret=secret, key=UUID(int=7)) == 401
    assert kept() == [("webhook", None, None, 1, 401, "No company has this webhook address.")]
    RefusedCalls.objects.all().delete()
    assert hook(world, secret=secret, body=b"x" * (1024 * 1024 + 1)) == 413
    assert kept() == [
        ("webhook", company.pk, None, 1, 413, "The body has 1048577 bytes; at most 1048576 are taken."),
    ]  # fmt: skip
    assert not Event.objects.exists()


def test_a_key_tells_whose_it_was(world: World) -> None:
    company = world.connector.company
    EventSource.objects.update(revoked_at=timezone.now())
    with CaptureQueriesContext(connection) as asked:  # a flood of them must not cost more than what is accepted
        assert world.post(event()).status_code == 401
        assert world.post(event(), Authorization="Bearer wrong").status_code == 401
        assert world.post(event(), Authorization="").status_code == 401
    assert len(asked) == 2
    assert kept() == [
        ("api", company.pk, None, 1, 401, "The key was revoked, or its event source or its company is switched off."),
        ("api", None, None, 2, 401, "Send the key of an event source: Authorization: Bearer <key>."),
    ]


def test_a_trigger_with_an_ended_token_is_its_connectors(world: World) -> None:
    to = world.connector
    assert world.http.post("/integrations/trigger/unknown", {}, content_type="application/json").status_code == 401
    old = to.trigger_token
    to.renew_trigger_token()
    to.save()
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert world.http.post(f"/v1/broker/inbound?client_token={old}&external_id=1").status_code == 401
        found = kept()
    ended = "It came with the old token, which has ended. Enter the present address in the external system."
    assert found == [
        ("trigger", None, None, 1, 401, "No connector has this token."),
        ("trigger", to.company_id, to.pk, 1, 401, ended),
    ]
    assert Connector.of_trigger_token(old) == to
    text = json.dumps(list(RefusedCalls.objects.values()), default=str)
    assert old not in text and "unknown" not in text


def test_what_is_accepted_or_logged_otherwise_is_not_counted_and_costs_no_statement_more(world: World) -> None:
    assert world.post(event()).status_code == 202
    assert world.trigger(7).status_code == 202
    token = world.connector.trigger_token
    assert world.http.post(f"/integrations/trigger/{token}", "{}", content_type="application/json").status_code == 400
    assert kept() == []


def test_a_thousand_calls_are_one_row_a_minute_and_no_statement_of_their_own(world: World) -> None:
    with time_machine.travel("2026-07-02T14:03:10Z", tick=False) as clock:
        with CaptureQueriesContext(connection) as one:
            hook(world, secret="another")
        assert [q for q in one.captured_queries if "refusedcalls" in q["sql"]] == []
        for _ in range(999):
            refused.count("webhook", status=401, reason="No.", address="2001:db8:7:8::9", company_id=OURS)
        with CaptureQueriesContext(connection) as written:
            assert refused.flush() == 2
        assert len(written) == 1
        clock.shift(timedelta(seconds=30))
        refused.count("webhook", status=403, reason="Still not.", address=FROM, company_id=OURS)
        clock.shift(timedelta(seconds=30))
        refused.count("webhook", status=401, reason="No.", address="nonsense", company_id=OURS)
        refused.flush()
    rows = RefusedCalls.objects.filter(company_id=OURS).order_by("minute")
    assert [(f"{row.minute:%H:%M}", row.count, row.status, row.reason, row.network) for row in rows] == [
        ("14:03", 1000, 403, "Still not.", "198.51.100.0/24"),
        ("14:04", 1, 401, "No.", ""),
    ]
    assert refused.network_of("2001:db8:7:8::9") == "2001:db8:7::/48"


def test_keys_are_bounded_and_what_is_beyond_is_counted_all_the_same(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "MOST_KEPT", 3)
    for number in range(1, 11):
        refused.count("api", status=401, reason="No.", address=FROM, company_id=number)
    assert len(refused._sums) == 4
    refused.flush()
    assert sum(RefusedCalls.objects.values_list("count", flat=True)) == 10


def test_while_the_database_is_away_the_counts_are_kept(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(sums: Any) -> None:
        refused.count("api", status=401, reason="Later.", address=FROM)
        raise OperationalError("away")

    refused.count("api", status=401, reason="First.", address=FROM)
    with monkeypatch.context() as broken:
        broken.setattr(refused, "_write", away)
        with pytest.raises(OperationalError):
            refused.flush()
    assert refused.flush() == 1
    row = RefusedCalls.objects.get()
    assert (row.count, row.reason) == (2, "Later.")


def test_a_day_is_read_and_a_week_is_kept(db: Any) -> None:
    for hours in (24 * 7 + 1, 25, 23, 1):
        with time_machine.travel(timezone.now() - timedelta(hours=hours)):
            refused.count("webhook", status=401, reason=f"{hours} hours ago", address=FROM, company_id=OURS)
            refused.count("webhook", status=401, reason="Of another.", address=FROM, company_id=OURS + 1)
            refused.count("webhook", status=401, reason="Nobody's.", address=FROM)
            refused.flush()
    found = refused.read([OURS], "webhook", "api")
    assert [(one.company_id, one.count, one.reason, one.is_nobodys) for one in found] == [
        (OURS, 2, "1 hours ago", False), (None, 2, "Nobody's.", True),
    ]  # fmt: skip
    assert refused.read([OURS], "trigger") == []
    assert refused.prune() == 3
    assert RefusedCalls.objects.count() == 9


def test_a_thread_writes_what_was_counted(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "_thread", None)
    monkeypatch.setattr(refused, "_woken", threading.Event())
    monkeypatch.setattr(refused, "EVERY_SECONDS", 0.01)
    for _ in range(2):
        refused.count("api", status=401, reason="No.", address=FROM)
        until = time.monotonic() + 30
        while refused._sums and time.monotonic() < until:
            time.sleep(0.02)
    while sum(RefusedCalls.objects.values_list("count", flat=True)) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert sum(RefusedCalls.objects.values_list("count", flat=True)) == 2


# What people see


def test_the_companys_page_tells_what_was_refused_and_why(world: World, browser: Client) -> None:
    company = world.connector.company
    page = reverse("admin:connectors_company_change", args=[company.pk])
    assert "None: what reached this broker was let in." in browser.get(page).content.decode()
    for _ in range(12):
        hook(world, secret="another")
    hook(world, secret="another", key=UUID(int=7))
    world.http.post("/integrations/trigger/unknown", {}, content_type="application/json")  # on its own page
    refused.flush()
    rows = browser.get(page).context["sections"][-1].rows
    assert [(row[0], row[1], row[2], row[4], row[5], row[6]) for row in rows] == [
        ("Field Nation webhook", "this company", "12", "198.51.100.0/24", 401,
         "The signature did not match the webhook secret."),
        ("Field Nation webhook", "no company that is known", "1", "198.51.100.0/24", 401,
         "No company has this webhook address."),
    ]  # fmt: skip
    listed = browser.get(reverse("admin:synclog_refusedcalls_changelist")).context["cl"].result_list
    assert sorted(row.company_name or "-" for row in listed) == ["-", "-", company.name]


def test_the_trigger_page_tells_of_wrong_tokens_its_own_and_nobodys(world: World, browser: Client) -> None:
    to = world.connector
    page = reverse("admin:connectors_connector_trigger", args=[to.pk])
    assert browser.get(page).context["state"]["refused"] == []
    now: dict[str, Any] = {"status": 401, "address": FROM}
    refused.count("trigger", reason="Old.", company_id=to.company_id, connector_id=to.pk, **now)
    refused.count("trigger", reason="Of another.", company_id=to.company_id, connector_id=to.pk + 1, **now)
    refused.count("trigger", reason="Unknown.", **now)
    refused.flush()
    told = browser.get(page).context["state"]["refused"]
    kept = {row.reason: localize(localtime(row.last_at)) for row in RefusedCalls.objects.all()}
    assert told == [
        f"1 call of this one, the last at {kept['Old.']} from 198.51.100.0/24: Old.",
        f"1 call of no connector or company that is known, the last at {kept['Unknown.']} from 198.51.100.0/24: "
        "Unknown.",
    ]
    assert browser.post(f"{page}calls/", "{}", content_type="application/json").json()["refused"] == told


def test_the_troubleshooter_takes_a_wrong_signature_for_the_cause(world: World, browser: Client) -> None:
    before = ask(browser, 555)
    assert before.sentence.startswith("No event about work order 555 is stored.")
    hook(world, secret="another")
    refused.flush()
    after = ask(browser, 555)
    assert after.sentence == "The signature did not match the webhook secret."
    assert after.question == "Did the door let every call in?"
    shown = [one.value for one in after.check("Was the event received?").evidence]
    assert shown[-1].endswith("UTC from 198.51.100.0/24: The signature did not match the webhook secret.")
    with CaptureQueriesContext(connection) as found:
        ask(browser, 555)
    assert len([q for q in found.captured_queries if "refusedcalls" in q["sql"]]) == 1
