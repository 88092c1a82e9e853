from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.fields import FIELDS, NOT_WRITABLE, REQUIRED, TARGETS, WRITABLE
from connectors.fieldnation.plan import plan_create, plan_update, wants_messages

from .fake_fieldnation import blank, moment

NUMBER = 4410027


@pytest.fixture
def current() -> dict[str, Any]:
    work_order = blank(NUMBER, "2026-06-29 08:00:00")
    work_order |= {
        "title": "Swap failed edge switch",
        "status": {"id": 1, "name": "Draft", "display": "Draft", "is_routed": False},
        "description": {"html": "<p>Replace the unit,<br>send a <b>photo</b>.</p>", "markdown": ""},
        "types_of_work": [{"id": 80, "isPrimary": False}, {"id": 76, "name": "Networking", "isPrimary": True}],
        "client": {"id": 31.0, "name": "Acme"},
        "incident_id": "INC-20418",
    }
    work_order["location"] = {
        "mode": "custom",
        "address1": "88 Mill Road",
        "address2": "",
        "city": "Duluth",
        "state": "MN",
        "zip": "55802",
        "country": "US",
        "type": {"id": 1},
    }
    work_order["schedule"]["service_window"] = {
        "mode": "between",
        "start": moment("2026-07-01 14:00:00"),
        "end": moment("2026-07-01 18:00:00"),
    }
    work_order["pay"] |= {"type": "hourly", "base": {"amount": 65, "units": 3}}
    work_order["custom_fields"]["results"][0]["results"][0]["value"] = "INC-20418"
    work_order["custom_fields"]["results"][0]["results"][1]["value"] = "2.50"
    work_order["contacts"] = {
        "results": [{"id": 9, "name": "Front desk", "role": "Location Contact", "phone": "(218) 555-0144", "email": ""}]
    }
    return work_order


def calls(fields: dict[str, Any], current: dict[str, Any]) -> list[tuple[str, str, Any]]:
    steps = plan_update(fields, current).steps
    return [(step.method, step.path.removeprefix(f"/workorders/{NUMBER}"), step.body) for step in steps]


def create_body(fields: dict[str, Any]) -> Any:
    return plan_create({"title": "T", **fields}, marker="mark-1").steps[0].body


# --- create ---


def test_create_writes_the_documented_example_body() -> None:
    plan = plan_create(
        {
            "title": "Swap failed edge switch",
            "description": "<p>Replace the unit, send a photo.</p>",
            "type_of_work": 76,
            "location": {
                "address1": "88 Mill Road",
                "city": "Duluth",
                "state": "mn",
                "zip": 55802,
                "country": "USA",
                "type": {"id": 1},
            },
            "schedule": {"start": "2026-07-01T09:00:00-05:00"},
            "pay": {"type": "Hourly", "amount": "65.00", "units": 3},
            "custom_fields": {"611": "INC-20418"},
            "incident_id": "INC-20418",
        },
        marker="mark-1",
    )
    assert [(step.method, step.path) for step in plan.steps] == [("POST", "/workorders")]
    assert plan.steps[0].body == {
        "title": "Swap failed edge switch",
        "description": {"html": "<p>Replace the unit, send a photo.</p>"},
        "types_of_work": [{"id": 76, "isPrimary": True}],
        "location": {
            "mode": "custom",
            "address1": "88 Mill Road",
            "city": "Duluth",
            "state": "MN",
            "zip": "55802",
            "country": "US",
            "type": {"id": 1},
        },
        "schedule": {"service_window": {"mode": "exact", "start": {"utc": "2026-07-01 14:00:00"}}},
        "pay": {"type": "hourly", "base": {"amount": 65, "units": 3}, "additional": {"amount": 0, "units": 0}},
        "custom_fields": {"results": [{"results": [{"id": 611, "value": "INC-20418"}]}]},
        "incident_id": "INC-20418",
    }
    assert plan.marker == "INC-20418"
    assert plan.work_order_id is None


