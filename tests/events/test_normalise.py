"""From Field Nation's work order to the documented payload."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.catalogue import EVENTS, by_constant
from events.normalise import from_webhook, normalise_work_order, utc_text, with_correlation
from events.payload import parse_event

AT = datetime(2026, 6, 29, 8, 14, 30, tzinfo=timezone(timedelta(hours=-5)))
FIELD_NATION_MARK = "0f3c" * 10

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)


def objects(**members: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Objects with any further members, and each of ``members`` present or not."""
    known = st.fixed_dictionaries({}, optional=dict(members))
    return st.builds(lambda others, own: {**others, **own}, st.dictionaries(texts, values, max_size=3), known)


status_names = st.sampled_from(["Published", "Work Done", " On  My\tWay ", "at_risk", "İstanbul", ""]) | values
work_orders = objects(
    status=objects(name=status_names, display_name=values) | values,
    pay=objects(amount=values, base=objects(amount=values) | values) | values,
    correlation_id=values,
)


@pytest.mark.parametrize(
    ("received", "name"),
    [
        ("Published", "published"),
        ("Work Done", "work_done"),
        ("On My Way", "on_my_way"),
        ("  At \t Risk\n", "at_risk"),
        ("assigned", "assigned"),
        ("work_done", "work_done"),
    ],
)
def test_status_name_takes_the_documented_form_and_the_original_is_kept(received: str, name: str) -> None:
    normal = normalise_work_order({"id": 7, "status": {"id": 3, "name": received, "display": "x"}})
    assert normal == {"id": 7, "status": {"id": 3, "name": name, "display": "x", "display_name": received}}


def test_a_display_name_that_came_is_not_overwritten() -> None:
    normal = normalise_work_order({"status": {"name": "work_done", "display_name": "Work Done"}})
    assert normal["status"] == {"name": "work_done", "display_name": "Work Done"}


@pytest.mark.parametrize("status", [None, "Assigned", ["Assigned"], {}, {"name": None}, {"name": 3, "id": 3}])
def test_status_of_another_shape_is_left_alone(status: object) -> None:
    assert normalise_work_order({"status": status}) == {"status": status}


@pytest.mark.parametrize(
    ("pay", "normal"),
    [
        ({"type": "hourly", "base": {"amount": 65.0, "units": 3}}, 65.0),
        ({"base": {"amount": 0}}, 0),
        ({"base": {"amount": 65.0}, "amount": None}, 65.0),
        ({"base": {"amount": 65.0}, "amount": 70.0}, 70.0),
        ({"base": {"amount": 65.0}, "amount": 0}, 0),
        ({"amount": 70.0}, 70.0),
    ],
)
def test_pay_amount_comes_from_the_base_unless_it_is_there(pay: dict[str, Any], normal: object) -> None:
    assert normalise_work_order({"pay": pay}) == {"pay": {**pay, "amount": normal}}


@pytest.mark.parametrize(
    "pay", [None, 65.0, [], {}, {"base": None}, {"base": 65}, {"base": {}}, {"base": {"units": 1}}]
)
def test_pay_without_a_base_amount_gets_none(pay: object) -> None:
    assert normalise_work_order({"pay": pay}) == {"pay": pay}


def test_members_that_need_nothing_stay_and_none_is_added() -> None:
    work_order = {
        "id": 7,
        "custom_fields": {"results": [{"id": 1, "results": []}]},
        "correlation_id": FIELD_NATION_MARK,
    }
    assert normalise_work_order(work_order) == work_order


@settings(max_examples=150, deadline=None)
@given(work_orders)
def test_normalising_twice_is_normalising_once_and_the_input_stays(work_order: dict[str, Any]) -> None:
    before = deepcopy(work_order)
    once = normalise_work_order(work_order)
    assert work_order == before
    assert normalise_work_order(once) == once
    assert once.keys() == work_order.keys()


def test_webhook_becomes_the_documented_payload() -> None:
    work_order = {"id": 4410027, "title": "Swap", "status": {"id": 3, "name": "Work Done"}}
    payload = from_webhook(event=by_constant("FN_WO_DONE"), occurred_at=AT, work_order=work_order)
    assert payload == {
        "event_type": "FN_WO_DONE",
        "event_timestamp": "2026-06-29T13:14:30Z",
        "workorder": {
            "id": 4410027,
            "title": "Swap",
            "status": {"id": 3, "name": "work_done", "display_name": "Work Done"},
        },
        "correlation_id": None,
    }


def test_own_correlation_overrides_the_mark_that_field_nation_put_into_the_work_order() -> None:
    work_order = {"id": 7, "correlation_id": FIELD_NATION_MARK}
    event = by_constant("FN_WO_DONE")
    linked = from_webhook(event=event, occurred_at=AT, work_order=work_order, correlation_id="a1f0")
    assert (linked["correlation_id"], linked["workorder"]) == ("a1f0", {"id": 7, "correlation_id": "a1f0"})
    unlinked = from_webhook(event=event, occurred_at=AT, work_order=work_order)
    assert (unlinked["correlation_id"], unlinked["workorder"]) == (None, work_order)
    assert work_order == {"id": 7, "correlation_id": FIELD_NATION_MARK}


def test_moment_without_a_time_zone_is_a_bug() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        from_webhook(event=EVENTS[0], occurred_at=datetime(2026, 6, 29), work_order={})  # noqa: DTZ001


def test_utc_text_keeps_microseconds_and_drops_the_offset() -> None:
    assert utc_text(AT.replace(microsecond=1500)) == "2026-06-29T13:14:30.001500Z"
    assert utc_text(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("correlation_id", ["a1f0", None])
def test_correlation_of_one_connector_replaces_both_without_touching_the_event(correlation_id: str | None) -> None:
    payload = {"workorder": {"id": 7, "correlation_id": FIELD_NATION_MARK}, "correlation_id": "of another", "x": [1]}
    before = deepcopy(payload)
    assert with_correlation(payload, correlation_id) == {
        "workorder": {"id": 7, "correlation_id": correlation_id},
        "correlation_id": correlation_id,
        "x": [1],
    }
    assert payload == before


def test_correlation_is_not_put_into_a_work_order_that_has_no_such_member() -> None:
    assert with_correlation({"workorder": {"id": 7}}, "a1f0") == {"workorder": {"id": 7}, "correlation_id": "a1f0"}


@settings(max_examples=100, deadline=None)
@given(
    event=st.sampled_from(EVENTS),
    occurred_at=st.datetimes(
        min_value=datetime(2000, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes))),
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    ),
    work_order=work_orders,
    correlation_id=st.none() | st.text("abc-1", min_size=1),
    more=values,
)
def test_payload_of_a_webhook_is_accepted_as_it_is(
    event: Any, occurred_at: datetime, work_order: dict[str, Any], correlation_id: str | None, more: object
) -> None:
    payload = from_webhook(
        event=event,
        occurred_at=occurred_at,
        work_order={**work_order, "id": 7, "more": more},
        correlation_id=correlation_id,
    )
    parsed = parse_event(payload, size=None)
    assert parsed.payload == payload
    assert parsed.occurred_at == occurred_at
    assert (parsed.event_type, parsed.correlation_id) == (event.constant, correlation_id)
