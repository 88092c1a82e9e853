"""What ``POST /events/`` takes, what it refuses and in which words, and when two bodies are one event."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_project.lib.errors import InvalidRecord
from events.payload import MAX_BYTES, MAX_DEPTH, EventPayload, PayloadError, dedupe_key, parse_event
from events.payload import parse_moment as moment
from events.payload import parse_work_order_id as work_order_id

DOCUMENTED = {
    "event_type": "FN_WO_SCHEDULE_UPDATED",
    "event_timestamp": "2026-06-28T19:05:41Z",
    "workorder": {
        "id": 4410027,
        "title": "Swap failed edge switch",
        "status": {"id": 3, "name": "assigned"},
        "assignee": {"user": {"id": 70311, "first_name": "Rui", "last_name": "Okafor"}},
        "schedule": {
            "service_window": {"start": {"utc": "2026-07-02 14:00:00"}, "end": {"utc": "2026-07-02 18:00:00"}}
        },
        "pay": {"type": "hourly", "amount": 65.0},
        "custom_fields": [{"id": 611, "name": "Ticket number", "value": "INC-20418"}],
    },
    "correlation_id": "a1f0c77e",
}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
work_orders = st.fixed_dictionaries(
    {"title": values},
    optional={
        "status": values | st.fixed_dictionaries({"name": values | st.just("Work Done"), "id": values}),
        "pay": values | st.fixed_dictionaries({"base": values | st.fixed_dictionaries({"amount": values})}),
    },
)


def body(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(DOCUMENTED), **changes}


def parsed(**changes: Any) -> EventPayload:
    return parse_event(body(**changes), size=None)


def refusal(obj: object, *, size: int | None = None) -> PayloadError:
    with pytest.raises(PayloadError) as refused:
        parse_event(obj, size=size)
    assert isinstance(refused.value, InvalidRecord)
    return refused.value


def test_documented_example_is_parsed() -> None:
    event = parse_event(DOCUMENTED, size=900)
    stored = body()
    stored["workorder"]["status"]["display_name"] = "assigned"
    assert event == EventPayload(
        event_type="FN_WO_SCHEDULE_UPDATED",
        received_name="FN_WO_SCHEDULE_UPDATED",
        caution="",
        occurred_at=datetime(2026, 6, 28, 19, 5, 41, tzinfo=UTC),
        work_order_id=4410027,
        work_order=stored["workorder"],
        correlation_id="a1f0c77e",
        event_id=None,
        payload=stored,
    )


def test_stored_payload_is_normalised_and_keeps_unknown_members() -> None:
    event = parsed(
        event_type="FN_WO_PAID",
        event_timestamp="2026-06-29T00:35:41.250+05:30",
        workorder={"id": " 0071 ", "status": {"name": "Work Done"}, "pay": {"base": {"amount": 9}}, "new": [1]},
        correlation_id="",
        event_id="ev-1",
        extra={"x": None},
    )
    assert event.payload == {
        "event_type": "FN_WO_PAYMENT_APPROVED",
        "event_timestamp": "2026-06-28T19:05:41.250000Z",
        "workorder": {
            "id": 71,
            "status": {"name": "work_done", "display_name": "Work Done"},
            "pay": {"base": {"amount": 9}, "amount": 9},
            "new": [1],
        },
        "correlation_id": None,
        "event_id": "ev-1",
        "extra": {"x": None},
    }
    assert (event.event_type, event.received_name) == ("FN_WO_PAYMENT_APPROVED", "FN_WO_PAID")
    assert "FN_WO_PAID is a legacy name" in event.caution
    assert (event.work_order_id, event.work_order) == (71, event.payload["workorder"])
    assert (event.correlation_id, event.event_id) == (None, "ev-1")
    assert event.occurred_at == datetime(2026, 6, 28, 19, 5, 41, 250000, tzinfo=UTC)


def test_a_missing_correlation_is_stored_as_null() -> None:
    obj = body()
    del obj["correlation_id"]
    event = parse_event(obj, size=None)
    assert event.correlation_id is None
    assert event.payload["correlation_id"] is None


@pytest.mark.parametrize("given_id", [4410027, "4410027", " 4410027 ", "04410027", 4410027.0])
def test_work_order_id_is_taken_as_number_or_digits(given_id: object) -> None:
    assert work_order_id(given_id, field="x") == 4410027


@pytest.mark.parametrize(
    "given_id",
    [
        None,
        "",
        "WO-7",
        "7.0",
        "-7",
        "\u0667",
        "1_000",
        0,
        -7,
        True,
        7.5,
        float("inf"),
        float("nan"),
        [7],
        2**63,
        "9" * 19,
    ],
)
def test_other_work_order_ids_are_refused(given_id: object) -> None:
    with pytest.raises(PayloadError) as refused:
        work_order_id(given_id, field="params.work_order_id")
    assert refused.value.field == "params.work_order_id"
    assert refused.value.sentence == ("params.work_order_id must be the number of the work order, for example 4410027.")


def test_largest_work_order_id_fits_a_bigint_column() -> None:
    assert work_order_id(2**63 - 1, field="x") == 2**63 - 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-28T19:05:41Z", datetime(2026, 6, 28, 19, 5, 41, tzinfo=UTC)),
        ("2026-06-29T08:14:30-05:00", datetime(2026, 6, 29, 13, 14, 30, tzinfo=UTC)),
        ("2026-06-29T08:14:30+0545", datetime(2026, 6, 29, 2, 29, 30, tzinfo=UTC)),
        ("2026-06-29 08:14:30+00", datetime(2026, 6, 29, 8, 14, 30, tzinfo=UTC)),
        ("20260629T081430Z", datetime(2026, 6, 29, 8, 14, 30, tzinfo=UTC)),
        ("2026-06-29T08:14:30.123456789Z", datetime(2026, 6, 29, 8, 14, 30, 123456, tzinfo=UTC)),
    ],
)
def test_moment_of_any_offset_becomes_utc(text: str, expected: datetime) -> None:
    found = moment(text, field="x")
    assert (found, found.tzinfo) == (expected, UTC)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "x is missing or is not text."),
        ("", "x is missing or is not text."),
        (1782673541, "x is missing or is not text."),
        ("2026-06-28T19:05:41", "x has no time zone."),
        ("2026-06-28", "x has no time zone."),
        ("yesterday", "x is not a time: 'yesterday'."),
        ("2026-02-30T00:00:00Z", "x is not a time: '2026-02-30T00:00:00Z'."),
        ("0001-01-01T00:00:00+14:00", "x is not a time: '0001-01-01T00:00:00+14:00'."),
        ("\ud800", "x is not a time: '\\ud800'."),
        ("9" * 1000, f"x is not a time: '{'9' * 40}'."),
    ],
)
def test_other_moments_are_refused_with_advice(value: object, why: str) -> None:
    with pytest.raises(PayloadError) as refused:
        moment(value, field="x")
    assert refused.value.field == "x"
    assert refused.value.sentence == (
        f"{why} Send x as ISO 8601 text with Z or an offset, for example 2026-06-28T19:05:41Z."
    )


@pytest.mark.parametrize(
    ("obj", "field"),
    [
        (None, "body"),
        ([], "body"),
        ("FN_WO_DONE", "body"),
        ({}, "event_type"),
        (body(event_type=None), "event_type"),
        (body(event_type=""), "event_type"),
        (body(event_type=["FN_WO_DONE"]), "event_type"),
        (body(event_type="FN_WO_FINISHED"), "event_type"),
        (body(event_timestamp=None), "event_timestamp"),
        (body(event_timestamp="soon"), "event_timestamp"),
        (body(workorder=None), "workorder"),
        (body(workorder=[{"id": 1}]), "workorder"),
        (body(workorder=4410027), "workorder"),
        (body(workorder={}), "workorder.id"),
        (body(workorder={"id": "x"}), "workorder.id"),
        (body(correlation_id=["a"]), "correlation_id"),
        (body(correlation_id=True), "correlation_id"),
        (body(correlation_id=1.5), "correlation_id"),
        (body(correlation_id="a" * 256), "correlation_id"),
        (body(event_id={}), "event_id"),
        (body(event_id="a" * 256), "event_id"),
    ],
)
def test_refusal_names_the_member_to_change(obj: object, field: str) -> None:
    error = refusal(obj)
    assert error.field == field
    assert error.sentence.endswith((".", "?"))
    assert field in error.sentence or field in ("body", "event_type")


def test_unknown_event_is_refused_in_the_words_of_the_catalogue() -> None:
    error = refusal(body(event_type="FN_WO_CANCELED"))
    assert error.sentence.startswith("'FN_WO_CANCELED' is not a work order event. Did you mean FN_WO_CANCELLED")


def test_numeric_external_ids_are_taken_as_text_and_the_longest_fits() -> None:
    event = parsed(correlation_id=20418, event_id="e" * 255)
    assert (event.correlation_id, event.payload["correlation_id"]) == ("20418", "20418")
    assert event.event_id == "e" * 255


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_blank_ids_count_as_none(blank: str | None) -> None:
    event = parsed(correlation_id=blank, event_id=blank)
    assert (event.correlation_id, event.event_id) == (None, None)


def test_size_is_limited_in_bytes() -> None:
    assert parse_event(body(), size=MAX_BYTES).work_order_id == 4410027
    error = refusal(body(), size=MAX_BYTES + 1)
    assert (error.field, error.sentence) == (
        "body",
        "The body has 2097153 bytes; at most 2097152 are taken. Send less.",
    )


def nested(levels: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(levels - 1):
        inner = [inner]
    return inner


def test_nesting_is_limited_in_levels() -> None:
    assert parsed(deep=nested(MAX_DEPTH - 1)).payload["deep"] == nested(MAX_DEPTH - 1)
    error = refusal(body(deep=nested(MAX_DEPTH)))
    assert error.field == "deep" + "[0]" * 63
    assert error.sentence == f"{error.field} is nested deeper than 64 levels. Send less depth."


def test_nesting_far_beyond_the_recursion_limit_is_refused_the_same_way() -> None:
    assert refusal(body(deep=nested(100_000))).sentence.endswith("is nested deeper than 64 levels. Send less depth.")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), json.loads("1e999")])
def test_numbers_that_are_no_json_are_refused_by_path(number: float) -> None:
    error = refusal(body(workorder={"id": 7, "custom_fields": [{"value": 1}, {"value": number}]}))
    assert error.field == "workorder.custom_fields[1].value"
    assert error.sentence.startswith("workorder.custom_fields[1].value is NaN, infinite or too large a number.")


@pytest.mark.parametrize("text", ["\x00", "a\x00b"])
def test_nul_is_refused_in_values_and_names(text: str) -> None:
    error = refusal(body(workorder={"id": 7, "title": text}))
    assert error.field == "workorder.title"
    assert error.sentence == ("workorder.title holds a NUL character (\\u0000), which cannot be stored. Remove it.")
    assert refusal(body(workorder={"id": 7, "x": [{text: 1}]})).field == "workorder.x[0]"
    assert refusal(body(**{text: 1})).sentence.startswith("The name of a member of body holds a NUL character")


@pytest.mark.parametrize("text", ["\ud83d", "x\ude00", "\ude00\ud83d"])
def test_half_a_surrogate_pair_is_refused_and_a_whole_character_is_not(text: str) -> None:
    assert refusal(body(note=text)).field == "note"
    assert refusal(body(note={text: 1})).field == "note"
    assert parsed(note=json.loads('"\\ud83d\\ude00"')).payload["note"] == "😀"


@pytest.mark.parametrize("value", [b"x", (1,), {1}, datetime(2026, 1, 1, tzinfo=UTC)])
def test_what_is_no_json_value_is_refused(value: object) -> None:
    assert refusal(body(extra=[value])).sentence == "extra[0] is not a JSON value."


def test_sentence_stays_short_under_names_of_any_length() -> None:
    error = refusal(body(**{"k" * 1_000_000: [{"n" * 1_000_000: float("nan")}] * 1000}))
    assert error.field == "k" * 60 + "[0]." + "n" * 60
    assert len(error.sentence) < 300


@settings(max_examples=100, deadline=None)
@given(work_order=work_orders, extra=st.dictionaries(texts, values, max_size=3))
def test_parsing_leaves_the_body_alone_and_a_stored_payload_is_its_own_form(
    work_order: dict[str, Any], extra: dict[str, Any]
) -> None:
    obj = {**extra, **DOCUMENTED, "workorder": {**work_order, "id": 7}}
    before = deepcopy(obj)
    once = parse_event(obj, size=None)
    assert obj == before
    twice = parse_event(once.payload, size=None)
    assert twice.payload == once.payload
    assert dedupe_key(twice, idempotency_key=None) == dedupe_key(once, idempotency_key=None)


@settings(max_examples=200, deadline=None)
@given(values | st.dictionaries(st.sampled_from([*DOCUMENTED, "event_id"]), values | work_orders))
def test_any_json_is_either_parsed_or_refused_with_a_field(obj: object) -> None:
    try:
        event: EventPayload | PayloadError = parse_event(obj, size=None)
    except PayloadError as error:
        event = error
    assert event.work_order_id > 0 if isinstance(event, EventPayload) else event.field and event.sentence


def key(*, idempotency_key: str | None = None, **changes: Any) -> str:
    return dedupe_key(parsed(**changes), idempotency_key=idempotency_key)


def test_same_body_written_differently_is_the_same_event() -> None:
    backwards = json.loads(json.dumps(dict(reversed(DOCUMENTED.items()))))
    backwards["event_timestamp"] = "2026-06-28T14:05:41.000-05:00"
    backwards["workorder"] = {**dict(reversed(DOCUMENTED["workorder"].items())), "id": "4410027"}  # type: ignore[attr-defined]
    assert dedupe_key(parse_event(backwards, size=None), idempotency_key=None) == key()


def test_key_is_a_stable_hex_sha256() -> None:
    # of ["event_id","ev-1"]: a version that computes another key takes every event of the day before again
    assert key(event_id="ev-1") == "b3b6aa2768cdf9ddabf05d5be86744b829511ab65bbb2fd5792ea6f69a9ecb73"


@pytest.mark.parametrize(
    "changes",
    [
        {"event_type": "FN_WO_DONE"},
        {"event_timestamp": "2026-06-28T19:05:41.000001Z"},
        {"workorder": {**DOCUMENTED["workorder"], "id": 4410028}},  # type: ignore[dict-item]
        {"workorder": {**DOCUMENTED["workorder"], "title": "Swap failed edge switch."}},  # type: ignore[dict-item]
        {"correlation_id": None},
        {"extra": None},
    ],
)
def test_any_difference_in_content_is_another_event(changes: dict[str, Any]) -> None:
    assert key(**changes) != key()


def test_an_explicit_key_alone_decides_and_the_header_goes_before_the_member() -> None:
    assert key(event_id="a") == key(event_id="a", event_type="FN_WO_DONE")
    assert key(idempotency_key="k") == key(idempotency_key="k", event_id="a", correlation_id="other")
    assert key(idempotency_key="k") != key(idempotency_key="l")
    assert key(event_id="a") != key(event_id="b")


@pytest.mark.parametrize("blank", [None, "", " "])
def test_a_blank_idempotency_key_is_no_key(blank: str | None) -> None:
    assert key(idempotency_key=blank, event_id="a") == key(event_id="a")
    assert key(idempotency_key=blank, event_id=blank) != key(idempotency_key="x", event_id=blank)


@settings(max_examples=100, deadline=None)
@given(texts.filter(str.strip))
def test_keys_of_different_kinds_never_meet(text: str) -> None:
    assert len({key(idempotency_key=text), key(event_id=text), key()}) == 3
