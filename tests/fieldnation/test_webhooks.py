from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.webhooks import UnreadableWebhook, parse, sign, signature_ok

SECRET = "5b0e7c1a-3f42-4d8e-9a67-2c1d8f0b6e94"
BODY = (
    b'{"event":{"name":"workorder.status.assigned","params":{"work_order_id":4410027,"status_id":3,'
    b'"previous_status_id":9}},"timestamp":"2026-06-29T08:14:30-05:00","triggered_by_user":{"id":5011},'
    b'"workorder":{"id":4410027,"title":"Swap failed edge switch","status":{"id":3,"name":"Assigned"}}}'
)
SIGNATURE = "sha256=bf1a95ff7ce46ac78ea90f3ec8159076b73adae6e702f4ce762ddbbe068c91cf"
HEADERS = {
    "X-FN-Signature": SIGNATURE,
    "X-FN-Webhook-Id": "0b7f6c52-0000-4000-8000-000000000001",
    "X-FN-Delivery-Id": "0b7f6c52-0000-4000-8000-000000000002:3",
    "X-FN-Event-Trace-Id": "0b7f6c52-0000-4000-8000-000000000003",
    "X-FN-Request-Timestamp": "1782738871000",
}


def body(**changes: object) -> bytes:
    return json.dumps({**json.loads(BODY), **changes}).encode()


def test_worked_example_is_signed_as_documented() -> None:
    assert len(BODY) == 287
    assert sign(BODY, SECRET) == SIGNATURE
    assert signature_ok(BODY, SIGNATURE, [SECRET])


@pytest.mark.parametrize(
    ("raw", "secret", "digest_begins"),
    [
        (json.dumps(json.loads(BODY)).encode(), SECRET, "d8b0fb23"),
        (BODY + b"\n", SECRET, "3c8e9bb1"),
        (BODY, SECRET.upper(), "0bd7c0ae"),
    ],
    ids=["printed again with spaces", "newline added", "secret in capitals"],
)
def test_wrong_ways_give_the_documented_digests_and_are_refused(raw: bytes, secret: str, digest_begins: str) -> None:
    wrong = sign(raw, secret)
    assert wrong.startswith(f"sha256={digest_begins}")
    assert not signature_ok(BODY, wrong, [SECRET])


def test_secret_decoded_from_hex_is_a_wrong_key() -> None:
    wrong = hmac.new(bytes.fromhex(SECRET.replace("-", "")), BODY, "sha256").hexdigest()
    assert wrong.startswith("15892635")
    assert not signature_ok(BODY, f"sha256={wrong}", [SECRET])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256",
        "sha256=",
        "sha1=" + SIGNATURE[7:],
        "SHA256=" + SIGNATURE[7:],
        "md5=" + SIGNATURE[7:],
        SIGNATURE[7:],
        SIGNATURE[:-1],
        SIGNATURE + "0",
        SIGNATURE.replace("b", "B"),
        "sha256=zz" + SIGNATURE[9:],
        "sha256=\udcff\N{SNOWMAN}",
        "sha256=" + SIGNATURE,
    ],
)
def test_missing_or_malformed_signature_is_refused_without_an_exception(header: str | None) -> None:
    assert not signature_ok(BODY, header, [SECRET])


def test_old_and_new_secret_are_accepted_during_a_change() -> None:
    assert signature_ok(BODY, sign(BODY, "old"), ["new", "old"])
    assert signature_ok(BODY, sign(BODY, "new"), ["new", "old"])
    assert not signature_ok(BODY, sign(BODY, "older"), ["new", "old"])


def test_no_secret_and_an_empty_secret_accept_nothing() -> None:
    assert not signature_ok(BODY, SIGNATURE, [])
    assert not signature_ok(BODY, sign(BODY, ""), [""])


