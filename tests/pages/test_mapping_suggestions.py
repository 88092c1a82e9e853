"""Pairs of fields that are suggested from their names."""

from __future__ import annotations

from typing import Any

from events.pages import mapping_fields
from events.pages.mapping_suggestions import suggest, suggestions, words_of
from mappings.engine import parse_rows

from .mapping_world import field

HELP_DESK = [
    field("subject", "Subject"),
    field("description", "Description"),
    field("zip", "ZIP"),
    field("city", "City"),
    field("amount", "Amount", "number"),
    field("scheduled_start", "Scheduled start", "datetime", sample="2026-07-02T14:00:00Z"),
    field("zodiac", "Star sign"),
    field("id", "Id", "number"),
    field("address1", "Address", readonly=True),
]
FIELD_NATION = mapping_fields.sources("outbound", [], [])


def pairs(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["target"]: row["source"] for row in rows}


def test_fields_with_like_names_are_paired() -> None:
    found = pairs(suggest(FIELD_NATION, HELP_DESK))
    assert found["subject"] == "title"
    assert found["city"] == "location.city"
    assert found["zip"] == "location.zip"
    assert found["scheduled_start"] == "schedule.service_window.start.utc"
    assert found["amount"] in ("pay.amount", "pay.base.amount")
    assert "zodiac" not in found
    assert not {"id", "address1"} & set(found)


def test_rows_have_the_documented_form_and_each_end_once() -> None:
    rows = suggest(FIELD_NATION, HELP_DESK)
    assert len(parse_rows(rows)) == len(rows)
    for end in ("source", "target"):
        assert len({row[end] for row in rows}) == len(rows)


def test_inbound_rows_go_the_other_way() -> None:
    found = pairs(suggest(mapping_fields.targets("inbound", [], []), HELP_DESK, direction="inbound"))
    assert found["title"] == "subject"
    assert found["location.city"] == "city"


def test_value_lists_are_mapped_where_their_values_read_alike() -> None:
    ours = [field("status.name", "Status", choices=[["work_done", "Work Done"], ["draft", "Draft"]])]
    theirs = [field("state", "State", choices=[["D", "Draft"], ["X", "Done"], ["Q", "Lost"]])]
    assert suggest(ours, theirs) == [
        {"action": "array_map", "source": "status.name", "target": "state",
         "mappings": [{"compare": "work_done", "value": "X"}, {"compare": "draft", "value": "D"}]}
    ]  # fmt: skip


def test_statuses_are_mapped_by_the_phase_of_the_work() -> None:
    theirs = [field("status", "Status", choices=["New", "Open", "Scheduled", "In progress", "Resolved", "Closed"])]
    [row] = suggest(FIELD_NATION, theirs)
    assert (row["action"], row["source"]) == ("array_map", "status.name")
    found = {entry["compare"]: entry["value"] for entry in row["mappings"]}
    wanted = {"draft": "New", "published": "Open", "assigned": "Scheduled", "work_done": "Resolved",
              "approved": "Closed", "cancelled": "Closed"}  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted


def test_a_status_is_never_guessed_towards_field_nation() -> None:
    """There a status is an act: approving a work order pays for it."""
    theirs = [field("status", "Status", choices=["New", "Resolved", "Closed", "Draft"])]
    ours = mapping_fields.targets("inbound", [], [])
    [row] = [row for row in suggest(ours, theirs, direction="inbound") if row["target"] == "status.name"]
    assert row["mappings"] == [{"compare": "Draft", "value": "draft"}]


def test_a_custom_field_of_a_work_order_is_no_source() -> None:
    ours = [*FIELD_NATION, field("custom_fields.612", "Priority", choices=["High", "Low"])]
    theirs = [field("priority", "Priority", choices=["High", "Low"])]
    assert [row["source"] for row in suggest(ours, theirs)] == ["custom_fields.612"]
    assert suggestions(ours, theirs, direction="outbound") == []
    [back] = suggestions(ours, theirs, direction="inbound")
    assert (back.row["target"], back.doubt) == ("custom_fields.612", "")


def test_a_date_in_another_form_is_converted() -> None:
    [row] = suggest([field("start", type="datetime")], [field("start", type="datetime", sample="2026-07-02T14:00:00Z")])
    assert (row["action"], row["input_format"], row["output_format"]) == (
        "date_convert", "YYYY-MM-DD HH:mm:ss", "YYYY-MM-DDTHH:mm:ss[Z]",
    )  # fmt: skip


def test_types_that_do_not_go_together_are_not_paired() -> None:
    assert suggest([field("title")], [field("title", type="number")]) == []


def test_words_of_a_name_are_found_in_every_spelling() -> None:
    assert words_of("scheduleStartDate") == words_of("schedule_start_date") == {"schedule", "start", "date"}
    assert words_of("name") == {"name"}
