"""Every outcome of an event or a delivery, said to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from types import MappingProxyType
from typing import Final

STRICT = False
"""Set by the test suite: wrong codes and wrong facts then raise, where a running broker says less instead."""


@dataclass(frozen=True)
class Sentence:
    """``full`` names its facts in braces; ``plain`` is said when one of them is missing."""

    full: str
    plain: str = ""

    @cached_property
    def facts(self) -> frozenset[str]:
        return frozenset(name for _, name, _, _ in Formatter().parse(self.full) if name)


SENTENCES: Final[Mapping[str, Sentence]] = MappingProxyType(
    {
        # nothing was done
        "not_ticked": Sentence(
            "Nothing was sent: {event} is not ticked on the Event Triggers page of {connector}.",
            "Nothing was sent: this event is not ticked on the connector's Event Triggers page.",
        ),
        "filtered": Sentence(
            "Nothing was sent: the filter of the event trigger leaves this work order out ({reason}).",
            "Nothing was sent: the filter of the event trigger leaves this work order out.",
        ),
        "connector_paused": Sentence(
            "It is kept and waits: {connector} is paused. Resume the connector to send it.",
            "It is kept and waits: the connector is paused. Resume the connector to send it.",
        ),
        "connector_disabled": Sentence(
            "Nothing was sent: {connector} is disabled. Enable it to sync later events; this one is not made up for.",
            "Nothing was sent: the connector is disabled. Enable it to sync later events; this one is not made up for.",
        ),
        "no_connector": Sentence(
            "Nothing was sent: {company} has no connector.", "Nothing was sent: the company has no connector."
        ),
        "not_linked": Sentence(
            "Nothing was sent: work order {work_order} is not linked to a record of {connector}, and the connector "
            "does not create records for unlinked work orders. Switch on outbound create, or link the record.",
            "Nothing was sent: the work order is not linked to an external record, and the connector does not create "
            "records for unlinked work orders. Switch on outbound create, or link the record.",
        ),
        "nothing_mapped": Sentence(
            "Nothing was sent: the mappings gave no value. Add outbound mappings, or defaults for empty sources."
        ),
        "nothing_sent": Sentence("Nothing was sent: the script asked for nothing."),
        "duplicate": Sentence(
            "Nothing was done: this is a repeat of event {event_id}, which was taken before.",
            "Nothing was done: this is a repeat of an event that was taken before.",
        ),
        "merged": Sentence(
            "Nothing more to do: the trigger of event {event_id} still waits for the same record, which is read afresh "
            "when its turn comes.",
            "Nothing more to do: an earlier trigger for the same record still waits, and the record is read afresh "
            "when its turn comes.",
        ),
        "no_change": Sentence(
            "Nothing was written: work order {work_order} already holds these values.",
            "Nothing was written: the target already holds these values.",
        ),
        "superseded": Sentence(
            "Not sent on its own: the newer {by} for the same record carries all of it.",
            "Not sent on its own: a newer delivery for the same record carries all of it.",
        ),
        "no_broker_event": Sentence(
            "Nothing was sent: no work order event corresponds to the webhook {name}.",
            "Nothing was sent: no work order event corresponds to this webhook.",
        ),
        "unknown_webhook_event": Sentence(
            "Nothing was sent: the webhook {name} is not known to this version. It was stored; Field Nation may have "
            "added it, so look for an update.",
            "Nothing was sent: this webhook is not known to this version. It was stored.",
        ),
        "script_skipped": Sentence(
            "Nothing was sent: the script decided to skip this event ({reason}).",
            "Nothing was sent: the script decided to skip this event.",
        ),
        # done
        "created": Sentence("Record {target} was created.", "An external record was created."),
        "found_again": Sentence(
            "Record {target} had been created by an earlier attempt whose answer was lost; it was found and linked.",
            "The record of an earlier attempt was found and linked.",
        ),
        "updated": Sentence("Record {target} was updated; fields sent: {fields}.", "The record was updated."),
        "noted": Sentence("A {kind} was added to record {target}.", "A note was added to the external record."),
        "work_order_created": Sentence("Work order {work_order} was created.", "A work order was created."),
        "work_order_found_again": Sentence(
            "Work order {work_order} had been created by an earlier attempt whose answer was lost; it was found and "
            "linked.",
            "The work order of an earlier attempt was found and linked.",
        ),
        "work_order_updated": Sentence("Work order {work_order} was updated ({steps}).", "The work order was updated."),
        "written_back": Sentence(
            "Its id was written into {field} of record {target}.", "Its id was written into the external record."
        ),
        # not done yet
        "postponed": Sentence(
            "Put off for a moment: a work order is just being created from a record of this connector, and it may be "
            "{work_order}.",
            "Put off for a moment: a work order is just being created from a record of this connector.",
        ),
        "retry_planned": Sentence(
            "Attempt {attempt} of {attempts} failed: {cause} The next one follows {seconds} seconds later.",
            "The attempt failed. It will be repeated.",
        ),
        "attempt_interrupted": Sentence(
            "The worker stopped during attempt {attempt}, so its outcome is not known; this attempt took it up again.",
            "The worker stopped during the attempt before, so its outcome is not known.",
        ),
        "lease_lost": Sentence("This attempt took longer than its lease, so another worker took the delivery over."),
        "dead": Sentence(
            "Given up: {cause} Retry the delivery when that is done, or discard it.",
            "Given up. Look at the last attempt, correct the cause, then retry or discard the delivery.",
        ),
        "dead_exhausted": Sentence(
            "Given up after {attempts} attempts: {cause} Retry the delivery when the cause is gone.",
            "Given up after the last attempt. Retry the delivery when the cause is gone.",
        ),
        # a person has to act, or did
        "waiting_auth": Sentence(
            "Waits for you: {cause} Correct the credentials or their rights, test the connection, then retry.",
            "Waits for you: the credentials or their rights were refused. Correct them, test the connection, then "
            "retry the delivery.",
        ),
        "waiting_outcome_unknown": Sentence(
            "Waits for you: {cause}",
            "Waits for you: a write was sent and no answer came, so it may have happened. Look in the other system, "
            "then link the record that you find or retry the delivery.",
        ),
        "waiting_configuration": Sentence(
            "Waits for you: {cause} Correct the setting, then retry the delivery.",
            "Waits for you: a setting is missing or cannot work. Correct it, then retry the delivery.",
        ),
        "waiting_bug": Sentence(
            "Waits for you: {cause} The traceback is in the log entry. Report it, then retry or discard the delivery.",
            "Waits for you: the broker itself failed. The traceback is in the log entry.",
        ),
        "create_unknown": Sentence(
            "A create was sent to {system} and no answer came, so the record may exist; {system} cannot be searched. "
            "Look there for {correlation}: link the record that you find, or have it created again.",
            "A create was sent and no answer came, so the record may exist. Look in the other system.",
        ),
        "note_unknown": Sentence(
            "A {kind} was sent to record {target} and no answer came, so it may be there. Look at the record: discard "
            "this delivery if it is there, or have it sent again.",
            "A note was sent and no answer came, so it may be there. Look at the record.",
        ),
        "operator_retry": Sentence("{user} asked for another attempt.", "An operator asked for another attempt."),
        "operator_discarded": Sentence(
            "{user} discarded this delivery ({reason}).", "An operator discarded this delivery; it will not be sent."
        ),
        "operator_linked": Sentence(
            "{user} linked record {target} and work order {work_order}.", "An operator linked the record."
        ),
        "operator_create_again": Sentence(
            "{user} looked and found no record; it may be created again.", "An operator allowed another create."
        ),
        # what both sides said
        "unchanged": Sentence(
            "Nothing was written: record {target} already holds these values.",
            "Nothing was written: the record already holds these values.",
        ),
        "stale": Sentence(
            "Nothing was overwritten: a newer event of this work order was applied before this one arrived."
        ),
        "read_again": Sentence(
            "Work order {work_order} was read again, since it was written after this event happened.",
            "The work order was read again, since it was written after this event happened.",
        ),
        "kept_external": Sentence(
            "Changed on both sides, and the external system's value stays: {fields}.",
            "The external system's own change was kept.",
        ),
        "filled_already": Sentence(
            "{fields}: filled already and left as it is, since the mapping writes only into an empty field.",
            "A filled field was left as it is.",
        ),
        "stopped": Sentence(
            "Not run: an earlier action of the same event was given up, and its setting is to stop then.",
        ),
        "kept_field_nation": Sentence(
            "Changed at Field Nation meanwhile, and that stays: {fields}.", "Field Nation's own change was kept."
        ),
        "both_changed": Sentence(
            "Both sides changed {fields} since the last sync.", "Both sides changed a field since the last sync."
        ),
        "waiting_conflict": Sentence(
            "Waits for you: {cause} Decide for each field which side is right; the rest of the record waits.",
            "Waits for you: both sides changed a field since the last sync. Decide which side is right.",
        ),
        "loop_suspected": Sentence(
            "{target} was written back and forth {limit} times within an hour, which looks like an endless exchange.",
            "The record goes back and forth between the two systems.",
        ),
        "waiting_loop": Sentence(
            "Waits for you: {cause} Look for two mappings that contradict each other, or a rule in the other system "
            "that changes the value again; then retry.",
            "Waits for you: the record goes back and forth between the two systems. Correct the mappings, then retry.",
        ),
        "held_auth": Sentence(
            "It is kept and waits: {cause} All deliveries of the connector are held. Correct the credentials, test the "
            "connection, then resume the connector.",
            "It is kept and waits: the credentials were refused, so the connector is held.",
        ),
        "postponed_inbound": Sentence(
            "Put off for a moment: a record is just being created for a work order, and it may be {target}.",
            "Put off for a moment: a record is just being created for a work order.",
        ),
        "adopted": Sentence(
            "Record {target} and work order {work_order} belong together, as the mark on one of them shows; they are "
            "linked now.",
            "The two records belong together; they are linked now.",
        ),
        "trigger_gone": Sentence(
            "Nothing was sent: the event trigger that asked for it was removed before its turn came."
        ),
        "resolved_later": Sentence("Made up for: a later delivery of the same record carried the whole of it."),
        # the connector as a whole
        "connector_held": Sentence(
            "Nothing more of this connector is sent until a person resumes it. {cause}",
            "Nothing more of this connector is sent until a person resumes it.",
        ),
        # acts of a person, and jobs
        "operator_skipped": Sentence(
            "{user} skipped this delivery ({reason}).", "An operator skipped this delivery; it will not be sent."
        ),
        "operator_decided": Sentence(
            "{user} decided the fields that both sides had changed: {choices}.",
            "An operator decided the fields that both sides had changed.",
        ),
        "operator_edited": Sentence(
            "{user} changed the payload ({changes}) and asked for another attempt.",
            "An operator changed the payload and asked for another attempt.",
        ),
        "event_edited": Sentence(
            "{user} changed the payload for delivery {delivery}, which goes on with event {event_id}. This event stays "
            "as it was received.",
            "An operator changed the payload for a delivery of this event. This event stays as it was received.",
        ),
        "job_retrying": Sentence(
            "Retried so far: {done}. Left alone, since they had moved on or need a decision: {left}.",
            "Deliveries are being retried.",
        ),
        "job_retried": Sentence(
            "Finished. Retried: {done}. Left alone, since they had moved on or need a decision: {left}.",
            "Finished.",
        ),
        "job_discarding": Sentence(
            "Discarded so far: {done}. Left alone, since they had moved on: {left}.", "Deliveries are being discarded."
        ),
        "job_discarded": Sentence(
            "Finished. Discarded: {done}. Left alone, since they had moved on: {left}.", "Finished."
        ),
        "job_stopped": Sentence(
            "Stopped by {user}. Continue it to do the rest.", "Stopped. Continue it to do the rest."
        ),
        "job_continued": Sentence("Continued by {user}.", "Continued."),
        "job_waits": Sentence(
            "Waits: {cause} The next try follows {seconds} seconds later.", "Waits. It will be tried again."
        ),
        "job_failed": Sentence(
            "Failed: {cause} Correct the cause, then continue the job.", "Failed. Look at the log of the workers."
        ),
        "job_bug": Sentence(
            "The broker itself failed ({error}). The traceback is in the log of the workers. Report it, then continue "
            "the job.",
            "The broker itself failed. The traceback is in the log of the workers.",
        ),
        # configuration versions
        "connector_missing": Sentence("The connector does not exist any more. Nothing was changed."),
        "version_missing": Sentence(
            "Configuration version {number} does not exist. Choose another version, or take the present configuration.",
            "The configuration version does not exist. Choose another version, or take the present configuration.",
        ),
        "version_of_other_platform": Sentence(
            "Nothing was changed: that version was made for the platform {platform}, which the connector is not any "
            "more.",
            "Nothing was changed: that version was made for another platform.",
        ),
        "version_of_other_host": Sentence(
            "Nothing was changed: that version sends to {hosts}, and the stored credentials were given for another "
            "host. Enter that address with its credentials on the connector's page first, then roll back.",
            "Nothing was changed: that version sends to another host than the stored credentials were given for. Enter "
            "that address with its credentials on the connector's page first, then roll back.",
        ),
        # catch-up, resync
        "catch_up_no_webhook": Sentence(
            "Finished: Field Nation has no webhook with the address of {company}. Create one there; the address "
            "stands on the company's page.",
            "Finished: Field Nation has no webhook with the company's address. Create one there.",
        ),
        "catch_up_reading": Sentence(
            "Reading the delivery log of Field Nation. Webhooks to ask for again, so far: {count}.",
            "Reading the delivery log of Field Nation.",
        ),
        "catch_up_asking": Sentence(
            "Webhooks asked for again: {done}; still to ask for: {waiting}. Left alone, since they had arrived, were "
            "asked for before or a newer one says the same: {left}.",
            "Webhooks are asked for again.",
        ),
        "catch_up_young": Sentence(
            "Webhooks that Field Nation may still repeat by itself: {count}. Its log is read again in {minutes} "
            "minutes.",
            "Field Nation may still repeat some webhooks by itself. Its log is read again in a while.",
        ),
        "catch_up_done": Sentence(
            "Finished. Webhooks asked for again: {done}. Left alone, since they had arrived, were asked for before or "
            "a newer one says the same: {left}.",
            "Finished.",
        ),
        "catch_up_nothing": Sentence("Finished. No webhook has failed to arrive."),
        "catch_up_more": Sentence(
            "More than {count} had failed; catch up once more for the rest.",
            "More had failed; catch up once more for the rest.",
        ),
        "catch_up_switched_off": Sentence(
            "Nothing comes through webhook {webhooks}: set it active again in Field Nation, then catch up once more.",
            "A webhook is switched off in Field Nation: set it active again there, then catch up once more.",
        ),
        "resync_running": Sentence(
            "Queued so far: {done}. Left alone, since they were not found or wait already: {left}.",
            "Records are being queued.",
        ),
        "resync_done": Sentence(
            "Finished. Queued: {done}. Left alone, since they were not found or wait already: {left}. What became of "
            "each stands in the deliveries.",
            "Finished. What became of each stands in the deliveries.",
        ),
        "resync_unread": Sentence(
            "Nothing was sent: work order {work_order} could not be taken into the resync. {cause}",
            "Nothing was sent: a work order could not be taken into the resync.",
        ),
    }
)


def explain(code: str, **facts: object) -> str:
    """The sentence of an outcome.

    An unknown code or a missing fact gives a plainer sentence and a fact too many is left out, since a delivery must
    not fail over its own explanation; under ``STRICT`` they raise TypeError.
    """
    sentence = SENTENCES.get(code)
    if STRICT and (sentence is None or sentence.facts != facts.keys()):
        wanted = "an entry of the table" if sentence is None else f"the facts {sorted(sentence.facts)}"
        raise TypeError(f"{code!r} wants {wanted}; the facts given are {sorted(facts)}")
    if sentence is None:
        return f"Outcome: {code}."
    if not sentence.facts <= facts.keys():
        return sentence.plain
    return sentence.full.format_map({name: _words(name, facts[name]) for name in sentence.facts})


def _words(name: str, fact: object) -> str:
    text = str(fact).strip()
    if name == "reason":
        return text.rstrip(".")
    if name == "cause":  # a sentence inside ours: it ends like one
        return text if text.endswith((".", "!", "?")) else f"{text}."
    return text
