"""The advice about a choice of events, without a database."""

from __future__ import annotations

import pytest

from events import catalogue
from events.pages.trigger_advice import Advice, Facts, Ticked, advise

QUIET = Facts(outbound_create=True, limited=True, mapped=("", "note"))
END = Ticked("FN_WO_CANCELLED")


def about(event: str, *ticked: Ticked, facts: Facts = QUIET) -> dict[str, str]:
    """The sentences about ``event`` by code."""
    return {one.code: one.sentence for one in advise([*ticked, END], facts) if one.event == event}


def test_a_sound_choice_needs_no_advice() -> None:
    assert advise([Ticked("FN_WO_DONE"), Ticked("FN_WO_SCHEDULE_UPDATED"), END], QUIET) == []


def test_nothing_ticked_is_said_for_the_page() -> None:
    assert [(one.event, one.code) for one in advise([], QUIET)] == [("", "nothing_ticked")]


@pytest.mark.parametrize("end", ["FN_WO_CANCELLED", "FN_WO_DELETED"])
def test_an_end_of_work_orders_should_be_ticked(end: str) -> None:
    assert [(one.event, one.code) for one in advise([Ticked("FN_WO_DONE")], QUIET)] == [("", "no_end")]
    assert advise([Ticked("FN_WO_DONE"), Ticked(end)], QUIET) == []


def test_an_overlap_is_told_at_both_events_with_the_documented_rule() -> None:
    both = (Ticked("FN_WO_ROUTED"), Ticked("FN_WO_STATUS_ROUTED"))
    rule = (
        "One act of routing raises both, the first once per provider. Choose FN_WO_STATUS_ROUTED unless each provider "
        "matters."
    )

    assert about("FN_WO_ROUTED", *both) == {"overlap": f"Status routed is ticked too. {rule}"}
    assert about("FN_WO_STATUS_ROUTED", *both) == {"overlap": f"Routed to a provider is ticked too. {rule}"}
    assert about("FN_WO_ROUTED", both[0]) == {}


def test_each_documented_pair_is_advised_about() -> None:
    for event in catalogue.EVENTS:
        for overlap in event.overlaps[:-1]:
            for other in overlap.others:
                assert "overlap" in about(event.constant, Ticked(event.constant), Ticked(other)), (event, other)


def test_the_general_event_is_told_once_and_counts_the_others() -> None:
    general, *others = (Ticked("FN_WO_UPDATED", delivery_mode="newest"), Ticked("FN_WO_DONE"), Ticked("FN_WO_DRAFT"))
    found = [one.event for one in advise([general, *others, END], QUIET) if one.code == "overlap"]

    assert found == ["FN_WO_UPDATED"]
    assert about("FN_WO_UPDATED", general, *others)["overlap"].startswith(
        "Draft and Work done and Cancelled are ticked"
    )
    five = [Ticked(event.constant) for event in catalogue.SECTIONS["Work Order Creation & Status"]]
    assert about("FN_WO_UPDATED", general, *five)["overlap"].startswith("6 other events are ticked too.")


def test_an_event_without_a_webhook_says_what_brings_it() -> None:
    for event in catalogue.EVENTS:
        codes = about(event.constant, Ticked(event.constant))
        assert ("no_webhook" in codes) is (event.webhook is None), event.constant
        assert ("weak_webhook" in codes) is (event.webhook_grade == "weak"), event.constant
    assert about("FN_WO_ATTACHMENT_ADDED", Ticked("FN_WO_ATTACHMENT_ADDED", "create", "note")) == {
        "weak_webhook": "Its webhook comes for files of the provider only."
    }


def test_a_frequent_event_asks_for_the_newest_state_only() -> None:
    assert "Newest state only" in about("FN_WO_UPDATED", Ticked("FN_WO_UPDATED"))["often"]
    assert "often" not in about("FN_WO_UPDATED", Ticked("FN_WO_UPDATED", delivery_mode="newest"))


def test_a_frequent_event_that_cannot_merge_asks_for_a_limit() -> None:
    note = Ticked("FN_WO_MESSAGE_ADDED", "create", "note")
    unlimited = Facts(outbound_create=True, limited=False, mapped=("", "note"))

    assert "limit the calls per minute" in about("FN_WO_MESSAGE_ADDED", note, facts=unlimited)["often"]
    assert about("FN_WO_MESSAGE_ADDED", note) == {}


def test_create_record_needs_outbound_create_for_the_main_record_only() -> None:
    off = Facts(outbound_create=False, limited=True, mapped=("", "note"))

    assert set(about("FN_WO_DONE", Ticked("FN_WO_DONE", "create"), facts=off)) == {"create_is_off"}
    assert about("FN_WO_DONE", Ticked("FN_WO_DONE", "create", "note"), facts=off) == {}
    assert about("FN_WO_DONE", Ticked("FN_WO_DONE", "create")) == {}


@pytest.mark.parametrize(
    ("action", "target_object", "mapped", "expected"),
    [
        ("update", "", ["note"], "There is no outbound mapping for the main record, so nothing is sent."),
        ("create", "note", [""], "There is no outbound mapping for “note”, so nothing is sent."),
        ("script", "", [], ""),
        ("create", "", [""], ""),
    ],
)
def test_an_action_without_mappings_is_told(action: str, target_object: str, mapped: list[str], expected: str) -> None:
    facts = Facts(outbound_create=True, limited=True, mapped=mapped)
    told = about("FN_WO_DONE", Ticked("FN_WO_DONE", action, target_object), facts=facts).get("no_mappings", "")

    assert told.startswith(expected)
    assert bool(told) is bool(expected)


def test_advice_stands_in_the_order_of_the_page() -> None:
    found = advise([Ticked("FN_WO_ALERTS_SENT"), Ticked("FN_WO_APPROVED"), Ticked("FN_WO_PAYMENT_APPROVED")], QUIET)

    assert [one.event for one in found] == [
        "", "FN_WO_APPROVED", "FN_WO_ALERTS_SENT", "FN_WO_PAYMENT_APPROVED", "FN_WO_PAYMENT_APPROVED",
    ]  # fmt: skip
    assert found[0] == Advice("", "no_end", found[0].sentence)


@pytest.mark.parametrize(
    ("ticked", "told"),
    [
        (Ticked("FN_WO_MESSAGE_ADDED"), True),
        (Ticked("FN_WO_TASK_MESSAGE_ADDED"), True),
        (Ticked("FN_WO_DONE", action="create", target_object="note"), True),
        (Ticked("FN_WO_MESSAGE_ADDED", action="script"), False),
        (Ticked("FN_WO_DONE"), False),
    ],
)
def test_a_note_without_a_mapping_is_told_for_the_page(ticked: Ticked, told: bool) -> None:
    def page_codes(mapped: tuple[str, ...]) -> list[str]:
        return [one.code for one in advise([ticked, END], Facts(True, True, mapped)) if not one.event]

    assert page_codes(("",)) == (["no_note_mapping"] if told else [])
    assert page_codes(("", "note")) == []
