from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from broker_project.lib.errors import (
    AuthFailed,
    BrokerError,
    Conflict,
    Forbidden,
    InvalidRecord,
    Misconfigured,
    NotFound,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.fieldnation.client import ENVIRONMENTS, Credentials, FieldNation
from connectors.http import Caller
from connectors.tokens import MemoryTokens

from .fake_fieldnation import FakeFieldNation, Fault

SINCE = datetime(2026, 6, 29, 7, 0, tzinfo=UTC)
WORK_ORDER = 4410001


@pytest.fixture
def existing(fake: FakeFieldNation, client: FieldNation) -> int:
    client.create({"title": "Swap failed edge switch", "incident_id": "INC-20418"})
    fake.requests.clear()
    return WORK_ORDER


def evidence(caller: Caller) -> str:
    return "\n".join(repr(exchange) for exchange in caller.exchanges)


# --- sign-in ---


def test_environments_are_the_documented_ones() -> None:
    assert ENVIRONMENTS["sandbox"].api_base == "https://api-sandbox.fndev.net"
    assert ENVIRONMENTS["production"].api_base == "https://api.fieldnation.com"
    assert sorted(ENVIRONMENTS) == ["production", "sandbox"]


def test_credentials_never_print_their_secrets(credentials: Credentials) -> None:
    assert "made-up" not in repr(credentials)
    assert "made-up" not in str(credentials)


def test_signs_in_once_with_the_password_grant_in_json(
    fake: FakeFieldNation, client: FieldNation, existing: int
) -> None:
    client.read(existing)
    client.read(existing)
    assert fake.sign_ins == [
        {
            "grant_type": "password",
            "client_id": "client-1",
            "client_secret": "made-up-client-secret",
            "username": "api.user@example.test",
            "password": "made-up-password",
        }
    ]
    assert fake.sign_in_types == ["application/json"]


def test_client_credentials_grant_in_a_form(fake: FakeFieldNation, credentials: Credentials, caller: Caller) -> None:
    changed = replace(credentials, grant_type="client_credentials", encoding="form")
    assert FieldNation(changed, caller, MemoryTokens()).test().ok
    assert fake.sign_in_types == ["application/x-www-form-urlencoded"]
    assert fake.sign_ins == [
        {"grant_type": "client_credentials", "client_id": "client-1", "client_secret": "made-up-client-secret"}
    ]


def test_token_travels_in_the_query_and_not_in_a_header(
    fake: FakeFieldNation, client: FieldNation, caller: Caller, existing: int
) -> None:
    client.read(existing)
    assert fake.requests[-1][2]["access_token"] == "made-up-token-1"
    assert "Authorization" not in caller.exchanges[-1].request_headers


def test_refused_token_leads_to_one_new_sign_in_and_one_repeat(
    fake: FakeFieldNation, client: FieldNation, existing: int
) -> None:
    fake.tokens.clear()
    assert client.read(existing)["id"] == existing
    assert len(fake.sign_ins) == 2
    assert fake.calls(writes_only=False) == [("GET", f"/workorders/{existing}")] * 2


def test_expired_token_is_renewed_before_the_call(
    fake: FakeFieldNation, credentials: Credentials, caller: Caller
) -> None:
    kept: list[float] = []

    class ShortLived(MemoryTokens):
        def put(self, token: str, expires_in: float) -> None:
            kept.append(expires_in)
            super().put(token, 0.0)

    client = FieldNation(credentials, caller, ShortLived())
    client.list()
    client.list()
    assert kept == [3540.0, 3540.0]
    assert fake.calls(writes_only=False) == [("GET", "/workorders")] * 2


def test_many_threads_sign_in_once(fake: FakeFieldNation, open_client: Callable[[], FieldNation]) -> None:
    start = threading.Barrier(12)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            client = open_client()
            start.wait()
            client.list()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(fake.sign_ins) == 1


def test_many_threads_with_one_refused_token_sign_in_once_more(
    fake: FakeFieldNation, open_client: Callable[[], FieldNation]
) -> None:
    open_client().list()
    fake.tokens.clear()
    threads = [threading.Thread(target=open_client().list) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fake.sign_ins) == 2


def test_wrong_password_needs_an_operator_and_is_not_repeated(
    credentials: Credentials, caller: Caller, fake: FakeFieldNation
) -> None:
    client = FieldNation(replace(credentials, password="other-made-up-password"), caller, MemoryTokens())
    with pytest.raises(AuthFailed) as raised:
        client.read(1)
    assert raised.value.sentence.startswith("Field Nation refused the sign-in: Bad credentials [redacted].")
    assert "user name and password" in raised.value.sentence
    assert len(fake.sign_ins) == 1
    assert "other-made-up-password" not in evidence(caller) + raised.value.sentence + raised.value.detail


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("POST", "/token", status=429, headers={"Retry-After": "7"}), RateLimited),
        (Fault("POST", "/token", status=500), Unavailable),
        (Fault("POST", "/token", status=503), Unavailable),
        (Fault("POST", "/token", status=404), Misconfigured),
        (Fault("POST", "/token", status=400, body={"status_code": 400, "message": "401"}), AuthFailed),
        (Fault("POST", "/token", status=200, body={"hello": 1}), Misconfigured),
        (Fault("POST", "/token", status=200, body="<html>Welcome</html>"), Misconfigured),
    ],
)
def test_sign_in_failures_say_what_to_do_next(
    fake: FakeFieldNation, client: FieldNation, fault: Fault, error: type[BrokerError]
) -> None:
    fake.faults.append(fault)
    with pytest.raises(BrokerError) as raised:
        client.list()
    assert type(raised.value) is error