@given(
    st.binary(max_size=60), st.text(min_size=1, max_size=30).filter(lambda text: text.isascii()), st.binary(min_size=1)
)
@settings(max_examples=50)
def test_only_the_signed_bytes_pass(raw: bytes, secret: str, tail: bytes) -> None:
    assert signature_ok(raw, sign(raw, secret), [secret])
    assert not signature_ok(raw + tail, sign(raw, secret), [secret])


def test_documented_form_is_parsed() -> None:
    webhook = parse(BODY, HEADERS)
    assert webhook.event_name == "workorder.status.assigned"
    assert webhook.work_order_id == 4410027
    assert webhook.status_id == 3
    assert webhook.timestamp == datetime(2026, 6, 29, 13, 14, 30, tzinfo=UTC)
    assert webhook.timestamp.tzinfo is UTC
    assert webhook.triggered_by == 5011
    assert webhook.work_order == {
        "id": 4410027,
        "title": "Swap failed edge switch",
        "status": {"id": 3, "name": "Assigned"},
    }
    assert (webhook.delivery_uuid, webhook.attempt) == ("0b7f6c52-0000-4000-8000-000000000002", 3)
    assert webhook.webhook_id.endswith("1")
    assert webhook.trace_id.endswith("3")
    assert webhook.body == json.loads(BODY)


def test_header_names_are_case_insensitive() -> None:
    assert parse(BODY, {name.lower(): value for name, value in HEADERS.items()}) == parse(BODY, HEADERS)


def test_older_camel_case_form_is_accepted() -> None:
    raw = json.dumps(
        {
            "eventName": "workorder.created",
            "eventId": "evt-1",
            "workOrderId": "4410027",
            "timestamp": "2026-06-29T13:14:30Z",
            "data": {
                "id": 4410027,
                "typesOfWork": [{"id": 76, "isPrimary": True}],
                "schedule": {"serviceWindow": {"start": {"utc": "2026-07-01 14:00:00"}}},
                "customFields": {"Ticket number": "INC-20418"},
            },
        }
    ).encode()
    webhook = parse(
        raw, {"x-fn-event-name": "workorder.created", "x-fn-delivery-id": "del_81", "x-fn-webhook-id": "wh_4"}
    )
    assert webhook.event_name == "workorder.created"
    assert webhook.work_order_id == 4410027
    assert webhook.timestamp == datetime(2026, 6, 29, 13, 14, 30, tzinfo=UTC)
    assert (webhook.delivery_uuid, webhook.attempt, webhook.webhook_id) == ("del_81", 1, "wh_4")
    assert (webhook.status_id, webhook.triggered_by, webhook.trace_id) == (None, None, "")
    assert webhook.work_order == {
        "id": 4410027,
        "types_of_work": [{"id": 76, "isPrimary": True}],
        "schedule": {"service_window": {"start": {"utc": "2026-07-01 14:00:00"}}},
        "custom_fields": [{"name": "Ticket number", "value": "INC-20418"}],
    }


def test_event_id_stands_in_for_a_missing_delivery_id() -> None:
    raw = json.dumps(
        {"eventName": "workorder.created", "eventId": "evt-1", "workOrderId": 7, "timestamp": "2026-06-29T13:14:30Z"}
    )
    assert parse(raw.encode(), {}).delivery_uuid == "evt-1"


@pytest.mark.parametrize(
    ("delivery_id", "expected"),
    [
        ("abc:1", ("abc", 1)),
        ("abc:12", ("abc", 12)),
        ("abc", ("abc", 1)),
        ("a:b", ("a:b", 1)),
        (":2", (":2", 1)),
        ("", ("", 1)),
    ],
)
def test_delivery_id_is_split_at_its_last_colon(delivery_id: str, expected: tuple[str, int]) -> None:
    webhook = parse(BODY, {"X-FN-Delivery-Id": delivery_id})
    assert (webhook.delivery_uuid, webhook.attempt) == expected


@pytest.mark.parametrize("number", [4410027, 4410027.0, "4410027", " 4410027 "])
def test_work_order_id_is_compared_as_a_number(number: object) -> None:
    raw = body(event={"name": "workorder.created", "params": {"work_order_id": number}}, workorder={})
    assert parse(raw, {}).work_order_id == 4410027


