"""The export of a filter: CSV and JSON lines, whole, safe for a spreadsheet, written into the audit."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from connectors.models import Connector
from synclog import log_export
from synclog.audit_models import AuditEntry
from tests.admin import world
from tests.admin.conftest import staff

from .test_log_list import write

pytestmark = pytest.mark.django_db

EXPORT = "admin:synclog_synclog_export"


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


@pytest.fixture
def browser(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


def exported(browser: Client, **values: Any) -> str:
    answer = browser.post(reverse(EXPORT), values)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def test_all_of_a_filter_comes_out_in_batches(browser: Client, to: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_export, "BATCH", 4)
    monkeypatch.setattr(log_export, "LOOK", 5)
    for number in range(23):
        write(to, f"Log {number}.", number // 2, outcome=("dead", "succeeded")[number % 2], direction="outbound")

    # a condition without an index of its own, so that it is looked for piece by piece
    lines = exported(browser, format="jsonl", outcome="succeeded", direction="outbound").splitlines()

    assert [json.loads(line)["sentence"] for line in lines] == [f"Log {number}." for number in range(21, 0, -2)]
    rows = list(csv.DictReader(io.StringIO(exported(browser, format="csv"))))
    assert sorted(row["sentence"] for row in rows) == sorted(f"Log {number}." for number in range(23))


def test_a_row_holds_what_the_log_holds(browser: Client, to: Connector) -> None:
    log = write(to, "Given up.", 0, outcome="dead", work_order_id=11, external_id="T-1", duration_ms=1.5)
    [row] = csv.DictReader(io.StringIO(exported(browser, format="csv")))
    told = json.loads(exported(browser, format="jsonl"))

    assert row == {
        "created_at": "2026-07-02T14:00:00+00:00", "connector": "Help Desk", "direction": "outbound",
        "outcome": "dead", "code": "updated", "sentence": "Given up.", "event_type": "", "work_order_id": "11",
        "external_id": "T-1", "correlation_id": "", "attempt": "0", "duration_ms": "1.5", "user": "",
        "received_at": "", "event_id": "", "delivery_id": "", "id": str(log.pk),
    }  # fmt: skip
    assert (told["work_order_id"], told["received_at"], told["id"]) == (11, None, str(log.pk))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_spreadsheet_runs_nothing_that_a_stranger_wrote(browser: Client, to: Connector, start: str) -> None:
    write(to, "Sent.", external_id=f"{start}HYPERLINK(A1)")
    [row] = csv.DictReader(io.StringIO(exported(browser, format="csv"), newline=""))
    assert row["external_id"] == f"'{start}HYPERLINK(A1)"


def test_the_audit_says_who_took_what(browser: Client, to: Connector) -> None:
    exported(browser, format="csv", outcome="dead", connector=to.pk)
    entry = AuditEntry.objects.get()
    assert (entry.user.get_username(), entry.get_change_message()) == (
        "olga", f"Exported the integration logs as CSV: connector {to.pk}, outcome dead.",
    )  # fmt: skip


def test_exporting_is_a_right_of_its_own(to: Connector) -> None:
    write(to, "Sent.")
    for permissions, code in (
        (("synclog.view_synclog",), 403),
        (("synclog.export_synclog",), 403),
        (("synclog.view_synclog", "synclog.export_synclog"), 200),
    ):
        assert staff(*permissions).post(reverse(EXPORT), {"format": "csv"}).status_code == code, permissions
    assert AuditEntry.objects.count() == 1


def test_only_a_post_with_a_known_format_exports(browser: Client) -> None:
    assert browser.get(reverse(EXPORT), {"format": "csv"}).status_code == 405
    assert browser.post(reverse(EXPORT), {"format": "xml"}).status_code == 405
    assert not AuditEntry.objects.exists()