def test_tokens_and_secrets_are_in_no_exchange_and_no_error(
    fake: FakeFieldNation, client: FieldNation, caller: Caller, existing: int
) -> None:
    echo = {"status": 400, "message": "Bad request GET /x?access_token=made-up-token-1 by made-up-client-secret"}
    fake.faults.append(Fault("PUT", f"/{existing}", status=400, body=echo))
    with pytest.raises(InvalidRecord) as raised:
        client.update(existing, {"title": "x"})
    client.read(existing)
    everything = evidence(caller) + raised.value.sentence + raised.value.detail + str(raised.value)
    assert "access_token=" in everything
    for secret in ("made-up-token-1", "made-up-client-secret", "made-up-password", "rrrrrrrrrrrr"):
        assert secret not in everything


# --- errors ---


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"status": 400, "message": "title is required"}, InvalidRecord),
        (400, {"status": 400, "message": "401 Unauthorized"}, NotFound),
        (400, {"status": 400, "code": "RESOURCE_NOT_FOUND", "detail": "gone"}, NotFound),
        (422, {"detail": "bad", "code": "VALIDATION_ERROR"}, InvalidRecord),
        (403, {"code": "INSUFFICIENT_PERMISSIONS", "detail": "no"}, Forbidden),
        (404, {"status": 404, "message": "Not found"}, NotFound),
        (410, None, NotFound),
        (409, {"message": "locked"}, Conflict),
        (418, {"message": "teapot"}, Rejected),
        (429, None, RateLimited),
        (408, None, Unavailable),
        (500, {"status_code": 500, "message": "oops"}, Unavailable),
        (502, "<html><h1>Bad gateway</h1></html>", Unavailable),
        (503, None, Unavailable),
    ],
)
def test_refusals_are_classified_by_status_then_code(
    fake: FakeFieldNation, client: FieldNation, existing: int, status: int, body: object, error: type[BrokerError]
) -> None:
    fake.faults.append(Fault("PUT", f"/{existing}", status=status, body=body))
    with pytest.raises(BrokerError) as raised:
        client.update(existing, {"title": "x"})
    assert type(raised.value) is error
    assert raised.value.sentence.endswith((".", "s."))


def test_problem_details_are_read_for_people_and_for_the_log(
    fake: FakeFieldNation, client: FieldNation, existing: int
) -> None:
    fake.faults.append(
        Fault(
            "PUT",
            f"/{existing}",
            status=400,
            body={
                "type": "https://example.test/error-codes/validation",
                "title": "Validation failed",
                "detail": "The request is invalid",
                "code": "VALIDATION_ERROR",
                "correlationId": "trace-77",
                "errors": [{"pointer": "/pay/type", "detail": "unknown type"}, {"parameter": "async", "detail": "no"}],
            },
        )
    )
    with pytest.raises(InvalidRecord) as raised:
        client.update(existing, {"title": "x"})
    assert raised.value.sentence == (
        f"Field Nation refused to update work order {existing}: The request is invalid; /pay/type: unknown type; "
        "async: no."
    )
    assert raised.value.detail == "HTTP 400 VALIDATION_ERROR correlationId trace-77"


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"Retry-After": "17"}, None, 17.0),
        ({"Retry-After": "0"}, None, 1.0),
        ({"Retry-After": "999999"}, None, 3600.0),
        ({}, None, 60.0),
        ({}, {"agent": {"action": "RETRY", "backoffMs": 5000}}, 5.0),
        ({"Retry-After": "soon"}, None, 60.0),
        ({"Retry-After": "Mon, 29 Jun 2026 02:27:22 GMT"}, None, 1.0),
        ({"Retry-After": "Thu, 29 Jun 2096 02:27:22 GMT"}, None, 3600.0),
    ],
)
def test_rate_limit_waits_as_told_else_a_minute(
    fake: FakeFieldNation, client: FieldNation, existing: int, headers: dict[str, str], body: object, wait: float
) -> None:
    fake.faults.append(Fault("GET", f"/{existing}", status=429, headers=headers, body=body))
    with pytest.raises(RateLimited) as raised:
        client.read(existing)
    assert raised.value.retry_after == wait


