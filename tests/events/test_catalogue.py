"""The catalogue against the documented tables, written out here a second time."""

from __future__ import annotations

import pytest

from broker_project.lib.errors import InvalidRecord
from events import catalogue
from events.catalogue import ALIASES, EVENTS, PRESETS, SECTIONS, WEBHOOK_NAMES, NoEvent, UnknownEvent

SECTION_MEMBERS = {
    "Work Order Creation & Status": "CREATED DRAFT PUBLISHED APPROVED DELETED",
    "Provider Assignment": "ROUTED STATUS_ROUTED ASSIGNED CONFIRMED DECLINED UNDECLINED",
    "Work Execution": "ON_MY_WAY PROVIDER_CHECKED_IN PROVIDER_CHECKED_OUT TASK_COMPLETED DONE",
    "Schedule & Timeline": "SCHEDULE_UPDATED DELAYED POSTPONED AT_RISK",
    "Updates & Changes": ("UPDATED CUSTOM_FIELD_VALUE_UPDATED SHIPMENT_UPDATED INTEGRATION_STATUS_UPDATED ALERTS_SENT"),
    "Messages & Communication": "MESSAGE_ADDED TASK_MESSAGE_ADDED CLOSE_OUT_ADDED",
    "Financial Events": "PAYMENT_APPROVED EXPENSE_ADDED COUNTER_OFFER",
    "Additional Events": "ATTACHMENT_ADDED CANCELLED PENDING_QUALIFICATIONS PROBLEM_REPORTED",
}

WEBHOOKS = {
    "workorder.created": "FN_WO_CREATED",
    "workorder.routed": "FN_WO_ROUTED",
    "workorder.requested": None,
    "workorder.declined": "FN_WO_DECLINED",
    "workorder.undeclined": "FN_WO_UNDECLINED",
    "workorder.task_completed": "FN_WO_TASK_COMPLETED",
    "workorder.task_incomplete": None,
    "workorder.provider_upload": "FN_WO_ATTACHMENT_ADDED",
    "workorder.message_posted": "FN_WO_MESSAGE_ADDED",
    "workorder.custom_field_value_updated": "FN_WO_CUSTOM_FIELD_VALUE_UPDATED",
    "workorder.schedule_updated": "FN_WO_SCHEDULE_UPDATED",
    "workorder.tag_added": None,
    "workorder.tag_removed": None,
    "workorder.part_updated": None,
    "workorder.problem_reported": "FN_WO_PROBLEM_REPORTED",
    "workorder.problem_resolved": None,
    "workorder.status.at_risk": "FN_WO_AT_RISK",
    "workorder.status.delayed": "FN_WO_DELAYED",
    "workorder.status.on_my_way": "FN_WO_ON_MY_WAY",
    "workorder.status.checked_in": "FN_WO_PROVIDER_CHECKED_IN",
    "workorder.status.checked_out": "FN_WO_PROVIDER_CHECKED_OUT",
    "workorder.status.work_done": "FN_WO_DONE",
    "workorder.status.approved": "FN_WO_APPROVED",
    "workorder.status.paid": "FN_WO_PAYMENT_APPROVED",
    "workorder.status.cancelled": "FN_WO_CANCELLED",
    "workorder.status.deleted": "FN_WO_DELETED",
    "workorder.status.postponed": "FN_WO_POSTPONED",
    "workorder.status.draft": "FN_WO_DRAFT",
    "workorder.status.routed": "FN_WO_STATUS_ROUTED",
    "workorder.status.published": "FN_WO_PUBLISHED",
    "workorder.status.confirmed": "FN_WO_CONFIRMED",
    "workorder.status.assigned": "FN_WO_ASSIGNED",
    "workorder.status.assigned_cancelled": None,
}


def short(*events: catalogue.WorkOrderEvent) -> set[str]:
    return {event.constant.removeprefix("FN_WO_") for event in events}


def test_sections_and_their_members_stand_in_page_order() -> None:
    found = [(name, " ".join(e.constant.removeprefix("FN_WO_") for e in events)) for name, events in SECTIONS.items()]
    assert found == list(SECTION_MEMBERS.items())
    assert [len(events) for events in SECTIONS.values()] == [5, 6, 5, 4, 5, 3, 3, 4]
    assert tuple(event for events in SECTIONS.values() for event in events) == EVENTS


def test_thirty_five_events_have_unique_names_and_complete_texts() -> None:
    assert len(EVENTS) == len({e.constant for e in EVENTS}) == len({e.name for e in EVENTS}) == 35
    assert all(e.meaning.endswith(".") and e.fires and not e.fires.endswith(".") for e in EVENTS)


def test_webhook_names_are_the_documented_thirty_three() -> None:
    assert {name: known.constant for name, known in WEBHOOK_NAMES.items()} == WEBHOOKS
    assert len(WEBHOOK_NAMES) == 33
    assert sum(known.constant is None for known in WEBHOOK_NAMES.values()) == 7
    assert {name for name, known in WEBHOOK_NAMES.items() if known.weak} == {
        "workorder.provider_upload",
        "workorder.status.paid",
    }