def test_marker_becomes_the_incident_id_unless_one_is_mapped() -> None:
    assert create_body({}) == {"title": "T", "incident_id": "mark-1"}
    assert create_body({"incident_id": ""})["incident_id"] == "mark-1"
    assert create_body({"incident_id": 77})["incident_id"] == "77"
    assert plan_create({"title": "T"}, marker="mark-1").marker == "mark-1"


@pytest.mark.parametrize("fields", [{}, {"title": ""}, {"title": None}, {"title": " \n"}])
def test_create_without_a_title_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match="title"):
        plan_create(fields, marker="mark-1")


def test_create_forecasts_the_calls_after_it() -> None:
    plan = plan_create(
        {
            "title": "T",
            "tags": [5],
            "message": "Hello",
            "status": "published",
            "custom_fields": {"Ticket number": "known only afterwards", "611": "A"},
        },
        marker="mark-1",
    )
    assert [(step.method, step.path) for step in plan.steps] == [
        ("POST", "/workorders"),
        ("POST", "/workorders/{id}/tags"),
        ("POST", "/workorders/{id}/messages"),
        ("POST", "/workorders/{id}/publish"),
    ]


def test_local_times_are_written_when_the_zone_is_mapped() -> None:
    schedule = create_body(
        {"schedule": {"start": "2026-07-01 14:00:00", "time_zone": {"id": 3, "name": "America/Chicago"}}}
    )["schedule"]
    assert schedule == {
        "service_window": {
            "mode": "exact",
            "start": {"utc": "2026-07-01 14:00:00", "local": {"date": "2026-07-01", "time": "09:00:00"}},
        },
        "time_zone": {"id": 3},
    }


def test_local_date_and_time_are_read_in_the_mapped_zone() -> None:
    schedule = create_body(
        {
            "schedule": {
                "service_window": {"start": {"local": {"date": "2026-12-01", "time": "09:00"}}},
                "time_zone": {"name": "America/Chicago"},
            }
        }
    )["schedule"]
    assert schedule["service_window"]["start"]["utc"] == "2026-12-01 15:00:00"


@pytest.mark.parametrize(
    "given",
    [
        {"611": "A", "612": 2.5},
        [{"id": 611, "value": "A"}, {"id": "612", "value": 2.5}],
        {"results": [{"results": [{"id": 611, "value": "A"}]}, {"results": [{"id": 612, "value": "2.5"}]}]},
        {"results": [{"id": 611, "value": "A"}, {"id": 612, "value": 2.5}]},
    ],
    ids=["by id", "list", "nested", "flat results"],
)
def test_custom_fields_are_nested_whatever_shape_they_come_in(given: Any) -> None:
    assert create_body({"custom_fields": given})["custom_fields"] == {
        "results": [{"results": [{"id": 611, "value": "A"}, {"id": 612, "value": "2.5"}]}]
    }


def test_workorder_prefix_is_accepted() -> None:
    assert create_body({"workorder": {"pay": {"type": "fixed", "amount": 100}}})["pay"]["base"] == {
        "amount": 100,
        "units": 1,
    }


# --- what is the same ---


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"title": "  Swap failed  edge switch "},
        {"description": "Replace the unit,\nsend a photo."},
        {"description": "<div>Replace the unit, send a <i>photo</i>.</div>"},
        {"type_of_work": {"id": "76"}, "client_id": "31"},
        {"types_of_work": [{"id": 80}, {"id": 76, "isPrimary": True}]},
        {
            "location": {
                "address1": "88 mill  road",
                "state": "mn",
                "zip": 55802,
                "country": "United States",
                "address2": "",
            }
        },
        {"schedule": {"start": "2026-07-01T09:00:00-05:00", "end": "2026-07-01T18:00:00Z"}},
        {"schedule": {"service_window": {"mode": "between", "start": {"utc": "2026-07-01 14:00:00"}}}},
        {"schedule": {"start": {"local": {"date": "2026-07-01", "time": "09:00:00"}}}},
        {"pay": {"type": "HOURLY", "amount": "65.0", "units": "3"}},
        {"pay": {"base": {"amount": 65.001}}},
        {"custom_fields": {"611": "INC-20418", "Estimate": 2.5}},
        {"custom_fields": {"ticket NUMBER": " INC-20418 "}},
        {"incident_id": "INC-20418"},
        {"contact": {"name": "front desk", "phone": "218 555 0144"}},
        {"contacts": [{"role": "Location Contact"}]},
        {"status": "draft"},
        {"status_id": "1"},
        {"status": {"id": 1, "name": "Draft"}},
        {"title": None, "pay": {"amount": None}, "custom_fields": {"611": None}},
    ],
)
def test_values_that_the_work_order_already_holds_need_no_call(fields: dict[str, Any], current: dict[str, Any]) -> None:
    plan = plan_update(fields, current)
    assert plan.is_empty
    assert plan.steps == ()
    assert plan.notes == ()


