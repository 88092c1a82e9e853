"""What the preview of the Field Mappings page makes of rows and a sample."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from broker_project.lib.errors import MappingError
from events.pages.mapping_preview import PATIENCE, Preview, example_of, preview
from events.pages.mapping_rows import PageRow
from mappings.jsonnet import Sandbox
from mappings.scripts import ScriptResult

from .mapping_world import page_row, value_list

INPUT: dict[str, Any] = {"title": "Swap the switch", "pay": {"amount": 65}, "status": {"name": "assigned"}, "id": 7}


@pytest.fixture(scope="module")
def scripts() -> Iterator[Sandbox]:
    made = Sandbox()
    yield made
    made.close()


class NoScripts:
    def run(self, script: str, input: dict[str, Any], *, name: str) -> ScriptResult:
        raise MappingError("no scripts here")


def shown(*rows: PageRow, event_type: str = "", runner: Any = None, clock: Any = lambda: 0.0) -> Preview:
    return preview(rows, INPUT, runner or NoScripts(), event_type=event_type, clock=clock)


def test_each_row_shows_what_it_read_and_gave() -> None:
    found = shown(page_row(), value_list("status.name", "state.name", {"assigned": "Open"}))
    row = found.rows["k-state.name"]
    assert (row["source"], row["result"], row["default_used"]) == ('"assigned"', '"Open"', False)
    assert found.fields == {"subject": "Swap the switch", "state": {"name": "Open"}}


def test_one_bad_row_hides_nothing_of_the_others() -> None:
    bad = page_row("range_map", "tier", source="title", options={"ranges": [{"compare": 1, "value": "S"}]})
    found = shown(bad, page_row("no_such_action", "x"), page_row(target="bad..path"), page_row())
    assert [("error" in found.rows[key]) for key in ("k-tier", "k-x", "k-bad..path", "k-subject")] == [
        True, True, True, False,
    ]  # fmt: skip
    assert found.fields == {"subject": "Swap the switch"}


def test_defaults_and_what_is_left_out_are_told() -> None:
    found = shown(page_row(source="none", has_default=True, default="-"), page_row(target="other", source="none"))
    assert found.rows["k-subject"]["default_used"]
    assert found.rows["k-other"]["left_out"]
    assert found.rows["k-other"]["warning"] == ("other was left out, because none is missing and there is no default.")
    assert found.fields == {"subject": "-"}


def test_a_row_that_is_off_is_tried_and_fills_nothing() -> None:
    found = shown(page_row(is_enabled=False))
    assert found.rows["k-subject"]["result"] == '"Swap the switch"'
    assert found.fields == {}


def test_a_row_for_other_events_is_not_run() -> None:
    row = page_row(events=("FN_WO_DONE",))
    assert shown(row, event_type="FN_WO_ASSIGNED").rows["k-subject"] == {
        "skipped": "It does not run for FN_WO_ASSIGNED."
    }
    assert shown(row, event_type="FN_WO_DONE").fields == {"subject": "Swap the switch"}


def test_scripts_run_in_the_sandbox_and_an_error_names_its_line(scripts: Sandbox) -> None:
    good = page_row("custom", "a", options={"script": "std.trace('seen', $.input.id + 1)"})
    bad = page_row("custom", "b", options={"script": "local x = 1;\n$.input.nothing"})
    found = shown(good, bad, runner=scripts)
    assert (found.rows["k-a"]["result"], len(found.rows["k-a"]["trace"])) == ("8", 1)
    assert found.rows["k-b"]["line"] == 2
    assert found.fields == {"a": 8}


def test_when_scripts_take_too_long_the_rest_of_them_is_not_begun() -> None:
    ticks = count(step=PATIENCE + 1)
    script = {"script": "1"}
    found = shown(page_row("custom", "a", options=script), page_row(), clock=lambda: float(next(ticks)))
    assert found.rows["k-a"]["skipped"].startswith("Not tried")
    assert found.fields == {"subject": "Swap the switch"}


def test_long_values_are_cut() -> None:
    found = preview([page_row()], {"title": "x" * 5000}, NoScripts(), clock=lambda: 0.0)
    assert len(found.rows["k-subject"]["result"]) < 600
    assert found.fields["subject"] == "x" * 5000


@pytest.mark.parametrize(
    ("options", "example"),
    [
        ({"input_format": "YYYY-MM-DD HH:mm:ss", "output_format": "DD MMM YYYY, h:mm A",
          "timezone_in": "UTC", "timezone_out": "America/Denver"}, "2026-03-04 05:06:07 → 03 Mar 2026, 10:06 PM"),
        ({"input_format": "YYYY-MM-DD", "output_format": "MM/DD/YYYY"}, "2026-03-04 → 03/04/2026"),
        ({"input_format": "QQ", "output_format": "YYYY"}, ""),
        ({"input_format": "YYYY-MM-DD", "output_format": "YYYY", "timezone_in": "Mars/Base"}, ""),
    ],
)  # fmt: skip
def test_a_date_row_shows_an_example_of_its_formats(options: dict[str, str], example: str) -> None:
    assert example_of(page_row("date_convert", "when", options=options)) == example
