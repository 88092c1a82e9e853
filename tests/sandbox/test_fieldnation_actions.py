"""Status moves, sub-resources, look-ups and what people do through control calls."""

from __future__ import annotations

from typing import Any

import pytest

from broker_project.sandbox import fieldnation as fn
from broker_project.sandbox.fn.orders import NotAllowed

from .conftest import Client
from .test_fieldnation_orders import FULL, WO, create

ONE = f"{WO}/4410027"
RUI = 70311


def status(sim: fn.FieldNationSim) -> str:
    name: str = sim.work_orders()[0]["status"]["name"]
    return name


def bring_to(sim: fn.FieldNationSim, name: str) -> None:
    """A new complete work order in this status."""
    order = sim.act("create")
    steps = {
        "Draft": [],
        "Published": ["publish"],
        "Routed": ["route"],
        "Assigned": ["assign"],
        "Work Done": ["assign", "work_done"],
        "Approved": ["assign", "work_done", "approve"],
        "Paid": ["assign", "work_done", "approve", "pay"],
        "Cancelled": ["publish", "cancel"],
        "Deleted": ["cancel"],
        "Postponed": ["postpone"],
    }[name]
    for step in steps:
        sim.act(step, order["id"])
    assert status(sim) == name


STATUSES = ["Draft", "Published", "Routed", "Assigned", "Work Done", "Approved", "Paid", "Cancelled", "Deleted"]
# call, body, where it is allowed, status afterwards
MOVES: list[tuple[str, str, Any, dict[str, str]]] = [
    ("POST", "/publish", None, {"Draft": "Published"}),
    ("DELETE", "/publish", None, {"Published": "Draft", "Routed": "Draft"}),
    ("DELETE", "/draft", None, {"Published": "Draft", "Routed": "Draft"}),
    ("POST", "/route", {"technician": {"id": RUI}}, dict.fromkeys(("Draft", "Published", "Routed"), "Routed")),
    ("DELETE", "/route", {"technician": {"id": RUI}}, {"Routed": "Draft"}),
    ("POST", "/mass-route", {"ids": [RUI, 70312]}, dict.fromkeys(("Draft", "Published", "Routed"), "Routed")),
    (
        "POST",
        "/assignee",
        {"user": {"id": RUI}},
        dict.fromkeys(("Draft", "Published", "Routed", "Assigned"), "Assigned"),
    ),
    ("DELETE", "/assignee", {"user": {"id": RUI}}, {"Assigned": "Draft"}),
    ("DELETE", "/complete?reason=x&reason_id=1", None, {"Work Done": "Assigned"}),
    ("POST", "/approve", None, {"Work Done": "Approved"}),
    (
        "DELETE",
        "?cancel_reason=x",
        None,
        {"Draft": "Deleted", "Published": "Cancelled", "Routed": "Cancelled", "Assigned": "Cancelled"},
    ),
]


@pytest.mark.parametrize("start", STATUSES)
@pytest.mark.parametrize(("method", "path", "body", "allowed"), MOVES)
def test_each_action_moves_only_from_the_statuses_that_allow_it(
    ask: Client, sim: fn.FieldNationSim, start: str, method: str, path: str, body: Any, allowed: dict[str, str]
) -> None:
    bring_to(sim, start)
    before = sim.work_orders()
    answer = ask(method, ONE + path, json=body)
    if start in allowed:
        assert (answer.status_code, status(sim)) == (200, allowed[start])
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
        assert f"it is {start}" in answer.json()["detail"]
        assert sim.work_orders() == before


