"""The buttons of a delivery's page. Each is done by the method of DeliveryAdmin that it names."""

from __future__ import annotations

from typing import Final

from broker_project.lib.pages import Act

from . import replay, replay_edit
from .delivery_forms import CreatedForm, DecideForm, NoteForm, PayloadForm, ReasonForm, RetryForm

CHANGE_DELIVERY: Final = "events.change_delivery"
"""The right to retry, skip, discard, edit, decide and note."""

ACTS: Final = (
    Act(
        name="decide",
        label="Decide",
        permission=CHANGE_DELIVERY,
        question="Both sides changed these fields. Choose for each which value both get.",
        icon="call_split",
        form=DecideForm,
        offered=replay.is_contested,
    ),
    Act(
        name="retry",
        label="Retry",
        permission=CHANGE_DELIVERY,
        question="It gets all its attempts again and is sent in its turn. Retry it?",
        icon="replay",
        form=RetryForm,
        offered=replay.can_retry,
    ),
    Act(
        name="retry_now",
        label="Retry now",
        permission=CHANGE_DELIVERY,
        question="It does not wait for its next attempt, and gets all its attempts again. Retry it now?",
        icon="replay",
        form=RetryForm,
        offered=replay.is_planned,
    ),
    Act(
        name="edit_payload",
        label="Edit payload and retry",
        permission=CHANGE_DELIVERY,
        question="Correct what the event says, then it is sent in its turn with all its attempts.",
        icon="edit",
        form=PayloadForm,
        offered=replay_edit.can_edit,
    ),
    Act(
        name="it_was_created",
        label="It was created: link it",
        permission=CHANGE_DELIVERY,
        question="Look for the record in the other system. If it is there, it is linked, and the delivery goes on "
        "without creating it again.",
        icon="link",
        form=CreatedForm,
        offered=replay.is_undecided,
    ),
    Act(
        name="it_was_not_created",
        label="It was not created: create it again",
        permission=CHANGE_DELIVERY,
        question="Only if you looked in the other system and the record is not there: the next attempt creates it, "
        "and would make a second one otherwise. Create it again?",
        icon="add_circle",
        dangerous=True,
        offered=replay.is_undecided,
    ),
    Act(
        name="note",
        label="Note",
        permission=CHANGE_DELIVERY,
        question="Write down what the next person should know.",
        icon="edit_note",
        form=NoteForm,
    ),
    Act(
        name="skip",
        label="Skip",
        permission=CHANGE_DELIVERY,
        question="It is not sent, and what stands behind it for the same record goes on. Skip it?",
        icon="skip_next",
        dangerous=True,
        form=ReasonForm,
        offered=replay.can_skip,
    ),
    Act(
        name="discard",
        label="Discard",
        permission=CHANGE_DELIVERY,
        question="It is not sent, and what stands behind it for the same record goes on. Discard it?",
        icon="delete",
        dangerous=True,
        form=ReasonForm,
        offered=replay.is_attention,
    ),
)
