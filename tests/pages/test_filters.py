"""The filter builder's acts: which fields and comparisons are offered, and what a filter would have matched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connectors.models import Connector
from events.pages import recent_events
from events.pages.filter_fields import MOST_PATHS, OPERATORS, offered
from mappings.filters import Filter
from tests.admin import world
from tests.admin.conftest import staff

pytestmark = pytest.mark.django_db

DONE = {"conditions": [{"field": "status.name", "op": "equals", "value": "work_done"}]}
TO_DONE = {"conditions": [{"field": "status.name", "op": "changed", "to": "work_done"}]}


@pytest.fixture
def to(db: Any) -> Connector:
    return world.connector(world.company())


@pytest.fixture
def olga(db: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="olga", email="", password=None))
    return client


def came(to: Connector, status: str, number: int = 1001, **more: Any) -> Any:
    payload = {"workorder": {"id": number, "status": {"name": status}, "tier": "gold", "urgent": True}}
    return world.event(to.company, number, payload=payload, **more)


def act(browser: Client, to: Connector, name: str, **data: Any) -> Any:
    address = reverse("admin:connectors_connector_events_act", args=[to.pk, name])
    return browser.post(address, json.dumps(data), content_type="application/json")


def preview(browser: Client, to: Connector, filters: Any, event_type: str = "FN_WO_ASSIGNED") -> Any:
    return act(browser, to, "filter_preview", event_type=event_type, filters=filters)


# --- fields -----------------------------------------------------------------------------------------------------------


def test_known_fields_have_a_kind_and_those_that_came_in_are_added(olga: Client, to: Connector) -> None:
    came(to, "assigned")
    answer = act(olga, to, "filter_fields").json()
    fields = {field["path"]: field for field in answer["fields"]}
    kinds = {
        path: fields[path]["kind"] for path in ("status.name", "pay.amount", "id", "require_gps", "tags", "urgent")
    }
    assert kinds == {
        "status.name": "text", "pay.amount": "number", "id": "number", "require_gps": "boolean", "tags": "list",
        "urgent": "boolean",
    }  # fmt: skip
    assert fields["schedule.service_window.start.utc"]["kind"] == "date"
    assert fields["tier"] == {"path": "tier", "label": "", "kind": "text", "values": ["gold"]}
    assert "work_done" in fields["status.name"]["values"]
    assert "correlation_id" not in fields
    assert answer["operators"]["boolean"][0] == {"op": "equals", "label": "is"}


def test_who_may_not_see_events_is_offered_nothing_of_them(to: Connector) -> None:
    came(to, "assigned")
    answer = act(staff("connectors.view_connector", "events.view_eventtrigger"), to, "filter_fields")
    paths = [field["path"] for field in answer.json()["fields"]]
    assert "status.name" in paths
    assert "tier" not in paths


def test_every_offered_comparison_is_one_of_the_filters() -> None:
    for op in {op for offers in OPERATORS.values() for op, _ in offers} - {"changed", "empty", "not_empty"}:
        value = ["a"] if op in ("in", "not_in") else "a"
        assert Filter.parse({"conditions": [{"field": "f", "op": op, "value": value}]}).conditions
    for op in ("changed", "empty", "not_empty"):
        assert Filter.parse({"conditions": [{"field": "f", "op": op}]}).conditions


def test_free_text_and_a_strange_payload_stay_bounded() -> None:
    texts = [
        {"note": f"Visit number {number}", "a.b": 1, "deep": {str(n): n for n in range(900)}} for number in range(30)
    ]
    fields = {field["path"]: field for field in offered([], texts)}
    assert len(fields) == MOST_PATHS
    assert fields["note"]["values"] == []
    assert "a.b" not in fields


# --- preview ----------------------------------------------------------------------------------------------------------


def test_the_preview_counts_and_gives_examples_of_both_sides(olga: Client, to: Connector) -> None:
    for number in range(8):
        came(to, "work_done", 2000 + number)
    last = came(to, "assigned")
    last.refresh_from_db()
    came(to, "work_done", event_type="FN_WO_DONE")
    world.event(world.company("Other Co"), payload={"workorder": {"status": {"name": "work_done"}}})
    answer = preview(olga, to, DONE).json()
    assert (answer["matched"], answer["total"]) == (8, 9)
    assert answer["sentence"] == "Would have matched 8 of the last 9 events."
    assert [one["work_order"] for one in answer["matching"]] == [2007, 2006, 2005, 2004, 2003]
    assert answer["others"] == [
        {
            "work_order": 1001,
            "received_at": last.received_at.isoformat(),
            "address": reverse("admin:events_event_change", args=[last.pk]),
            "reason": 'status.name is "assigned"; asked for: equals "work_done".',
        }
    ]


def test_a_change_is_tried_against_the_event_before(olga: Client, to: Connector) -> None:
    for status in ("assigned", "work_done", "work_done"):
        came(to, status)
    answer = preview(olga, to, TO_DONE).json()
    assert (answer["matched"], answer["total"]) == (1, 3)


def test_without_events_it_says_so(olga: Client, to: Connector) -> None:
    assert preview(olga, to, DONE).json()["sentence"].startswith("No such event has come")


def test_each_wrong_condition_is_told_at_its_place(olga: Client, to: Connector) -> None:
    wrong = [{"field": "a", "op": "is"}, *DONE["conditions"], {"field": "", "op": "empty"}]
    answer = preview(olga, to, {"match": "any", "conditions": wrong})
    assert answer.status_code == 422
    problems = {problem["at"]: problem["sentence"] for problem in answer.json()["problems"]}
    assert list(problems) == ["0", "2"]
    assert problems["0"].startswith('Condition 1: there is no op "is".')


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ([], "A filter is an object"),
        ({"match": "some", "conditions": []}, "match must be all or any"),
        ({"conditions": [{"field": "a", "op": "empty"}] * 51}, "There are 51 conditions"),
        ({"conditions": [{"field": "a", "op": "in", "value": ["x"] * 1001}]}, "A list takes 1000 values"),
    ],
)
def test_what_is_no_filter_or_too_large_is_refused(olga: Client, to: Connector, filters: Any, sentence: str) -> None:
    answer = preview(olga, to, filters)
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["sentence"].startswith(sentence)


def test_an_unknown_event_is_refused(olga: Client, to: Connector) -> None:
    assert preview(olga, to, {}, "FN_WO_NOTHING").status_code == 422


@pytest.mark.parametrize("act_name", ["filter_fields", "filter_preview"])
def test_without_the_permission_nothing_is_told(to: Connector, act_name: str) -> None:
    assert act(staff("connectors.view_connector"), to, act_name, event_type="FN_WO_ASSIGNED").status_code == 403


def queries(browser: Client, to: Connector, filters: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert preview(browser, to, filters).status_code == 200
    return len(captured)


def test_the_number_of_queries_does_not_depend_on_what_came_in(olga: Client, to: Connector) -> None:
    came(to, "assigned")
    few = [queries(olga, to, filters) for filters in (DONE, TO_DONE)]
    for number in range(120):
        came(to, "assigned", 3000 + number % 7)
    assert [queries(olga, to, filters) for filters in (DONE, TO_DONE)] == few
    assert few[1] == few[0] + 1
    assert preview(olga, to, DONE).json()["total"] == 100


def test_only_the_newest_part_of_the_table_is_looked_through(
    olga: Client, to: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_events, "LOOKED_AT", 2)
    for number in range(4):
        came(to, "assigned", 4000 + number)
    assert preview(olga, to, {}).json()["total"] == 2
