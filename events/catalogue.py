"""The 35 work order events, their sections and presets, and the other names under which they arrive.

The events and their sections are documented by Field Nation. Which webhook (v3) means which event is not: that
column, and most of how often an event fires, is inferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final, Literal

from broker_project.lib.errors import InvalidRecord

PREFIX: Final = "FN_WO_"
GENERAL_UPDATE: Final = "FN_WO_UPDATED"
_NAME_SHOWN: Final = 80  # characters of a received name that a sentence repeats


@dataclass(frozen=True)
class Overlap:
    """``others`` are constants that can arrive for the same act; ``rule`` says which to choose."""

    others: tuple[str, ...]
    rule: str


@dataclass(frozen=True)
class WorkOrderEvent:
    """One event of the catalogue.

    ``webhook`` is the v3 name, None without one; ``webhook_grade``: same name and sense, near (other name, same
    sense), weak (the senses differ), none. ``mergeable``: waiting deliveries of one work order may be collapsed into
    the newest, because the event tells a state; False where each one tells an act of its own (a message, a file).
    ``note`` is set where Field Nation's pages disagree about the event; ``webhook_note`` says in what a weak webhook
    differs.
    """

    section: str
    constant: str
    name: str
    fires: str
    meaning: str
    webhook: str | None = None
    webhook_grade: Literal["same", "near", "weak", "none"] = "none"
    mergeable: bool = False
    high_frequency: bool = False
    default_action: Literal["update", "create"] = "update"
    note: str = ""
    webhook_note: str = ""

    @property
    def overlaps(self) -> tuple[Overlap, ...]:
        """The events that can arrive beside this one, with the rule for choosing; the general update comes last."""
        close = [
            Overlap(tuple(c for c in constants if c != self.constant), rule)
            for constants, rule in _OVERLAPS
            if self.constant in constants
        ]
        if self.constant == GENERAL_UPDATE:
            general = tuple(e.constant for e in EVENTS if e.constant != GENERAL_UPDATE)
        else:
            general = (GENERAL_UPDATE,)
        return (*close, Overlap(general, _GENERAL_RULE))


_creation = partial(WorkOrderEvent, "Work Order Creation & Status")
_assignment = partial(WorkOrderEvent, "Provider Assignment")
_execution = partial(WorkOrderEvent, "Work Execution")
_schedule = partial(WorkOrderEvent, "Schedule & Timeline")
_changes = partial(WorkOrderEvent, "Updates & Changes")
_messages = partial(WorkOrderEvent, "Messages & Communication")
_financial = partial(WorkOrderEvent, "Financial Events")
_additional = partial(WorkOrderEvent, "Additional Events")

# fmt: off
EVENTS: Final[tuple[WorkOrderEvent, ...]] = (
    _creation("FN_WO_CREATED", "Work order created", "once per work order",
              "The work order now exists; it can skip draft and start as published or routed.",
              "workorder.created", "same", mergeable=True),
    _creation("FN_WO_DRAFT", "Draft", "each time it becomes a draft", "Put into draft after creation.",
              "workorder.status.draft", "same", mergeable=True),
    _creation("FN_WO_PUBLISHED", "Published", "each time it is published", "Offered to providers.",
              "workorder.status.published", "same", mergeable=True),
    _creation("FN_WO_APPROVED", "Approved", "each time it is approved", "The buyer approved the finished work.",
              "workorder.status.approved", "same", mergeable=True,
              note="Field Nation's events page says “ready for execution”; its lifecycle and webhook pages say that "
                   "the buyer approves finished work. The latter is meant here."),
    _creation("FN_WO_DELETED", "Deleted", "once", "Soft delete: the status becomes deleted.",
              "workorder.status.deleted", "same", mergeable=True),

    _assignment("FN_WO_ROUTED", "Routed to a provider", "once per provider: 10 providers give 10 events",
                "Routed to a provider.", "workorder.routed", "same"),
    _assignment("FN_WO_STATUS_ROUTED", "Status routed", "once, whatever the number of providers",
                "The status became routed.", "workorder.status.routed", "same", mergeable=True),
    _assignment("FN_WO_ASSIGNED", "Assigned", "each assignment",
                "A provider is assigned, by accepting a route or directly; also when providers are swapped.",
                "workorder.status.assigned", "same", mergeable=True),
    _assignment("FN_WO_CONFIRMED", "Confirmed", "each confirmation", "The assigned provider confirmed.",
                "workorder.status.confirmed", "same", mergeable=True),
    _assignment("FN_WO_DECLINED", "Declined", "once per decline", "A provider declined.",
                "workorder.declined", "same"),
    _assignment("FN_WO_UNDECLINED", "Undeclined", "each reversal", "A provider took the decline back.",
                "workorder.undeclined", "same"),

    _execution("FN_WO_ON_MY_WAY", "On my way", "each report", "The provider says “on my way”.",
               "workorder.status.on_my_way", "same"),
    _execution("FN_WO_PROVIDER_CHECKED_IN", "Provider checked in", "each check-in", "The provider checked in.",
               "workorder.status.checked_in", "near", high_frequency=True),
    _execution("FN_WO_PROVIDER_CHECKED_OUT", "Provider checked out", "each check-out", "The provider checked out.",
               "workorder.status.checked_out", "near", high_frequency=True),
    _execution("FN_WO_TASK_COMPLETED", "Task completed", "once per task", "One task of the work order is completed.",
               "workorder.task_completed", "same"),
    _execution("FN_WO_DONE", "Work done", "each completion; again after “incomplete”",
               "The provider marked the whole work order complete.",
               "workorder.status.work_done", "near", mergeable=True),

    _schedule("FN_WO_SCHEDULE_UPDATED", "Schedule updated", "each change", "Date, time or duration changed.",
              "workorder.schedule_updated", "same", mergeable=True),
    _schedule("FN_WO_DELAYED", "Delayed", "each time it is delayed", "Running late; may be on hold.",
              "workorder.status.delayed", "same", mergeable=True,
              note="Field Nation's events page says “usually on hold”; its status table and webhook pages say running "
                   "late, with on hold apart. Running late is meant here."),
    _schedule("FN_WO_POSTPONED", "Postponed", "each time it is postponed", "Put off; a new date may or may not be set.",
              "workorder.status.postponed", "same", mergeable=True,
              note="Field Nation's events page says put off indefinitely, its webhook page to a later date. Make no "
                   "assumption about a new date."),
    _schedule("FN_WO_AT_RISK", "At risk", "each detection",
              "Field Nation itself judged that the work order may miss its time.",
              "workorder.status.at_risk", "same", mergeable=True),

    _changes(GENERAL_UPDATE, "Work order updated", "each change; may be many",
             "Core data changed: title, description and the like.", mergeable=True, high_frequency=True),
    _changes("FN_WO_CUSTOM_FIELD_VALUE_UPDATED", "Custom field value updated", "once per custom field: n fields give n",
             "The value of a custom field changed.", "workorder.custom_field_value_updated", "same", mergeable=True),
    _changes("FN_WO_SHIPMENT_UPDATED", "Shipment updated", "each change", "Shipment data changed.", mergeable=True),
    _changes("FN_WO_INTEGRATION_STATUS_UPDATED", "Integration status updated", "each change",
             "The integration status of the work order changed.", mergeable=True),
    _changes("FN_WO_ALERTS_SENT", "Alerts sent", "each sending", "Alert notices were sent for the work order."),

    _messages("FN_WO_MESSAGE_ADDED", "Message added", "each message", "New message or reply in the work order thread.",
              "workorder.message_posted", "near", high_frequency=True, default_action="create"),
    _messages("FN_WO_TASK_MESSAGE_ADDED", "Task message added", "each message", "New message on one task."),
    _messages("FN_WO_CLOSE_OUT_ADDED", "Close-out added", "each addition", "Close-out notes or data were added."),

    _financial("FN_WO_PAYMENT_APPROVED", "Payment approved", "each approval", "The work order's payment is approved.",
               "workorder.status.paid", "weak", mergeable=True,
               webhook_note="Its webhook comes later: when the money is paid."),
    _financial("FN_WO_EXPENSE_ADDED", "Expense added", "each expense", "An expense line was added."),
    _financial("FN_WO_COUNTER_OFFER", "Counter offer", "each offer", "A provider proposed other payment terms."),

    _additional("FN_WO_ATTACHMENT_ADDED", "Attachment added", "each file", "A file was added.",
                "workorder.provider_upload", "weak", default_action="create",
                webhook_note="Its webhook comes for files of the provider only."),
    _additional("FN_WO_CANCELLED", "Cancelled", "once", "The work order is cancelled.",
                "workorder.status.cancelled", "same", mergeable=True),
    _additional("FN_WO_PENDING_QUALIFICATIONS", "Pending qualifications", "not known",
                "Qualification requirements are still open.", mergeable=True),
    _additional("FN_WO_PROBLEM_REPORTED", "Problem reported", "each report", "A problem was reported or reopened.",
                "workorder.problem_reported", "same"),
)
# fmt: on

SECTIONS: Final[Mapping[str, tuple[WorkOrderEvent, ...]]] = MappingProxyType(
    {section: tuple(e for e in EVENTS if e.section == section) for section in dict.fromkeys(e.section for e in EVENTS)}
)
"""The events by section, in page order."""

_GENERAL_RULE: Final = "One is general, the other specific: choose the specific one. Assume that both may fire."
# fmt: off
_OVERLAPS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("FN_WO_ROUTED", "FN_WO_STATUS_ROUTED"),
     "One act of routing raises both, the first once per provider. Choose FN_WO_STATUS_ROUTED unless each provider "
     "matters."),
    (("FN_WO_ASSIGNED", "FN_WO_CONFIRMED"),
     "Choose FN_WO_ASSIGNED unless confirmation is tracked as a step of its own."),
    (("FN_WO_CREATED", "FN_WO_DRAFT", "FN_WO_PUBLISHED"), "Creation and the first status can arrive together."),
    (("FN_WO_DELAYED", "FN_WO_AT_RISK", "FN_WO_POSTPONED"),
     "Running late, predicted to be late, put off: these are not synonyms."),
    (("FN_WO_APPROVED", "FN_WO_PAYMENT_APPROVED"),
     "Approving the work order releases the pay, so both may follow one click."),
    (("FN_WO_MESSAGE_ADDED", "FN_WO_TASK_MESSAGE_ADDED"),
     "One is the thread, the other a task; a task message may raise both."),
    (("FN_WO_DONE", "FN_WO_TASK_COMPLETED", "FN_WO_CLOSE_OUT_ADDED"),
     "The last task, the close-out and the end of the work often come within seconds."),
)
# fmt: on

_MINIMAL: Final = ("FN_WO_ASSIGNED", "FN_WO_DONE", "FN_WO_APPROVED")
_STANDARD: Final = (*_MINIMAL, "FN_WO_MESSAGE_ADDED", "FN_WO_SCHEDULE_UPDATED", "FN_WO_CUSTOM_FIELD_VALUE_UPDATED")
_COMPREHENSIVE: Final = (
    *_STANDARD,
    "FN_WO_ON_MY_WAY",
    "FN_WO_PROVIDER_CHECKED_IN",
    "FN_WO_PROVIDER_CHECKED_OUT",
    "FN_WO_PAYMENT_APPROVED",
    "FN_WO_ATTACHMENT_ADDED",
)
PRESETS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"Minimal": _MINIMAL, "Standard": _STANDARD, "Comprehensive": _COMPREHENSIVE}
)
PRESET_MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {"Minimal": "Status only.", "Standard": "Adds communication.", "Comprehensive": "The full lifecycle."}
)


@dataclass(frozen=True)
class Alias:
    """A legacy name. ``caution`` is empty where it means the same as ``constant``."""

    constant: str
    caution: str = ""


ALIASES: Final[Mapping[str, Alias]] = MappingProxyType(
    {
        "FN_WO_MESSAGE_POSTED": Alias("FN_WO_MESSAGE_ADDED"),
        "FN_WO_PAID": Alias(
            "FN_WO_PAYMENT_APPROVED",
            "FN_WO_PAID is a legacy name that meant: Field Nation has processed the payment. That is later than "
            "FN_WO_PAYMENT_APPROVED, as which it is stored.",
        ),
        "FN_WO_PROVIDER_UPLOAD": Alias(
            "FN_WO_ATTACHMENT_ADDED",
            "FN_WO_PROVIDER_UPLOAD is a legacy name that meant a provider's deliverable only. It is stored as "
            "FN_WO_ATTACHMENT_ADDED, which means any file.",
        ),
    }
)


@dataclass(frozen=True)
class WebhookName:
    """What a v3 webhook becomes. ``constant`` is None without a broker event; ``weak``: the senses differ."""

    constant: str | None
    weak: bool = False


_WITHOUT_EVENT: Final = (
    "workorder.requested",
    "workorder.task_incomplete",
    "workorder.tag_added",
    "workorder.tag_removed",
    "workorder.part_updated",
    "workorder.problem_resolved",
    "workorder.status.assigned_cancelled",
)
WEBHOOK_NAMES: Final[Mapping[str, WebhookName]] = MappingProxyType(
    {e.webhook: WebhookName(e.constant, weak=e.webhook_grade == "weak") for e in EVENTS if e.webhook}
    | dict.fromkeys(_WITHOUT_EVENT, WebhookName(None))
)
_BY_CONSTANT: Final[Mapping[str, WorkOrderEvent]] = MappingProxyType({e.constant: e for e in EVENTS})


class UnknownEvent(InvalidRecord):
    """No event has this name. ``nearest`` holds the known names that look like it, best first."""

    def __init__(self, sentence: str, *, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.nearest = nearest


class NoEvent(StrEnum):
    """Why a webhook gives no broker event. The values are codes of ``sentences``."""

    NO_COUNTERPART = "no_broker_event"
    UNKNOWN_NAME = "unknown_webhook_event"


@dataclass(frozen=True)
class Resolved:
    """``received_name`` is the name as it came; ``caution`` warns when it is a legacy name of another sense."""

    event: WorkOrderEvent
    received_name: str
    caution: str = ""


def by_constant(constant: str) -> WorkOrderEvent:
    """The event of that very constant; legacy names are not looked at. Raises UnknownEvent."""
    if constant not in _BY_CONSTANT:
        raise _unknown(constant)
    return _BY_CONSTANT[constant]


def resolve(name: str) -> Resolved:
    """The event of a constant or of a legacy name. Raises UnknownEvent, which names what was probably meant."""
    alias = ALIASES.get(name) or Alias(name)
    if alias.constant not in _BY_CONSTANT:
        raise _unknown(name)
    return Resolved(_BY_CONSTANT[alias.constant], name, alias.caution)


def from_webhook(name: str) -> WorkOrderEvent | None:
    """The event that the v3 webhook ``name`` becomes; None without one, ``why_no_event`` then says why."""
    known = WEBHOOK_NAMES.get(name)
    return _BY_CONSTANT[known.constant] if known and known.constant else None


def why_no_event(name: str) -> NoEvent | None:
    """Why ``from_webhook`` gives None for ``name``; None when it gives an event."""
    if name not in WEBHOOK_NAMES:
        return NoEvent.UNKNOWN_NAME
    return NoEvent.NO_COUNTERPART if WEBHOOK_NAMES[name].constant is None else None


def _unknown(name: str) -> UnknownEvent:
    shown = repr(name[:_NAME_SHOWN])
    if name in WEBHOOK_NAMES:
        constant = WEBHOOK_NAMES[name].constant
        advice = f"Send {constant} instead" if constant else "No work order event corresponds to it, so do not send it"
        return UnknownEvent(f"{shown} is a name of Field Nation's webhooks (v3), not a work order event. {advice}.")
    known = (*_BY_CONSTANT, *ALIASES)
    nearest = tuple(get_close_matches(name[:_NAME_SHOWN].upper(), known, n=3))
    advice = (
        f"Did you mean {' or '.join(nearest)}?" if nearest else f"Send one of the {len(EVENTS)} {PREFIX} constants."
    )
    return UnknownEvent(f"{shown} is not a work order event. {advice}", nearest=nearest)