def test_text_fields_are_compared_as_text_and_not_as_numbers(current: dict[str, Any]) -> None:
    current["location"]["zip"] = "02139"
    current["custom_fields"]["results"][0]["results"][2]["value"] = "0042"
    assert calls({"custom_fields": {"613": "42"}}, current) == [("PUT", "/custom_fields/613", {"value": "42"})]
    assert calls({"location": {"zip": 2139}}, current) == []


# --- what differs ---


def test_only_differing_core_members_are_sent_in_one_call(current: dict[str, Any]) -> None:
    fields = {
        "title": "New title",
        "description": "a < b & c\nnext",
        "type_of_work": 77,
        "client": {"id": 32},
        "printable": "yes",
    }
    current["printable"] = False
    assert calls(fields, current) == [
        (
            "PUT",
            "",
            {
                "title": "New title",
                "description": {"html": "<p>a &lt; b &amp; c<br>next</p>"},
                "types_of_work": [{"id": 77, "isPrimary": True}],
                "client": {"id": 32},
                "printable": True,
            },
        )
    ]


def test_steps_say_what_will_be_seen(current: dict[str, Any]) -> None:
    (step,) = plan_update({"pay": {"amount": 70}}, current).steps
    assert step.purpose == "set the pay"
    assert [(check.path, check.wanted, check.found) for check in step.check] == [("pay.base.amount", "70", "65")]


def test_location_update_carries_the_whole_address(current: dict[str, Any]) -> None:
    assert calls({"location": {"zip": "55803"}}, current) == [
        (
            "PUT",
            "/location",
            {
                "mode": "custom",
                "address1": "88 Mill Road",
                "address2": "",
                "city": "Duluth",
                "state": "MN",
                "zip": "55803",
                "country": "US",
                "type": {"id": 1},
                "saved_location": {},
            },
        )
    ]


def test_saved_location_is_chosen_by_its_id(current: dict[str, Any]) -> None:
    ((_, path, body),) = calls({"location": {"saved_location": {"id": 12}}}, current)
    assert path == "/location"
    assert (body["mode"], body["saved_location"]) == ("location", {"id": 12})


def test_address_for_a_remote_job_makes_it_a_job_on_site(current: dict[str, Any]) -> None:
    current["location"]["mode"] = "remote"
    ((_, _, body),) = calls({"location": {"city": "Duluth"}}, current)
    assert body["mode"] == "custom"


def test_incomplete_address_is_refused_naming_what_is_missing(current: dict[str, Any]) -> None:
    current["location"] = {"mode": "", "address1": "", "city": ""}
    with pytest.raises(InvalidRecord, match=r"location\.address1, location\.state, location\.zip, location\.country"):
        plan_update({"location": {"city": "Duluth"}}, current)


def test_start_alone_moves_the_window_and_keeps_its_length(current: dict[str, Any]) -> None:
    assert calls({"schedule": {"start": "2026-12-02 15:00:00"}}, current) == [
        (
            "PUT",
            "/schedule",
            {
                "service_window": {
                    "mode": "between",
                    "start": {"utc": "2026-12-02 15:00:00", "local": {"date": "2026-12-02", "time": "09:00:00"}},
                    "end": {"utc": "2026-12-02 19:00:00", "local": {"date": "2026-12-02", "time": "13:00:00"}},
                }
            },
        )
    ]