def test_grades_of_the_counterparts_are_the_documented_ones() -> None:
    by_grade = {grade: short(*(e for e in EVENTS if e.webhook_grade == grade)) for grade in ("near", "weak", "none")}
    assert by_grade == {
        "near": {"PROVIDER_CHECKED_IN", "PROVIDER_CHECKED_OUT", "DONE", "MESSAGE_ADDED"},
        "weak": {"PAYMENT_APPROVED", "ATTACHMENT_ADDED"},
        "none": {
            "UPDATED",
            "SHIPMENT_UPDATED",
            "INTEGRATION_STATUS_UPDATED",
            "ALERTS_SENT",
            "TASK_MESSAGE_ADDED",
            "CLOSE_OUT_ADDED",
            "EXPENSE_ADDED",
            "COUNTER_OFFER",
            "PENDING_QUALIFICATIONS",
        },
    }
    assert sum(e.webhook_grade == "same" for e in EVENTS) == 20
    assert all((e.webhook is None) == (e.webhook_grade == "none") for e in EVENTS)


def test_every_webhook_leads_to_the_event_that_names_it() -> None:
    counterparts = [e for e in EVENTS if e.webhook]
    assert len(counterparts) == 26
    for event in counterparts:
        assert event.webhook is not None
        assert catalogue.from_webhook(event.webhook) is event
        assert catalogue.why_no_event(event.webhook) is None


@pytest.mark.parametrize("name", [name for name, constant in WEBHOOKS.items() if constant is None])
def test_known_webhook_without_event_is_told_as_such(name: str) -> None:
    assert catalogue.from_webhook(name) is None
    assert catalogue.why_no_event(name) is NoEvent.NO_COUNTERPART


@pytest.mark.parametrize("name", ["workorder.renamed", "workorder.Created", "FN_WO_CREATED", "created", ""])
def test_unknown_webhook_name_is_told_apart_from_a_known_one(name: str) -> None:
    assert catalogue.from_webhook(name) is None
    assert catalogue.why_no_event(name) is NoEvent.UNKNOWN_NAME


def test_presets_have_exactly_the_documented_members() -> None:
    minimal = ("FN_WO_ASSIGNED", "FN_WO_DONE", "FN_WO_APPROVED")
    standard = (*minimal, "FN_WO_MESSAGE_ADDED", "FN_WO_SCHEDULE_UPDATED", "FN_WO_CUSTOM_FIELD_VALUE_UPDATED")
    assert dict(PRESETS) == {
        "Minimal": minimal,
        "Standard": standard,
        "Comprehensive": (
            *standard,
            "FN_WO_ON_MY_WAY",
            "FN_WO_PROVIDER_CHECKED_IN",
            "FN_WO_PROVIDER_CHECKED_OUT",
            "FN_WO_PAYMENT_APPROVED",
            "FN_WO_ATTACHMENT_ADDED",
        ),
    }
    assert list(PRESETS) == ["Minimal", "Standard", "Comprehensive"]
    assert all(catalogue.by_constant(constant) for preset in PRESETS.values() for constant in preset)


def test_messages_and_attachments_alone_create_a_record_by_default() -> None:
    assert short(*(e for e in EVENTS if e.default_action == "create")) == {"MESSAGE_ADDED", "ATTACHMENT_ADDED"}
    assert {e.default_action for e in EVENTS} == {"create", "update"}


def test_high_frequency_events_are_the_four_that_the_page_marks() -> None:
    assert short(*(e for e in EVENTS if e.high_frequency)) == {
        "PROVIDER_CHECKED_IN",
        "PROVIDER_CHECKED_OUT",
        "UPDATED",
        "MESSAGE_ADDED",
    }


def test_events_that_tell_an_act_of_its_own_are_never_merged() -> None:
    assert short(*(e for e in EVENTS if not e.mergeable)) == {
        "ROUTED",
        "DECLINED",
        "UNDECLINED",
        "ON_MY_WAY",
        "PROVIDER_CHECKED_IN",
        "PROVIDER_CHECKED_OUT",
        "TASK_COMPLETED",
        "ALERTS_SENT",
        "MESSAGE_ADDED",
        "TASK_MESSAGE_ADDED",
        "CLOSE_OUT_ADDED",
        "EXPENSE_ADDED",
        "COUNTER_OFFER",
        "ATTACHMENT_ADDED",
        "PROBLEM_REPORTED",
    }


def test_wording_conflicts_are_noted_on_the_three_events_that_have_one() -> None:
    assert short(*(e for e in EVENTS if e.note)) == {"APPROVED", "DELAYED", "POSTPONED"}
    assert "on hold" in catalogue.by_constant("FN_WO_DELAYED").note
    assert "running late" in catalogue.by_constant("FN_WO_DELAYED").note


