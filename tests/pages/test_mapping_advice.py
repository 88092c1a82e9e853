"""What the Field Mappings page says about rows that could be saved."""

from __future__ import annotations

from typing import Any

import pytest

from events.pages import mapping_fields
from events.pages.mapping_advice import Known, advise, contradictions, inbound_missing, required_missing
from events.pages.mapping_rows import PageRow

from .mapping_world import field, page_row, value_list

TARGETS = [
    field("subject"),
    field("amount", type="number"),
    field("vip", type="boolean"),
    field("stage", choices=[["Open", "Open"], ["Closed", "Closed"]]),
    field("made_at", readonly=True),
]


def outbound() -> Known:
    sources = mapping_fields.lookup(mapping_fields.sources("outbound", [], []))
    return Known(sources, mapping_fields.lookup(TARGETS), seen={"odd.one": 1})


def said(row: PageRow, known: Known | None = None) -> list[str]:
    return [one.sentence for one in advise([row], known or outbound())]


@pytest.mark.parametrize(
    "source",
    ["title", "workorder.title", "pay.amount", "pay.base.amount", "contacts[0].email", "schedule.service_window",
     "correlation_id", "workorder", "odd.one", "tasks.results[3].label"],
)  # fmt: skip
def test_nothing_is_said_about_a_source_that_is_sent(source: str) -> None:
    assert said(page_row(source=source)) == []


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("titel", "titel is not among the fields that Field Nation is known to send; check the spelling. "
                  "Did you mean title?"),
        ("priority", "Field Nation sends no field priority; check the spelling."),
        ("workorder.weather", "workorder.weather is not among the fields that Field Nation is known to send; check the "
                              "spelling."),
        ("custom_fields.611", "A custom field has no path. Use Custom with the script "
                              "$.util.lookup_custom_field(611, $.input, null)."),
    ],
)  # fmt: skip
def test_a_source_that_is_not_sent_is_named_with_the_nearest(source: str, sentence: str) -> None:
    assert said(page_row(source=source)) == [sentence]


def test_the_field_parts_of_a_text_are_sources_too() -> None:
    parts = [{"type": "static", "value": "titel"}, {"type": "field", "value": "titel"}]
    assert len(said(page_row("concat", options={"parts": parts}))) == 1


@pytest.mark.parametrize(
    ("source", "target", "is_told"),
    [("title", "amount", True), ("title", "vip", True), ("contacts", "subject", True),
     ("pay.amount", "amount", False), ("pay.amount", "subject", False), ("title", "subject", False)],
)  # fmt: skip
def test_a_copy_between_types_that_do_not_go_together_is_told(source: str, target: str, is_told: bool) -> None:
    found = said(page_row(source=source, target=target))
    assert [sentence.endswith("such as Array Map, Date Convert or Custom.") for sentence in found] == [True] * is_told


def test_a_value_that_the_target_does_not_offer_is_told() -> None:
    row = value_list("status.name", "stage", {"draft": "Open", "done": "Closd"}, has_default=True, default="Later")
    assert said(row) == [
        '"Closd" is not in the list of values of stage. Did you mean Closed?',
        '"Later" is not in the list of values of stage.',
    ]


def test_text_for_a_number_is_told_and_numeric_text_is_not() -> None:
    assert said(page_row("set_static", "amount", options={"value": "many"})) == [
        '"many" is text, and amount takes a number.'
    ]
    assert said(page_row("set_static", "amount", options={"value": "12.5"})) == []


def test_targets_that_cannot_be_written_are_told() -> None:
    assert said(page_row(target="made_at")) == ["The external system does not let made_at be written."]
    assert said(page_row(target="subjct")) == [
        "subjct is not among the fields found in the external system. Did you mean subject?"
    ]
    assert said(page_row(target="anything"), Known({}, {})) == [
        "title is not among the fields that Field Nation is known to send; check the spelling."
    ]


@pytest.mark.parametrize(
    ("target", "sentence"),
    [("pay.total", "pay.total cannot be written: Field Nation computes it."),
     ("titel", "titel cannot be written: Field Nation has no such field. Did you mean title?")],
)  # fmt: skip
def test_inbound_targets_that_field_nation_does_not_take_are_told(target: str, sentence: str) -> None:
    assert said(page_row(direction="inbound", source="subject", target=target), Known({}, {})) == [sentence]


@pytest.mark.parametrize("target", ["title", "workorder.title", "status_id", "custom_fields.611", "pay.amount"])
def test_inbound_targets_under_any_documented_name_are_fine(target: str) -> None:
    targets = mapping_fields.lookup(mapping_fields.targets("inbound", [], []))
    assert said(page_row(direction="inbound", source="subject", target=target), Known({}, targets)) == []


def test_a_row_that_is_off_is_left_in_peace() -> None:
    assert said(page_row(source="titel", is_enabled=False)) == []


def test_required_targets_are_missing_unless_a_row_that_is_on_fills_them() -> None:
    wanted = mapping_fields.lookup([field("subject", required=True), field("site.city", required=True), field("note")])
    rows = [page_row(target="site"), page_row(target="subject", is_enabled=False)]
    assert [one["path"] for one in required_missing(rows, wanted)] == ["subject"]


def test_what_a_new_work_order_lacks_counts_every_name_of_a_field() -> None:
    rows = [
        page_row(direction="inbound", target=target) for target in ("workorder.title", "pay.amount", "type_of_work")
    ]
    missing = inbound_missing(rows)
    assert not {"title", "pay.base.amount", "types_of_work"} & set(missing)
    assert "location.city" in missing


# --- There and back ---------------------------------------------------------------------------------------------------


def trips(out: dict[Any, Any], back: dict[Any, Any], **more: Any) -> list[str]:
    there = value_list("status.name", "stage", out)
    home = value_list("stage", more.pop("target", "status_id"), back, direction="inbound", **more)
    return [one.sentence for one in contradictions([there], [home])]


def test_value_lists_that_lead_astray_are_told_on_both_rows() -> None:
    assert trips({"done": "Closed"}, {"Closed": "cancelled"}) == [
        'Outbound makes "Closed" of "done", and "Closed" comes back as "cancelled". Compare with the entries of the '
        "inbound row for the same fields."
    ]
    assert len(trips({"done": "Closed", "cancelled": "Gone"}, {"Closed": "cancelled"})) == 2


@pytest.mark.parametrize(
    ("out", "back"),
    [
        ({"done": "Closed"}, {"Closed": "done"}),
        ({"work_done": "Closed"}, {"Closed": "Work Done"}),
        ({"done": "Closed", "paid": "Closed"}, {"Closed": "done"}),
        ({"done": "Closed"}, {"Open": "draft"}),
        ({"done": "Closed"}, {"Closed": "done", "Solved": "done"}),
    ],
    ids=["inverse", "spelled otherwise", "two become one", "not met", "two come back as one"],
)
def test_value_lists_that_settle_are_not_told(out: dict[str, str], back: dict[str, str]) -> None:
    assert trips(out, back) == []


def test_value_lists_of_other_fields_or_switched_off_are_not_compared() -> None:
    assert trips({"done": "Closed"}, {"Closed": "cancelled"}, target="pay.type") == []
    assert trips({"done": "Closed"}, {"Closed": "cancelled"}, is_enabled=False) == []
