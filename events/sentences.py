"""Every outcome of an event or a delivery, said to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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

    @property
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
