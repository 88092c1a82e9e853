"""Work orders over REST: sign in, create, read, update, what is dropped and what is refused."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import requests

from broker_project.sandbox import fieldnation as fn

from .conftest import Client

WO = "/api/rest/v2/workorders"
FULL: dict[str, Any] = {
    "title": "Swap failed edge switch",
    "description": {"html": "<p>Replace the unit, send a photo &amp; a note.</p>"},
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
    "pay": {"type": "hourly", "base": {"amount": 65, "units": 3}},
    "custom_fields": {"results": [{"results": [{"id": 611, "value": "INC-20418"}]}]},
    "incident_id": "INC-20418",
}


def create(ask: Client, **changes: Any) -> dict[str, Any]:
    answer = ask("POST", WO, json={**FULL, **changes})
    assert answer.status_code == 200, answer.text
    order: dict[str, Any] = answer.json()
    return order


def dropped(ask: Client) -> list[str]:
    """What the latest request lost silently, from the journal."""
    last: list[str] = ask("GET", "/control/requests").json()["requests"][-1]["dropped"]
    return last


def without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_marks(member) for name, member in value.items() if name != "correlation_id"}
    return [without_marks(item) for item in value] if isinstance(value, list) else value


# Sign-in


def token_answer(ask: Client, **settings: Any) -> requests.Response:
    return requests.post(ask.url + fn.TOKEN_PATH, timeout=10, **settings)


GRANT = {
    "grant_type": "password",
    "client_id": fn.CLIENT_ID,
    "client_secret": fn.CLIENT_WORD,
    "username": fn.USERNAME,
    "password": fn.USER_WORD,
}


def rest_status(ask: Client, **settings: Any) -> int:
    return requests.get(f"{ask.url}{WO}", timeout=10, **settings).status_code


def test_a_token_comes_by_json_or_form_and_goes_in_the_query(ask: Client) -> None:
    for settings in ({"json": GRANT}, {"data": GRANT}):
        answer = token_answer(ask, **settings).json()
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
        assert answer["refresh_token"]
        assert rest_status(ask, params={"access_token": answer["access_token"]}) == 200
        assert rest_status(ask, headers={"Authorization": f"Bearer {answer['access_token']}"}) == 401


def test_all_five_members_are_required_and_checked(ask: Client) -> None:
    for name in GRANT:
        without = token_answer(ask, json={key: value for key, value in GRANT.items() if key != name})
        assert (without.status_code, without.json()["status_code"]) == (400, 400)
        wrong = token_answer(ask, json={**GRANT, name: "wrong"})
        assert wrong.status_code == (400 if name == "grant_type" else 401)
        assert set(wrong.json()) == {"status_code", "message"}


def test_client_credentials_open_the_webhooks_api_and_not_rest(ask: Client) -> None:
    grant = {"grant_type": "client_credentials", "client_id": fn.CLIENT_ID, "client_secret": fn.CLIENT_WORD}
    token = token_answer(ask, data=grant).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{ask.url}/api/v1/webhooks", headers=bearer, timeout=10).status_code == 200
    assert rest_status(ask, params={"access_token": token}) == 401


def test_unknown_revoked_and_expired_tokens_are_401_with_problem_details(
    ask: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask("GET", WO).status_code == 200
    answer = ask("GET", WO, params={"access_token": "unknown"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["retryable"], problem["agent"]["action"]) == (
        401,
        "AUTHENTICATION_REQUIRED",
        False,
        "REAUTHENTICATE",
    )
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3601)
    assert ask("GET", WO).status_code == 401
    monkeypatch.undo()
    assert ask("GET", WO).status_code == 200
    assert ask("POST", "/control/tokens/revoke").json() == {"revoked": 1}
    assert ask("GET", WO).status_code == 401


# Create and read


def test_a_created_work_order_is_a_draft_with_the_documented_shapes(ask: Client, sim: fn.FieldNationSim) -> None:
    order = create(ask)
    assert (order["id"], order["work_order_id"], order["title"]) == (4410027, 4410027, FULL["title"])
    assert (order["status"]["id"], order["status"]["name"]) == (1, "Draft")
    assert order["description"] == {
        "html": "<p>Replace the unit, send a photo &amp; a note.</p>",
        "markdown": "Replace the unit, send a photo & a note.",
    }
    assert order["types_of_work"] == [{"id": 76, "name": "Networking", "isPrimary": True}]
    assert order["schedule"]["service_window"] == {
        "mode": "exact",
        "start": {"utc": "2026-07-01 14:00:00", "local": {"date": "2026-07-01", "time": "09:00:00"}},
        "end": {"utc": "2026-07-01 14:00:00", "local": {"date": "2026-07-01", "time": "09:00:00"}},
    }
    assert order["schedule"]["time_zone"] == {"id": 3, "name": "America/Chicago", "short": "CDT", "offset": -300}
    assert (order["pay"]["base"], order["pay"]["total"]) == ({"amount": 65, "units": 3}, 195)
    assert order["custom_fields"]["internal"] == {
        "id": 611,
        "name": "Ticket number",
        "value": "INC-20418",
        "role": "buyer",
    }
    assert order["custom_fields"]["results"][0]["results"][0]["value"] == "INC-20418"
    assert order["manager"]["id"] == fn.API_USER_ID
    assert order["incident_id"] == "INC-20418"
    assert re.fullmatch("[0-9a-f]{40}", order["correlation_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", order["milestones"]["created"]["utc"])
    assert dropped(ask) == []
    assert ask("GET", f"{WO}/4410027").json() == order == sim.work_orders()[0]


def test_every_documented_member_is_there_and_none_is_null(ask: Client) -> None:
    order = ask("POST", WO, json={"title": "Bare"}).json()
    for name in [
        "href",
        "description",
        "manager",
        "client",
        "project",
        "template",
        "company",
        "location",
        "pay",
        "time_logs",
        "tasks",
        "attachments",
        "messages",
        "tags",
        "problems",
        "shipments",
        "signatures",
        "qualifications",
        "milestones",
        "eta",
        "site_revisit",
        "contacts",
        "assignee",
        "closing_notes",
        "integration",
        "integrations",
        "service_types",
        "networks",
        "equipments",
    ]:
        assert name in order

    def nulls(value: Any, path: str) -> list[str]:
        if isinstance(value, dict):
            return [found for name, member in value.items() for found in nulls(member, f"{path}.{name}")]
        if isinstance(value, list):
            return [found for item in value for found in nulls(item, path)]
        return [path] if value is None else []

    assert nulls(order, "") == []
    assert order["assignee"]["user"]["id"] == 0
    assert order["schedule"]["service_window"]["start"] == {"utc": "", "local": {"date": "", "time": ""}}
    assert order["attachments"]["results"][0]["name"] == "Documents"


def test_a_repeated_create_makes_a_second_work_order(ask: Client) -> None:
    assert [create(ask)["id"], create(ask)["id"]] == [4410027, 4410028]


@pytest.mark.parametrize("title", [None, "", " ", 7])
def test_the_title_is_required(ask: Client, sim: fn.FieldNationSim, title: Any) -> None:
    answer = ask("POST", WO, json={**FULL, "title": title})
    assert answer.status_code == 400
    assert answer.json()["code"] == "VALIDATION_ERROR"
    assert answer.json()["errors"] == [{"detail": "title is required.", "pointer": "/title"}]
    assert sim.work_orders() == []


def test_columns_choose_the_members_of_a_read(ask: Client) -> None:
    create(ask)
    assert set(ask("GET", f"{WO}/4410027", params={"columns": "title,status"}).json()) == {"id", "title", "status"}


def test_an_update_is_partial_and_answers_the_whole_work_order(ask: Client) -> None:
    before = create(ask)
    after = ask("PUT", f"{WO}/4410027", json={"title": "New title"}).json()
    assert after["title"] == "New title"
    assert after["correlation_id"] != before["correlation_id"]
    assert without_marks({**after, "title": ""}) == without_marks({**before, "title": ""})


def test_writing_what_is_there_changes_nothing(ask: Client) -> None:
    before = create(ask)
    assert ask("PUT", f"{WO}/4410027", json=FULL).json()["id"] == 4410027
    assert ask("GET", f"{WO}/4410027").json() == before


@pytest.mark.parametrize(
    ("body", "lost"),
    [
        ({"colour": 1}, ["colour"]),
        ({"status": {"id": 2}}, ["status"]),
        ({"closing_notes": "x"}, ["closing_notes"]),
        ({"description": "plain text"}, ["description"]),
        ({"title": 7}, ["title"]),
        ({"location": {"city": "Elsewhere"}}, ["location"]),
        ({"location": {"mode": "custom", "address": {"city": "x"}}}, ["location.address"]),
        ({"location": {"mode": "custom", "zip": 55802}}, ["location.zip"]),
        ({"schedule": {"start": "2026-07-02 14:00:00"}}, ["schedule.start"]),
        ({"schedule": {"service_window": {"start": {"utc": "2026-07-02 14:00:00"}}}}, ["schedule.service_window"]),
        ({"schedule": {"service_window": {"mode": "exact", "start": "2026-07-02"}}}, ["schedule.service_window.start"]),
        (
            {"schedule": {"service_window": {"mode": "exact", "start": {"utc": "2026-07-02T14:00:00Z"}}}},
            ["schedule.service_window.start"],
        ),
        (
            {"schedule": {"service_window": {"mode": "between", "start": {"utc": "2026-07-02 14:00:00"}}}},
            ["schedule.service_window.end"],
        ),
        ({"pay": {"rate": 5, "max_units": 2}}, ["pay.rate", "pay.max_units"]),
        ({"pay": {"base": {"amount": "70"}}}, ["pay.base.amount"]),
        ({"pay": {"type": "weekly"}}, ["pay.type"]),
        ({"custom_fields": {"results": [{"id": 611, "value": "x"}]}}, ["custom_fields.results[].results"]),
        ({"custom_fields": {"611": "x"}}, ["custom_fields"]),
        (
            {"custom_fields": {"results": [{"results": [{"id": 999, "value": "x"}, {"id": 613, "value": 5}]}]}},
            ["custom_fields 999", "custom_fields 613"],
        ),
        ({"types_of_work": [76]}, ["types_of_work"]),
        ({"client": 901}, ["client"]),
        ({"contacts": [{"name": "x"}]}, ["contacts"]),
        ({"require_gps": "yes"}, ["require_gps"]),
    ],
)
def test_wrong_shapes_answer_200_and_vanish(ask: Client, body: dict[str, Any], lost: list[str]) -> None:
    before = create(ask)
    answer = ask("PUT", f"{WO}/4410027", json=body)
    assert answer.status_code == 200
    assert without_marks(answer.json()) == without_marks(before)
    assert dropped(ask) == lost


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"location": {"mode": "custom", "country": "USA"}}, "/location/country"),
        ({"location": {"mode": "location", "saved_location": {"id": 7}}}, "/location/saved_location/id"),
        ({"pay": {"base": {"amount": -1}}}, "/pay/base/amount"),
        ({"types_of_work": [{"id": 1}]}, "/types_of_work/0/id"),
        ({"manager": {"id": 1}}, "/manager/id"),
        ({"custom_fields": {"results": [{"results": [{"id": 612, "value": "Odd"}]}]}}, "/custom_fields/612/value"),
        ({"custom_fields": {"results": [{"results": [{"id": 613, "value": "many"}]}]}}, "/custom_fields/613/value"),
        (
            {
                "schedule": {
                    "service_window": {
                        "mode": "between",
                        "start": {"utc": "2026-07-02 14:00:00"},
                        "end": {"utc": "2026-07-02 14:30:00"},
                    }
                }
            },
            "/schedule/service_window",
        ),
        (
            {
                "schedule": {
                    "service_window": {
                        "mode": "exact",
                        "start": {"utc": "2026-07-02 14:00:00"},
                        "end": {"utc": "2026-07-02 13:00:00"},
                    }
                }
            },
            "/schedule/service_window/end",
        ),
    ],
)
def test_wrong_values_are_refused_with_a_pointer_and_nothing_changes(
    ask: Client, body: dict[str, Any], pointer: str
) -> None:
    before = create(ask)
    answer = ask("PUT", f"{WO}/4410027", json={**body, "incident_id": "other"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert ask("GET", f"{WO}/4410027").json() == before


def test_local_times_are_read_in_the_zone_of_the_place_and_a_zone_can_be_chosen(ask: Client) -> None:
    local = {"local": {"date": "2026-12-01", "time": "09:00:00"}}
    window = {"mode": "exact", "start": local, "end": local}
    order = create(ask, schedule={"service_window": window})
    assert order["schedule"]["service_window"]["start"]["utc"] == "2026-12-01 15:00:00"  # CST
    order = create(ask, schedule={"service_window": window, "time_zone": {"id": 1}})
    assert order["schedule"]["service_window"]["start"]["utc"] == "2026-12-01 17:00:00"  # PST
    assert order["schedule"]["time_zone"]["name"] == "America/Los_Angeles"


def test_a_new_place_keeps_the_moment_and_moves_the_local_time(ask: Client) -> None:
    create(ask)
    place = {**FULL["location"], "city": "Denver", "state": "CO", "zip": "80202"}
    schedule = ask("PUT", f"{WO}/4410027", json={"location": place}).json()["schedule"]
    assert schedule["service_window"]["start"] == {
        "utc": "2026-07-01 14:00:00",
        "local": {"date": "2026-07-01", "time": "08:00:00"},
    }
    assert schedule["time_zone"]["short"] == "MDT"


def test_saved_and_remote_locations(ask: Client) -> None:
    order = create(ask, location={"mode": "location", "saved_location": {"id": 301}})
    assert (order["location"]["address1"], order["location"]["saved_location"]["id"]) == ("12 Dock Street", 301)
    order = create(ask, location={"mode": "remote"})
    assert (order["location"]["mode"], order["location"]["city"]) == ("remote", "")


@pytest.mark.parametrize(
    ("pay", "total"),
    [
        ({"type": "fixed", "base": {"amount": 120, "units": 1}}, 120),
        ({"type": "device", "base": {"amount": 20, "units": 4}}, 80),
        ({"type": "blended", "base": {"amount": 100, "units": 2}, "additional": {"amount": 40, "units": 3}}, 220),
    ],
)
def test_the_total_follows_the_pay_type(ask: Client, pay: dict[str, Any], total: float) -> None:
    assert create(ask, pay=pay)["pay"]["total"] == total


def test_changes_are_made_as_the_acting_user(ask: Client) -> None:
    create(ask)
    assert ask("PUT", f"{WO}/4410027", params={"acting_user_id": 5020}, json={"title": "t"}).status_code == 200
    assert ask("GET", "/ui/state").json()["work_orders"][0]["change"]["by"] == "Mona Ager"
    assert ask("PUT", f"{WO}/4410027", params={"acting_user_id": 1}, json={"title": "u"}).status_code == 400


# Errors


def test_a_missing_work_order_in_each_of_the_error_styles(ask: Client) -> None:
    problem = ask("GET", f"{WO}/7").json()
    assert (problem["status"], problem["code"], problem["agent"]) == (
        404,
        "RESOURCE_NOT_FOUND",
        {"action": "FIX_INPUT"},
    )
    assert {"type", "title", "detail", "retryable", "correlationId"} <= set(problem)
    ask("POST", "/control/settings", json={"error_style": "contract"})
    answer = ask("GET", f"{WO}/7")
    assert (answer.status_code, set(answer.json())) == (404, {"status", "message"})
    ask("POST", "/control/settings", json={"error_style": "older"})
    answer = ask("GET", f"{WO}/7")
    assert (answer.status_code, answer.json()["status_code"]) == (400, 400)
    assert "401" in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", "?cancel_reason=x"),
        ("POST", "/publish"),
        ("PUT", "/schedule"),
        ("GET", "/messages"),
    ],
)
def test_every_call_on_a_missing_work_order_is_404(ask: Client, method: str, path: str) -> None:
    assert ask(method, f"{WO}/7{path}", json={}).status_code == 404


def test_unknown_routes_methods_and_bodies_have_their_shapes(ask: Client) -> None:
    assert ask("GET", "/api/rest/v2/nothing").json()["code"] == "RESOURCE_NOT_FOUND"
    assert ask("PATCH", WO, json={}).status_code == 405
    assert ask("GET", "/api/rest/v2/workorder/4410027").status_code == 404  # the singular path of some guides
    answer = ask("POST", WO, data=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


def test_a_fault_speaks_the_dialect_of_the_api_that_it_hits(ask: Client) -> None:
    ask("POST", "/control/faults", json={"status": 503})
    problem = ask("GET", WO).json()
    assert (problem["code"], problem["retryable"], problem["agent"]["backoffMs"]) == ("SERVICE_UNAVAILABLE", True, 5000)
    assert ask("GET", "/api/v1/webhooks").json()["errors"][0]["code"] == 503
    assert ask("POST", fn.TOKEN_PATH, json=GRANT).json()["status_code"] == 503


# Lists


def ids(ask: Client, **query: Any) -> list[int]:
    query = {"list": "workorders_all", "sticky": "false", "columns": "id,title", **query}
    return [row["id"] - 4410026 for row in ask("GET", WO, params=query).json()["results"]]


def test_the_list_pages_sorts_and_shows_the_columns_that_are_asked_for(ask: Client) -> None:
    for title in ("b", "c", "a"):
        create(ask, title=title)
    assert ids(ask) == [1, 2, 3]
    assert ids(ask, sort="title", order="desc") == [2, 1, 3]
    assert ids(ask, sort="created_date", order="desc", per_page=2) == [3, 2]
    assert ids(ask, per_page=2, page=2) == [3]
    query = {"list": "workorders_all", "sticky": "false", "per_page": 2, "columns": "id,title"}
    answer = ask("GET", WO, params=query).json()
    assert {name: answer["metadata"][name] for name in ("total", "page", "pages", "per_page")} == {
        "total": 3,
        "page": 1,
        "pages": 2,
        "per_page": 2,
    }
    assert answer["results"] == [{"id": 4410027, "title": "b"}, {"id": 4410028, "title": "c"}]
    assert ask("GET", WO, params={"sticky": "false", "list": "workorders_all"}).json()["results"][0] == {"id": 4410027}
    assert ask("GET", WO, params={**query, "list": "all"}).status_code == 400
    assert ask("GET", WO, params={**query, "page": "0"}).json()["errors"][0]["parameter"] == "page"


def test_filters_join_and_echo_and_unknown_ones_are_ignored(ask: Client) -> None:
    create(ask, title="Switch in Duluth")
    create(ask, title="Printer", location={"mode": "remote"}, client={"id": 901})
    assert ids(ask, f_work_order_id="4410028,4410035") == [2]
    assert ids(ask, f_search="duluth") == [1]
    assert ids(ask, f_client="901", f_search="print") == [2]
    assert ids(ask, f_client="901", f_search="duluth") == []
    today = create(ask)["milestones"]["created"]["utc"][:10]
    assert ids(ask, f_created_date="2020-01-01,2020-12-31") == []
    assert ids(ask, f_created=f"2020-01-01,{today}") == [1, 2, 3]
    answer = ask(
        "GET", WO, params={"list": "workorders_all", "sticky": "false", "f_client": "901", "f_status": "1"}
    ).json()
    assert (answer["f_client"], answer["fs_client"]) == ("901", "901")
    assert "f_status" not in answer
    assert answer["metadata"]["total"] == 1


def test_without_sticky_false_the_saved_view_decides(ask: Client) -> None:
    create(ask, title="one")
    create(ask, title="two")
    ask("GET", WO, params={"list": "workorders_all", "f_search": "two"})  # saved for this user
    assert [row["id"] for row in ask("GET", WO).json()["results"]] == [4410028]
    assert ids(ask) == [1, 2]
    assert [row["id"] for row in ask("GET", WO).json()["results"]] == [4410028]


def test_named_lists_hold_their_statuses(ask: Client, sim: fn.FieldNationSim) -> None:
    create(ask)
    for _ in range(3):
        sim.act("publish", create(ask)["id"])
    sim.act("assign", 4410029)
    sim.act("report_problem", 4410029, comments="late")
    sim.act("assign", 4410030)
    sim.act("work_done", 4410030)
    wanted = {
        "workorders_draft": [1],
        "workorders_published_routed": [2],
        "workorders_assigned": [3],
        "workorders_problem": [3],
        "workorders_work_done": [4],
        "workorders_approved": [],
        "workorders_in_flight": [1, 2, 3, 4],
        "workorders_all": [1, 2, 3, 4],
    }
    assert {name: ids(ask, list=name) for name in wanted} == wanted