def test_end_alone_keeps_the_start(current: dict[str, Any]) -> None:
    ((_, _, body),) = calls({"schedule": {"end": "2026-07-01T20:00:00Z"}}, current)
    assert body["service_window"]["start"]["utc"] == "2026-07-01 14:00:00"
    assert body["service_window"]["end"]["utc"] == "2026-07-01 20:00:00"


def test_exact_schedule_stays_exact_when_its_start_moves_although_it_has_an_end(current: dict[str, Any]) -> None:
    current["schedule"]["service_window"]["mode"] = "exact"
    assert calls({"schedule": {"start": "2026-07-01 14:00:00"}}, current) == []
    ((_, _, body),) = calls({"schedule": {"start": "2026-07-01 15:00:00"}}, current)
    assert body["service_window"]["mode"] == "exact"


def test_fractions_of_a_second_are_dropped(current: dict[str, Any]) -> None:
    window = {"start": "2026-07-01 14:00:00.750", "end": "2026-07-01 14:00:00"}
    ((_, _, body),) = calls({"schedule": window}, current)
    assert body["service_window"]["mode"] == "exact"
    assert body["service_window"]["start"]["utc"] == "2026-07-01 14:00:00"


def test_exact_schedule_sends_its_start_as_end_too(current: dict[str, Any]) -> None:
    ((_, _, body),) = calls({"schedule": {"mode": "exact", "start": "2026-07-01 14:00:00"}}, current)
    assert body["service_window"]["mode"] == "exact"
    assert body["service_window"]["end"] == body["service_window"]["start"]


@pytest.mark.parametrize(
    ("zone", "local"),
    [
        ({"name": "No/Where", "offset": -300}, {"date": "2026-07-02", "time": "09:00:00"}),
        ({}, {"date": "2026-07-02", "time": "14:00:00"}),
    ],
    ids=["offset only", "unknown"],
)
def test_local_time_without_a_zone_name(current: dict[str, Any], zone: Any, local: Any) -> None:
    current["schedule"]["time_zone"] = zone
    ((_, _, body),) = calls({"schedule": {"start": "2026-07-02 14:00:00"}}, current)
    assert body["service_window"]["start"]["local"] == local


def test_pay_update_keeps_what_is_not_mapped(current: dict[str, Any]) -> None:
    assert calls({"pay": {"amount": 70.5}}, current) == [
        (
            "PUT",
            "/pay",
            {"type": "hourly", "base": {"amount": 70.5, "units": 3}, "additional": {"amount": 0, "units": 0}},
        )
    ]


def test_units_of_another_pay_type_are_not_carried_over(current: dict[str, Any]) -> None:
    ((_, _, device),) = calls({"pay": {"type": "per device", "amount": 20}}, current)
    assert device["base"] == {"amount": 20}
    ((_, _, fixed),) = calls({"pay": {"type": "fixed", "amount": 200}}, current)
    assert fixed["base"] == {"amount": 200, "units": 1}


def test_blended_pay_carries_its_additional_rate(current: dict[str, Any]) -> None:
    fields = {"pay": {"type": "blended", "amount": 100, "units": 2, "additional": {"amount": 40, "units": 4}}}
    ((_, _, body),) = calls(fields, current)
    assert body == {"type": "blended", "base": {"amount": 100, "units": 2}, "additional": {"amount": 40, "units": 4}}


@pytest.mark.parametrize("status", ["Work Done", "work_done", "Approved", "Paid"])
def test_pay_after_the_work_is_noted_and_does_not_hold_up_the_rest(current: dict[str, Any], status: str) -> None:
    current["status"]["name"] = status
    plan = plan_update({"pay": {"amount": 70}, "custom_fields": {"613": "9"}}, current)
    assert [step.path for step in plan.steps] == [f"/workorders/{NUMBER}/custom_fields/613"]
    assert plan.notes[0].startswith("The pay stays as it is")


def test_custom_fields_are_set_one_by_one_by_id_or_name(current: dict[str, Any]) -> None:
    assert calls({"custom_fields": {"Gate code": 4711, "611": "INC-2", "Estimate": "2.5"}}, current) == [
        ("PUT", "/custom_fields/613", {"value": "4711"}),
        ("PUT", "/custom_fields/611", {"value": "INC-2"}),
    ]


