"""The webhooks management API, against the sandbox's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from broker_project.lib.errors import AuthFailed, Misconfigured, NotFound, RateLimited, Unavailable
from broker_project.sandbox import fieldnation as fn
from broker_project.sandbox.serve import Server
from connectors.fieldnation.account import Credentials
from connectors.fieldnation.webhook_logs import Attempt, WebhooksApi
from connectors.http import Caller
from connectors.tokens import MemoryTokens

NOWHERE = "http://127.0.0.1:1/in"  # nothing listens there: every attempt fails
SECRET = "5b0e7c1a-3f42-4d8e-9a67-2c1d8f0b6e94"


@pytest.fixture(scope="module")
def _running() -> Iterator[tuple[fn.FieldNationSim, str]]:
    with fn.FieldNationSim(first_wait=0.002) as sim, Server(sim.app) as url:
        yield sim, url


@pytest.fixture
def sim(_running: tuple[fn.FieldNationSim, str]) -> fn.FieldNationSim:
    _running[0].forget()
    return _running[0]


@pytest.fixture
def url(_running: tuple[fn.FieldNationSim, str]) -> str:
    return _running[1]


@pytest.fixture
def caller() -> Caller:
    return Caller(allow_private=True)


def account(url: str, **changes: Any) -> Credentials:
    return Credentials(
        **{
            "api_base": url,
            "client_id": fn.CLIENT_ID,
            "client_secret": fn.CLIENT_WORD,
            "username": fn.USERNAME,
            "password": fn.USER_WORD,
            **changes,
        }
    )


@pytest.fixture
def api(sim: fn.FieldNationSim, url: str, caller: Caller) -> WebhooksApi:
    return WebhooksApi(account(url), caller, MemoryTokens())


def fault(url: str, **rule: Any) -> None:
    assert requests.post(f"{url}/control/faults", json=[rule], timeout=5).ok


def subscribe(url: str, address: str, *events: str, status: str = "active") -> str:
    """A webhook as a person makes it; its id."""
    form = {"client_id": fn.CLIENT_ID, "client_secret": fn.CLIENT_WORD, "grant_type": "client_credentials"}
    token = requests.post(f"{url}{fn.TOKEN_PATH}", json=form, timeout=5).json()["access_token"]
    body = {"events": list(events) or ["workorder.created"], "url": address, "method": "post", "status": status}
    answer = requests.post(
        f"{url}{fn.WEBHOOKS}",
        json={**body, "secret": SECRET},
        headers={"Authorization": f"Bearer {token}"},
        timeout=5,
    )
    assert answer.status_code == 201, answer.text
    webhook_id: str = answer.json()["result"]["webhookId"]
    return webhook_id


def until_idle(sim: fn.FieldNationSim) -> None:
    limit = time.monotonic() + 60
    while not sim.idle():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)


def test_webhooks_are_listed_over_all_pages_and_their_secrets_stay_away(
    sim: fn.FieldNationSim, api: WebhooksApi, url: str, caller: Caller
) -> None:
    made = [subscribe(url, f"http://127.0.0.1:9/{number}") for number in range(27)]
    off = subscribe(url, "http://127.0.0.1:9/off", status="inactive")
    hooks = {hook.webhook_id: hook for hook in api.hooks()}
    assert set(hooks) == {*made, off}
    assert (hooks[made[3]].url, hooks[made[3]].status, hooks[made[3]].is_active) == (
        "http://127.0.0.1:9/3",
        "active",
        True,
    )
    assert (hooks[off].status, hooks[off].is_active) == ("inactive", False)
    evidence = repr(caller.exchanges)
    assert SECRET not in evidence
    assert fn.CLIENT_WORD not in evidence
    assert fn.USER_WORD not in evidence


def test_a_failed_delivery_is_told_attempt_by_attempt_newest_first(
    sim: fn.FieldNationSim, api: WebhooksApi, url: str
) -> None:
    hook = subscribe(url, NOWHERE)
    subscribe(url, NOWHERE, "workorder.status.published")  # another webhook's rows do not show
    order = sim.act("create", publish=True)["id"]
    until_idle(sim)
    page = api.log(hook, page=1)
    assert page.is_last
    assert [attempt.number for attempt in page.attempts] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert len({attempt.delivery for attempt in page.attempts}) == 1
    newest = page.attempts[0]
    assert newest.delivery_id == f"{newest.delivery}:8"
    assert (newest.webhook_id, newest.work_order_id, newest.event_name, newest.status) == (
        hook,
        order,
        "workorder.created",
        None,
    )
    assert newest.created_at is not None
    assert newest.created_at.tzinfo is UTC
    assert [attempt.is_repeated for attempt in page.attempts] == [False, *[True] * 7]
    assert not any(attempt.is_good for attempt in page.attempts)
    first, second, third = (api.log(hook, page=number, per_page=3) for number in (1, 2, 3))
    assert [len(page.attempts) for page in (first, second, third)] == [3, 3, 2]
    assert [page.is_last for page in (first, second, third)] == [False, False, True]
    assert [*first.attempts, *second.attempts, *third.attempts] == list(page.attempts)


def test_a_repeat_makes_a_delivery_of_its_own(sim: fn.FieldNationSim, api: WebhooksApi, url: str) -> None:
    hook = subscribe(url, NOWHERE)
    sim.act("create")
    until_idle(sim)
    newest = api.log(hook, page=1).attempts[0]
    api.retry(newest.delivery_id)
    until_idle(sim)
    deliveries = {attempt.delivery for attempt in api.log(hook, page=1).attempts}
    assert len(deliveries) == 2
    assert newest.delivery in deliveries
    with pytest.raises(NotFound):
        api.retry("gone:1")


@pytest.mark.parametrize(
    ("status", "number", "is_good", "is_repeated"),
    [(200, 1, True, False), (299, 8, True, False), (199, 1, False, False), (302, 1, False, False),
     (401, 1, False, False), (404, 1, False, False), (500, 7, False, True), (503, 8, False, False),
     (None, 1, False, True), (None, 8, False, False)],
)  # fmt: skip
def test_what_field_nation_repeats_by_itself(status: int | None, number: int, is_good: bool, is_repeated: bool) -> None:
    attempt = Attempt("a:1", "hook", 1, "workorder.created", status, number, datetime.now(UTC))
    assert (attempt.is_good, attempt.is_repeated) == (is_good, is_repeated)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "7", "X-RateLimit-Reset": "1782700060"}, 7.0),
        ({"X-RateLimit-Reset": "1782700042", "Date": "Mon, 29 Jun 2026 02:26:40 GMT"}, 42.0),
        ({"X-RateLimit-Reset": "1782699999", "Date": "Mon, 29 Jun 2026 02:26:40 GMT"}, 1.0),
        ({"X-RateLimit-Reset": "1792700042", "Date": "Mon, 29 Jun 2026 02:26:40 GMT"}, 3600.0),
        ({"X-RateLimit-Reset": "soon"}, 60.0),
        (
            {
                "Retry-After": "soon",
                "X-RateLimit-Reset": "1782700042",
                "Date": "Mon, 29 Jun 2026 02:26:40 GMT",
            },
            42.0,
        ),
        ({}, 60.0),
    ],
)
def test_the_rate_limit_says_how_long_to_wait(
    sim: fn.FieldNationSim, api: WebhooksApi, url: str, headers: dict[str, str], wait: float
) -> None:
    assert datetime(2026, 6, 29, 2, 26, 40, tzinfo=UTC).timestamp() == 1782700000
    fault(url, path=f"{fn.WEBHOOKS}*", status=429, times=1, headers=headers, body={"errors": [], "result": {}})
    with pytest.raises(RateLimited) as caught:
        api.hooks()
    assert caught.value.retry_after == wait
    assert f"tried again in {wait:g} s" in caught.value.sentence
    assert api.hooks() == []


def test_a_token_that_was_revoked_is_renewed_once(sim: fn.FieldNationSim, api: WebhooksApi, url: str) -> None:
    subscribe(url, NOWHERE)
    assert len(api.hooks()) == 1
    assert requests.post(f"{url}/control/tokens/revoke", timeout=5).ok
    assert len(api.hooks()) == 1
    fault(url, path=f"{fn.WEBHOOKS}*", status=401, times=None, body={"errors": [{"code": 401, "message": "No."}]})
    with pytest.raises(AuthFailed) as caught:
        api.hooks()
    assert caught.value.sentence.startswith("Field Nation refused to list the webhooks: No.")


def test_an_answer_that_never_comes_may_be_asked_for_again(sim: fn.FieldNationSim, api: WebhooksApi, url: str) -> None:
    hook = subscribe(url, NOWHERE)
    sim.act("create")
    until_idle(sim)
    fault(url, method="PATCH", path="*", drop="after", times=None)
    with pytest.raises(Unavailable):
        api.retry(api.log(hook, page=1).attempts[0].delivery_id)


@pytest.mark.parametrize("body", ["<html>", {"result": {}}, {"results": []}, []])
def test_another_server_is_recognised(sim: fn.FieldNationSim, api: WebhooksApi, url: str, body: object) -> None:
    fault(url, path=f"{fn.WEBHOOKS}*", status=200, times=1, body=body)
    with pytest.raises(Misconfigured) as caught:
        api.hooks()
    assert "Check the API address" in caught.value.sentence


def test_rows_of_another_shape_do_no_harm(sim: fn.FieldNationSim, api: WebhooksApi, url: str) -> None:
    rows = [
        None,
        {"deliveryId": ""},
        {"deliveryId": 7, "workOrderId": "x", "deliveryStatus": "timeout", "createdAt": "yesterday"},
        {"deliveryId": "a:3", "workOrderId": "12", "deliveryStatus": 500, "createdAt": "2026-06-29T02:26:40"},
    ]
    fault(url, path=f"{fn.WEBHOOKS}/delivery-logs", status=200, times=1, body={"result": rows})
    odd, plain = api.log("hook", page=1).attempts
    assert (odd.delivery_id, odd.work_order_id, odd.status, odd.number, odd.created_at) == ("7", None, None, 1, None)
    assert (plain.delivery, plain.work_order_id, plain.status, plain.number) == ("a", 12, 500, 3)
    assert plain.created_at == datetime(2026, 6, 29, 2, 26, 40, tzinfo=UTC)