@pytest.mark.parametrize("status", [400, 401, 404])
def test_missing_work_order_is_not_found_however_it_is_answered(
    fake: FakeFieldNation, client: FieldNation, status: int
) -> None:
    fake.missing_status = status
    with pytest.raises(NotFound):
        client.read(999)


def test_401_everywhere_is_the_credentials(fake: FakeFieldNation, client: FieldNation, existing: int) -> None:
    fake.faults.append(Fault("GET", f"/{existing}", status=401, times=2))
    fake.faults.append(Fault("GET", "/workorders", status=401, times=1))
    with pytest.raises(AuthFailed):
        client.read(existing)


def test_nobody_listening_is_not_sent(credentials: Credentials, fake: FakeFieldNation, caller: Caller) -> None:
    fake.__exit__()
    with pytest.raises(NotSent):
        FieldNation(credentials, caller, MemoryTokens()).read(1)


def test_page_instead_of_json_points_to_the_address(fake: FakeFieldNation, client: FieldNation, existing: int) -> None:
    fake.faults.append(Fault("GET", f"/{existing}", status=200, body="<html>Log in</html>"))
    with pytest.raises(Misconfigured):
        client.read(existing)


def test_read_without_a_work_order_in_the_answer_is_tried_again_later(
    fake: FakeFieldNation, client: FieldNation, existing: int
) -> None:
    fake.faults.append(Fault("GET", f"/{existing}", status=200, body={}))
    with pytest.raises(Unavailable):
        client.read(existing)


# --- create and look-up ---


@pytest.mark.parametrize("status", [500, 502, 504])
def test_create_that_failed_on_their_side_may_have_happened(
    fake: FakeFieldNation, client: FieldNation, status: int
) -> None:
    fake.faults.append(Fault("POST", "/workorders", status=status, after=True))
    with pytest.raises(OutcomeUnknown):
        client.create({"title": "x", "incident_id": "mark-1"})
    assert client.find_created("mark-1", since=SINCE) == WORK_ORDER


@pytest.mark.parametrize(("status", "error"), [(503, Unavailable), (429, RateLimited), (400, InvalidRecord)])
def test_create_that_was_not_taken_is_not_unknown(
    fake: FakeFieldNation, client: FieldNation, status: int, error: type[BrokerError]
) -> None:
    fake.faults.append(Fault("POST", "/workorders", status=status))
    with pytest.raises(BrokerError) as raised:
        client.create({"title": "x", "incident_id": "mark-1"})
    assert type(raised.value) is error
    assert client.find_created("mark-1", since=SINCE) is None


def test_create_whose_connection_was_cut_may_have_happened(fake: FakeFieldNation, client: FieldNation) -> None:
    fake.faults.append(Fault("POST", "/workorders", after=True, cut=True))
    with pytest.raises(OutcomeUnknown):
        client.create({"title": "x", "incident_id": "mark-1"})
    assert client.find_created("mark-1", since=SINCE) == WORK_ORDER
    assert len(fake.work_orders) == 1


def test_create_answered_with_a_page_may_have_happened(fake: FakeFieldNation, client: FieldNation) -> None:
    fake.faults.append(Fault("POST", "/workorders", status=200, body="<html>ok</html>", after=True))
    with pytest.raises(OutcomeUnknown):
        client.create({"title": "x"})


def test_lost_create_is_found_by_incident_id_or_by_the_internal_custom_field(
    fake: FakeFieldNation, client: FieldNation
) -> None:
    client.create({"title": "other", "incident_id": "mark-10"})
    client.create({"title": "by incident", "incident_id": "mark-1"})
    client.create({"title": "by field", "custom_fields": {"results": [{"results": [{"id": 611, "value": "mark-2"}]}]}})
    assert client.find_created("mark-1", since=SINCE) == WORK_ORDER + 1
    assert client.find_created("mark-2", since=SINCE) == WORK_ORDER + 2
    assert client.find_created("mark-3", since=SINCE) is None