def test_unknown_custom_field_name_names_the_nearest(current: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match=r"no custom field “Ticket no”\. It has: Ticket number"):
        plan_update({"custom_fields": {"Ticket no": "x"}}, current)


def test_incident_id_is_set_and_cleared(current: dict[str, Any]) -> None:
    assert calls({"incident_id": "INC-2"}, current) == [("PUT", "/incident", {"incident_id": "INC-2"})]
    assert calls({"incident_id": ""}, current) == [("DELETE", "/incident", None)]


def test_contact_is_updated_by_its_name_else_added(current: dict[str, Any]) -> None:
    fields = {
        "contact": {"name": "Front Desk", "email": "desk@example.test"},
        "contacts": [{"name": "Night guard", "phone": "218 555 0199"}],
    }
    added, updated = sorted(calls(fields, current))
    assert added == ("POST", "/contacts", {"name": "Night guard", "phone": "218 555 0199"})
    assert updated[:2] == ("PUT", "/contacts/9")
    assert updated[2] == {
        "name": "Front Desk",
        "role": "Location Contact",
        "phone": "(218) 555-0144",
        "email": "desk@example.test",
    }


def test_contact_that_meets_one_wish_is_not_changed_for_another(current: dict[str, Any]) -> None:
    bob = {"id": 3, "name": "Bob", "email": "b@example.test"}
    current["contacts"] = {"results": [bob]}
    wanted = [{"name": "Bob", "email": "b@example.test"}, {"name": "Bob", "email": "c@example.test"}, {"name": "bob"}]
    assert calls({"contacts": wanted}, current) == [("POST", "/contacts", wanted[1])]


def test_namesakes_are_each_updated_once(current: dict[str, Any]) -> None:
    current["contacts"] = {"results": [{"id": 3, "name": "Bob", "ext": "1"}, {"id": 4, "name": "Bob", "ext": "2"}]}
    wanted = [{"name": "Bob", "ext": "7"}, {"name": "Bob", "ext": "8"}, {"name": "Bob", "ext": "9"}]
    assert calls({"contacts": wanted}, current) == [
        ("PUT", "/contacts/3", wanted[0]),
        ("PUT", "/contacts/4", wanted[1]),
        ("POST", "/contacts", wanted[2]),
    ]


def test_tags_are_added_by_id(current: dict[str, Any]) -> None:
    current["tags"] = {"results": [{"id": 5, "label": "VIP"}]}
    assert calls({"tags": [5, {"id": "6"}, 6]}, current) == [("POST", "/tags", {"id": 6})]


def test_message_gets_a_type_that_providers_do_not_see(current: dict[str, Any]) -> None:
    assert calls({"message": "Gate is open"}, current) == [
        ("POST", "/messages", {"message": "Gate is open", "type": "INTERNAL"})
    ]
    assert calls({"message": {"text": "Gate is open", "type": "assignedtech"}}, current) == [
        ("POST", "/messages", {"message": "Gate is open", "type": "ASSIGNEDTECH"})
    ]
    assert calls({"messages": ["One", {"message": "Two", "type": "SPECIFICTECH", "to": {"id": 7}}, ""]}, current) == [
        ("POST", "/messages", {"message": "One", "type": "INTERNAL"}),
        ("POST", "/messages", {"message": "Two", "type": "SPECIFICTECH", "to": {"id": 7}}),
    ]


def test_message_that_the_thread_holds_is_not_planned(current: dict[str, Any]) -> None:
    current["messages"] = {"results": [{"message": "Hi", "replies": [{"message": "Gate  is open\n"}]}]}
    assert calls({"message": "Gate is open"}, current) == []
    assert wants_messages({"message": "x"})
    assert not wants_messages({"message": "", "title": "T"})


def test_fields_come_before_the_status(current: dict[str, Any]) -> None:
    fields = {
        "status": "publish",
        "message": "m",
        "title": "n",
        "pay": {"amount": 1},
        "location": {"zip": "1"},
        "tags": 3,
    }
    paths = [path for _, path, _ in calls(fields, current)]
    assert paths == ["", "/location", "/pay", "/tags", "/messages", "/publish"]