@pytest.mark.parametrize("number", [None, "", "abc", 0, -3, True, 2**63, [1], 1.5])
def test_work_order_id_falls_back_to_the_work_order_itself(number: object) -> None:
    raw = body(event={"name": "workorder.created", "params": {"work_order_id": number}})
    assert parse(raw, {}).work_order_id == 4410027


def test_missing_members_are_tolerated() -> None:
    raw = b'{"event":{"name":"workorder.routed","params":{"work_order_id":7}},"timestamp":"2026-06-29T08:14:30Z"}'
    webhook = parse(raw, {})
    assert (webhook.work_order, webhook.triggered_by, webhook.status_id, webhook.attempt) == ({}, None, None, 1)


def test_unknown_event_names_are_kept_for_the_caller_to_judge() -> None:
    assert parse(body(event={"name": "workorder.something_new", "params": {"work_order_id": 7}}), {}).work_order_id == 7


def test_missing_timestamp_falls_back_to_the_time_of_sending() -> None:
    assert parse(body(timestamp=None), HEADERS).timestamp == datetime.fromtimestamp(1782738871, tz=UTC)


def test_body_without_an_event_is_a_foreign_payload() -> None:
    with pytest.raises(UnreadableWebhook) as raised:
        parse(b'{"workOrder": 7, "state": "done"}', HEADERS)
    assert raised.value.status == 422
    assert raised.value.sentence.startswith("Customised or foreign payload")
    assert isinstance(raised.value, InvalidRecord)


@pytest.mark.parametrize("raw", [b"[]", b'"x"', b"7", b"null"])
def test_json_that_is_no_object_is_a_foreign_payload(raw: bytes) -> None:
    with pytest.raises(UnreadableWebhook) as raised:
        parse(raw, HEADERS)
    assert raised.value.status == 422


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe\x00", b'{"a": NaN}', b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_body_that_is_no_json_is_told_apart(raw: bytes) -> None:
    with pytest.raises(UnreadableWebhook) as raised:
        parse(raw, HEADERS)
    assert raised.value.status == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"event": {"name": "workorder.created", "params": {}}, "workorder": {}},
        {"timestamp": None},
        {"timestamp": "yesterday"},
        {"event": {"name": 7}},
        {"event": {"name": "  "}},
        {"event": []},
    ],
)
def test_event_that_cannot_be_placed_is_refused_as_unprocessable(changes: dict[str, object]) -> None:
    with pytest.raises(UnreadableWebhook) as raised:
        parse(body(**changes), {})
    assert raised.value.status == 422


def test_what_the_database_refuses_is_taken_out() -> None:
    raw = BODY.replace(b"Swap failed", b"Swap\\u0000 \\ud800failed")
    webhook = parse(raw, HEADERS)
    assert webhook.work_order["title"] == "Swap \ufffdfailed edge switch"
    assert webhook.body["workorder"]["title"] == "Swap \ufffdfailed edge switch"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["event", "timestamp", "triggered_by_user", "workorder", "data", "eventName", "workOrderId", "eventId"]
        ),
        json_values | st.fixed_dictionaries({"name": json_values, "params": json_values, "id": json_values}),
    ),
    st.dictionaries(st.sampled_from(list(HEADERS)), st.text(max_size=12)),
)
@settings(max_examples=150)
def test_any_body_is_parsed_or_refused_with_a_sentence(payload: dict[str, object], headers: dict[str, str]) -> None:
    try:
        webhook = parse(json.dumps(payload).encode(), headers)
    except UnreadableWebhook as refused:
        status, sentence = refused.status, refused.sentence
    else:
        status, sentence = 200, "Parsed."
        assert webhook.work_order_id > 0
        assert webhook.timestamp.tzinfo is UTC
    assert status in (200, 422)
    assert sentence.endswith((".", ")."))