def test_overlaps_are_symmetric_and_never_name_the_event_itself() -> None:
    seen = {(e.constant, other, o.rule) for e in EVENTS for o in e.overlaps for other in o.others}
    assert seen == {(other, constant, rule) for constant, other, rule in seen}
    assert all(constant != other for constant, other, _ in seen)
    assert {other for _, other, _ in seen} == {e.constant for e in EVENTS}


def test_overlaps_of_close_events_are_the_documented_groups() -> None:
    close = {
        frozenset({e.constant.removeprefix("FN_WO_"), *(c.removeprefix("FN_WO_") for c in o.others)})
        for e in EVENTS
        for o in e.overlaps[:-1]
    }
    assert close == {
        frozenset({"ROUTED", "STATUS_ROUTED"}),
        frozenset({"ASSIGNED", "CONFIRMED"}),
        frozenset({"CREATED", "DRAFT", "PUBLISHED"}),
        frozenset({"DELAYED", "AT_RISK", "POSTPONED"}),
        frozenset({"APPROVED", "PAYMENT_APPROVED"}),
        frozenset({"MESSAGE_ADDED", "TASK_MESSAGE_ADDED"}),
        frozenset({"DONE", "TASK_COMPLETED", "CLOSE_OUT_ADDED"}),
    }


def test_general_update_overlaps_with_every_specific_event() -> None:
    general = catalogue.by_constant("FN_WO_UPDATED").overlaps
    assert [len(overlap.others) for overlap in general] == [34]
    assert catalogue.by_constant("FN_WO_CANCELLED").overlaps[-1].others == ("FN_WO_UPDATED",)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.constant)
def test_a_constant_resolves_to_its_event_without_caution(event: catalogue.WorkOrderEvent) -> None:
    assert catalogue.resolve(event.constant) == catalogue.Resolved(event, event.constant, "")
    assert catalogue.by_constant(event.constant) is event


@pytest.mark.parametrize(
    ("legacy", "constant", "is_cautious"),
    [
        ("FN_WO_MESSAGE_POSTED", "FN_WO_MESSAGE_ADDED", False),
        ("FN_WO_PAID", "FN_WO_PAYMENT_APPROVED", True),
        ("FN_WO_PROVIDER_UPLOAD", "FN_WO_ATTACHMENT_ADDED", True),
    ],
)
def test_legacy_name_resolves_with_the_name_kept(legacy: str, constant: str, is_cautious: bool) -> None:
    resolved = catalogue.resolve(legacy)
    assert (resolved.event.constant, resolved.received_name) == (constant, legacy)
    assert bool(resolved.caution) is is_cautious
    assert not is_cautious or (legacy in resolved.caution and constant in resolved.caution)
    with pytest.raises(UnknownEvent):
        catalogue.by_constant(legacy)


def test_there_are_three_legacy_names_and_none_is_a_constant() -> None:
    assert len(ALIASES) == 3
    assert not ALIASES.keys() & {e.constant for e in EVENTS}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("FN_WO_CANCELED", "FN_WO_CANCELLED"),
        ("FN_WO_CHECKED_IN", "FN_WO_PROVIDER_CHECKED_IN"),
        ("fn_wo_assigned", "FN_WO_ASSIGNED"),
        ("assigned", "FN_WO_ASSIGNED"),
        ("FN_WO_ASSIGNED ", "FN_WO_ASSIGNED"),
    ],
)
def test_unknown_name_is_refused_with_the_nearest_known_name_first(name: str, nearest: str) -> None:
    with pytest.raises(UnknownEvent) as refused:
        catalogue.resolve(name)
    assert refused.value.nearest[0] == nearest
    assert refused.value.sentence.startswith(f"{name!r} is not a work order event. Did you mean {nearest}")
    assert isinstance(refused.value, InvalidRecord)
    assert refused.value.code == "validation"


def test_webhook_name_is_refused_as_event_with_the_constant_to_send() -> None:
    with pytest.raises(UnknownEvent) as refused:
        catalogue.resolve("workorder.status.work_done")
    assert refused.value.sentence == (
        "'workorder.status.work_done' is a name of Field Nation's webhooks (v3), not a work order event. "
        "Send FN_WO_DONE instead."
    )


def test_webhook_name_without_event_is_refused_as_such() -> None:
    with pytest.raises(UnknownEvent, match="No work order event corresponds to it"):
        catalogue.resolve("workorder.tag_added")


def test_a_name_like_nothing_is_refused_in_a_short_sentence() -> None:
    with pytest.raises(UnknownEvent) as refused:
        catalogue.resolve("§" * 1_000_000)
    assert refused.value.nearest == ()
    assert refused.value.sentence.endswith("Send one of the 35 FN_WO_ constants.")
    assert len(refused.value.sentence) < 200


def test_nobody_can_change_the_tables() -> None:
    for table in (SECTIONS, PRESETS, ALIASES, WEBHOOK_NAMES):
        with pytest.raises(TypeError):
            table["new"] = ()  # type: ignore[index]