# --- status ---


@pytest.mark.parametrize(
    ("present", "fields", "call"),
    [
        ("Draft", {"status": "Published"}, ("POST", "/publish", None)),
        ("Draft", {"status_id": 2}, ("POST", "/publish", None)),
        ("Draft", {"status": {"name": "publish"}}, ("POST", "/publish", None)),
        ("Published", {"status_id": "1"}, ("DELETE", "/publish", None)),
        ("Routed", {"status": "draft"}, ("DELETE", "/draft", None)),
        (
            "Published",
            {"status": "route", "route": {"technician": {"id": 7}}},
            ("POST", "/route", {"technician": {"id": 7}}),
        ),
        (
            "Published",
            {"status": "assigned", "assignee": {"user": {"id": "7"}}},
            ("POST", "/assignee", {"user": {"id": 7}}),
        ),
        ("Routed", {"assignee": {"user": {"id": 7}}}, ("POST", "/assignee", {"user": {"id": 7}})),
        ("work_done", {"status": "approved"}, ("POST", "/approve", None)),
        ("Assigned", {"status": "Canceled", "cancel_reason": "Duplicate"}, ("DELETE", "", None)),
        (
            "Work Done",
            {"status": "assigned", "incomplete": {"reason": "Photo missing", "reason_id": 4}},
            ("DELETE", "/complete", None),
        ),
    ],
)
def test_wanted_status_becomes_its_action(current: dict[str, Any], present: str, fields: Any, call: Any) -> None:
    current["status"]["name"] = present
    assert calls(fields, current) == [call]


def test_reasons_travel_in_the_query(current: dict[str, Any]) -> None:
    (cancel,) = plan_update({"status": "cancel", "cancel_reason": "Duplicate"}, current).steps
    assert cancel.params == {"cancel_reason": "Duplicate"}
    current["status"]["name"] = "Work Done"
    (back,) = plan_update({"status": "assigned", "incomplete": {"reason": "No photo", "reason_id": "4"}}, current).steps
    assert back.params == {"reason": "No photo", "reason_id": "4"}


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        ("Assigned", "published"),
        ("Routed", "published"),
        ("Assigned", "draft"),
        ("Assigned", "approved"),
        ("Paid", "approved"),
        ("Work Done", "cancelled"),
        ("Approved", "assigned"),
        ("Assigned", "work_done"),
        ("Assigned", "paid"),
        ("Assigned", "checked in"),
        ("Assigned", "postponed"),
        ("Published", "assigned"),
        ("Published", "routed"),
        ("Work Done", "assigned"),
        ("", "published"),
    ],
)
def test_move_that_the_present_status_does_not_allow_is_noted_and_not_done(
    current: dict[str, Any], present: str, wanted: str
) -> None:
    current["status"]["name"] = present
    plan = plan_update({"status": wanted, "cancel_reason": "Duplicate"}, current)
    assert plan.steps == ()
    assert len(plan.notes) == 1
    assert plan.notes[0].startswith(f"The status stays {present or 'unknown'}: ")


@pytest.mark.parametrize("present", ["Cancelled", "Deleted"])
def test_cancelled_and_deleted_are_both_the_goal_of_cancelling(current: dict[str, Any], present: str) -> None:
    current["status"]["name"] = present
    plan = plan_update({"status": "cancelled", "cancel_reason": "x"}, current)
    assert (plan.steps, plan.notes) == ((), ())


def test_published_work_order_with_the_routed_flag_is_routed(current: dict[str, Any]) -> None:
    current["status"] = {"name": "Published", "is_routed": True}
    assert plan_update({"status": "routed"}, current) == plan_update({"status": "Routed"}, current)
    assert plan_update({"status": "routed"}, current).notes == ()


def test_another_provider_is_not_swapped_in(current: dict[str, Any]) -> None:
    current |= {"status": {"name": "Assigned"}, "assignee": {"user": {"id": 5}}}
    assert plan_update({"assignee": {"user": {"id": 5}}}, current).notes == ()
    plan = plan_update({"assignee": {"user": {"id": 6}}}, current)
    assert plan.is_empty
    assert plan.notes[0].startswith("Provider 5 stays assigned")


