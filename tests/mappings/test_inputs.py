from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from mappings.inputs import inbound_input, outbound_input
from mappings.paths import MISSING, Path

PAYLOAD: dict[str, Any] = {
    "event_type": "FN_WO_WORK_DONE",
    "event_timestamp": "2026-07-02T18:05:41Z",
    "correlation_id": "INC-20418",
    "workorder": {
        "id": 4410027,
        "title": "Swap failed edge switch",
        "correlation_id": "9b1c0d",
        "description": {"html": "<p>Replace it.</p>", "markdown": "Replace it."},
        "closing_notes": "Unit replaced.",
        "status": {"id": 4, "name": "work_done", "display_name": "Work Done"},
        "assignee": {"user": {"id": 70311, "first_name": "Rui", "last_name": "Okafor"}},
        "client": {"id": 12, "name": "Larch Clinics"},
        "company": {"id": 318, "name": "Buyer Ltd"},
        "location": {"city": "Duluth"},
        "pay": {
            "type": "hourly",
            "base": {"amount": 65.0, "units": 3},
            "expenses": {"sum": 19.5, "results": [{"amount": 19.5, "category": {"id": 3, "label": "Parking"}}]},
        },
        "time_logs": {"hours": 3.5},
        "contacts": {"results": [{"name": "Front desk", "email": "desk@example.test"}]},
        "custom_fields": {"results": [{"id": 1, "results": [{"id": 611, "value": "INC-20418"}]}]},
    },
}


def at(path: str, payload: dict[str, Any] = PAYLOAD) -> Any:
    return Path.parse(path).get(outbound_input(payload))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", "Swap failed edge switch"),
        ("status.name", "work_done"),
        ("pay.amount", 65.0),
        ("pay.type", "hourly"),
        ("pay.base.amount", 65.0),
        ("pay.expense.results[0].amount", 19.5),
        ("pay.expense.results[0].category.name", "Parking"),
        ("pay.expenses.results[0].category.name", "Parking"),
        ("pay.expenses.results[0].category.label", "Parking"),
        ("pay.expenses.sum", 19.5),
        ("time_logs.hours", 3.5),
        ("completion_notes", "Unit replaced."),
        ("closing_notes", "Unit replaced."),
        ("contact.name", "Front desk"),
        ("contacts[0].email", "desk@example.test"),
        ("location.company.name", "Larch Clinics"),
        ("location.city", "Duluth"),
        ("assignee.user.name", "Rui Okafor"),
        ("assignee.user.first_name", "Rui"),
        ("custom_fields.results[0].results[0].value", "INC-20418"),
    ],
)
def test_documented_names_and_real_ones_work_with_and_without_prefix(path: str, value: Any) -> None:
    assert at(path) == value
    assert at(f"workorder.{path}") == value


def test_the_description_is_text_at_the_top_and_rich_in_the_work_order() -> None:
    assert at("description") == "<p>Replace it.</p>"
    assert at("workorder.description.html") == "<p>Replace it.</p>"


def test_the_events_own_members_win_over_the_work_orders() -> None:
    assert at("correlation_id") == "INC-20418"
    assert at("event_type") == "FN_WO_WORK_DONE"
    assert at("id", {"id": "event", "workorder": {"id": 7}}) == "event"


def test_the_work_orders_internal_hash_never_passes_for_a_correlation() -> None:
    assert at("correlation_id", {"workorder": {"correlation_id": "9b1c0d"}}) is None
    assert at("correlation_id", {"workorder": {"correlation_id": "9b1c0d"}, "correlation_id": None}) is None


@pytest.mark.parametrize("path", ["priority", "instructions", "time_estimate", "assignee.user.email", "contacts.email"])
def test_names_that_field_nation_has_not_are_missing(path: str) -> None:
    assert at(path) is MISSING


def test_documented_shapes_that_are_there_already_are_kept() -> None:
    work_order = {
        "description": "plain",
        "completion_notes": "said",
        "closing_notes": "other",
        "pay": {"amount": 1, "base": {"amount": 2}, "expense": {"results": []}, "expenses": {"results": [{"id": 1}]}},
        "assignee": {"user": {"name": "R. Okafor", "first_name": "Rui"}},
        "contacts": [{"name": "A"}, {"name": "B"}],
        "contact": {"name": "C"},
        "location": {"company": {"name": "D"}},
        "client": {"name": "E"},
        "custom_fields": [{"id": 611, "value": "x"}],
    }
    assert outbound_input({"workorder": work_order}) == {**work_order, "workorder": work_order, "correlation_id": None}


def test_a_null_counts_as_not_there() -> None:
    nulls = {"completion_notes": None, "closing_notes": "n", "pay": {"amount": None, "base": {"amount": 2}}}
    assert at("completion_notes", {"workorder": nulls}) == "n"
    assert at("pay.amount", {"workorder": nulls}) == 2


def test_the_company_stands_in_for_a_missing_client() -> None:
    assert (
        at("location.company.name", {"workorder": {"client": {"id": 0}, "company": {"name": "Buyer Ltd"}}})
        == "Buyer Ltd"
    )


@pytest.mark.parametrize(
    "work_order",
    [
        {"pay": None, "assignee": None, "contacts": None, "location": None, "client": None, "description": None},
        {"pay": [], "assignee": [], "contacts": "x", "location": "x", "client": "x", "company": 3, "description": []},
        {"pay": {"base": None, "expenses": None}, "assignee": {"user": None}, "contacts": {"results": None}},
        {"pay": {"base": {}, "expenses": {"results": [None, "x", {"category": "x"}, {"category": {"id": 1}}]}}},
        {"assignee": {"user": {"first_name": None, "last_name": ""}}, "contacts": {"results": []}},
        {},
    ],
)
def test_odd_shapes_are_left_alone(work_order: dict[str, Any]) -> None:
    found = outbound_input({"workorder": work_order})["workorder"]
    if isinstance(found.get("contacts"), list):
        found = {**found, "contacts": {"results": found["contacts"]}}
    if isinstance(found.get("pay"), dict):
        found = {**found, "pay": {key: value for key, value in found["pay"].items() if key != "expense"}}
    assert found == work_order


@pytest.mark.parametrize("payload", [{}, {"workorder": None}, {"workorder": [], "event_type": "x"}])
def test_a_payload_without_a_work_order_is_taken_as_it_is(payload: dict[str, Any]) -> None:
    assert outbound_input(payload) == payload


def test_the_payload_is_not_changed() -> None:
    before = deepcopy(PAYLOAD)
    outbound_input(PAYLOAD)
    assert before == PAYLOAD


def test_building_twice_gives_the_same_work_order() -> None:
    once = outbound_input(PAYLOAD)
    assert outbound_input({**PAYLOAD, "workorder": once["workorder"]})["workorder"] == once["workorder"]


def test_the_input_of_an_inbound_mapping_is_the_record() -> None:
    record = {"id": 1001, "workorder": {"title": "not lifted"}}
    assert inbound_input(record) == {"id": 1001, "workorder": {"title": "not lifted"}}
