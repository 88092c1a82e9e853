"""Every code has its page, every page leads somewhere, every symptom of the documentation is there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from django.urls import reverse

import events
from broker_project.lib import errors as error_family
from broker_project.lib.errors import BrokerError
from events import outcome
from events.catalogue import NoEvent
from events.sentences import SENTENCES
from events.triggered import REFUSALS
from events.troubleshoot import (
    arrival,
    diagnosis,
    entries_failures,
    entries_nothing,
    entries_system,
    entries_waits,
    mapping,
    places,
    queue,
    record,
    routing,
    target,
)
from events.troubleshoot.errors import DONE, ELSEWHERE, ERRORS, help_link
from events.troubleshoot.symptoms import SECTIONS, SYMPTOMS

from .cases import CASES


def family(kind: type[BrokerError]) -> Iterator[type[BrokerError]]:
    """The error and all that derive from it in the product; a test's own errors are not counted."""
    if kind.__module__.startswith(("broker_project.", "connectors.", "events.", "mappings.", "synclog.")):
        yield kind
    for below in kind.__subclasses__():
        yield from family(below)


def codes_in_use() -> set[str]:
    """Every code that the product can give to a delivery or a log."""
    found = {kind.code for kind in family(BrokerError)}
    found |= {rule.code for rule in outcome.RULES.values() if rule.code}
    found |= {*SENTENCES, *REFUSALS, *(reason.value for reason in NoEvent), *written_codes()}
    return found


def written_codes() -> set[str]:
    """Literals given as ``code=…`` or to ``_nothing(…)`` in the flow."""
    found = set()
    for path in Path(events.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            given = [word.value for word in node.keywords if word.arg == "code"]
            if isinstance(node.func, ast.Name) and node.func.id == "_nothing":
                given += node.args[:1]
            found |= {one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found


def test_the_codes_are_really_found() -> None:
    assert {"validation", "waiting_bug", "not_ticked", "stale", "postponed", "trigger_no_id"} <= codes_in_use()
    assert {"no_change", "adopted", "trigger_gone", "not_linked", "connector_held"} <= written_codes()


def test_every_code_has_a_page_or_says_that_something_was_done() -> None:
    without = {code for code in codes_in_use() if code not in ERRORS and code not in DONE}
    assert {code for code in without if not code.startswith(ELSEWHERE)} == set()


def test_nothing_that_was_done_is_explained_as_an_error() -> None:
    assert not DONE & ERRORS.keys()
    assert codes_in_use() >= DONE


def test_every_code_that_a_check_names_has_a_page() -> None:
    named = set()
    for module in (arrival, mapping, queue, record, routing, target, diagnosis):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                named.add(node.value.value)
    assert {"not_received", "lane_blocked", "some_fields"} <= named
    assert named <= ERRORS.keys()


def test_a_code_stands_on_one_page_only() -> None:
    every = [
        entry.code
        for module in (entries_failures, entries_waits, entries_nothing, entries_system)
        for entry in module.ENTRIES
    ]
    assert len(every) == len(set(every)) == len(ERRORS)


@pytest.mark.parametrize("code", ERRORS)
def test_every_page_says_whole_sentences_and_leads_somewhere(code: str) -> None:
    entry = ERRORS[code]
    for text in (entry.meaning, *entry.causes, *entry.fixes):
        assert text[0].isupper(), text
        assert text.endswith("."), text
    assert entry.causes
    assert entry.fixes
    assert entry.places
    assert set(entry.places) <= places.PLACES.keys()
    assert set(entry.symptoms) <= SYMPTOMS.keys()
    assert help_link(code) == reverse("admin:troubleshooter_error", args=[code])


def test_a_code_without_a_page_has_no_link() -> None:
    assert help_link("created", 7) == ""
    assert help_link("validation", 7).endswith("/validation/?connector=7")


@pytest.mark.parametrize("name", places.PLACES)
def test_every_place_has_an_address(name: str) -> None:
    assert places.address(name).startswith("/admin/")


DOCUMENTED = {
    "First look": 7, "Sign-in and rights": 5, "Values and fields": 6, "Triggers and webhooks": 4,
    "Events to the external system": 3, "Scripts and mappings": 3, "Speed": 3,
}  # fmt: skip
"""Rows of each table of symptoms in the broker's documentation."""


def test_every_documented_symptom_is_an_entry_point() -> None:
    assert {section.title: len(section.symptoms) for section in SECTIONS} == DOCUMENTED
    assert len(SYMPTOMS) == sum(DOCUMENTED.values())


@pytest.mark.parametrize("slug", SYMPTOMS)
def test_every_symptom_leads_to_checks_and_errors(slug: str) -> None:
    symptom = SYMPTOMS[slug]
    assert len(symptom.steps) >= 2
    for step in symptom.steps:
        assert step[0].isupper() and step.endswith((".", "?"))
    assert symptom.codes
    assert set(symptom.codes) <= ERRORS.keys()
    assert set(symptom.places) <= places.PLACES.keys()


def test_error_pages_and_symptoms_name_each_other() -> None:
    """Who starts at the error finds the symptom, and who starts at the symptom finds the error."""
    one_way = {(entry.code, slug) for entry in ERRORS.values() for slug in entry.symptoms
               if entry.code not in SYMPTOMS[slug].codes}  # fmt: skip
    other_way = {(code, slug) for slug, symptom in SYMPTOMS.items() for code in symptom.codes
                 if slug not in ERRORS[code].symptoms}  # fmt: skip
    assert (one_way, other_way) == (set(), set())


def test_the_error_family_is_imported_whole() -> None:
    assert error_family.Forbidden in set(family(BrokerError))


CAUSED_BESIDES: Final = {"waiting_bug", "no_connector", "no_change", "duplicate", "some_fields", "webhook_off"}
"""Codes that test_causes.py and test_pages.py cause outside the table of cases."""


def test_every_symptom_is_met_by_something_that_the_sandbox_causes() -> None:
    caused = {case.code for case in CASES} | CAUSED_BESIDES
    assert {slug for slug, symptom in SYMPTOMS.items() if not caused & set(symptom.codes)} == set()


def test_every_reason_that_a_delivery_can_carry_is_caused_in_the_sandbox() -> None:
    caused = {case.code for case in CASES} | CAUSED_BESIDES
    general = {"api", "adopted"}  # the base of its family; a state of milliseconds
    carried = {entry.code for entry in ERRORS.values() if entry.is_state}
    carried |= {entry.code for entry in entries_nothing.ENTRIES} - {"unchanged", "kept_external", "kept_field_nation",
                                                                    "filled_already"}  # fmt: skip
    assert carried - caused - general == set()
