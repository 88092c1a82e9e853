"""Every outcome has a sentence, with its facts and without them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from events import sentences
from events.catalogue import NoEvent
from events.sentences import SENTENCES, explain


@pytest.fixture(autouse=True)
def _as_in_a_running_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "STRICT", False)


@pytest.fixture
def _strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "STRICT", True)


def test_every_code_is_used_with_exactly_its_facts() -> None:
    """Every literal ``explain("code", fact=…)`` of the package names a code of the table with all its facts."""
    used = set()
    for path in (Path(sentences.__file__).parent).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "explain"):
                continue
            if not (node.args and isinstance(node.args[0], ast.Constant)):
                continue
            code, given = str(node.args[0].value), {keyword.arg for keyword in node.keywords}
            assert code in SENTENCES, f"{path.name}: {code}"
            if None not in given:
                assert given == SENTENCES[code].facts, f"{path.name}: {code}"
            used.add(code)
    assert {"created", "duplicate", "retry_planned", "work_order_created"} <= used


@pytest.mark.parametrize("code", SENTENCES)
def test_every_code_gives_whole_sentences_with_and_without_its_facts(code: str) -> None:
    facts = {name: f"«{name}»" for name in SENTENCES[code].facts}
    full, plain = explain(code, **facts), explain(code)
    assert all(fact in full for fact in facts.values())
    assert "«" not in plain
    for text in (full, plain):
        assert text[0].isupper() or text[0] == "«"
        assert text.endswith(".")
        assert "{" not in text
    assert (full != plain) is bool(facts)


def test_facts_are_written_for_people() -> None:
    assert explain("retry_planned", cause="It was busy", attempt=2, attempts=8, seconds=60) == (
        "Attempt 2 of 8 failed: It was busy. The next one follows 60 seconds later."
    )
    assert explain("filtered", reason="status.name is not assigned.") == (
        "Nothing was sent: the filter of the event trigger leaves this work order out (status.name is not assigned)."
    )
    assert explain("created", target="rec.{x}.") == "Record rec.{x}. was created."


def test_a_missing_fact_falls_back_to_the_plain_sentence() -> None:
    assert explain("retry_planned", cause="x", attempt=2) == "The attempt failed. It will be repeated."


def test_a_fact_too_many_is_left_out() -> None:
    assert explain("created", target="17", colour="red") == "Record 17 was created."


def test_an_unknown_code_is_shown_as_it_is() -> None:
    assert explain("mislaid", by="x") == "Outcome: mislaid."


@pytest.mark.usefixtures("_strict")
@pytest.mark.parametrize(
    ("code", "facts"),
    [("created", {}), ("created", {"target": "17", "colour": "red"}), ("noted", {"by": "x"}), ("mislaid", {})],
)
def test_in_tests_wrong_codes_and_facts_raise(code: str, facts: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=code):
        explain(code, **facts)


@pytest.mark.usefixtures("_strict")
def test_in_tests_right_facts_pass() -> None:
    assert explain("created", target="17") == "Record 17 was created."


def test_every_reason_of_a_webhook_without_event_has_a_sentence() -> None:
    assert {reason.value for reason in NoEvent} <= SENTENCES.keys()
    assert explain(NoEvent.NO_COUNTERPART, name="workorder.tag_added") == (
        "Nothing was sent: no work order event corresponds to the webhook workorder.tag_added."
    )