def test_look_up_always_sends_list_columns_and_sticky(fake: FakeFieldNation, client: FieldNation) -> None:
    client.find_created("mark-1", since=SINCE)
    query = fake.requests[-1][2]
    assert (query["list"], query["sticky"]) == ("workorders_all", "false")
    assert query["columns"] == "id,title,status,incident_id,custom_fields,milestones"
    assert (query["sort"], query["order"], query["per_page"]) == ("created_date", "desc", "100")


def test_two_work_orders_with_one_mark_are_left_to_a_person(fake: FakeFieldNation, client: FieldNation) -> None:
    client.create({"title": "one", "incident_id": "mark-1"})
    client.create({"title": "two", "incident_id": "mark-1"})
    with pytest.raises(OutcomeUnknown) as raised:
        client.find_created("mark-1", since=SINCE)
    assert f"{WORK_ORDER}, {WORK_ORDER + 1}" in raised.value.sentence


def test_older_work_order_with_the_same_mark_is_not_the_lost_one(fake: FakeFieldNation, client: FieldNation) -> None:
    client.create({"title": "last week's visit", "incident_id": "INC-1"})
    fake.created_at = "2026-07-06 08:00:00"
    today = datetime(2026, 7, 6, 8, 0, 1, tzinfo=UTC)
    assert client.find_created("INC-1", since=today) is None
    client.create({"title": "today's visit", "incident_id": "INC-1"})
    assert client.find_created("INC-1", since=today) == WORK_ORDER + 1


def test_clocks_may_differ_a_little(fake: FakeFieldNation, client: FieldNation) -> None:
    client.create({"title": "x", "incident_id": "mark-1"})
    assert client.find_created("mark-1", since=datetime(2026, 6, 29, 8, 14, tzinfo=UTC)) == WORK_ORDER
    assert client.find_created("mark-1", since=datetime(2026, 6, 29, 8, 16, tzinfo=UTC)) is None


def fill(fake: FakeFieldNation, client: FieldNation, count: int) -> None:
    client.create({"title": "the first", "incident_id": "mark-first"})
    first = fake.work_orders[WORK_ORDER]
    for number in range(WORK_ORDER + 1, WORK_ORDER + count):
        fake.work_orders[number] = {**first, "id": number, "incident_id": ""}


def test_look_up_reads_further_pages(fake: FakeFieldNation, client: FieldNation) -> None:
    fill(fake, client, 250)
    fake.requests.clear()
    assert client.find_created("mark-first", since=SINCE) == WORK_ORDER
    assert len(fake.requests) == 3


def test_look_up_stops_at_work_orders_older_than_the_attempt(fake: FakeFieldNation, client: FieldNation) -> None:
    fill(fake, client, 250)
    fake.requests.clear()
    assert client.find_created("mark-first", since=datetime(2026, 6, 29, 9, 0, tzinfo=UTC)) is None
    assert len(fake.requests) == 1


def test_look_up_among_too_many_is_not_answered_no(fake: FakeFieldNation, client: FieldNation) -> None:
    fill(fake, client, 600)
    with pytest.raises(OutcomeUnknown) as raised:
        client.find_created("mark-none", since=SINCE)
    assert "500" in raised.value.sentence


# --- the rest ---


def test_messages_are_read_into_the_work_order_on_demand(
    fake: FakeFieldNation, client: FieldNation, existing: int
) -> None:
    client.send(
        "POST", f"/workorders/{existing}/messages", purpose="add", body={"message": "Hello", "type": "INTERNAL"}
    )
    assert client.read(existing)["messages"] == {"metadata": {"total": 0}}
    assert [message["message"] for message in client.read(existing, messages=True)["messages"]["results"]] == ["Hello"]


def test_connection_test_signs_in_afresh(fake: FakeFieldNation, client: FieldNation, existing: int) -> None:
    result = client.test()
    assert result.ok
    assert result.sentence == f"Signed in to {fake.url} as api.user@example.test; 1 work order is visible."
    assert len(fake.sign_ins) == 2


def test_connection_test_does_not_pass_on_a_kept_token(
    fake: FakeFieldNation,
    client: FieldNation,
    credentials: Credentials,
    caller: Caller,
    tokens: MemoryTokens,
    existing: int,
) -> None:
    result = FieldNation(replace(credentials, client_secret="wrong-made-up"), caller, tokens).test()
    assert not result.ok
    assert result.sentence.startswith("Field Nation refused the sign-in")