def test_cancelling_without_a_reason_is_refused(current: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match="cancel_reason"):
        plan_update({"status": "cancelled"}, current)


# --- refusals ---


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"titel": "x"}, "no field “titel”. Did you mean title"),
        ({"location": {"adress1": "x"}}, "location.address1"),
        ({"schedule": {"begin": "x"}}, "no field “schedule.begin”"),
        ({"pay": {"rate": 5}}, "it is called pay.base.amount"),
        ({"closing_notes": "x"}, "the provider writes it"),
        ({"completion_notes": "x"}, "closing_notes"),
        ({"time_logs": {"hours": 3}}, "“time_logs.hours” cannot be written"),
        ({"priority": "high"}, "no such field; use a custom field"),
        ({"assignee": {"user": {"first_name": "Rui"}}}, "only assignee.user.id"),
        ({"correlation_id": "x"}, "version mark"),
        ({"pay": {"expense": {"results": []}}}, "expenses cannot be written"),
        ({"location": {"company": {"name": "x"}}}, "client.id"),
        ({"status": "finished"}, "no status “finished”"),
        ({"status": "draft", "status_id": 2}, "Two different statuses"),
        ({"pay": {"amount": 5, "base": {"amount": 6}}}, "mean the same field"),
        ({"workorder": {"title": "a"}, "title": "b"}, "mean the same field"),
        ({"title": ""}, "“title” is empty"),
        ({"title": ["a"]}, "needs a text but got a list"),
        ({"pay": {"amount": "much"}}, "needs a number but got “much”"),
        ({"pay": {"amount": float("nan")}}, "needs a number"),
        ({"pay": {"amount": -5}}, "cannot be negative"),
        ({"pay": {"amount": True}}, "needs a number"),
        ({"pay": {"type": "weekly"}}, "fixed, hourly, device, blended"),
        ({"pay": {"additional": {"amount": 5}}}, "belongs to blended pay"),
        ({"location": {"country": "Atlantis"}}, "two letters"),
        ({"location": {"mode": "moon"}}, "custom, location, remote"),
        ({"type_of_work": "Networking"}, "Array Map"),
        ({"types_of_work": []}, "empty list"),
        ({"client": {"id": 0}}, "needs an id"),
        ({"printable": "maybe"}, "true or false"),
        ({"schedule": {"start": "07/01/2026 2 PM"}}, "no date and time"),
        ({"schedule": {"start": "2026-07-01"}}, "no date and time"),
        ({"schedule": {"end": "2026-06-01 10:00:00"}}, "before it starts"),
        ({"schedule": {"mode": "weekly"}}, "exact, between, hours"),
        ({"schedule": {"time_zone": {"name": "Mars/Base"}}}, "no IANA time zone"),
        ({"custom_fields": {"611": {"a": 1}}}, "needs a text but got an object"),
        ({"custom_fields": [{"value": "x"}]}, "needs an id or a name"),
        ({"custom_fields": "x"}, "by id or name"),
        ({"custom_fields": [{"id": 611, "value": "a"}, {"id": 611, "value": "b"}]}, "two different values"),
        ({"contacts": "Bob"}, "needs a list"),
        ({"contacts": [{"mail": "x"}]}, "no member “mail”"),
        ({"tags": ["VIP"]}, "needs an id"),
        ({"message": {"text": "x", "type": "SHOUT"}}, "INTERNAL, STAFF_NOTE"),
        ({"message": {"text": "x", "type": "SPECIFICTECH"}}, "message.to.id"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_sentence(current: dict[str, Any], fields: Any, words: str) -> None:
    with pytest.raises(InvalidRecord) as raised:
        plan_update(fields, current)
    assert words in raised.value.sentence


def test_every_problem_of_a_kind_is_named_at_once(current: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord) as raised:
        plan_update({"titel": "x", "closing_notes": "y"}, current)
    assert "“titel”" in raised.value.sentence
    assert "“closing_notes”" in raised.value.sentence


def test_local_time_without_any_zone_is_refused() -> None:
    with pytest.raises(InvalidRecord, match=r"schedule\.time_zone\.name"):
        create_body({"schedule": {"start": {"local": {"date": "2026-07-01", "time": "09:00"}}}})


def test_pay_without_type_or_amount_is_refused_on_create() -> None:
    with pytest.raises(InvalidRecord, match=r"pay\.type"):
        create_body({"pay": {"amount": 5}})
    with pytest.raises(InvalidRecord, match=r"pay\.amount"):
        create_body({"pay": {"type": "fixed"}})


def test_planning_does_not_change_what_it_is_given(current: dict[str, Any]) -> None:
    fields = {
        "title": "n",
        "workorder": {"pay": {"amount": 3}},
        "custom_fields": {"611": "z"},
        "contacts": [{"name": "B"}],
    }
    before = copy.deepcopy((fields, current))
    plan_update(fields, current)
    assert (fields, current) == before


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["2026-07-01 14:00:00", "draft", "US"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "name", "value", "results", "utc", "local", "start", "service_window", "user", "base", "amount"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)
roots = st.sampled_from(sorted({name.split(".")[0] for name in TARGETS} | {"milestones", "unknown"}))
paths = st.sampled_from(sorted(TARGETS))


@given(
    st.dictionaries(roots, json_values, max_size=3)
    | st.builds(lambda path, value: nested(path, value), paths, json_values),
    st.dictionaries(roots, json_values, max_size=3),
)
@settings(max_examples=400)
def test_any_values_on_any_work_order_give_a_plan_or_a_sentence(fields: Any, found: Any) -> None:
    sentence = "A plan."
    try:
        plan_update(fields, {**found, "id": NUMBER})
        plan_create({"title": "T", **fields}, marker="m")
    except InvalidRecord as refused:
        sentence = refused.sentence
    assert sentence.endswith((".", "?"))


# --- catalogue ---

SAMPLES = {
    "text": "x",
    "html": "x",
    "number": 1,
    "money": 1,
    "boolean": True,
    "datetime": "2026-07-01 14:00:00",
    "id": 7,
    "list": [],
    "custom": {"611": "x"},
}
CHOICES = {
    "location.mode": "remote",
    "schedule.service_window.mode": "exact",
    "pay.type": "blended",
    "message.type": "INTERNAL",
    "status.name": "draft",
    "location.country": "US",
    "schedule.time_zone.name": "America/Chicago",
}


def nested(path: str, value: Any) -> dict[str, Any]:
    for step in reversed(path.split(".")):
        value = {step: value}
    return dict(value)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_every_target_of_the_catalogue_is_understood(name: str, current: dict[str, Any]) -> None:
    field = TARGETS[name]
    value = CHOICES.get(field.path, SAMPLES.get(field.kind))
    if field.path.endswith("local.date"):
        value = "2026-07-01"
    if field.path == "pay.additional.amount" or field.path == "pay.additional.units":
        current["pay"]["type"] = "blended"
    fields = nested(name, value)
    if ".local." in field.path:
        edge = field.path.split(".")[2]
        fields = {"schedule": {edge: {"local": {"date": "2026-07-01", "time": "23:00:00"}}}}
    if field.path == "schedule.service_window.end.utc":
        fields = nested(name, "2026-07-09 14:00:00")
    plan_update(fields, current)


def test_catalogue_is_consistent() -> None:
    paths = [field.path for field in FIELDS]
    assert len(set(paths)) == len(paths)
    names = [name for field in WRITABLE for name in (field.path, *field.also)]
    assert len(set(names)) == len(names)
    assert not set(NOT_WRITABLE) & set(TARGETS)
    assert set(REQUIRED) <= {field.path for field in WRITABLE}
    assert set(REQUIRED) >= {"title", "description", "types_of_work", "location.zip", "pay.type", "manager.id"}
    for field in FIELDS:
        if not field.writable and field.path not in TARGETS:
            assert any(field.path.startswith(path) for path in NOT_WRITABLE), field.path