def test_what_the_actions_answer(ask: Client, sim: fn.FieldNationSim) -> None:
    bring_to(sim, "Draft")
    assert ask("POST", f"{ONE}/publish").json()["status"] | {"correlation_id": ""} == {
        "id": 2,
        "name": "Published",
        "display": "Published",
        "is_routed": False,
        "code": "",
        "delay": 0,
        "ncns": False,
        "sub_status": "",
        "confirmed": False,
        "correlation_id": "",
    }
    assert ask("POST", f"{ONE}/route", json={"technician": {"id": RUI}}).json() == {"id": 4410027}
    assert ask("GET", f"{ONE}/status").json()["is_routed"] is True
    assert set(ask("DELETE", f"{ONE}/route", json={"technician": {"id": RUI}}).json()) == {"id", "status", "routes"}
    assert status(sim) == "Published"  # it was published before
    assert set(ask("POST", f"{ONE}/mass-route", json={"ids": [RUI]}).json()) == {"job_id"}
    assert ask("POST", f"{ONE}/assignee", json={"user": {"id": RUI}}).status_code == 200
    assert ask("GET", ONE).json()["assignee"]["user"] == {
        "id": RUI,
        "first_name": "Rui",
        "last_name": "Okafor",
        "phone": "6125550101",
    }
    sim.act("confirm", 4410027)
    assert ask("DELETE", f"{ONE}/assignee", json={"user": {"id": RUI}}).content == b""
    assert ask("GET", f"{ONE}/status").json()["confirmed"] is False
    assert ask("GET", ONE).json()["assignee"]["user"]["id"] == 0
    assert ask("GET", f"{ONE}/milestones").json()["published"]["utc"] != ""


@pytest.mark.parametrize("missing", ["location", "pay", "schedule"])
def test_nothing_incomplete_is_offered(ask: Client, sim: fn.FieldNationSim, missing: str) -> None:
    ask("POST", WO, json={name: value for name, value in FULL.items() if name != missing})
    for path, body in (
        ("/publish", None),
        ("/route", {"technician": {"id": RUI}}),
        ("/assignee", {"user": {"id": RUI}}),
    ):
        answer = ask("POST", ONE + path, json=body)
        assert (answer.status_code, missing in answer.json()["detail"]) == (400, True)
    assert status(sim) == "Draft"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/route", {}),
        ("POST", "/route", {"technician": {"id": "70311"}}),
        ("POST", "/route", {"technician": {"id": 1}}),
        ("DELETE", "/route", {"technician": {"id": RUI}}),
        ("POST", "/mass-route", {"ids": []}),
        ("POST", "/mass-route", {"ids": [1]}),
        ("POST", "/assignee", {"user": RUI}),
        ("POST", "/assignee", {"user": {"id": 1}}),
        ("DELETE", "", None),
        ("DELETE", "/complete?reason=x", None),
    ],
)
def test_actions_without_what_they_need_are_refused(
    ask: Client, sim: fn.FieldNationSim, method: str, path: str, body: Any
) -> None:
    bring_to(sim, "Published")
    before = sim.work_orders()
    assert ask(method, ONE + path, json=body).status_code == 400
    assert sim.work_orders() == before


@pytest.mark.parametrize("locked", ["Paid", "Cancelled", "Deleted"])
def test_locked_work_orders_refuse_every_write(ask: Client, sim: fn.FieldNationSim, locked: str) -> None:
    bring_to(sim, locked)
    for path, body in (
        ("", {"title": "x"}),
        ("/schedule", FULL["schedule"]),
        ("/location", FULL["location"]),
        ("/custom_fields/611", {"value": "x"}),
        ("/incident", {"incident_id": "x"}),
    ):
        answer = ask("PUT", ONE + path, json=body)
        assert (answer.status_code, locked in answer.json()["detail"]) == (400, True), path


def test_the_pay_stays_after_work_is_done(ask: Client, sim: fn.FieldNationSim) -> None:
    bring_to(sim, "Work Done")
    pay = {"type": "fixed", "base": {"amount": 1, "units": 1}}
    assert ask("PUT", f"{ONE}/pay", json=pay).status_code == 400
    assert ask("PUT", ONE, json={"pay": pay}).status_code == 400
    assert ask("PUT", ONE, json={"title": "still open"}).status_code == 200


# Sub-resources


def test_schedule_location_and_pay_answer_their_own_object(ask: Client) -> None:
    create(ask)
    window = {
        "mode": "between",
        "start": {"utc": "2026-07-02 14:00:00", "local": {"date": "2026-07-02", "time": "09:00:00"}},
        "end": {"utc": "2026-07-02 18:00:00", "local": {"date": "2026-07-02", "time": "13:00:00"}},
    }
    answer = ask("PUT", f"{ONE}/schedule", json={"service_window": window, "schedule_note": "call first"}).json()
    assert (answer["service_window"], answer["schedule_note"], answer["work_order_id"]) == (
        window,
        "call first",
        4410027,
    )
    assert ask("GET", f"{ONE}/schedule").json() == answer
    place = {**FULL["location"], "city": "Hibbing", "saved_location": {}}
    assert ask("PUT", f"{ONE}/location", json=place).json()["city"] == "Hibbing"
    assert ask("GET", f"{ONE}/location").json()["mode"] == "custom"
    zeros = {"amount": 0, "units": 0}
    pay = {"type": "fixed", "base": {"amount": 99.5, "units": 1}, "additional": zeros}
    answer = ask("PUT", f"{ONE}/pay", json=pay).json()
    assert {name: answer[name] for name in pay} == pay
    assert ask("GET", f"{ONE}/pay").json()["total"] == 99.5
    assert ask("GET", f"{ONE}/eta").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/schedule", {}, "/service_window"),
        ("/schedule", {"service_window": {"mode": "exact", "start": "2026-07-02 14:00:00"}}, "/service_window"),
        ("/schedule", {"service_window": {"start": {"utc": "2026-07-02 14:00:00"}}}, "/service_window"),
        ("/pay", {"base": {"amount": 1}}, "/type"),
        ("/pay", {"type": "fixed"}, "/base"),
        ("/location", {**FULL["location"], "country": "USA"}, "/location/country"),
        ("/custom_fields/611", {"value": 7}, "/value"),
        ("/custom_fields/611", {}, "/value"),
        ("/custom_fields/612", {"value": "Odd"}, "/custom_fields/612/value"),
        ("/incident", {"incident_id": 7}, "/incident_id"),
    ],
)
def test_strict_places_refuse(ask: Client, path: str, body: dict[str, Any], pointer: str) -> None:
    before = create(ask)
    answer = ask("PUT", ONE + path, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
    assert ask("GET", ONE).json() == before


def test_custom_fields_and_incident(ask: Client) -> None:
    create(ask)
    order = ask("PUT", f"{ONE}/custom_fields/611", json={"value": "1001"}).json()
    assert order["custom_fields"]["internal"]["value"] == "1001"
    assert ask("GET", f"{ONE}/custom_fields").json() == order["custom_fields"]
    assert ask("PUT", f"{ONE}/custom_fields/1", json={"value": "x"}).status_code == 404
    assert ask("PUT", f"{ONE}/incident", json={"incident_id": "INC-1"}).json()["incident_id"] == "INC-1"
    assert ask("GET", ONE).json()["incident_id"] == "INC-1"
    ask("DELETE", f"{ONE}/incident")
    assert ask("GET", ONE).json()["incident_id"] == ""


def test_messages_are_listed_newest_first_with_replies_inside(ask: Client, sim: fn.FieldNationSim) -> None:
    create(ask)
    assert ask("GET", f"{ONE}/messages").json()["results"] == []
    ask("POST", f"{ONE}/messages", json={"message": "first", "type": "INTERNAL"})
    page = ask("POST", f"{ONE}/messages", json={"message": "second"}).json()
    assert [row["message"] for row in page["results"]] == ["second", "first"]
    first = page["results"][1]
    assert isinstance(first["msg_id"], str)
    assert (first["from"]["id"], first["parent_id"], first["type"]) == (fn.API_USER_ID, "", "INTERNAL")
    page = ask("POST", f"{ONE}/messages/{first['msg_id']}", json={"message": "reply", "type": "REPLY"}).json()
    reply = page["results"][1]["replies"][0]
    page = ask("POST", f"{ONE}/messages/{reply['msg_id']}", json={"message": "again"}).json()
    assert [row["message"] for row in page["results"][1]["replies"]] == ["reply", "again"]
    assert ask("GET", ONE).json()["messages"] == {"metadata": {"total": 4, "unread": 4}}
    assert [row["message"] for row in sim.messages(4410027)] == ["first", "second", "reply", "again"]


@pytest.mark.parametrize(
    "body",
    [{}, {"message": ""}, {"message": 7}, {"message": "x", "type": "SHOUT"}, {"message": "x", "type": "SPECIFICTECH"}],
)
def test_messages_that_cannot_be_sent(ask: Client, sim: fn.FieldNationSim, body: dict[str, Any]) -> None:
    create(ask)
    assert ask("POST", f"{ONE}/messages", json=body).status_code == 400
    assert ask("POST", f"{ONE}/messages/1", json={"message": "x"}).status_code == 404
    assert sim.messages(4410027) == []


def test_contacts_tasks_shipments_and_time_logs(ask: Client) -> None:
    create(ask)
    contact = {"name": "Front desk", "role": "Location Contact", "phone": "2185550144", "email": "desk@example.test"}
    order = ask("POST", f"{ONE}/contacts", json=contact).json()
    row = order["contacts"]["results"][0]
    assert {name: row[name] for name in contact} == contact
    order = ask("PUT", f"{ONE}/contacts/{row['id']}", json={"name": "Back desk"}).json()
    assert (order["contacts"]["results"][0]["name"], order["contacts"]["results"][0]["phone"]) == (
        "Back desk",
        "2185550144",
    )
    assert ask("GET", f"{ONE}/contacts/{row['id']}").json()["name"] == "Back desk"
    assert ask("DELETE", f"{ONE}/contacts/{row['id']}").json()["contacts"]["results"] == []
    assert ask("DELETE", f"{ONE}/contacts/{row['id']}").status_code == 404

    task = ask("POST", f"{ONE}/tasks", json={"type": {"id": 3}, "label": "Take a photo"}).json()["tasks"]["results"][0]
    assert (task["label"], task["status"]) == ("Take a photo", "incomplete")
    order = ask("PUT", f"{ONE}/tasks", json={"results": [{"id": task["id"], "status": "complete"}]}).json()
    assert (order["tasks"]["results"][0]["status"], order["tasks"]["results"][0]["label"]) == (
        "complete",
        "Take a photo",
    )

    shipment = {"name": "Switch", "direction": "to site", "carrier": {"name": "Example Post", "tracking": "T1"}}
    order = ask("POST", f"{ONE}/shipments", json=shipment).json()
    assert order["shipments"]["results"][0]["carrier"] == {"name": "Example Post", "tracking": "T1", "other": ""}
    assert ask("POST", f"{ONE}/shipments", json={**shipment, "direction": "up"}).status_code == 400

    log = {"in": {"utc": "2026-07-01 14:00:00"}, "out": {"utc": "2026-07-01 16:00:00"}, "hours": 2}
    order = ask("POST", f"{ONE}/time_logs", json=log).json()
    assert (order["time_logs"]["hours"], order["pay"]["reported_hours"]) == (2, 2)
    assert ask("POST", f"{ONE}/time_logs", json={}).status_code == 400


def test_expenses_take_the_amount_as_text_and_count_in_the_total(ask: Client) -> None:
    create(ask)
    body = {"category": {"id": 1}, "description": "Cable", "amount": "12.50", "quantity": 2}
    order = ask("POST", f"{ONE}/expenses", json=body).json()
    row = order["pay"]["expenses"]["results"][0]
    assert (row["amount"], row["quantity"], row["category"]["label"]) == (12.5, 2, "Parts")
    assert (order["pay"]["expenses"]["sum"], order["pay"]["total"]) == (25, 220)
    order = ask("PUT", f"{ONE}/expenses/{row['id']}", json={"amount": "10"}).json()
    assert (order["pay"]["expenses"]["sum"], order["pay"]["expenses"]["results"][0]["added"]) == (20, row["added"])
    for wrong in ({**body, "amount": 12.5}, {**body, "category": 99}, {"category": 1, "amount": "1"}):
        assert ask("POST", f"{ONE}/expenses", json=wrong).status_code == 400


def test_tags_and_problems(ask: Client, sim: fn.FieldNationSim) -> None:
    create(ask)
    assert ask("POST", f"{ONE}/tags", json={"id": 21}).json()["tags"]["results"] == [{"id": 21, "label": "Urgent"}]
    assert len(ask("POST", f"{ONE}/tags", json={"id": 21}).json()["tags"]["results"]) == 1
    assert ask("POST", f"{ONE}/tags", json={"id": 99}).status_code == 400
    assert ask("DELETE", f"{ONE}/tags/21").json()["tags"]["results"] == []
    problem = {"type": {"id": 2}, "comments": "Closed for stocktaking"}
    assert ask("POST", f"{ONE}/problems", json=problem).status_code == 400  # not on a Draft
    sim.act("publish", 4410027)
    row = ask("POST", f"{ONE}/problems", json=problem).json()["problems"]["results"][0]
    assert (row["type"]["name"], row["comments"], row["resolved"]) == (
        "Site not ready",
        "Closed for stocktaking",
        False,
    )
    order = ask("PUT", f"{ONE}/problems/{row['id']}", json={"resolved": True}).json()
    assert order["problems"]["results"][0]["resolved"] is True
    assert ask("GET", f"{ONE}/problems/{row['id']}").json()["resolved"] is True
    assert ask("POST", f"{ONE}/problems", json={"type": {"id": 99}}).status_code == 400


def test_attachments_are_folders_with_what_was_uploaded(ask: Client) -> None:
    create(ask)
    folders = ask("GET", f"{ONE}/attachments").json()["results"]
    assert [folder["name"] for folder in folders] == ["Documents", "Misc"]
    folder = ask("POST", f"{ONE}/attachments", json={"name": "Photos"}).json()
    path = f"{ONE}/attachments/{folder['id']}"
    file = ask("POST", path, files={"file": ("a.txt", b"hello")}, data={"notes": "n"}).json()
    assert (file["file"], file["notes"], file["status"]) == ({"name": "a.txt", "size_bytes": 5}, "n", "PENDING")
    assert ask("PUT", f"{path}/{file['id']}", json={"status": "APPROVED"}).json()["status"] == "APPROVED"
    assert ask("PUT", f"{path}/{file['id']}", json={"status": "odd"}).status_code == 400
    assert ask("POST", path, json={}).status_code == 400
    assert ask("DELETE", f"{path}/{file['id']}").status_code == 200
    assert ask("DELETE", f"{path}/{file['id']}").status_code == 404
    assert ask("GET", f"{ONE}/attachments").json()["results"][2]["results"] == []


def test_look_ups_name_what_bodies_may_use(ask: Client) -> None:
    base = "/api/rest/v2"
    for path in [
        "types-of-work",
        "types-of-work/76/service-types",
        "templates",
        "projects",
        "clients",
        "locations",
        "company/managers",
        "company/tags",
        "custom-fields",
        "company/incomplete-reasons",
        "company/318/networks",
    ]:
        assert ask("GET", f"{base}/{path}").json()["results"], path
    assert ask("GET", f"{base}/templates/41").json()["name"] == "Standard site visit"
    assert ask("GET", f"{base}/users/{RUI}").json()["first_name"] == "Rui"
    for path in ("templates/1", "users/1", "types-of-work/1/service-types"):
        assert ask("GET", f"{base}/{path}").status_code == 404
    made = ask("POST", f"{base}/clients", json={"name": "New client"}).json()
    assert made in ask("GET", f"{base}/clients").json()["results"]
    assert ask("POST", f"{base}/clients", json={}).status_code == 400
    tag = ask("POST", f"{base}/company/tags", json={"label": "VIP"}).json()
    create(ask)
    assert ask("POST", f"{ONE}/tags", json={"id": tag["id"]}).json()["tags"]["results"][0]["label"] == "VIP"
    internal = [
        field for field in ask("GET", f"{base}/custom-fields").json()["results"] if "internal_id" in field["flags"]
    ]
    assert [field["id"] for field in internal] == [611]


# People


def test_control_acts_do_what_a_person_would_do(ask: Client) -> None:
    def act(action: str, **facts: Any) -> dict[str, Any]:
        answer = ask("POST", "/control/act", json={"action": action, "work_order_id": 4410027, **facts})
        assert answer.status_code == 200, answer.text
        order: dict[str, Any] = answer.json()
        return order

    assert act("create", title="Driven", publish=True)["status"]["name"] == "Published"
    assert act("assign", provider_id=70312)["assignee"]["user"]["first_name"] == "Ada"
    assert act("confirm")["status"]["confirmed"] is True
    assert act("on_my_way")["status"]["sub_status"] == "On my way"
    assert act("check_in")["status"]["display"] == "Checked in"
    assert act("message", message="Hello")["messages"]["metadata"]["total"] == 1
    assert (
        act("schedule", start="2026-08-01 10:00:00", end="2026-08-01 12:00:00")["schedule"]["service_window"]["mode"]
        == "between"
    )
    assert act("schedule")["schedule"]["service_window"]["end"]["utc"] == "2026-08-02 12:00:00"
    assert act("custom_field", id=702, value="S-1")["custom_fields"]["results"][1]["results"][0]["value"] == "S-1"
    assert act("update", fields={"title": "Renamed"})["title"] == "Renamed"
    assert act("expense", amount="5.00")["pay"]["expenses"]["sum"] == 5
    assert act("report_problem", comments="late")["problems"]["results"][0]["resolved"] is False
    assert act("resolve_problem")["problems"]["results"][0]["resolved"] is True
    assert act("check_out")["status"]["sub_status"] == "Checked out"
    done = act("work_done", closing_notes="All fine")
    assert (done["status"]["name"], done["closing_notes"], done["status"]["sub_status"]) == (
        "Work Done",
        "All fine",
        "",
    )
    assert act("approve")["status"]["name"] == "Approved"
    assert act("pay")["status"]["name"] == "Paid"
    first = ask("GET", f"{ONE}/messages").json()["results"][0]
    assert (first["from"]["name"], first["type"]) == ("Ada Lindqvist", "FROMTECH")


def test_acts_that_cannot_be_done_change_nothing(ask: Client, sim: fn.FieldNationSim) -> None:
    bring_to(sim, "Draft")
    before = sim.work_orders()
    for body, code in (
        ({"action": "fly", "work_order_id": 4410027}, 400),
        ({"action": "check_in", "work_order_id": 4410027}, 400),
        ({"action": "approve", "work_order_id": 4410027}, 400),
        ({"action": "message", "work_order_id": 4410027}, 400),
        ({"action": "decline", "work_order_id": 4410027}, 400),
        ({"action": "update", "work_order_id": 4410027, "fields": {"title": "x", "nothing": 1}}, 400),
        ({"action": "assign", "work_order_id": 7}, 404),
        ({"action": "assign", "work_order_id": "4410027"}, 400),
        ({}, 400),
    ):
        answer = ask("POST", "/control/act", json=body)
        assert (answer.status_code, bool(answer.json()["detail"])) == (code, True), body
    with pytest.raises(NotAllowed):
        sim.act("pay", 4410027)
    assert sim.work_orders() == before
    assert ask("GET", "/control/requests").json()["counters"]["total"] == 1  # the sign-in: acts are no API requests


def test_the_page_shows_work_orders_by_latest_change(ask: Client, sim: fn.FieldNationSim) -> None:
    assert "<title>Field Nation (sandbox)</title>" in ask("GET", "/").text
    assert ask("GET", "/ui/fieldnation.js").headers["Content-Type"] == "text/javascript; charset=utf-8"
    for _ in range(2):
        sim.act("create", publish=True)
    sim.act("assign", 4410027)
    sim.act("message", 4410027, message="Hello")
    state = ask("GET", "/ui/state").json()
    assert [row["id"] for row in state["work_orders"]] == [4410027, 4410028]
    row = state["work_orders"][0]
    assert (row["status"], row["assignee"], row["place"]) == ("Assigned", "Rui Okafor", "Duluth, MN")
    assert row["messages"] == [{"from": "Rui Okafor", "role": "provider", "text": "Hello"}]
    assert (row["change"]["by"], row["change"]["fields"], row["delivery"]) == ("Rui Okafor", ["messages"], None)
    assert ask("POST", "/ui/act", json={"action": "confirm", "work_order_id": 4410027}).status_code == 200
    mark = ask("GET", "/ui/state").json()["work_orders"][0]["mark"]
    assert mark != row["mark"]
